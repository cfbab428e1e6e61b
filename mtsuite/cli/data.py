"""``mtsuite data``: the test sets that a recipe can name under `data.benchmarks`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtsuite.cli.terminal import escaped, make_console

data_app = typer.Typer(
    help="Test sets that recipes can name: what there is, which directions they have.", no_args_is_help=True
)


@data_app.command("list")
def data_list() -> None:
    """The test sets by name: the suite's own layouts with their licences, and those of sacrebleu."""
    from rich.table import Table

    from mtsuite.data.benchmarks import SETS, known_names

    table = Table("set", "what it is", "licence", "from", box=None, pad_edge=False)
    for name, known in SETS.items():
        place = known.repository or f"a local copy of {known.home}"
        table.add_row(name, escaped(known.about), known.licence, escaped(place + (", gated" if known.gated else "")))
    console = make_console()
    console.print(table)
    others = [name for name in known_names() if name not in SETS]
    console.print(f"\nOf sacrebleu, with all references ({len(others)}): {', '.join(others)}", highlight=False)


@data_app.command("show")
def data_show(
    name: Annotated[str, typer.Argument(help="A test set, such as flores+ or wmt22.")],
    path: Annotated[Path | None, typer.Option("--path", help="A local copy, to see what is in it.")] = None,
    direction: Annotated[
        list[str] | None,
        typer.Option("--direction", "-d", help="Say which of its codes a direction means; repeatable."),
    ] = None,
) -> None:
    """One test set: its splits and codes, and how a recipe takes it."""
    from mtsuite.data.benchmarks import SETS
    from mtsuite.data.benchmarks.known import open_set
    from mtsuite.data.direction import Direction
    from mtsuite.errors import DataError

    known = SETS.get(name)
    copy_needed = known is not None and not known.repository and path is None
    console = make_console()
    if known is not None:
        console.print(f"[bold]{name}[/]: {escaped(known.about)} ({known.licence}). {known.home}", highlight=False)
        console.print(
            f"Splits: {', '.join(known.splits)}; the first is read unless a recipe says otherwise.", highlight=False
        )
    if copy_needed:
        assert known is not None
        console.print(f"It is not on the hub in its own layout: get it from {known.home}.", highlight=False)
        codes = list(known.languages)
        served = None
    else:
        served = open_set(name, {"path": str(path.resolve())} if path is not None else {}, Path.cwd())
        codes = list(served.offered())
    console.print(f"Codes ({len(codes)}): {escaped(', '.join(codes))}", highlight=False)
    for text in direction or []:
        parsed = Direction.parse(text)
        if served is None:
            raise DataError(f"{name}: give a local copy with --path to see what {text} means in it.")
        found = served.codes(parsed)
        if found is None:
            raise DataError(served.lacks(parsed))
        console.print(f"{text}: {' to '.join(found)}", highlight=False)
    example = f"{name}: {{path: {path}}}" if path is not None else f"{name}:" + (" {path: …}" if copy_needed else "")
    console.print(f"In a recipe:\n\ndata:\n  benchmarks:\n    {escaped(example)}", highlight=False)
