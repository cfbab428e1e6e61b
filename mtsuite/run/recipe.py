"""A recipe from plan to results folder."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from mtsuite.jobs.context import INCOMPLETE
from mtsuite.plan.broken import planning_job
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.plan.report import report_plan
from mtsuite.report.tables.notes import SKIPPED
from mtsuite.results.writing import is_output, write_files
from mtsuite.run.claim import Claim
from mtsuite.run.environment import describe_environment
from mtsuite.run.executors.drive import run_elsewhere
from mtsuite.run.executors.find import Chosen
from mtsuite.run.progress import Progress
from mtsuite.run.scheduler import Outcome, run_plan
from mtsuite.run.store import Store


@dataclass(frozen=True)
class Finished:
    """What a run left: the outcome of its jobs, and where the results lie (None when this run wrote none).

    ``helped`` says why it wrote none although the jobs are done: it was not asked to, or another run writes them.
    """

    outcome: Outcome
    results: Path | None
    ran: int
    helped: str = ""

    @property
    def complete(self) -> bool:
        return self.outcome.complete and (self.results is not None or bool(self.helped))


def run_recipe(
    planned: Planned,
    results: Path,
    store: Store,
    *,
    workers: int | None = None,
    keep_going: bool = True,
    offline: bool = False,
    progress: Progress | None = None,
    command: str = "",
    functions: Mapping[str, str] | None = None,
    report: bool = True,
    executor: Chosen | None = None,
) -> Finished:
    """Run what is not done, then report on all that is there; rows that could not be planned are holes in it.

    With an ``executor`` its machines make the jobs, and this one the report.  Where another run of the recipe writes
    the results folder, and without ``report``, this one makes jobs alone.  Raises RecipeError when the run that
    writes the folder makes other results.
    """
    progress = progress or Progress()
    claim = Claim(results, planned)
    try:
        if report and not claim.take():
            progress.note(f"note: {claim.other} writes {results}; this run makes jobs for it")
        failed_rows = _keep_broken(planned, store, progress)
        if executor is None or all(store.is_done(job.key, job.kind) for job in planned.plan):
            outcome = run_plan(
                planned.plan, store, workers=workers, keep_going=keep_going, offline=offline, progress=progress,
                functions=functions, failed=failed_rows,
            )  # fmt: skip
        else:
            outcome = run_elsewhere(
                planned, store, executor, keep_going=keep_going, offline=offline, progress=progress,
                functions=functions, failed=failed_rows,
            )  # fmt: skip
        if not report or not claim.take():
            helped = f"{claim.other} writes {results}" if report else "no results were asked for (--no-report)"
            return Finished(outcome, None, len(outcome.done), helped)
        return _report(planned, outcome, results, store, offline, progress, command, functions)
    finally:
        claim.release()


def _report(
    planned: Planned,
    outcome: Outcome,
    results: Path,
    store: Store,
    offline: bool,
    progress: Progress,
    command: str,
    functions: Mapping[str, str] | None,
) -> Finished:
    """Put the results together from what is in the store, and copy them into their folder."""
    available = {key for key, job in planned.plan.jobs.items() if store.has_output(job)}
    scored = any(line.scores in available for line in planned.lines)
    if not scored:
        return Finished(outcome, None, len(outcome.done))
    failed = [{"job": job.label, "error": message.strip().splitlines()[0]} for job, message in outcome.failed]
    failed += [{"job": job.label, "error": SKIPPED} for job in outcome.skipped]
    plan = report_plan(
        planned, available, failed, results=results, environment=describe_environment(), command=command,
        incomplete=_incomplete(planned, store, available),
    )  # fmt: skip
    report = list(plan)[-1]
    second = run_plan(
        plan, store, workers=1, offline=offline, progress=progress, only_keys=[report.key], functions=functions,
        as_it_is=available,
    )  # fmt: skip
    outcome.failed += second.failed
    if store.has_output(report):
        publish(store.path(report), results)
        return Finished(outcome, results, len(outcome.done) + len(second.done))
    return Finished(outcome, None, len(outcome.done))


def _incomplete(planned: Planned, store: Store, available: Collection[str]) -> dict[str, str]:
    """Jobs whose output lacks something for now, with what they say about it."""
    found = {}
    for key in sorted(available):
        job = planned.plan.jobs[key]
        if store.state(job) == "holes":
            found[key] = str((store.status(job) or {}).get("summary", {}).get(INCOMPLETE, ""))
    return found


def _keep_broken(planned: Planned, store: Store, progress: Progress) -> list[tuple[Job, str]]:
    """Keep the tracebacks of rows that could not be planned where those of failed jobs are, and tell of them."""
    for name, row in planned.recipe.methods.items():  # of an earlier run; the method may have been mended since
        shutil.rmtree(store.failed_path(planning_job(name, row.use or name)), ignore_errors=True)
    for broken in planned.broken:
        folder = store.fail(broken.job, broken.error, error_class="PluginError", traceback=broken.traceback)
        progress.job_failed(broken.job, broken.error, folder)
    return [(broken.job, broken.error) for broken in planned.broken]


def publish(source: Path, results: Path) -> None:
    """Copy a report's files into the results folder; what is not of the suite there stays as it is.

    Raises StoreError when the folder cannot be written.
    """
    found = {path.relative_to(source).as_posix(): path for path in sorted(source.rglob("*")) if path.is_file()}
    write_files(results, {name: path for name, path in found.items() if is_output(name)}, is_output)
