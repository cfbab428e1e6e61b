"""Scores that were computed elsewhere: four forms, and everything that can be wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtsuite.errors import MetricError
from mtsuite.metrics.comet_batch import Text
from mtsuite.metrics.comet_files import read_scores, text_hash

TEXT = Text(["s1", "s2"], ["h1", "h2"], ["r1", "r2"])
HASHES = {"direction": "en-de", "testset": "toy", "hypotheses": text_hash(TEXT.hypotheses),
          "sources": text_hash(TEXT.sources), "references": text_hash(TEXT.references)}  # fmt: skip
SEGMENTS = [{"src": "s1", "mt": "h1", "ref": "r1", "COMET": 0.5}, {"src": "s2", "mt": "h2", "ref": "r2", "COMET": 0.25}]


@pytest.mark.parametrize(
    ("content", "sure"),
    [
        ("0.5\n0.25\n", False),
        ("# a comment\n# checkpoint: Unbabel/wmt22-comet-da\n0.5\n0.25\n", False),
        (f"# hypotheses: {HASHES['hypotheses']}  hyp.txt\n0.5\n0.25\n", True),
        (f'{{"hypotheses": "{HASHES["hypotheses"]}"}}\n{{"score": 0.5}}\n{{"score": 0.25}}\n', True),
        ('{"score": 0.5, "mt": "h1"}\n{"score": 0.25, "mt": "h2 "}\n', True),
        ("hyp.txt\tSegment 0\tscore: 0.5000\nhyp.txt\tSegment 1\tscore: 0.2500\nhyp.txt\tscore: 0.3750\n", False),
        (json.dumps({"hyp.txt": SEGMENTS}, indent=4), True),
    ],
)
def test_four_forms_are_read(tmp_path: Path, content: str, sure: bool) -> None:
    path = tmp_path / "scores"
    path.write_text(content, encoding="utf-8")
    found = read_scores(path)
    assert found.scores == [0.5, 0.25]
    assert found.matches(TEXT, HASHES) is sure


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0.5\nnan\n", r"scores, line 2: expected a finite number, found 'nan'"),
        ("0.5\nabc\n", r"scores, line 2: expected a score, found 'abc'"),
        ("0.5\n\n0.2\n", r"scores, line 2: expected a score, found ''"),
        ("81.2\n80.1\n", r"scores, line 1: 81.2 is no COMET score.*not times 100"),
        ("0.5\n", r"holds 1 scores, but toy of en-de has 2 segments: scores of another test set"),
        ("# testset: other\n0.5\n0.25\n", r"says it is of testset 'other'; expected 'toy'"),
        (f"# hypotheses: {'0' * 64}\n0.5\n0.25\n", r"was made for other hypotheses \(SHA-256 000000000000…"),
        ('{"score": 0.5, "mt": "h1"}\n{"score": 0.25, "mt": "zzz"}\n', r"line 2: the hypothesis of segment 2 is 'zzz'"),
        ('{"score": 0.5}\n{"scores": 0.25}\n', r"line 2: expected an object with 'score', found \['scores'\]"),
        ("a\tSegment 0\tscore: 0.5\nb\tSegment 0\tscore: 0.4\n", r"line 2: expected segment 1 of one system"),
        (json.dumps({"a": SEGMENTS, "b": SEGMENTS}, indent=1), r"holds the scores of 2 systems \(a, b\)"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "scores"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(MetricError, match=message):
        read_scores(path).matches(TEXT, HASHES)


def test_the_hash_is_that_of_the_file_of_translations(tmp_path: Path) -> None:
    import hashlib

    (tmp_path / "hyp.txt").write_text("h1\nh2\n", encoding="utf-8")
    assert text_hash(TEXT.hypotheses) == hashlib.sha256((tmp_path / "hyp.txt").read_bytes()).hexdigest()
