"""What decides a job's key, and so what is shared between rows, recipes and runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.plan.build import make_plan
from mtsuite.plan.graph import Job, Plan, content_key
from mtsuite.plan.planned import Planned
from mtsuite.recipe import read_recipe

RECIPE = """\
directions: [en-de, de-en]
data: {text: {languages: [en, de], train_sentences: 40, test_sentences: 4}}
model: {pretrain: {layers: 2}}
methods:
  zero-shot:
  in-context:
  full:
  landermt: {config: {k: 1}}
  mix-moe:
"""


@pytest.fixture
def planned(here: Path):  # type: ignore[no-untyped-def]
    path = here / "x.yaml"
    path.write_text(RECIPE)

    def go(*overrides: str) -> Planned:
        return make_plan(read_recipe(path, overrides))

    return go


def phases(planned: Planned, method: str, seed: int = 1, trained_on: str = "all") -> dict[str, str]:
    """Name of the phase to key of its job."""
    return next(
        dict(t.phases) for t in planned.trainings if (t.method, t.seed, t.trained_on) == (method, seed, trained_on)
    )


def translations(planned: Planned, method: str, seed: int = 1) -> list[str]:
    return [x.translations for x in planned.lines if (x.method, x.seed, x.trained_on) == (method, seed, "all")]


def but_comet(planned: Planned) -> set[str]:
    """Keys of all jobs but COMET's, which is over all translations and so another with every row."""
    return {key for key, job in planned.plan.jobs.items() if job.kind != "comet"}


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.booleans()), st.text())
def test_entries_with_an_underscore_do_not_count(spec: dict[str, object], word: str) -> None:
    kept = {name: value for name, value in spec.items() if not name.startswith("_")}
    assert content_key("train", {**spec, f"_{word}": 1}, {}) == content_key("train", kept, {})


def test_everything_else_counts() -> None:
    key = content_key("train", {"a": 1}, {"base": "x"})
    assert len(key) == 20
    assert key == content_key("train", {"a": 1}, {"base": "x"})
    others = [
        ("probe", {"a": 1}, {"base": "x"}),
        ("train", {"a": 2}, {"base": "x"}),
        ("train", {"a": 1}, {"base": "y"}),
    ]
    assert len({key, *(content_key(*other) for other in others)}) == 4
    assert content_key("train", {"b": 1, "a": 2}, {}) == content_key("train", {"a": 2, "b": 1}, {}), "order does not"
    with pytest.raises(ValueError, match="Out of range"):
        content_key("train", {"a": float("nan")}, {})


def test_equal_jobs_are_held_once_and_inputs_come_first() -> None:
    plan = Plan()
    first = plan.add(Job("corpus", "a", {"x": 1}))
    assert plan.add(Job("corpus", "another label", {"x": 1})) == first
    assert len(plan) == 1
    with pytest.raises(ValueError, match="is not in the plan"):
        plan.add(Job("base", "b", {}, {"corpus": "nothing"}))


def test_renaming_a_row_changes_no_key(planned) -> None:  # type: ignore[no-untyped-def]
    one = planned("methods={a: {use: landermt, config: {k: 1}}, zero-shot: }")
    two = planned(
        "methods={b: {use: landermt, config: {k: 1}, label: Other}, zero-shot: }", "name=other", "title=Other"
    )
    assert set(one.plan.jobs) == set(two.plan.jobs)


def test_detection_is_shared_by_what_chooses_later(planned) -> None:  # type: ignore[no-untyped-def]
    base = phases(planned(), "landermt")
    for change in ("k=2", "epsilon=0.5", "sort=desc", "car_mode=off", "detector=random", "phi_agg=abs_of_sum"):
        other = phases(planned(f"methods.landermt.config.{change}"), "landermt")
        assert other["detection"] == base["detection"], change
        assert other["translation"] != base["translation"], change
    for change in ("samples=7", "with_target=true", "awareness=pair_mt"):
        other = phases(planned(f"methods.landermt.config.{change}"), "landermt")
        assert other["detection"] != base["detection"], change
    rows = planned("methods.landermt-ls.config.k=1", "methods.layers.config.k=1")
    assert {phases(rows, m)["detection"] for m in ("landermt", "landermt-ls", "layers")} == {base["detection"]}


