"""Reading a results folder, with an error that names file and column for everything that can be wrong."""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtsuite.chart import Chart
from mtsuite.data.direction import Direction
from mtsuite.errors import DataError, StoreError, did_you_mean, shortened
from mtsuite.results.files import Entry, Files
from mtsuite.results.info import check_info
from mtsuite.results.segments import Segments, read_segments
from mtsuite.results.trained_on import ALL, OWN, START

SCHEMA = 1
FLOOR_ROWS = frozenset({"source-copy", "translation-memory"})  # shown, never ranked
TABLE = frozenset({ALL, OWN})  # what stands in tables; other values of trained_on are directions of transfer runs

SCORE_COLUMNS = ("method", "seed", "trained_on", "direction", "testset", "metric", "score", "signature", "n")
COST_NUMBERS = (
    "trainable_params",
    "total_params",
    "active_params_per_token",
    "train_seconds",
    "train_tokens_per_second",
    "peak_memory_mb",
    "translate_segments_per_second",
)
COST_COLUMNS = ("method", "seed", *COST_NUMBERS)
FAILURE_COLUMNS = ("method", "seed", "trained_on", "direction", "testset", "measure", "value", "n", "signature")
AVERAGE = "average"  # what stands for a direction where a number is of their mean
SIGNIFICANCE_COLUMNS = ("metric", "direction", "method", "baseline", "delta", "p_value", "test", "n")
# Not in folders of earlier versions: p over segments and over training seeds before correction, and how many seeds
# both rows had ("3/3").
SIGNIFICANCE_MORE = ("testset", "p_segments", "p_seeds", "seeds")
INTERVAL_COLUMNS = ("metric", "method", "direction", "low", "high", "level", "test", "n", "testset")

PERPLEXITY_COLUMNS = (
    "method",
    "seed",
    "trained_on",
    "language",
    "perplexity",
    "bits_per_byte",
    "tokens",
    "sentences",
)


@dataclass(frozen=True)
class Score:
    """One row of scores.csv.  ``score`` is 0–100 for BLEU, chrF and COMET; ``n`` is the number of segments."""

    method: str
    seed: str
    trained_on: str
    direction: str
    testset: str
    metric: str
    score: float
    signature: str
    n: str


@dataclass(frozen=True)
class Cost:
    """One row of costs.csv; a number that does not exist (or was not measured) is absent from ``numbers``."""

    method: str
    seed: str
    numbers: Mapping[str, float]


@dataclass(frozen=True)
class Comparison:
    """One row of significance.csv.  ``delta`` = method − baseline in the metric's points; ``p_value`` is corrected.

    ``direction`` is ``average`` for the mean over directions.  ``p_segments`` and ``p_seeds`` are the single tests'
    before correction, None where there was none; ``testset`` is empty in folders of earlier versions and for an average
    over several.
    """

    metric: str
    direction: str
    method: str
    baseline: str
    delta: float
    p_value: float
    test: str
    n: str
    testset: str = ""
    p_segments: float | None = None
    p_seeds: float | None = None
    seeds: str = ""


@dataclass(frozen=True)
class Perplexity:
    """One row of perplexity.csv: ``perplexity`` of a token, ``bits_per_byte`` of text; ``method`` may be ``base``."""

    method: str
    seed: str
    trained_on: str
    language: str
    perplexity: float
    bits_per_byte: float
    tokens: str
    sentences: str


@dataclass(frozen=True)
class Failure:
    """One row of failures.csv.  ``value`` is a percentage of the ``n`` segments, for ``length-ratio`` a ratio."""

    method: str
    seed: str
    trained_on: str
    direction: str
    testset: str
    measure: str
    value: float
    n: str
    signature: str


@dataclass(frozen=True)
class Results:
    """A results folder in memory.  ``info`` is report.json as written by the suite."""

    folder: Path
    info: Mapping[str, Any]
    scores: tuple[Score, ...]
    costs: tuple[Cost, ...]
    comparisons: tuple[Comparison, ...]
    environment: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""
    segments: Mapping[tuple[str, str], Segments] = field(default_factory=dict)  # by (direction, test set)
    charts: tuple[tuple[str, Chart], ...] = ()  # (method, what it shows)
    perplexities: tuple[Perplexity, ...] = ()
    failures: tuple[Failure, ...] = ()  # empty for a folder written before they were measured

    @property
    def files(self) -> Files:
        return Files(self.folder)

    @property
    def title(self) -> str:
        return str(self.info.get("title") or self.folder.name)

    @property
    def methods(self) -> list[str]:
        """Rows in the report's order; a floor row with scores comes last."""
        named = [str(m) for m in self.info["methods"]]
        floor = [m for m in dict.fromkeys(s.method for s in self.scores) if m in FLOOR_ROWS]
        return [*(m for m in named if m not in FLOOR_ROWS), *floor]

    @property
    def directions(self) -> list[str]:
        return [str(d) for d in self.info["directions"]]

    @property
    def metrics(self) -> list[str]:
        """Metrics in the report's order; the first is the headline."""
        return [str(m) for m in self.info["metrics"]]

    @property
    def external(self) -> frozenset[str]:
        """Rows of other systems' translations: scored and tested, never ranked, without costs."""
        return frozenset(str(m) for m in self.info.get("external", []))

    @property
    def alpha(self) -> float:
        return float(self.info.get("significance_alpha", 0.05))

    @property
    def against_baseline(self) -> list[Comparison]:
        """The comparisons with the report's baseline, without those of other pairs; all where none is named."""
        return [c for c in self.comparisons if c.baseline == self.info.get("baseline", c.baseline)]

    @property
    def has_starts(self) -> bool:
        """Whether rows were scored before their training; in folders of earlier versions none was."""
        return any(s.trained_on == START for s in self.scores)

    def label(self, method: str) -> str:
        return str(self.info.get("labels", {}).get(method, method))

    def lower_is_better(self, metric: str) -> bool:
        """True for metrics that report.json lists under ``lower_is_better`` (an error rate, say)."""
        return metric in self.info.get("lower_is_better", [])


