"""From what the user names to a recipe, its plan and its results folder."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mtsuite.cli.terminal import escaped, make_console
from mtsuite.errors import MTSuiteError, shortened

if TYPE_CHECKING:
    from mtsuite.plan.graph import Job
    from mtsuite.plan.planned import Planned
    from mtsuite.recipe.schema import ReadRecipe
    from mtsuite.run.store import Store


def read_selected(
    recipe: str, overrides: list[str] | None, only: Any = None, exclude: Any = None, seeds: str | None = None
) -> ReadRecipe:
    """A recipe with overrides, of which the rows and seeds that were asked for are left.  Raises RecipeError."""
    from mtsuite.recipe import read_recipe, select

    read = read_recipe(recipe, overrides or [])
    chosen = _seed_list(seeds)
    return read.model_copy(update={"recipe": select(read.recipe, only or [], exclude or [], chosen)})


def _seed_list(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(re.fullmatch(r"[0-9]{1,10}", part) and int(part) < 2**32 for part in parts):
        found = repr(shortened(text))
        raise typer.BadParameter(
            f"expected whole numbers from 0 to {2**32 - 1}, such as 1,2,3; found {found}", param_hint="--seeds"
        )
    return [int(part) for part in parts]


def trained_recipe(recipe: str, overrides: list[str] | None, results: Path | None) -> tuple[ReadRecipe, Path]:
    """A recipe and the results folder beside which its store lies; the folder alone says both."""
    folder = Path(recipe)
    if results is None and (folder / "report.json").is_file() and (folder / "recipe.yaml").is_file():
        return read_selected(str(folder / "recipe.yaml"), overrides), folder
    read = read_selected(recipe, overrides)
    return read, results_folder(read, results)


def results_folder(read: ReadRecipe, output: Path | None) -> Path:
    """The folder that was asked for, or the one that goes by the recipe's name.

    Raises RecipeError where there can be no such folder: a file has its name, or that of one above it.
    """
    from mtsuite.errors import RecipeError
    from mtsuite.recipe.paths import path_problem

    folder = output if output is not None else Path("results") / read.recipe.name
    what = "--output-dir: " if output is not None else ""
    if problem := path_problem(folder):
        raise RecipeError(f"{what}{shortened(str(folder))}: {problem}.")
    for above in (folder, *folder.parents):
        if above.is_dir():
            break
        if above.exists() or above.is_symlink():
            raise RecipeError(f"{what}expected a folder for the results, found a file: {above}. Choose another place.")
    return folder


def store_root(results: Path) -> Path:
    """Where the store of a results folder lies: beside it, wherever links lead, or where MTSUITE_HOME says."""
    from mtsuite.run.store import Store

    return Store.default_root(Path(os.path.abspath(results)).parent)


def planned_for(read: ReadRecipe, *, offline: bool = False) -> Planned:
    """The recipe's plan; what methods print while they are asked for it goes to the standard error.

    ``offline``: what would have to be downloaded counts as lacking.
    """
    from mtsuite.run.aside import prints_aside

    with prints_aside(), _no_collection():
        from mtsuite.plan.build import make_plan

        try:
            return make_plan(read, offline=offline)
        except MTSuiteError as error:
            error.exit_code = 2  # nothing has run
            raise


@contextmanager
def _no_collection() -> Iterator[None]:
    """No search for garbage meanwhile: imports make hardly any, and looking for it is a fifth of their time.

    What is there then stays for good and is not looked through again, nor when the process ends.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was:
            gc.enable()


def tell_leaving(results: Path, read: ReadRecipe) -> None:
    """Say which rows and seeds of an earlier run this one leaves out of a results folder."""
    from mtsuite.results.rows import scored_rows

    scored = scored_rows(results)
    methods, external = read.recipe.methods, read.recipe.external
    gone = [row for row in scored if row not in methods and row not in external]
    seeds = dict.fromkeys(seed for row in methods for seed in scored.get(row, []))
    lost = [seed for seed in seeds if seed not in map(str, read.recipe.seeds)]
    told = [f"the rows {', '.join(gone)}"] if gone else []
    told += [f"the seeds {', '.join(lost)}"] if lost else []
    if told:
        make_console(stderr=True).print(
            f"note: {escaped(str(results))} holds {escaped(' and '.join(told))}, which this run leaves out: they go "
            "from its tables and translations. What they were made of stays in the store. To keep the tables too, give "
            "this run a folder of its own with --output-dir.",
            highlight=False,
            soft_wrap=True,
        )


def tell_ahead(
    read: ReadRecipe,
    planned: Planned,
    done: Callable[[Job], bool] = lambda _: False,
    *,
    offline: bool = False,
    quiet: bool = False,
) -> None:
    """Say before the first job what will be missing from the table, and what the hub will not give.

    ``offline``: the hub is not asked.  Raises RecipeError where without it nothing can run.
    """
    from mtsuite.plan.comet import not_read
    from mtsuite.plan.hub import check_hub

    told = [f"{name}: {problem}" for name in planned.comet if (problem := not_read(name, planned.recipe))]
    told += [] if offline else check_hub(read, planned, done)
    for text in [] if quiet else told:
        make_console(stderr=True).print(f"note: {escaped(text)}", highlight=False, soft_wrap=True)


def tell_pretraining(planned: Planned, store: Store) -> None:
    """Say before the first job that a base model is pretrained, where it is, and how long that takes."""
    from mtsuite.plan.budget import pretraining

    told = pretraining(planned, lambda job: store.is_done(job.key, job.kind), store.finished, store.path)
    if told:
        make_console(stderr=True).print(f"note: {told}", highlight=False, soft_wrap=True)


def tell_broken(planned: Planned, verbose: bool) -> None:
    """Rows whose method cannot be used: which, in which phase, why, and the traceback for those who ask.

    Raises typer.Exit with code 1 when there are any.
    """
    console = make_console(stderr=True)
    for row in planned.broken:
        text = f"[bold red]methods.{escaped(row.name)}: {row.phase}: FAILED:[/] {escaped(row.error)}"
        console.print(text, highlight=False, soft_wrap=True)
        if verbose:
            console.print(escaped(row.traceback.rstrip()), highlight=False, soft_wrap=True)
    if planned.broken:
        hint = "" if verbose else " -v shows the traceback."
        console.print(f"The other rows can be run.{hint}", highlight=False)
        raise typer.Exit(1)
