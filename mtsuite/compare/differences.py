"""What differs between results folders besides scores: recipe, data, versions, hardware, test sets."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from mtsuite.compare.rows import Folder
from mtsuite.errors import StoreError

ABSENT = "—"
MISSING = object()


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same everywhere: its name and a value a folder, ``—`` where it is not there."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Kind:
    """Differences of one kind, how many things were the same, and how many were not said everywhere.

    Not said is a recipe key that some folders do not have, since an earlier version wrote them, and whose value in the
    others is the default.
    """

    name: str
    differences: tuple[Difference, ...]
    same: int
    unsaid: int = 0


def differences(folders: Sequence[Folder]) -> list[Kind]:
    """Recipe keys (dotted), environment, data and test sets."""
    environments = [_environment(folder) for folder in folders]
    return [
        _kind("recipe", _recipes(folders), _default),
        _kind("environment", [environment for environment, _ in environments]),
        _kind("data", [data for _, data in environments]),
        _kind("test sets", _test_sets(folders)),
    ]


def flat(value: Any, key: str = "") -> dict[str, Any]:
    """A nested mapping as dotted keys; lists and empty mappings are values."""
    if not isinstance(value, Mapping) or not value:
        return {key: value}
    found: dict[str, Any] = {}
    for name, below in value.items():
        found |= flat(below, f"{key}.{name}" if key else str(name))
    return found


def _kind(name: str, found: Sequence[Mapping[str, Any]], default: Callable[[str], Any] = lambda _key: MISSING) -> Kind:
    keys = list(dict.fromkeys(key for one in found for key in one))
    differing = [key for key in keys if any(one.get(key, MISSING) != found[0].get(key, MISSING) for one in found[1:])]
    unsaid = {key for key in differing if all(one.get(key, MISSING) in (MISSING, default(key)) for one in found if one)}
    shown = tuple(
        Difference(key, tuple(_shown(one[key]) if key in one else ABSENT for one in found))
        for key in differing
        if key not in unsaid
    )
    return Kind(name, shown, len(keys) - len(differing), len(unsaid))


def _default(key: str) -> Any:
    """The default of a dotted recipe key; MISSING where the key has none."""
    section, _, rest = key.partition(".")
    if section == "methods":
        return _defaults()[1].get(rest.partition(".")[2], MISSING)
    return _defaults()[0].get(key, MISSING)


@functools.cache
def _defaults() -> tuple[dict[str, Any], dict[str, Any]]:
    """Defaults by dotted key: of a recipe, and of one of its rows."""
    from mtsuite.recipe.schema import Recipe

    tree = Recipe(directions=["en-de"], methods={"row": {}}).model_dump(mode="json")
    row = tree.pop("methods")["row"]
    return flat(tree), flat(row)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _recipes(folders: Sequence[Folder]) -> list[dict[str, Any]]:
    """Dotted keys of every recipe; a row that not all have is one key, there or not."""
    trees = [_recipe(folder) for folder in folders]
    found = []
    common = set.intersection(*(set(_rows(tree)) for tree in trees))
    for tree in trees:
        rows = _rows(tree)
        keys = flat({key: value for key, value in tree.items() if key != "methods"}) if tree else {}
        shared = {name: row or {} for name, row in rows.items() if name in common}
        keys |= flat({"methods": shared}) if shared else {}
        found.append(keys | {f"methods.{name}": "there" for name in rows if name not in common})
    sections = {key.rpartition(".")[0] for keys in found for key in keys}
    # A section that is null in one recipe is absent there: its keys in the others say it all.
    return [{key: v for key, v in keys.items() if not (v is None and key in sections)} for keys in found]


def _rows(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    rows = tree.get("methods")
    return rows if isinstance(rows, Mapping) else {}


def _recipe(folder: Folder) -> Mapping[str, Any]:
    if not folder.results.recipe:
        return {}
    path = folder.results.folder / "recipe.yaml"
    try:
        value = yaml.safe_load(folder.results.recipe)
    except yaml.YAMLError as error:
        raise StoreError(f"{path}: expected YAML: {error}") from None
    if not isinstance(value, Mapping):
        raise StoreError(f"{path}: expected a mapping, found {type(value).__name__}.")
    return value


def _environment(folder: Folder) -> tuple[dict[str, Any], dict[str, Any]]:
    value = dict(folder.results.environment)
    data = value.pop("data", None)
    kept = {key: data[key] for key in ("fingerprint", "pairs", "notes") if key in data} if data else {}
    info = {key: folder.results.info[key] for key in ("model", "decoding") if key in folder.results.info}
    return flat(value) | info if value else info, flat(kept) if kept else {}


def _test_sets(folders: Sequence[Folder]) -> list[dict[str, Any]]:
    """Direction and test set -> the same text wherever sources and references are the same."""
    known: dict[tuple[str, str], list[Any]] = {}
    found = []
    for folder in folders:
        there = {}
        for place, segments in sorted(folder.results.segments.items()):
            versions = known.setdefault(place, [])
            text = (segments.sources, segments.references)
            if text not in versions:
                versions.append(text)
            which = f", version {versions.index(text) + 1}" if len(versions) > 1 else ""
            there[f"{place[0]} {place[1]}"] = f"{len(segments.sources)} segments{which}"
        found.append(there)
    return found
