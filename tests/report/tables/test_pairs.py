"""Tables of tests: the average beside the directions, any two methods, several test sets, seeds in the note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mtsuite.report.render.csv_table import render_csv
from mtsuite.report.tables.scores import score_tables
from mtsuite.report.tables.significance import significance_tables
from mtsuite.results.folder import SIGNIFICANCE_COLUMNS, SIGNIFICANCE_MORE, read_results

from ..folders import SIGNATURE, SIGNATURE_ZH, grid, write_csv, write_folder

INFO = {"title": "Toy", "methods": ["a", "b", "c"], "directions": ["en-de", "en-zh"], "metrics": ["BLEU"],
        "baseline": "a"}  # fmt: skip
NUMBERS = {"a": {"en-de": 10.0, "en-zh": 10.0}, "b": {"en-de": 12.0, "en-zh": 13.0}, "c": {"en-de": 9.0, "en-zh": 9.0}}
KIND = "paired approximate randomization, 1000 rounds, seed 12345"


def line(method: str, baseline: str, direction: str, delta: float, p: float, **more: Any) -> dict[str, Any]:
    average = direction == "average"
    test = f"{KIND}, stratified over 2 directions, single test" if average else f"{KIND}, Holm over 2"
    return {"metric": "BLEU", "method": method, "baseline": baseline, "direction": direction, "delta": delta,
            "p_value": p, "p_segments": p, "seeds": "1/1", "n": 200 if average else 100, "test": test,
            "testset": "toy", **more}  # fmt: skip


def folder(path: Path, lines: list[dict[str, Any]], **info: Any) -> Path:
    write_folder(path, grid(NUMBERS), INFO | info)
    write_csv(path / "significance.csv", (*SIGNIFICANCE_COLUMNS, *SIGNIFICANCE_MORE), lines)
    return path


LINES = [
    line("b", "a", "en-de", 2.0, 0.2), line("b", "a", "en-zh", 3.0, 0.01), line("b", "a", "average", 2.5, 0.012),
    line("c", "a", "en-de", -1.0, 0.3), line("c", "a", "en-zh", -1.0, 0.3), line("c", "a", "average", -1.0, 0.03),
    line("b", "c", "en-de", 3.0, 0.001), line("b", "c", "average", 3.5, 0.001),
]  # fmt: skip


def test_the_average_is_marked_and_other_pairs_are_not(tmp_path: Path) -> None:
    results = read_results(folder(tmp_path, LINES))
    table = score_tables(results)[0]
    assert [str(table.cell("b", d)) for d in ("en-de", "en-zh", "average")] == ["12.00", "13.00†", "12.50†"]
    assert str(table.cell("c", "average")) == "9.00‡"
    said = "\n".join(note.text for note in table.notes)
    assert (
        f"† significantly better, ‡ significantly worse than a (p < 0.05 after correction; {KIND}, Holm over 2; n = "
        "100; the average, which is not of Holm's family: stratified over 2 directions, single test; one training "
        "seed: variation between trainings is not tested)."
    ) in said


def test_any_two_methods_row_less_column(tmp_path: Path) -> None:
    results = read_results(folder(tmp_path, LINES))
    (_, against), (_, pairs) = significance_tables(results)
    assert [column.label for column in against.columns] == ["en-de", "en-zh", "Avg."]
    assert [row.key for row in against.rows] == ["b", "c"]
    assert pairs.name == "pairs-bleu"
    # Holm over three pairs: 0.001·3, 0.012·2, 0.03·1
    assert str(pairs.cell("b", "c")) == "+3.50 (p 0.003)†"
    assert str(pairs.cell("c", "b")) == "-3.50 (p 0.003)‡"
    assert str(pairs.cell("b", "a")) == "+2.50 (p 0.024)†"
    assert str(pairs.cell("c", "a")) == "-1.00 (p 0.030)‡"
    assert str(pairs.cell("a", "a")) == ""
    assert "n = 200; Holm over the table's 3 pairs" in pairs.notes[0].text


def test_without_other_pairs_there_is_no_such_table(tmp_path: Path) -> None:
    results = read_results(folder(tmp_path, LINES[:6]))
    assert [table.name for _, table in significance_tables(results)] == ["significance-bleu"]


def test_pairs_without_a_baseline_mark_no_score(tmp_path: Path) -> None:
    results = read_results(folder(tmp_path, LINES[6:], baseline=None))
    assert not any(cell.symbol for row in score_tables(results)[0].rows for cell in row.cells)
    assert [table.name for _, table in significance_tables(results)] == ["pairs-bleu"]


def test_seeds_are_in_the_note_and_in_the_pairs(tmp_path: Path) -> None:
    seeds = {"seeds": "3/3", "p_seeds": 0.2, "p_value": 0.2}
    lines = [{**one, **seeds} if one["direction"] == "average" else one for one in LINES]
    results = read_results(folder(tmp_path, lines))
    said = "\n".join(note.text for note in score_tables(results)[0].notes)
    assert "the difference must exceed their variation too: Welch's t-test over 3 training seeds, p < 0.05" in said
    assert str(significance_tables(results)[1][1].cell("b", "c")) == "+3.50 (p 0.200)"


def test_two_test_sets_keep_their_tests_apart(tmp_path: Path) -> None:
    scores = [{**one, "testset": name} for name in ("x", "y") for one in grid(NUMBERS)]
    write_folder(tmp_path, scores, INFO)
    lines = [line("b", "a", "en-de", 2.0, p, testset=name) for name, p in (("x", 0.001), ("y", 0.9))]
    write_csv(tmp_path / "significance.csv", (*SIGNIFICANCE_COLUMNS, *SIGNIFICANCE_MORE), lines)
    results = read_results(tmp_path)
    assert [table.cell("b", "en-de").symbol for table in score_tables(results)] == ["†", ""]
    assert [table.name for _, table in significance_tables(results)] == ["significance-bleu-x", "significance-bleu-y"]


def test_csv_has_the_signature_beside_the_numbers(tmp_path: Path) -> None:
    lines = grid({"a": {"en-de": 1.0}}, signature=SIGNATURE) + grid({"a": {"en-zh": 1.0}}, signature=SIGNATURE_ZH)
    write_folder(tmp_path, lines, INFO | {"methods": ["a"]})
    head, row = render_csv(score_tables(read_results(tmp_path))[0]).splitlines()
    assert head.endswith(",signature")
    assert row.endswith(f",en-de: {SIGNATURE}; en-zh: {SIGNATURE_ZH}")
    one = grid({"a": {"en-de": 1.0, "en-zh": 2.0}}, signature=SIGNATURE)
    write_folder(tmp_path, one, INFO | {"methods": ["a"]})
    assert render_csv(score_tables(read_results(tmp_path))[0]).splitlines()[1].endswith(f",{SIGNATURE}")
