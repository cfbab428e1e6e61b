"""``mtsuite metrics``: what can be a column, the start of a metric of one's own, the conformance kit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtsuite.cli.terminal import escaped, make_console

metrics_app = typer.Typer(help="The metrics, and your own.", no_args_is_help=True)


@metrics_app.command("list")
def metrics_list() -> None:
    """All metrics that a recipe can name, and which way is better."""
    from rich.table import Table

    from mtsuite.errors import MetricError
    from mtsuite.metrics.own import is_own
    from mtsuite.metrics.registry import make_metric, metric_names

    table = Table("metric", "better", "from", box=None, pad_edge=False)
    for name in metric_names():
        try:
            better = "lower" if make_metric(name).lower_is_better else "higher"
        except MetricError as error:
            better = f"[red]cannot be used:[/] {escaped(str(error))}"
        table.add_row(escaped(name), better, "another package" if is_own(name) else "mtsuite")
    make_console().print(table)


@metrics_app.command("new")
def metrics_new(
    name: Annotated[str, typer.Argument(help="Such as my-score: the class becomes MyScore.")],
    output_dir: Annotated[Path, typer.Option("--output-dir", "-o", help="Where to write it.")] = Path(),
) -> None:
    """Write a commented metric to start from: it works, and passes `metrics check` as it is."""
    from mtsuite.scaffold import Name
    from mtsuite.scaffold_metric import write_metric

    path = write_metric(name, output_dir)
    use = f"{path}:{Name(name).cls}"
    console = make_console()
    for line in (
        f"Written: {path}",
        "Next:",
        f"  mtsuite metrics check {use}",
        f"  mtsuite run table1 --set metrics.names='[BLEU, {use}]'",
    ):
        console.print(escaped(line), highlight=False, soft_wrap=True)


@metrics_app.command("check")
def metrics_check(
    use: Annotated[str, typer.Argument(help="A registered name, or path/to/file.py:ClassName.")],
) -> None:
    """Run the conformance kit on a metric, one line a check."""
    from mtsuite.testing.metric_checks import check_metric

    results = check_metric(use, raise_on_failure=False)
    console = make_console()
    for result in results:
        mark = "[green]passed[/]" if result.passed else "[red]FAILED[/]"
        console.print(f"{mark} {result.name} {escaped(result.message)}".rstrip(), highlight=False, soft_wrap=True)
    failed = sum(not result.passed for result in results)
    if failed:
        console.print(f"{failed} of {len(results)} checks failed.", highlight=False)
        raise typer.Exit(1)
    console.print(f"All {len(results)} checks passed.", highlight=False)
