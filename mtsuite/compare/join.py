"""One table out of results folders with other rows and seeds, run on other machines or in other stores."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from mtsuite.compare.again import csv_bytes, statistics_files
from mtsuite.compare.joinable import check_joinable
from mtsuite.compare.joined_info import joined_environment, joined_info, joined_recipe
from mtsuite.compare.rows import Folder, folder_names
from mtsuite.errors import StoreError
from mtsuite.report.build import Report, build_report
from mtsuite.results.files import Entry
from mtsuite.results.folder import (
    COST_COLUMNS,
    FAILURE_COLUMNS,
    PERPLEXITY_COLUMNS,
    SCORE_COLUMNS,
    Score,
    read_results,
)
from mtsuite.results.segments import Segments, file_name
from mtsuite.results.writing import check_folder, is_output, write_files

Model = tuple[str, str, str]  # row, seed, trained on


@dataclass(frozen=True)
class Joined:
    """The table that was made, and sentences on what could not be tested."""

    report: Report
    told: tuple[str, ...]


def join_results(paths: Sequence[Path], output: Path, *, page: bool = True) -> Joined:
    """Write one results folder out of several; significance, intervals and report are computed anew.

    Raises StoreError when the folders are not parts of one table, or hold a row under a seed with different scores;
    RecipeError when ``output`` is not free.
    """
    paths = list(dict.fromkeys(path.resolve() for path in paths))
    if len(paths) < 2:
        raise StoreError("One results folder alone cannot be merged: give two or more.")
    if output.resolve() in paths:
        raise StoreError(f"--output-dir: {output} is one of the folders that are merged; choose another.")
    check_folder(output)
    names = folder_names(paths)
    folders = [Folder(name, read_results(path)) for name, path in zip(names, paths, strict=True)]
    check_joinable(folders)
    owners = _owners(folders)
    with tempfile.TemporaryDirectory(prefix="mtsuite-merge-") as place:
        made = Path(place) / output.name
        write_files(made, _records(folders, owners), is_output)
        results = read_results(made)
        files, told = statistics_files(results)
        write_files(made, files, lambda name: False)
        build_report(made, page=page)
        whole = {p.relative_to(made).as_posix(): p for p in sorted(made.rglob("*")) if p.is_file()}
        write_files(output, {name: path for name, path in whole.items() if is_output(name)}, is_output)
    return Joined(build_report(output, page=page), tuple(told))


def _owners(folders: Sequence[Folder]) -> dict[Model, Folder]:
    """The folder that each model's numbers are taken from: the one that has most of them.

    Raises StoreError where folders disagree on a score, or have different parts of a model's scores.
    """
    found: dict[Model, dict[str, dict[tuple[str, str, str], Score]]] = {}
    by_name = {folder.name: folder for folder in folders}
    for folder in folders:
        for s in folder.results.scores:
            of_model = found.setdefault((s.method, s.seed, s.trained_on), {}).setdefault(folder.name, {})
            of_model[s.direction, s.testset, s.metric] = s
    owners = {}
    for model, scores in found.items():
        first, *others = sorted(scores, key=lambda name: -len(scores[name]))
        owners[model] = by_name[first]
        for other in others:
            _check_equal(model, first, scores[first], other, scores[other])
    return owners


def _check_equal(
    model: Model,
    first: str,
    ours: Mapping[tuple[str, str, str], Score],
    other: str,
    theirs: Mapping[tuple[str, str, str], Score],
) -> None:
    row, seed, trained_on = model
    which = f"Row {row!r}, seed {seed}" + ("" if trained_on in ("all", "own") else f", trained on {trained_on}")
    advice = "Take it out of one of them (`mtsuite run … --methods` or `--seeds` leaves rows and seeds out)."
    for key, score in theirs.items():
        direction, _, metric = key
        if key not in ours:
            raise StoreError(f"{which} is in {first} and {other}, each with scores that the other lacks. {advice}")
        if abs(score.score - ours[key].score) > 1e-6:
            raise StoreError(
                f"{which} is in {first} and {other} with different scores ({metric} of {direction}: "
                f"{ours[key].score:.4f} and {score.score:.4f}): they are two models. {advice}"
            )


# -- the files of the joined folder -----------------------------------------------------------------


def _records(folders: Sequence[Folder], owners: Mapping[Model, Folder]) -> dict[str, bytes]:
    info = joined_info(folders)
    order = {row: number for number, row in enumerate(info["methods"])}

    def owned(name: str, columns: Sequence[str]) -> list[list[str]]:
        lines = _lines(folders, owners, name, columns)
        return sorted(lines, key=lambda line: (order.get(line[0], len(order)), int(line[1] or 0)))

    files = {
        "scores.csv": csv_bytes(SCORE_COLUMNS, owned("scores.csv", SCORE_COLUMNS)),
        "costs.csv": csv_bytes(COST_COLUMNS, owned("costs.csv", COST_COLUMNS)),
        "failures.csv": csv_bytes(FAILURE_COLUMNS, owned("failures.csv", FAILURE_COLUMNS)),
    }
    if perplexities := owned("perplexity.csv", PERPLEXITY_COLUMNS):
        files["perplexity.csv"] = csv_bytes(PERPLEXITY_COLUMNS, perplexities)
    files["metrics.jsonl"] = _curves(folders, owners)
    files |= _translations(folders, owners)
    files |= _segments(folders, owners)
    files["charts.json"] = _json(_charts(folders))
    files["report.json"] = _json(info)
    files["environment.json"] = _json(joined_environment(folders))
    files["recipe.yaml"] = joined_recipe([yaml.safe_load(folder.results.recipe) for folder in folders]).encode()
    return files


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def _lines(
    folders: Sequence[Folder], owners: Mapping[Model, Folder], name: str, columns: Sequence[str]
) -> Iterable[list[str]]:
    """Lines of a record, each from the folder that owns its model; what has no model (the base) from the first."""
    seen: set[tuple[str, ...]] = set()
    for folder in folders:
        entry = folder.results.files.entry(name)
        for row in csv.DictReader(entry.text().splitlines(keepends=True)) if entry.exists() else []:
            model = _model(owners, row["method"], row["seed"], row.get("trained_on"))
            line = [row[column] for column in columns]
            if model is None:
                key = tuple(
                    value for column, value in row.items() if column in ("method", "seed", "trained_on", "language")
                )
                if key in seen:
                    continue
                seen.add(key)
            elif owners[model] is not folder:
                continue
            yield line


def _model(owners: Mapping[Model, Folder], row: str, seed: str, trained_on: str | None) -> Model | None:
    tried = [trained_on] if trained_on is not None else ["all", "own"]
    return next(((row, seed, on) for on in tried if (row, seed, on) in owners), None)


def _curves(folders: Sequence[Folder], owners: Mapping[Model, Folder]) -> bytes:
    kept = []
    for folder in folders:
        entry = folder.results.files.entry("metrics.jsonl")
        for line in entry.text().splitlines() if entry.exists() else []:
            of = json.loads(line)
            model = (str(of["method"]), str(of["seed"]), str(of["trained_on"]))
            owner = owners.get(model) or owners.get((*model[:2], "own"))
            if owner is folder:
                kept.append(line)
    return "".join(f"{line}\n" for line in kept).encode()


def _translations(folders: Sequence[Folder], owners: Mapping[Model, Folder]) -> dict[str, bytes]:
    from mtsuite.names import safe_name

    named = {(safe_name(row), seed, on): folder for (row, seed, on), folder in owners.items()} | dict(owners)
    found: dict[str, bytes] = {}
    for folder in folders:
        for name in folder.results.files.names("translations", ".txt"):
            parts = name.split("/")
            if len(parts) == 5 and named.get((parts[1], parts[2], parts[3])) is folder:
                found[name] = Entry(folder.results.files, name).read()
    return found


def _segments(folders: Sequence[Folder], owners: Mapping[Model, Folder]) -> dict[str, bytes]:
    """Segments of every place, with the scores and flags of each row and seed from its owner."""
    places = list(dict.fromkeys(place for folder in folders for place in folder.results.segments))
    several = len({test_set for _, test_set in places}) > 1
    files = {}
    for place in places:
        there = [folder for folder in folders if place in folder.results.segments]
        text = there[0].results.segments[place]
        scores: dict[str, dict[str, dict[str, Any]]] = {}
        flags: dict[str, dict[str, Any]] = {}
        for folder in there:
            mine = folder.results.segments[place]
            for metric, rows in mine.scores.items():
                for row, seed, values in _owned(rows, folder, owners):
                    scores.setdefault(metric, {}).setdefault(row, {})[seed] = values
            for row, seed, values in _owned(mine.flags, folder, owners):
                flags.setdefault(row, {})[seed] = values
        made = Segments(*place, text.sources, text.references, scores, flags)
        files[f"segments/{file_name(*place, several, '.json')}"] = (made.to_json() + "\n").encode()
    return files


def _owned(
    rows: Mapping[str, Mapping[str, Any]], folder: Folder, owners: Mapping[Model, Folder]
) -> Iterable[tuple[str, str, Any]]:
    for row, seeds in rows.items():
        for seed, values in seeds.items():
            model = _model(owners, row, seed, None)
            if model is None or owners[model] is folder:
                yield row, seed, values


def _charts(folders: Sequence[Folder]) -> dict[str, Any]:
    """A row's charts are of one seed: those of the first folder that has any."""
    taken: dict[str, Folder] = {}
    charts = []
    for folder in folders:
        for method, chart in folder.results.charts:
            if taken.setdefault(method, folder) is folder:
                charts.append({"method": method, **chart.to_dict()})
    return {"charts": charts, "problems": []}
