"""Results folders side by side: rows, what differs, scores and tests, formats, and what is refused."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from mtsuite.compare.differences import differences, flat
from mtsuite.compare.output import Compared, compare_results, compared_as, difference_tables, score_tables
from mtsuite.compare.rows import choose
from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError, MTSuiteError, StoreError
from mtsuite.metrics import make_metric
from mtsuite.metrics.files import PairedTest
from mtsuite.metrics.significance import compare, compare_average, holm
from mtsuite.report.render.formats import FORMATS

from .worlds import world

ROWS = {"full": 0.2, "lora": 0.3}
QUICK = PairedTest(rounds=100)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Two recipes on one test set; in the second LoRA is far worse."""
    base = tmp_path_factory.mktemp("pair")
    first = world(base / "first", {**ROWS, "adapter": 0.4})
    second = world(base / "second", {"full": 0.2, "lora": 0.7, "mix": 0.3}, steps=80, draw=6)
    return str(first), str(second)


def notes(compared: Compared) -> str:
    return "\n".join(note.text for table in score_tables(compared) for note in table.notes)


def entries(compared: Compared) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(compared_as("json", compared))["scores"]
    return found


def test_rows_stand_side_by_side_with_their_difference_tested(pair: tuple[str, str]) -> None:
    compared = compare_results(pair, test=QUICK)
    table = score_tables(compared)[0]
    assert [row.label for row in table.rows] == [
        "full (first)", "full (second)", "difference", "lora (first)", "lora (second)", "difference"
    ]  # fmt: skip
    assert [column.key for column in table.columns] == ["en-de", "en-zh", "average"]
    lora = table.cell("second:lora - first:lora", "en-de")
    ours, theirs = (table.cell(f"{name}:lora", "en-de").value or 0 for name in ("second", "first"))
    assert lora.value == pytest.approx(ours - theirs, abs=1e-5)
    assert lora.symbol == "‡"
    assert "Only in first: adapter." in notes(compared)
    assert "Only in second: mix." in notes(compared)


def test_the_tests_are_those_of_the_suite_on_the_files(pair: tuple[str, str]) -> None:
    compared = compare_results(pair, rows=["lora"], test=QUICK)
    metric, sides = make_metric("BLEU"), {}
    for direction in ("en-de", "en-zh"):
        segments = json.loads((Path(pair[0]) / f"segments/{direction}.json").read_text())
        ours, theirs = (
            metric.score(
                Direction.parse(direction), segments["sources"],
                (Path(folder) / f"translations/lora/1/all/{direction}.txt").read_text().split("\n")[:-1],
                segments["references"],
            )
            for folder in (pair[1], pair[0])
        )  # fmt: skip
        sides[direction] = (ours, theirs)
    single = {direction: compare(*both, rounds=100) for direction, both in sides.items()}
    corrected = holm({direction: one.p_value for direction, one in single.items()})
    told = {e["direction"]: e for e in entries(compared) if e["metric"] == "BLEU" and e["folder"] == "second"}
    for direction, one in single.items():
        assert told[direction]["delta"] == pytest.approx(one.delta)
        assert told[direction]["p_value"] == corrected[direction]
        assert told[direction]["n"] == 40
    average = compare_average({f"{d} toy": both for d, both in sides.items()}, rounds=100)
    assert told["average"]["delta"] == pytest.approx(average.delta)
    assert told["average"]["p_value"] == average.p_value


def test_seeds_of_both_are_used(tmp_path: Path) -> None:
    first, second = world(tmp_path / "a", ROWS, seeds=3), world(tmp_path / "b", ROWS, seeds=2, draw=9)
    found = entries(compare_results([str(first), str(second)], test=QUICK))
    assert {(e["folder"], e["seeds"]) for e in found} == {("a", 3), ("b", 2)}
    assert all(e["p_value"] >= e["p_seeds"] for e in found if e["folder"] == "b")
    text = compared_as("text", compare_results([str(first), str(second)], test=QUICK))
    assert "±" in text
    assert "Welch's t-test" in text


def test_a_row_that_trains_nothing_has_no_spread_over_seeds(tmp_path: Path) -> None:
    folder = world(tmp_path / "a", {"zero-shot": 0.0, "full": 0.4}, seeds=2)
    told = json.loads((folder / "report.json").read_text())
    (folder / "report.json").write_text(json.dumps(told | {"trained_methods": ["full"]}))
    compared = compare_results([str(folder)], rows=["zero-shot", "full"], test=QUICK)
    lines = {line.side.method: line for _, lines in compared.scores[0].groups for line in lines}
    assert {method: len(line.average) for method, line in lines.items()} == {"zero-shot": 1, "full": 2}


def test_comet_is_tested_on_its_segments(tmp_path: Path) -> None:
    folder = world(tmp_path / "a", {"full": 0.1, "lora": 0.6}, metrics=("COMET", "TER"), directions=("en-de",))
    found = {(e["metric"], e["method"]): e for e in entries(compare_results([str(folder)], ["full,lora"], QUICK))}
    comet = found["COMET", "lora"]
    assert comet["delta"] == pytest.approx(comet["score"] - found["COMET", "full"]["score"], abs=1e-6)
    assert comet["p_value"] == pytest.approx(1 / 101)
    table = score_tables(compare_results([str(folder)], ["full,lora"], QUICK))[1]
    assert table.cell("a:lora - a:full", "en-de").symbol == "‡"
    assert (table.cell("a:lora - a:full", "en-de").value or 0) > 0, "more errors"


