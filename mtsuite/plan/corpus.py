"""The corpus jobs of a plan: the recipe's text, and test sets alone of directions that are not trained on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.data import benchmarks
from mtsuite.errors import DataError
from mtsuite.plan.base import corpus_directions
from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import Recipe

if TYPE_CHECKING:
    from mtsuite.data.preview import Sizes

_PLACES = {"train", "valid", "test", "mono"}  # keys of data.text that hold paths: contents count, not places
ZERO_SHOT = ("forgetting", "zero_shot_directions")


def corpus_job(recipe: Recipe, folder: Path, offline: bool = False) -> tuple[Job, list[Sizes]]:
    """Text to train, validate and test on, and its sizes by pair as far as they are known.

    Raises DataError when the source cannot serve the directions.
    """
    from mtsuite.data.preview import check_text
    from mtsuite.data.sources import check_source

    data = _data(recipe, without=recipe.forgetting.zero_shot_directions)
    directions = corpus_directions(recipe)
    check_source(data, directions, folder, offline)
    sizes = check_text(data, directions, folder)
    return Job("corpus", "corpus", _spec(data, directions, folder), cost=10.0), sizes


def untrained_job(recipe: Recipe, folder: Path, corpus: str, error: ErrorAt) -> Job:
    """Test sets of the directions that are not trained on, in a corpus of their own.

    So the other one stays what it is without them, and with it all that was trained on it.  ``error`` makes a
    RecipeError at the place of a key.
    """
    from mtsuite.data.sources import check_tests

    directions = recipe.forgetting.zero_shot_directions
    if recipe.data.evaluate_on == "validation":
        raise error(
            ZERO_SHOT,
            "directions that are not trained on have no validation text, and data.evaluate_on is validation; empty "
            "the list, or evaluate on the test sets.",
        )
    data = _data(recipe, without=recipe.directions)
    for index, direction in enumerate(directions):
        try:
            check_tests(data, [direction], folder)
        except DataError as cause:
            raise error((*ZERO_SHOT, index), str(cause)) from cause
    spec = {**_spec(data, directions, folder), "tests_only": True}
    return Job("corpus", "test sets of directions not trained on", spec, {"corpus": corpus}, cost=5.0)


def _spec(data: dict[str, Any], directions: list[str], folder: Path) -> dict[str, Any]:
    from mtsuite.data.sources import source_fingerprint

    generated = data["text"]["source"] == "microworld" and not data["sacrebleu"]["sets"]
    generated = generated and not data.get("benchmarks")
    return {
        "version": VERSIONS["microworld" if generated else "corpus"],
        "fingerprint": source_fingerprint(data, folder, directions),
        "settings": _without_places(data),
        "directions": directions,
        **({"_use": data["text"]["use"]} if data["text"]["source"] == "plugin" else {}),
        "_data": data,
        "_folder": str(folder),
    }


def _data(recipe: Recipe, without: Collection[str]) -> dict[str, Any]:
    """The recipe's data section; test sets by name not for the directions ``without``.

    Without zero-shot directions it is the section as it is written.
    """
    data = recipe.data.model_dump(mode="json", exclude={"evaluate_on"})
    sets: dict[str, list[str]] = data["sacrebleu"]["sets"]
    if recipe.forgetting.zero_shot_directions and sets:
        left = {name: [d for d in served if d not in without] for name, served in sets.items()}
        data["sacrebleu"]["sets"] = {name: served for name, served in left.items() if served or not sets[name]}
    named = benchmarks.without(data["benchmarks"], without if recipe.forgetting.zero_shot_directions else ())
    if named:
        data["benchmarks"] = named
    else:
        del data["benchmarks"]  # a recipe without them has the keys that it always had
    return data


def _without_places(data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a data section that decide the text, beside the contents of its files."""
    if named := data.get("benchmarks"):
        placeless = {name: {k: v for k, v in one.items() if k != "path"} for name, one in named.items()}
        data = {**data, "benchmarks": placeless}
    text = data["text"]
    if text["source"] == "files":
        kept = {key: value for key, value in text.items() if key not in _PLACES}
        return {**data, "text": {**kept, "test_sets": list(text["test"])}}
    if text["source"] == "plugin":  # by its identity, which is in the fingerprint
        return {**data, "text": {key: value for key, value in text.items() if key != "use"}}
    return dict(data)
