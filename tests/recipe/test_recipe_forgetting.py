"""`forgetting:` and `sequence:`: what they name must be there, and the message stands at the word."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mtsuite.recipe import Recipe, read_recipe, select

from .conftest import Message, Write

HEAD = """\
directions: [en-de, de-en, en-fr]
methods: {zero-shot: , full: , lora: }
"""


def test_off_by_default(write: Write) -> None:
    recipe = read_recipe(write(HEAD)).recipe
    assert recipe.sequence is None
    assert not recipe.forgetting.perplexity
    assert recipe.forgetting.zero_shot_directions == []


def test_what_is_right_is_read(write: Write) -> None:
    text = "forgetting: {perplexity: true, languages: [fr], zero_shot_directions: [fr-en, fr-de]}\n"
    recipe = read_recipe(write(HEAD + text + "sequence: {methods: [full], directions: [en-fr, en-de]}\n")).recipe
    assert recipe.sequence is not None
    assert recipe.sequence.directions == ["en-fr", "en-de"]
    assert recipe.forgetting.zero_shot_directions == ["fr-en", "fr-de"]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            "forgetting: {perplexitty: true}\n",
            "x.yaml:3:14: forgetting.perplexitty: unknown key. Did you mean 'perplexity'?",
        ),
        (
            "forgetting: {languages: [en, es]}\n",
            "x.yaml:3:30: forgetting.languages[1]: no direction has the language 'es'",
        ),
        (
            "forgetting: {zero_shot_directions: [fr-de, de-en]}\n",
            "x.yaml:3:44: forgetting.zero_shot_directions[1]: 'de-en' is trained on",
        ),
        (
            "forgetting: {zero_shot_directions: [fr-es]}\n",
            "x.yaml:3:37: forgetting.zero_shot_directions[0]: no direction that is trained on has the language 'es' of "
            "fr-es. Languages: en, de, fr.",
        ),
        (
            "forgetting: {zero_shot_directions: [fr-fr]}\n",
            "x.yaml:3:37: forgetting.zero_shot_directions[0]: A direction is two different language codes",
        ),
        (
            "forgetting: {zero_shot_directions: [fr-de, fr-de]}\n",
            "x.yaml:3:44: forgetting.zero_shot_directions[1]: 'fr-de' is there twice",
        ),
        (
            "forgetting: {zero_shot_directions: [fr-de], base: zero}\n",
            "x.yaml:3:51: forgetting.base: 'zero' is not a row of methods. Did you mean 'zero-shot'?",
        ),
        (
            "sequence: {methods: [full], directions: [en-de]}\n",
            "x.yaml:3:41: sequence.directions: a sequence has two directions or more, one after another; found one",
        ),
        (
            "sequence: {methods: [full], directions: [en-de, en-it]}\n",
            "x.yaml:3:49: sequence.directions[1]: 'en-it' is not among directions. Did you mean 'en-",
        ),
        (
            "sequence: {methods: [full], directions: [en-de, en-fr, en-de]}\n",
            "x.yaml:3:56: sequence.directions[2]: 'en-de' is there twice",
        ),
        (
            "sequence: {methods: [ful], directions: [en-de, en-fr]}\n",
            "x.yaml:3:22: sequence.methods[0]: 'ful' is not a row of methods. Did you mean 'full'?",
        ),
        (
            "sequence: {methods: [full], directions: [en-de, en-fr], base: none}\n",
            "x.yaml:3:63: sequence.base: 'none' is not a row of methods.",
        ),
        ("sequence: {directions: [en-de, en-fr]}\n", "sequence.methods"),
    ],
)  # fmt: skip
def test_errors_stand_at_the_word(message: Message, block: str, expected: str) -> None:
    said = message(HEAD + block)
    assert expected in said
    assert said.count("\n    3 |") <= 1, "one problem, said once"


def test_the_default_base_must_be_a_row(message: Message) -> None:
    rows = "directions: [en-de, en-fr]\nmethods: {full: }\n"
    assert "sequence.base: its default 'zero-shot' is not a row" in message(
        rows + "sequence: {methods: [full], directions: [en-de, en-fr]}\n"
    )
    assert "forgetting.base: its default 'zero-shot' is not a row" in message(
        rows + "forgetting: {zero_shot_directions: [de-fr]}\n"
    )


def test_perplexity_alone_needs_no_base_row(write: Write) -> None:
    read_recipe(write("directions: [en-de]\nmethods: {full: }\nforgetting: {perplexity: true}\n"))


def made(**values: Any) -> Recipe:
    rows: dict[str, Any] = {"zero-shot": {}, "full": {}, "lora": {}}
    return Recipe.model_validate({"directions": ["en-de", "en-fr"], "methods": rows, **values})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"sequence": {"methods": ["full"], "directions": ["en-de"]}}, "two directions or more"),
        ({"sequence": {"methods": ["nobody"], "directions": ["en-de", "en-fr"]}}, "'nobody', which is not"),
        ({"sequence": {"methods": ["full", "full"], "directions": ["en-de", "en-fr"]}}, "'full' is there twice"),
        ({"forgetting": {"zero_shot_directions": ["en-de"]}}, "which is trained on"),
        ({"forgetting": {"zero_shot_directions": ["de-it"]}}, "no direction has the language 'it'"),
        ({"forgetting": {"languages": ["it"]}}, "'it', which no direction has"),
    ],
)  # fmt: skip
def test_recipes_made_in_python_are_checked_too(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        made(**values)


def test_selecting_rows() -> None:
    recipe = made(
        sequence={"methods": ["full", "lora"], "directions": ["en-de", "en-fr"]},
        forgetting={"zero_shot_directions": ["de-fr"]},
    )
    only = select(recipe, ["lora"])
    assert only.sequence is not None
    assert only.sequence.methods == ["lora"]
    assert list(only.methods) == ["zero-shot", "lora"], "differences are to the base row, so it stays"
    assert only.forgetting.zero_shot_directions == ["de-fr"]
    without = select(recipe, exclude=["zero-shot"])
    assert without.sequence is None
    assert without.forgetting.zero_shot_directions == []
    nothing = select(made(sequence={"methods": ["full"], "directions": ["en-de", "en-fr"]}), ["lora"])
    assert nothing.sequence is None
    assert list(nothing.methods) == ["lora"]
