"""A metric added to a finished results folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtsuite.compare.added import add_metrics
from mtsuite.compare.again import statistics_files
from mtsuite.errors import MetricError, StoreError
from mtsuite.report.build import build_report, pack_report
from mtsuite.results.folder import read_results

from .test_join import change, records
from .worlds import world

ROWS = {"full": 0.2, "lora": 0.35}


def made(folder: Path, metrics: tuple[str, ...] = ("BLEU",)) -> Path:
    world(folder, ROWS, seeds=2, metrics=metrics)
    change(folder, lambda info: info.update(baseline="full"))
    files, _ = statistics_files(read_results(folder))
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("packed", [False, True])
def test_it_is_as_if_the_run_had_had_it(tmp_path: Path, packed: bool) -> None:
    both, one = made(tmp_path / "both", ("BLEU", "chrF")), made(tmp_path / "one")
    build_report(both)
    if packed:
        pack_report(one)
    report, told = add_metrics(one, ["chrf"])
    assert told == []
    assert report.page.is_file()
    for name in ("scores.csv", "significance.csv", "intervals.csv"):
        lines = [sorted((folder / name).read_text().splitlines()) for folder in (both, one)]
        assert lines[0] == lines[1], name
    for table in ("chrf.csv", "bleu.csv"):
        assert (one / "tables" / table).read_text() == (both / "tables" / table).read_text()
    expected = {place: segments.scores for place, segments in read_results(both).segments.items()}
    for place, segments in read_results(one).segments.items():
        assert set(segments.scores) - {"chrF"} == set(expected[place])
        assert len(segments.scores["chrF"]["lora"]["2"]) == len(segments.sources)


def test_an_error_rate_is_marked_and_the_notes_say_so(tmp_path: Path) -> None:
    folder = made(tmp_path / "one")
    add_metrics(folder, ["TER"])
    info = json.loads((folder / "report.json").read_text())
    assert info["metrics"] == ["BLEU", "TER"]
    assert info["lower_is_better"] == ["TER"]
    assert info["notes"] == ["Scored after the run: TER."]
    assert {line["metric"] for line in records(folder / "significance.csv")} == {"BLEU", "TER"}


def test_what_is_refused_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = made(tmp_path / "one")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(MetricError, match="has BLEU already"):
        add_metrics(folder, ["chrF", "BLEU"])
    with pytest.raises(MetricError, match=r"[Uu]nknown metric 'chrg'"):
        add_metrics(folder, ["chrg"])
    with pytest.raises(MetricError, match="embedded COMET was made for the microworld"):
        add_metrics(folder, ["COMET"])
    text = folder / "translations" / "lora" / "2" / "all" / "en-zh.txt"
    text.write_text("one line\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"en-zh.txt has 1 lines, the test set in segments/ has 40"):
        add_metrics(folder, ["chrF"])
    text.write_bytes(before[text])
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
