"""What a plan tells before anything runs: pairs, epochs, rates, time, transfer's budget, a base to be pretrained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Answer, Miniature

from mtsuite.cli.planning import tell_pretraining
from mtsuite.data.preview import Sizes
from mtsuite.errors import RecipeError
from mtsuite.plan.budget import (
    Done,
    duration,
    pairs_seen,
    pretraining,
    rate_of,
    seconds_of,
    text_lines,
    trainings_of,
    transfer_budget,
)
from mtsuite.plan.build import make_plan
from mtsuite.plan.checks import check_measured
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.recipe import builtin_recipes, read_recipe
from mtsuite.run.store import Store


def planned(*overrides: str, recipe: str | Path = "table1") -> Planned:
    return make_plan(read_recipe(recipe, list(overrides)))


def nothing(_: str) -> Iterator[Done]:
    return iter(())


def told(plan: Planned, *done: str) -> str:
    """What is said of pretraining with jobs of these kinds done."""
    return pretraining(plan, lambda job: job.kind in done, nothing, lambda job: Path(job.key))


# -- text -----------------------------------------------------------------------------------------


def test_pairs_by_split_and_lines_held_out() -> None:
    sizes = [
        Sizes("de-en", 1500, 100, 500, {"de-en": {"own": 400}}, 80.0),
        Sizes("en-fr", 1500, 100, 500, {"fr-en": {"own": 400}}, 90.0),
        Sizes("en-it", None, 5),
    ]
    assert text_lines(sizes) == [
        "Pairs before cleaning, de-en, en-fr: 1,500 training, 100 validation, 400 test (own); 500 lines of training "
        "are held out for validation and test sets without files",
        "Pairs before cleaning, en-it: ? training, 5 validation",
    ]


def files(here: Path, lines: int, more: str = "") -> Path:
    for code in ("en", "de"):
        (here / f"t.{code}").write_text("".join(f"{code} {n:04d} words\n" for n in range(lines)))
    (here / "x.yaml").write_text(
        "directions: [en-de, de-en]\n"
        f"data: {{text: {{source: files, train: ['t.{{lang}}'], valid_sentences: 40{more}}}}}\n"
        "model: {pretrain: {hidden_size: 16, layers: 2, heads: 2, vocabulary: 300}}\n"
        "train: {max_steps: 10, sentences_per_batch: 8, gradient_accumulation_steps: 3}\n"
        "methods: {full: , mix-moe: }\n"
    )
    return here / "x.yaml"


def test_files_are_counted_less_what_is_held_out_and_cut(here: Path) -> None:
    [one] = planned(recipe=files(here, 300)).sizes
    assert one.train == 300 - one.held_out
    assert one.valid == 40
    assert one.pair_bytes == len("en 0000 wordsde 0000 words")
    [cut] = planned(recipe=files(here, 300, ", max_train_sentences: 50")).sizes
    assert cut.train == 50


def test_pairs_are_bounded_by_the_sentences_of_a_batch(here: Path) -> None:
    plan = planned(recipe=files(here, 300))
    seen = pairs_seen(plan, [])
    assert seen is not None
    assert (seen.pairs, seen.how) == (10 * 3 * 8 / 2, "at most")
    assert seen.there == plan.sizes[0].train
    assert str(seen) == f"at most 120 of {seen.there:.0f} ({120 / seen.there:.2g} epochs)"


def test_the_paper_sees_half_of_its_pairs() -> None:
    assert str(pairs_seen(planned(recipe="paper-landermt-table1"), [])) == "at most 100,000 of 200,000 (0.5 epochs)"


def test_what_a_training_saw_is_what_a_plan_tells(miniature: Miniature) -> None:
    """The estimate from bytes is of the size of what was counted; where a training is there, its count is told."""
    plan = planned(recipe=miniature.recipe)
    trained = list(Store(miniature.store).finished("train"))
    full = next(done for done in trained if done.spec["_use"] == "full")
    counted, guessed = pairs_seen(plan, trained), pairs_seen(plan, [])
    assert counted is not None
    assert guessed is not None
    assert counted.pairs == pytest.approx(sum(full.summary["pairs_by_direction"].values()) / 2)
    assert counted.there == 300
    assert (counted.how, guessed.how) == ("", "about")
    assert counted.pairs / 3 < guessed.pairs < counted.pairs * 3
    twice = pairs_seen(planned("train.max_steps=12", recipe=miniature.recipe), trained)
    assert twice is not None
    assert twice.pairs == pytest.approx(2 * counted.pairs)
    other = pairs_seen(planned("train.tokens_per_batch=512", recipe=miniature.recipe), trained)
    assert other is not None
    assert other.how == "about"


# -- rates and time -------------------------------------------------------------------------------


def test_rates_and_what_they_override() -> None:
    plan = planned()
    assert rate_of(plan, "full") == ("0.003", "train.learning_rate overrides the method's own rate, 5e-05")
    assert rate_of(plan, "lora") == ("0.01", ""), "the row's own"
    assert rate_of(plan, "zero-shot") == ("-", "")
    own = planned("train.learning_rate=null", recipe="table1")
    assert rate_of(own, "adapter") == ("0.0002", "")


def test_time_is_measured_or_not_known(miniature: Miniature) -> None:
    plan = planned(recipe=miniature.recipe)
    trained = list(Store(miniature.store).finished("train"))
    own = [done for done in trained if done.spec["_use"] == "mix-moe"]
    assert len(own) == 2, "two stages"
    seconds = seconds_of(trainings_of(plan, "mix-moe"), trained)
    assert seconds == pytest.approx(sum(done.summary["train_seconds"] for done in own))
    longer = planned("train.max_steps=60", "train.mono_steps=30", recipe=miniature.recipe)
    assert seconds_of(trainings_of(longer, "mix-moe"), trained) == pytest.approx(10 * seconds)
    assert seconds_of(trainings_of(plan, "mix-moe"), []) is None
    assert [duration(s) for s in (None, 40.2, 600.0, 9000.0)] == ["?", "40 s", "10 min", "2.5 h"]


def test_budget_of_transfer() -> None:
    plan = planned("transfer.max_steps=null")
    assert transfer_budget(plan.recipe) == (
        "10 times a direction's share of the joint training (40 of 400); transfer.max_steps is empty, and LANDeRMT "
        "trains 1,250 steps per direction there"
    )
    assert transfer_budget(planned("transfer.max_steps=40").recipe).startswith("1 times a direction's share")
    jobs = {job.label: job for job in plan.plan if job.kind == "train"}
    assert jobs["landermt: translation on en-de (seed 1)"].spec["train"]["steps"] == 400, "the default stays"


# -- the base -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "overrides",
    [(), ("directions=[en-de, de-en]", "transfer=null"), ("data.text.test_sentences=50",), ("train.max_steps=3",)],
)
def test_the_shipped_base_is_not_announced(overrides: tuple[str, ...]) -> None:
    assert told(planned(*overrides)) == ""


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("model.pretrain.use_shipped=false", "3,200 steps, 6.55 M tokens, about 15 min."),
        ("model.pretrain.steps=320", "320 steps, 0.66 M tokens, about 2 min."),
        ("data.text.train_sentences=900", "3,200 steps, 6.55 M tokens, about 15 min."),
        ("data.text.seed=2", "3,200 steps, 6.55 M tokens, about 15 min."),
        ("directions=[en-de, fr-de]", "3,200 steps, 6.55 M tokens, about 15 min."),
    ],
)
def test_another_base_is_announced_until_it_is_there(override: str, said: str) -> None:
    plan = planned(override, "transfer=null")
    assert told(plan) == f"The base model is pretrained first, and kept in the store for later runs: {said}"
    assert told(plan, "base") == ""


@pytest.mark.parametrize(("speed", "said"), [(655_360.0, "about 10 s."), (1638.4, "about 67 min.")])
def test_time_of_pretraining_is_this_machines_where_it_was_measured(speed: float, said: str) -> None:
    summary = {"made": "pretrained in this run", "tokens_per_second": speed, "parameters": 1_305_600}

    def finished(kind: str) -> Iterator[Done]:
        return iter([Done({}, {}, summary, Path())] if kind == "base" else [])

    plan = planned("model.pretrain.use_shipped=false")
    assert pretraining(plan, lambda _: False, finished, lambda job: Path(job.key)).endswith(said)


def test_with_the_corpus_at_hand_it_is_known_exactly(miniature: Miniature) -> None:
    """The miniature's text is not the shipped base's, and its base is in the store."""
    plan = planned(recipe=miniature.recipe)
    store = Store(miniature.store)

    def done(job: Job) -> bool:
        return store.is_done(job.key, job.kind)

    assert pretraining(plan, done, store.finished, store.path) == ""
    without = pretraining(plan, lambda job: job.kind == "corpus" and done(job), store.finished, store.path)
    assert without.startswith("The base model is pretrained first")


def test_a_run_says_it_before_its_first_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_pretraining(planned("model.pretrain.use_shipped=false"), Store(tmp_path))
    assert "note: The base model is pretrained first" in capsys.readouterr().err
    tell_pretraining(planned(), Store(tmp_path))
    assert capsys.readouterr().err == ""


def test_plan_shows_it_all(miniature: Miniature, verb) -> None:  # type: ignore[no-untyped-def]
    answer: Answer = verb("plan", str(miniature.recipe), "-o", str(miniature.results))
    assert answer.code == 0
    assert "Pairs before cleaning, de-en: 300 training, 10 validation, 8 test (microworld)" in answer.out
    assert "Training pairs seen per direction: " in answer.out
    assert "of 300 (" in answer.out
    assert "pretrained first" not in answer.out
    assert "Transfer: landermt; 2 trainings of 3 steps each: 1 times a direction's share" in answer.out
    fresh: Answer = verb("plan", str(miniature.recipe), "-o", "elsewhere/results", "--set", "model.pretrain.steps=30")
    assert "The base model is pretrained first" in fresh.out


# -- titles ---------------------------------------------------------------------------------------


def test_titles_say_how_many_directions_there_are(here: Path) -> None:
    def heading(*overrides: str, recipe: str | Path = "table1") -> str:
        return read_recipe(recipe, list(overrides)).recipe.heading

    assert heading() == "Table 1: ten directions in the microworld"
    assert heading("directions=[en-de, de-en]", "transfer=null") == "Table 1: two directions in the microworld"
    assert heading("directions=[en-de]", "transfer=null") == "Table 1: one direction in the microworld"
    (here / "mine.yaml").write_text("extends: table1\ndirections: [en-de, de-en, en-fr]\ntransfer: !remove\n")
    assert heading(recipe=here / "mine.yaml") == "Table 1: three directions in the microworld"
    assert heading("title=''", recipe=here / "mine.yaml") == "mine"


@pytest.mark.parametrize("name", list(builtin_recipes()))
def test_shipped_titles_are_filled(name: str) -> None:
    text = builtin_recipes()[name].read_text(encoding="utf-8")
    title = next((line for line in text.splitlines() if line.startswith("title:")), "")
    assert "ten directions" not in title
    assert "six directions" not in title


# -- validation while training --------------------------------------------------------------------


def test_measuring_enters_the_keys_of_parallel_trainings_alone(here: Path) -> None:
    path = files(here, 300)
    off, on = planned(recipe=path), planned("train.evaluate_every=5", recipe=path)
    best = planned("train.evaluate_every=5", "train.keep=best", recipe=path)
    assert planned("train.evaluate_pairs=7", recipe=path).plan.jobs.keys() == off.plan.jobs.keys()
    assert (on.corpus, on.base) == (off.corpus, off.base)

    def keys(plan: Planned, name: str) -> list[str]:
        return [job.key for job in trainings_of(plan, name)]

    assert keys(on, "full") != keys(off, "full")
    assert keys(best, "full") != keys(on, "full")
    assert keys(on, "mix-moe")[0] == keys(off, "mix-moe")[0], "the stage on monolingual text"
    assert keys(on, "mix-moe")[1] != keys(off, "mix-moe")[1]


def test_the_best_needs_measurements() -> None:
    with pytest.raises(RecipeError, match=r"`best` needs the loss on validation text, which is not measured"):
        read_recipe("table1", ["train.keep=best"])


def test_validation_text_must_be_there() -> None:
    recipe = read_recipe("table1", ["train.evaluate_every=5"]).recipe

    def error(keys: object, message: str) -> RecipeError:
        return RecipeError(f"{keys}: {message}")

    with pytest.raises(RecipeError, match=r"evaluate_every.*no validation text of de-en"):
        check_measured(recipe, [Sizes("de-en", 10, 0), Sizes("en-fr", 10, None)], error)
    check_measured(recipe, [Sizes("de-en", 10, 3)], error)
