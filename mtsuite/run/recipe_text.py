"""The text of a recipe, as its corpus job would make it: for cutting a vocabulary to it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
from mtsuite.jobs.context import JobContext, job_function
from mtsuite.plan.corpus import corpus_job, untrained_job
from mtsuite.plan.place import errors_of
from mtsuite.recipe.schema import ReadRecipe


@dataclass(frozen=True)
class RecipeText:
    """``lines``: training, validation and source text, and every template filled; ``references`` of the test sets."""

    lines: list[str]
    references: list[str]


def recipe_text(read: ReadRecipe, *, offline: bool = False) -> RecipeText:
    """Make the recipe's corpus in a temporary folder and read it.  Raises DataError or RecipeError as a run would."""
    recipe = read.recipe
    context = JobContext(offline=offline)
    lines: list[str] = []
    references: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        job, _ = corpus_job(recipe, read.folder)
        folder = Path(place) / "corpus"
        folder.mkdir()
        job_function("corpus")(job.spec, {}, folder, context)
        corpus = Corpus.open(folder)
        for direction in map(Direction.parse, recipe.directions):
            for split in ("train", "valid"):
                for pair in corpus.pairs(split, direction):
                    lines += pair
            _add_tests(corpus, direction, lines, references)
        for language in corpus.info["monolingual"]:
            lines += corpus.monolingual(language)
        if directions := recipe.forgetting.zero_shot_directions:
            other = untrained_job(recipe, read.folder, "corpus", errors_of(read))
            more = Path(place) / "untrained"
            more.mkdir()
            job_function("corpus")(other.spec, {"corpus": folder}, more, context)
            for direction in map(Direction.parse, directions):
                _add_tests(Corpus.open(more), direction, lines, references)
    lines += _instructions(read)
    return RecipeText(list(dict.fromkeys(lines)), list(dict.fromkeys(references)))


def _add_tests(corpus: Corpus, direction: Direction, lines: list[str], references: list[str]) -> None:
    for name in corpus.test_sets_for(direction):
        for source, reference in corpus.test(direction, name):
            lines.append(source)
            references.append(reference)


def _instructions(read: ReadRecipe) -> list[str]:
    """Every template, filled for every direction."""
    recipe = read.recipe
    templates = Templates.load(recipe.prompts.templates, read.folder)
    directions = [*recipe.directions, *recipe.forgetting.zero_shot_directions]
    return [
        templates.prompt(Direction.parse(direction), "0", index)
        for direction in directions
        for index in range(len(templates))
    ]
