"""Metrics of one's own: found, checked, guarded, and their direction told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError, RecipeError
from mtsuite.metrics import make_metric
from mtsuite.metrics.registry import column_of
from mtsuite.recipe import read_recipe
from mtsuite.scaffold_metric import write_metric
from mtsuite.testing.metric_checks import check_metric

ROOT = Path(__file__).parents[2]
EN_DE = Direction("en", "de")
HEAD = "from mtsuite.metrics.own import SegmentMetric\n\n\nclass M(SegmentMetric):\n"
SAID = (
    '    name = "m"\n    lower_is_better = {lower}\n\n'
    "    def segments(self, direction, sources, hypotheses, references):\n"
)
GOOD = "        return [100.0 * (h == r) for h, r in zip(hypotheses, references)]\n"


def metric(tmp_path: Path, body: str = GOOD, lower: str = "False", head: str = HEAD) -> str:
    path = tmp_path / "m.py"
    path.write_text(head + SAID.format(lower=lower) + body)
    return f"{path}:M"


def score(use: str) -> Any:
    return make_metric(use).score(EN_DE, ["a", "b"], ["x", "y"], ["x", "z"])


def test_the_tutorial_is_followed(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "tutorial-metric.md").read_text(encoding="utf-8")
    block = re.search(r"<!-- metric -->\n```python\n(.*?)```", text, re.DOTALL)
    assert block is not None
    assert len(block[1].splitlines()) <= 20
    path = tmp_path / "length_error.py"
    path.write_text(block[1])
    assert all(check.passed for check in check_metric(f"{path}:LengthError"))
    assert make_metric(f"{path}:LengthError").lower_is_better
    assert column_of(f"{path}:LengthError") == "length-error"


def test_what_new_writes_passes_the_kit(tmp_path: Path) -> None:
    path = write_metric("my-score", tmp_path)
    assert len(check_metric(f"{path}:MyScore")) == 6


def test_the_score_is_the_mean(tmp_path: Path) -> None:
    result = score(metric(tmp_path))
    assert (result.score, result.segments, result.signature) == (50, [100, 0], "m|version:1")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("        raise ValueError('no model')\n", r"m en-de .*m.py:9, in segments: ValueError: no model"),
        ("        return [1.0]\n", "expected 2 scores, one for each segment; found 1"),
        ("        return [1.0, float('nan')]\n", "finite"),
        ("        return None\n", "TypeError"),
        ("        raise SystemExit(3)\n", "SystemExit"),
    ],
)
def test_what_it_does_wrong_is_an_error_of_the_metric(tmp_path: Path, body: str, says: str) -> None:
    with pytest.raises(MetricError, match=says):
        score(metric(tmp_path, body))


def test_a_direction_must_be_said(tmp_path: Path) -> None:
    use = metric(tmp_path)
    path = Path(use.rpartition(":")[0])
    path.write_text(path.read_text().replace("    lower_is_better = False\n", ""))
    with pytest.raises(MetricError, match="does not say which way is better"):
        make_metric(use)


def test_a_wrong_direction_fails_the_kit(tmp_path: Path) -> None:
    with pytest.raises(MetricError, match="set lower_is_better = False"):
        check_metric(metric(tmp_path, lower="True"))


@pytest.mark.parametrize(
    ("use", "says"),
    [
        ("nowhere.py:M", "there is no file nowhere.py"),
        ("{file}:N", "has no class 'N'.*M"),
        ("{file}:HEAD", "expected a class that derives from"),
        ("my-own", "unknown metric|Unknown metric"),
    ],
)
def test_what_cannot_be_found(tmp_path: Path, use: str, says: str) -> None:
    file = metric(tmp_path, head="HEAD = 1\n" + HEAD).rpartition(":")[0]
    with pytest.raises(MetricError, match=says):
        make_metric(use.format(file=file))


def recipe(tmp_path: Path, names: str) -> Any:
    path = tmp_path / "r.yaml"
    path.write_text(f"directions: [en-de]\nmethods: {{zero-shot: }}\nmetrics: {{names: [{names}]}}\n")
    return read_recipe(str(path))


def test_a_file_that_ends_the_process_is_an_error_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "ends.py"
    file.write_text("import os\nos._exit(0)\n")
    with pytest.raises(MetricError, match=r"ends\.py:Mine cannot be imported.*os\._exit\(0\)"):
        make_metric(f"{file}:Mine")


def test_a_recipe_names_a_file_beside_it(tmp_path: Path) -> None:
    from mtsuite.plan.build import make_plan
    from mtsuite.plan.report import report_plan

    metric(tmp_path, lower="True")
    planned = make_plan(recipe(tmp_path, "BLEU, ./m.py:M"))
    jobs = [job for job in planned.plan if job.kind == "score"]
    assert all(job.spec["metrics"] == ["BLEU", "m"] for job in jobs)
    before = {job.key for job in jobs}
    (report,) = [
        job
        for job in report_plan(planned, list(planned.plan.jobs), [], results=tmp_path, environment={}, command="")
        if job.kind == "report"
    ]
    assert report.spec["metrics"] == ["BLEU", "m"]
    from mtsuite.jobs.report import _lower_is_better

    assert _lower_is_better(report.spec) == ["m"]
    metric(tmp_path, GOOD.replace("100.0", "50.0"), lower="True")
    assert not before & {job.key for job in make_plan(recipe(tmp_path, "BLEU, ./m.py:M")).plan}


def test_a_recipe_with_a_metric_that_cannot_be_used(tmp_path: Path) -> None:
    from mtsuite.plan.build import make_plan

    metric(tmp_path, lower="None")
    with pytest.raises(RecipeError, match=r"r.yaml.*does not say which way is better"):
        make_plan(recipe(tmp_path, "BLEU, ./m.py:M"))
    with pytest.raises(RecipeError, match=r"unknown metric 'BLUE'"):
        make_plan(recipe(tmp_path, "BLUE"))


def test_the_others_are_scored_where_one_fails(tmp_path: Path) -> None:
    from mtsuite.data.corpus import write_corpus
    from mtsuite.jobs.context import JobContext
    from mtsuite.jobs.score import run

    use = metric(tmp_path, "        raise KeyError('x')\n")
    pairs = {("de", "en"): [("Haus", "house")]}
    corpus = write_corpus(
        tmp_path / "corpus",
        directions=[EN_DE],
        train=pairs,
        valid=pairs,
        tests={"t": {EN_DE: [("a cat", "eine Katze", "ein Kater")]}},
    )
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "hypotheses.txt").write_text("ein Kater\n")
    (tmp_path / "made" / "status.json").write_text('{"summary": {}}')
    (tmp_path / "out").mkdir()
    spec = {"direction": "en-de", "test_set": "t", "metrics": ["chrF", "m"], "profile": "auto",
            "languages": ["en", "de"], "_own_metrics": {"m": use}}  # fmt: skip
    inputs = {"corpus": corpus.folder, "translations": tmp_path / "made"}
    summary = run(spec, inputs, tmp_path / "out", JobContext(keys={"corpus": "k"}))
    assert summary["chrF"] == pytest.approx(100)  # the second reference
    assert "KeyError" in summary["m"]
