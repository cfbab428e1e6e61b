"""The base of the embedded world is one model, whichever directions a recipe asks for."""

from __future__ import annotations

import itertools

import pytest

from mtsuite.plan.base import WORLD
from mtsuite.plan.build import make_plan
from mtsuite.plan.planned import Planned
from mtsuite.recipe import read_recipe


def planned(*overrides: str, recipe: str = "table1") -> Planned:
    return make_plan(read_recipe(recipe, list(overrides)))


@pytest.fixture(scope="module")
def whole() -> Planned:
    return planned()


def test_the_shipped_base_belongs_to_the_ten_directions(whole: Planned) -> None:
    assert list(WORLD) == whole.recipe.directions
    assert whole.plan.jobs[whole.base].spec["directions"] == list(WORLD)


@pytest.mark.parametrize(
    "directions", ["[en-de, de-en]", "[zh-en]", "[de-en, en-de, ar-en]", str(list(reversed(WORLD)))]
)
def test_narrowing_keeps_corpus_and_base(whole: Planned, directions: str) -> None:
    fewer = planned(f"directions={directions}", "transfer=null")
    assert (fewer.corpus, fewer.base) == (whole.corpus, whole.base)


def test_other_directions_or_settings_make_a_base_of_their_own(whole: Planned) -> None:
    others = [
        planned("directions=[en-de, fr-de]", "transfer=null"),
        planned("directions=[en-de]", "transfer=null", "model.pretrain.steps=7"),
        planned("directions=[en-de]", "transfer=null", "model.pretrain.directions=[en-de]"),
    ]
    for one, other in itertools.combinations([whole, *others], 2):
        assert one.base != other.base
    assert others[0].plan.jobs[others[0].base].spec["directions"] == ["en-de", "fr-de"]
