"""Footnotes: what failed is told once, in few words; one note for all directions that share it."""

from __future__ import annotations

from mtsuite.report.tables.notes import LONGEST_ERROR, SKIPPED, failed_jobs, joined_notes

FIRST = "first 500 of 1000 segments"


def told(*failed: tuple[str, str]) -> list[str]:
    return [found.text for found in failed_jobs([{"job": job, "error": error} for job, error in failed])]


def test_jobs_behind_a_failure_are_counted_by_row() -> None:
    behind = [(f"mix-moe: translate {d}", SKIPPED) for d in ("en-de", "de-en")] + [("lora: score en-de", SKIPPED)]
    assert told(("mix-moe: train", "killed"), *behind) == [
        "Failed: mix-moe: train: killed",
        "Not run, because an input of it failed: mix-moe (2 jobs) and lora (1 job)",
    ]
    assert told() == []


def test_a_long_error_ends_with_a_sentence() -> None:
    first = "CUDA out of memory. Tried to allocate 1.16 GiB."
    (text,) = told(("a: train", f"{first} {'Process 1 has 1 GiB in use' * 20}"))
    assert text == f"Failed: a: train: {first}"
    (text,) = told(("a: train", "x" * 1000))
    assert text == "Failed: a: train: " + "x" * (LONGEST_ERROR - 1) + "…"


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
