"""How directions are related: shared ends, families, order."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.data.languages import LANGUAGES
from mtsuite.report.tables.relations import bands, group_of, ordered, pivot_of, related, relation


@pytest.mark.parametrize(
    ("trained", "tested", "expected"),
    [("en-de", "en-de", "own"), ("en-de", "de-en", "reversed"), ("en-de", "fr-de", "same_target"),
     ("de-en", "fr-en", "same_target"), ("en-de", "en-fr", "same_source"), ("en-de", "fr-en", "neither"),
     ("de-en", "en-fr", "neither"), ("en-de", "fr-it", "neither")],
)  # fmt: skip
def test_relation(trained: str, tested: str, expected: str) -> None:
    assert relation(trained, tested) == expected
    assert relation(tested, trained) == expected, "it is mutual"


@pytest.mark.parametrize(
    ("directions", "pivot"),
    [(["en-de", "fr-en"], "en"), (["en-de", "de-en"], "en"), (["fr-de", "it-fr"], "fr"), (["fr-de", "zh-ar"], "en"),
     (["fr-de", "de-fr"], "de")],
)  # fmt: skip
def test_the_pivot_is_what_all_directions_have(directions: list[str], pivot: str) -> None:
    assert pivot_of(directions) == pivot


@pytest.mark.parametrize(
    ("trained", "tested", "expected"),
    [("en-de", "en-nl", True), ("en-fr", "it-en", True), ("fr-en", "es-en", True), ("en-de", "en-fr", False),
     ("en-ain", "en-sux", False), ("fr-de", "it-nl", True), ("fr-de", "nl-it", False), ("en-fr", "es-fr", False)],
)  # fmt: skip
def test_families_are_those_of_the_languages_beside_english(trained: str, tested: str, expected: bool) -> None:
    assert related(trained, tested, "en") is expected


def test_groups() -> None:
    assert group_of("en-ar", "en", "family") == "Semitic"
    assert group_of("zh_Hant-en", "en", "script") == "Han"
    assert group_of("fr-ru", "en", "family") == "Romance–Slavic"
    assert group_of("en-ain", "en", "family") == "ain", "an isolate is a family of its own"


def test_bands_are_runs_of_one_family_and_script() -> None:
    found = bands(["en-ru", "en-bg", "en-pl", "en-ar"], "en")
    assert [(b.heading, b.start, b.length) for b in found] == [
        ("Slavic (Cyrillic)", 0, 2), ("Slavic", 2, 1), ("Semitic (Arabic)", 3, 1),
    ]  # fmt: skip


PAIRS = [f"{a}-{b}" for a, b in itertools.permutations(sorted(LANGUAGES)[:12], 2)]


@given(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=20, unique=True))
def test_ordering_keeps_all_directions_and_puts_equal_groups_together(directions: list[str]) -> None:
    pivot = pivot_of(directions)
    found = ordered(directions, pivot)
    assert sorted(found) == sorted(directions)
    for trait in ("script", "family"):
        keys = [(group_of(d, pivot, "script"), group_of(d, pivot, trait)) for d in found]  # type: ignore[arg-type]
        assert len(list(itertools.groupby(keys))) == len(set(keys))
    assert ordered(found, pivot) == found
