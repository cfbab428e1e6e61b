"""Rows over a range of values: ``sweep: {k: [1, 2, 4]}`` in a row stands for one row a value."""

from __future__ import annotations

import re

from mtsuite.recipe.tree import Entry, Listing, Mapping, Node, Place, Problem, Scalar, from_plain

_OWN_TRAINING = "train."  # sweep: {train.learning_rate: [...]} sets the row's training, other keys its config


def expand_sweeps(tree: Mapping, problems: list[Problem]) -> None:
    """Put ``row-key-value`` rows in the place of every row that has a ``sweep``.

    Each remembers under ``swept`` what it came from, for the chart over the values.  A sweep that is no
    mapping of one key to a list of single values is a problem, and the row is left out.
    """
    rows = tree.get("methods")
    if not isinstance(rows, Mapping):
        return
    expanded: dict[str, Entry] = {}
    for name, entry in rows.entries.items():
        sweep = entry.node.entries.get("sweep") if isinstance(entry.node, Mapping) else None
        if sweep is None or (isinstance(sweep.node, Scalar) and sweep.node.value is None):
            expanded[name] = entry
            continue
        assert isinstance(entry.node, Mapping)
        found = _one_key(sweep.node)
        if found is None:
            problems.append(
                Problem(
                    sweep.place,
                    f"methods.{name}.sweep: expected one key of the row's config (or train.learning_rate) and a list "
                    "of values, such as {k: [1, 2, 4]}",
                )
            )
            continue
        key, values = found
        ours: set[str] = set()
        for value in values:
            made = _row_name(name, key, value)
            if made in ours:
                told = f"methods.{name}.sweep: two of its values make the row {made!r}; take one of them out"
                problems.append(Problem(value.place, told))
            elif made in expanded or made in rows.entries:
                told = f"methods.{name}.sweep: makes the row {made!r}, and there is a row of that name; rename either"
                problems.append(Problem(value.place, told))
            ours.add(made)
            expanded[made] = Entry(entry.place, _row(name, entry.node, key, value))
    tree.entries["methods"] = Entry(tree.entries["methods"].place, Mapping(rows.place, expanded, rows.replace))


def _one_key(node: Node) -> tuple[str, list[Scalar]] | None:
    if not isinstance(node, Mapping) or len(node.entries) != 1:
        return None
    ((key, entry),) = node.entries.items()
    if not isinstance(entry.node, Listing) or not entry.node.items:
        return None
    values = [item for item in entry.node.items if isinstance(item, Scalar)]
    return (key, values) if len(values) == len(entry.node.items) else None


def _short(key: str) -> str:
    return key.rpartition(".")[2]


def _row_name(name: str, key: str, value: Scalar) -> str:
    return f"{name}-{_short(key)}-" + re.sub(r"[^A-Za-z0-9_.-]+", "-", str(value.value)).strip("-")


def _row(name: str, row: Mapping, key: str, value: Scalar) -> Mapping:
    entries = {k: e for k, e in row.entries.items() if k != "sweep"}
    place = value.place
    section, field = ("train", key.removeprefix(_OWN_TRAINING)) if key.startswith(_OWN_TRAINING) else ("config", key)
    entries[section] = _with(entries.get(section), field, value, row.place)
    if "use" not in entries:
        entries["use"] = Entry(place, Scalar(place, name, name))
    label = entries.get("label")
    shown = label.node.value if label is not None and isinstance(label.node, Scalar) and label.node.value else name
    entries["label"] = Entry(place, from_plain(f"{shown}, {_short(key)} = {value.value}", place))
    entries["swept"] = Entry(
        place, from_plain({"row": name, "label": str(shown), "key": key, "value": value.value}, place)
    )
    return Mapping(row.place, entries)


def _with(section: Entry | None, field: str, value: Scalar, place: Place) -> Entry:
    old = section.node if section is not None and isinstance(section.node, Mapping) else Mapping(place)
    return Entry(value.place, Mapping(old.place, {**old.entries, field: Entry(value.place, value)}))
