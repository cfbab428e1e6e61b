"""What verbs print, where to and in which format."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mtsuite.errors import shortened

if TYPE_CHECKING:
    from rich.console import Console


def make_console(stderr: bool = False) -> Console:
    """The standard output, or the standard error, as wide as a table needs where nobody says how wide it is."""
    from rich.console import Console

    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 120  # a file or a pipe: wide enough for ten directions
    return console


def escaped(text: str) -> str:
    """Text in which square brackets are no markup, and nothing steers the terminal."""
    from rich.markup import escape

    from mtsuite.errors import printable

    return escape(printable(text))


def known_format(word: str) -> str:
    """The word itself, when it is one of the formats; typer.BadParameter when not."""
    from mtsuite.errors import did_you_mean
    from mtsuite.report.render.formats import FORMATS

    if word not in FORMATS:
        known = f"expected one of {', '.join(FORMATS)}; found {word!r}"
        raise typer.BadParameter(f"{known}. {did_you_mean(word, FORMATS)}", param_hint="--format")
    return word


def check_output(output: Path | None, inputs: Iterable[Path | None] = ()) -> None:
    """Say before anything is computed that a file cannot be written where ``--output`` puts it, or is an input."""
    if output is None:
        return
    from mtsuite.recipe.paths import path_problem

    problem = path_problem(output)
    if problem is None and output.is_dir():
        problem = "it is a folder"
    if problem is None and not output.absolute().parent.is_dir():
        problem = f"there is no folder {output.parent}"
    if problem is None and output.exists() and any(one is not None and _is_same(one, output) for one in inputs):
        problem = "it is read from; choose another file"
    if problem is not None:
        raise typer.BadParameter(f"expected a file to write, found {shortened(str(output))}: {problem}",
                                 param_hint="--output")  # fmt: skip


def _is_same(one: Path, other: Path) -> bool:
    return one.exists() and one.samefile(other)


def put_text(text: str, output: Path | None) -> None:
    """Text to the standard output as it is (programs read it), or whole into a file; StoreError when that fails."""
    if output is None:
        sys.stdout.write(text)
        return
    from mtsuite.errors import StoreError

    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StoreError(f"--output {output}: cannot be written: {error.strerror}.") from None
    make_console(stderr=True).print(f"Written: {escaped(str(output))}", highlight=False, soft_wrap=True)
