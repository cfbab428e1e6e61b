"""COMET's one job a column, files of scores, and rows of other systems: what is planned and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import RecipeError
from mtsuite.jobs import comet as comet_job
from mtsuite.jobs.context import JobContext
from mtsuite.plan.build import make_plan
from mtsuite.plan.comet import not_read
from mtsuite.plan.pattern import told_apart
from mtsuite.plan.planned import Planned
from mtsuite.plan.report import report_plan
from mtsuite.recipe import read_recipe, select

HEAD = "directions: [en-de, de-en]\nmethods: {zero-shot: , full: }\n"


def planned(folder: Path, more: str = "", **choice: Any) -> Planned:
    (folder / "r.yaml").write_text(HEAD + more, encoding="utf-8")
    read = read_recipe(folder / "r.yaml")
    return make_plan(read.model_copy(update={"recipe": select(read.recipe, **choice)}))


def jobs(plan: Planned, kind: str) -> list[Any]:
    return [job for job in plan.plan if job.kind == kind]


def outputs(folder: Path, *directions: str) -> None:
    (folder / "out").mkdir(exist_ok=True)
    for direction in directions:
        (folder / "out" / f"g.{direction}.txt").write_text("a\n" * 100, encoding="utf-8")


EXTERNAL = 'external: {google: {label: Google, translations: "out/g.{direction}.txt", note: May 2024}}\n'


def test_one_job_a_column_over_all_texts(tmp_path: Path) -> None:
    plan = planned(
        tmp_path, "metrics: {names: [BLEU, COMET, COMET-kiwi], more_comet: {COMET-kiwi: {checkpoint: a/kiwi}}}\n"
    )
    one, two = jobs(plan, "comet")
    assert plan.comet == {"COMET": one.key, "COMET-kiwi": two.key}
    assert set(one.spec["texts"]) == {line.translations for line in plan.lines} == set(one.optional)
    assert one.key != two.key
    assert two.spec["checkpoint"] == "a/kiwi"
    assert {tuple(job.spec["metrics"]) for job in jobs(plan, "score")} == {("BLEU",)}
    without = planned(tmp_path, "metrics: {names: [BLEU]}\n")
    assert not jobs(without, "comet")
    assert {job.key for job in jobs(without, "score")} == {job.key for job in jobs(plan, "score")}


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("{names: [COMET-kiwi]}", "unknown metric 'COMET-kiwi'"),
        ("{more_comet: {chrf: {}}}", "there is a metric called 'chrf' already"),
        ('{comet: {scores: "s/{methd}.txt"}}', "unknown placeholder {methd}. Did you mean 'method'"),
        ('{comet: {scores: "s/{method}.txt"}}', "would hold the scores of several texts .* put {direction} into"),
    ],
)
def test_what_is_wrong_with_comet_is_told_at_once(tmp_path: Path, metrics: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        planned(tmp_path, f"metrics: {metrics}\n")


def test_names_that_run_together_in_a_path_are_refused(tmp_path: Path) -> None:
    rows = "directions: [en-de]\nseeds: [1, 11]\nmethods: {full: , full1: {use: full, train: {learning_rate: 0.1}}}\n"
    (tmp_path / "r.yaml").write_text(rows + 'metrics: {comet: {scores: "s/{method}{seed}.txt"}}\n')
    with pytest.raises(RecipeError, match=r"full11.txt would hold .*\{method\} and \{seed\} run together in it"):
        make_plan(read_recipe(tmp_path / "r.yaml"))
    assert "{testset} run together" in told_apart("o/{testset}.{direction}.txt", ["testset"]), "wmt14/full, wmt14_full"
    assert told_apart("o/{direction}.txt", ["direction", "testset"]) == "put {testset} into the path"


def test_files_of_scores_count_by_what_is_in_them(tmp_path: Path) -> None:
    more = 'metrics: {comet: {scores: "s/{method}.{direction}.txt"}}\n'
    (empty,) = jobs(planned(tmp_path, more), "comet")
    assert set(empty.spec["files"].values()) == {None}
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "full.en-de.txt").write_text("0.5\n")
    (one,) = jobs(planned(tmp_path, more), "comet")
    (tmp_path / "s" / "full.en-de.txt").write_text("0.6\n")
    (two,) = jobs(planned(tmp_path, more), "comet")
    assert len({empty.key, one.key, two.key}) == 3
    assert sum(digest is not None for digest in one.spec["files"].values()) == 1


def test_an_external_row_is_scored_like_the_others(tmp_path: Path) -> None:
    outputs(tmp_path, "en-de")
    plan = planned(tmp_path, EXTERNAL + "report: {baseline: google}\nseeds: [1, 2]\n")
    (job,) = jobs(plan, "external")
    mine = [line for line in plan.lines if line.method == "google"]
    assert [(line.seed, line.direction, line.translations) for line in mine] == [
        (1, "en-de", job.key), (2, "en-de", job.key)]  # fmt: skip
    report = list(report_plan(plan, set(plan.plan.jobs), [], results=tmp_path, environment={}, command=""))[-1]
    page = report.spec["report"]
    assert page["methods"] == ["source-copy", "zero-shot", "full", "google"]
    assert page["external"] == ["google"]
    assert page["labels"]["google"] == "Google"
    assert page["method_notes"]["google"] == (
        "made outside of this comparison: model, data and budget are its own; May 2024; no file g.de-en.txt"
    )
    assert "google" not in page["trained_methods"]
    (tmp_path / "out" / "g.en-de.txt").write_text("b\n" * 100)
    assert jobs(planned(tmp_path, EXTERNAL), "external")[0].key != job.key, "the key is that of the text"


def test_rows_are_chosen_among_external_ones_too(tmp_path: Path) -> None:
    outputs(tmp_path, "en-de", "de-en")
    more = EXTERNAL + "report: {baseline: google}\n"
    assert {line.method for line in planned(tmp_path, more, only=["full,google"]).lines} == {
        "source-copy", "full", "google"}  # fmt: skip
    left = planned(tmp_path, more, exclude=["google"])
    assert left.recipe.external == {}
    assert left.recipe.report.baseline is None
    with pytest.raises(RecipeError, match="leave no row beside the external ones"):
        planned(tmp_path, more, only=["google"])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (EXTERNAL.replace("g.{", "h.{"), r"external.google.translations: no such file: .*out/h.en-de.txt, nor one"),
        (EXTERNAL.replace("g.{direction}", "g.en-de"), "would be read for en-de and de-en: put {direction}"),
        (EXTERNAL.replace("{direction}", "{pair}"), "unknown placeholder {pair}"),
        (EXTERNAL.replace("google:", "full:"), r"external.full: there is a row of methods with that name"),
        (EXTERNAL.replace("google:", "source-copy:"), "'source-copy' is the name of the floor row"),
        (
            EXTERNAL + "report: {baseline: gogle}\n",
            "'gogle' is not a row of methods or external. Did you mean 'google'",
        ),
    ],
)
def test_what_is_wrong_with_a_row_is_told_at_once(tmp_path: Path, more: str, message: str) -> None:
    outputs(tmp_path, "en-de", "de-en")
    with pytest.raises(RecipeError, match=message):
        planned(tmp_path, more)


FILES = "data: {text: {source: files, train: ['t.{lang}'], valid: ['t.{lang}'], test: {t: ['t.{lang}']}}}\n"
MIXED = "data: {sacrebleu: {sets: {wmt16: [en-de]}}}\n"


@pytest.mark.parametrize(
    ("data", "texts", "reason"),
    [(FILES, set(), "data.text.source is files"), (MIXED, {"de-en"}, "not of wmt16"), ("", {"en-de", "de-en"}, "")],
)
def test_the_embedded_comet_scores_no_text_but_the_microworlds(
    tmp_path: Path, data: str, texts: set[str], reason: str
) -> None:
    for code in ("en", "de"):
        (tmp_path / f"t.{code}").write_text("".join(f"a line {n} of {code}\n" for n in range(20)))
    plan = planned(tmp_path, "metrics: {names: [BLEU, COMET, kiwi], more_comet: {kiwi: {checkpoint: a/kiwi}}}\n" + data)
    embedded, other = jobs(plan, "comet")
    assert {direction for direction, _ in embedded.spec["texts"].values()} == texts
    assert reason in embedded.spec.get("problem", "")
    assert ("metrics.comet.checkpoint, such as Unbabel/" in not_read("COMET", plan.recipe)) == bool(reason)
    assert {direction for direction, _ in other.spec["texts"].values()} == {"en-de", "de-en"}
    assert not_read("kiwi", plan.recipe) == ""
    report = list(report_plan(plan, set(plan.plan.jobs), [], results=tmp_path, environment={}, command=""))[-1]
    assert report.spec["embedded_comet"] == (["COMET"] if texts else []), "whose worth is told under the table"


def test_a_column_without_texts_says_why_and_opens_no_checkpoint(tmp_path: Path) -> None:
    spec = {"texts": {}, "metric": "COMET", "untrained": [], "problem": "not of this text"}
    assert comet_job.run(spec, {}, tmp_path, JobContext()) == {"texts": 0}, "and is not tried again"
    assert comet_job.read_results(tmp_path) == ({}, "not of this text")
