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

    from mtsuite.catalogue import Entry
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
TrainedArgument = Annotated[
    str, typer.Argument(help="A results folder, a recipe file, or the name of a built-in recipe.", metavar="RECIPE")
]
MethodArgument = Annotated[str, typer.Argument(help="A registered name, or path/to/file.py:ClassName.")]
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
TestOption = Annotated[
    str, typer.Option("--test", help="Paired test: approximate_randomization or bootstrap.", metavar="TEST")
]
RoundsOption = Annotated[int, typer.Option("--rounds", min=1, help="Rounds of the test and of the intervals.")]
TestSeedOption = Annotated[int, typer.Option("--seed", min=1, help="Seed of the test and of the intervals.")]
FormatOption = Annotated[str, typer.Option("--format", help="text, md, tex, csv, html or json.", metavar="FORMAT")]
OutputFileOption = Annotated[Path | None, typer.Option("--output", help="File to write instead of printing.")]


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


def _plan(read: ReadRecipe) -> Planned:
    """The plan; what methods print while they are asked for it goes to the standard error."""
    from mtsuite.plan.build import make_plan
    from mtsuite.run.aside import prints_aside

    with prints_aside():
        return make_plan(read)


def _tell_broken(planned: Planned, verbose: bool) -> None:
    """Rows whose method cannot be used: which, in which phase, why, and the traceback for those who ask."""
    console = _console(stderr=True)
    for row in planned.broken:
        text = f"[bold red]methods.{_escaped(row.name)}: {row.phase}: FAILED:[/] {_escaped(row.error)}"
        console.print(text, highlight=False, soft_wrap=True)
        if verbose:
            console.print(_escaped(row.traceback.rstrip()), highlight=False, soft_wrap=True)
    if planned.broken:
        hint = "" if verbose else " -v shows the traceback."
        console.print(f"The other rows can be run.{hint}", highlight=False)
        raise typer.Exit(1)


def _trained(recipe: str, overrides: list[str] | None, results: Path | None) -> tuple[ReadRecipe, Path]:
    """A recipe and the results folder beside which its store lies; the folder alone says both."""
    folder = Path(recipe)
    if results is None and (folder / "report.json").is_file() and (folder / "recipe.yaml").is_file():
        return _read(str(folder / "recipe.yaml"), overrides), folder.resolve()
    read = _read(recipe, overrides)
    return read, _results_folder(read, results)


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
    from mtsuite.run.aside import prints_aside
    from mtsuite.run.launched import launched, run_launched
    from mtsuite.run.progress import make_progress
    from mtsuite.run.recipe import run_recipe
    from mtsuite.run.store import Store

    read = _read(recipe, set_, only, exclude, seeds)
    results = _results_folder(read, output_dir)
    store = Store(Store.default_root(results.parent))
    planned = _plan(read)
    if launched():  # under `accelerate launch`: all processes work on one training job at a time
        with prints_aside():
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
    verbose: VerboseOption = False,
) -> None:
    """Show what a run would do: jobs, what is cached, parameters, steps and memory. Nothing runs."""
    from mtsuite.plan.show import print_plan
    from mtsuite.run.store import Store

    read = _read(recipe, set_, only, exclude, seeds)
    store = Store(Store.default_root(_results_folder(read, output_dir).parent))
    planned = _plan(read)
    print_plan(planned, lambda job: store.is_done(job.key, job.kind), _console(), every_job=all_jobs)
    _tell_broken(planned, verbose)


@app.command()
def validate(recipe: RecipeArgument, set_: SetOption = None, verbose: VerboseOption = False) -> None:
    """Check a recipe: keys, types, methods and their configurations, files, directions. Nothing runs."""
    planned = _plan(_read(recipe, set_))
    _tell_broken(planned, verbose)
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
def compare(
    results: Annotated[
        list[str],
        typer.Argument(help="Results folders, or rows of them as RESULTS:ROW.", metavar="RESULTS..."),
    ],
    rows: Annotated[list[str] | None, typer.Option("--rows", help="Rows to compare, comma-separated.")] = None,
    test: TestOption = "approximate_randomization",
    rounds: RoundsOption = 1000,
    seed: TestSeedOption = 12345,
    format_: FormatOption = "text",
    output: OutputFileOption = None,
) -> None:
    """Put results folders, or any rows of them, side by side: what differs, and which scores differ significantly."""
    from mtsuite.compare.output import compare_results, compared_as
    from mtsuite.metrics.files import PairedTest

    kind, console = _format(format_), _console()
    compared = compare_results(results, rows or [], PairedTest(test, rounds, seed))
    _put(compared_as(kind, compared, console.width, console.is_terminal and output is None), output)


