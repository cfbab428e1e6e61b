"""What can be wrong with a results folder, and what the error says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from report.folders import small

from mtsuite.errors import StoreError
from mtsuite.results.folder import read_results


def edit(folder: Path, name: str, change: Callable[[str], str]) -> None:
    path = folder / name
    path.write_text(change(path.read_text()))


def test_a_good_folder_is_read(tmp_path: Path) -> None:
    results = read_results(small(tmp_path))
    assert results.methods == ["full", "lora", "source-copy"]
    assert results.label("lora") == "LoRA"
    assert results.alpha == 0.05
    assert len(results.scores) == 6


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no results folder .*nowhere"):
        read_results(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["report.json", "scores.csv", "costs.csv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (small(tmp_path) / name).unlink()
    with pytest.raises(StoreError, match=rf"{name} is missing.*mtsuite run"):
        read_results(tmp_path)


@pytest.mark.parametrize(
    ("schema", "advice"), [(2, "update mtsuite"), (0, "run the recipe again"), (None, "run the recipe again")]
)
def test_another_schema(tmp_path: Path, schema: int | None, advice: str) -> None:
    info = json.loads((small(tmp_path) / "report.json").read_text())
    (tmp_path / "report.json").write_text(json.dumps(info | {"schema": schema}))
    with pytest.raises(StoreError, match=rf"expected a results folder of schema 1, found schema {schema}; {advice}"):
        read_results(tmp_path)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    edit(small(tmp_path), "scores.csv", lambda text: text.replace("testset", "test_set", 1))
    with pytest.raises(StoreError, match=r"scores\.csv lacks the column testset; expected method,.*; found method,"):
        read_results(tmp_path)


def test_an_empty_file_lacks_all_columns(tmp_path: Path) -> None:
    edit(small(tmp_path), "costs.csv", lambda _: "")
    with pytest.raises(StoreError, match=r"costs\.csv lacks the columns method, seed.*an empty file"):
        read_results(tmp_path)


def test_a_score_that_is_no_number(tmp_path: Path) -> None:
    edit(small(tmp_path), "scores.csv", lambda text: text.replace("21.5", "high"))
    with pytest.raises(StoreError, match=r"scores\.csv:4: expected a number in column 'score', found 'high'"):
        read_results(tmp_path)


def test_a_row_that_is_too_short(tmp_path: Path) -> None:
    edit(small(tmp_path), "scores.csv", lambda text: text + "full,1,all\n")
    with pytest.raises(StoreError, match=r"scores\.csv:8: expected 9 fields"):
        read_results(tmp_path)


def test_a_direction_that_is_none(tmp_path: Path) -> None:
    edit(small(tmp_path), "scores.csv", lambda text: text.replace("en-de", "ende", 1))
    with pytest.raises(StoreError, match=r"scores\.csv:2: column 'direction'.*found 'ende'"):
        read_results(tmp_path)


def test_an_unknown_method_with_a_suggestion(tmp_path: Path) -> None:
    edit(small(tmp_path), "scores.csv", lambda text: text.replace("lora", "lorra"))
    with pytest.raises(StoreError, match=r"scores of 'lorra'.*Did you mean 'lora'"):
        read_results(tmp_path)


def test_a_score_given_twice(tmp_path: Path) -> None:
    edit(small(tmp_path), "scores.csv", lambda text: text + text.splitlines()[1] + "\n")
    with pytest.raises(StoreError, match="two scores for method 'full', seed 1"):
        read_results(tmp_path)


def test_json_that_is_none(tmp_path: Path) -> None:
    edit(small(tmp_path), "report.json", lambda text: text[:-1])
    with pytest.raises(StoreError, match=r"report\.json:1:\d+: expected JSON"):
        read_results(tmp_path)


def test_missing_names(tmp_path: Path) -> None:
    edit(small(tmp_path), "report.json", lambda text: text.replace('"metrics": ["BLEU"]', '"metrics": []'))
    with pytest.raises(StoreError, match=r"at least one name under 'metrics', found \[\]"):
        read_results(tmp_path)


def test_an_empty_significance_file_is_no_test(tmp_path: Path) -> None:
    (small(tmp_path) / "significance.csv").write_text("")
    assert read_results(tmp_path).comparisons == ()
