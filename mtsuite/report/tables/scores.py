"""From scores.csv to the table of a metric: methods down, directions across, their average last."""

from __future__ import annotations

import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mtsuite.report.render.table import Better, Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import HOLE, count, fixed, listed, one_line, slug
from mtsuite.report.tables.failed_jobs import failed_jobs
from mtsuite.report.tables.failures import average_column
from mtsuite.report.tables.set_notes import joined_notes
from mtsuite.results.folder import AVERAGE, FLOOR_ROWS, TABLE, Comparison, Results, Score

DECIMALS = 2
BETTER_SYMBOL, WORSE_SYMBOL = "†", "‡"


@dataclass(frozen=True)
class Panel:
    """The columns of one table: (direction, test set) pairs, each direction once.

    ``suffix`` tells tables of one metric apart; it is empty when there is only one.
    """

    columns: tuple[tuple[str, str], ...]
    suffix: str = ""

    @property
    def testsets(self) -> list[str]:
        return list(dict.fromkeys(testset for _, testset in self.columns))


def panels(results: Results, metric: str, directions: Sequence[str] | None = None) -> list[Panel]:
    """One panel when each direction has one test set (sets share a table, under their names), else one a test set.

    ``directions`` are those of the panels; by default the report's, that is, without those that are tested alone.
    """
    wanted = results.directions if directions is None else directions
    scores = [s for s in results.scores if s.metric == metric and s.trained_on in TABLE and s.direction in wanted]
    pairs = {(s.direction, s.testset) for s in scores}
    testsets = list(dict.fromkeys(s.testset for s in scores))
    if len({direction for direction, _ in pairs}) == len(pairs):
        # A direction that nothing was scored for keeps its (empty) column.
        found = {s.direction: s.testset for s in results.scores} | dict(pairs)
        columns = [(d, found.get(d, testsets[0] if testsets else "")) for d in wanted]
        order = list(dict.fromkeys(testset for _, testset in columns))
        return [Panel(tuple(sorted(columns, key=lambda column: order.index(column[1]))))]
    return [Panel(tuple((d, testset) for d in wanted if (d, testset) in pairs), slug(testset)) for testset in testsets]


def score_tables(results: Results) -> list[Table]:
    """Every metric's tables, in the report's order of metrics."""
    return [score_table(results, metric, panel) for metric in results.metrics for panel in panels(results, metric)]


def score_table(results: Results, metric: str, panel: Panel) -> Table:
    """One table: trained parameters, a column a direction under its test set's name, average.

    A cell is the mean over seeds, with the sample standard deviation when there are several.  The
    average is over directions, and only of complete rows: a row with a hole has a hole there too.
    Its standard deviation is that of the seeds' averages.
    """
    cells = by_cell(results.scores, metric)
    tests = panel_tests(results.against_baseline, metric, panel)
    symbols = {(c.method, c.direction): symbol_of(results, c) for c in tests}
    better: Better = "lower" if results.lower_is_better(metric) else "higher"
    testsets = panel.testsets
    columns = [Column("params", "Params")]
    signed = {(s.direction, s.testset): s.signature for s in _panel_scores(results, metric, panel)}
    columns += [Column(d, d, testset, better, signature=signed.get((d, testset), "")) for d, testset in panel.columns]
    columns.append(Column(AVERAGE, "Avg.", "", better))
    beside = [average_column(results, name, panel.columns) for name in results.info.get("columns") or []]
    columns += [column for column, _, _ in beside]
    rows: list[Row] = []
    for method in results.methods:
        per_direction = [cells[method, d, testset] for d, testset in panel.columns]
        if not depends_on_seed(results, method, per_direction):
            per_direction = [dict(list(seeds.items())[:1]) for seeds in per_direction]
        found = [Cell.of(list(seeds.values()), DECIMALS, symbols.get((method, d), "")) if seeds else Cell.hole()
                 for seeds, (d, _) in zip(per_direction, panel.columns, strict=True)]  # fmt: skip
        average = _average(per_direction, symbols.get((method, AVERAGE), ""))
        unranked = method in FLOOR_ROWS or method in results.external
        rule = method in FLOOR_ROWS or (method in results.external and not any(r.key in results.external for r in rows))
        row = (_params(results, method), *found, average, *(cell(method) for _, cell, _ in beside))
        rows.append(Row(method, results.label(method), row, ranked=not unranked, rule_above=rule))
    title = f"{results.title}: {metric}" + (f" ({listed(testsets)})" if any(testsets) else "")
    name = slug(metric) + (f"-{panel.suffix}" if panel.suffix else "")
    table = Table(name, title, tuple(columns), tuple(rows))
    of_columns = [text for _, _, notes in beside for text in notes]
    told = _notes(results, metric, panel, table, tests, of_columns)
    return Table(name, title, table.columns, table.rows, tuple(told))


