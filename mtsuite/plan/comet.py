"""COMET's jobs of a plan: one a column, over all translations."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS, comet_identity, file_digest
from mtsuite.plan.pattern import fill, of_text, told_apart
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import Comet, Recipe

if TYPE_CHECKING:
    from mtsuite.plan.planned import Line, Planned

COMET = "COMET"
_PLACEHOLDERS = ("method", "seed", "trained_on", "direction", "testset")
_FIRST = 8.0  # seconds until a checkpoint is there
_SEGMENTS = 500  # of a test set whose size is not known yet
_SECONDS = {"embedded": 0.0003}  # a segment of a table, on two cores (benchmarks/comet_batch.py)
_LARGE = 0.1  # a segment under a checkpoint of half a billion parameters


def comet_settings(recipe: Recipe) -> dict[str, Comet]:
    """The COMET columns of a recipe in its order: name, then settings."""
    known = {COMET: recipe.metrics.comet, **recipe.metrics.more_comet}
    return {name: known[name] for name in recipe.metrics.names if name in known}


def not_read(name: str, recipe: Recipe) -> str:
    """Why a column has no scores of some texts: the embedded checkpoint knows the microworld alone.  Else empty."""
    settings = comet_settings(recipe)[name]
    if settings.checkpoint != "embedded" or settings.scores is not None:
        return ""
    if recipe.data.text.source != "microworld":
        text = f"data.text.source is {recipe.data.text.source}"
    elif recipe.data.sacrebleu.sets:
        text = f"not of {' and '.join(recipe.data.sacrebleu.sets)}"
    else:
        return ""
    key = "metrics.comet" if name == COMET else f"metrics.more_comet.{name}"
    return (
        f"the embedded checkpoint knows the microworld alone and scores no other text ({text}). Name another with "
        f"{key}.checkpoint, such as Unbabel/wmt22-comet-da"
    )


def _is_of_microworld(recipe: Recipe, test_set: str) -> bool:
    return recipe.data.text.source == "microworld" and test_set not in recipe.data.sacrebleu.sets


def comet_job(name: str, settings: Comet, planned: Planned, folder: Path, error: ErrorAt) -> Job:
    """The job of the column ``name``; a translation that fails leaves a hole in it.

    Raises RecipeError for a pattern of files of scores that would read one file for several texts.
    """
    recipe, lines = planned.recipe, planned.lines
    texts = {line.translations: [line.direction, line.test_set] for line in lines}
    spec: dict[str, Any] = {"version": VERSIONS["comet"], "metric": name, "texts": texts}
    if problem := not_read(name, recipe):
        texts = {key: text for key, text in texts.items() if _is_of_microworld(recipe, text[1])}
        spec |= {"texts": texts, "problem": problem}
    spec["untrained"] = list(recipe.forgetting.zero_shot_directions)
    if settings.scores is not None:
        keys: tuple[str, ...] = ("metrics", "comet", "scores")
        keys = keys if name == COMET else ("metrics", "more_comet", name, "scores")
        files = _files(settings.scores, lines, folder, keys, error)
        spec |= {
            "checkpoint": None if settings.checkpoint == "embedded" else settings.checkpoint,
            "files": {key: file_digest(path) if path.is_file() else None for key, path in files.items()},
            "_files": {key: str(path) for key, path in files.items()},
        }
        cost, alone = 1.0, False
    else:
        spec |= {
            "checkpoint": comet_identity(settings.model_dump(mode="json")),
            "precision": settings.precision,
            "software": _software(settings.python),
            "_comet": settings.model_dump(mode="json"),
        }
        size = getattr(recipe.data.text, "test_sentences", None) or _SEGMENTS
        cost = _FIRST + len(texts) * size * _SECONDS.get(settings.checkpoint, _LARGE)
        alone = True  # it comes last, when the other cores have nothing left to do
    inputs = {"corpus": planned.corpus} | {key: key for key in texts}
    if planned.untrained:
        inputs["untrained"] = planned.untrained
    return Job("comet", f"{name}: {len(texts)} texts", spec, inputs, alone, frozenset(texts), cost)


def _software(python: str | None) -> str:
    """Scores differ between versions of unbabel-comet; that of another Python shows when the job runs."""
    if python is not None:
        return python
    try:
        return f"unbabel-comet {version('unbabel-comet')}"
    except PackageNotFoundError:
        return "missing"


def _files(pattern: str, lines: Sequence[Line], folder: Path, keys: Sequence[str], error: ErrorAt) -> dict[str, Path]:
    """The file of each text, by the key of its translate job; it need not be there yet."""
    found: dict[str, Path] = {}
    owner: dict[Path, Line] = {}
    for line in lines:
        values = {"method": line.method, "seed": str(line.seed), "trained_on": line.trained_on}
        try:
            path = folder / fill(pattern, values | of_text(line.direction, line.test_set))
        except ValueError as problem:
            raise error(keys, str(problem)) from None
        if line.translations in found:  # a row that no seed changes: the first seed's file serves
            continue
        other = owner.setdefault(path, line)
        if other is not line:
            one, two = (
                (text.method, text.seed, text.trained_on, text.direction, text.test_set) for text in (line, other)
            )
            differs = [name for name, a, b in zip(_PLACEHOLDERS, one, two, strict=True) if a != b]
            raise error(
                keys,
                f"{path.name} would hold the scores of several texts ({other.method}, {other.direction}; "
                f"{line.method}, {line.direction}): {told_apart(pattern, differs)}",
            )
        found[line.translations] = path
    return found
