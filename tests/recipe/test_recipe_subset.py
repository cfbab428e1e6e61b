from __future__ import annotations

from typing import Any

import pytest

from mtsuite.errors import RecipeError
from mtsuite.recipe import Recipe, select


def make(**values: Any) -> Recipe:
    rows: dict[str, dict[str, Any]] = {name: {} for name in ("zero-shot", "full", "lora", "lora-r32")}
    return Recipe.model_validate({"directions": ["en-de"], "methods": rows, **values})


def test_patterns_keep_the_order() -> None:
    recipe = make()
    assert list(select(recipe, ["lora*", "full"]).methods) == ["full", "lora", "lora-r32"]
    assert list(select(recipe, ["lora,full"]).methods) == ["full", "lora"]
    assert list(select(recipe, exclude=["lora*"]).methods) == ["zero-shot", "full"]
    assert list(select(recipe, ["lora*"], ["*-r32"]).methods) == ["lora"]
    assert select(recipe) == recipe


def test_seeds() -> None:
    assert select(make(), seeds=[3, 1]).seeds == [3, 1]
    with pytest.raises(RecipeError, match=r"--seeds: a seed is named twice: 1, 1\."):
        select(make(), seeds=[1, 1])
    with pytest.raises(RecipeError, match="--seeds: at least one seed"):
        select(make(), seeds=[])


def test_unknown_pattern() -> None:
    with pytest.raises(RecipeError) as caught:
        select(make(), ["fulll"])
    assert str(caught.value) == "--only fulll: no row matches. Did you mean 'full'?"
    with pytest.raises(RecipeError) as caught:
        select(make(), exclude=["x*"])
    assert str(caught.value) == "--exclude x*: no row matches. Known: full, lora, lora-r32, zero-shot."


def test_no_row_left() -> None:
    with pytest.raises(RecipeError) as caught:
        select(make(), ["lora"], ["lora*"])
    assert str(caught.value) == ("--only and --exclude leave no row. Rows: zero-shot, full, lora, lora-r32.")


def test_baseline_goes_with_its_row() -> None:
    recipe = make(report={"baseline": "full"})
    assert select(recipe, ["lora"]).report.baseline is None
    assert select(recipe, ["lora", "full"]).report.baseline == "full"


def test_pairs_keep_those_of_rows_that_are_left() -> None:
    recipe = make(significance={"pairs": [["full", "lora"], ["lora", "lora-r32"]]})
    assert select(recipe, ["lora*"]).significance.pairs == [["lora", "lora-r32"]]
    assert select(make(significance={"pairs": "all"}), ["lora*"]).significance.pairs == "all"


def test_transfer_follows() -> None:
    recipe = make(transfer={"methods": ["full", "lora"]})
    one = select(recipe, ["lora"])
    assert one.transfer is not None
    assert one.transfer.methods == ["lora"]
    assert list(one.methods) == ["zero-shot", "lora"]  # the base stays: the matrix is a difference to it
    assert select(recipe, exclude=["zero-shot"]).transfer is None
    none = select(recipe, ["lora-r32"])
    assert none.transfer is None
    assert list(none.methods) == ["lora-r32"]


@pytest.mark.parametrize("only", [[], ["lora"], ["lora-*"], ["zero-shot"], ["full", "zero*"]])
@pytest.mark.parametrize("exclude", [[], ["full"], ["zero-shot"]])
def test_what_is_left_is_a_valid_recipe(only: list[str], exclude: list[str]) -> None:
    recipe = make(transfer={"methods": ["full", "lora"]}, report={"baseline": "full"})
    try:
        part = select(recipe, only, exclude)
    except RecipeError:
        assert only == exclude
        return
    assert Recipe.model_validate(part.model_dump()) == part