def _panel_scores(results: Results, metric: str, panel: Panel) -> list[Score]:
    return [
        s
        for s in results.scores
        if s.metric == metric and s.trained_on in TABLE and (s.direction, s.testset) in panel.columns
    ]


def depends_on_seed(results: Results, method: str, per_direction: Sequence[dict[str, float]]) -> bool:
    """False for a row that trains nothing and scores the same under every seed: it has no spread to show."""
    trained = results.info.get("trained_methods") or results.methods
    return method in trained or any(len(set(seeds.values())) > 1 for seeds in per_direction)


def by_cell(scores: Iterable[Score], metric: str) -> dict[tuple[str, str, str], dict[str, float]]:
    """(method, direction, test set) to {seed: score}."""
    cells: dict[tuple[str, str, str], dict[str, float]] = defaultdict(dict)
    for s in scores:
        if s.metric == metric and s.trained_on in TABLE:
            cells[s.method, s.direction, s.testset][s.seed] = s.score
    return cells


def _average(per_direction: Sequence[dict[str, float]], symbol: str) -> Cell:
    if not per_direction or not all(per_direction):
        return Cell.hole()
    common = [seed for seed in per_direction[0] if all(seed in seeds for seeds in per_direction)]
    if all(len(seeds) == len(common) for seeds in per_direction):
        averages = [statistics.fmean(seeds[seed] for seeds in per_direction) for seed in common]
        return Cell.of(averages, DECIMALS, symbol)
    # Seeds are missing here and there: the mean of what the row shows, without a spread that would not belong to it.
    return Cell.of([statistics.fmean(statistics.fmean(seeds.values()) for seeds in per_direction)], DECIMALS, symbol)


def average_by_seed(results: Results, metric: str, method: str) -> list[float]:
    """The average over directions, one number a complete seed, of the metric's first panel; for figures."""
    cells = by_cell(results.scores, metric)
    columns = panels(results, metric)[0].columns
    per_direction = [cells[method, d, testset] for d, testset in columns]
    if not per_direction or not all(per_direction):
        return []
    seeds = [seed for seed in per_direction[0] if all(seed in found for found in per_direction)]
    return [statistics.fmean(found[seed] for found in per_direction) for seed in seeds]


def mean_costs(results: Results, method: str) -> dict[str, float]:
    """The numbers of costs.csv of a method, as means over the seeds that have them."""
    found: dict[str, list[float]] = {}
    for cost in results.costs:
        if cost.method == method:
            for name, value in cost.numbers.items():
                found.setdefault(name, []).append(value)
    return {name: statistics.fmean(values) for name, values in found.items()}


def trained_params(results: Results, method: str) -> float | None:
    """Trained parameters of a method: the mean over seeds (they agree), or None when it has no such number."""
    return mean_costs(results, method).get("trainable_params")


def _params(results: Results, method: str) -> Cell:
    value = trained_params(results, method)
    return Cell.empty() if value is None else Cell(count(value), value)


def panel_tests(comparisons: Iterable[Comparison], metric: str, panel: Panel) -> list[Comparison]:
    """The comparisons that belong to a table; those of folders that do not name the test set belong to every one."""
    testsets = panel.testsets
    average = testsets[0] if len(testsets) == 1 else ""
    columns = {*panel.columns, *((direction, "") for direction, _ in panel.columns), (AVERAGE, average), (AVERAGE, "")}
    return [c for c in comparisons if c.metric == metric and (c.direction, c.testset) in columns]


