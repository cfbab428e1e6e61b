"""Filters over training pairs, with a count and examples for every reason.

The settings are those of the recipe's ``data.cleaning``.  Reasons, in the order in which they are
tried (a dropped pair is counted under the first that holds):

=============  ==============================================================================
empty          a side has no text (dropped also when the filters are switched off)
too_short      a side has fewer than ``min_tokens`` words (characters for languages without blanks)
too_long       a side has more than ``max_tokens``, or more characters than any segment may have
length_ratio   the longer side has over ``max_length_ratio`` times the other's UTF-8 bytes
copy           both sides are equal
script         a side is mostly in another script than its language's
overlap        a side occurs in a test or validation set (see `mtsuite.data.overlap`)
duplicate      the pair occurred before
=============  ==============================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mtsuite.data.overlap import HeldOut
from mtsuite.data.scripts import count_tokens, foreign_script
from mtsuite.data.text import LONGEST

REASONS = ("empty", "too_short", "too_long", "length_ratio", "copy", "script", "overlap", "duplicate")
EXAMPLES = 3

DEFAULTS: dict[str, Any] = {
    "enabled": True,
    "min_tokens": 1,
    "max_tokens": 200,
    "max_length_ratio": 4.0,
    "drop_duplicates": True,
    "drop_copies": True,
    "check_script": True,
    "drop_test_overlap": True,
}


@dataclass
class CleaningReport:
    """What happened to the pairs of one pair of languages: ``read == kept + sum(dropped.values())``."""

    read: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[list[str]]] = field(default_factory=dict)
    overlap: dict[str, int] = field(default_factory=dict)  # split -> pairs a side of which is held out there

    def drop(self, reason: str, first: str, second: str) -> None:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        shown = self.examples.setdefault(reason, [])
        if len(shown) < EXAMPLES:
            shown.append([first[:200], second[:200]])

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values; reasons in the order in which they are tried."""
        return {
            "read": self.read,
            "kept": self.kept,
            "dropped": {r: self.dropped[r] for r in REASONS if r in self.dropped},
            "examples": {r: self.examples[r] for r in REASONS if r in self.examples},
        }


class Cleaner:
    """Filters the pairs of one pair of languages; ``report`` says what it did.

    ``pair`` are the languages of the two sides.  ``held_out`` holds test and validation segments; with
    ``drop_test_overlap`` false, or the filters off, overlap is counted in ``report.overlap`` only.
    """

    def __init__(self, settings: Mapping[str, Any], pair: tuple[str, str], held_out: HeldOut | None = None) -> None:
        self.settings = {**DEFAULTS, **settings}
        self.pair = pair
        self.held_out = held_out
        self.report = CleaningReport()
        self._seen: set[tuple[str, str]] = set()

    def form_reason(self, first: str, second: str) -> str | None:
        """Why the pair alone (without the other pairs and sets) would be dropped, or None."""
        if not first.strip() or not second.strip():
            return "empty"
        if max(len(first), len(second)) > LONGEST:
            return "too_long"
        settings = self.settings
        if not settings["enabled"]:
            return None
        tokens = count_tokens(first, self.pair[0]), count_tokens(second, self.pair[1])
        if min(tokens) < settings["min_tokens"]:
            return "too_short"
        if max(tokens) > settings["max_tokens"]:
            return "too_long"
        shorter, longer = sorted((len(first.encode()), len(second.encode())))
        if longer > settings["max_length_ratio"] * shorter:
            return "length_ratio"
        if settings["drop_copies"] and first == second:
            return "copy"
        if settings["check_script"] and (foreign_script(first, self.pair[0]) or foreign_script(second, self.pair[1])):
            return "script"
        return None

    def _reason(self, first: str, second: str) -> str | None:
        reason = self.form_reason(first, second)
        if reason is not None:
            return reason
        enabled = self.settings["enabled"]
        if self.held_out is not None:
            where = self.held_out.where(self.pair[0], first) or self.held_out.where(self.pair[1], second)
            if where is not None:
                self.report.overlap[where] = self.report.overlap.get(where, 0) + 1
                if enabled and self.settings["drop_test_overlap"]:
                    return "overlap"
        if enabled and self.settings["drop_duplicates"]:
            if (first, second) in self._seen:
                return "duplicate"
            self._seen.add((first, second))
        return None

    def filter(self, pairs: Iterable[tuple[str, str]], limit: int | None = None) -> Iterator[tuple[str, str]]:
        """The pairs that stay, in order, at most ``limit``; reading stops when the limit is reached."""
        report = self.report
        for first, second in pairs:
            if limit is not None and report.kept >= limit:
                return
            report.read += 1
            reason = self._reason(first, second)
            if reason is not None:
                report.drop(reason, first, second)
                continue
            report.kept += 1
            yield first, second
