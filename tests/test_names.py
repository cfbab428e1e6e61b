"""Names of files: safe, short, and never shared."""

from __future__ import annotations

from itertools import combinations
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.names import Names, safe_name
from mtsuite.report.render.text import slug

HARD = [
    "wmt14/full", "wmt14-full", "wmt14_full", "../../PWN", "..", ".", "", " ", "mine", "Mine", "Mine!", "mine!",
    "新闻", "口语",     "x" * 300, "x" * 301, "CON", "con", "con.txt", "nul", "a.", "a", ".a", "a b", "a  b",
    "a\x00", "a\nb", "é", "e\u0301",
    "en-de", "\ud800", "a\\b", "C:", "~", "-rf", "mine-" + "0" * 8,
]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["mine", "wmt22", "landermt-epsilon-0.9", "mix-moe-learning_rate-0.003", "chrf++", "en-de"]
)
def test_safe_names_stay(name: str) -> None:
    assert safe_name(name) == name


def is_safe(name: str) -> bool:
    plain = PurePosixPath(name).name == name and not set(name) & set('<>:"/\\|?*\0\n')
    return plain and name not in ("", ".", "..") and not name.endswith((".", " ")) and len(name.encode()) <= 150


@pytest.mark.parametrize("name", HARD)
def test_hard_names_are_made_safe(name: str) -> None:
    assert is_safe(safe_name(name))
    assert safe_name(name) == safe_name(name)


@pytest.mark.parametrize("function", [safe_name, slug])
def test_different_names_share_no_file(function: object) -> None:
    made = {name: function(name).casefold() for name in [*HARD, "BLEU", "bleu", "chrF", "chrF++", "COMET (22)"]}  # type: ignore[operator]
    assert not [pair for pair in combinations(made, 2) if made[pair[0]] == made[pair[1]]]


@given(st.text(), st.text())
def test_any_names(first: str, second: str) -> None:
    assert is_safe(safe_name(first))
    assert safe_name(safe_name(first)) != safe_name(first) or safe_name(first) == first, (
        "a mark is never taken for a name"
    )
    assert first == second or safe_name(first).casefold() != safe_name(second).casefold()


def test_the_name_can_be_read() -> None:
    assert safe_name("Mine!").startswith("mine-")
    assert safe_name("wmt14/full").startswith("wmt14-full-")
    assert safe_name("新闻").startswith("新闻-")
    assert [slug(name) for name in ("BLEU", "chrF++", "COMET")] == ["bleu", "chrf++", "comet"]


def test_names_made_of_several_do_not_meet() -> None:
    names = Names()
    asked = ["a-b-c", "a-b-c", "A-b-c", "é", "e\u0301", "É", "a-b-c-2", "x"]
    assert [names.free(name) for name in asked] == [
        "a-b-c", "a-b-c-2", "A-b-c-3", "é", "e\u0301-2", "É-3", "a-b-c-2-2", "x"]  # fmt: skip
