"""The folder of segments: what is written is read, and what is wrong is named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mtsuite.errors import StoreError
from mtsuite.results.segments import FOLDER, Segments, read_segments, write_segments

ONE = Segments("en-de", "news", ("a", "b"), ("x", "y"), {"COMET": {"lora": {"1": [50.0, 61.23456789]}}})


def test_what_is_written_is_read(tmp_path: Path) -> None:
    other = Segments("en-de", "wmt/16", ("c",), ("z",))
    write_segments(tmp_path, [ONE, other], several=True)
    found = read_segments(tmp_path)
    assert list(found) == [("en-de", "news"), ("en-de", "wmt/16")]
    assert found["en-de", "news"].scores == {"COMET": {"lora": {"1": [50.0, 61.2346]}}}
    assert found["en-de", "wmt/16"].references == ("z",)


def test_flags_are_kept_and_older_folders_have_none(tmp_path: Path) -> None:
    flags = {"lora": {"1": {"off-target": [0, 1], "copied": []}}}
    write_segments(tmp_path, [replace(ONE, flags=flags)], several=False)
    assert read_segments(tmp_path)["en-de", "news"].flags == flags
    path = tmp_path / FOLDER / "en-de.json"
    older = json.loads(path.read_text(encoding="utf-8"))
    del older["flags"]
    path.write_text(json.dumps(older), encoding="utf-8")
    assert read_segments(tmp_path)["en-de", "news"].flags == {}


def test_a_folder_without_segments_has_none(tmp_path: Path) -> None:
    assert read_segments(tmp_path) == {}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"references": ["x"]}, "differ in number"),
        ({"scores": {"COMET": {"lora": {"1": [1.0]}}}}, "differ in number"),
        ({"sources": None}, "not a file of segments"),
        ({"flags": {"lora": {"1": {"copied": [0, 2]}}}}, "flags name segment 2; there are segments 0 to 1"),
        ({"flags": {"lora": {"1": [0]}}}, "not a file of segments"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, change: dict[str, object], said: str) -> None:
    write_segments(tmp_path, [ONE], several=False)
    path = tmp_path / FOLDER / "en-de.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(StoreError, match=rf"en-de\.json.*{said}"):
        read_segments(tmp_path)
