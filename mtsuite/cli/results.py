"""Verbs about results: rebuild a report, compare runs, score files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mtsuite.cli.options import FormatOption, OutputFileOption, RoundsOption, TestOption, TestSeedOption
from mtsuite.cli.terminal import check_output, escaped, known_format, make_console, put_text


def report(
    results: Annotated[Path, typer.Argument(help="A results folder.")],
    pack: Annotated[
        bool, typer.Option("--pack", help="Keep records, Markdown tables and one archive, for version control.")
    ] = False,
) -> None:
    """Rebuild tables, matrices, figures and report.html from a results folder, without loading a model."""
    from mtsuite.report.build import build_report, pack_report

    built = pack_report(results) if pack else build_report(results)
    built.print(make_console())


def compare(
    results: Annotated[
        list[str],
        typer.Argument(help="Results folders, or rows of them as RESULTS:ROW.", metavar="RESULTS..."),
    ],
    rows: Annotated[list[str] | None, typer.Option("--rows", help="Rows to compare, comma-separated.")] = None,
    bases: Annotated[
        bool, typer.Option("--bases", help="Folders of several base models: is the order of the methods the same?")
    ] = False,
    test: TestOption = "approximate_randomization",
    rounds: RoundsOption = 1000,
    seed: TestSeedOption = 12345,
    format_: FormatOption = "text",
    output: OutputFileOption = None,
) -> None:
    """Put results folders, or any rows of them, side by side: what differs, and which scores differ significantly."""
    from mtsuite.compare.output import compare_results, compared_as
    from mtsuite.metrics.files import PairedTest

    kind, console = known_format(format_), make_console()
    check_output(output)
    if bases:
        from mtsuite.compare.bases import across_bases
        from mtsuite.compare.bases_output import bases_as

        if rows:
            raise typer.BadParameter("--bases compares all rows that the folders have in common; leave --rows out")
        found = across_bases([Path(text) for text in results], PairedTest(test, rounds, seed))
        put_text(bases_as(kind, found, console.width, console.is_terminal and output is None), output)
        return
    compared = compare_results(results, rows or [], PairedTest(test, rounds, seed))
    put_text(compared_as(kind, compared, console.width, console.is_terminal and output is None), output)


def merge(
    results: Annotated[
        list[Path], typer.Argument(help="Results folders with other rows or seeds.", metavar="RESULTS...")
    ],
    output: Annotated[Path, typer.Option("--output-dir", help="The results folder to write.")],
) -> None:
    """Join results folders of one recipe, with other rows and seeds, into one table; significance is computed anew."""
    from mtsuite.compare.join import join_results

    joined = join_results(results, output)
    for text in joined.told:
        make_console(stderr=True).print(f"note: {escaped(text)}", highlight=False, soft_wrap=True)
    joined.report.print(make_console())


def score(
    results: Annotated[
        Path | None,
        typer.Argument(help="A results folder to add --metrics to, instead of files.", metavar="[RESULTS]"),
    ] = None,
    hypotheses: Annotated[
        list[Path] | None,
        typer.Option("--hypotheses", help="Translations, one segment per line. Repeatable: they are compared."),
    ] = None,
    references: Annotated[
        list[Path] | None,
        typer.Option("--references", help="Reference translations. Repeatable: alternatives for each segment."),
    ] = None,
    direction: Annotated[str | None, typer.Option("--direction", help="Such as en-de; decides the tokenizer.")] = None,
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
    failures: Annotated[
        bool, typer.Option("--failures", help="Measure how they fail too: off-target, copied, too long, repeated, …")
    ] = False,
    languages: Annotated[
        str, typer.Option("--languages", help="With --failures: more languages that text may be in, e.g. cs,pl.")
    ] = "",
    format_: FormatOption = "text",
    output: OutputFileOption = None,
) -> None:
    """Score any files with the suite's metrics and compare them, or add metrics to a results folder."""
    if results is not None:
        if hypotheses or references or sources or direction or baseline or failures or output:
            raise typer.BadParameter("a results folder has its files and tests; give --metrics, --profile and --comet")
        _add_metrics(results, metrics, profile, comet)
        return
    needed = {"--hypotheses": hypotheses, "--references": references, "--direction": direction}
    if hypotheses is None or references is None or direction is None:
        lacking = ", ".join(name for name, value in needed.items() if not value)
        raise typer.BadParameter(f"files need {lacking}; or name a results folder to add metrics to it")
    from mtsuite.metrics.files import PairedTest, score_files
    from mtsuite.report.tables.files import files_as

    kind = known_format(format_)
    check_output(output, [*hypotheses, *references, sources])
    more = [code.strip() for code in languages.split(",") if code.strip()]
    if more and not failures:
        raise typer.BadParameter("only --failures asks for languages; give both", param_hint="--languages")
    found = score_files(
        hypotheses, references, sources, direction, metrics.split(","), profile, {"checkpoint": comet}, baseline,
        PairedTest(test, rounds, seed), failure_modes=failures, languages=more,
    )  # fmt: skip
    for warning in found.warnings:
        make_console(stderr=True).print(f"[yellow]warning:[/] {escaped(warning)}", highlight=False, soft_wrap=True)
    for text in found.notes:
        make_console(stderr=True).print(f"note: {escaped(text)}", highlight=False, soft_wrap=True)
    put_text(files_as(kind, found), output)


def _add_metrics(results: Path, metrics: str, profile: str, comet: str) -> None:
    from mtsuite.compare.added import add_metrics

    report, told = add_metrics(results, metrics.split(","), profile, {"checkpoint": comet})
    for text in told:
        make_console(stderr=True).print(f"note: {escaped(text)}", highlight=False, soft_wrap=True)
    report.print(make_console())
