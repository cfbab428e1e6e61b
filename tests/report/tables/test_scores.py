"""From CSV files to the tables of metrics and costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.report.render.markdown import render_markdown
from mtsuite.report.render.table import Table
from mtsuite.report.tables.costs import costs_table
from mtsuite.report.tables.scores import score_tables
from mtsuite.report.tables.significance import significance_tables
from mtsuite.report.tables.verdict import how_tested
from mtsuite.results.folder import Comparison, read_results

from ..folders import SIGNATURE, SIGNATURE_ZH, grid, large, small, write_folder

INFO = {
    "title": "Toy",
    "methods": ["a", "b"],
    "directions": ["en-de", "de-en"],
    "metrics": ["BLEU"],
    "trained_methods": ["a", "b"],
}


def first_table(folder: Path) -> Table:
    return score_tables(read_results(folder))[0]


def notes(table: Table) -> str:
    return "\n".join(n.text for n in table.notes)


def test_a_small_table_exactly(tmp_path: Path) -> None:
    assert render_markdown(first_table(small(tmp_path))) == (
        "### Toy: BLEU (toy)\n\n"
        "| Method      | Params |        en-de |        de-en |         Avg. |\n"
        "| ----------- | -----: | -----------: | -----------: | -----------: |\n"
        "| Full        |  1.2 M | <u>20.00</u> |    **30.00** |    **25.00** |\n"
        "| LoRA        |   24 K |    **21.50** | <u>28.00</u> | <u>24.75</u> |\n"
        "| source-copy |        |        40.00 |        50.00 |        45.00 |\n\n"
        "- BLEU, higher is better; best in bold, second best underlined (by the numbers as displayed). "
        "source-copy: a floor, not a method; never marked.\n"
        f"- BLEU signature: {SIGNATURE.replace('|', chr(92) + '|')}\n"
        "- n = 100 segments a direction.\n"
    )


def test_seeds_give_mean_and_sd_and_the_average_has_the_sd_of_averages(tmp_path: Path) -> None:
    lines = grid({"a": {"en-de": (10.0, 12.0), "de-en": (30.0, 28.0)}, "b": {"en-de": 5.0, "de-en": 5.0}})
    table = first_table(write_folder(tmp_path, lines, INFO))
    assert str(table.cell("a", "en-de")) == "11.00 ±1.41"
    assert str(table.cell("a", "average")) == "20.00 ±0.00"  # (10+30)/2 = (12+28)/2 = 20
    assert str(table.cell("b", "average")) == "5.00"


def test_a_hole_makes_the_average_a_hole_and_says_why(tmp_path: Path) -> None:
    failed = [{"job": "translate b de-en", "error": "RuntimeError: out of memory"}]
    lines = grid({"a": {"en-de": 1.0, "de-en": 2.0}, "b": {"en-de": 3.0}})
    table = first_table(write_folder(tmp_path, lines, INFO | {"failed": failed}))
    assert table.cell("b", "de-en").is_hole
    assert table.cell("b", "average").is_hole
    assert [marks[-1] for marks in table.marks] == ["", ""]
    assert "— b de-en: the job 'translate b de-en' failed." in notes(table)
    assert "Failed: translate b de-en: RuntimeError: out of memory" in notes(table)
    assert "averages are given for complete rows only" in notes(table)


def test_a_row_that_failed_whole_is_named_once(tmp_path: Path) -> None:
    failed = [{"job": "train b seed 1", "error": "killed"}]
    table = first_table(write_folder(tmp_path, grid({"a": {"en-de": 1.0, "de-en": 2.0}}), INFO | {"failed": failed}))
    assert "— b: the job 'train b seed 1' failed." in notes(table)


def test_missing_seeds_are_counted(tmp_path: Path) -> None:
    lines = grid({"a": {"en-de": (1.0, 2.0), "de-en": (2.0, 3.0)}, "b": {"en-de": (3.0, 4.0), "de-en": 5.0}})
    table = first_table(write_folder(tmp_path, lines, INFO))
    assert "Fewer than 2 seeds: b de-en (1)." in notes(table)
    assert str(table.cell("b", "average")) == "4.25"


def test_significance_marks_better_and_worse(tmp_path: Path) -> None:
    lines = grid({"a": {"en-de": 10.0, "de-en": 10.0}, "b": {"en-de": 12.0, "de-en": 8.0}})
    shared = {"metric": "BLEU", "method": "b", "baseline": "a", "test": "paired AR, seed 1, Holm", "n": 100}
    tests = [
        {**shared, "direction": "en-de", "delta": 2.0, "p_value": 0.01},
        {**shared, "direction": "de-en", "delta": -2.0, "p_value": 0.049},
    ]
    folder = write_folder(tmp_path, lines, INFO, significance=tests)
    table = first_table(folder)
    assert [str(table.cell("b", d)) for d in ("en-de", "de-en")] == ["12.00†", "8.00‡"]
    assert "than a (p < 0.05 after correction; paired AR, seed 1, Holm; n = 100)" in notes(table)
    [(_, differences)] = significance_tables(read_results(folder))
    assert str(differences.cell("b", "de-en")) == "-2.00 (p 0.049)‡"


def test_p_values_at_the_level_are_not_significant(tmp_path: Path) -> None:
    lines = grid({"a": {"en-de": 10.0, "de-en": 1.0}, "b": {"en-de": 12.0, "de-en": 1.0}})
    shared = {"metric": "BLEU", "method": "b", "baseline": "a", "test": "t", "n": 1, "direction": "en-de", "delta": 2}
    table = first_table(write_folder(tmp_path, lines, INFO, significance=[{**shared, "p_value": 0.05}]))
    assert str(table.cell("b", "en-de")) == "12.00"
    assert "No difference is significant." in notes(table)


def test_lower_is_better_when_the_suite_says_so(tmp_path: Path) -> None:
    lines = grid({"a": {"en-de": 10.0, "de-en": 1.0}, "b": {"en-de": 12.0, "de-en": 3.0}}, metric="off-target")
    table = first_table(
        write_folder(tmp_path, lines, INFO | {"metrics": ["off-target"], "lower_is_better": ["off-target"]})
    )
    assert table.marks[0][1:] == ("best", "best", "best")


def test_each_signature_names_its_directions(tmp_path: Path) -> None:
    lines = grid({"a": {"en-zh": 1.0}}, signature=SIGNATURE_ZH) + grid({"a": {"zh-en": 1.0}})
    info = INFO | {"methods": ["a"], "directions": ["en-zh", "zh-en"]}
    text = notes(first_table(write_folder(tmp_path, lines, info)))
    assert f"BLEU signature for en-zh: {SIGNATURE_ZH}" in text
    assert f"BLEU signature for zh-en: {SIGNATURE}" in text


def test_test_sets_head_their_directions(tmp_path: Path) -> None:
    lines = grid({"a": {"en-fr": 1.0}}, testset="wmt14") + grid({"a": {"en-de": 2.0, "de-en": 3.0}}, testset="wmt16")
    info = INFO | {"methods": ["a"], "directions": ["en-de", "en-fr", "de-en"]}
    [table] = score_tables(read_results(write_folder(tmp_path, lines, info)))
    assert [(c.group, c.label) for c in table.columns] == [
        ("", "Params"), ("wmt16", "en-de"), ("wmt16", "de-en"), ("wmt14", "en-fr"), ("", "Avg."),
    ]  # fmt: skip
    assert "wmt14<br>en-fr" in render_markdown(table)


def test_a_direction_with_two_test_sets_makes_a_table_each(tmp_path: Path) -> None:
    numbers = {"a": {"en-de": 1.0, "de-en": 2.0}}
    lines = grid(numbers, testset="WMT 14") + grid(numbers, testset="flores")
    tables = score_tables(read_results(write_folder(tmp_path, lines, INFO)))
    assert [t.name for t in tables] == ["bleu-wmt-14-6654bef8", "bleu-flores"]


def test_transfer_rows_stay_out_of_the_main_table(tmp_path: Path) -> None:
    numbers = {"a": {"en-de": 1.0, "de-en": 2.0}, "b": {"en-de": 1.0, "de-en": 2.0}}
    lines = grid(numbers) + grid({"a": {"en-de": 90.0}}, trained_on="en-de")
    assert first_table(write_folder(tmp_path, lines, INFO)).cell("a", "en-de").value == 1.0


def test_different_streams_are_an_alarm(tmp_path: Path) -> None:
    fairness = {"consistent": False, "streams": [], "message": "b saw more."}
    lines = grid({"a": {"en-de": 1.0}})
    table = first_table(write_folder(tmp_path, lines, INFO | {"fairness": fairness}))
    assert [n.text for n in table.notes if n.alarm] == ["Fairness: b saw more."]


def test_costs(tmp_path: Path) -> None:
    table = costs_table(read_results(small(tmp_path)))
    assert [row.key for row in table.rows] == ["full", "lora"]
    assert str(table.cell("lora", "trainable_params")) == "24 K"
    assert str(table.cell("lora", "trained_percent")) == "1.96 %"
    assert str(table.cell("full", "train_seconds")) == "1 min 15 s"
    assert str(table.cell("lora", "peak_memory_mb")) == ""
    assert not any(any(marks) for marks in table.marks)


def test_a_large_folder_has_every_table(tmp_path: Path) -> None:
    tables = score_tables(read_results(large(tmp_path)))
    assert [t.name for t in tables] == ["bleu", "chrf", "comet"]
    assert tables[0].rows[-1].key == "source-copy"
    assert "Kendall τ 0.41" in notes(tables[2])
    assert tables[0].cell("full", "average").value == pytest.approx(31, abs=1)


def test_a_row_that_no_seed_changes_has_no_spread(tmp_path: Path) -> None:
    numbers = {"zero-shot": {"en-de": (5.0, 5.0)}, "in-context": {"en-de": (5.0, 6.0)}, "full": {"en-de": (7.0, 7.0)}}
    info = {"methods": list(numbers), "directions": ["en-de"], "metrics": ["BLEU"], "trained_methods": ["full"]}
    results = read_results(write_folder(tmp_path / "r", grid(numbers), info))
    (table,) = score_tables(results)
    sds = {row.key: [cell.sd for cell in row.cells[1:]] for row in table.rows}
    assert sds["zero-shot"] == [None, None]
    assert sds["in-context"] == [pytest.approx(0.5**0.5)] * 2
    assert sds["full"] == [0.0, 0.0], "a trained row's seeds happened to agree"


def test_a_row_with_a_hole_makes_a_smaller_family_and_no_second_sentence(tmp_path: Path) -> None:
    results = read_results(small(tmp_path))
    places = [("a", "en-de", 2), ("a", "de-en", 2), ("b", "en-de", 1)]
    tests = [Comparison("BLEU", d, m, "full", 1.0, 0.2, f"paired test, Holm over {n}", "5") for m, d, n in places]
    assert how_tested(results, tests) == "p < 0.05 after correction; paired test, Holm over 2 and 1; n = 5"
