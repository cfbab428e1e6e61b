"""``mtsuite recipes``: list and copy the recipes that come with the suite."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtsuite.cli.terminal import escaped, make_console

recipes_app = typer.Typer(help="The recipes that come with the suite.", no_args_is_help=True)


@recipes_app.command("list")
def recipes_list() -> None:
    """The built-in recipes with the first line of their header."""
    from rich.table import Table

    from mtsuite.recipe import builtin_recipes

    table = Table("recipe", "what it makes", box=None, pad_edge=False)
    for name, path in builtin_recipes().items():
        first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        table.add_row(name, escaped(first))
    make_console().print(table)


@recipes_app.command("copy")
def recipes_copy(
    name: Annotated[str, typer.Argument(help="A built-in recipe.")],
    target: Annotated[Path, typer.Argument(help="Where to write it.")],
) -> None:
    """Copy a built-in recipe, to be edited."""
    import shutil

    from mtsuite.errors import RecipeError
    from mtsuite.recipe.find import find_recipe

    source = find_recipe(name)
    if target.is_dir():
        target = target / source.name
    if target.exists():
        raise RecipeError(f"{target} exists already; choose another place.")
    shutil.copyfile(source, target)
    make_console().print(f"Written: {target}")
