"""What a joined folder says around its numbers: report.json, environment.json and recipe.yaml of the parts as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtsuite.compare.rows import Folder
from mtsuite.jobs.fairness import told_fairness
from mtsuite.recipe.write import yaml_text

_LISTS = ("methods", "external", "trained_methods", "notes", "untrained_notes", "failure_notes", "lower_is_better")
_BY_ROW = ("labels", "method_notes", "metric_notes", "learning_curves")


def joined_info(folders: Sequence[Folder]) -> dict[str, Any]:
    """report.json: the first folder's, with the rows, notes, streams and failures of all."""
    infos = [folder.results.info for folder in folders]
    joined = dict(infos[0])
    for key in _LISTS:
        if any(key in info for info in infos):
            joined[key] = _union(info.get(key) or [] for info in infos)
    for key in _BY_ROW:
        joined[key] = {name: value for info in reversed(infos) for name, value in (info.get(key) or {}).items()}
    for key in ("transfer", "sequence"):
        blocks = [info[key] for info in infos if info.get(key)]
        joined[key] = {**blocks[0], "methods": _union(block["methods"] for block in blocks)} if blocks else None
    joined["metrics"] = [m for m in infos[0]["metrics"] if all(m in info["metrics"] for info in infos)]
    joined["starts"] = _union(info.get("starts") or [] for info in infos)
    joined["sweeps"] = _sweeps(infos)
    joined["interference"] = _union(info.get("interference") or [] for info in infos)
    joined["failed"] = _union(info.get("failed") or [] for info in infos)
    streams = _union((info.get("fairness") or {}).get("streams") or [] for info in infos)
    streams = [{"text": "parallel", "chat": False, **stream} for stream in streams]  # earlier versions did not say
    joined["fairness"] = told_fairness(streams, [], trained=bool(joined.get("trained_methods")))
    joined["notes"] = [*joined.get("notes", []), *_versions(folders)]
    joined["command"] = f"mtsuite merge {' '.join(folder.name for folder in folders)}"
    return joined


def joined_environment(folders: Sequence[Folder]) -> dict[str, Any]:
    """environment.json: the first folder's, and each folder's own below ``merged``."""
    first = dict(folders[0].results.environment)
    own = {f.name: {k: v for k, v in f.results.environment.items() if k != "data"} for f in folders}
    data = first.pop("data", None)
    return {**first, "merged": own, **({} if data is None else {"data": data})}


def joined_recipe(trees: Sequence[Mapping[str, Any]]) -> str:
    """recipe.yaml: the first folder's, with the rows and seeds of all."""
    joined = dict(trees[0])
    joined["seeds"] = sorted({seed for tree in trees for seed in tree.get("seeds") or [1]})
    for key in ("methods", "external"):
        joined[key] = {name: row for tree in reversed(trees) for name, row in (tree.get(key) or {}).items()}
        order = _union(tree.get(key) or {} for tree in trees)
        joined[key] = {name: joined[key][name] for name in order}
    for key in ("transfer", "sequence"):
        blocks = [tree[key] for tree in trees if tree.get(key)]
        if blocks:
            joined[key] = {**blocks[0], "methods": _union(block.get("methods") or [] for block in blocks)}
    return yaml_text(joined)


def _union(lists: Iterable[Iterable[Any]]) -> list[Any]:
    """All entries once, in order of first appearance."""
    found: list[Any] = []
    for entries in lists:
        found += [entry for entry in entries if entry not in found]
    return found


def _sweeps(infos: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for sweep in (sweep for info in infos for sweep in info.get("sweeps") or []):
        known = found.setdefault((sweep["label"], sweep["key"]), {**sweep, "points": []})
        known["points"] += [point for point in sweep["points"] if point not in known["points"]]
    return list(found.values())


def _versions(folders: Sequence[Folder]) -> list[str]:
    """A note where parts were made by different versions of the suite or its libraries."""
    told: dict[str, list[str]] = {}
    for folder in folders:
        environment = folder.results.environment
        packages = environment.get("packages") or {}
        version = f"mtsuite {environment.get('mtsuite', '?')} ({environment.get('commit', 'no commit')})"
        libraries = [f"{name} {packages[name]}" for name in ("torch", "transformers", "peft") if name in packages]
        told.setdefault(", ".join([version, *libraries]), []).append(folder.name)
    if len(told) < 2:
        return []
    said = "; ".join(f"{', '.join(names)}: {versions}" for versions, names in told.items())
    return [f"The parts of this table were made by different versions: {said}."]
