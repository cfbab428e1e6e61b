"""A run that searches a learning rate: the choice is read by trainings, told in the notes, and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.plan.build import make_plan
from mtsuite.recipe import read_recipe
from mtsuite.run.store import Store

if TYPE_CHECKING:
    from tests.conftest import Command, Miniature

EXTRA = """\
  full: {search: {learning_rate: [1e-6, 1e-2]}}
report: {page: false, floor: false}
seeds: [1, 2]
"""


def finished(store: Path, kind: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Specification and summary of every finished job of a kind."""
    folders = sorted(path.parent for path in (store / kind).glob("*/status.json"))
    read = [[json.loads((folder / name).read_text()) for name in ("spec.json", "status.json")] for folder in folders]
    return [(spec["spec"], status["summary"]) for spec, status in read]


def test_a_search_runs_resumes_and_is_told(miniature: Miniature, tmp_path: Path, command: Command) -> None:
    folder = miniature.copy(tmp_path / "search", "corpus", "base")
    whole = miniature.recipe.read_text(encoding="utf-8")
    head = whole[: whole.index("  zero-shot:")].replace("[BLEU, chrF, COMET]", "[chrF]")
    (folder / "mini.yaml").write_text(head + EXTRA, encoding="utf-8")
    done = command(folder, "run", "mini.yaml", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    store = folder / "results" / ".mtsuite"
    ((_, found),) = finished(store, "choose")
    best = max(found["averages"], key=lambda pair: pair[1])[0]
    assert found["learning_rate"] == best
    trained = finished(store, "train")
    assert len(trained) == 3, "two candidates under the first seed, and the second seed with the chosen rate"
    ((_, first),) = finished(store, "chosen")
    losses = [s["losses"] for spec, s in trained if spec["train"]["learning_rate"] == best]
    assert [first["losses"]] == losses
    report = json.loads((folder / "results" / "mini" / "report.json").read_text(encoding="utf-8"))
    assert f"learning rate {best:g} chosen by chrF on validation text (seed 1" in report["method_notes"]["full"]
    plan, kept = make_plan(read_recipe(folder / "mini.yaml")).plan, Store(store)
    assert all(kept.is_done(job.key, job.kind) for job in plan), "the next run has nothing to do"
