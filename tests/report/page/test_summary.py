"""The head of the page: sentences made from the numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mtsuite.report.page.summary import answer, facts
from mtsuite.report.tables.query import panels
from mtsuite.report.tables.scores import score_table
from mtsuite.results.folder import read_results

from ..folders import Numbers, grid, large, small, write_folder


def said(folder: Path) -> dict[str, str]:
    results = read_results(folder)
    scores = [[score_table(results, metric, panel) for panel in panels(results, metric)] for metric in results.metrics]
    return {sentence.lead: sentence.text for sentence in answer(results, scores)}


def folder(path: Path, numbers: Numbers, **info: Any) -> Path:
    plain = {"methods": list(numbers), "directions": ["en-de", "de-en"], "metrics": ["BLEU"], "baseline": "a"}
    return write_folder(path, grid(numbers), plain | info, info.pop("costs", None), info.pop("tests", None))


def test_the_best_row_and_what_it_costs(tmp_path: Path) -> None:
    # full (20 + 30) / 2, lora (21.5 + 28) / 2; source-copy scores higher but is no competitor.
    assert said(small(tmp_path)) == {
        "Best": "Full has the best BLEU on the average of 2 directions: 25.00, 0.25 ahead of LoRA.",
        "Cost": "Full trains 1.2 M parameters (1 min 15 s); LoRA trains the fewest, 24 K (42 s), at -0.25 BLEU.",
    }


def test_seeds_show_their_spread(tmp_path: Path) -> None:
    numbers = {"a": {"en-de": (10.0, 12.0), "de-en": (10.0, 12.0)}, "b": {"en-de": (9.0, 9.0), "de-en": (9.0, 9.0)}}
    assert said(folder(tmp_path, numbers))["Best"].startswith(
        "a has the best BLEU on the average of 2 directions: 11.00 ±1.41, 2.00 ahead of b."
    )


@pytest.mark.parametrize(
    ("b", "c", "expected"),
    [
        (20.0, 10.0, "a and b share the best BLEU on the average of 2 directions, 20.00."),
        (20.001, 10.0, "a and b share the best BLEU on the average of 2 directions, 20.00."),
        (20.0, 20.0, "All rows have the same BLEU 20.00 on the average of 2 directions."),
    ],
)
def test_ties_are_told_as_displayed(tmp_path: Path, b: float, c: float, expected: str) -> None:
    numbers = {row: {"en-de": score, "de-en": score} for row, score in (("a", 20.0), ("b", b), ("c", c))}
    assert said(folder(tmp_path, numbers))["Best"] == expected


def test_other_metrics_agree_or_name_another(tmp_path: Path) -> None:
    scores = grid({"a": {"en-de": 20.0}, "b": {"en-de": 10.0}})
    scores += grid({"a": {"en-de": 60.0}, "b": {"en-de": 50.0}}, metric="chrF")
    scores += grid({"a": {"en-de": 60.0}, "b": {"en-de": 50.0}}, metric="TER")  # an error rate: b is better
    info = {"methods": ["a", "b"], "directions": ["en-de"], "metrics": ["BLEU", "chrF", "TER"]}
    write_folder(tmp_path, scores, {**info, "lower_is_better": ["TER"]})
    assert said(tmp_path)["Best"].endswith("10.00 ahead of b. chrF agrees. By TER it is b.")


def test_incomplete_rows_are_not_ranked(tmp_path: Path) -> None:
    numbers = {
        "a": {"en-de": 10.0, "de-en": 10.0}, "b": {"en-de": 9.0, "de-en": 9.0}, "c": {"en-de": 99.0},
    }  # fmt: skip
    assert said(folder(tmp_path, numbers))["Best"].startswith("a has the best")
    assert "Best" not in said(folder(tmp_path / "one", {"a": {"en-de": 1.0}}))


def test_significance_counts_directions(tmp_path: Path) -> None:
    def line(method: str, direction: str, delta: float, p: float, metric: str = "BLEU") -> dict[str, Any]:
        known = {"metric": metric, "direction": direction, "method": method, "baseline": "a", "test": "t", "n": 100}
        return known | {"delta": delta, "p_value": p}

    tests = [
        line("b", "en-de", 2.0, 0.01), line("b", "de-en", -2.0, 0.01), line("b", "average", 0.0, 0.01),
        line("c", "en-de", 2.0, 0.3), line("c", "de-en", 0.0, 0.01),
        line("d", "en-de", -1.0, 0.04), line("d", "de-en", -1.0, 0.06), line("d", "de-en", -1.0, 0.001, "chrF"),
    ]  # fmt: skip
    numbers = {row: {"en-de": 20.0, "de-en": 30.0} for row in "abcd"}
    assert said(folder(tmp_path, numbers, tests=tests))["Significance"] == (
        "Against a, significantly (p < 0.05, corrected, BLEU) by direction: b better in 1 and worse in 1 of 2; "
        "c different in none of 2; d worse in 1 of 2."
    )


def test_transfer_is_told_by_hand(tmp_path: Path) -> None:
    numbers = {"base": {"en-de": 10.0, "de-en": 20.0}, "a": {"en-de": 11.0, "de-en": 21.0}}
    scores = grid(numbers)
    scores += grid({"a": {"en-de": 30.0, "de-en": 18.0}}, trained_on="en-de")
    scores += grid({"a": {"en-de": 12.0, "de-en": 44.0}}, trained_on="de-en")
    transfer = {"methods": ["a"], "base": "base"}
    info = {"methods": ["base", "a"], "directions": ["en-de", "de-en"], "metrics": ["BLEU"], "transfer": transfer}
    # own: (20 + 24) / 2; others: (-2 + 2) / 2, one of two worse
    assert said(write_folder(tmp_path, scores, info))["Transfer"] == (
        "Trained on one direction, on average (BLEU, change against base): a +22.00 there and 0.00 in the other "
        "directions, 50 % of which get worse."
    )


def test_transfer_is_counted_for_every_seed_as_in_its_table(tmp_path: Path) -> None:
    numbers: Numbers = {"base": {"en-de": 10.0, "de-en": 20.0}, "a": {"en-de": (11.0, 11.0), "de-en": (21.0, 21.0)}}
    scores = grid(numbers)
    scores += grid({"a": {"en-de": (30.0, 30.0), "de-en": (18.0, 30.0)}}, trained_on="en-de")
    scores += grid({"a": {"en-de": (12.0, 12.0), "de-en": (44.0, 44.0)}}, trained_on="de-en")
    transfer = {"methods": ["a"], "base": "base"}
    info = {"methods": ["base", "a"], "directions": ["en-de", "de-en"], "metrics": ["BLEU"], "transfer": transfer}
    # seed 1: one of two worse, seed 2: none; of the mean over seeds none would be
    assert "25 % of which get worse." in said(write_folder(tmp_path, scores, info))["Transfer"]


def test_transfer_and_facts(tmp_path: Path) -> None:
    large(tmp_path, seeds=2)
    text = said(tmp_path)["Transfer"]
    assert text.startswith("Trained on one direction, on average (BLEU, change against Zero-shot): Full fine-tuning +")
    assert "; LANDeRMT +" in text
    known = dict(facts(read_results(tmp_path)))
    assert known["Seeds"] == "1 and 2"
    assert known["Budget"] == "250 updates on 512,000 target tokens of parallel text a trained row and seed"
    assert known["Directions"].startswith("10: en-de, de-en, ")
    info = json.loads((tmp_path / "report.json").read_text())
    info["fairness"]["streams"][0]["updates"] = 300
    (tmp_path / "report.json").write_text(json.dumps(info))
    assert dict(facts(read_results(tmp_path)))["Budget"].startswith("250 to 300 updates on 512,000 target tokens")