@app.command()
def score(
    hypotheses: Annotated[
        list[Path],
        typer.Option("--hypotheses", help="Translations, a segment a line. Repeatable: they are compared."),
    ],
    references: Annotated[
        list[Path],
        typer.Option("--references", help="Reference translations. Repeatable: alternatives for each segment."),
    ],
    direction: Annotated[str, typer.Option("--direction", help="Such as en-de; decides the tokenizer.")],
    sources: Annotated[Path | None, typer.Option("--sources", help="Source text (COMET needs it).")] = None,
    metrics: Annotated[str, typer.Option("--metrics", help="Comma-separated, e.g. bleu,chrf,comet.")] = "BLEU,chrF",
    profile: Annotated[str, typer.Option("--profile", help="BLEU's: auto or paper.")] = "auto",
    comet: Annotated[
        str, typer.Option("--comet", help="COMET checkpoint: embedded, a path or a hub name.")
    ] = "embedded",
    baseline: Annotated[
        str | None, typer.Option("--baseline", help="The hypotheses that others are compared with; default: the first.")
    ] = None,
    test: TestOption = "approximate_randomization",
    rounds: RoundsOption = 1000,
    seed: TestSeedOption = 12345,
    format_: FormatOption = "text",
    output: OutputFileOption = None,
) -> None:
    """Score any files with the suite's metrics, and compare them where there are several."""
    from mtsuite.metrics.files import PairedTest, score_files
    from mtsuite.report.files_table import files_as

    kind = _format(format_)
    found = score_files(
        hypotheses, references, sources, direction, metrics.split(","), profile, {"checkpoint": comet}, baseline,
        PairedTest(test, rounds, seed),
    )  # fmt: skip
    for warning in found.warnings:
        _console(stderr=True).print(f"[yellow]warning:[/] {_escaped(warning)}", highlight=False, soft_wrap=True)
    _put(files_as(kind, found), output)


def _format(word: str) -> str:
    from mtsuite.errors import did_you_mean
    from mtsuite.report.formats import FORMATS

    if word not in FORMATS:
        known = f"expected one of {', '.join(FORMATS)}; found {word!r}"
        raise typer.BadParameter(f"{known}. {did_you_mean(word, FORMATS)}", param_hint="--format")
    return word


def _put(text: str, output: Path | None) -> None:
    """Text to the standard output as it is (programs read it), or whole into a file."""
    if output is None:
        sys.stdout.write(text)
        return
    from mtsuite.errors import StoreError

    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"--output {output}: cannot be written: {error.strerror}.") from None
    _console(stderr=True).print(f"Written: {_escaped(str(output))}", highlight=False, soft_wrap=True)


