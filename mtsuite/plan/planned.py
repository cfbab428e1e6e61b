"""What a plan is put together to: its jobs, and which of them the results are read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mtsuite.data.preview import Sizes
from mtsuite.method import Method
from mtsuite.plan.broken import BrokenRow
from mtsuite.plan.graph import Plan
from mtsuite.plan.perplexity import Perplexity
from mtsuite.plan.search import Searched
from mtsuite.plan.start import Start
from mtsuite.recipe.schema import Recipe

FLOOR = "source-copy"
MEMORY = "translation-memory"


@dataclass(frozen=True)
class Line:
    """One file of translations and its scores: where a number of the tables comes from."""

    method: str
    seed: int
    trained_on: str
    direction: str
    test_set: str
    translations: str  # key of the translate job, or of the external one
    scores: str  # key of the score job


@dataclass(frozen=True)
class Training:
    """The phases of one trained model, in order: (name of the phase, key of its job).

    ``transfer`` models are those of the transfer matrices and of sequences, not of the table.
    """

    method: str
    seed: int
    trained_on: str
    phases: tuple[tuple[str, str], ...]
    transfer: bool = False


@dataclass
class Planned:
    """A plan and what its results will be put together from.

    ``comet`` has the key of each COMET column's job, ``outside`` what is to be said of each external row.
    ``starts`` are the rows' models before training, where a table shows a change.  ``broken`` are the rows whose
    method's own code fails; they have no jobs, and ``methods`` has them not.
    """

    plan: Plan
    recipe: Recipe
    folder: Path
    methods: dict[str, Method]
    lines: list[Line] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    broken: list[BrokenRow] = field(default_factory=list)
    perplexities: list[Perplexity] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    sizes: list[Sizes] = field(default_factory=list)  # of the corpus, as far as known
    searches: dict[str, Searched] = field(default_factory=dict)
    corpus: str = ""
    base: str = ""
    untrained: str = ""  # the corpus of test sets alone, of directions that are not trained on
    near: str = ""  # near-duplicates of the test sets, where they are asked for
    comet: dict[str, str] = field(default_factory=dict)
    outside: dict[str, str] = field(default_factory=dict)

    def corpus_of(self, direction: str) -> str:
        """Key of the corpus job that has the test sets of a direction."""
        return self.untrained if direction in self.recipe.forgetting.zero_shot_directions else self.corpus