def symbol_of(results: Results, c: Comparison) -> str:
    """† where the method is significantly better, ‡ where it is worse, else nothing."""
    if c.p_value >= results.alpha or c.delta == 0:
        return ""
    return BETTER_SYMBOL if (c.delta < 0) == results.lower_is_better(c.metric) else WORSE_SYMBOL


# -- notes under the table ------------------------------------------------------------------------


def _notes(
    results: Results,
    metric: str,
    panel: Panel,
    table: Table,
    tests: Sequence[Comparison] = (),
    of_columns: Sequence[Note] = (),
) -> list[Note]:
    found = [note(_reading(results, metric, table))]
    found += [note(text) for text in signature_notes(results, metric, panel)]
    found += of_columns
    text = str(results.info.get("metric_notes", {}).get(metric) or "")
    if text:
        found.append(note(text))
    found += [note(text) for text in significance_notes(results, tests, table)]
    found += [note(text) for text in _hole_notes(results, table)]
    found += [note(text) for text in _seed_notes(results, metric, panel)]
    return found + common_notes(results)


def common_notes(results: Results) -> list[Note]:
    """What stands under every table: fairness, model, data, decoding, notes of methods and of the recipe, failures."""
    info = results.info
    fairness = info.get("fairness") or {}
    found = []
    if fairness.get("message"):
        found.append(note(f"Fairness: {fairness['message']}", alarm=not fairness.get("consistent", False)))
    elif fairness and not fairness.get("consistent", False):
        found.append(note("Fairness: the methods consumed different training streams.", alarm=True))
    for key in ("model", "data", "decoding"):
        if info.get(key):
            found.append(note(f"{key.capitalize()}: {info[key]}"))
    alike: dict[str, list[str]] = defaultdict(list)
    for method, text in (info.get("method_notes") or {}).items():
        alike[one_line(str(text))].append(results.label(method))
    found += [note(f"{listed(labels)}: {text}") for text, labels in alike.items()]
    found += [note(text) for text in joined_notes(map(str, info.get("notes") or []), results.directions)]
    return found + failed_jobs(info.get("failed") or [])


def _reading(results: Results, metric: str, table: Table) -> str:
    sense = "lower is better" if results.lower_is_better(metric) else "higher is better"
    text = f"{metric}, {sense}; best in bold, second best underlined (by the numbers as displayed)."
    if any(cell.sd_text for row in table.rows for cell in row.cells):
        text += " Mean over seeds ± sample standard deviation."
    floors = [row.label for row in table.rows if row.key in FLOOR_ROWS]
    if floors:
        text += f" {listed(floors)}: a floor, not a method; never marked."
    outside = [row.label for row in table.rows if row.key in results.external]
    if outside:
        text += f" {listed(outside)}: made elsewhere, outside of the comparison's budget; tested as the others are, "
        text += "never bold or underlined."
    return text


def signature_notes(results: Results, metric: str, panel: Panel) -> list[str]:
    """Each distinct signature with the directions it covers, and the number of segments."""
    rows = _panel_scores(results, metric, panel)
    covered: dict[str, list[str]] = defaultdict(list)
    sizes: dict[str, list[str]] = defaultdict(list)
    for direction, testset in panel.columns:
        for s in rows:
            if (s.direction, s.testset) == (direction, testset):
                if s.signature and direction not in covered[s.signature]:
                    covered[s.signature].append(direction)
                if s.n and direction not in sizes[s.n]:
                    sizes[s.n].append(direction)
    notes = []
    for signature, directions in covered.items():
        where = "" if len(covered) == 1 else f" for {listed(directions)}"
        notes.append(f"{metric} signature{where}: {signature}")
    if sizes:
        parts = [n if len(sizes) == 1 else f"{n} ({listed(directions)})" for n, directions in sizes.items()]
        notes.append(f"n = {'; '.join(parts)} segments a direction.")
    return notes


def significance_notes(results: Results, tests: Sequence[Comparison], table: Table) -> list[str]:
    """What † and ‡ in ``table`` are, in a sentence; nothing where nothing was tested."""
    if not tests:
        return []
    baselines = [results.label(b) for b in dict.fromkeys(c.baseline for c in tests)]
    text = (
        f"{BETTER_SYMBOL} significantly better, {WORSE_SYMBOL} significantly worse than {listed(baselines)} "
        f"({how_tested(results, tests)})."
    )
    if not any(cell.symbol for row in table.rows for cell in row.cells):
        text += " No difference is significant."
    return [text]