def test_any_two_rows_can_be_compared(pair: tuple[str, str]) -> None:
    by_name = compare_results([f"{pair[0]}:full", f"{pair[1]}:mix"], test=QUICK)
    assert [row.label for row in score_tables(by_name)[0].rows] == ["full (first)", "mix (second)", "difference"]
    in_one = compare_results([pair[0]], ["full,lora", "adapter"], QUICK)
    assert difference_tables(in_one) == []
    assert [row.label for row in score_tables(in_one)[0].rows] == [
        "full", "lora", "difference from full", "adapter", "difference from full"
    ]  # fmt: skip
    same = compare_results([f"{pair[0]}:full", f"{pair[0]}:lora"], test=QUICK)
    assert entries(same) == entries(compare_results([pair[0]], ["full,lora"], QUICK))


def test_rows_are_matched_by_label_where_names_differ(tmp_path: Path) -> None:
    first = world(tmp_path / "a", {"lora-8": 0.2}, labels={"lora-8": "LoRA"})
    second = world(tmp_path / "b", {"lora": 0.2, "x": 0.1}, labels={"lora": "LoRA"})
    choice = choose([str(first), str(second)])
    assert [[side.method for side in group.sides] for group in choice.groups] == [["lora-8", "lora"]]
    assert choice.left_out == ("Only in b: x.",)


def test_what_differs_is_listed_and_what_is_the_same_counted(pair: tuple[str, str]) -> None:
    kinds = {kind.name: kind for kind in differences(choose(pair).folders)}
    recipe = {one.name: one.values for one in kinds["recipe"].differences}
    assert recipe == {
        "name": ("first", "second"), "train.max_steps": ("40", "80"),
        "methods.adapter": ("there", "—"), "methods.mix": ("—", "there"),
    }  # fmt: skip
    assert kinds["recipe"].same == 4  # seeds, train.learning_rate, two labels
    assert (kinds["data"].differences, kinds["data"].same) == ((), 2)
    assert (kinds["test sets"].differences, kinds["test sets"].same) == ((), 2)
    table = difference_tables(compare_results(pair, test=QUICK))[0]
    assert "No difference at all: environment, data and test sets." in [note.text for note in table.notes]


def test_flat_keys() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": [1, 2]}) == {"a.b": 1, "a.c": {}, "d": [1, 2]}


def test_a_section_that_is_null_is_absent(pair: tuple[str, str], tmp_path: Path) -> None:
    copies = [tmp_path / "a", tmp_path / "b"]
    for copy, more in zip(copies, ("transfer: null\n", "transfer: {base: full}\n"), strict=True):
        shutil.copytree(pair[0], copy)
        (copy / "recipe.yaml").write_text((copy / "recipe.yaml").read_text() + more)
    recipe = differences(choose([str(copy) for copy in copies]).folders)[0]
    assert [(one.name, one.values) for one in recipe.differences] == [("transfer.base", ("—", "full"))]


def test_keys_that_an_older_folder_does_not_know_are_counted_where_they_have_their_default(
    pair: tuple[str, str], tmp_path: Path
) -> None:
    copies = [str(tmp_path / "older"), str(tmp_path / "newer")]
    for copy in copies:
        shutil.copytree(pair[0], copy)
    path = Path(copies[1]) / "recipe.yaml"
    recipe = yaml.safe_load(path.read_text())
    recipe["train"] |= {"beta2": 0.999, "warmup_steps": 20}  # the default is 10
    recipe["methods"]["lora"] = {**(recipe["methods"]["lora"] or {}), "one_model_per_direction": False}
    path.write_text(yaml.safe_dump(recipe))
    kind = differences(choose(copies).folders)[0]
    assert [(one.name, one.values) for one in kind.differences] == [("train.warmup_steps", ("—", "20"))]
    assert kind.unsaid == 2
    compared = compare_results(copies, test=QUICK)
    assert "at the default in the others: 2 of recipe." in difference_tables(compared)[0].notes[-1].text
    assert json.loads(compared_as("json", compared))["differences"]["recipe"]["unsaid"] == 2


def test_other_test_sets_are_not_compared(tmp_path: Path) -> None:
    first, second = world(tmp_path / "a", ROWS), world(tmp_path / "b", ROWS, test_seed=2)
    compared = compare_results([str(first), str(second)], test=QUICK)
    assert not any("delta" in entry for entry in entries(compared))
    assert "b and a have different test sets; their scores are side by side and not compared" in notes(compared)
    kinds = {kind.name: [one.name for one in kind.differences] for kind in compared.kinds}
    assert kinds["test sets"] == ["en-de toy", "en-zh toy"]
    assert kinds["data"] == ["fingerprint"]


