"""Filters: hand cases for every reason, and counts that add up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtsuite.data.clean import DEFAULTS, Cleaner
from mtsuite.data.overlap import HeldOut, normalised
from mtsuite.data.scripts import count_tokens, foreign_script
from mtsuite.recipe.schema import Cleaning


def reason(first: str, second: str, pair: tuple[str, str] = ("de", "en"), **changes: Any) -> str | None:
    return Cleaner({**DEFAULTS, **changes}, pair).form_reason(first, second)


def test_the_defaults_are_those_of_the_recipe() -> None:
    assert Cleaning().model_dump(mode="json") == DEFAULTS


@pytest.mark.parametrize(
    ("first", "second", "expected", "changes"),
    [
        ("Der Hund schläft.", "The dog sleeps.", None, {}),
        ("", "The dog sleeps.", "empty", {}),
        ("Hund", " \u3000", "empty", {"enabled": False}),
        ("Hund", "dog", "too_short", {"min_tokens": 2}),
        ("a b c", "a b c d", "too_long", {"max_tokens": 3}),
        ("ja", "nine byte", "length_ratio", {}),  # 9 > 4 * 2
        ("ja", "8 bytes!", None, {}),  # 8 = 4 * 2
        ("Berlin", "Berlin", "copy", {}),
        ("Berlin", "Berlin", None, {"drop_copies": False}),
        ("собака спит", "The dog sleeps.", "script", {}),
        ("собака спит", "The dog sleeps.", None, {"check_script": False}),
        ("собака спит", "The dog sleeps.", None, {"enabled": False}),
    ],
)
def test_reasons_of_form(first: str, second: str, expected: str | None, changes: dict[str, Any]) -> None:
    assert reason(first, second, **changes) == expected


@pytest.mark.parametrize(
    ("text", "code", "foreign"),
    [
        ("用 Firefox 打开 GitHub 网站", "zh", False),  # loan words, fewer than the characters
        ("Firefox and GitHub", "zh", True),
        ("这是中文", "de", True),
        ("Das Wort 猫 bedeutet Katze", "de", False),
        ("اطَّلِع على المزيد حول 0DIN", "ar", False),
        ("Learn more about ODIN", "ar", True),
        ("3 + 4 = 7 !", "ar", False),  # no letters
        ("Žluťoučký kůň", "cs", False),
        ("これはペンです", "ja", False),
        ("これはペンです", "zh", True),
        ("хочу", "quy", False),  # a language whose script the suite does not know
    ],
)
def test_scripts(text: str, code: str, foreign: bool) -> None:
    assert foreign_script(text, code) is foreign


def test_tokens_are_words_or_characters() -> None:
    assert count_tokens("the old house", "en") == 3
    assert count_tokens("老 房子", "zh") == 3


def test_duplicates_limits_and_examples() -> None:
    rows = [
        ("eins", "one"),
        ("eins", "one"),
        ("zwei", "one"),
        ("", "x"),
        *[("gleich", "gleich")] * 5,
        ("drei", "three"),
    ]
    cleaner = Cleaner({}, ("de", "en"))
    assert list(cleaner.filter(rows)) == [("eins", "one"), ("zwei", "one"), ("drei", "three")]
    assert cleaner.report.as_dict() == {
        "read": 10,
        "kept": 3,
        "dropped": {"empty": 1, "copy": 5, "duplicate": 1},
        "examples": {"empty": [["", "x"]], "copy": [["gleich", "gleich"]] * 3, "duplicate": [["eins", "one"]]},
    }
    limited = Cleaner({}, ("de", "en"))
    assert list(limited.filter(rows, 2)) == [("eins", "one"), ("zwei", "one")]
    assert limited.report.read == 3


def test_overlap_ignores_case_punctuation_and_blanks() -> None:
    assert normalised("  «Hello,\t WORLD!» ") == "helloworld"
    assert normalised("你好，世界。") == normalised("你好世界")
    assert normalised("कि") != normalised("की")  # vowel signs are part of the word
    held = HeldOut()
    held.add("test", "en", ["Hello, world!", "..."])
    held.add("valid", "de", ["Guten Tag"])
    rows = [("Hallo Welt", "hello world"), ("guten Tag!", "good day"), ("Hello world", "eins"), ("...", "dots")]
    cleaner = Cleaner({}, ("de", "en"), held)
    assert list(cleaner.filter(rows)) == rows[2:]  # English on the German side is not a match
    assert cleaner.report.dropped == {"overlap": 2}
    assert cleaner.report.overlap == {"test": 1, "valid": 1}
    reporting = Cleaner({"drop_test_overlap": False}, ("de", "en"), held)
    assert list(reporting.filter(rows)) == rows
    assert reporting.report.overlap == {"test": 1, "valid": 1}


side = st.text("ab 猫д.", max_size=6)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(side, side), max_size=20), st.booleans(), st.lists(side, max_size=3))
def test_kept_and_dropped_are_what_was_read(rows: list[tuple[str, str]], enabled: bool, test: list[str]) -> None:
    held = HeldOut()
    held.add("test", "en", test)
    cleaner = Cleaner({"enabled": enabled}, ("en", "zh"), held)
    kept = list(cleaner.filter(rows))
    report = cleaner.report
    assert report.read == len(rows)
    assert report.kept == len(kept)
    assert report.read == report.kept + sum(report.dropped.values())
    assert all(len(report.examples[name]) == min(3, count) for name, count in report.dropped.items())
