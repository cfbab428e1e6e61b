"""Directions trained one after another: scores after every stage, and what later stages did to earlier directions."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mtsuite.chart import Chart, Series
from mtsuite.report.render.table import Better, Cell, Column, Note, Row, Table, note
from mtsuite.report.render.text import listed, slug
from mtsuite.report.tables.continual import Continual, continual
from mtsuite.report.tables.notes import signature_notes
from mtsuite.report.tables.query import DECIMALS, Panel, change_text, panels
from mtsuite.results.folder import TABLE, Results
from mtsuite.results.trained_on import START

Grid = tuple[tuple[float | None, ...], ...]
OWN_MARK = "*"


@dataclass(frozen=True)
class Run:
    """One method's sequence in one metric: ``scores[seed][stage][direction]``.

    ``base[seed][direction]`` are the base's scores, ``start`` those of the method's model before its first training
    step; it is empty in folders of earlier versions.
    """

    method: str
    label: str
    metric: str
    directions: tuple[str, ...]
    scores: Mapping[str, Grid]
    base: Mapping[str, tuple[float | None, ...]]
    start: Mapping[str, tuple[float | None, ...]]
    lower_is_better: bool
    suffix: str
    signatures: tuple[str, ...]  # sentences on how its scores were made

    @property
    def before(self) -> Mapping[str, tuple[float | None, ...]]:
        """Scores before the first stage: the start's, or the base's where starts were not scored."""
        return self.start or self.base

    def numbers(self, before: Mapping[str, tuple[float | None, ...]]) -> list[Continual]:
        """One a seed; what came earlier is compared with ``before``: ``start`` or ``base``."""
        return [continual(self.scores[seed], before[seed], lower_is_better=self.lower_is_better)
                for seed in self.scores]  # fmt: skip

    def at(self, stage: int, direction: int) -> list[float]:
        """Scores over seeds after a stage, counted from 1; stage 0 is before the first."""
        found = [self.before[s][direction] if stage == 0 else self.scores[s][stage - 1][direction] for s in self.scores]
        return _spread([score for score in found if score is not None], stage)

    def average(self, stage: int) -> list[float]:
        """The mean over the directions after a stage, one a seed that has them all."""
        lines = [self.before[s] if stage == 0 else self.scores[s][stage - 1] for s in self.scores]
        means = [statistics.fmean(x for x in line if x is not None) for line in lines if None not in line]
        return _spread(means, stage)

    def of_base(self) -> Run:
        """The same with the base as what was before."""
        return replace(self, start={})


def _spread(values: list[float], stage: int) -> list[float]:
    """One number before the first stage if all seeds have the same: the untrained model has no spread to show."""
    return values[:1] if stage == 0 and len(set(values)) == 1 else values


def stages(directions: Sequence[str]) -> list[str]:
    """``trained_on`` of each stage: ``en-de``, ``en-de+en-fr``, …"""
    return ["+".join(directions[:number]) for number in range(1, len(directions) + 1)]


def sequence_runs(results: Results) -> list[Run]:
    """A run for each metric, panel and method that has scores; none when nothing was trained in sequence."""
    told = results.info.get("sequence") or {}
    directions = tuple(str(d) for d in told.get("directions") or ())
    runs = []
    for metric in results.metrics if directions else []:
        for panel in panels(results, metric):
            if set(directions) <= {d for d, _ in panel.columns}:
                found = [_run(results, str(m), metric, panel, directions, str(told["base"])) for m in told["methods"]]
                runs += [run for run in found if run.scores]
    return runs


def _run(results: Results, method: str, metric: str, panel: Panel, directions: tuple[str, ...], base: str) -> Run:
    wanted = {(d, t) for d, t in panel.columns if d in directions}
    trained: dict[tuple[str, str, str], float] = {}
    before: dict[str, dict[str, float]] = defaultdict(dict)
    started: dict[tuple[str, str], float] = {}
    seeds: dict[str, None] = {}
    names = stages(directions)
    for s in results.scores:
        if s.metric != metric or (s.direction, s.testset) not in wanted:
            continue
        if s.method == method and s.trained_on in names:
            trained[s.seed, s.trained_on, s.direction] = s.score
            # A first stage may be a transfer run alone: later ones tell that there was a sequence.
            seeds.setdefault(s.seed)
        if s.method == method and s.trained_on == START:
            started[s.seed, s.direction] = s.score
        if s.method == base and s.trained_on in TABLE:
            before[s.direction][s.seed] = s.score
    scores = {
        seed: tuple(tuple(trained.get((seed, stage, d)) for d in directions) for stage in names) for seed in seeds
    }
    of_base = {
        seed: tuple(
            before[d].get(seed, statistics.fmean(before[d].values())) if before[d] else None for d in directions
        )
        for seed in seeds
    }
    return Run(
        method=method,
        label=results.label(method),
        metric=metric,
        directions=directions,
        scores=scores,
        base=of_base,
        start={s: tuple(started.get((s, d)) for d in directions) for s in seeds} if results.has_starts else {},
        lower_is_better=results.lower_is_better(metric),
        suffix=panel.suffix,
        signatures=tuple(signature_notes(results, metric, Panel(tuple(c for c in panel.columns if c in wanted)))),
    )


def sequence_tables(results: Results) -> list[Table]:
    """For every metric the summary of all methods, then the scores after every stage."""
    groups: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in sequence_runs(results):
        groups[run.metric, run.suffix].append(run)
    made = []
    for runs in groups.values():
        made += [_summary_table(results, runs), _stages_table(results, runs)]
    return made


def _summary_table(results: Results, runs: list[Run]) -> Table:
    first = runs[0]
    better: Better = "lower" if first.lower_is_better else "higher"
    base = results.label(str(results.info["sequence"]["base"]))
    # Column, which number of Continual it is, and whether it compares with the base; else with the start.
    shown = [
        (Column("base", base, "Average score"), "start", True),
        (Column("start", "own start", "Average score"), "start", False),
        (Column("learned", "when learned", "Average score", better), "learned", True),
        (Column("average", "at the end", "Average score", better), "average", True),
        (Column("backward", "BWT", "Change", "higher"), "backward", True),
        (Column("forgetting", "Forgetting", "Change", "lower"), "forgetting", True),
        (Column("forward", "own start", "FWT against", "higher"), "forward", False),
        (Column("forward_from_base", base, "FWT against", "higher"), "forward", True),
    ]
    shown = [entry for entry in shown if first.start or entry[2]]
    rows = []
    for run in runs:
        cells = []
        for column, number, from_base in shown:
            numbers = run.numbers(run.base if from_base else run.start)
            values = [value for n in numbers if (value := getattr(n, number)) is not None]
            values = values if len(values) == len(numbers) else []
            values = _spread(values, 0) if number == "start" else values
            cells.append(_cell(values, signed=column.group != "Average score"))
        rows.append(Row(run.method, run.label, tuple(cells)))
    columns = tuple(column for column, *_ in shown)
    return Table(
        _name(first), f"{results.title}: Directions trained one after another, {first.metric}", columns, tuple(rows),
        tuple(_summary_notes(results, first)),
    )  # fmt: skip


def _summary_notes(results: Results, run: Run) -> list[Note]:
    told = results.info["sequence"]
    order = " → ".join(run.directions)
    points = f"{run.metric} points"
    before = reference = results.label(str(told["base"]))
    if run.start:
        before = f"{before}, and the method's own start: its model before the first training step"
        reference = f"the method's own start (what training did), and less that of {reference} (what the user gets)"
    found = [
        f"Trained in this order, {told['max_steps']} updates a stage, each stage from the weights of the one before, "
        f"with a new optimizer and the whole schedule of the learning rate: {order}.",
        f"Averages are over all {len(run.directions)} directions: before the first stage ({before}), each direction "
        "right after its own stage, and all of them after the last stage.",
        "BWT (backward transfer): a direction's score at the end less its score right after its own stage, mean over "
        f"all but the last, in {points}; below 0 is forgetting (Lopez-Paz and Ranzato 2017).",
        "Forgetting: its best score before the last stage less its score at the end, mean over all but the last "
        "direction (Chaudhry et al. 2018).",
        f"FWT (forward transfer): its score right before its own stage less that of {reference}, mean over all but "
        "the first (Lopez-Paz and Ranzato 2017, with the untrained model in place of a random one).",
    ]
    if run.lower_is_better:
        found.append(
            f"Lower {run.metric} is better: differences have their sign changed, so that BWT and FWT above 0 are good."
        )
    if len(run.scores) > 1:
        found.append(f"Means over {len(run.scores)} seeds ± sample standard deviation.")
    return [note(text) for text in [*found, *run.signatures]]


def _stages_table(results: Results, runs: list[Run]) -> Table:
    first = runs[0]
    columns = [Column(d, d, "tested on") for d in first.directions]
    columns.append(Column("average", "Avg."))
    rows: list[Row] = []
    if first.start:
        plain = first.of_base()
        cells = [_cell(plain.at(0, i)) for i in range(len(first.directions))]
        told = str(results.info["sequence"]["base"])
        rows.append(Row(told, results.label(told), (*cells, _cell(plain.average(0))), ranked=False))
    for run in runs:
        for stage in range(len(run.directions) + 1):
            cells = [_cell(run.at(stage, i), symbol=OWN_MARK * (stage == i + 1)) for i in range(len(run.directions))]
            name = ("own start" if run.start else "before") if stage == 0 else _step(run.directions, stage)
            row = (*cells, _cell(run.average(stage)))
            rows.append(
                Row(
                    f"{run.method}:{stage}",
                    f"{run.label}: {name}",
                    row,
                    ranked=False,
                    rule_above=stage == 0 and bool(rows),
                )
            )
    title = f"{results.title}: Scores after every stage, {first.metric}"
    notes = (
        note("A line a stage: trained on the direction named, after those of the lines above it."),
        note(
            f"{OWN_MARK} the direction that was just trained; to the left of it lies what may be forgotten, to the "
            "right what has not been trained yet."
        ),
        *map(note, first.signatures),
    )
    return Table(
        f"{_name(first)}-stages", title, tuple(columns), tuple(rows), notes, "Method: trained on", "method_stage"
    )


def _name(run: Run) -> str:
    return f"sequence-{slug(run.metric)}" + (f"-{run.suffix}" if run.suffix else "")


def _step(directions: Sequence[str], stage: int) -> str:
    """What the stage adds: ``en-de`` first, then ``+ en-fr``."""
    return directions[0] if stage == 1 else f"+ {directions[stage - 1]}"


def _cell(values: Sequence[float], *, signed: bool = False, symbol: str = "") -> Cell:
    cell = Cell.of(list(values), DECIMALS, symbol)
    if cell.value is None or not signed:
        return cell
    return Cell(change_text(cell.value), cell.value, cell.sd, cell.sd_text, cell.symbol)


def sequence_charts(results: Results) -> list[Chart]:
    """Of the headline metric: averages after each stage, a line a method; then for each method a line a direction."""
    runs = [run for run in sequence_runs(results) if run.metric == results.metrics[0] and not run.suffix]
    charts = []
    together = [series for run in runs if (series := _series(run.label, run, None)).x]
    if together:
        metric = runs[0].metric
        charts.append(
            Chart(
                f"sequence-average-{slug(metric)}",
                f"Trained one after another: average {metric}",
                "lines",
                "after training on",
                f"{metric}, mean of {len(runs[0].directions)} directions",
                tuple(together),
                "Mean over all directions of the sequence, trained yet or not, after every stage (mean over seeds).",
            )
        )
    for run in runs:
        lines = [series for i, d in enumerate(run.directions) if (series := _series(d, run, i)).x]
        if lines:
            charts.append(
                Chart(
                    f"sequence-{slug(run.method)}-{slug(run.metric)}",
                    f"{run.label}, trained one after another: {run.metric}",
                    "lines",
                    "after training on",
                    run.metric,
                    tuple(lines),
                    f"A line a direction, in the order of training ({listed(list(run.directions))}); what it loses "
                    "after its own stage is forgotten (mean over seeds).",
                )
            )
    return charts


def _series(name: str, run: Run, direction: int | None) -> Series:
    places = ["before", *(_step(run.directions, stage) for stage in range(1, len(run.directions) + 1))]
    found = [(place, run.average(i) if direction is None else run.at(i, direction)) for i, place in enumerate(places)]
    kept = [(place, statistics.fmean(values)) for place, values in found if values]
    return Series(name, tuple(place for place, _ in kept), tuple(value for _, value in kept))
