"""``mtsuite model``: pretrained models without a hub: import, trim, show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mtsuite.cli.options import OfflineOption, SetOption
from mtsuite.cli.planning import read_selected
from mtsuite.cli.terminal import escaped, make_console

if TYPE_CHECKING:
    from mtsuite.pretrained.trimming import Size

model_app = typer.Typer(help="Pretrained models: import from GGUF, cut the vocabulary, show.", no_args_is_help=True)


def _say(text: str) -> None:
    make_console().print(escaped(text), highlight=False, soft_wrap=True)


@model_app.command("import")
def model_import(
    file: Annotated[Path, typer.Argument(help="A GGUF file.", metavar="GGUF")],
    output: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.", metavar="OUT")],
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", help="Folder with the model's own tokenizer.json.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The model's name in tables.")] = None,
) -> None:
    """Write a GGUF file as a Hugging Face folder in float32, with a tokenizer that was checked against its weights."""
    from mtsuite.model.card import model_label
    from mtsuite.pretrained.importing import import_gguf
    from mtsuite.run.aside import prints_aside

    with prints_aside():
        made = import_gguf(file, output, tokenizer, name)
    for which, fit in (("given tokenizer", made.given), ("tokenizer from the file alone", made.built)):
        if fit is not None:
            _say(f"{which}: {fit.text()}")
    for change in made.changes:
        _say(f"set right: {change}")
    if made.licence:
        _say(f"licence, as the file states it: {made.licence}. Read its terms before you pass the model on.")
    _say(f"Written: {made.folder} ({model_label(made.folder)}, {made.parameters:,} parameters)")


@model_app.command("trim")
def model_trim(
    model: Annotated[Path, typer.Argument(help="A model folder.", metavar="MODEL")],
    output: Annotated[Path, typer.Argument(help="Folder to write; it must not exist.", metavar="OUT")],
    recipe: Annotated[
        list[str] | None, typer.Option("--recipe", help="Keep what this recipe's text needs. Repeatable.")
    ] = None,
    text: Annotated[
        list[Path] | None, typer.Option("--text", help="Keep what this text file needs. Repeatable.")
    ] = None,
    set_: SetOption = None,
    offline: OfflineOption = False,
) -> None:
    """Cut a model's vocabulary to the pieces that training, validation and source text need; nothing else changes."""
    from mtsuite.data.text import read_lines
    from mtsuite.pretrained.trimming import trim_model
    from mtsuite.run.aside import prints_aside

    if not recipe and not text:
        raise typer.BadParameter("name a recipe, text files or both", param_hint="--recipe, --text")
    lines = [line for path in text or [] for line in read_lines(path)]
    references: list[str] = []
    with prints_aside():
        for name in recipe or []:
            from mtsuite.run.recipe_text import recipe_text

            of_recipe = recipe_text(read_selected(name, set_), offline=offline)
            lines, references = lines + of_recipe.lines, references + of_recipe.references
        names = ", ".join(Path(name).stem for name in recipe or [])
        made = trim_model(model, output, lines, references, recipe=names)
    if made.lacking:
        shown = " ".join(made.lacking[:20])
        _say(f"warning: the vocabulary cannot write {len(made.lacking)} of the text's characters: {shown}")
    _say(f"before: {_size(made.before)}")
    _say(f"after:  {_size(made.after)}")
    _say(f"tokenisation unchanged in all {made.lines:,} texts (each line alone and as it stands in prompts)")
    if made.references is not None:
        found = made.references
        _say(
            f"references, which decided nothing: {found.changed:,} of {found.lines:,} lines are cut otherwise; "
            f"{found.bytes_after:.2%} of their pieces are single bytes (before: {found.bytes_before:.2%})"
        )
    _say(f"Written: {made.folder} ({made.label})")


def _size(size: Size) -> str:
    return (
        f"{size.pieces:,} pieces, {size.parameters:,} parameters ({size.vocabulary_parameters:,} in the vocabulary), "
        f"{size.bytes / 1e6:,.0f} MB"
    )


@model_app.command("show")
def model_show(
    model: Annotated[str, typer.Argument(help="A model folder or a hub name.", metavar="MODEL")],
    directions: Annotated[
        str, typer.Option("--directions", help="Directions that methods are asked about, comma-separated.")
    ] = "en-de,de-en",
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that comes with the checkpoint.")
    ] = False,
    offline: OfflineOption = False,
) -> None:
    """Show family, layers, blocks, window, size, special tokens, provenance, and which methods fit."""
    from rich.table import Table

    from mtsuite.data.direction import Direction
    from mtsuite.plan.fitting import fitting_methods
    from mtsuite.pretrained.describe import describe
    from mtsuite.run.aside import prints_aside

    asked = [Direction.parse(part) for part in directions.split(",")]
    with prints_aside():
        found = describe(model, offline=offline, trust_remote_code=trust_remote_code)
        fits = fitting_methods(found.skeleton, found.layers, asked)
    console = make_console()
    facts = Table(box=None, pad_edge=False, show_header=False)
    for what, text in found.lines:
        facts.add_row(what, escaped(text))
    console.print(facts)
    table = Table("method", "fits", "trains", "remark", box=None, pad_edge=False)
    for fit in fits:
        trained = "" if fit.trained is None else f"{fit.trained:,}"
        table.add_row(fit.method, "yes" if fit.fits else "no", trained, escaped(fit.remark))
    console.print(table)
    console.print("Methods with their defaults, on " + ", ".join(map(str, asked)) + ".", highlight=False)
