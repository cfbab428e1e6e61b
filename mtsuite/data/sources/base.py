"""What every source of text offers to the corpus builder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction

Pair = tuple[str, str]


HELD_OUT_TEST = "held-out"  # name of a test set that was taken from training


@dataclass(frozen=True)
class Limits:
    """Largest numbers of segments to keep, per pair (``mono``: per language); None keeps all."""

    train: int | None = None
    valid: int = 500
    test: int | None = None
    mono: int | None = None


class Source(ABC):
    """Text from one place, for the directions of a recipe.

    ``settings`` is the plain dictionary of the recipe's ``data.text``; ``folder`` is the recipe's folder,
    which relative paths start from.  Pairs are in alphabetical order and segments come as ``(first,
    second)`` in that order; test sets come as ``(source, reference)``.
    """

    has_valid = True  # False: validation text is taken from the end of training
    has_tests = True  # False: so is a test set, before the validation lines

    def __init__(
        self, settings: Mapping[str, Any], directions: Sequence[Direction], folder: Path, offline: bool = False
    ) -> None:
        self.settings = dict(settings)
        self.directions = tuple(directions)
        self.folder = Path(folder)
        self.offline = offline
        self.limits = Limits(
            train=self.settings.get("max_train_sentences"),
            valid=self.settings.get("valid_sentences", 500),
            test=self.settings.get("max_test_sentences"),
            mono=self.settings.get("max_mono_sentences"),
        )

    @property
    def pairs(self) -> list[Pair]:
        """The pairs of the directions, in order of first appearance."""
        return list(dict.fromkeys(d.pair for d in self.directions))

    @property
    def languages(self) -> list[str]:
        return list(dict.fromkeys(code for d in self.directions for code in d))

    @abstractmethod
    def check(self, tested: Sequence[Direction]) -> None:
        """Cheap test, before anything runs, that all directions can be served.

        ``tested`` are the directions that need a test set from here (the others have one by name from
        sacrebleu).  Raises DataError.
        """

    def check_tests(self, tested: Sequence[Direction]) -> None:
        """The same for directions that are tested and not trained on.  Raises DataError."""
        self.check(tested)

    @abstractmethod
    def fingerprint(self) -> dict[str, Any]:
        """Plain JSON values that change when the text would change, and do not depend on where it lies."""

    @abstractmethod
    def train(self, pair: Pair) -> Iterator[tuple[str, str]]:
        """Training segments of a pair, in order."""

    @abstractmethod
    def valid(self, pair: Pair) -> Iterator[tuple[str, str]]:
        """Validation segments of a pair, in order; only asked for when ``has_valid``."""

    @abstractmethod
    def tests(self, direction: Direction) -> dict[str, list[tuple[str, str]]]:
        """Test sets of a direction by name; only asked for when ``has_tests``."""

    @abstractmethod
    def test_names(self, direction: Direction) -> list[str]:
        """Names of the test sets that ``tests`` will give, known without reading them."""

    def mono(self, language: str) -> Iterator[str] | None:
        """Monolingual training text; None when the training sides are to serve."""
        return None
