"""Errors that are meant for the user.

Every message says what was expected, what was found and what to do.  The command line prints an
``MTSuiteError`` without a traceback; anything else that escapes is a bug of the suite, and its
traceback is kept in a file.
"""

from __future__ import annotations

import difflib
import os
import sysconfig
import traceback
import unicodedata
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


class PluginError(MethodError):
    """A method's own code failed before any model was there: its row fails, the others run.

    ``phase`` says where: ``import``, ``configuration``, ``phases`` or another hook.
    """

    def __init__(self, message: str, phase: str) -> None:
        super().__init__(message)
        self.phase = phase


class MetricError(MTSuiteError):
    """A metric cannot be computed."""


class StoreError(MTSuiteError):
    """The store or a results folder cannot be read or written."""


class ExecutorError(MTSuiteError):
    """Another machine cannot be reached as it was asked: unknown executor or option, missing package or cluster."""

    exit_code = 2


_LONGEST_WORD = 100  # characters of a name that others are compared with: comparing takes quadratic time
_TOLD = 30  # names that a message lists
_MOST_NAMES = 200


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence with the nearest known names, or with all of them (the first ones of many) when none is near."""
    names = sorted(known)
    compared = [name for name in names if len(name) <= _LONGEST_WORD][:_MOST_NAMES]
    near = difflib.get_close_matches(word, compared, n=3, cutoff=0.6) if len(word) <= _LONGEST_WORD else []
    if near:
        return f"Did you mean {' or '.join(repr(n) for n in near)}?"
    more = f" and {len(names) - _TOLD} more" if len(names) > _TOLD else ""
    return f"Known: {', '.join(shortened(name) for name in names[:_TOLD])}{more}." if names else "None is known."


def shortened(text: str, longest: int = _LONGEST_WORD) -> str:
    """The text, or its beginning and its length where it is longer than ``longest`` characters."""
    return text if len(text) <= longest else f"{text[: longest - 20]}… ({len(text):,} characters)"


_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they reorder what stands around them


def unprintable(text: str) -> str | None:
    """The first character that has no place in a name or a message, or None.

    Such are control characters but line breaks and tabs, lone surrogates, and the marks that turn the direction of
    the text around them.
    """
    for mark in text if not text.isprintable() else "":
        if mark in _BIDI or (unicodedata.category(mark) in ("Cc", "Cs") and mark not in "\n\r\t"):
            return mark
    return None


def printable(text: str) -> str:
    """The text with every character that ``unprintable`` knows written as an escape: safe on a terminal."""
    if unprintable(text) is None:
        return text
    return "".join(f"\\u{ord(mark):04x}" if unprintable(mark) else mark for mark in text)


_SUITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "")
_STANDARD = os.path.join(sysconfig.get_path("stdlib"), "")
_LIBRARIES = frozenset(
    {"torch", "transformers", "accelerate", "peft", "safetensors", "tokenizers", "datasets", "huggingface_hub",
     "numpy", "scipy", "pydantic", "typer", "click", "rich", "yaml", "filelock", "sacrebleu"}
)  # fmt: skip


def raised_at(error: BaseException) -> str:
    """Where in the code of a method an exception came from: ``my_idea.py:17, in loss``; empty for code of others.

    The line is the innermost one outside the suite, its libraries and Python's own; where functions call one
    another, the first is named as well, since that is the hook.
    """
    own = [f for f in traceback.extract_tb(error.__traceback__) if not _is_library(f.filename)]
    if not own:
        return ""
    names = list(dict.fromkeys(f.name for f in (own[-1], own[0]) if f.name != "<module>"))
    inside = f", in {', called by '.join(names)}" if names else ""
    return f"{os.path.basename(own[-1].filename)}:{own[-1].lineno}{inside}"


def _is_library(filename: str) -> bool:
    if filename.startswith("<"):
        return True
    if filename.startswith(_SUITE):
        return not filename.startswith(os.path.join(_SUITE, "methods", ""))
    parts = filename.split(os.sep)
    for place in ("site-packages", "dist-packages"):
        if place in parts[:-1]:
            return parts[parts.index(place) + 1] in _LIBRARIES
    return filename.startswith(_STANDARD)
