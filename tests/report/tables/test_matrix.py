"""Transfer matrices: changes, summaries, files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import StoreError
from mtsuite.report.figures import base as figures
from mtsuite.report.figures.heatmap import heat_map
from mtsuite.report.tables.matrix import Matrix, difference, transfer_matrices
from mtsuite.report.tables.matrix_files import matrix_csv, matrix_html, matrix_markdown
from mtsuite.report.tables.matrix_view import View, change_view, difference_view, score_view
from mtsuite.report.tables.transfer import transfer
from mtsuite.report.tables.transfer_tables import groups_tables, transfer_table
from mtsuite.results.folder import read_results

from ..folders import grid, write_folder

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
    assert s.by_relation["same_source"] == s.off_diagonal
    assert s.by_relation["reversed"] is s.by_relation["same_target"] is s.by_relation["neither"] is None


BOTH = ("en-fr", "fr-en", "en-it", "it-en", "de-en")
# Of a model of the row on the column, less the base (all zeros): each number once, so that means tell which went in.
BOTH_WAYS = Matrix(
    "m", "M", "BLEU", "base", BOTH, BOTH,
    scores=(
        (90.0, -1.0, 2.0, -4.0, -8.0),  # en-fr: own, reversed, same source, neither, neither
        (-16.0, 91.0, -32.0, 64.0, 128.0),  # fr-en: reversed, own, neither, same target, same target
        (0.5, -0.25, 92.0, -0.125, 0.0625),  # en-it: same source, neither, own, reversed, neither
        (-3.0, 5.0, -7.0, 93.0, 11.0),  # it-en: neither, same target, reversed, own, same target
        (-13.0, 17.0, -19.0, 23.0, 94.0),  # de-en: neither, same target, neither, same target, own
    ),
    base=(0.0,) * 5,
)  # fmt: skip


def test_summary_by_shared_end_and_family() -> None:
    s = BOTH_WAYS.summary()
    assert s.counts == {
        "own": 5, "reversed": 4, "same_target": 6, "same_source": 2, "neither": 8, "others": 20, "within_family": 8,
        "across_families": 8,
    }  # fmt: skip
    assert s.cells == 20
    assert s.diagonal == 92.0
    assert s.by_relation["reversed"] == pytest.approx((-1 - 16 - 0.125 - 7) / 4)
    assert s.by_relation["same_target"] == pytest.approx((64 + 128 + 5 + 11 + 17 + 23) / 6)
    assert s.by_relation["same_source"] == pytest.approx((2 + 0.5) / 2)
    assert s.by_relation["neither"] == pytest.approx((-4 - 8 - 32 - 0.25 + 0.0625 - 3 - 13 - 19) / 8)
    # French and Italian without the reversed; German against either.
    assert s.within_family == pytest.approx((2 - 4 - 32 + 64 + 0.5 - 0.25 - 3 + 5) / 8)
    assert s.across_families == pytest.approx((-8 + 128 + 0.0625 + 11 - 13 + 17 - 19 + 23) / 8)
    assert s.share_worse == pytest.approx(11 / 20)


def test_lower_is_better_turns_worse_round() -> None:
    turned = replace(MATRIX, lower_is_better=True)
    assert turned.summary().share_worse == pytest.approx(2 / 5)


OTHER = replace(
    MATRIX,
    method="full",
    label="Full",
    scores=((35.0, 20.0, 29.0), (10.0, 42.0, None), (9.0, 21.0, 47.0)),
)


def test_the_difference_of_two_matrices_is_that_of_scores_and_of_changes() -> None:
    minus = difference(MATRIX, OTHER)
    assert minus.changes == ((-5.0, 2.0, 0.0), (1.0, -2.0, None), (0.5, None, 3.0))
    for line, ours, theirs in zip(minus.changes, MATRIX.changes, OTHER.changes, strict=True):
        for value, a, b in zip(line, ours, theirs, strict=True):
            assert value is None or a is None or b is None or value == pytest.approx(a - b)
    assert (minus.label, minus.base_label, minus.name) == ("LoRA − Full", "Full", "lora-minus-full-bleu")
    s = minus.summary()
    assert (s.diagonal, s.off_diagonal, s.share_worse) == (pytest.approx(-4 / 3), pytest.approx(3.5 / 4), 0)
    view = difference_view(minus)
    assert view.tips[0][1] == "trained on en-de, tested on en-nl: LoRA 22.00; Full 20.00"
    assert "BLEU points above (+) or below (-) Full trained and tested on the same." in view.reading


def test_only_matrices_of_equal_directions_are_subtracted() -> None:
    fewer = replace(OTHER, columns=DIRECTIONS[:2], scores=((1.0, 2.0),) * 3, base=(0.0, 0.0))
    with pytest.raises(StoreError, match=r"LoRA \(BLEU\) and Full \(BLEU\) do not have the same directions"):
        difference(MATRIX, fewer)


def test_csv() -> None:
    assert matrix_csv(change_view(MATRIX)) == (
        "trained_on,en-de,en-nl,en-fr\nen-de,20,2,-1\nen-nl,1,20,-3\nen-fr,-0.5,,20\n"
    )
    assert matrix_csv(score_view(MATRIX)).splitlines()[1] == "base,10,20,30"


def test_markdown() -> None:
    assert matrix_markdown(change_view(MATRIX)) == (
        "### LoRA, trained on one direction: BLEU, change against Zero-shot\n\n"
        "| trained on \\\\ tested on |      en-de |      en-nl |      en-fr |\n"
        "| ----------------------- | ---------: | ---------: | ---------: |\n"
        "| en-de                   | **+20.00** |      +2.00 |      -1.00 |\n"
        "| en-nl                   |      +1.00 | **+20.00** |      -3.00 |\n"
        "| en-fr                   |      -0.50 |          — | **+20.00** |\n\n"
        "- Rows: trained on; columns: tested on; bold: the model's own direction.\n"
        "- BLEU points above (+) or below (-) Zero-shot.\n"
        "- Mean: own direction +20.00; others -0.30; 60.0 % of them worse; within family +1.50; "
        "across families -1.50.\n"
        "- Directions of one family and script are together (by the language beside English).\n"
        "- —: no score was recorded.\n"
    )
    assert "| Zero-shot " in matrix_markdown(score_view(MATRIX))


def test_html_has_sign_number_tooltip_and_families() -> None:
    text = matrix_html(change_view(MATRIX))
    tip = "trained on en-nl, tested on en-fr: LoRA 27.00; Zero-shot 30.00"
    assert f'<td class="down part" style="--heat:1.000" title="{tip}">−3.00</td>' in text
    assert 'class="up own"' in text
    assert '<th class="axis" colspan="2" scope="colgroup">Germanic</th>' in text
    assert '<th class="axis part" colspan="1" scope="colgroup">Romance</th>' in text
    scores = matrix_html(score_view(MATRIX))
    assert scores.startswith('<details class="block"><summary>LoRA, trained on one direction: BLEU, scores</summary>')
    assert '<tr><th scope="row">Zero-shot</th><td class="plain">10.00</td>' in scores


def test_the_colour_scale_ends_at_the_largest_change_off_the_diagonal() -> None:
    assert change_view(MATRIX).span == (-3.0, 3.0)
    assert score_view(MATRIX).span == (9.5, 50.0)


@pytest.mark.parametrize("view", [change_view(MATRIX), score_view(MATRIX), difference_view(difference(MATRIX, OTHER))])
def test_the_heat_map_is_drawn_and_equal_input_gives_equal_bytes(view: View) -> None:
    with figures.style():
        first, second = figures.rendered(heat_map(view)), figures.rendered(heat_map(view))
        texts = {text.get_text() for text in heat_map(view).axes[0].texts}
    assert first == second
    assert first["png"].startswith(b"\x89PNG")
    assert b"<svg" in first["svg"]
    assert b"<dc:date>" not in first["svg"]
    signs = {text[0] for text in texts} & {"+", "−"}
    assert signs == ({"+", "−"} if view.signed else set()), "without colours the sign says which way"
    assert {"Germanic", "Romance"} <= texts


INFO = {
    "title": "Toy",
    "methods": ["base", "lora", "full"],
    "directions": ["en-de", "en-fr"],
    "metrics": ["BLEU"],
    "baseline": "full",
    "transfer": {"methods": ["lora"], "base": "base", "directions": ["en-de", "en-fr"]},
}


def _lines() -> list[dict[str, Any]]:
    lines = grid({"base": {"en-de": 10.0, "en-fr": 20.0}, "lora": {"en-de": 31.0, "en-fr": 41.0}})
    lines += grid({"lora": {"en-de": (30.0, 32.0), "en-fr": (18.0, 21.0)}}, trained_on="en-de")
    return lines + grid({"lora": {"en-de": (9.0, 11.0), "en-fr": (40.0, 42.0)}}, trained_on="en-fr")


def test_matrices_are_read_from_scores(tmp_path: Path) -> None:
    results = read_results(write_folder(tmp_path, _lines(), INFO))
    [matrix] = transfer_matrices(results)
    assert matrix.changes == ((21.0, -0.5), (0.0, 21.0))
    assert (matrix.name, matrix.seeds, matrix.base_label) == ("lora-bleu", 2, "base")
    table = transfer_table(results, [matrix])
    assert [column.key for column in table.columns] == [
        "diagonal", "off_diagonal", "same_source", "across_families", "percent_worse",
    ]  # fmt: skip
    assert str(table.cell("lora", "diagonal")) == "+21.00 ±1.41", "the seeds' means: 20 and 22"
    # Off the diagonal the seeds have -2, -1 and +1, +1: means -1.5 and +1, shares 100 and 0 %.
    assert str(table.cell("lora", "off_diagonal")) == "-0.25 ±1.77"
    assert str(table.cell("lora", "percent_worse")) == "50.0 ±70.7"
    assert any("mean ± sample standard deviation" in n.text for n in table.notes)
    assert "2 off-diagonal cells a method (2 same source, 2 across)" in table.notes[3].text


def test_a_seed_that_lacks_a_cell_leaves_the_means_without_spread(tmp_path: Path) -> None:
    lines = [line for line in _lines() if (line["seed"], line.get("trained_on")) != (2, "en-fr")]
    results = read_results(write_folder(tmp_path, lines, INFO))
    [matrix] = transfer_matrices(results)
    assert (matrix.seeds, matrix.by_seed) == (2, ())
    table = transfer_table(results, [matrix])
    assert str(table.cell("lora", "off_diagonal")) == "-0.75"
    assert any("without ±, since cells of some seeds are missing" in n.text for n in table.notes)


def test_differences_are_from_the_baseline_and_seed_by_seed(tmp_path: Path) -> None:
    lines = _lines() + grid({"full": {"en-de": (31.0, 31.0), "en-fr": (17.0, 22.0)}}, trained_on="en-de")
    lines += grid({"full": {"en-de": (8.0, 6.0), "en-fr": (41.0, 44.0)}}, trained_on="en-fr")
    info = {**INFO, "transfer": {**INFO["transfer"], "methods": ["lora", "full"]}}  # type: ignore[dict-item]
    made = transfer(read_results(write_folder(tmp_path, lines, info)))
    assert [view.name for view in made.views] == [
        "lora-bleu-change", "full-bleu-change", "lora-minus-full-bleu-difference", "lora-bleu-scores",
        "full-bleu-scores",
    ]  # fmt: skip
    table = next(table for _, table in made.tables if table.name == "transfer-difference-bleu")
    # Own: -1, -1 and +1, -2; others: +1, +1 and -1, +5.
    assert str(table.cell("lora-minus-full", "diagonal")) == "-0.75 ±0.35"
    assert str(table.cell("lora-minus-full", "off_diagonal")) == "+1.50 ±0.71"
    assert all(mark == "" for marks in table.marks for mark in marks), "no row here is best"


def test_families_and_scripts_against_each_other(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    info = {"title": "Toy", "methods": ["m"], "directions": list(BOTH), "metrics": ["BLEU"]}
    results = read_results(write_folder(tmp_path / "r", grid({"m": {"en-fr": 1.0}}), info))
    [table] = groups_tables(results, [BOTH_WAYS])
    assert table.name == "transfer-families-bleu"
    assert [column.key for column in table.columns] == ["trained_on", "Romance", "Germanic"]
    romance, germanic = table.rows
    assert [cell.value for cell in romance.cells[1:]] == [
        pytest.approx((2 - 4 - 32 + 64 + 0.5 - 0.25 - 3 + 5) / 8), pytest.approx((-8 + 128 + 0.0625 + 11) / 4),
    ]  # fmt: skip
    assert germanic.cells[1].value == pytest.approx((-13 + 17 - 19 + 23) / 4)
    assert str(germanic.cells[2]) == "", "nothing but its own direction"
    assert "8 (Romance on Romance); 4 (Romance on Germanic and Germanic on Romance)" in table.notes[1].text


def test_rows_and_columns_are_ordered_by_script_family_and_language(tmp_path: Path) -> None:
    wanted = ["en-de", "en-ar", "en-fr", "de-en", "ar-en", "en-it"]
    info = {**INFO, "methods": ["base", "lora"], "directions": wanted}
    info["transfer"] = {"methods": ["lora"], "base": "base", "directions": ["en-it", "en-ar", "en-de", "en-fr"]}
    lines = grid({"base": {d: 1.0 + i for i, d in enumerate(wanted)}})
    lines += grid({"lora": dict.fromkeys(wanted, 5.0)}, trained_on="en-ar")
    [matrix] = transfer_matrices(read_results(write_folder(tmp_path, lines, info)))
    assert matrix.columns == ("en-de", "de-en", "en-fr", "en-it", "en-ar", "ar-en")
    assert matrix.rows == ("en-it", "en-fr", "en-de", "en-ar"), "Latin first: Romance, then Germanic"
    assert matrix.base == (1.0, 4.0, 3.0, 6.0, 2.0, 5.0), "each column keeps its numbers"
    assert matrix.changes[3] == (4.0, 1.0, 2.0, -1.0, 3.0, 0.0)


def test_no_transfer_no_matrix(tmp_path: Path) -> None:
    info = {"methods": ["a"], "directions": ["en-de"], "metrics": ["BLEU"], "transfer": None}
    assert transfer_matrices(read_results(write_folder(tmp_path, grid({"a": {"en-de": 1.0}}), info))) == []
