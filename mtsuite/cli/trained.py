"""Verbs about what a run has trained: translate with it, export it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mtsuite.cli.options import OutputFileOption, OutputOption, SetOption, TrainedArgument
from mtsuite.cli.planning import planned_for, store_root, trained_recipe
from mtsuite.cli.terminal import check_output, make_console, put_text


def translate(
    recipe: TrainedArgument,
    method: Annotated[str, typer.Option("--method", help="Row of the recipe.")],
    direction: Annotated[str, typer.Option("--direction", help="Such as en-de.")],
    text: Annotated[
        Path | None, typer.Option("--input", help="Text, one segment per line; default: standard input.")
    ] = None,
    set_: SetOption = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Which of the recipe's seeds; default: the first.")] = None,
    output_dir: OutputOption = None,
    output: OutputFileOption = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the --output file when it exists.")] = False,
) -> None:
    """Translate text with a method that a run has trained; a blank line stays one."""
    from mtsuite.data.text import read_lines
    from mtsuite.run.aside import prints_aside
    from mtsuite.run.store import Store
    from mtsuite.run.translate import translate_lines

    check_output(output)
    if output is not None and output.exists() and not overwrite:
        raise typer.BadParameter(f"{output} exists already; choose another file, or add --overwrite",
                                 param_hint="--output")  # fmt: skip
    read, results = trained_recipe(recipe, set_, output_dir)
    store = Store(store_root(results))
    lines = read_lines(text) if text is not None else (line.rstrip("\r\n") for line in sys.stdin)
    with prints_aside():
        translations = translate_lines(planned_for(read), store, method, direction, lines, seed)
    put_text("".join(line + "\n" for line in translations), output)


def export(
    recipe: TrainedArgument,
    method: Annotated[str, typer.Option("--method", help="Row of the recipe.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", help="Folder to write; it must not exist.")],
    direction: Annotated[
        str | None, typer.Option("--direction", help="Which model, for a row with one model per direction.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Which of the recipe's seeds; default: the first.")] = None,
    adapter: Annotated[
        bool, typer.Option("--adapter", help="Write a PEFT adapter for the recipe's model instead of a merged model.")
    ] = False,
    set_: SetOption = None,
) -> None:
    """Write a trained method as a plain Hugging Face folder, where it can be merged into one model."""
    from mtsuite.run.aside import prints_aside
    from mtsuite.run.export import export_adapter, export_model
    from mtsuite.run.store import Store

    read, results = trained_recipe(recipe, set_, None)
    store = Store(store_root(results))
    with prints_aside():
        write = export_adapter if adapter else export_model
        exported = write(planned_for(read), store, method, output_dir, seed=seed, direction=direction)
    classes = "PeftModel" if adapter else "AutoModelForCausalLM"
    make_console().print(
        f"Written: {exported.folder} ({exported.parameters:,} parameters). Open it with {classes} and "
        "AutoTokenizer; its README.md says how to prompt it.",
        highlight=False,
        soft_wrap=True,
    )
