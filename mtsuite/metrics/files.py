"""Scoring files that anybody made: any number of systems, with the metrics and the statistics of the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction, equal_prompts
from mtsuite.data.languages import language
from mtsuite.data.microworld.recognise import is_of_microworld
from mtsuite.errors import DataError, MetricError, did_you_mean
from mtsuite.metrics.base import Metric, MetricResult
from mtsuite.metrics.comet import Comet
from mtsuite.metrics.failures import Failures, failures
from mtsuite.metrics.intervals import LEVEL, Interval, interval
from mtsuite.metrics.registry import make_metrics, metric_names
from mtsuite.metrics.segment_files import SegmentFile, check_parallel, read_segment_file
from mtsuite.metrics.significance import Comparison, compare
from mtsuite.metrics.surface import Bleu, untokenized


@dataclass(frozen=True)
class PairedTest:
    """How systems are compared: as ``significance:`` in a recipe."""

    test: str = "approximate_randomization"
    rounds: int = 1000
    seed: int = 12345
    alpha: float = 0.05

    def __str__(self) -> str:
        return f"paired {self.test.replace('_', ' ')}, {self.rounds} rounds, seed {self.seed}"


@dataclass(frozen=True)
class Scored:
    """One system's file under every metric.

    ``intervals`` and ``comparisons`` go by metric; a metric that keeps neither statistics nor segment scores has none,
    and the baseline is compared with nothing.  ``failures`` is None where nobody asked how the translations fail.
    """

    name: str
    file: SegmentFile
    results: tuple[MetricResult, ...]
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    comparisons: Mapping[str, Comparison] = field(default_factory=dict)
    failures: Failures | None = None


@dataclass(frozen=True)
class ScoredFiles:
    """Systems on one test set; ``baseline`` is the name of the one that the others are compared with.

    ``warnings`` tell what looks wrong with the files, ``notes`` where BLEU means little and which
    failure modes could not be measured.
    """

    direction: Direction
    systems: tuple[Scored, ...]
    references: tuple[SegmentFile, ...]
    sources: SegmentFile | None
    baseline: str | None
    lower_is_better: frozenset[str]
    test: PairedTest
    level: float = LEVEL
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def score_files(
    hypotheses: Sequence[Path],
    references: Path | Sequence[Path],
    sources: Path | None,
    direction: str,
    metrics: Sequence[str],
    profile: str = "auto",
    comet: Mapping[str, Any] | None = None,
    baseline: str | None = None,
    test: PairedTest | None = None,
    *,
    failure_modes: bool = False,
    languages: Sequence[str] = (),
) -> ScoredFiles:
    """Every hypothesis file under every metric; metric names may be written in any case.

    Several ``references`` are alternatives for each segment, as for the ``sacrebleu`` command; COMET reads one.
    ``baseline`` is a hypothesis file as given or its name; the first when empty.  ``failure_modes`` measures how each
    file fails too, against one reference; ``languages`` are further codes that its text may be in.  Raises MetricError
    for files that cannot be read or do not correspond, and for names that are not known.
    """
    parsed, test = Direction.parse(direction), test or PairedTest()
    if problem := equal_prompts([parsed]):
        raise MetricError(problem)
    made = named_metrics(metrics, profile, comet)
    given = [references] if isinstance(references, Path) else list(references)
    if not hypotheses or not given:
        raise MetricError("Scoring needs at least one file of hypotheses and one of references.")
    for role, paths in (("--hypotheses", hypotheses), ("--references", given)):
        _no_file_twice(role, paths)
    if sources is None and any(metric.name.startswith("COMET") for metric in made):
        raise MetricError("COMET reads the source text too: give --sources.")
    single = [metric.name for metric in made if not metric.several_references]
    if len(given) > 1 and single:
        raise MetricError(f"{', '.join(single)} reads one reference a segment; found {len(given)} --references files.")
    if failure_modes and len(given) > 1:
        raise MetricError(f"Failure modes read one reference a segment; found {len(given)} --references files.")
    for code in languages:
        try:
            language(code)
        except DataError as error:
            raise MetricError(f"--languages: {error}") from None
    reference = [read_segment_file(path) for path in given]
    source = read_segment_file(sources) if sources is not None else None
    files = [read_segment_file(path) for path in hypotheses]
    named = _names(hypotheses)
    first = named[_find_baseline(baseline, hypotheses, named)] if len(files) > 1 or baseline is not None else None
    check_parallel(
        [("References", file) for file in reference]
        + [("Sources", file) for file in ([source] if source else [])]
        + [("Hypotheses", file) for file in files]
    )
    if source is not None and any(isinstance(metric, Comet) and metric.checkpoint == "embedded" for metric in made):
        _check_embedded(parsed, source)
    lines = list(source.lines) if source is not None else [""] * len(reference[0].lines)
    systems = []
    for name, file in zip(named, files, strict=True):
        results = tuple(
            metric.score(parsed, lines, file.lines, reference[0].lines, *(more.lines for more in reference[1:]))
            for metric in made
        )
        systems.append(Scored(name, file, results, _intervals(results, test)))
    compared = [_compared(system, _by_name(systems, first), test) for system in systems]
    if failure_modes:
        known = source.lines if source is not None else None
        compared = [
            replace(one, failures=failures(parsed, known, one.file.lines, reference[0].lines, languages=languages))
            for one in compared
        ]
    return ScoredFiles(
        direction=parsed,
        systems=tuple(compared),
        references=tuple(reference),
        sources=source,
        baseline=first,
        lower_is_better=frozenset(metric.name for metric in made if metric.lower_is_better),
        test=test,
        warnings=tuple(_warnings(files, reference, source)),
        notes=tuple(_notes(parsed, made, compared)),
    )


def _check_embedded(direction: Direction, source: SegmentFile) -> None:
    """The embedded COMET knows the microworld alone."""
    if not is_of_microworld(direction.source, source.lines):
        raise MetricError(
            f"The embedded COMET was made for the microworld and says nothing about other text, such as that of "
            f"{source.path}: name a checkpoint with --comet, such as Unbabel/wmt22-comet-da."
        )


def _notes(direction: Direction, metrics: Sequence[Metric], systems: Sequence[Scored]) -> list[str]:
    by_words = any(isinstance(metric, Bleu) and metric.tokenizer(direction) == "13a" for metric in metrics)
    bleu = untokenized([direction.target]) if by_words else None
    failing = [text for system in systems if system.failures for text in system.failures.notes]
    return list(dict.fromkeys([*([bleu] if bleu else []), *failing]))


def named_metrics(names: Sequence[str], profile: str, comet: Mapping[str, Any] | None) -> list[Metric]:
    """The metrics of these names, written in any case.  Raises MetricError for one that is unknown or named twice."""
    known = {name.lower(): name for name in metric_names()}
    wanted = [known.get(name.strip().lower(), name.strip()) for name in names if name.strip()]
    if not wanted:
        raise MetricError(f"No metric is named. Known: {', '.join(metric_names())}.")
    doubled = [name for name in dict.fromkeys(wanted) if wanted.count(name) > 1]
    if doubled:
        raise MetricError(f"A metric is named twice: {', '.join(doubled)}.")
    return make_metrics(wanted, profile, comet)


def _no_file_twice(role: str, paths: Sequence[Path]) -> None:
    seen: dict[Path, Path] = {}
    for path in paths:
        place = path.resolve()
        if place in seen:
            other = f" (as {seen[place]} too)" if seen[place] != path else ""
            raise MetricError(f"{role}: {path} is given twice{other}.")
        seen[place] = path


def _names(paths: Sequence[Path]) -> list[str]:
    """Each file by its name, or as it was given where two files have the same name."""
    short = [path.name for path in paths]
    return [path.name if short.count(path.name) == 1 else str(path) for path in paths]


def _find_baseline(baseline: str | None, paths: Sequence[Path], names: Sequence[str]) -> int:
    if baseline is None:
        return 0
    for index, (path, name) in enumerate(zip(paths, names, strict=True)):
        if baseline in (str(path), name, path.stem):
            return index
    raise MetricError(f"--baseline: {baseline!r} is not among the hypotheses. {did_you_mean(baseline, names)}")


def _by_name(systems: Sequence[Scored], name: str | None) -> Scored | None:
    return next((system for system in systems if system.name == name), None)


def _kept(result: MetricResult) -> bool:
    return result.statistics is not None or result.segments is not None


def _intervals(results: Sequence[MetricResult], test: PairedTest) -> dict[str, Interval]:
    return {result.metric: interval(result, test.rounds, test.seed) for result in results if _kept(result)}


def _compared(system: Scored, baseline: Scored | None, test: PairedTest) -> Scored:
    if baseline is None or baseline is system:
        return system
    found = {
        ours.metric: compare(ours, theirs, test.test, test.rounds, test.seed)
        for ours, theirs in zip(system.results, baseline.results, strict=True)
        if _kept(ours)
    }
    return replace(system, comparisons=found)


def _warnings(
    hypotheses: Sequence[SegmentFile], references: Sequence[SegmentFile], source: SegmentFile | None
) -> list[str]:
    found = [text for file in [*hypotheses, *references, *([source] if source else [])] for text in file.warnings]
    for role, files in (("hypotheses", hypotheses), ("references", references)):
        for file in files:
            if file.empty:
                where = f"line {file.empty[0]}" + (" and others" if len(file.empty) > 1 else "")
                found.append(f"{file.path}: {len(file.empty)} of {len(file.lines)} {role} are empty ({where}).")
    for file in hypotheses:
        same = [str(other.path) for other in references if other.lines == file.lines]
        if same:
            found.append(f"{file.path} holds the same lines as the references {same[0]}.")
    for index, file in enumerate(hypotheses):
        same = [str(other.path) for other in hypotheses[:index] if other.lines == file.lines]
        if same:
            found.append(f"{file.path} holds the same lines as {same[0]}.")
    return found
