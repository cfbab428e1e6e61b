"""Reading the lexicon tables: one line per concept, one column per language."""

from __future__ import annotations

from typing import NamedTuple

ORDER = ("en", "de", "it", "fr", "ar", "zh")


class Entry(NamedTuple):
    """A concept: its identifier, its semantic kinds and, per language, the principal forms of its word.

    What the principal forms are depends on the part of speech; each table explains its own.
    An underscore in a table is a space in the word.
    """

    concept: str
    kinds: tuple[str, ...]
    words: dict[str, tuple[str, ...]]


def read_table(text: str) -> dict[str, Entry]:
    """Lines ``concept kind … | en | de | it | fr | ar | zh`` as a dictionary, in the order of the table.

    Raises ValueError at a line with other columns or a known concept.
    """
    entries: dict[str, Entry] = {}
    for line in text.strip().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        head, *columns = line.split("|")
        concept, *kinds = head.split()
        if len(columns) != len(ORDER) or concept in entries:
            raise ValueError(f"A lexicon line needs {len(ORDER)} columns and a new concept; found {line!r}.")
        words = {
            language: tuple(field.replace("_", " ") for field in column.split())
            for language, column in zip(ORDER, columns, strict=True)
        }
        entries[concept] = Entry(concept, tuple(kinds), words)
    return entries