@app.command()
def translate(
    recipe: TrainedArgument,
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
    from mtsuite.run.aside import prints_aside
    from mtsuite.run.store import Store
    from mtsuite.run.translate import translate_lines

    read, results = _trained(recipe, set_, output_dir)
    store = Store(Store.default_root(results.parent))
    lines = read_lines(text) if text is not None else (line.rstrip("\r\n") for line in sys.stdin)
    with prints_aside():
        translations = translate_lines(_plan(read), store, method, direction, lines, seed)
    for line in translations:
        sys.stdout.write(line + "\n")


@app.command()
def export(
    recipe: TrainedArgument,
    method: Annotated[str, typer.Option("--method", help="Row of the recipe.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", help="Folder to write; it must not exist.")],
    direction: Annotated[
        str | None, typer.Option("--direction", help="Which model, for a row with one model a direction.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Which of the recipe's seeds; default: the first.")] = None,
    set_: SetOption = None,
) -> None:
    """Write a trained method as a plain Hugging Face folder, where it can be merged into one model."""
    from mtsuite.run.aside import prints_aside
    from mtsuite.run.export import export_model
    from mtsuite.run.store import Store

    read, results = _trained(recipe, set_, None)
    store = Store(Store.default_root(results.parent))
    with prints_aside():
        exported = export_model(_plan(read), store, method, output_dir, seed=seed, direction=direction)
    _console().print(
        f"Written: {exported.folder} ({exported.parameters:,} parameters). Open it with AutoModelForCausalLM and "
        "AutoTokenizer; its README.md says how to prompt it.",
        highlight=False,
        soft_wrap=True,
    )


@methods_app.command("list")
def methods_list() -> None:
    """All registered methods by what they do, with paper and phases, and the reason when one cannot be loaded."""
    from rich.table import Table

    from mtsuite.catalogue import catalogue
    from mtsuite.registry import collisions
    from mtsuite.run.aside import prints_aside

    with prints_aside():
        entries = catalogue()
    console = _console()
    doubled = collisions()
    widest = max((len(one.name) + 2 for entry in entries for one in (entry, *entry.variants)), default=0)
    for group in dict.fromkeys(entry.group for entry in entries):
        table = Table(box=None, pad_edge=False, title=group, title_justify="left", title_style="bold", expand=True)
        table.add_column("method", min_width=widest, no_wrap=True)
        for heading, ratio in (("what it is", 5), ("phases", 4), ("paper", 4)):
            table.add_column(heading, ratio=ratio)
        table.add_column("from", no_wrap=True)
        for entry in entries:
            if entry.group == group:
                for one in (entry, *entry.variants):
                    table.add_row(*map(_escaped, _list_row(one, one is not entry, doubled)))
        console.print(table)
        console.print()
    for entry in entries:
        if entry.problem and entry.name not in doubled:
            console.print(f"[red]{_escaped(entry.name)}[/]: {_escaped(entry.problem)}", highlight=False, soft_wrap=True)
    for name, distributions in doubled.items():
        console.print(
            f"[red]{name}[/]: registered by {' and '.join(distributions)}; neither can be used by name until one is "
            "uninstalled.",
            highlight=False,
            soft_wrap=True,
        )
    console.print("`mtsuite methods show NAME` shows one with its configuration; `methods new` begins one of your own.")


def _list_row(entry: Entry, variant: bool, doubled: dict[str, list[str]]) -> tuple[str, str, str, str, str]:
    name = f"└ {entry.name}" if variant else entry.name
    distribution = " and ".join(doubled.get(entry.name, [entry.distribution]))
    about = entry.about or "see below"
    return name, about, entry.brief_course if entry.phases else "-", entry.paper or "-", distribution


@methods_app.command("show")
def methods_show(name: MethodArgument) -> None:
    """A method's documentation, phases and configuration, field by field, with the source of each default."""
    from rich.table import Table

    from mtsuite.catalogue import REFERENCE, config_keys, entry_of, trained_text
    from mtsuite.registry import find_method
    from mtsuite.run.aside import prints_aside

    with prints_aside():
        cls = find_method(name)
        entry = entry_of(name)
        trained = trained_text(cls) if not entry.problem else "?"
    console = _console()
    module = sys.modules[cls.__module__]
    console.print(f"[bold]{_escaped(name)}[/] ({cls.__module__}:{cls.__name__}, from {entry.distribution})\n")
    console.print(_escaped((module.__doc__ or "").strip()) + "\n")
    console.print(_escaped((cls.__doc__ or "").strip()) + "\n")
    if entry.problem:
        console.print(f"[red]With its defaults it cannot be used:[/] {_escaped(entry.problem)}\n", highlight=False)
    for label, text in (("Paper", entry.paper), ("Phases", entry.course), (f"Trained on {REFERENCE}", trained)):
        if text:
            console.print(f"[bold]{label}:[/] {_escaped(text)}", highlight=False)
    console.print()
    if not cls.Config.model_fields:
        console.print("It has no configuration.")
        return
    table = Table("config key", "takes", "default", "meaning and source", box=None, pad_edge=False)
    for key in config_keys(cls):
        table.add_row(*map(_escaped, (key.key, key.takes, key.default, key.meaning)))
    console.print(table)


@methods_app.command("new")
def methods_new(
    name: Annotated[str, typer.Argument(help="Such as my-idea: the row's name; the class becomes MyIdea.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", help="Where to write it.")] = Path(),
    package: Annotated[
        bool, typer.Option("--package", help="A distribution with an entry point instead of one file.")
    ] = False,
) -> None:
    """Write a commented method to start from: it works, and passes `methods check` as it is."""
    from mtsuite.scaffold import Name, write_file, write_package

    spelt = Name(name)
    if package:
        root = write_package(name, output_dir)
        use, first = spelt.slug, f"pip install -e {shlex.quote(str(root))}"
        row = f"--set methods.{spelt.slug}={{}}"
    else:
        root = write_file(name, output_dir)
        use, first = f"{root}:{spelt.cls}", ""
        row = f"--set methods.{spelt.slug}='{{use: {use}}}'"
    lines = [
        f"Written: {root}",
        "Next:",
        first,
        f"mtsuite methods check {use}",
        f"mtsuite run table1 {row} --only {spelt.slug},lora,full",
    ]
    for number, line in enumerate(filter(None, lines)):
        _console().print(("  " if number > 1 else "") + _escaped(line), highlight=False, soft_wrap=True)


@methods_app.command("check")
def methods_check(use: MethodArgument, verbose: VerboseOption = False) -> None:
    """Run the conformance kit on a method, one line a check, on tiny models built for it."""
    from mtsuite.registry import find_method
    from mtsuite.run.aside import prints_aside
    from mtsuite.testing import check_method

    with prints_aside():
        results = check_method(find_method(use), raise_on_failure=False)
    console = _console()
    failed = 0
    for result in results:
        failed += not result.passed
        mark = "[green]passed[/]" if result.passed else "[red]FAILED[/]"
        text = f"{mark} {result.family}: {result.name} {_escaped(result.message)}".rstrip()
        console.print(text, highlight=False, soft_wrap=True)
        if verbose and result.traceback:
            console.print(_escaped(result.traceback.rstrip()), highlight=False, soft_wrap=True)
    if failed:
        hint = "" if verbose else " (-v shows tracebacks)"
        console.print(f"{failed} of {len(results)} checks failed{hint}.", highlight=False)
        raise typer.Exit(1)
    console.print(f"All {len(results)} checks passed.", highlight=False)


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
