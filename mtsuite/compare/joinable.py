"""Whether results folders can be one table: the same data and recipe, but for rows and seeds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from mtsuite.compare.differences import Difference, differences
from mtsuite.compare.rows import Folder
from mtsuite.errors import StoreError

# What may differ between recipes of one table: which rows and seeds there are, how they are shown and where files lie.
# Text is compared by its fingerprint, and by sources and references of the test sets.
_FREE = re.compile(
    r"name|title|seeds|tracking|report\..*|significance\.pairs|train\.checkpoint_seconds|external(\..*)?|sequence\.methods"
    r"|transfer\.methods|data\.text\.(train|valid|test|mono)(\..*)?|model\.architecture(\..*)?|methods\.[^.]+"
)


def check_joinable(folders: Sequence[Folder]) -> None:
    """Raise StoreError, with all that differs, where folders are not parts of one table."""
    names = ", ".join(folder.name for folder in folders)
    _need(folders)
    problems = [
        f"{kind}: {_told(difference, folders)}"
        for kind, difference in _all(folders)
        if not (kind == "recipe" and _free(difference, folders))
    ]
    problems += _signatures(folders)
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems[:20])
        more = f"\n  and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise StoreError(f"{names} are not parts of one table; `mtsuite compare` puts them side by side.{lines}{more}")


def _need(folders: Sequence[Folder]) -> None:
    for folder in folders:
        if not folder.results.recipe:
            raise StoreError(f"{folder.results.folder} has no recipe.yaml, so it is unknown what it is a part of.")
        if "fingerprint" not in folder.results.environment.get("data", {}):
            raise StoreError(
                f"{folder.results.folder}/environment.json has no data.fingerprint, so it is unknown whether its "
                "data are those of the others. Run its recipe again to have it written."
            )


def _all(folders: Sequence[Folder]) -> Iterator[tuple[str, Difference]]:
    """Differences of recipe, data, base model and test sets that both folders have."""
    for kind in differences(folders):
        for difference in kind.differences:
            told = kind.name != "environment" or difference.name in ("model", "decoding")
            absent = kind.name == "test sets" and "version" not in " ".join(difference.values)
            if told and not absent and not (kind.name == "data" and difference.name == "notes"):
                yield kind.name, difference


def _free(difference: Difference, folders: Sequence[Folder]) -> bool:
    if _FREE.fullmatch(difference.name):
        return True
    # The same model under another path; its size and origin are compared with the environment.
    last = {value.rstrip("/").rpartition("/")[2] for value in difference.values}
    return difference.name == "model.name_or_path" and len(last) == 1


def _told(difference: Difference, folders: Sequence[Folder]) -> str:
    values = (f"{folder.name} {value}" for folder, value in zip(folders, difference.values, strict=True))
    return f"{difference.name} ({'; '.join(values)})"


def _signatures(folders: Sequence[Folder]) -> Iterator[str]:
    """Scores of one metric and test set that were made in different ways."""
    made: dict[tuple[str, str, str], dict[str, str]] = {}
    for folder in folders:
        for s in folder.results.scores:
            made.setdefault((s.metric, s.direction, s.testset), {}).setdefault(s.signature, folder.name)
    told: dict[tuple[str, str], list[str]] = {}
    for (metric, direction, _), by_signature in made.items():
        if len(by_signature) > 1:
            said = "; ".join(f"{name} {signature}" for signature, name in by_signature.items())
            told.setdefault((metric, said), []).append(direction)
    for (metric, said), directions in told.items():
        yield f"signature: {metric} of {', '.join(dict.fromkeys(directions))} ({said})"
