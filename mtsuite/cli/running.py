"""Verbs about a recipe: run it, show what a run would do, check it."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from mtsuite.cli.anonymous import anonymous
from mtsuite.cli.options import (
    ExcludeOption,
    OfflineOption,
    OnlyOption,
    OutputOption,
    QuietOption,
    RecipeArgument,
    SeedsOption,
    SetOption,
    VerboseOption,
)
from mtsuite.cli.planning import (
    planned_for,
    read_selected,
    results_folder,
    store_root,
    tell_ahead,
    tell_broken,
    tell_leaving,
    tell_pretraining,
)
from mtsuite.cli.terminal import escaped, make_console
from mtsuite.errors import ExecutorError


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
    report: Annotated[
        bool,
        typer.Option("--report/--no-report", help="Write the results folder, or make the jobs alone (to help a run)."),
    ] = True,
    executor: Annotated[
        str, typer.Option("--executor", help="Where jobs run: local, slurm, ray (docs/clusters.md).", metavar="NAME")
    ] = "local",
    executor_option: Annotated[
        list[str] | None,
        typer.Option("--executor-option", metavar="KEY=VALUE", help="An option of the executor. Repeatable."),
    ] = None,
    offline: OfflineOption = False,
    verbose: VerboseOption = False,
    quiet: QuietOption = False,
) -> None:
    """Run a recipe: train, translate, score, report. What is done already is not done again."""
    from mtsuite.results.writing import check_folder
    from mtsuite.run.aside import prints_aside
    from mtsuite.run.executors.find import choose_executor, read_options
    from mtsuite.run.launched import launched, run_launched
    from mtsuite.run.progress import make_progress
    from mtsuite.run.recipe import run_recipe
    from mtsuite.run.store import Store

    chosen = choose_executor(executor, read_options(executor_option or []))
    if chosen is not None and launched():
        raise ExecutorError(f"--executor {executor}: not under a launcher of several processes; start it without one.")
    if chosen is not None and jobs is not None:
        raise ExecutorError("--jobs: for this machine; with --executor it is --executor-option at_once=N.")
    read = read_selected(recipe, set_, only, exclude, seeds)
    results = results_folder(read, output_dir)
    store = Store(store_root(results))
    if report:
        check_folder(results)
    planned = planned_for(read, offline=offline)
    tell_ahead(read, planned, lambda job: store.is_done(job.key, job.kind), offline=offline, quiet=quiet)
    if not quiet:
        if report:
            tell_leaving(results, read)
        tell_pretraining(planned, store)
    if launched():  # under `accelerate launch`: all processes work on one training job at a time
        with prints_aside():
            run_launched(planned.plan, store, offline=offline)
    console = make_console()
    level = -1 if quiet else int(verbose)
    progress = make_progress(make_console(stderr=True), level=level)
    finished = run_recipe(
        planned, results, store, workers=jobs, keep_going=keep_going, offline=offline, progress=progress,
        command=_command(), report=report, executor=chosen,
    )  # fmt: skip
    if finished.results is not None:
        from mtsuite.report.build import print_report

        print_report(finished.results, console)
        if not quiet:
            page = "report.html is the page to open" if read.recipe.report.page else "`mtsuite report` draws its page"
            console.print(f"{finished.ran} jobs run. Everything is in {finished.results}/ ({page}).")
    elif finished.helped and not quiet:
        console.print(f"{finished.ran} jobs run. No results folder was written: {escaped(finished.helped)}.")
    if not finished.complete:
        raise typer.Exit(1)


def _command() -> str:
    """The command as typed, without folders of this machine and without credentials."""
    return shlex.join(["mtsuite", *map(anonymous, sys.argv[1:])])


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

    read = read_selected(recipe, set_, only, exclude, seeds)
    store = Store(store_root(results_folder(read, output_dir)))
    planned = planned_for(read)
    print_plan(
        planned, lambda job: store.is_done(job.key, job.kind), make_console(), every_job=all_jobs,
        finished=store.finished, folder=store.path,
    )  # fmt: skip
    tell_broken(planned, verbose)


def validate(recipe: RecipeArgument, set_: SetOption = None, verbose: VerboseOption = False) -> None:
    """Check a recipe: keys, types, methods and their configurations, files, directions. Nothing runs."""
    read = read_selected(recipe, set_)
    planned = planned_for(read)
    tell_broken(planned, verbose)
    tell_ahead(read, planned)
    make_console().print(
        f"{recipe}: fine. {len(planned.recipe.methods)} rows, {len(planned.recipe.directions)} directions, "
        f"{len(planned.plan)} jobs."
    )
