"""Estimates, against sums done by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.plan.build import make_plan
from mtsuite.plan.cost import RowEstimate, base_estimate, row_estimates
from mtsuite.plan.known import layer_count, window
from mtsuite.recipe import read_recipe
from mtsuite.units import size_text


def estimates(path: Path, *overrides: str) -> tuple[int | None, dict[str, RowEstimate]]:
    planned = make_plan(read_recipe(path, overrides))
    base = base_estimate(planned)
    return base.parameters, {row.name: row for row in row_estimates(planned, base)}


RECIPE = """\
directions: [en-de, de-en]
data: {text: {languages: [en, de]}}
model: {pretrain: {hidden_size: 16, layers: 2, heads: 2, vocabulary: 300}}
train: {max_steps: 10, tokens_per_batch: 100, gradient_accumulation_steps: 3, mono_steps: 4}
methods:
  zero-shot:
  full:
  lora: {config: {rank: 2}}
  landermt: {config: {k: 1, epsilon: 0.75}}
  landermt-ls: {config: {k: 1, epsilon: 0.75}}
  landermt-lg: {config: {k: 1, epsilon: 0.75}}
  layers: {config: {k: 1}}
  mix-moe:
"""

# BLOOM with d = 16 and 2 layers, V = 300: a block is query_key_value (3 d d + 3 d), dense (d d + d), two
# LayerNorms (2 d each) and the feed-forward block (4 d d + 4 d, 4 d d + d).
D, BLOCK = 16, (3 * 256 + 48) + (256 + 16) + 2 * 32 + (1024 + 64) + (1024 + 16)
BASE = 300 * D + 2 * D + 2 * BLOCK + 2 * D  # embedding, its LayerNorm, the blocks, the last LayerNorm


def test_rows_by_hand(here: Path) -> None:
    (here / "x.yaml").write_text(RECIPE)
    base, rows = estimates(here / "x.yaml")
    assert base == BASE
    neuron = 2 * D + 1  # a row of W_up, its bias, a column of W_down
    expected = {
        "zero-shot": "-",
        "full": f"{BASE:,}",
        "lora": f"{2 * 2 * ((16 + 48) + (16 + 16) + (16 + 64) + (64 + 16)):,}",  # 2 layers, r = 2, (in + out) of 4 maps
        "landermt": f"{64 * neuron:,}",
        "landermt-ls": f"{16 * neuron:,}",
        "landermt-lg": f"{48 * neuron:,}",
        "layers": f"{BLOCK:,}",
    }
    assert {name: rows[name].trained for name in expected} == expected
    assert rows["full"].updates == "10"
    assert rows["mix-moe"].updates == "4 + 10"
    assert rows["full"].tokens == "3,000"
    assert rows["mix-moe"].tokens == "4,200"
    assert rows["full"].memory == size_text(BASE * 16), "float32 weight, gradient, two moments"
    assert rows["zero-shot"].memory == size_text(BASE * 4)
    assert rows["landermt"].memory == size_text((BASE - 64 * neuron) * 4 + 64 * neuron * 16)


def test_counts_are_those_of_the_trained_models(miniature) -> None:  # type: ignore[no-untyped-def]
    _, rows = estimates(miniature.recipe)
    trained = {spec["label"].split(":")[0]: status["summary"] for spec, status in miniature.jobs("train")}
    for name in ("full", "lora", "landermt"):
        assert rows[name].trained == f"{trained[name]['trainable_parameters']:,}"
    last = next(s for spec, s in miniature.jobs("train") if spec["spec"]["phase"] == "mt-experts")
    assert rows["mix-moe"].trained == f"{last['summary']['trainable_parameters']:,}"


def test_pairs_seen_and_unknown_models(here: Path) -> None:
    (here / "x.yaml").write_text(RECIPE)
    _, rows = estimates(here / "x.yaml", "train.sentences_per_batch=8")
    assert rows["full"].pairs == "240"
    base, rows = estimates(here / "x.yaml", "model.name_or_path=somebody/some-model")
    assert base is None
    assert {row.trained for row in rows.values()} == {"-", "?"}
    assert rows["full"].memory == "?"
    assert "configuration" in rows["full"].remark


@pytest.mark.parametrize(
    ("configuration", "layers", "longest"),
    [
        ({"model_type": "bloom", "n_layer": 30, "seq_length": 2048}, 30, None),
        ({"model_type": "llama", "num_hidden_layers": 32, "max_position_embeddings": 4096}, 32, 4096),
        ({"model_type": "gpt2", "n_layer": 12, "n_positions": 1024}, 12, 1024),
        ({}, None, None),
    ],
)
def test_what_a_configuration_tells(configuration: dict[str, object], layers: int | None, longest: int | None) -> None:
    assert layer_count(configuration) == layers
    assert window(configuration) == longest
