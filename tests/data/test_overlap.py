"""What counts as the same segment."""

from __future__ import annotations

import string
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.data.overlap import normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the house", "the ho\u200buse"),  # zero-width space
        ("the house", "\ufeffthe \ufeffhouse"),
        ("the house", "the ho\u00aduse"),
        ("the house", "\u200fthe house\u202c"),
        ("the house", "the\u2009\u00a0\u3000house"),
        ("10 000 cars", "10\u202f000 cars"),
        ("room 12", "ｒｏｏｍ　１２"),
        ("room 12", "room ١٢"),
        ("room 12", "room १२"),
        ("café", "cafe\u0301"),
        ("café", "CAFE\u200b\u0301"),
        ("ậ", "a\u0302\u0323"),
        ("ậ", "a\u0323\u0302"),
        ("office", "oﬃce"),
        ("كتاب", "كـــتاب"),
        ("لا", "ﻻ"),
        ("heart", "he\ufe0fart\U000e0101"),
        ("well-known", "well\u2011known"),
        ('"it\'s"', "“it’s”"),
        ("it's", "itʼs"),
        ("tab", "t\x01ab\x7f"),
        ("Straße", "STRASSE"),
        ("istanbul", "İSTANBUL"),
        ("istanbul", "I\u0307STANBUL"),
        ("ガス", "ｶﾞｽ"),
        ("5 kg", "5㎏"),
        ("한국", unicodedata.normalize("NFD", "한국")),
    ],
)
def test_equal_segments(one: str, other: str) -> None:
    assert normalised(one) == normalised(other) != ""


@pytest.mark.parametrize(("one", "other"), [("कि", "की"), ("cote", "côté"), ("كَتَبَ", "كُتِبَ"), ("12", "21")])
def test_different_segments(one: str, other: str) -> None:
    assert normalised(one) != normalised(other)


def test_a_trade_mark_and_punctuation_leave_nothing() -> None:
    assert normalised("™ … «—» ´ ² ").strip("2") == ""
    assert normalised("Coca-Cola™") == normalised("coca cola")


@given(st.text(string.printable, max_size=30))
def test_the_short_way_for_ascii_gives_the_same(text: str) -> None:
    assert normalised(text + "é").removesuffix("é") == normalised(text)


@given(st.text(max_size=30))
def test_once_is_enough(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)
