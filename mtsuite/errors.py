"""Errors that are meant for the user.

Every message says what was expected, what was found and what to do.  The command line prints an
``MTSuiteError`` without a traceback; anything else that escapes is a bug of the suite and keeps
its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MTSuiteError(Exception):
    """Base of all errors that a user can act on.  ``exit_code`` is what the command exits with."""

    exit_code = 1


class RecipeError(MTSuiteError):
    """A recipe cannot be read or does not make sense."""

    exit_code = 2


class DataError(MTSuiteError):
    """Text is missing, misaligned, badly encoded, or cannot serve what the recipe asks."""


class ModelError(MTSuiteError):
    """A model cannot be loaded or has not the parts that a method needs."""


class MethodError(MTSuiteError):
    """A method cannot be found, configured or run."""


class MetricError(MTSuiteError):
    """A metric cannot be computed."""


class StoreError(MTSuiteError):
    """The store or a results folder cannot be read or written."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known names, or with all of them when none is near."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if near:
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    return f"Known: {', '.join(names)}." if names else "None is known."
