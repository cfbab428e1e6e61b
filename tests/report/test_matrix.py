"""Transfer matrices: changes, summaries, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mtsuite.report import figures
from mtsuite.report.heatmap import heat_map
from mtsuite.report.matrix import Matrix, same_families, transfer_matrices, transfer_table
from mtsuite.report.matrix_files import matrix_csv, matrix_html, matrix_markdown, span
from mtsuite.report.results import read_results

from .folders import grid, write_folder

DIRECTIONS = ("en-de", "en-nl", "en-fr")
# Trained on a row, tested on a column; the base scores 10, 20, 30.
MATRIX = Matrix(
    method="lora",
    label="LoRA",
    metric="BLEU",
    base_label="Zero-shot",
    rows=DIRECTIONS,
    columns=DIRECTIONS,
    scores=((30.0, 22.0, 29.0), (11.0, 40.0, 27.0), (9.5, None, 50.0)),
    base=(10.0, 20.0, 30.0),
)


def test_changes_are_against_the_base_of_the_same_column() -> None:
    assert MATRIX.changes == ((20.0, 2.0, -1.0), (1.0, 20.0, -3.0), (-0.5, None, 20.0))


def test_summary() -> None:
    s = MATRIX.summary()
    assert s.diagonal == 20.0
    assert s.off_diagonal == pytest.approx((2 - 1 + 1 - 3 - 0.5) / 5)
    assert s.share_worse == pytest.approx(3 / 5)
    assert s.within_family == pytest.approx((2 + 1) / 2)  # de and nl are Germanic
    assert s.across_families == pytest.approx((-1 - 3 - 0.5) / 3)
    assert s.cells == 5


def test_lower_is_better_turns_worse_round() -> None:
    turned = replace(MATRIX, lower_is_better=True)
    assert turned.summary().share_worse == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("trained", "tested", "related"),
    [("en-de", "en-nl", True), ("en-de", "de-en", True), ("en-fr", "en-it", True), ("en-fr", "fr-en", False),
     ("en-de", "en-fr", False), ("fr-en", "es-en", True), ("en-xx", "en-yy", False), ("en-xx", "en-xx", True)],
)  # fmt: skip
def test_families(trained: str, tested: str, related: bool) -> None:
    assert same_families(trained, tested) is related


def test_csv() -> None:
    assert matrix_csv(MATRIX, MATRIX.changes) == (
        "trained_on,en-de,en-nl,en-fr\nen-de,20,2,-1\nen-nl,1,20,-3\nen-fr,-0.5,,20\n"
    )
    assert matrix_csv(MATRIX, MATRIX.scores, with_base=True).splitlines()[1] == "base,10,20,30"


def test_markdown() -> None:
    assert matrix_markdown(MATRIX, change=True) == (
        "### LoRA, trained on one direction: BLEU, change against Zero-shot\n\n"
        "| trained on \\\\ tested on |      en-de |      en-nl |      en-fr |\n"
        "| ----------------------- | ---------: | ---------: | ---------: |\n"
        "| en-de                   | **+20.00** |      +2.00 |      -1.00 |\n"
        "| en-nl                   |      +1.00 | **+20.00** |      -3.00 |\n"
        "| en-fr                   |      -0.50 |          — | **+20.00** |\n\n"
        "- Rows: trained on; columns: tested on; bold: the model's own direction.\n"
        "- BLEU points above (+) or below (-) Zero-shot.\n"
        "- Mean change: own direction +20.00; others -0.30; 60.0 % of them worse; within family +1.50; "
        "across families -1.50.\n"
        "- —: no score was recorded.\n"
    )
    assert "| Zero-shot " in matrix_markdown(MATRIX, change=False)


def test_html_has_sign_number_and_tooltip() -> None:
    text = matrix_html(MATRIX)
    tip = "trained on en-nl, tested on en-fr: 27.00; Zero-shot: 30.00"
    assert f'<td class="down" style="--heat:1.000" title="{tip}">−3.00</td>' in text
    assert 'class="up own"' in text


def test_the_colour_scale_ends_at_the_largest_change_off_the_diagonal() -> None:
    assert span(MATRIX) == 3.0


def test_the_heat_map_is_drawn_and_equal_input_gives_equal_bytes() -> None:
    with figures.style():
        first, second = figures.rendered(heat_map(MATRIX)), figures.rendered(heat_map(MATRIX))
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    assert b"<svg" in first["svg"]
    assert b"<dc:date>" not in first["svg"]


def test_matrices_are_read_from_scores(tmp_path: Path) -> None:
    lines = grid({"base": {"en-de": 10.0, "en-fr": 20.0}, "lora": {"en-de": 31.0, "en-fr": 41.0}})
    lines += grid({"lora": {"en-de": (30.0, 32.0), "en-fr": (18.0, 20.0)}}, trained_on="en-de")
    lines += grid({"lora": {"en-de": (9.0, 9.0), "en-fr": (40.0, 42.0)}}, trained_on="en-fr")
    info = {
        "title": "Toy",
        "methods": ["base", "lora"],
        "directions": ["en-de", "en-fr"],
        "metrics": ["BLEU"],
        "transfer": {"methods": ["lora"], "base": "base", "directions": ["en-de", "en-fr"]},
    }
    [matrix] = transfer_matrices(read_results(write_folder(tmp_path, lines, info)))
    assert matrix.changes == ((21.0, -1.0), (-1.0, 21.0))
    assert (matrix.name, matrix.seeds, matrix.base_label) == ("lora-bleu", 2, "base")
    table = transfer_table(read_results(tmp_path), [matrix])
    assert str(table.cell("lora", "diagonal")) == "+21.00"
    assert str(table.cell("lora", "percent_worse")) == "100.0"
    assert table.cell("lora", "within_family").is_hole


def test_no_transfer_no_matrix(tmp_path: Path) -> None:
    info = {"methods": ["a"], "directions": ["en-de"], "metrics": ["BLEU"], "transfer": None}
    assert transfer_matrices(read_results(write_folder(tmp_path, grid({"a": {"en-de": 1.0}}), info))) == []
