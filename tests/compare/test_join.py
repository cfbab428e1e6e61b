"""Results folders of other rows and seeds as one table."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from mtsuite.compare.again import csv_bytes, statistics_files
from mtsuite.compare.join import join_results
from mtsuite.errors import RecipeError, StoreError
from mtsuite.report.build import build_report, pack_report
from mtsuite.results.folder import SCORE_COLUMNS, read_results

from .worlds import world

ROWS = {"full": 0.2, "lora": 0.35, "layers": 0.3}


def part(whole: Path, folder: Path, rows: Collection[str], seeds: Collection[int]) -> Path:
    """What a run of these rows and seeds alone would have left."""
    shutil.copytree(whole, folder)
    kept = {(row, str(seed)) for row in rows for seed in seeds}
    lines = [line for line in records(whole / "scores.csv") if (line["method"], line["seed"]) in kept]
    (folder / "scores.csv").write_bytes(csv_bytes(SCORE_COLUMNS, [list(line.values()) for line in lines]))
    for place in (folder / "translations").glob("*/*"):
        if (place.parent.name, place.name) not in kept:
            shutil.rmtree(place)
    for path in (folder / "segments").glob("*.json"):
        told = json.loads(path.read_text())
        for metric, by_row in told["scores"].items():
            told["scores"][metric] = {
                row: {seed: xs for seed, xs in by_seed.items() if (row, seed) in kept}
                for row, by_seed in by_row.items()
                if row in rows
            }
        path.write_text(json.dumps(told))
    change(folder, lambda info: info.update(methods=list(rows), trained_methods=list(rows)))
    tree = yaml.safe_load((folder / "recipe.yaml").read_text())
    tree |= {"seeds": list(seeds), "methods": {row: tree["methods"][row] for row in rows}, "name": folder.name}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(tree))
    return folder


def records(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def change(folder: Path, how: Callable[[dict[str, Any]], Any], name: str = "report.json") -> None:
    value = json.loads((folder / name).read_text())
    how(value)
    (folder / name).write_text(json.dumps(value))


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    folder = world(tmp_path / "whole", ROWS, seeds=3, metrics=("BLEU", "chrF", "COMET"))
    change(folder, lambda info: info.update(baseline="full"))
    return folder


def test_parts_make_the_table_of_one_run(whole: Path, tmp_path: Path) -> None:
    parts = [
        part(whole, tmp_path / "a", ["full", "lora"], [1]),
        part(whole, tmp_path / "b", ["full", "lora"], [2, 3]),
        part(whole, tmp_path / "c", ["layers"], [1, 2, 3]),
    ]
    output = tmp_path / "joined"
    joined = join_results(parts, output, page=False)
    assert joined.told == ()
    key = ("method", "seed", "direction", "metric")
    one, other = (sorted(records(f / "scores.csv"), key=lambda x: [x[k] for k in key]) for f in (whole, output))
    assert one == other
    expected, _ = statistics_files(read_results(whole))
    for name, content in expected.items():
        assert sorted((output / name).read_text().splitlines()) == sorted(content.decode().splitlines()), name
    assert {line["seeds"] for line in records(output / "significance.csv")} == {"3/3"}
    for path in (whole / "translations").rglob("*.txt"):
        assert (output / path.relative_to(whole)).read_bytes() == path.read_bytes()
    recipe = yaml.safe_load((output / "recipe.yaml").read_text())
    assert (recipe["seeds"], list(recipe["methods"])) == ([1, 2, 3], ["full", "lora", "layers"])
    made = {p.name for p in (output / "tables").iterdir()}
    build_report(output, page=False)
    assert {p.name for p in (output / "tables").iterdir()} == made, "the report is made from it again"


def test_a_packed_part_is_read(whole: Path, tmp_path: Path) -> None:
    one, two = part(whole, tmp_path / "a", ROWS, [1]), part(whole, tmp_path / "b", ROWS, [2, 3])
    pack_report(one)
    assert not (one / "translations").exists()
    join_results([one, two], tmp_path / "joined", page=False)
    assert (tmp_path / "joined" / "translations" / "full" / "1" / "all" / "en-de.txt").is_file()


def test_equal_rows_may_be_in_both(whole: Path, tmp_path: Path) -> None:
    one, two = part(whole, tmp_path / "a", ["full", "lora"], [1, 2]), part(whole, tmp_path / "b", ["full"], [2, 3])
    join_results([one, two], tmp_path / "joined", page=False)
    found = [(x["method"], x["seed"]) for x in records(tmp_path / "joined" / "scores.csv")]
    assert found.count(("full", "2")) == 2 * 3
    assert set(found) == {("full", "1"), ("full", "2"), ("full", "3"), ("lora", "1"), ("lora", "2")}


def test_a_row_with_two_results_under_one_seed_is_refused(whole: Path, tmp_path: Path) -> None:
    one = part(whole, tmp_path / "a", ["full"], [1])
    other = world(tmp_path / "other", ROWS, seeds=3, metrics=("BLEU", "chrF", "COMET"), draw=6)
    two = part(other, tmp_path / "b", ["full"], [1])
    with pytest.raises(StoreError, match=r"Row 'full', seed 1 is in a and b with different scores \(BLEU of en-de"):
        join_results([one, two], tmp_path / "joined")
    assert not (tmp_path / "joined").exists()


def test_halves_of_one_model_are_refused(whole: Path, tmp_path: Path) -> None:
    one, two = part(whole, tmp_path / "a", ["full"], [1]), part(whole, tmp_path / "b", ["full"], [1])
    for folder, kept in ((one, "en-de"), (two, "en-zh")):
        lines = [list(x.values()) for x in records(folder / "scores.csv") if x["direction"] == kept]
        (folder / "scores.csv").write_bytes(csv_bytes(SCORE_COLUMNS, lines))
    with pytest.raises(StoreError, match="each with scores that the other lacks"):
        join_results([one, two], tmp_path / "joined")


@pytest.mark.parametrize(
    ("file", "how", "told"),
    [
        ("recipe.yaml", lambda tree: tree["train"].update(max_steps=41), r"recipe: train.max_steps \(a 40; b 41\)"),
        ("recipe.yaml", lambda tree: tree["methods"]["full"].update(config={"k": 2}), "recipe: methods.full.config.k"),
        ("environment.json", lambda e: e["data"].update(fingerprint="f9"), r"data: fingerprint \(a f1; b f9\)"),
        ("report.json", lambda info: info.update(model="9 M parameters"), r"environment: model \(a 4 M"),
    ],
)
def test_other_recipes_data_and_bases_are_refused(
    whole: Path, tmp_path: Path, file: str, how: Callable[[dict[str, Any]], Any], told: str
) -> None:
    one, two = part(whole, tmp_path / "a", ["full"], [1]), part(whole, tmp_path / "b", ["full"], [2])
    if file == "recipe.yaml":
        tree = yaml.safe_load((two / file).read_text())
        how(tree)
        (two / file).write_text(yaml.safe_dump(tree))
    else:
        change(two, how, file)
    with pytest.raises(StoreError, match=told):
        join_results([one, two], tmp_path / "joined")


def test_other_test_sentences_and_signatures_are_refused(whole: Path, tmp_path: Path) -> None:
    one, two = part(whole, tmp_path / "a", ["full"], [1]), part(whole, tmp_path / "b", ["full"], [2])
    change(two, lambda told: told.update(sources=told["references"]), "segments/en-de.json")
    lines = [list((x | {"signature": "other"}).values()) for x in records(two / "scores.csv")]
    (two / "scores.csv").write_bytes(csv_bytes(SCORE_COLUMNS, lines))
    with pytest.raises(StoreError) as caught:
        join_results([one, two], tmp_path / "joined")
    assert "test sets: en-de toy (a 40 segments; b 40 segments, version 2)" in str(caught.value)
    assert "signature: BLEU of en-de (a nrefs" in str(caught.value)


def test_names_titles_seeds_and_paths_may_differ(whole: Path, tmp_path: Path) -> None:
    one, two = part(whole, tmp_path / "a", ["full"], [1]), part(whole, tmp_path / "b", ["lora"], [1])
    for folder, place in ((one, "models/gemma"), (two, "/home/me/gemma/")):
        tree = yaml.safe_load((folder / "recipe.yaml").read_text())
        tree |= {"title": folder.name, "model": {"name_or_path": place}, "report": {"page": folder == one}}
        (folder / "recipe.yaml").write_text(yaml.safe_dump(tree))
    change(two, lambda environment: environment.update(commit="def"), "environment.json")
    join_results([one, two], tmp_path / "joined", page=False)
    info = json.loads((tmp_path / "joined" / "report.json").read_text())
    assert any("made by different versions: a: mtsuite 0.1.0 (abc)" in note for note in info["notes"])
    told = json.loads((tmp_path / "joined" / "environment.json").read_text())
    assert {name: own["commit"] for name, own in told["merged"].items()} == {"a": "abc", "b": "def"}


def test_where_it_is_written(whole: Path, tmp_path: Path) -> None:
    one, two = part(whole, tmp_path / "a", ["full"], [1]), part(whole, tmp_path / "b", ["full"], [2])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").touch()
    with pytest.raises(RecipeError, match="expected an empty folder or the results of an earlier run"):
        join_results([one, two], tmp_path / "mine")
    with pytest.raises(StoreError, match="is one of the folders that are merged"):
        join_results([one, two], one)
    with pytest.raises(StoreError, match="alone cannot be merged"):
        join_results([one, one], tmp_path / "joined")
