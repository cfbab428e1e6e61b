"""Activation probability entropy: which neurons fire in few languages, and that they alone are trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.landermt.config import LANDeRMTConfig
from mtsuite.methods.landermt.method import routed_blocks
from mtsuite.methods.landermt.splits import Awareness, split_layers
from mtsuite.methods.lape import LAPE
from safetensors.torch import save_file
from torch import Tensor

from mtsuite.data.direction import Direction
from mtsuite.method import Artefacts, Train
from mtsuite.testing import tiny_model

DIRECTIONS = [Direction.parse(d) for d in ("en-de", "de-en", "en-fr", "fr-en")]

# Firing probabilities of two layers of five neurons in en, de, fr: (G, L, f).
FIRING = torch.tensor(
    [
        [[0.9, 0.1, 0.5, 0.01, 0.6], [0.0, 0.3, 0.2, 0.7, 0.5]],
        [[0.0, 0.1, 0.5, 0.00, 0.6], [0.0, 0.3, 0.8, 0.7, 0.0]],
        [[0.0, 0.1, 0.5, 0.00, 0.6], [0.0, 0.3, 0.2, 0.0, 0.0]],
    ]
)


def found(epsilon: float, quantile: float, layers: tuple[int, ...] = (0, 1)) -> dict[int, list[list[int]]]:
    """Owners of every neuron, by layer."""
    chosen = LANDeRMTConfig(detector="lape", epsilon=epsilon, lape_quantile=quantile, select="all")
    made = split_layers(Awareness(("en", "de", "fr"), torch.rand(3, 2, 5), FIRING, None), layers, chosen)
    for partition in made.values():
        assert torch.equal(partition.general, ~partition.members.any(0)), "what is not specific is general"
    return {i: [torch.nonzero(column).flatten().tolist() for column in p.members.t()] for i, p in made.items()}


def test_by_hand() -> None:
    """Of 30 probabilities the 21st (quantile 0.7) is 0.5: neurons that reach it in some language are candidates.

    By entropy: 0 of layer 0 (0.9, 0, 0) and 4 of layer 1 (0.5, 0, 0) with 0, 3 of layer 1 (0.7, 0.7, 0) with log 2,
    2 of layer 1 (0.2, 0.8, 0.2) with 0.87, 2 and 4 of layer 0, the same in all languages, with log 3.  Neuron 3 of
    layer 0 has entropy 0 but never fires often.
    """
    every = [0, 1, 2]
    assert found(0.9, 0.7) == {0: [[0], [], [], [], []], 1: [[], [], [], [], []]}
    assert found(0.8, 0.7) == {0: [[0], [], [], [], []], 1: [[], [], [], [], [0]]}
    assert found(0.7, 0.7) == {0: [[0], [], [], [], []], 1: [[], [], [], [0, 1], [0]]}
    assert found(0.6, 0.7) == {0: [[0], [], [], [], []], 1: [[], [], [1], [0, 1], [0]]}
    assert found(0.0, 0.7) == {0: [[0], [], every, [], every], 1: [[], [], [1], [0, 1], [0]]}
    assert found(1.0, 0.7) == {0: [[]] * 5, 1: [[]] * 5}


def test_layers_compete() -> None:
    """Over layer 1 alone the quantile is 0.3, which neuron 1 reaches in every language."""
    assert found(0.4, 0.7, (1,)) == {1: [[], [], [1], [0, 1], [0]]}
    assert found(0.2, 0.7, (1,)) == {1: [[], [0, 1, 2], [1], [0, 1], [0]]}


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    chance = torch.Generator().manual_seed(0)
    tensors = {
        "activation.embedding": torch.zeros(4, 1, 16),
        "activation.mlp_out": torch.zeros(4, 4, 16),
        "phi.mean_abs": torch.rand(3, 4, 32, generator=chance),
        "firing.product": torch.rand(3, 4, 32, generator=chance),
        "firing.gate": torch.rand(3, 4, 32, generator=chance),
    }
    save_file(tensors, tmp_path / "tensors.safetensors")
    (tmp_path / "seen.json").write_text(json.dumps({"directions": [str(d) for d in DIRECTIONS]}))
    return Artefacts({"detection": tmp_path})


def attached(artefacts: Artefacts, **options: Any) -> tuple[LAPE, torch.nn.Module]:
    method = LAPE(LAPE.Config.model_validate({"share": 0.1, "quantile": 0.5, **options}))
    return method, method.attach(tiny_model("llama"), artefacts, "translation")


def logits(model: torch.nn.Module) -> Tensor:
    with torch.inference_mode():
        found: Tensor = model(input_ids=torch.arange(2, 12).unsqueeze(0)).logits
    return found


def test_it_starts_from_the_base_and_trains_specific_neurons_alone(artefacts: Artefacts) -> None:
    method, model = attached(artefacts)
    base = logits(tiny_model("llama"))
    for direction in (*DIRECTIONS, None):
        method.focus(model, direction)
        torch.testing.assert_close(logits(model), base, atol=1e-4, rtol=1e-3)
    specific = sum(int(routed.partition.members.any(0).sum()) for routed in routed_blocks(model))
    assert specific == round(0.1 * 4 * 32)
    assert sum(p.numel() for p in method.trainable(model, Train("translation"))) == specific * 3 * 16


def test_under_the_mask_other_languages_neurons_are_absent(artefacts: Artefacts) -> None:
    method, model = attached(artefacts, forward_mask=True, share=0.5)
    method.focus(model, DIRECTIONS[0])
    assert float((logits(model) - logits(tiny_model("llama"))).abs().max()) > 1e-3
    assert method.active_parameters(model) < sum(p.numel() for p in model.parameters())


def test_gates_decide_in_gated_blocks(artefacts: Artefacts) -> None:
    """SiLU(gate) above zero is firing (Tang et al. 2024); the product's sign would give other neurons."""
    _, model = attached(artefacts)
    chosen = LAPE(LAPE.Config(share=0.1, quantile=0.5)).reading
    tensors = artefacts.tensors("detection")
    names = ("en", "de", "fr")
    by_gate, by_product = (
        split_layers(Awareness(names, tensors["phi.mean_abs"], tensors[f"firing.{site}"], None), range(4), chosen)
        for site in ("gate", "product")
    )
    members = [routed.partition.members for routed in routed_blocks(model)]
    assert all(torch.equal(m, by_gate[i].members) for i, m in enumerate(members))
    assert any(not torch.equal(m, by_product[i].members) for i, m in enumerate(members))
