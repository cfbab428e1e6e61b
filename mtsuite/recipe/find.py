"""Finding recipe files: by path, or by the name of one that comes with the suite."""

from __future__ import annotations

import os
from pathlib import Path

from mtsuite.errors import RecipeError, did_you_mean, printable, shortened, unprintable
from mtsuite.recipe.paths import path_problem
from mtsuite.recipe.tree import shown

_PACKAGE = Path(__file__).resolve().parents[1]


def recipes_folder() -> Path | None:
    """The folder of the recipes that come with the suite: of the checkout, or inside the installed package."""
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "recipes").is_dir():
        return checkout / "recipes"
    return _PACKAGE / "recipes" if (_PACKAGE / "recipes").is_dir() else None


def builtin_recipes() -> dict[str, Path]:
    """Name to path of the recipes that come with the suite, sorted by name.

    ``recipes/real/tatoeba.yaml`` is ``real-tatoeba``.  Files and folders that start with ``_`` or ``.``
    hold parts for ``extends:`` and are not listed.
    """
    folder = recipes_folder()
    if folder is None:
        return {}
    found = {}
    for path in folder.rglob("*.yaml"):
        if not any(part.startswith(("_", ".")) for part in path.relative_to(folder).parts):
            found[recipe_name(path)] = path
    return dict(sorted(found.items()))


def recipe_name(path: Path) -> str:
    """The name of a recipe that gives none: its path below the nearest folder ``recipes``, joined with hyphens."""
    path = Path(os.path.abspath(path))
    folders = list(path.parts[1:-1])
    below = folders[len(folders) - folders[::-1].index("recipes") :] if "recipes" in folders else []
    return "-".join([*below, path.stem])


def find_recipe(text: str | Path, folder: Path | None = None) -> Path:
    """The absolute path of a recipe.

    ``text`` is a path, relative to ``folder`` (the working directory when None), or a built-in name.  An existing
    file goes before a built-in recipe.  Raises RecipeError with the nearest names.
    """
    if (problem := unprintable(str(text))) is not None:
        raise RecipeError(f"{printable(str(text))}: U+{ord(problem):04X} has no place in a recipe's path.")
    path = Path(os.path.abspath((folder or Path.cwd()) / Path(text).expanduser()))
    if too_long := path_problem(path):
        raise RecipeError(f"{shortened(str(text))}: no such recipe or file: {too_long}.")
    if path.is_file():
        return path
    builtin = builtin_recipes()
    name = Path(text).as_posix().replace("/", "-")
    if name in builtin and not Path(text).is_absolute():
        return builtin[name]
    if path.is_dir():
        inside = sorted(p.name for p in path.glob("*.y*ml"))
        hint = f" In it: {', '.join(inside)}." if inside else ""
        raise RecipeError(f"{shown(path)}: a folder, not a recipe.{hint}")
    known = [p.name for p in path.parent.glob("*.y*ml")]
    if not Path(text).suffix and len(Path(text).parts) == 1:
        raise RecipeError(f"{text}: no such recipe or file. {did_you_mean(str(text), [*builtin, *known])}")
    if not path.parent.is_dir():
        raise RecipeError(f"{shown(path)}: no such file; there is no folder {shown(path.parent)} either.")
    raise RecipeError(f"{shown(path)}: no such file. {did_you_mean(path.name, known)}")