def read_results(folder: Path) -> Results:
    """Read and check a results folder.

    Raises StoreError when a file or a column is missing, a number is none, the schema is another
    version's, or a score belongs to no row of the report.
    """
    if not folder.is_dir():
        raise StoreError(
            f"There is no results folder {folder}. Give the folder that `mtsuite run` wrote, such as results/<recipe>."
        )
    entry = Files(folder).entry
    info = _report_json(entry("report.json"))
    scores = tuple(_score(entry("scores.csv"), i, row) for i, row in read_rows(entry("scores.csv"), SCORE_COLUMNS))
    costs = tuple(_cost(entry("costs.csv"), i, row) for i, row in read_rows(entry("costs.csv"), COST_COLUMNS))
    tests = entry("significance.csv")
    comparisons: tuple[Comparison, ...] = ()
    if tests.exists() and _text(tests).strip():
        comparisons = tuple(_comparison(tests, i, row) for i, row in read_rows(tests, SIGNIFICANCE_COLUMNS))
    measured = entry("failures.csv")
    found = read_rows(measured, FAILURE_COLUMNS) if measured.exists() else []
    failures = tuple(_failure(measured, i, row) for i, row in found)
    _check_rows(folder, info, scores)
    recipe, environment, charts = entry("recipe.yaml"), entry("environment.json"), entry("charts.json")
    return Results(
        folder=folder,
        info=info,
        scores=scores,
        costs=costs,
        comparisons=comparisons,
        environment=_json(environment) if environment.exists() else {},
        recipe=_text(recipe) if recipe.exists() else "",
        segments=read_segments(folder),
        charts=_method_charts(charts) if charts.exists() else (),
        perplexities=_perplexities(entry("perplexity.csv")),
        failures=failures,
    )


def _perplexities(path: Entry) -> tuple[Perplexity, ...]:
    if not path.exists():
        return ()
    found = []
    for line, row in read_rows(path, PERPLEXITY_COLUMNS):
        perplexity, bits = (
            read_number(path, line, column, row[column], finite=False) for column in PERPLEXITY_COLUMNS[4:6]
        )
        for column in PERPLEXITY_COLUMNS[6:]:
            _read_count(path, line, column, row[column])
        words = (row[column] for column in PERPLEXITY_COLUMNS)
        method, seed, trained_on, language, _, _, tokens, sentences = words
        found.append(Perplexity(method, seed, trained_on, language, perplexity, bits, tokens, sentences))
    return tuple(found)


