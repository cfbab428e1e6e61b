"""The topic on forgetting, from a results folder whose numbers are easy to follow by hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import StoreError
from mtsuite.report import build_report
from mtsuite.report.page.translations import read_blocks
from mtsuite.report.render.table import Table
from mtsuite.report.tables.forgetting import topic
from mtsuite.report.tables.query import average_by_seed, panels
from mtsuite.report.tables.scores import score_table
from mtsuite.report.tables.topic import Topic
from mtsuite.results.folder import PERPLEXITY_COLUMNS, SIGNIFICANCE_COLUMNS, read_results

from ..folders import Line, grid, write_csv, write_folder

INFO: dict[str, Any] = {
    "title": "Toy",
    "methods": ["zero-shot", "in-context", "full"],
    "labels": {"full": "Full"},
    "trained_methods": ["full"],
    "directions": ["en-de", "en-fr"],
    "metrics": ["BLEU"],
    "forgetting": {
        "languages": [], "sentences": 4, "zero_shot_directions": ["de-fr", "fr-de"], "base": "zero-shot",
        "focus": {"en": None, "de": "en-de"}, "left_out": {"in-context": "no pairs to show"},
    },
    "sequence": {"methods": ["full"], "directions": ["en-de", "en-fr"], "base": "zero-shot", "max_steps": 7},
    "untrained_notes": ["test set toy de-fr: a side of 1 of 5 segments occurs in the training text of its language"],
}  # fmt: skip


def folder(place: Path, info: dict[str, Any] = INFO, perplexities: bool = True) -> Path:
    trained = {"en-de": 20.0, "en-fr": 30.0}
    scores: list[Line] = grid(
        {
            "zero-shot": {"en-de": (5.0, 5.0), "en-fr": (6.0, 6.0), "de-fr": (4.0, 4.0), "fr-de": (2.0, 2.0)},
            "in-context": {"en-de": (7.0, 7.0), "en-fr": (8.0, 8.0)},
            "full": {"en-de": (20.0, 22.0), "en-fr": (30.0, 30.0), "de-fr": (10.0, 12.0), "fr-de": (1.0, 1.0)},
            "source-copy": {**trained, "de-fr": 3.0, "fr-de": 3.0},
        }
    )
    for on, line in {"en-de": (24.0, 9.0), "en-de+en-fr": (21.0, 28.0)}.items():
        for seed in (1, 2):
            for direction, score in zip(("en-de", "en-fr"), line, strict=True):
                more = 2.0 * (seed - 1) * (on == "en-de" and direction == "en-de")
                scores.append({"method": "full", "trained_on": on, "direction": direction, "score": score + more,
                               "seed": seed})  # fmt: skip
    write_folder(place, scores, info)
    if perplexities:
        lines = []
        for method, seed, on, bits in (
            ("base", 0, "all", (1.0, 2.0)),
            ("full", 1, "all", (1.5, 2.1)),
            ("full", 2, "all", (1.7, 2.1)),
            ("full", 1, "en-de", (1.0, 2.2)),
            ("full", 1, "en-de+en-fr", (1.2, 2.4)),
        ):
            for language, value in zip(("en", "de"), bits, strict=True):
                lines.append(
                    {
                        "method": method, "seed": seed, "trained_on": on, "language": language,
                        "perplexity": 10 * value, "bits_per_byte": value, "tokens": 50, "sentences": 4,
                    }
                )  # fmt: skip
        write_csv(place / "perplexity.csv", PERPLEXITY_COLUMNS, lines)
    return place


@pytest.fixture
def made(tmp_path: Path) -> Topic:
    found = topic(read_results(folder(tmp_path)))
    assert found is not None
    return found


def table(made: Topic, name: str) -> Table:
    return next(t for t in made.tables if t.name == name)


def notes(one: Table) -> str:
    return "\n".join(n.text for n in one.notes)


def test_what_there_is(made: Topic) -> None:
    assert [t.name for t in made.tables] == [
        "perplexity", "bits-per-byte", "bits-per-byte-sequence",
        "zero-shot-directions-bleu", "zero-shot-directions-bleu-change", "sequence-bleu", "sequence-bleu-stages",
    ]  # fmt: skip
    assert [c.name for c in made.charts] == [
        "bits-per-byte-change", "bits-per-byte-sequence", "zero-shot-directions-bleu-change",
        "sequence-average-bleu", "sequence-full-bleu",
    ]  # fmt: skip


def test_perplexity(made: Topic) -> None:
    plain, bits = table(made, "perplexity"), table(made, "bits-per-byte")
    assert [str(c) for c in plain.rows[0].cells] == ["10.00", "20.00"]
    assert str(plain.cell("full", "en")) == "16.00 ±1.41"  # 15 and 17
    assert bits.cell("base", "average").text == "1.500"
    # Averages over languages: 1.8 and 1.9, less 1.5; their standard deviation is 0.1 / sqrt 2.
    assert str(bits.cell("full", "change_from_base")) == "+0.350 ±0.071"
    assert bits.cell("base", "change_from_base").text == ""
    assert "en 4 sentences, 50 tokens; de 4 sentences, 50 tokens" in notes(bits)
    assert "each language was read by that of: de en-de." in notes(bits)
    stages = table(made, "bits-per-byte-sequence")
    assert [row.label for row in stages.rows] == ["Base model", "Full: en-de", "Full: + en-fr"]
    assert [row.cells[-1].text for row in stages.rows] == ["", "+0.100", "+0.300"]
    chart = next(c for c in made.charts if c.name == "bits-per-byte-change")
    assert chart.series[0].x == ("en", "de")
    assert chart.series[0].y == pytest.approx((0.6, 0.1))
    line = next(c for c in made.charts if c.name == "bits-per-byte-sequence").series[0]
    assert line.x == ("before", "en-de", "+ en-fr")
    assert line.y == pytest.approx((1.5, 1.6, 1.8))


def test_directions_not_trained_on(made: Topic) -> None:
    scores, change = table(made, "zero-shot-directions-bleu"), table(made, "zero-shot-directions-bleu-change")
    assert [row.key for row in scores.rows] == ["zero-shot", "full", "source-copy"]
    assert str(scores.cell("zero-shot", "de-fr")) == "4.00", "an untrained row has no spread"
    assert str(scores.cell("full", "de-fr")) == "11.00 ±1.41"
    assert scores.cell("full", "average").text == "6.00"  # (11 + 1) / 2
    assert [row.key for row in change.rows] == ["full"]
    assert [cell.text for cell in change.rows[0].cells] == ["+7.00", "-1.00", "+3.00"]
    assert "Not here: in-context (no pairs to show)." in notes(scores)
    assert "a side of 1 of 5 segments occurs" in notes(scores)
    bars = next(c for c in made.charts if c.name == "zero-shot-directions-bleu-change").series
    assert [(s.name, s.x, s.y) for s in bars] == [("Full", ("de-fr", "fr-de"), (7.0, -1.0))]


def test_their_tests_are_marked_in_the_table_of_scores(tmp_path: Path) -> None:
    place = folder(tmp_path, INFO | {"baseline": "zero-shot"})
    known = {"metric": "BLEU", "method": "full", "baseline": "zero-shot", "test": "t, Holm over 2", "n": 5}
    numbers = {"de-fr": (7.0, 0.01), "fr-de": (-1.0, 0.2), "en-de": (16.0, 0.01), "average": (20.0, 0.01)}
    rows = [known | {"direction": d, "delta": delta, "p_value": p} for d, (delta, p) in numbers.items()]
    write_csv(place / "significance.csv", SIGNIFICANCE_COLUMNS, rows)
    made = topic(read_results(place))
    assert made is not None
    scores = table(made, "zero-shot-directions-bleu")
    assert [cell.symbol for cell in scores.rows[1].cells] == ["†", "", ""], "no mark of another average"
    assert "† significantly better, ‡ significantly worse than zero-shot (p < 0.05 after correction; t" in notes(scores)


def test_they_are_in_no_other_table(tmp_path: Path) -> None:
    results = read_results(folder(tmp_path))
    (panel,) = panels(results, "BLEU")
    assert panel.columns == (("en-de", "toy"), ("en-fr", "toy"))
    assert average_by_seed(results, "BLEU", "full") == [25.0, 26.0]
    assert [c.key for c in score_table(results, "BLEU", panel).columns] == ["params", "en-de", "en-fr", "average"]


def test_sequence(made: Topic) -> None:
    summary, stages = table(made, "sequence-bleu"), table(made, "sequence-bleu-stages")
    found = {c.key: str(cell) for c, cell in zip(summary.columns, summary.rows[0].cells, strict=True)}
    # Seed 1: R = (24 9; 21 28), seed 2: R = (26 9; 21 28), start (5, 6).
    assert found == {
        "base": "5.50",
        "learned": "26.50 ±0.71",  # (24 + 28) / 2 and (26 + 28) / 2
        "average": "24.50 ±0.00",
        "backward": "-4.00 ±1.41",  # 21 - 24 and 21 - 26
        "forgetting": "+4.00 ±1.41",
        "forward_from_base": "+3.00 ±0.00",  # 9 - 6
    }
    assert "en-de → en-fr" in notes(summary)
    assert "7 updates a stage" in notes(summary)
    assert [row.label for row in stages.rows] == ["Full: before", "Full: en-de", "Full: + en-fr"]
    assert [str(c) for c in stages.rows[1].cells] == ["25.00* ±1.41", "9.00 ±0.00", "17.00 ±0.71"]
    chart = next(c for c in made.charts if c.name == "sequence-full-bleu")
    assert [(s.name, s.y) for s in chart.series] == [("en-de", (5.0, 25.0, 21.0)), ("en-fr", (6.0, 9.0, 28.0))]


def test_a_stage_that_failed_is_a_hole(tmp_path: Path) -> None:
    place = folder(tmp_path)
    lines = (place / "scores.csv").read_text().splitlines()
    (place / "scores.csv").write_text("\n".join(x for x in lines if ",en-de+en-fr,en-de," not in x) + "\n")
    made = topic(read_results(place))
    assert made is not None
    summary = table(made, "sequence-bleu")
    assert summary.cell("full", "average").is_hole
    assert summary.cell("full", "backward").is_hole
    assert str(summary.cell("full", "forward_from_base")) == "+3.00 ±0.00"
    assert table(made, "sequence-bleu-stages").cell("full:2", "en-de").is_hole


def test_nothing_measured_no_topic(tmp_path: Path) -> None:
    info = {key: value for key, value in INFO.items() if key not in ("forgetting", "sequence")}
    results = read_results(folder(tmp_path, info, perplexities=False))
    assert topic(results) is None


def test_only_what_was_asked_for(tmp_path: Path) -> None:
    info = {**INFO, "sequence": None, "forgetting": {**INFO["forgetting"], "zero_shot_directions": []}}
    made = topic(read_results(folder(tmp_path, info)))
    assert made is not None
    assert [t.name for t in made.tables] == ["perplexity", "bits-per-byte"]
    assert "monolingual" in made.about
    assert "one direction after another" not in made.about


def test_files_of_the_report(tmp_path: Path) -> None:
    report = build_report(folder(tmp_path))
    names = {str(p.relative_to(tmp_path)) for p in report.files}
    assert {"tables/sequence-bleu.tex", "tables/perplexity.csv", "figures/sequence-full-bleu.svg"} <= names
    with (tmp_path / "tables" / "sequence-bleu.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert float(row["backward"]) == -4.0
    assert row["label"] == "Full"


def test_a_perplexity_that_is_no_number(tmp_path: Path) -> None:
    place = folder(tmp_path)
    text = (place / "perplexity.csv").read_text().replace("10.0,1.0", "much,1.0", 1)
    (place / "perplexity.csv").write_text(text)
    with pytest.raises(StoreError, match=r"perplexity\.csv:2: expected a number in column 'perplexity', found 'much'"):
        read_results(place)


def test_the_browser_of_translations_offers_directions_that_were_not_trained_on(tmp_path: Path) -> None:
    place = folder(tmp_path)
    for direction in ("en-de", "de-fr"):
        path = place / "translations" / "full" / "1" / "all" / f"{direction}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("eins\n")
    blocks = read_blocks(read_results(place))
    assert [block.name for block in blocks] == ["en-de", "de-fr (not trained on)"]
    assert blocks[1].outputs == {"full": {"1": ["eins"]}}
