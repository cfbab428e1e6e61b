"""Failure modes: each by hand, what holds for all of them, and outputs of real systems."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics.failures import MEASURES, NAMES, OF_SOURCE, OTHER, Failures, failures, measure_kind, tokens

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MTSUITE_DATA", ROOT.parent / "shared" / "data")) / "system_outputs"

EN_DE, EN_ZH = Direction("en", "de"), Direction("en", "zh")
SOURCE = "The old man reads the book in the garden."
GERMAN = "Der alte Mann liest das Buch im Garten."


def one(hypothesis: str, reference: str = GERMAN, source: str = SOURCE, direction: Direction = EN_DE) -> set[str]:
    """The failure modes of a single segment."""
    found = failures(direction, [source], [hypothesis], [reference])
    return {m.name for m in found.measures if m.segments}


# -- one by one -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hypothesis", "shown"),
    [
        (GERMAN, set()),
        ("Der alte Mann hat im Garten das Buch gelesen.", set()),
        ("", {"empty", "undecided"}),
        ("  ", {"empty", "undecided"}),
        (SOURCE, {"off-target", "copied", "mostly-copied"}),
        ("the old man reads the book, in the garden", {"off-target", "copied", "mostly-copied"}),
        ("The old man reads das Buch in the garden.", {"undecided", "mostly-copied"}),  # of both languages
        ("Un vecchio legge il libro in giardino.", {"off-target"}),
        ("老人在花园里看书。", {"off-target", "too-short"}),
        ("1234567890 1234567890 12345678", {"undecided"}),
        ("Der Mann.", {"too-short"}),
        ("Der alte Mann liest das Buch im Garten, und danach geht er mit seiner Frau in die Stadt zum Einkaufen.",
         {"too-long"}),
        ("Der alte Mann liest das Buch das Buch das Buch das Buch das Buch.", {"repeated"}),
        ("Der alte Mann liest lesesesesesesesesese das Buch im Garten.", {"repeated"}),
    ],
)  # fmt: skip
def test_a_segment(hypothesis: str, shown: set[str]) -> None:
    assert one(hypothesis) == shown


def test_what_source_and_reference_share_is_not_copied() -> None:
    source = "Angela Merkel met Emmanuel Macron in Berlin in 2019."
    reference = "Angela Merkel traf Emmanuel Macron 2019 in Berlin."
    assert one("Angela Merkel hat Emmanuel Macron in Berlin in 2019 getroffen.", reference, source) == set()
    assert one("Copyright 2019 Mozilla", "Copyright 2019 Mozilla", "Copyright 2019 Mozilla") == set()
    # Equal to the source in all that counts, and so is the reference.
    assert "copied" not in one("copyright 2019 mozilla", "Copyright 2019, Mozilla", "Copyright 2019 Mozilla")


def test_mostly_copied_needs_order_and_number() -> None:
    assert "mostly-copied" in one("The old man reads the Buch im Garten.")  # 5 of 8 in the source's order
    assert "mostly-copied" not in one("book the reads man old Buch im Garten.")  # 2 of 8
    assert "mostly-copied" not in one("Der old man.")  # half of it would be 2, at least 3 are asked for


def test_lengths_at_the_thresholds() -> None:
    reference = "ab " * 10  # 20 characters
    assert "too-long" not in one("cd " * 25, reference)  # 50 = 2 * 20 + 10
    assert "too-long" in one("cd " * 25 + "e", reference)
    assert "too-short" not in one("abcde", reference)  # 2 * 5 + 10 = 20
    assert "too-short" in one("abcd", reference)


def test_repeated_counts_against_the_reference() -> None:
    thrice = "rund um die Uhr und rund um die Uhr und rund um die Uhr"
    assert "repeated" in one(thrice, "rund um die Uhr")
    assert "repeated" not in one(thrice, "rund um die Uhr, rund um die Uhr")  # three against two
    assert "repeated" not in one("rund um die Uhr und rund um die Uhr", "ununterbrochen")  # two against one


def test_loops_in_chinese_are_eight_characters_long() -> None:
    source, reference = "The zones are orange, yellow and blue.", "这些区域是橙色、黄色和蓝色的。"
    assert "repeated" not in one("橙色区域，黄色区域，蓝色区域，红色区域。", reference, source, EN_ZH)
    assert "repeated" in one("这些是这些是这些是这些是这些是这些是。", reference, source, EN_ZH)
    assert "repeated" in one("哈" * 10, reference, source, EN_ZH)


def test_a_reference_in_another_script_decides_nothing() -> None:
    assert one("GitHub Desktop", "GitHub desktop (beta)", "GitHub Desktop Beta", EN_ZH) == {"undecided"}


def test_tokens() -> None:
    assert tokens("L'homme, 12 Bücher!") == ["l", "homme", "12", "bücher"]
    assert tokens("我用Firefox。") == ["我", "用", "firefox"]
    assert tokens("ＡＢＣ ﬁn") == ["abc", "fin"]
    assert tokens("كِتَابٌ") == ["كِتَابٌ"]  # vowel marks belong to their word
    assert tokens("हिन्दी") == ["हिन्दी"]
    assert tokens("... --- !") == []


# -- a file ---------------------------------------------------------------------------------------


def test_a_file_by_hand() -> None:
    hypotheses = [GERMAN, SOURCE, "", "Der Mann."]
    found = failures(EN_DE, [SOURCE] * 4, hypotheses, [GERMAN] * 4, at_limit=1, limit=64)
    assert {m.name: (m.value, m.count, m.n) for m in found.measures if m.name != "length-ratio"} == {
        "off-target": (25.0, 1, 4),
        "undecided": (25.0, 1, 4),
        "copied": (25.0, 1, 4),
        "mostly-copied": (25.0, 1, 4),
        "too-long": (0.0, 0, 4),
        "too-short": (25.0, 1, 4),
        "at-limit": (25.0, 1, 4),
        "repeated": (0.0, 0, 4),
        "empty": (25.0, 1, 4),
    }
    ratio = found["length-ratio"]
    assert (ratio.count, ratio.n) == (32 + 33 + 0 + 8, 4 * 32)
    assert ratio.value == pytest.approx(73 / 128)
    assert found["copied"].segments == [1]
    assert found["at-limit"].segments is None
    assert found["at-limit"].signature == "max_new_tokens:64|version:1"
    assert found.languages == {"en": 1}
    assert Failures.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_where_nobody_counted_there_is_no_limit() -> None:
    found = failures(EN_DE, [SOURCE], [GERMAN], [GERMAN])
    assert "at-limit" not in {m.name for m in found.measures}
    with pytest.raises(KeyError):
        found["at-limit"]


def test_without_the_source_text_the_rest_is_measured_the_same() -> None:
    hypotheses, references = [GERMAN, SOURCE, "", "Der Mann."], [GERMAN] * 4
    whole, found = (failures(EN_DE, sources, hypotheses, references) for sources in ([SOURCE] * 4, None))
    assert found.measures == tuple(m for m in whole.measures if m.name not in OF_SOURCE)
    assert found.languages == whole.languages
    assert found.notes == ("copied and mostly-copied are not measured: they need the source text (--sources).",)
    assert whole.notes == ()


def test_languages_stand_behind_their_measure() -> None:
    found = failures(
        EN_DE, [SOURCE] * 4, [SOURCE, "Un vecchio legge il libro in giardino.", GERMAN, SOURCE], [GERMAN] * 4
    )
    told = [(m.name, m.value, m.count, m.n) for m in found.with_languages()]
    assert told[:4] == [
        ("off-target", 75.0, 3, 4),
        ("off-target:en", 50.0, 2, 4),
        ("off-target:it", 25.0, 1, 4),
        ("undecided", 0.0, 0, 4),
    ]
    assert len(told) == len(found.measures) + 2


def test_a_language_that_is_no_candidate() -> None:
    found = failures(EN_DE, [SOURCE] * 2, ["Ο γέρος διαβάζει το βιβλίο στον κήπο.", SOURCE], [GERMAN] * 2)
    assert found.languages == {"en": 1, OTHER: 1}
    assert "el" in failures(EN_DE, [SOURCE], [GERMAN], [GERMAN], languages=["el"])["off-target"].signature


def test_what_cannot_be_measured() -> None:
    with pytest.raises(MetricError, match="1 sources, 2 hypotheses and 1 references"):
        failures(EN_DE, ["a"], ["b", "c"], ["d"])
    with pytest.raises(MetricError, match="at least one"):
        failures(EN_DE, [], [], [])
    with pytest.raises(MetricError, match="Did you mean 'off-target'"):
        measure_kind("offtarget")
    with pytest.raises(MetricError, match="KeyError"):
        Failures.from_dict({"measures": []})


def test_measures_have_one_name_each() -> None:
    assert tuple(kind.key for kind in MEASURES) == NAMES
    assert len(set(NAMES)) == len(NAMES)


# -- what always holds ----------------------------------------------------------------------------

WORDS = st.lists(
    st.sampled_from(["der", "Mann", "the", "man", "Paris", "12", "狗", "كلب", "la", "."]), max_size=12
).map(" ".join)
SEGMENTS = st.lists(st.tuples(WORDS, st.one_of(WORDS, st.text(max_size=30)), WORDS), min_size=1, max_size=6)
DIRECTIONS = st.sampled_from([EN_DE, EN_ZH, Direction("de", "ar")])


@given(SEGMENTS, DIRECTIONS)
def test_rates_and_flags_agree(segments: list[tuple[str, str, str]], direction: Direction) -> None:
    found = failures(direction, *map(list, zip(*segments, strict=True)))
    by_name = {m.name: m for m in found.measures}
    for m in found.measures:
        if m.name == "length-ratio":
            assert m.value >= 0
            continue
        assert m.segments == sorted(set(m.segments or []))
        assert m.count == len(m.segments)
        assert m.n == len(segments)
        assert m.value == 100 * m.count / m.n
        assert all(0 <= i < m.n for i in m.segments)
    flagged = {name: set(m.segments or []) for name, m in by_name.items()}
    assert not flagged["off-target"] & flagged["undecided"]
    assert not flagged["too-long"] & flagged["too-short"]
    assert not flagged["empty"] & flagged["too-short"]
    assert flagged["copied"] <= flagged["mostly-copied"]
    assert sum(found.languages.values()) == by_name["off-target"].count


@given(SEGMENTS, DIRECTIONS)
def test_references_show_no_failure(segments: list[tuple[str, str, str]], direction: Direction) -> None:
    sources, _, references = map(list, zip(*segments, strict=True))
    found = failures(direction, sources, references, references)
    assert all(m.value == (1.0 if m.name == "length-ratio" else 0.0) for m in found.measures)


@given(SEGMENTS, DIRECTIONS)
def test_segments_are_judged_alone(segments: list[tuple[str, str, str]], direction: Direction) -> None:
    whole = failures(direction, *map(list, zip(*segments, strict=True)))
    for index, (source, hypothesis, reference) in enumerate(segments):
        alone = failures(direction, [source], [hypothesis], [reference])
        for m in alone.measures:
            if m.segments is not None:
                assert (index in (whole[m.name].segments or [])) == bool(m.segments)


@pytest.mark.skipif(not DATA.is_dir(), reason="no outputs of real systems here (MTSUITE_DATA)")
@pytest.mark.parametrize("pair", ["wmt21/en-de", "wmt22/en-zh"])
def test_good_systems_hardly_fail(pair: str) -> None:
    """Real systems on their first 300 segments: at most two segments (0.7 %) of any mode."""
    direction = Direction.parse(pair.split("/")[1])

    def lines(name: str) -> list[str]:
        return (DATA / pair / f"{name}.{direction.target}").read_text(encoding="utf-8").split("\n")[:300]

    sources = (DATA / pair / f"source.{direction.source}").read_text(encoding="utf-8").split("\n")[:300]
    systems = sorted(path.name.rpartition(".")[0] for path in (DATA / pair).glob("hyp.*"))
    assert len(systems) == 3
    for system in systems:
        found = failures(direction, sources, lines(system), lines("ref.A"))
        for m in found.measures:
            if m.name == "length-ratio":
                assert 0.9 < m.value < 1.1
            else:
                assert m.count <= 2, (system, m.name, m.segments)
