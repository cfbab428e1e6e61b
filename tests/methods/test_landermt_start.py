"""The error of routed blocks before training: against a computation by hand, and where it must be zero."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mtsuite.methods.landermt import LANDeRMT
from mtsuite.methods.landermt.method import routed_blocks
from mtsuite.methods.landermt.splits import normalised
from mtsuite.methods.landermt.start import StartError

from mtsuite.method import Artefacts, Train
from mtsuite.model.blocks import feed_forward_blocks
from mtsuite.testing import Lab, tiny_model


@pytest.fixture(scope="module", params=["bloom", "llama", "opt"])
def lab(request: pytest.FixtureRequest) -> Lab:
    return Lab(lambda: LANDeRMT(LANDeRMT.Config(k=2, epsilon=0.5)), request.param)


def attached(lab: Lab, **options: Any) -> tuple[LANDeRMT, Any]:
    method = LANDeRMT(LANDeRMT.Config.model_validate({"k": 2, "epsilon": 0.5, **options}))
    model = method.attach(tiny_model(lab.family), Artefacts(lab.first.folders), "translation")
    return method, model.eval()


def errors(lab: Lab, model: Any) -> dict[str, torch.Tensor]:
    return StartError().run(model, lab.text)


def test_by_hand(lab: Lab) -> None:
    method, model = attached(lab)
    found = errors(lab, model)
    assert len(found) == 2
    layers = [int(name.split(".")[0]) for name in found]
    blocks = feed_forward_blocks(tiny_model(lab.family))
    for row, direction in enumerate(lab.text.directions):
        method.focus(model, direction)
        sums = torch.zeros(2, 2, dtype=torch.float64)
        for batch in lab.text.batches(direction, limit=50):
            for sentence, mask in zip(batch.input_ids, batch.attention_mask, strict=True):  # one by one, unpadded
                seen: list[torch.Tensor] = []
                hooks = [
                    r.register_forward_pre_hook(lambda _m, a, s=seen: s.append(a[0])) for r in routed_blocks(model)
                ]
                with torch.no_grad():
                    model(input_ids=sentence[mask.bool()].unsqueeze(0))
                for hook in hooks:
                    hook.remove()
                for i, (x, routed, layer) in enumerate(zip(seen, routed_blocks(model), layers, strict=True)):
                    block, weights = blocks[layer], blocks[layer].weights()
                    up = torch.nn.functional.linear(x, weights.up, weights.up_bias)
                    a = block.activation(up)
                    if weights.gate is not None:
                        a = block.activation(torch.nn.functional.linear(x, weights.gate, weights.gate_bias)) * up
                    whole = torch.nn.functional.linear(a, weights.down, weights.down_bias)
                    with torch.no_grad():
                        sums[i, 0] += (routed(x) - whole).double().square().sum()
                        sums[i, 1] += whole.double().square().sum()
        expected = (sums[:, 0] / sums[:, 1]).sqrt().float()
        torch.testing.assert_close(torch.stack([found[f"{layer}.error"][row] for layer in layers]), expected)


@pytest.mark.parametrize(
    "options",
    [
        {"car_mode": "off", "forward_mask": False},
        {"preset": "landermt_safe", "forward_mask": False},
        {"car_mode": "half", "car_gain": "two", "forward_mask": False},
    ],
)
def test_nothing_masked_and_nothing_scaled_is_no_error(options: dict[str, Any], lab: Lab) -> None:
    for value in errors(lab, attached(lab, **options)[1]).values():
        torch.testing.assert_close(value, torch.zeros_like(value), atol=1e-3, rtol=0)


def test_half_of_everything_is_half_an_error(lab: Lab) -> None:
    """Without a mask H = (FFN - b) / 2 + b: with the bias of W_down at zero the error is one half in every family."""
    model = attached(lab, car_mode="half", forward_mask=False)[1]
    for routed in routed_blocks(model):
        if routed.down_bias is not None:
            torch.nn.init.zeros_(routed.down_bias)
    for value in errors(lab, model).values():
        torch.testing.assert_close(value, torch.full_like(value, 0.5), atol=1e-4, rtol=0)


def test_the_job_looks_before_training() -> None:
    phases = LANDeRMT(LANDeRMT.Config(k=2)).phases()
    names = [phase.name for phase in phases]
    assert StartError.looks_at == "start"
    assert names.index("start") < next(i for i, phase in enumerate(phases) if isinstance(phase, Train))


def test_ranks_of_ties_go_by_place() -> None:
    """Equal scores keep their order, so that the same detection gives the same split everywhere."""
    phi = torch.zeros(2, 100)
    torch.testing.assert_close(normalised(phi, "rank"), torch.arange(100).expand(2, -1) / 100)
