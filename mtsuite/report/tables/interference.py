"""Interference: joint training against training each direction alone, on the same text of that direction.

A row whose directions have a model each (``one_model_per_direction``) is compared with the row of the same method and
configuration that trains on all directions at once.  Joint minus alone is positive where a direction gains from
company and negative where it loses by it.  ``report.json`` says which rows belong together, under ``interference``.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mtsuite.chart import Chart, Series
from mtsuite.data.direction import Direction
from mtsuite.data.languages import language
from mtsuite.report.render.table import Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import listed, slug
from mtsuite.report.tables.notes import signature_notes
from mtsuite.report.tables.query import Panel, change_text, panel_tests, panels
from mtsuite.report.tables.relations import group_of, pivot_of
from mtsuite.report.tables.topic import Topic
from mtsuite.report.tables.verdict import BETTER_SYMBOL, WORSE_SYMBOL, how_tested, symbol_of, symbols_mean
from mtsuite.results.folder import AVERAGE, TABLE, Comparison, Results
from mtsuite.results.trained_on import ALL

TOLERANCE = 0.03  # of the target tokens: the last update is never full, so a little more or less says nothing


@dataclass(frozen=True)
class Pair:
    """A row trained jointly and the row of the same method that has a model a direction."""

    joint: str
    alone: str
    same_training: bool = True


def pairs(results: Results) -> list[Pair]:
    """The pairs that report.json names, in the report's order of rows."""
    known = set(results.methods)
    found = [
        Pair(str(p["joint"]), str(p["alone"]), bool(p.get("same_training", True)))
        for p in results.info.get("interference") or []
    ]
    return [p for p in found if p.joint in known and p.alone in known]


def topic(results: Results) -> Topic | None:
    """Tables a metric (each direction, and what they come to) and a chart of the headline metric."""
    found = pairs(results)
    tables: list[Table] = []
    charts: list[Chart] = []
    for metric in results.metrics:
        for panel in panels(results, metric):
            gains = [_gains(results, metric, panel, pair) for pair in found]
            if not any(any(by_direction.values()) for by_direction in gains):
                continue
            tests = _tests(results, metric, panel, found)
            tables += [
                _summary(results, metric, panel, found, gains, tests),
                _by_direction(results, metric, panel, found, gains, tests),
            ]
            if metric == results.metrics[0]:
                charts += _chart(results, metric, panel, found, gains)
    if not tables:
        return None
    return Topic(
        "interference",
        "Interference",
        "Interference: trained jointly or alone",
        "Each direction is trained once together with all others and once alone, on the same text of its own. Joint "
        "minus alone is what company does to a direction: above 0 it gains, below 0 it loses.",
        tuple(tables),
        tuple(charts),
    )


# -- numbers --------------------------------------------------------------------------------------


def _scores(results: Results, metric: str, method: str, direction: str, testset: str) -> dict[str, float]:
    """Score by seed of the table's model."""
    wanted = (metric, method, direction, testset)
    return {
        s.seed: s.score
        for s in results.scores
        if s.trained_on in TABLE and (s.metric, s.method, s.direction, s.testset) == wanted
    }


def _gains(results: Results, metric: str, panel: Panel, pair: Pair) -> dict[str, dict[str, float]]:
    """Direction to joint minus alone by seed, for the seeds that have both."""
    gains = {}
    for direction, testset in panel.columns:
        joint = _scores(results, metric, pair.joint, direction, testset)
        alone = _scores(results, metric, pair.alone, direction, testset)
        gains[direction] = {seed: joint[seed] - alone[seed] for seed in joint if seed in alone}
    return gains


def _mean_by_seed(gains: Mapping[str, Mapping[str, float]], directions: Sequence[str]) -> list[float]:
    """The mean over directions, one number a seed that has them all."""
    if not directions or not all(gains[d] for d in directions):
        return []
    seeds = [seed for seed in gains[directions[0]] if all(seed in gains[d] for d in directions)]
    return [statistics.fmean(gains[d][seed] for d in directions) for seed in seeds]


def _tests(
    results: Results, metric: str, panel: Panel, found: Sequence[Pair]
) -> dict[tuple[str, str], tuple[str, Comparison]]:
    """(joint row, direction) to † or ‡ or nothing, where significance.csv has the pair; seen from the joint row."""
    tests = {}
    for pair in found:
        for c in panel_tests(results.comparisons, metric, panel):
            if {c.method, c.baseline} == {pair.joint, pair.alone}:
                seen = c if c.method == pair.joint else replace(c, delta=-c.delta)
                tests[pair.joint, c.direction] = (symbol_of(results, seen), c)
    return tests


_Gains = Sequence[Mapping[str, Mapping[str, float]]]
_Tests = Mapping[tuple[str, str], tuple[str, Comparison]]


# -- tables ---------------------------------------------------------------------------------------


def _gain_cell(values: Sequence[float], symbol: str = "") -> Cell:
    cell = Cell.of(values, symbol=symbol)
    if cell.value is None:
        return cell
    return Cell(change_text(cell.value), cell.value, cell.sd, cell.sd_text, symbol)


