"""Failure modes from the translate jobs to the results folder."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from conftest import Miniature

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.jobs.failure_modes import FILE, FailureModes, write_failures
from mtsuite.metrics.failures import NAMES, failures
from mtsuite.results.folder import FAILURE_COLUMNS, read_results

EN_DE = Direction("en", "de")
PAIRS = [("The old man reads.", "Der alte Mann liest."), ("We sing.", "Wir singen.")]
LINE = {"method": "lora", "seed": 1, "trained_on": "all", "direction": "en-de", "test_set": "news", "scores": "key"}


def translations(folder: Path, **summary: int) -> Path:
    """A translate job's folder, as the store leaves it."""
    folder.mkdir()
    (folder / "status.json").write_text(json.dumps({"summary": {"segments": 2, **summary}}))
    (folder / "spec.json").write_text(json.dumps({"spec": {"translate": {"max_new_tokens": 16}}}))
    return folder


def test_rows_flags_and_notes(tmp_path: Path) -> None:
    made = translations(tmp_path / "translate", stopped_at_limit=1)
    write_failures(tmp_path, EN_DE, ["de", "en"], PAIRS, ["The old man reads.", "Wir singen."], made)
    modes = FailureModes([LINE, {**LINE, "method": "failed", "scores": "other"}], {"key": tmp_path})
    rows = {row[5]: row for row in modes.rows()}
    assert list(rows) == ["off-target", "off-target:en", *NAMES[1:]]
    assert rows["off-target"][:8] == ["lora", 1, "all", "en-de", "news", "off-target", "50.000000", 2]
    assert rows["off-target:en"][6:8] == ["50.000000", 2]
    assert rows["at-limit"][6:] == ["50.000000", 2, "max_new_tokens:16|version:1"]
    flags = {"off-target": [0], "copied": [0], "mostly-copied": [0]}
    assert modes.flags("en-de", "news", ["all"]) == {"lora": {"1": flags}}
    assert modes.flags("en-de", "news", ["own"]) == modes.flags("de-en", "news", ["all"]) == {}
    assert modes.notes() == []


def test_what_was_not_decoded_has_no_limit(tmp_path: Path) -> None:
    write_failures(tmp_path, EN_DE, [], PAIRS, ["Er liest.", "Wir singen."], translations(tmp_path / "translate"))
    assert "at-limit" not in {row[5] for row in FailureModes([LINE], {"key": tmp_path}).rows()}


def test_what_cannot_be_measured_is_a_note(tmp_path: Path) -> None:
    write_failures(tmp_path, EN_DE, [], PAIRS, ["Er liest."], translations(tmp_path / "translate"))
    modes = FailureModes([LINE], {"key": tmp_path})
    assert list(modes.rows()) == []
    assert modes.notes() == [json.loads((tmp_path / FILE).read_text())["error"]]
    assert "1 hypotheses" in modes.notes()[0]


def test_scores_without_failure_modes_leave_holes(tmp_path: Path) -> None:
    assert list(FailureModes([LINE], {"key": tmp_path}).rows()) == []


def test_the_miniature_has_them_for_every_file_of_translations(miniature: Miniature) -> None:
    path = miniature.results / "failures.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == FAILURE_COLUMNS
    with (miniature.results / "scores.csv").open(encoding="utf-8", newline="") as file:
        scored = {tuple(list(row.values())[:5]) for row in csv.DictReader(file)}
    where = ("method", "seed", "trained_on", "direction", "testset")
    for name in NAMES:
        measured = {tuple(row[key] for key in where) for row in rows if row["measure"] == name}
        assert measured == {line for line in scored if not (name == "at-limit" and line[0] == "source-copy")}
    corpus = Corpus.open(next((miniature.store / "corpus").iterdir()))
    results = read_results(miniature.results)
    for row in rows:
        if row["measure"] == "at-limit" or row["measure"].startswith("off-target:"):
            continue
        direction = Direction.parse(row["direction"])
        pairs = corpus.test(direction, row["testset"])
        folder = miniature.results / "translations" / row["method"] / row["seed"] / row["trained_on"]
        lines = (folder / f"{direction}.txt").read_text(encoding="utf-8").split("\n")[:-1]
        again = failures(direction, [s for s, _ in pairs], lines, [t for _, t in pairs], languages=["de", "en"])
        assert float(row["value"]) == pytest.approx(again[row["measure"]].value, abs=1e-6)
        assert row["signature"] == again[row["measure"]].signature
        if row["trained_on"] == "all" and row["measure"] != "length-ratio":
            flags = results.segments[row["direction"], row["testset"]].flags[row["method"]][row["seed"]]
            assert flags.get(row["measure"], []) == again[row["measure"]].segments
    copied = next(r for r in rows if (r["method"], r["measure"], r["direction"]) == ("source-copy", "copied", "en-de"))
    assert float(copied["value"]) == 100


def test_limits_are_those_of_the_translate_jobs(miniature: Miniature) -> None:
    cut = sum(status["summary"].get("stopped_at_limit", 0) for _, status in miniature.jobs("translate"))
    with (miniature.results / "failures.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["measure"] == "at-limit"]
    assert sum(float(row["value"]) * int(row["n"]) / 100 for row in rows) == pytest.approx(cut)
    assert {row["signature"] for row in rows} == {"max_new_tokens:16|version:1"}


def test_the_report_shows_them_and_can_do_without(miniature: Miniature, tmp_path: Path) -> None:
    assert '<section id="failures"' in (miniature.results / "report.html").read_text(encoding="utf-8")
    assert (miniature.results / "tables" / "failures.md").is_file()
    assert (miniature.results / "figures" / "failures.png").is_file()
    from mtsuite.report.build import build_report

    older = tmp_path / "older"
    shutil.copytree(miniature.results, older)
    (older / "failures.csv").unlink()
    report = build_report(older)
    assert not (older / "tables" / "failures.md").exists()
    assert '<section id="failures"' not in report.page.read_text(encoding="utf-8")
