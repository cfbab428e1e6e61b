"""Many texts under one checkpoint: equal segments once, kept on disk, a kill costs a chunk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.errors import MetricError
from mtsuite.metrics import comet_batch
from mtsuite.metrics.comet_batch import Segments, Text, score_segments
from mtsuite.metrics.segment_cache import SegmentCache, segment_key


class Counting:
    """Scores a segment by its lengths and remembers what it was asked."""

    def __init__(self, references: bool = True, fail_after: int | None = None) -> None:
        self.references, self.fail_after = references, fail_after
        self.seen: list[tuple[str, str, str]] = []

    def describe(self) -> dict[str, Any]:
        return {"references": self.references, "version": "0", "revision": "", "device": "cpu"}

    def score(self, sources: list[str], hypotheses: list[str], references: list[str], batch_size: int) -> list[float]:
        if self.fail_after is not None and len(self.seen) >= self.fail_after:
            raise KeyboardInterrupt
        found = list(zip(sources, hypotheses, references, strict=True))
        self.seen += found
        return [len(s) + 2 * len(h) / 10 + 3 * len(r) / 100 for s, h, r in found]


def cache(folder: Path, **about: str) -> SegmentCache:
    return SegmentCache(folder, "tiny", {"checkpoint": "x", **about})


def scores(folder: Path, texts: Mapping[str, Text], scorer: Counting, batch_size: int = 2) -> dict[str, list[float]]:
    segments = Segments.of(texts, references=scorer.references)
    with cache(folder) as known:
        score_segments(segments, scorer, known, batch_size=batch_size)
        return segments.scores(known)


def test_equal_segments_of_all_texts_are_scored_once_short_ones_first(tmp_path: Path) -> None:
    scorer = Counting()
    texts = {"a": Text(["ccc", "a", "a "], ["x"] * 3, ["y"] * 3), "b": Text(["a"], [" x"], ["y\n"])}
    found = scores(tmp_path, texts, scorer)
    assert scorer.seen == [("a", "x", "y"), ("ccc", "x", "y")]
    assert found == {"a": pytest.approx([3.23, 1.23, 1.23]), "b": pytest.approx([1.23])}


def test_a_second_run_scores_what_is_new(tmp_path: Path) -> None:
    row = {"a": Text(["s", "t"], ["h", "i"], ["r", "r"])}
    first = scores(tmp_path, row, Counting())
    again = Counting()
    both = scores(tmp_path, {**row, "b": Text(["s", "t"], ["h", "new"], ["r", "r"])}, again)
    assert again.seen == [("t", "new", "r")]
    assert both["a"] == first["a"]
    assert both["b"][0] == first["a"][0]


def test_without_references_they_make_no_difference(tmp_path: Path) -> None:
    scorer = Counting(references=False)
    scores(tmp_path, {"a": Text(["s", "s"], ["h", "h"], ["one", "two"])}, scorer)
    assert scorer.seen == [("s", "h", "")]


def test_a_killed_run_loses_the_chunk_in_the_making(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comet_batch, "MOST_BATCHES", 1)
    lines = [f"{n:03}" for n in range(10)]
    texts = {"a": Text(lines, lines, lines)}
    with pytest.raises(KeyboardInterrupt):
        scores(tmp_path, texts, Counting(fail_after=6))
    file = next(next(tmp_path.iterdir()).glob("*.txt"))
    file.write_bytes(file.read_bytes()[:-5])  # and the last line was cut off
    again = Counting()
    assert len(scores(tmp_path, texts, again)["a"]) == 10
    assert len(again.seen) == 5
    assert len(list(file.parent.glob("*.txt"))) == 2, "nobody writes into a file of another run"


def test_scores_of_other_settings_are_apart(tmp_path: Path) -> None:
    with cache(tmp_path) as one, cache(tmp_path, precision="float16") as two:
        one.add({segment_key("s"): 0.5})
        assert one.folder != two.folder
        assert segment_key("s") not in two
    assert json.loads((two.folder / "about.json").read_text()) == {"checkpoint": "x", "precision": "float16"}


def test_two_runs_at_once_share_the_folder(tmp_path: Path) -> None:
    with cache(tmp_path) as one, cache(tmp_path) as two:
        one.add({segment_key("a"): 0.1})
        two.add({segment_key("b"): 0.2})
    with cache(tmp_path) as both:
        assert (len(both), both[segment_key("a")], both[segment_key("b")]) == (2, 0.1, 0.2)


@given(st.binary())
def test_rubbish_in_a_file_is_passed_over(rubbish: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        with cache(Path(name)) as known:
            known.add({segment_key("a"): 0.1})
        (known.folder / "other.txt").write_bytes(rubbish.replace(b"\n", b"") + b"\n")
        with cache(Path(name)) as known:
            assert known[segment_key("a")] == 0.1


def test_a_score_that_is_no_number_is_refused(tmp_path: Path) -> None:
    class Broken(Counting):
        def score(self, *_: Any, **__: Any) -> list[float]:
            return [float("nan")]

    with pytest.raises(MetricError, match=r"gave nan for a segment; its hypothesis: 'h'"):
        scores(tmp_path, {"a": Text(["s"], ["h"], ["r"])}, Broken())


def test_texts_of_unequal_parts_are_refused() -> None:
    with pytest.raises(MetricError, match="found 2 sources, 1 hypotheses and 2 references"):
        Segments.of({"a": Text(["s", "t"], ["h"], ["r", "r"])}, references=True)


def test_keys_tell_where_one_part_ends() -> None:
    assert segment_key("ab", "c") != segment_key("a", "bc")