def _by_direction(
    results: Results, metric: str, panel: Panel, found: Sequence[Pair], gains: _Gains, tests: _Tests
) -> Table:
    """Three lines a method: jointly, alone, and the difference."""
    rows = []
    for number, (pair, by_direction) in enumerate(zip(found, gains, strict=True)):
        for name, key in ((pair.joint, "jointly"), (pair.alone, "alone")):
            scores = {d: _scores(results, metric, name, d, t) for d, t in panel.columns}
            cells = [Cell.of(list(scores[d].values())) for d, _ in panel.columns]
            average = Cell.of(_mean_by_seed(scores, list(scores)))
            rule = number > 0 and key == "jointly"
            rows.append(Row(pair.joint, results.label(pair.joint), (Cell(key), *cells, average), rule_above=rule))
        cells = [_gain_cell(list(by_direction[d].values()), _symbol(tests, pair, d)) for d, _ in panel.columns]
        average = _gain_cell(_mean_by_seed(by_direction, list(by_direction)), _symbol(tests, pair, AVERAGE))
        rows.append(Row(pair.joint, results.label(pair.joint), (Cell("difference"), *cells, average)))
    notes = [
        note(f"{metric}, {_sense(results, metric)}. Difference: jointly minus alone in {metric} points."),
        *_test_notes(results, tests),
        *_equal_text(results, found),
        *_seed_notes(rows),
        *map(note, signature_notes(results, metric, panel)),
    ]
    columns = (
        Column("trained", "Trained", numeric=False),
        *(Column(d, d, t) for d, t in panel.columns),
        Column("average", "Avg."),
    )
    name = f"interference-{_stem(metric, panel)}"
    return Table(name, f"{results.title}: Interference, {metric}", columns, tuple(rows), tuple(notes))


def _summary(results: Results, metric: str, panel: Panel, found: Sequence[Pair], gains: _Gains, tests: _Tests) -> Table:
    """A row a method: mean gain, how many directions gain and lose, and the mean by way and family."""
    directions = [d for d, _ in panel.columns]
    pivot = pivot_of(directions)
    ways = _ways(directions, pivot)
    families: dict[str, list[str]] = {}
    for d in directions:
        families.setdefault(group_of(d, pivot, "family"), []).append(d)
    groups = [("Mean gain, by way", ways), ("Mean gain, by family", families if len(families) > 1 else {})]
    lower = results.lower_is_better(metric)
    columns = [
        Column("mean", "mean gain", "All directions"),
        Column("gain", "gain", "Directions that"),
        Column("lose", "lose", "Directions that"),
    ]
    if tests:
        columns += [Column(f"{key}_significantly", f"{key} ({symbol})", "Directions that") for key, symbol in
                    (("gain", BETTER_SYMBOL), ("lose", WORSE_SYMBOL))]  # fmt: skip
    columns += [Column(name, name, heading) for heading, members in groups for name in members]
    rows = []
    for pair, by_direction in zip(found, gains, strict=True):
        means = {d: statistics.fmean(v.values()) for d, v in by_direction.items() if v}
        good = [d for d, m in means.items() if m != 0 and (m < 0) == lower]
        bad = [d for d, m in means.items() if m != 0 and d not in good]
        mean = _gain_cell(_mean_by_seed(by_direction, directions), _symbol(tests, pair, AVERAGE))
        cells = [mean, _count(len(good)), _count(len(bad))]
        if tests:
            symbols = [tests[pair.joint, d][0] for d in directions if (pair.joint, d) in tests]
            tested = bool(symbols)
            cells += [_count(symbols.count(s)) if tested else Cell.empty() for s in (BETTER_SYMBOL, WORSE_SYMBOL)]
        for _, members in groups:
            cells += [_gain_cell(_mean_by_seed(by_direction, those)) for those in members.values()]
        rows.append(Row(pair.joint, results.label(pair.joint), tuple(cells)))
    notes = [
        note(
            f"Gain: {metric} of joint training minus that of training the direction alone, in points; "
            f"{_sense(results, metric)}. Directions gain or lose by their mean over seeds."
        ),
        *([note(f"By family: of the language beside {language(pivot).name}.")] if len(families) > 1 else []),
        *_test_notes(results, tests),
        *_equal_text(results, found),
        *_seed_notes(rows),
        *map(note, signature_notes(results, metric, panel)),
    ]
    name = f"interference-summary-{_stem(metric, panel)}"
    title = f"{results.title}: Who gains from company, {metric}"
    return Table(name, title, tuple(columns), tuple(rows), tuple(notes))


def _ways(directions: Sequence[str], pivot: str) -> dict[str, list[str]]:
    """Directions into the pivot and out of it, where there are both."""
    name = language(pivot).name
    ways = {
        f"into {name}": [d for d in directions if Direction.parse(d).target == pivot],
        f"from {name}": [d for d in directions if Direction.parse(d).source == pivot],
    }
    return ways if all(ways.values()) else {}


def _symbol(tests: _Tests, pair: Pair, direction: str) -> str:
    return tests[pair.joint, direction][0] if (pair.joint, direction) in tests else ""


