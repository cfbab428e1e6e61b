"""Joint training against training alone: pairs, numbers by hand, notes on equal text, what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtsuite.report import build_report
from mtsuite.report.tables.interference import topic
from mtsuite.report.tables.topic import Topic
from mtsuite.results.folder import Results, read_results

from ..folders import Line, grid, write_folder

DIRECTIONS = ["en-de", "de-en", "en-fr", "fr-en"]
JOINT = {"en-de": (20.0, 22.0), "de-en": (30.0, 31.0), "en-fr": (40.0, 44.0), "fr-en": (50.0, 50.0)}
ALONE = {"en-de": (25.0, 26.0), "de-en": (28.0, 28.0), "en-fr": (40.0, 40.0), "fr-en": (45.0, 47.0)}
# Joint minus alone, by seed: en-de -5, -4; de-en +2, +3; en-fr 0, +4; fr-en +5, +3.


def streams(joint: int = 1000, alone: int = 250, by_direction: dict[str, int] | None = None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for seed in (1, 2):
        found.append({"method": "full", "seed": seed, "trained_on": "all", "target_tokens": joint, "updates": 400})
        if by_direction:
            found[-1]["target_tokens_by_direction"] = by_direction
        for direction in DIRECTIONS:
            one = {"method": "own", "seed": seed, "trained_on": direction, "target_tokens": alone, "updates": 100}
            found += [{**one, "transfer": False}, {**one, "target_tokens": 999, "transfer": True}]
    return found


def folder(path: Path, significance: list[Line] | None = None, **changes: Any) -> Results:
    info = {
        "title": "Toy",
        "methods": ["full", "own"],
        "labels": {"full": "Full", "own": "Full, alone"},
        "directions": DIRECTIONS,
        "metrics": ["BLEU"],
        "trained_methods": ["full", "own"],
        "interference": [{"joint": "full", "alone": "own", "same_training": True}],
        "fairness": {"consistent": True, "streams": streams()},
        **changes,
    }
    lines = grid({"full": JOINT}) + grid({"own": ALONE}, trained_on="own")
    return read_results(write_folder(path, lines, info, significance=significance))


def made(results: Results) -> Topic:
    found = topic(results)
    assert found is not None
    return found


def notes(found: Topic) -> str:
    return " ".join(n.text for n in found.tables[0].notes)


def test_differences_are_taken_seed_by_seed(tmp_path: Path) -> None:
    summary, table = made(folder(tmp_path)).tables
    assert [str(row.cells[0]) for row in table.rows] == ["jointly", "alone", "difference"]
    assert [str(cell) for cell in table.rows[0].cells[1:]] == [
        "21.00 ±1.41", "30.50 ±0.71", "42.00 ±2.83", "50.00 ±0.00", "35.88 ±1.24",
    ]  # fmt: skip
    assert [str(cell) for cell in table.rows[2].cells[1:]] == [
        "-4.50 ±0.71", "+2.50 ±0.71", "+2.00 ±2.83", "+4.00 ±1.41", "+1.00 ±0.71",
    ]  # fmt: skip
    assert {c.key: str(summary.cell("full", c.key)) for c in summary.columns} == {
        "mean": "+1.00 ±0.71", "gain": "3", "lose": "1",
        "into English": "+3.25 ±0.35",  # 3.5 and 3
        "from English": "-1.25 ±1.77",  # -2.5 and 0
        "Germanic": "-1.00 ±0.71",  # -1.5 and -0.5
        "Romance": "+3.00 ±0.71",  # 2.5 and 3.5
    }  # fmt: skip


def test_the_chart_has_a_bar_a_direction(tmp_path: Path) -> None:
    [chart] = made(folder(tmp_path)).charts
    assert [(s.name, s.x, s.y) for s in chart.series] == [("Full", tuple(DIRECTIONS), (-4.5, 2.5, 2.0, 4.0))]


def test_lower_is_better_turns_gains_round(tmp_path: Path) -> None:
    summary, _ = made(folder(tmp_path, lower_is_better=["BLEU"])).tables
    assert (str(summary.cell("full", "gain")), str(summary.cell("full", "lose"))) == ("1", "3")
    assert "lower is better" in summary.notes[0].text


@pytest.mark.parametrize("turned", [False, True])
def test_significance_is_used_whichever_row_was_the_baseline(tmp_path: Path, turned: bool) -> None:
    sign, rows = (-1, ("own", "full")) if turned else (1, ("full", "own"))
    lines = [
        {"metric": "BLEU", "direction": d, "method": rows[0], "baseline": rows[1], "delta": sign * delta, "p_value": p,
         "test": "a test, Holm over 3", "n": 100}
        for d, delta, p in (("en-de", -4.5, 0.01), ("de-en", 2.5, 0.2), ("fr-en", 4.0, 0.04), ("average", 1.0, 0.001))
    ]  # fmt: skip
    summary, table = made(folder(tmp_path, lines)).tables
    assert [cell.symbol for cell in table.rows[2].cells[1:]] == ["‡", "", "", "†", "†"]
    assert str(summary.cell("full", "mean")) == "+1.00† ±0.71"
    assert [str(summary.cell("full", f"{key}_significantly")) for key in ("gain", "lose")] == ["1", "1"]
    assert any("a test, Holm over 3" in n.text for n in table.notes)


def test_comparisons_with_other_rows_are_not_taken_for_the_pair(tmp_path: Path) -> None:
    line = {"metric": "BLEU", "direction": "en-de", "method": "other", "baseline": "full", "delta": 1, "p_value": 0.001,
            "test": "t", "n": 100}  # fmt: skip
    summary, table = made(folder(tmp_path, [line])).tables
    assert not any(cell.symbol for row in table.rows for cell in row.cells)
    assert "gain_significantly" not in [column.key for column in summary.columns]


def test_equal_text_is_said_with_its_numbers(tmp_path: Path) -> None:
    text = notes(made(folder(tmp_path)))
    assert "Full: target tokens 1,000 jointly, 1,000 alone in all (seed 1); 400 updates jointly, 100 a model" in text
    counted = streams(by_direction=dict.fromkeys(DIRECTIONS, 250))
    text = notes(made(folder(tmp_path, fairness={"streams": counted})))
    assert "1,000 alone in all (seed 1), equal in every direction; 400" in text


@pytest.mark.parametrize(
    ("found", "wanted", "alarm"),
    [
        (streams(alone=255), "1,020 alone in all", False),
        (streams(alone=260), "DIFFER", True),
        (streams(by_direction={"en-de": 400, "de-en": 100, "en-fr": 250, "fr-en": 250}), "150.0% of each other", True),
        ([], "was not recorded", True),
    ],
)
def test_unequal_text_is_an_alarm(tmp_path: Path, found: list[dict[str, Any]], wanted: str, alarm: bool) -> None:
    results = folder(tmp_path, fairness={"streams": found})
    [said] = [n for n in made(results).tables[0].notes if wanted in n.text]
    assert said.alarm is alarm


def test_other_settings_of_training_are_named(tmp_path: Path) -> None:
    pair = {"joint": "full", "alone": "own", "same_training": False}
    assert "Full, alone is not trained with the settings of Full" in notes(made(folder(tmp_path, interference=[pair])))


def test_a_direction_that_failed_is_a_hole(tmp_path: Path) -> None:
    results = folder(tmp_path)
    lines = grid({"full": JOINT}) + grid({"own": {d: v for d, v in ALONE.items() if d != "en-fr"}}, trained_on="own")
    results = read_results(write_folder(tmp_path, lines, dict(results.info)))
    summary, table = made(results).tables
    assert [str(cell) for cell in table.rows[2].cells[3:]] == ["—", "+4.00 ±1.41", "—"]
    assert str(summary.cell("full", "gain")) == "2"
    assert summary.cell("full", "Romance").is_hole
    [chart] = made(results).charts
    assert chart.series[0].x == ("en-de", "de-en", "fr-en")


@pytest.mark.parametrize("changes", [{"interference": []}, {"interference": None}])
def test_without_pairs_there_is_no_topic(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert topic(folder(tmp_path, **changes)) is None


def test_it_is_part_of_the_report(tmp_path: Path) -> None:
    report = build_report(folder(tmp_path).folder)
    names = {str(p.relative_to(tmp_path)) for p in report.files}
    assert {
        "tables/interference-bleu.csv",
        "tables/interference-summary-bleu.tex",
        "figures/interference-bleu.svg",
    } <= names
    assert 'id="interference"' in report.page.read_text(encoding="utf-8")