def test_an_old_folder_without_segments_stands_side_by_side(pair: tuple[str, str], tmp_path: Path) -> None:
    old = world(tmp_path / "old", ROWS, segments=False)
    compared = compare_results([str(old), pair[1]], test=QUICK)
    assert not any("delta" in entry for entry in entries(compared))
    assert "old has no segments of en-de, en-zh: its scores are shown side by side" in notes(compared)


def test_other_signatures_are_refused(pair: tuple[str, str], tmp_path: Path) -> None:
    paper = world(tmp_path / "paper", ROWS, profile="paper")
    compared = compare_results([pair[0], str(paper)], test=QUICK)
    assert [scores.metric for scores in compared.scores] == ["chrF"], "BLEU was made in another way"
    only = world(tmp_path / "only", ROWS, metrics=("BLEU",), profile="paper")
    with pytest.raises(MetricError, match=r"made in different ways: BLEU of en-de is not .*smooth:exp.*smooth:none"):
        compare_results([str(world(tmp_path / "auto", ROWS, metrics=("BLEU",))), str(only)], test=QUICK)


def test_paper_scores_are_made_again_as_they_were(tmp_path: Path) -> None:
    first, second = (world(tmp_path / name, ROWS, profile="paper", metrics=("BLEU",), draw=draw)
                     for name, draw in (("a", 1), ("b", 2)))  # fmt: skip
    compared = compare_results([str(first), str(second)], test=QUICK)
    assert compared.scores[0].problems == ()
    assert "smooth:none" in notes(compared)
    found = {(e["folder"], e["method"], e["direction"]): e for e in entries(compared)}
    for (folder, method, direction), entry in found.items():
        if folder == "b":
            assert entry["delta"] == pytest.approx(entry["score"] - found["a", method, direction]["score"], abs=1e-5)


def test_translations_that_do_not_give_their_score_are_told(pair: tuple[str, str], tmp_path: Path) -> None:
    shutil.copytree(pair[0], tmp_path / "first")
    path = tmp_path / "first/translations/lora/1/all/en-de.txt"
    path.write_text("".join("nichts\n" for _ in range(40)))
    compared = compare_results([str(tmp_path / "first"), pair[1]], test=QUICK)
    assert f"BLEU: {path} scores 0.00, first/scores.csv says" in notes(compared)
    path.write_text("nichts\n")
    with pytest.raises(StoreError, match=r"lora/1/all/en-de.txt has 1 lines, the test set in segments/ has 40"):
        compare_results([str(tmp_path / "first"), pair[1]], test=QUICK)


def test_every_format_holds_it_all(pair: tuple[str, str]) -> None:
    compared = compare_results(pair, test=QUICK)
    score = compared.scores[0].groups[1][1][0].scores["en-de", "toy"][0]
    for kind in FORMATS:
        text = compared_as(kind, compared)
        assert f"{score:.2f}" in text or str(score) in text
        assert "smooth:exp" in text
        assert "100 rounds, seed 12345" in text
        if kind != "csv":
            assert "max_steps" in text or r"max\_steps" in text
    rows = list(csv.DictReader(io.StringIO(compared_as("csv", compared))))
    assert len(rows) == 2 * 2 * 2 * 3  # metrics, rows, folders, directions with their average
    assert rows[0]["delta"] == ""
    assert [r["against_folder"] for r in rows if r["folder"] == "second"] == ["first"] * 12


@pytest.mark.parametrize(("words", "rows", "match"), [
    (["nowhere", "FIRST"], [], "There is no results folder nowhere"),
    (["FIRST"], [], "first alone cannot be compared: .*--rows A,B. Rows: full, lora, adapter"),
    (["FIRST:lorra", "SECOND:lora"], [], "first has no row 'lorra'. Did you mean 'lora'"),
    (["FIRST:lora", "SECOND"], [], "Either every RESULTS names a row"),
    (["FIRST:lora", "SECOND:lora"], ["full"], "Either every RESULTS names a row"),
    (["FIRST:lora"], [], "One row alone cannot be compared"),
    (["FIRST:lora", "FIRST:lora"], [], "same row of the same folder is named twice"),
    (["FIRST", "SECOND"], ["lorra"], "No folder has a row 'lorra'. Did you mean 'lora'"),
    (["FIRST", "SECOND"], ["adapter"], "The folders have no row in common"),
])  # fmt: skip
def test_what_cannot_be_compared_says_what_to_do(
    pair: tuple[str, str], words: list[str], rows: list[str], match: str
) -> None:
    given = [word.replace("FIRST", pair[0]).replace("SECOND", pair[1]) for word in words]
    with pytest.raises(MTSuiteError, match=match):
        compare_results(given, rows, QUICK)


def test_folders_without_a_common_direction(tmp_path: Path, pair: tuple[str, str]) -> None:
    other = world(tmp_path / "other", ROWS, directions=("de-en",))
    with pytest.raises(StoreError, match=r"no metric and direction in common.*first: BLEU, chrF on en-de, en-zh"):
        compare_results([pair[0], str(other)], test=QUICK)


def test_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    paths = [str(world(tmp_path / parent / "results", ROWS)) for parent in ("a", "b")]
    assert [folder.name for folder in choose(paths).folders] == paths
