"""Notes of test sets: one for all directions that share it."""

from __future__ import annotations

from mtsuite.report.tables.set_notes import joined_notes

FIRST = "first 500 of 1000 segments"


def test_equal_notes_are_one() -> None:
    notes = ["before", f"test set t en-de: {FIRST}", f"test set t de-en: {FIRST}", "after", "before"]
    assert joined_notes(notes, ["en-de", "de-en"]) == ["before", f"test set t, every direction: {FIRST}", "after"]


def test_what_differs_stays_apart() -> None:
    notes = [f"test set t en-de: {FIRST}", f"test set u de-en: {FIRST}", "test set t de-en: first 2 of 3 segments"]
    assert joined_notes(notes, ["en-de", "de-en"]) == [
        f"test set t, en-de: {FIRST}",
        f"test set u, de-en: {FIRST}",
        "test set t, de-en: first 2 of 3 segments",
    ]
    assert joined_notes([], ["en-de"]) == []
