"""The recipes that come with the suite: they plan offline, say what they cost, and share what they can."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from mtsuite.plan.build import make_plan
from mtsuite.plan.cost import base_estimate, row_estimates
from mtsuite.plan.planned import Planned
from mtsuite.recipe import builtin_recipes, read_recipe


def plan(name: str) -> Planned:
    return make_plan(read_recipe(name))


def phase_keys(planned: Planned, method: str) -> dict[str, str]:
    return next(dict(t.phases) for t in planned.trainings if (t.method, t.trained_on) == (method, "all"))


@pytest.mark.parametrize("name", list(builtin_recipes()))
def test_every_recipe_begins_with_its_command_and_cost(name: str) -> None:
    lines = builtin_recipes()[name].read_text(encoding="utf-8").splitlines()
    text = " ".join(itertools.takewhile(lambda line: line.startswith("#"), lines))
    assert "mtsuite run" in text
    assert any(word in text for word in ("minutes", "hour", "hours"))
    assert any(word in text for word in ("Writes", "Out come"))


def test_the_paper_at_its_size() -> None:
    planned = plan("paper-landermt-table1")
    base = base_estimate(planned)
    assert base.parameters == 7_069_016_064
    rows = {row.name: row for row in row_estimates(planned, base)}
    block = 12 * 4096**2 + 13 * 4096  # weights, biases and LayerNorms of a BLOOM block
    assert rows["lora"].trained == "31,457,280"
    assert rows["landermt-blocks"].trained == f"{4 * block:,}" == "805,519,360"
    assert rows["landermt"].trained == f"{4 * 16384 * (2 * 4096 + 1):,}"
    for name in ("adapter", "adapter-lora"):  # Table 1 prints 806 M
        assert round(int(rows[name].trained.replace(",", "")) / 1e6) == 806
    assert rows["full"].updates == "12500"
    assert rows["full"].pairs == "1,000,000", "12,500 iterations of 8 pairs in each of ten directions"
    assert planned.recipe.metrics.profile == "paper"
    tests = {line.direction: line.test_set for line in planned.lines}
    assert tests["en-de"] == tests["de-en"] == "wmt16"
    assert tests["en-fr"] == tests["fr-en"] == "wmt14/full"
    assert {tests[d] for d in ("en-it", "it-en", "en-ar", "ar-en", "en-zh", "zh-en")} == {"opus-100"}


def test_ablation_and_transfer_share_what_table_1_has_made() -> None:
    table, ablation, transfer = plan("table1"), plan("ablation"), plan("transfer")
    for other in (ablation, transfer):
        assert (other.corpus, other.base) == (table.corpus, table.base)
        assert phase_keys(other, "landermt") == phase_keys(table, "landermt"), "keep the landermt rows equal"
    detection = phase_keys(table, "landermt")["detection"]
    assert {dict(t.phases)["detection"] for t in ablation.trainings} == {detection}
    assert phase_keys(transfer, "mix-moe") == phase_keys(table, "mix-moe")
    first = phase_keys(table, "mix-moe")["lm-experts"]
    assert {dict(t.phases)["lm-experts"] for t in transfer.trainings if t.method == "mix-moe"} == {first}
    assert phase_keys(transfer, "full") == phase_keys(table, "full")
    alone = {t.phases for t in table.trainings if t.trained_on != "all"}
    assert alone < {t.phases for t in transfer.trainings}, "table1's own matrix is a part of it"


def test_ablation_has_the_papers_rows_and_the_controls() -> None:
    recipe = plan("ablation").recipe
    assert list(recipe.methods)[:4] == ["layers", "landermt-ls", "landermt-lg", "landermt"]
    configs = {name: row.config for name, row in recipe.methods.items()}
    assert configs["landermt-random"]["detector"] == "random"
    assert configs["landermt-nocar"]["car_mode"] == "off"
    assert {configs[n]["preset"] for n in ("landermt-paper", "landermt-safe")} == {"landermt_paper", "landermt_safe"}
    assert recipe.transfer is None


def test_transfer_is_figure_3_for_four_methods() -> None:
    planned = plan("transfer")
    assert planned.recipe.transfer is not None
    assert planned.recipe.transfer.methods == ["full", "lora", "landermt", "mix-moe"]
    assert len([t for t in planned.trainings if t.trained_on != "all"]) == 4 * 10
    assert len([x for x in planned.lines if x.trained_on not in ("all", "start")]) == 4 * 10 * 10
    assert len([x for x in planned.lines if x.trained_on == "start"]) == 4 * 10


def test_recipes_read_from_anywhere(here: Path) -> None:
    assert plan("transfer").recipe.directions[0] == "en-de"


def test_figure_10_begins_with_the_untrained_row() -> None:
    recipe = read_recipe("landermt-figure10").recipe
    swept = [row.swept for row in recipe.methods.values() if row.swept is not None]
    assert {(one.row, one.label, one.key) for one in swept} == {("landermt", "landermt", "k")}
    assert [one.value for one in swept] == [0, 1, 2, 3, 4]