def how_tested(results: Results, tests: Sequence[Comparison]) -> str:
    """What stands in brackets behind †: level, correction, test, rounds, seed, n, and what is asked of seeds."""
    single = [c for c in tests if c.direction != AVERAGE]
    average = [c for c in tests if c.direction == AVERAGE]
    families: dict[str, dict[str, None]] = defaultdict(dict)  # a test to the sizes of Holm's families
    for c in single:
        test, _, size = one_line(c.test).partition(", Holm over ")
        families[test].setdefault(size)
    kinds = listed([f"{k}, Holm over {listed(list(n))}" if all(n) else k for k, n in families.items()])
    sizes = listed(list(dict.fromkeys(c.n for c in single if c.n)))
    parts = [f"p < {results.alpha:g} after correction" if single else f"p < {results.alpha:g}"]
    parts += [f"{kinds}{f'; n = {sizes}' if sizes else ''}"] if single else []
    if average:
        shared = next((c.test.partition(", Holm")[0] for c in single), "")
        kinds = listed([one_line(k.removeprefix(f"{shared}, ")) for k in dict.fromkeys(c.test for c in average)])
        parts.append(f"the average, which is not of Holm's family: {kinds}")
    counted = list(dict.fromkeys(c.seeds for c in tests if c.p_seeds is not None))
    if counted:
        sides = [one.split("/") for one in counted]
        seeds = listed([ours if ours == theirs else f"{ours} against {theirs}" for ours, theirs in sides])
        parts.append(
            f"where trainings vary, the difference must exceed their variation too: Welch's t-test over {seeds} "
            f"training seeds, p < {results.alpha:g}, not corrected"
        )
    elif any(c.seeds == "1/1" for c in tests):
        parts.append("one training seed: variation between trainings is not tested")
    return "; ".join(parts)


def _hole_notes(results: Results, table: Table) -> list[str]:
    """Why each — is there: the failed jobs that it hangs on, or that there is no score."""
    reasons: dict[str, list[str]] = defaultdict(list)
    averages = []
    directions = {column.key for column in table.columns} & set(results.directions)
    for row in table.rows:
        pairs = zip(table.columns, row.cells, strict=True)
        holes = [column.label for column, cell in pairs if cell.is_hole and column.key in directions]
        if holes:
            averages.append(row.label)
        everywhere = len(holes) == len(directions)
        for direction in holes:
            where = row.label if everywhere else f"{row.label} {direction}"
            reasons[_reason(results, row.key, direction)].append(where)
    notes = [f"{HOLE} {listed(list(dict.fromkeys(cells)), 12)}: {reason}" for reason, cells in reasons.items()]
    if averages:
        notes.append(f"{HOLE} Avg. of {listed(averages)}: averages are given for complete rows only.")
    return notes


def _reason(results: Results, method: str, direction: str) -> str:
    """The failed job whose label names this method (as a word) and this direction or none."""
    for failure in results.info.get("failed") or []:
        words = re.split(r"[^A-Za-z0-9_.-]+", str(failure.get("job", "")))
        others = [d for d in results.directions if d in words]
        if method in words and (direction in others or not others):
            return f"the job {failure.get('job')!r} failed."
    if method in results.external:
        return "there is no file of its translations."
    return "no score was recorded (not run, left out, or an earlier job failed)."


def _seed_notes(results: Results, metric: str, panel: Panel) -> list[str]:
    """Cells that stand on fewer seeds than the most that their row has."""
    cells = by_cell(results.scores, metric)
    trained = [m for m in results.info.get("trained_methods") or [] if m in results.methods]
    wanted = max((len(cells[m, d, t]) for m in trained for d, t in panel.columns), default=0)
    short = [
        f"{results.label(m)} {d} ({len(cells[m, d, t])})"
        for m in trained
        for d, t in panel.columns
        if 0 < len(cells[m, d, t]) < wanted
    ]
    return [f"Fewer than {wanted} seeds: {listed(short, 12)}."] if short else []


def change_text(value: float) -> str:
    """A difference of scores with its sign, as in ``+1.20``."""
    return fixed(value, DECIMALS, signed=True)
