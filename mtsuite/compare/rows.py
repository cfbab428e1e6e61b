"""Which rows of which results folders stand side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtsuite.errors import StoreError, did_you_mean
from mtsuite.results.folder import Results, read_results


@dataclass(frozen=True)
class Folder:
    """An opened results folder and what it is called here."""

    name: str
    results: Results


@dataclass(frozen=True)
class Side:
    """One row of one folder."""

    folder: Folder
    method: str

    @property
    def label(self) -> str:
        return self.folder.results.label(self.method)


@dataclass(frozen=True)
class Group:
    """Rows that are compared with the first of them."""

    name: str
    sides: tuple[Side, ...]


@dataclass(frozen=True)
class Choice:
    """All folders, the groups of rows, and rows that found no counterpart (as sentences)."""

    folders: tuple[Folder, ...]
    groups: tuple[Group, ...]
    left_out: tuple[str, ...]


def choose(given: Sequence[str], rows: Sequence[str] = ()) -> Choice:
    """Open what was named: folders (``results/table1``) or single rows of them (``results/table1:lora``).

    Folders are matched row by row, by name and else by label; ``rows`` keeps these alone.  Single rows make one group,
    and so do the ``rows`` of a single folder.  Raises StoreError for what is no results folder, for a row that is not
    there, and when there is nothing to compare.
    """
    parsed = [_parse(text) for text in given]
    paths = list(dict.fromkeys(path for path, _ in parsed))
    names = dict(zip(paths, folder_names(paths), strict=True))
    opened = {path: Folder(names[path], read_results(path)) for path in paths}
    folders = tuple(opened.values())
    wanted = [row.strip() for text in rows for row in text.split(",") if row.strip()]
    single = [row for _, row in parsed if row is not None]
    if single and (wanted or len(single) < len(parsed)):
        raise StoreError(
            "Either every RESULTS names a row (RESULTS:ROW) or none does (then --rows chooses); found "
            f"{' '.join(given)}{' with --rows ' + ','.join(wanted) if wanted else ''}."
        )
    if single:
        sides = [Side(opened[path], _row(opened[path], row)) for path, row in parsed if row is not None]
        return Choice(folders, (_one_group(sides),), ())
    if len(folders) == 1:
        if len(wanted) < 2:
            raise StoreError(
                f"{paths[0]} alone cannot be compared: give another results folder, or rows of this one with "
                f"--rows A,B. Rows: {', '.join(folders[0].results.methods)}."
            )
        return Choice(folders, (_one_group([Side(folders[0], _row(folders[0], row)) for row in wanted]),), ())
    return _matched(folders, wanted)


def _parse(text: str) -> tuple[Path, str | None]:
    if Path(text).is_dir() or ":" not in text:
        return Path(text), None
    path, _, row = text.rpartition(":")
    return Path(path), row


def folder_names(paths: Sequence[Path]) -> list[str]:
    """Each folder by its name, or by its path where several have the same name."""
    short = [path.resolve().name for path in paths]
    return [name if short.count(name) == 1 else str(path) for path, name in zip(paths, short, strict=True)]


def _row(folder: Folder, row: str) -> str:
    known = folder.results.methods
    by_label = [method for method in known if folder.results.label(method) == row]
    if row in known:
        return row
    if len(by_label) == 1:
        return by_label[0]
    raise StoreError(f"{folder.results.folder} has no row {row!r}. {did_you_mean(row, known)}")


def _one_group(sides: Sequence[Side]) -> Group:
    keys = [(id(side.folder), side.method) for side in sides]
    if len(set(keys)) != len(keys):
        raise StoreError("The same row of the same folder is named twice; there is nothing to compare in it.")
    if len(sides) < 2:
        raise StoreError("One row alone cannot be compared: name another one.")
    return Group("", tuple(sides))


def _matched(folders: tuple[Folder, ...], wanted: Sequence[str]) -> Choice:
    first, *others = folders
    if wanted:
        for row in wanted:
            if not any(_has(folder, row) for folder in folders):
                known = {method for folder in folders for method in folder.results.methods}
                raise StoreError(f"No folder has a row {row!r}. {did_you_mean(row, known)}")
    groups, used = [], {(first.name, method) for method in first.results.methods}
    for method in first.results.methods:
        sides = [Side(first, method)]
        for folder in others:
            match = _counterpart(first, method, folder)
            if match is not None:
                sides.append(Side(folder, match))
                used.add((folder.name, match))
        if wanted and not any(side.method in wanted or side.label in wanted for side in sides):
            continue
        groups.append(Group(sides[0].label, tuple(sides)))
    alone = {first.name: [group.name for group in groups if len(group.sides) == 1]}
    if not wanted:
        for folder in others:
            left = [method for method in folder.results.methods if (folder.name, method) not in used]
            alone[folder.name] = [folder.results.label(method) for method in left]
    compared = tuple(group for group in groups if len(group.sides) > 1)
    if not compared:
        rows = "; ".join(f"{folder.name}: {', '.join(folder.results.methods)}" for folder in folders)
        raise StoreError(
            f"The folders have no row in common, by name or label ({rows}). Name the rows to compare: "
            f"{first.results.folder}:ROW {others[0].results.folder}:ROW."
        )
    left_out = tuple(f"Only in {name}: {', '.join(labels)}." for name, labels in alone.items() if labels)
    return Choice(folders, compared, left_out)


def _has(folder: Folder, row: str) -> bool:
    return row in folder.results.methods or any(folder.results.label(m) == row for m in folder.results.methods)


def _counterpart(first: Folder, method: str, folder: Folder) -> str | None:
    if method in folder.results.methods:
        return method
    label = first.results.label(method)
    same = [m for m in folder.results.methods if folder.results.label(m) == label and m not in first.results.methods]
    return same[0] if len(same) == 1 else None