def test_first_stage_of_mix_moe_is_shared_by_changes_of_the_second(planned) -> None:  # type: ignore[no-untyped-def]
    base = phases(planned(), "mix-moe")
    for change in ("mt_init=slices", "mt_width=3", "router_stage2=freeze", "lm_frozen=false", "loss_on=all"):
        other = phases(planned(f"methods.mix-moe.config.{change}"), "mix-moe")
        assert other["lm-experts"] == base["lm-experts"], change
        assert other["mt-experts"] != base["mt-experts"], change
    for change in ("config.lm_experts=4", "config.stage1_learning_rate=1e-3", "config.slices=contiguous"):
        assert phases(planned(f"methods.mix-moe.{change}"), "mix-moe")["lm-experts"] != base["lm-experts"], change


def test_learning_rates_of_recipe_and_row_reach_the_last_phase(planned) -> None:  # type: ignore[no-untyped-def]
    def rates(*overrides: str) -> dict[str, float]:
        jobs = planned(*overrides).plan
        return {
            f"{job.label.split(' (')[0]}": job.spec["train"]["learning_rate"] for job in jobs if job.kind == "train"
        }

    own = rates()
    shared = rates("train.learning_rate=7e-3")
    assert shared["full: translation"] == shared["landermt: translation"] == shared["mix-moe: mt-experts"] == 7e-3
    assert shared["mix-moe: lm-experts"] == own["mix-moe: lm-experts"], "an earlier phase keeps its own"
    row = rates("train.learning_rate=7e-3", "methods.mix-moe.train.learning_rate=9e-3")
    assert row["mix-moe: mt-experts"] == 9e-3
    assert row["full: translation"] == 7e-3
    assert row["mix-moe: lm-experts"] == own["mix-moe: lm-experts"]
    base, other = phases(planned(), "mix-moe"), phases(planned("methods.mix-moe.train.learning_rate=9e-3"), "mix-moe")
    assert base["lm-experts"] == other["lm-experts"]
    assert base["mt-experts"] != other["mt-experts"]


def test_seeds_train_anew_and_share_what_does_not_depend_on_them(planned) -> None:  # type: ignore[no-untyped-def]
    both = planned("seeds=[1, 2]")
    assert phases(both, "full", 1)["translation"] != phases(both, "full", 2)["translation"]
    assert phases(both, "landermt", 1)["detection"] == phases(both, "landermt", 2)["detection"]
    assert translations(both, "zero-shot", 1) == translations(both, "zero-shot", 2)
    assert translations(both, "in-context", 1) != translations(both, "in-context", 2), "examples are drawn"
    assert but_comet(planned()) < but_comet(both)


def test_transfer_shares_detection_and_first_stage(planned) -> None:  # type: ignore[no-untyped-def]
    matrix = planned("transfer={methods: [full, landermt, mix-moe], max_steps: 3}")
    for on in ("en-de", "de-en"):
        assert phases(matrix, "landermt", 1, on)["detection"] == phases(matrix, "landermt")["detection"]
        assert phases(matrix, "mix-moe", 1, on)["lm-experts"] == phases(matrix, "mix-moe")["lm-experts"]
        assert phases(matrix, "full", 1, on) != phases(matrix, "full")
    assert len([x for x in matrix.lines if x.trained_on not in ("all", "start")]) == 3 * 2 * 2
    assert len([x for x in matrix.lines if x.trained_on == "start"]) == 3 * 2
    assert but_comet(planned()) < but_comet(matrix)


def test_how_a_run_is_done_changes_nothing(planned) -> None:  # type: ignore[no-untyped-def]
    keys = set(planned().plan.jobs)
    for change in (
        "train.checkpoint_seconds=0",
        "model.pretrain.use_shipped=false",
        "report.baseline=full",
        "report.page=false",
    ):
        assert set(planned(change).plan.jobs) == keys, change
    moved = planned("report.floor=false")
    assert but_comet(moved) < keys


def test_files_count_by_what_is_in_them(here: Path) -> None:
    keys = []
    for name, text in (("one", "a\nb\nc\n"), ("two", "a\nb\nc\n"), ("three", "a\nb\nd\n")):
        folder = here / name
        folder.mkdir()
        for code in ("en", "de"):
            (folder / f"train.{code}").write_text(text)
        data = "data: {text: {source: files, train: ['train.{lang}'], valid_sentences: 1}}"
        recipe = RECIPE.replace("data: {text: {languages: [en, de], train_sentences: 40, test_sentences: 4}}", data)
        (folder / "x.yaml").write_text(recipe)
        keys.append(set(make_plan(read_recipe(folder / "x.yaml")).plan.jobs))
    assert keys[0] == keys[1], "moving the files changes nothing"
    assert not keys[0] & keys[2]
