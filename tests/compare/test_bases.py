"""The order of the methods on several base models."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from mtsuite.compare.bases import Pair, _tau, across_bases
from mtsuite.compare.bases_output import bases_as, bases_tables
from mtsuite.errors import StoreError
from mtsuite.metrics.files import PairedTest

from .worlds import world

TEST = PairedTest(rounds=100)
DIRECTIONS = ("en-de", "de-en", "en-fr", "fr-en")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    place = tmp_path_factory.mktemp("bases")
    orders = {"one": (0.05, 0.3, 0.6), "same": (0.1, 0.35, 0.65), "other": (0.6, 0.3, 0.05)}
    return [
        world(place / name, dict(zip(("full", "lora", "layers"), rates, strict=True)), directions=DIRECTIONS, draw=draw)
        for draw, (name, rates) in enumerate(orders.items())
    ]


def test_orders_agreement_and_pairs(folders: list[Path]) -> None:
    found = across_bases(folders, TEST)
    assert found.metric == "BLEU"
    assert [dict(o.ranks) for o in found.orders] == [
        {"full": 1, "lora": 2, "layers": 3},
        {"full": 1, "lora": 2, "layers": 3},
        {"full": 3, "lora": 2, "layers": 1},
    ]
    taus = {(a.one, a.other): (a.tau, a.interval, a.directions) for a in found.agreements}
    assert taus["one", "same"] == (1.0, (1.0, 1.0), 4)
    assert taus["one", "other"] == (-1.0, (-1.0, -1.0), 4)
    assert {(p.first, p.second): p.verdict(0.05) for p in found.pairs} == dict.fromkeys(
        [("full", "lora"), ("full", "layers"), ("lora", "layers")], "opposite orders"
    )
    two = across_bases(folders[:2], TEST)
    assert two.pairs[0].verdict(0.05) == "full above lora everywhere"


def test_verdicts() -> None:
    assert Pair("a", "b", {"x": (1.0, 0.01), "y": (0.5, 0.2)}).verdict(0.05) == "a above b on x"
    assert Pair("a", "b", {"x": (-1.0, 0.01), "y": (-0.5, 0.01)}).verdict(0.05) == "b above a everywhere"
    assert Pair("a", "b", {"x": (1.0, 0.5), "y": (-0.5, None)}).verdict(0.05) == "undecided"


def test_tau_is_scipy_s() -> None:
    from scipy.stats import kendalltau

    for one, other in (([1.0, 2, 3, 4, 5], [2.0, 1, 3, 3, 0]), ([1.0, 1, 2, 3], [4.0, 4, 2, 7])):
        assert _tau(one, other) == pytest.approx(kendalltau(one, other).statistic)
    assert _tau([1.0, 1.0], [1.0, 2.0]) == 0.0


def test_an_error_rate_ranks_the_smallest_first(tmp_path: Path) -> None:
    made = [world(tmp_path / name, {"full": 0.1, "lora": 0.5}, metrics=("TER",), draw=d) for d, name in enumerate("ab")]
    for folder in made:
        info = json.loads((folder / "report.json").read_text())
        (folder / "report.json").write_text(json.dumps({**info, "lower_is_better": ["TER"]}))
    found = across_bases(made, TEST)
    assert dict(found.orders[0].ranks) == {"full": 1, "lora": 2}
    assert found.pairs[0].by_base["a"][0] > 0, "positive: the first is better"
    assert found.agreements[0].interval is None, "two directions are too few to draw from"


def test_formats(folders: list[Path]) -> None:
    found = across_bases(folders, TEST)
    ranks, agreement, pairs = bases_tables(found)
    assert [cell.value for cell in ranks.rows[0].cells] == [1, 1, 3]
    assert agreement.rows[0].cells[1].text == "1.00 to 1.00"
    assert pairs.rows[0].cells[-1].text == "opposite orders"
    assert "opposite orders" in bases_as("text", found, 200)
    assert "Which order holds where" in bases_as("md", found)
    told = json.loads(bases_as("json", found))
    assert told["agreement"][1] == {"bases": ["one", "other"], "tau": -1.0, "interval": [-1.0, -1.0], "directions": 4}
    lines = list(csv.DictReader(io.StringIO(bases_as("csv", found))))
    assert len(lines) == 3 * 3
    assert (lines[0]["base"], lines[0]["rank_first"], lines[0]["rank_second"]) == ("one", "1", "2")


def test_what_is_refused(folders: list[Path], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="two results folders or more"):
        across_bases(folders[:1], TEST)
    with pytest.raises(StoreError, match=r"Expected a metric that all folders have \(BLEU, chrF\); found COMET"):
        across_bases(folders, TEST, "COMET")
    with pytest.raises(StoreError, match="fewer than two rows in common"):
        across_bases([folders[0], world(tmp_path / "x", {"full": 0.1, "mine": 0.2})], TEST)