def _count(number: int) -> Cell:
    return Cell(str(number), float(number))


def _sense(results: Results, metric: str) -> str:
    return "lower is better" if results.lower_is_better(metric) else "higher is better"


def _stem(metric: str, panel: Panel) -> str:
    return slug(metric) + (f"-{panel.suffix}" if panel.suffix else "")


# -- notes ----------------------------------------------------------------------------------------


def _test_notes(results: Results, tests: _Tests) -> list[Note]:
    if not tests:
        return []
    rows = listed([results.label(m) for m in dict.fromkeys(m for m, _ in tests)])
    return [
        note(
            f"{symbols_mean('joint training significantly better', 'significantly worse than alone')} "
            f"({how_tested(results, [c for _, c in tests.values()])}); tested: {rows}."
        )
    ]


def _seed_notes(rows: Sequence[Row]) -> list[Note]:
    if any(cell.sd_text for row in rows for cell in row.cells):
        return [note("Means over seeds ± sample standard deviation; differences are taken seed by seed.")]
    return []


def _equal_text(results: Results, found: Sequence[Pair]) -> list[Note]:
    """Whether both trainings saw as much of each direction: what the streams recorded, not what was planned."""
    notes = []
    alike: dict[str, list[str]] = {}
    for pair in found:
        text, alarm = _tokens(results, pair)
        if alarm:
            notes.append(note(f"{results.label(pair.joint)}: {text}", alarm=True))
        else:
            alike.setdefault(text, []).append(results.label(pair.joint))
        if not pair.same_training:
            notes.append(
                note(
                    f"{results.label(pair.alone)} is not trained with the settings of {results.label(pair.joint)} "
                    "(rate, optimizer or replay; see the notes of methods)."
                )
            )
    return [*(note(f"{listed(labels)}: {text}") for text, labels in alike.items()), *notes]


def _tokens(results: Results, pair: Pair) -> tuple[str, bool]:
    """A sentence on the target tokens of both trainings, and whether they differ by more than TOLERANCE.

    By direction where the joint training counted them, else in all.
    """
    joint, alone = _consumed(results, pair.joint), _consumed(results, pair.alone)
    seeds = [seed for seed in joint if seed in alone]
    if not seeds:
        return "how much text both trainings saw was not recorded.", True
    in_all = [(joint[s].tokens, alone[s].tokens) for s in seeds]
    by_direction = {d: (joint[s].of[d], alone[s].of[d]) for s in seeds for d in alone[s].of if d in joint[s].of}
    worst = max(abs(b - a) / max(1, a) for a, b in by_direction.values() or in_all)
    (jointly, separately), *_ = in_all
    text = f"target tokens {jointly:,} jointly, {separately:,} alone in all"
    text += f" (seed {seeds[0]})" if len(seeds) > 1 else ""
    if by_direction:
        text += f", by direction within {worst:.1%} of each other" if worst else ", equal in every direction"
    models = max(1, len(alone[seeds[0]].of))
    text += f"; {joint[seeds[0]].updates:,} updates jointly, {alone[seeds[0]].updates / models:.3g} a model alone"
    if worst > TOLERANCE:
        return f"{text}. The amounts of text DIFFER: more than company is compared.", True
    return f"{text}.", False


@dataclass
class _Consumed:
    """What a row consumed under one seed: target tokens in all and by direction, updates of all its models."""

    tokens: int = 0
    updates: int = 0
    of: dict[str, int] = field(default_factory=dict)


def _consumed(results: Results, method: str) -> dict[str, _Consumed]:
    """By seed, from the recorded streams of the table's models."""
    found: dict[str, _Consumed] = {}
    for stream in (results.info.get("fairness") or {}).get("streams") or []:
        parallel = stream.get("text") != "monolingual"
        if parallel and stream.get("method") == method and not stream.get("transfer"):
            one = found.setdefault(str(stream.get("seed")), _Consumed())
            one.tokens += int(stream.get("target_tokens", 0))
            one.updates += int(stream.get("updates", 0))
            on = str(stream.get("trained_on"))
            counted = {on: stream.get("target_tokens", 0)} if on != ALL else stream.get("target_tokens_by_direction")
            for direction, tokens in (counted or {}).items():
                one.of[direction] = one.of.get(direction, 0) + int(tokens)
    return found


# -- chart ----------------------------------------------------------------------------------------


def _chart(results: Results, metric: str, panel: Panel, found: Sequence[Pair], gains: _Gains) -> list[Chart]:
    """Bars of the gains; methods that miss a direction have no bar there."""
    series = []
    for pair, by_direction in zip(found, gains, strict=True):
        means = {d: statistics.fmean(v.values()) for d, v in by_direction.items() if v}
        if means:
            series.append(Series(results.label(pair.joint), tuple(means), tuple(means.values())))
    about = "Above 0: the direction gains from being trained together with the others; below: it loses."
    return [
        Chart(
            f"interference-{_stem(metric, panel)}",
            f"Interference: {metric}, joint minus alone",
            "bars",
            "direction",
            f"{metric} points, joint minus alone",
            tuple(series),
            about,
        )
    ]
