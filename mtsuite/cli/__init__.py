"""The command line.  Verbs only; everything heavy is imported inside them."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from mtsuite import __version__
from mtsuite.cli.data import data_app
from mtsuite.cli.environment import env
from mtsuite.cli.methods import methods_app
from mtsuite.cli.metrics import metrics_app
from mtsuite.cli.models import model_app
from mtsuite.cli.recipes import recipes_app
from mtsuite.cli.results import compare, merge, report, score
from mtsuite.cli.running import plan, run, validate
from mtsuite.cli.terminal import escaped, make_console
from mtsuite.cli.trained import export, translate
from mtsuite.errors import MTSuiteError, shortened

app = typer.Typer(
    name="mtsuite",
    help="Compare ways of adapting large language models to multilingual translation: "
    "same data, same budget, one table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"mtsuite {__version__}")
        raise typer.Exit


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """What comes before a verb."""


for verb in (run, plan, validate, report, compare, merge, score, translate, export, env):  # in the order of the help
    app.command()(verb)
app.add_typer(methods_app, name="methods")
app.add_typer(recipes_app, name="recipes")
app.add_typer(data_app, name="data")
app.add_typer(metrics_app, name="metrics")
app.add_typer(model_app, name="model")


def main() -> None:
    """Run the command line; exit codes: 0 all well, 1 something failed, 2 a recipe or usage error, 130 interrupted.

    What is no error of the user's is a bug: it is said so, and the traceback is kept in a file.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app(standalone_mode=True)
    except MTSuiteError as error:
        _complain(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # the world's, wherever it came up: a full disk, a folder without permission
        named = ", ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
        _complain(f"{named}: {error.strerror or error}." if named else f"{error.strerror or error}.")
        sys.exit(1)
    except Exception as error:
        _complain(
            f"{type(error).__name__}: {shortened(str(error), 500)}\nThis is a bug of mtsuite, not of your input. "
            f"Please report it with the command and the traceback, which is kept in {_keep_traceback()}"
        )
        sys.exit(1)


def _complain(message: str) -> None:
    make_console(stderr=True).print(f"[bold red]error:[/] {escaped(message)}", highlight=False, soft_wrap=True)


def _keep_traceback() -> str:
    """The traceback of the present exception in a file of its own; its path."""
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile(
        "w", prefix="mtsuite-bug-", suffix=".txt", delete=False, encoding="utf-8", errors="backslashreplace"
    ) as file:
        file.write(traceback.format_exc())
    return file.name
