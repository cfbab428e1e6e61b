"""Xie et al.'s rule for neurons: what is large everywhere is general, the rest belongs to the directions it serves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mtsuite.methods.landermt.method import routed_blocks
from mtsuite.methods.na_mnmt import NAMNMT
from safetensors.torch import save_file
from torch import Tensor, nn

from mtsuite.data.direction import Direction
from mtsuite.method import Artefacts, Probe, Train
from mtsuite.model.blocks import feed_forward_blocks
from mtsuite.testing import tiny_model

DIRECTIONS = [Direction.parse(d) for d in ("en-de", "de-en", "en-fr")]


@pytest.fixture
def phi() -> Tensor:
    """Importance by direction, layer and neuron; layer 0 of ten kinds of neurons is checked by hand below."""
    found = torch.rand(3, 4, 64, generator=torch.Generator().manual_seed(0)) * 0.1
    kinds = torch.tensor(
        [
            [9.0, 9.0, 9.0],  # large everywhere
            [9.0, 8.5, 0.0],  # en-de and de-en: 8.5 is at least 0.9 * 9
            [1.0, 0.0, 0.0],
            [0.0, 0.0, 1.0],
            [1.0, 1.0, 1.0],
            [0.0, 1.0, 0.89],
        ]
    )
    found[:, 0, :6] = kinds.t()
    return found


@pytest.fixture
def artefacts(phi: Tensor, tmp_path: Path) -> Artefacts:
    tensors = {
        "activation.embedding": torch.zeros(3, 1, 16),
        "activation.mlp_out": torch.zeros(3, 4, 16),
        "phi.mean_abs": phi,
        "firing.product": phi.clone(),
    }
    save_file(tensors, tmp_path / "tensors.safetensors")
    (tmp_path / "seen.json").write_text(json.dumps({"directions": [str(d) for d in DIRECTIONS]}))
    return Artefacts({"detection": tmp_path})


def test_rule_by_hand(artefacts: Artefacts) -> None:
    """Two of 64 are general, by the sum: neuron 0 (27) and 1 (17.5); 4 belongs to all, which is not general."""
    method = NAMNMT(NAMNMT.Config(general=2 / 64))
    model = method.attach(tiny_model("bloom"), artefacts, "translation")
    made = routed_blocks(model)[0].partition
    assert made.owners == ("en-de", "de-en", "en-fr")
    assert made.general_neurons.tolist() == [0, 1]
    assert made.members[:, :6].t().tolist() == [
        [False, False, False],
        [False, False, False],
        [True, False, False],
        [False, False, True],
        [True, True, True],
        [False, True, False],  # 0.89 < 0.9
    ]


def test_share_of_general_neurons_in_every_layer(artefacts: Artefacts) -> None:
    model = NAMNMT().attach(tiny_model("bloom"), artefacts, "translation")
    blocks = routed_blocks(model)
    assert len(blocks) == 4
    for routed in blocks:
        assert len(routed.partition.general_neurons) == int(0.7 * 64)
        assert bool((routed.partition.general | routed.partition.members.any(0)).all())


def test_a_direction_holds_general_and_own_neurons_at_full_scale(artefacts: Artefacts) -> None:
    """No CAR: the layer is the base's with the other directions' neurons at zero."""
    method = NAMNMT()
    model = method.attach(tiny_model("bloom"), artefacts, "translation")
    routed, block = routed_blocks(model)[1], feed_forward_blocks(tiny_model("bloom"))[1]
    weights, x = block.weights(), torch.randn(2, 3, 16)
    made = routed.partition
    for index, direction in enumerate([*DIRECTIONS, Direction("de", "fr")]):
        method.focus(model, direction)
        kept = made.general | (made.members[index] if index < 3 else torch.zeros(64, dtype=torch.bool))
        a = block.activation(nn.functional.linear(x, weights.up, weights.up_bias)) * kept
        expected = nn.functional.linear(a, weights.down, weights.down_bias)
        torch.testing.assert_close(routed(x), expected, atol=1e-5, rtol=1e-4)


def test_it_measures_by_direction_and_trains_everything(artefacts: Artefacts) -> None:
    method = NAMNMT()
    probe, _, train, _ = method.phases()
    assert isinstance(probe, Probe)
    assert isinstance(train, Train)
    assert probe.model_dump()["awareness"] == "direction"
    assert probe.model_dump()["site"] == "pre_gate_and_up"  # fc1's output, as the released code reads it
    after = NAMNMT(NAMNMT.Config.model_validate({"taylor_site": "post"})).phases()[0]
    assert isinstance(after, Probe)
    assert after.model_dump()["site"] == "post"
    model = method.attach(tiny_model("bloom"), artefacts, "translation")
    trained = sum(p.numel() for p in method.trainable(model, train))
    assert trained == method.planned_parameters(tiny_model("bloom"), DIRECTIONS) == 4 * 64 * (16 + 1 + 16)
