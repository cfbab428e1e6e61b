"""Where text comes from: one file a source, behind the interface of `mtsuite.data.sources.base.Source`.

The functions here take the plain dictionary of the recipe's ``data`` section and the recipe's folder.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.sources.base import HELD_OUT_TEST, Limits, Source
from mtsuite.errors import DataError, did_you_mean

__all__ = ["Limits", "Source", "check_source", "check_tests", "open_source", "source_fingerprint", "test_set_names"]

_KINDS = {
    "microworld": "mtsuite.data.sources.microworld:MicroworldSource",
    "files": "mtsuite.data.sources.files:FilesSource",
    "hub": "mtsuite.data.sources.hub:HubSource",
}


def parse_directions(directions: Sequence[Direction | str]) -> list[Direction]:
    """Directions from their text or as they are."""
    return [Direction.parse(d) if isinstance(d, str) else d for d in directions]


def open_source(
    data: Mapping[str, Any], directions: Sequence[Direction | str], folder: Path | str = ".", offline: bool = False
) -> Source:
    """The source that ``data["text"]`` describes.  Raises DataError when its paths cannot be resolved."""
    text = data["text"]
    kind = text["source"]
    if kind == "plugin":
        from mtsuite.data.sources.own import open_own

        return open_own(text, parse_directions(directions), Path(folder).resolve(), offline)
    if kind not in _KINDS:
        raise DataError(f"data.text.source: unknown source {kind!r}. {did_you_mean(kind, _KINDS)}")
    module, _, name = _KINDS[kind].partition(":")
    source: Source = getattr(importlib.import_module(module), name)(
        text, parse_directions(directions), Path(folder).resolve(), offline
    )
    return source


def check_source(
    data: Mapping[str, Any], directions: Sequence[Direction | str], folder: Path | str = ".", offline: bool = False
) -> None:
    """Cheap test, before anything runs, that the source can serve the directions (files exist, names are known).

    Raises DataError naming the key, the direction or the file.
    """
    parsed = parse_directions(directions)
    _check_named(data, parsed, folder, offline)
    sets = data.get("sacrebleu", {}).get("sets", {})
    if sets:
        from mtsuite.data.sources import sacrebleu_sets

        for direction in sorted(sacrebleu_sets.covered(sets)):
            if direction not in parsed:
                raise DataError(f"data.sacrebleu.sets names {direction}, which is not among the recipe's directions.")
    open_source(data, parsed, folder).check(tested(data, parsed, folder))


def check_tests(data: Mapping[str, Any], directions: Sequence[Direction | str], folder: Path | str = ".") -> None:
    """Cheap test, before anything runs, that directions that are not trained on have test sets.

    Raises DataError naming the direction and what to do.
    """
    parsed = parse_directions(directions)
    _check_named(data, parsed, folder, partly=True)
    wanted = tested(data, parsed, folder)
    if not wanted:
        return
    source = open_source(data, wanted, folder)
    if not source.has_tests:
        raise DataError(
            f"{wanted[0]} has no test set: data.text.test is empty, and lines are held out of training for directions "
            f"that are trained on alone. Name a test set under data.text.test, data.benchmarks or data.sacrebleu.sets."
        )
    source.check_tests(wanted)


def _check_named(
    data: Mapping[str, Any],
    directions: Sequence[Direction],
    folder: Path | str,
    offline: bool = False,
    partly: bool = False,
) -> None:
    """Test sets by name: known, with the directions, and at hand as far as can be told."""
    if sets := data.get("sacrebleu", {}).get("sets", {}):
        from mtsuite.data.sources import sacrebleu_sets

        sacrebleu_sets.check(sets)
    if named := data.get("benchmarks"):
        from mtsuite.data import benchmarks

        benchmarks.check(named, directions, Path(folder), offline, partly)
        if twice := sorted(set(named) & set(sets)):
            raise DataError(f"data.benchmarks and data.sacrebleu.sets both name {twice[0]!r}; keep one of them.")


def source_fingerprint(
    data: Mapping[str, Any], folder: Path | str = ".", directions: Sequence[Direction | str] = ()
) -> dict[str, Any]:
    """Plain JSON values that change when the text would: contents of files, not where they lie.

    With ``directions``, only the files that serve them are read; without, all that the patterns match.
    Raises DataError for a missing file.
    """
    found: dict[str, Any] = {"text": open_source(data, directions, folder).fingerprint()}
    sets = data.get("sacrebleu", {}).get("sets", {})
    if sets:
        from mtsuite.data.sources import sacrebleu_sets

        found["sacrebleu"] = sacrebleu_sets.fingerprint(sets)
    if named := data.get("benchmarks"):
        from mtsuite.data import benchmarks

        found["benchmarks"] = benchmarks.fingerprint(named, parse_directions(directions), Path(folder))
    return found


def tested(data: Mapping[str, Any], directions: Sequence[Direction], folder: Path | str) -> list[Direction]:
    """The directions whose test sets come from the source, not by name from a benchmark or sacrebleu."""
    covered: set[Direction] = set()
    if sets := data.get("sacrebleu", {}).get("sets", {}):
        from mtsuite.data.sources import sacrebleu_sets

        covered |= sacrebleu_sets.covered(sets)
    if named := data.get("benchmarks"):
        from mtsuite.data import benchmarks

        covered |= benchmarks.covered(named, directions, Path(folder))
    return [direction for direction in directions if direction not in covered]


def test_set_names(
    data: Mapping[str, Any],
    direction: Direction,
    folder: Path | str = ".",  # noqa: PT028  (not a test function)
) -> list[str]:
    """The test sets that will serve a direction, known before anything is read; those by name win over the source's."""
    from mtsuite.data.sources import sacrebleu_sets

    sets = sacrebleu_sets.parse(data.get("sacrebleu", {}).get("sets", {}))
    named = [name for name, served in sets.items() if direction in served]
    if chosen := data.get("benchmarks"):
        from mtsuite.data import benchmarks

        named = [*benchmarks.names_for(chosen, direction, Path(folder)), *named]
    if named:
        return named
    source = open_source(data, [direction], folder)
    return source.test_names(direction) if source.has_tests else [HELD_OUT_TEST]
