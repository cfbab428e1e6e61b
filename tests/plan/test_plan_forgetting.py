"""Jobs of perplexity, of directions that are not trained on, and of sequences: what they are, and what they share."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.errors import MTSuiteError
from mtsuite.jobs.roles import CONTINUES
from mtsuite.plan.build import make_plan
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.plan.report import report_plan
from mtsuite.plan.show import beside
from mtsuite.recipe import read_recipe

HEAD = """\
directions: [en-de, de-en, en-fr]
train: {max_steps: 40, learning_rate: 1e-3}
methods:
  zero-shot:
  full:
  lora:
  landermt: {config: {k: 1}}
  mix-moe:
"""
SEQUENCE = "sequence: {methods: [full, landermt, mix-moe], directions: [en-fr, en-de, de-en], max_steps: 10}\n"
ZERO_SHOT = "forgetting: {zero_shot_directions: [fr-de, de-fr]}\n"


def planned(folder: Path, more: str = "", head: str = HEAD) -> Planned:
    path = folder / "r.yaml"
    path.write_text(head + more, encoding="utf-8")
    return make_plan(read_recipe(path))


def fails(folder: Path, *parts: str, more: str, head: str = HEAD) -> None:
    with pytest.raises(MTSuiteError) as caught:
        planned(folder, more, head)
    for part in parts:
        assert part in str(caught.value)


def stages(plan: Planned, method: str) -> dict[str, Job]:
    """The job of the main phase by stage."""
    found = [t for t in plan.trainings if t.method == method and t.transfer]
    return {t.trained_on: plan.plan.jobs[t.phases[-1][1]] for t in found}


# -- nothing changes for who does not ask -------------------------------------------------------------


def test_other_jobs_keep_their_keys(tmp_path: Path) -> None:
    plain = planned(tmp_path)
    with_all = planned(tmp_path, SEQUENCE + "forgetting: {perplexity: true, zero_shot_directions: [fr-de]}\n")
    alone = [key for key, job in plain.plan.jobs.items() if job.kind != "comet"]  # that one reads every text
    assert alone == [key for key in with_all.plan.jobs if key in plain.plan.jobs]
    assert (plain.corpus, plain.base) == (with_all.corpus, with_all.base)
    assert "perplexity" not in {job.kind for job in plain.plan}
    assert plain.untrained == ""


# -- sequence -----------------------------------------------------------------------------------------


def test_every_stage_goes_on_from_the_one_before(tmp_path: Path) -> None:
    plan = planned(tmp_path, SEQUENCE)
    for method in ("full", "landermt", "mix-moe"):
        made = stages(plan, method)
        assert list(made) == ["en-fr", "en-fr+en-de", "en-fr+en-de+de-en"]
        first, second, third = made.values()
        assert [job.spec["directions"] for job in (first, second, third)] == [["en-fr"], ["en-de"], ["de-en"]]
        assert [job.spec["train"]["steps"] for job in (first, second, third)] == [10, 10, 10]
        assert [job.inputs.get(CONTINUES) for job in (first, second, third)] == [None, first.key, second.key]
        assert len({first.key, second.key, third.key}) == 3


def test_phases_ahead_of_the_main_one_are_those_of_the_table(tmp_path: Path) -> None:
    plan = planned(tmp_path, SEQUENCE)
    for method, phase in (("landermt", "detection"), ("mix-moe", "lm-experts")):
        assert len({dict(t.phases)[phase] for t in plan.trainings if t.method == method}) == 1
        assert all(f"phase:{phase}" in job.inputs for job in stages(plan, method).values())


def test_phases_behind_the_main_one_follow_every_stage(tmp_path: Path) -> None:
    head = HEAD.replace("  mix-moe:\n", "  moe-lpr:\n")
    plan = planned(tmp_path, "sequence: {methods: [moe-lpr], directions: [en-fr, en-de]}\n", head)
    runs = [dict(t.phases) for t in plan.trainings if t.method == "moe-lpr" and t.transfer]
    experts = [plan.plan.jobs[run["experts"]] for run in runs]
    reviews = [plan.plan.jobs[run["review"]] for run in runs]
    assert experts[1].inputs[CONTINUES] == experts[0].key
    assert [job.inputs["phase:experts"] for job in reviews] == [job.key for job in experts]
    assert not any(CONTINUES in job.inputs for job in reviews)


def test_all_directions_are_tested_after_every_stage(tmp_path: Path) -> None:
    plan = planned(tmp_path, SEQUENCE)
    lines = [line for line in plan.lines if line.method == "full" and line.trained_on not in ("all", "start")]
    assert [(line.trained_on, line.direction) for line in lines] == [
        (stage, direction) for stage in stages(plan, "full") for direction in ("en-fr", "en-de", "de-en")
    ]
    for line in lines:
        assert stages(plan, "full")[line.trained_on].key in plan.plan.jobs[line.translations].inputs.values()


def test_the_first_stage_is_a_transfer_run(tmp_path: Path) -> None:
    transfer = "transfer: {methods: [full], directions: [en-fr], max_steps: 10}\n"
    alone, both = planned(tmp_path, transfer), planned(tmp_path, transfer + SEQUENCE)
    (job,) = stages(alone, "full").values()
    assert stages(both, "full")["en-fr"].key == job.key
    assert len([t for t in both.trainings if (t.method, t.trained_on) == ("full", "en-fr")]) == 1
    seen = [(x.method, x.seed, x.trained_on, x.direction) for x in both.lines]
    assert len(set(seen)) == len(seen), "scores.csv has no line twice"


def test_equal_prefixes_are_shared(tmp_path: Path) -> None:
    long = stages(planned(tmp_path, SEQUENCE), "full")
    short = stages(planned(tmp_path, SEQUENCE.replace(", de-en]", "]")), "full")
    assert {name: job.key for name, job in short.items()}.items() < {n: job.key for n, job in long.items()}.items()


@pytest.mark.parametrize(
    ("transfer", "own", "steps"),
    [("", "", 40), ("", ", max_steps: 7", 7), ("transfer: {methods: [lora], max_steps: 5}\n", "", 5)],
)
def test_length_of_a_stage(tmp_path: Path, transfer: str, own: str, steps: int) -> None:
    more = f"{transfer}sequence: {{methods: [full], directions: [en-fr, en-de]{own}}}\n"
    plan = planned(tmp_path, more)
    assert {job.spec["train"]["steps"] for job in stages(plan, "full").values()} == {steps}
    assert any(f"{steps} steps per stage: en-fr → en-de" in line for line in beside(plan))


def test_two_first_stages_of_one_name(tmp_path: Path) -> None:
    more = "transfer: {methods: [full], max_steps: 5}\n" + SEQUENCE
    fails(
        tmp_path,
        "r.yaml:10:94: sequence.max_steps",
        "for 10 steps as the first stage and for 5 in transfer",
        more=more,
    )
    planned(tmp_path, more.replace("{methods: [full], max", "{methods: [lora], max"))


def test_a_row_that_trains_nothing_cannot_be_trained_in_turn(tmp_path: Path) -> None:
    more = "sequence: {methods: [full, zero-shot], directions: [en-fr, en-de]}\n"
    fails(tmp_path, "r.yaml:9:28: sequence.methods[1]: 'zero-shot' trains nothing", more=more)


def test_seeds_have_their_own_sequences(tmp_path: Path) -> None:
    plan = planned(tmp_path, SEQUENCE + "seeds: [1, 2]\n")
    runs = [t for t in plan.trainings if t.method == "full" and t.transfer]
    assert [(t.seed, t.trained_on.count("+")) for t in runs] == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert len({t.phases for t in runs}) == 6


# -- directions that are not trained on ---------------------------------------------------------------


def test_they_are_tested_by_every_row_and_trained_by_none(tmp_path: Path) -> None:
    head = HEAD + "  in-context:\n  alone: {use: lora, one_model_per_direction: true}\n"
    plan = planned(tmp_path, ZERO_SHOT, head)
    lines = [line for line in plan.lines if line.direction in ("fr-de", "de-fr")]
    rows = ["source-copy", "zero-shot", "full", "lora", "landermt", "mix-moe"]
    after = [line for line in lines if line.trained_on != "start"]
    assert [line.method for line in after] == [row for row in rows for _ in range(2)]
    assert {line.trained_on for line in after} == {"all"}
    assert list(dict.fromkeys(x.method for x in lines if x not in after)) == ["full", "lora", "landermt", "mix-moe"]
    for line in lines:
        for key in (line.translations, line.scores):
            assert plan.plan.jobs[key].inputs["corpus"] == plan.untrained
    assert not any("fr-de" in job.spec["directions"] for job in plan.plan if job.kind in ("train", "probe", "base"))
    told = report_plan(plan, set(plan.plan.jobs), [], results=tmp_path, environment={}, command="")
    report = list(told)[-1]
    assert list(report.spec["report"]["forgetting"]["left_out"]) == ["in-context", "alone"]
    assert report.spec["directions"] == ["en-de", "de-en", "en-fr"], "Holm's family stays what it was"
    assert report.inputs["untrained"] == plan.untrained


def test_the_joint_model_translates_them(tmp_path: Path) -> None:
    plan = planned(tmp_path, ZERO_SHOT)
    models = {
        line.direction: {v for k, v in plan.plan.jobs[line.translations].inputs.items() if k.startswith("phase:")}
        for line in plan.lines
        if line.method == "landermt" and line.trained_on == "all"
    }
    assert len({frozenset(keys) for keys in models.values()}) == 1


def test_their_test_sets_are_a_corpus_of_its_own(tmp_path: Path) -> None:
    plan = planned(tmp_path, ZERO_SHOT)
    job = plan.plan.jobs[plan.untrained]
    assert job.kind == "corpus"
    assert job.spec["directions"] == ["fr-de", "de-fr"]
    assert job.inputs == {"corpus": plan.corpus}
    trained = plan.plan.jobs[plan.corpus].spec["directions"]
    assert {"en-de", "de-en", "en-fr"} <= set(trained)
    assert not {"fr-de", "de-fr"} & set(trained)


def test_no_validation_text(tmp_path: Path) -> None:
    more = ZERO_SHOT + "data: {evaluate_on: validation}\n"
    fails(tmp_path, "r.yaml:9:14: forgetting.zero_shot_directions", "data.evaluate_on is validation", more=more)


FILES = """\
directions: [en-de, en-fr]
methods: {zero-shot: , full: }
data:
  text:
    source: files
    train: ['train.{pair}.{lang}']
    valid: ['valid.{pair}.{lang}']
    test: {news: ['news.{pair}.{lang}']}