def _method_charts(path: Entry) -> tuple[tuple[str, Chart], ...]:
    try:
        return tuple((str(entry["method"]), Chart.from_dict(entry)) for entry in _json(path, holes=True)["charts"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreError(
            f"{path}: {shortened(str(error), 200)}. Run the recipe again to have it written anew."
        ) from None


def _text(path: Entry) -> str:
    try:
        return path.text().replace("\r\n", "\n")
    except FileNotFoundError:
        raise StoreError(
            f"{path} is missing. A results folder needs report.json, scores.csv and costs.csv; "
            "run the recipe again with `mtsuite run` (what is in the store is not computed anew)."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from None


def _json(path: Entry, *, holes: bool = False) -> dict[str, Any]:
    """The object in a file; NaN, Python's own word for a number that is not there, only with ``holes``."""
    try:
        value = json.loads(_text(path), parse_constant=float if holes else _no_number)
    except json.JSONDecodeError as error:
        raise StoreError(f"{path}:{error.lineno}:{error.colno}: expected JSON: {error.msg}.") from None
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, brackets of any depth
        raise StoreError(f"{path}: expected JSON: {shortened(str(error), 200)}.") from None
    if not isinstance(value, dict):
        raise StoreError(f"{path}: expected a JSON object, found {type(value).__name__}.")
    return value


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _report_json(path: Entry) -> dict[str, Any]:
    info = _json(path)
    found = info.get("schema")
    if found != SCHEMA:
        newer = isinstance(found, int) and found > SCHEMA
        advice = "update mtsuite, or use the version" if newer else "run the recipe again, or use the version"
        raise StoreError(
            f"{path}: expected a results folder of schema {SCHEMA}, found schema {shortened(repr(found), 60)}; "
            f"{advice} of mtsuite that wrote it (environment.json says which)."
        )
    for key in ("methods", "directions", "metrics"):
        if not isinstance(info.get(key), list) or not info[key]:
            found_there = shortened(repr(info.get(key)))
            raise StoreError(f"{path}: expected a list with at least one name under {key!r}, found {found_there}.")
    check_info(path, info)
    for direction in info["directions"]:
        try:
            Direction.parse(str(direction))
        except DataError as error:
            raise StoreError(f"{path}: 'directions': {error}") from None
    return info


def read_rows(path: Entry, columns: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """(line number, row) pairs of a CSV that must have these columns; others are ignored.

    Raises StoreError when a column is missing or a line has other fields.
    """
    reader = csv.DictReader(_text(path).splitlines(keepends=True), strict=True)
    try:
        head = reader.fieldnames or []
        missing = [column for column in columns if column not in head]
        if missing:
            raise StoreError(
                f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; "
                f"expected {','.join(columns)}; found {','.join(head) or 'an empty file'}."
            )
        rows = []
        for row in reader:
            if None in row or None in row.values():
                raise StoreError(f"{path}:{reader.line_num}: expected {len(head)} fields, found another number.")
            rows.append((reader.line_num, row))
        return rows
    except csv.Error as error:
        raise StoreError(f"{path}:{reader.line_num}: expected CSV: {error}.") from None


def read_number(path: Entry, line: int, column: str, text: str, *, finite: bool = True) -> float:
    """The number in a field; StoreError, with its place, where there is none (``finite``: or an infinite one)."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not finite and math.isinf(value):
        return value
    if not math.isfinite(value):
        found = shortened(text)
        raise StoreError(f"{path}:{line}: expected a number in column {column!r}, found {found!r}.")
    return value


def _read_count(path: Entry, line: int, column: str, text: str) -> str:
    """A whole number's text as it stands; StoreError, with its place, for anything else."""
    if re.fullmatch(r"[0-9]{1,18}", text) is None:
        raise StoreError(f"{path}:{line}: expected a whole number in column {column!r}, found {shortened(text)!r}.")
    return text


def _score(path: Entry, line: int, row: dict[str, str]) -> Score:
    values = {column: row[column] for column in SCORE_COLUMNS if column != "score"}
    try:
        Direction.parse(row["direction"])
    except DataError as error:
        raise StoreError(f"{path}:{line}: column 'direction': {error}") from None
    _read_count(path, line, "n", row["n"])
    return Score(score=read_number(path, line, "score", row["score"]), **values)


def _cost(path: Entry, line: int, row: dict[str, str]) -> Cost:
    numbers = {
        name: read_number(path, line, name, row[name], finite=False) for name in COST_NUMBERS if row[name].strip()
    }
    return Cost(row["method"], row["seed"], {k: v for k, v in numbers.items() if math.isfinite(v)})


def _comparison(path: Entry, line: int, row: dict[str, str]) -> Comparison:
    return Comparison(
        metric=row["metric"],
        direction=row["direction"],
        method=row["method"],
        baseline=row["baseline"],
        delta=read_number(path, line, "delta", row["delta"]),
        p_value=read_number(path, line, "p_value", row["p_value"]),
        test=row["test"],
        n=row["n"],
        testset=row.get("testset", ""),
        p_segments=read_number(path, line, "p_segments", row["p_segments"]) if row.get("p_segments") else None,
        p_seeds=read_number(path, line, "p_seeds", row["p_seeds"]) if row.get("p_seeds") else None,
        seeds=row.get("seeds", ""),
    )


def _failure(path: Entry, line: int, row: dict[str, str]) -> Failure:
    values = {column: row[column] for column in FAILURE_COLUMNS if column != "value"}
    return Failure(value=read_number(path, line, "value", row["value"]), **values)


def _check_rows(folder: Path, info: Mapping[str, Any], scores: tuple[Score, ...]) -> None:
    known = {str(m) for m in info["methods"]} | FLOOR_ROWS
    seen: set[tuple[str, ...]] = set()
    for s in scores:
        if s.method not in known:
            raise StoreError(
                f"{folder / 'scores.csv'} has scores of {s.method!r}, which is not among 'methods' of "
                f"{folder / 'report.json'}. {did_you_mean(s.method, known)}"
            )
        key = (s.method, s.seed, s.trained_on, s.direction, s.testset, s.metric)
        if key in seen:
            raise StoreError(
                f"{folder / 'scores.csv'} has two scores for method {s.method!r}, seed {s.seed}, trained on "
                f"{s.trained_on}, direction {s.direction}, test set {s.testset!r}, metric {s.metric}; remove one."
            )
        seen.add(key)
