"""Arguments and options that several verbs share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
RoundsOption = Annotated[
    int, typer.Option("--rounds", min=1, max=100_000, help="Rounds of the test and of the intervals.")
]
TestSeedOption = Annotated[
    int, typer.Option("--seed", min=1, max=2**32 - 1, help="Seed of the test and of the intervals.")
]
FormatOption = Annotated[str, typer.Option("--format", help="text, md, tex, csv, html or json.", metavar="FORMAT")]
OutputFileOption = Annotated[Path | None, typer.Option("--output", help="File to write instead of printing.")]