"""


def test_files_serve_them_where_there_is_a_test_set(tmp_path: Path) -> None:
    for part in ("train", "valid", "news"):
        for pair in ("en-de", "en-fr"):
            for code in pair.split("-"):
                (tmp_path / f"{part}.{pair}.{code}").write_text("a\nb\n", encoding="utf-8")
    more = "forgetting: {zero_shot_directions: [de-fr]}\n"
    fails(
        tmp_path, "r.yaml:9:37: forgetting.zero_shot_directions[0]", "Direction de-fr: no test set in data.text.test",
        "Pairs there: de-en, en-fr.", more=more, head=FILES,
    )  # fmt: skip
    for code in ("de", "fr"):
        (tmp_path / f"news.de-fr.{code}").write_text("a\nb\n", encoding="utf-8")
    plan = planned(tmp_path, more, FILES)
    assert [x.test_set for x in plan.lines if x.direction == "de-fr" and x.trained_on == "all"] == ["news"] * 3
    before = plan.plan.jobs[plan.untrained].key
    (tmp_path / "news.de-fr.fr").write_text("a\nc\n", encoding="utf-8")
    after = planned(tmp_path, more, FILES)
    assert after.untrained != before
    assert after.corpus == plan.corpus
    no_tests = FILES.replace("test: {news: ['news.{pair}.{lang}']}", "valid_sentences: 1")
    fails(tmp_path, "[0]: de-fr has no test set: data.text.test is empty", more=more, head=no_tests)


def test_sets_of_sacrebleu_may_serve_them_alone(tmp_path: Path) -> None:
    plain = "data: {sacrebleu: {sets: {wmt19: [en-de]}}}\n"
    named = plain.replace("[en-de]", "[en-de, de-fr]")
    more = "forgetting: {zero_shot_directions: [de-fr]}\n"
    without, with_it = planned(tmp_path, plain), planned(tmp_path, named + more)
    assert with_it.corpus == without.corpus, "what is trained on is the same"
    assert {x.test_set for x in with_it.lines if x.direction == "de-fr"} == {"wmt19"}
    assert with_it.plan.jobs[with_it.untrained].spec["_data"]["sacrebleu"]["sets"] == {"wmt19": ["de-fr"]}
    fails(tmp_path, "names de-fr, which is not among the recipe's directions", more=named)


# -- perplexity ---------------------------------------------------------------------------------------


def test_one_job_a_model(tmp_path: Path) -> None:
    plan = planned(tmp_path, SEQUENCE + "forgetting: {perplexity: true, sentences: 9}\n")
    found = {(p.method, p.trained_on): plan.plan.jobs[p.job] for p in plan.perplexities}
    joint = [("base", "all"), ("full", "all"), ("lora", "all"), ("landermt", "all"), ("mix-moe", "all")]
    assert list(found)[:5] == joint, "rows that train nothing are the base"
    assert [method for method, on in found if on == "start"] == ["full", "lora", "landermt", "mix-moe"]
    assert len(found) == 5 + 4 + 3 * 3
    assert len([job for job in plan.plan if job.kind == "perplexity"]) == len(found)
    spec = found["landermt", "all"].spec
    assert spec["languages"] == ["en", "de", "fr"]
    assert spec["sentences"] == 9
    assert spec["focus"] == {"en": "de-en", "de": "en-de", "fr": "en-fr"}
    stage = stages(plan, "full")["en-fr+en-de"]
    assert stage.key in found["full", "en-fr+en-de"].inputs.values()
    assert any("Perplexity: 18 models; 9 sentences at most in en, de, fr" in line for line in beside(plan))


def test_a_language_that_is_only_a_source(tmp_path: Path) -> None:
    head = "directions: [en-de, fr-de]\nmethods: {lora: }\n"
    plan = planned(tmp_path, "forgetting: {perplexity: true, languages: [fr, de]}\n", head)
    assert plan.plan.jobs[plan.perplexities[1].job].spec["focus"] == {"fr": "fr-de", "de": "en-de"}
    without = planned(tmp_path, "forgetting: {perplexity: true, focus: none, languages: [fr]}\n", head)
    assert without.plan.jobs[without.perplexities[1].job].spec["focus"] == {"fr": None}


def test_the_base_keeps_its_name(tmp_path: Path) -> None:
    head = "directions: [en-de]\nmethods:\n  base: {use: full}\n"
    fails(
        tmp_path, "r.yaml:3:3: methods.base: 'base' is the base model's name", more="forgetting: {perplexity: true}\n",
        head=head,
    )  # fmt: skip


def test_the_shipped_recipe_shares_the_rows_of_table_1() -> None:
    table, transfer, forgetting = (make_plan(read_recipe(name)) for name in ("table1", "transfer", "forgetting"))
    assert (forgetting.corpus, forgetting.base) == (table.corpus, table.base)
    joint = {t.method: t.phases for t in forgetting.trainings if t.trained_on == "all"}
    assert joint.items() <= {t.method: t.phases for t in table.trainings if t.trained_on == "all"}.items()
    firsts = {t.phases for t in forgetting.trainings if t.trained_on == "en-de"}
    assert len(firsts) == 3
    assert firsts <= {t.phases for t in transfer.trainings}, "the first stages are trainings of recipe transfer"
