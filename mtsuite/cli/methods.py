"""``mtsuite methods``: list, show, begin and check methods."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtsuite.cli.options import MethodArgument, VerboseOption
from mtsuite.cli.terminal import escaped, make_console

if TYPE_CHECKING:
    from mtsuite.catalogue import Entry

methods_app = typer.Typer(help="The methods that can be rows of a table.", no_args_is_help=True)


@methods_app.command("list")
def methods_list() -> None:
    """All registered methods by what they do, with paper and phases, and the reason when one cannot be loaded."""
    from rich.table import Table

    from mtsuite.catalogue import catalogue
    from mtsuite.registry import collisions
    from mtsuite.run.aside import prints_aside

    with prints_aside():
        entries = catalogue()
    console = make_console()
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
                    table.add_row(*map(escaped, _list_row(one, one is not entry, doubled)))
        console.print(table)
        console.print()
    for entry in entries:
        if entry.problem and entry.name not in doubled:
            console.print(f"[red]{escaped(entry.name)}[/]: {escaped(entry.problem)}", highlight=False, soft_wrap=True)
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
    console = make_console()
    module = sys.modules[cls.__module__]
    console.print(f"[bold]{escaped(name)}[/] ({cls.__module__}:{cls.__name__}, from {entry.distribution})\n")
    console.print(escaped((module.__doc__ or "").strip()) + "\n")
    console.print(escaped((cls.__doc__ or "").strip()) + "\n")
    if entry.problem:
        console.print(f"[red]With its defaults it cannot be used:[/] {escaped(entry.problem)}\n", highlight=False)
    for label, text in (("Paper", entry.paper), ("Phases", entry.course), (f"Trained on {REFERENCE}", trained)):
        if text:
            console.print(f"[bold]{label}:[/] {escaped(text)}", highlight=False)
    console.print()
    if not cls.Config.model_fields:
        console.print("It has no configuration.")
        return
    table = Table("config key", "takes", "default", "meaning and source", box=None, pad_edge=False)
    for key in config_keys(cls):
        table.add_row(*map(escaped, (key.key, key.takes, key.default, key.meaning)))
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
        make_console().print(("  " if number > 1 else "") + escaped(line), highlight=False, soft_wrap=True)


@methods_app.command("check")
def methods_check(use: MethodArgument, verbose: VerboseOption = False) -> None:
    """Run the conformance kit on a method, one line a check, on tiny models built for it."""
    from mtsuite.registry import find_method
    from mtsuite.run.aside import prints_aside
    from mtsuite.testing import check_method

    with prints_aside():
        results = check_method(find_method(use), raise_on_failure=False)
    console = make_console()
    failed = 0
    for result in results:
        failed += not result.passed
        mark = "[green]passed[/]" if result.passed else "[red]FAILED[/]"
        text = f"{mark} {result.family}: {result.name} {escaped(result.message)}".rstrip()
        console.print(text, highlight=False, soft_wrap=True)
        if verbose and result.traceback:
            console.print(escaped(result.traceback.rstrip()), highlight=False, soft_wrap=True)
    if failed:
        hint = "" if verbose else " (-v shows tracebacks)"
        console.print(f"{failed} of {len(results)} checks failed{hint}.", highlight=False)
        raise typer.Exit(1)
    console.print(f"All {len(results)} checks passed.", highlight=False)
