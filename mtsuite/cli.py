"""The command line.  Verbs only; everything heavy is imported inside them."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mtsuite.errors import MTSuiteError

if TYPE_CHECKING:
    from rich.console import Console

    from mtsuite.plan.build import Planned
    from mtsuite.recipe.schema import ReadRecipe

app = typer.Typer(
    name="mtsuite",
    help="Compare ways of adapting large language models to multilingual translation: "
    "same data, same budget, one table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
methods_app = typer.Typer(help="The methods that can stand in a table.", no_args_is_help=True)
recipes_app = typer.Typer(help="The recipes that come with the suite.", no_args_is_help=True)
app.add_typer(methods_app, name="methods")
app.add_typer(recipes_app, name="recipes")

RecipeArgument = Annotated[str, typer.Argument(help="A recipe file, or the name of a built-in recipe.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a key, e.g. train.max_steps=50. Repeatable."),
]
OnlyOption = Annotated[list[str] | None, typer.Option("--only", help="Rows to keep (shell patterns, comma-separated).")]
ExcludeOption = Annotated[list[str] | None, typer.Option("--exclude", help="Rows to leave out (shell patterns).")]
SeedsOption = Annotated[str | None, typer.Option("--seeds", help="Seeds instead of the recipe's, e.g. 1,2,3.")]
OutputOption = Annotated[
    Path | None, typer.Option("--output-dir", "-o", help="Results folder instead of results/<recipe>.")
]
OfflineOption = Annotated[bool, typer.Option("--offline", help="Never use the network.")]
VerboseOption = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.")]
QuietOption = Annotated[bool, typer.Option("-q", "--quiet", help="Only tables and errors.")]


def main() -> None:
    """Run the command line; exit codes: 0 all well, 1 something failed, 2 a recipe or usage error, 130 interrupted."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app(standalone_mode=True)
    except MTSuiteError as error:
        _console(stderr=True).print(f"[bold red]error:[/] {_escaped(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


def _console(stderr: bool = False) -> Console:
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 120  # a file or a pipe: wide enough for ten directions
    return console


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _read(
    recipe: str, overrides: list[str] | None, only: Any = None, exclude: Any = None, seeds: str | None = None
) -> ReadRecipe:
    from mtsuite.recipe import read_recipe, select

    read = read_recipe(recipe, overrides or [])
    chosen = _seed_list(seeds)
    return read.model_copy(update={"recipe": select(read.recipe, only or [], exclude or [], chosen)})


def _seed_list(text: str | None) -> list[int] | None:
    if text is None:
        return None
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(
            f"expected whole numbers such as 1,2,3; found {text!r}", param_hint="--seeds"
        ) from None


def _results_folder(read: ReadRecipe, output: Path | None) -> Path:
    return output if output is not None else Path("results") / read.recipe.name


@app.command()
def run(
    recipe: RecipeArgument,
    set_: SetOption = None,
    only: OnlyOption = None,
    exclude: ExcludeOption = None,
    seeds: SeedsOption = None,
    output_dir: OutputOption = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Jobs at once; default: one a core or device.")
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going/--fail-fast", help="After a failed job, go on with the others.")
    ] = True,
    offline: OfflineOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run a recipe: train, translate, score, report. What is done already is not done again."""
    from mtsuite.plan.build import make_plan
    from mtsuite.run.launched import launched, run_launched
    from mtsuite.run.progress import make_progress
    from mtsuite.run.recipe import run_recipe
    from mtsuite.run.store import Store

    read = _read(recipe, set_, only, exclude, seeds)
    results = _results_folder(read, output_dir)
    store = Store(Store.default_root(results.parent))
    planned = make_plan(read)
    if launched():  # under `accelerate launch`: all processes work on one training job at a time
        run_launched(planned.plan, store, offline=offline)
    console = _console()
    level = -1 if quiet else int(verbose)
    progress = make_progress(_console(stderr=True), level=level)
    finished = run_recipe(
        planned, results, store, workers=jobs, keep_going=keep_going, offline=offline, progress=progress,
        command=_command(),
    )  # fmt: skip
    if finished.results is not None:
        from mtsuite.report.build import print_report

        print_report(finished.results, console)
        if not quiet:
            console.print(
                f"{finished.ran} jobs run. Everything is in {finished.results}/ (report.html is the page to open)."
            )
    if not finished.complete:
        raise typer.Exit(1)


def _command() -> str:
    """The command as typed, without folders of this machine."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in sys.argv[1:]]
    return shlex.join(["mtsuite", *words])


@app.command()
def plan(
    recipe: RecipeArgument,
    set_: SetOption = None,
    only: OnlyOption = None,
    exclude: ExcludeOption = None,
    seeds: SeedsOption = None,
    output_dir: OutputOption = None,
    all_jobs: Annotated[bool, typer.Option("--all", help="List every job.")] = False,
) -> None:
    """Show what a run would do: jobs, what is cached, parameters, steps and memory. Nothing runs."""
    from mtsuite.plan.build import make_plan
    from mtsuite.plan.show import print_plan
    from mtsuite.run.store import Store

    read = _read(recipe, set_, only, exclude, seeds)
    store = Store(Store.default_root(_results_folder(read, output_dir).parent))
    planned: Planned = make_plan(read)
    print_plan(planned, lambda job: store.is_done(job.key, job.kind), _console(), every_job=all_jobs)


@app.command()
def validate(recipe: RecipeArgument, set_: SetOption = None) -> None:
    """Check a recipe: keys, types, methods and their configurations, files, directions. Nothing runs."""
    from mtsuite.plan.build import make_plan

    read = _read(recipe, set_)
    planned = make_plan(read)
    _console().print(
        f"{recipe}: fine. {len(planned.recipe.methods)} rows, {len(planned.recipe.directions)} directions, "
        f"{len(planned.plan)} jobs."
    )


@app.command()
def report(results: Annotated[Path, typer.Argument(help="A results folder.")]) -> None:
    """Rebuild tables, matrices, figures and report.html from a results folder, without loading a model."""
    from mtsuite.report.build import build_report

    build_report(results).print(_console())


@app.command()
def score(
    hypotheses: Annotated[
        list[Path], typer.Option("--hypotheses", help="Translations, one segment a line. Repeatable.")
    ],
    references: Annotated[Path, typer.Option("--references", help="Reference translations.")],
    direction: Annotated[str, typer.Option("--direction", help="Such as en-de; decides the tokenizer.")],
    sources: Annotated[Path | None, typer.Option("--sources", help="Source text (COMET needs it).")] = None,
    metrics: Annotated[str, typer.Option("--metrics", help="Comma-separated, e.g. bleu,chrf,comet.")] = "BLEU,chrF",
    profile: Annotated[str, typer.Option("--profile", help="auto or paper.")] = "auto",
    comet: Annotated[
        str, typer.Option("--comet", help="COMET checkpoint: embedded, a path or a hub name.")
    ] = "embedded",
    format_: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> None:
    """Score any files with the suite's metrics."""
    from mtsuite.metrics.files import print_scores, score_files

    found = score_files(hypotheses, references, sources, direction, metrics.split(","), profile, {"checkpoint": comet})
    print_scores(found, _console(), as_json=format_ == "json")


@app.command()
def translate(
    recipe: RecipeArgument,
    method: Annotated[str, typer.Option("--method", help="Row of the recipe.")],
    direction: Annotated[str, typer.Option("--direction", help="Such as en-de.")],
    text: Annotated[
        Path | None, typer.Option("--input", help="Text, one segment a line; default: standard input.")
    ] = None,
    set_: SetOption = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Which of the recipe's seeds; default: the first.")] = None,
    output_dir: OutputOption = None,
) -> None:
    """Translate text with a method that a run has trained."""
    from mtsuite.data.text import read_lines
    from mtsuite.plan.build import make_plan
    from mtsuite.run.store import Store
    from mtsuite.run.translate import translate_lines

    read = _read(recipe, set_)
    store = Store(Store.default_root(_results_folder(read, output_dir).parent))
    lines = read_lines(text) if text is not None else (line.rstrip("\r\n") for line in sys.stdin)
    for line in translate_lines(make_plan(read), store, method, direction, lines, seed):
        sys.stdout.write(line + "\n")


@methods_app.command("list")
def methods_list() -> None:
    """All registered methods, where they come from, and the reason when one cannot be loaded."""
    from rich.table import Table

    from mtsuite.registry import collisions, find_method, registered

    table = Table("method", "what it is", "from", box=None, pad_edge=False)
    for name, entry in registered().items():
        try:
            about = (find_method(name).__doc__ or "").strip().splitlines()[0]
        except MTSuiteError as error:
            about = f"[red]{_escaped(str(error))}[/]"
        table.add_row(name, about, entry.distribution)
    _console().print(table)
    for name, distributions in collisions().items():
        _console().print(f"[red]{name} is registered by {' and '.join(distributions)}[/]")


@methods_app.command("show")
def methods_show(name: Annotated[str, typer.Argument(help="A registered name, or path/to/file.py:ClassName.")]) -> None:
    """A method's documentation and its configuration, field by field, with the source of each default."""
    from rich.table import Table

    from mtsuite.registry import find_method

    cls = find_method(name)
    console = _console()
    module = sys.modules[cls.__module__]
    console.print(f"[bold]{name}[/] ({cls.__module__}:{cls.__name__})\n")
    console.print(_escaped((module.__doc__ or "").strip()) + "\n")
    console.print(_escaped((cls.__doc__ or "").strip()) + "\n")
    if not cls.Config.model_fields:
        console.print("It has no configuration.")
        return
    table = Table("config key", "default", "meaning and source", box=None, pad_edge=False)
    for key, field in cls.Config.model_fields.items():
        default = "required" if field.is_required() else str(field.get_default(call_default_factory=True))
        table.add_row(key, _escaped(default), _escaped(field.description or ""))
    console.print(table)


@methods_app.command("check")
def methods_check(
    use: Annotated[str, typer.Argument(help="A registered name, or path/to/file.py:ClassName.")],
) -> None:
    """Run the conformance kit on a method, one line a check, on tiny models built for it."""
    from mtsuite.registry import find_method
    from mtsuite.testing import check_method

    results = check_method(find_method(use), raise_on_failure=False)
    console = _console()
    for result in results:
        mark = "[green]passed[/]" if result.passed else "[red]FAILED[/]"
        console.print(f"{mark} {result.family}: {result.name} {_escaped(result.message)}", highlight=False)
    if not all(result.passed for result in results):
        raise typer.Exit(1)


@recipes_app.command("list")
def recipes_list() -> None:
    """The built-in recipes with the first line of their header."""
    from rich.table import Table

    from mtsuite.recipe import builtin_recipes

    table = Table("recipe", "what it makes", box=None, pad_edge=False)
    for name, path in builtin_recipes().items():
        first = path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
        table.add_row(name, _escaped(first))
    _console().print(table)


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
    _console().print(f"Written: {target}")


@app.command()
def env() -> None:
    """Versions, commit and hardware, as they are recorded with results."""
    import json

    from mtsuite.run.environment import describe_environment

    print(json.dumps(describe_environment(), indent=2))


if __name__ == "__main__":
    main()
