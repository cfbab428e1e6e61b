"""The course of the learning rate, and who is trained by which optimizer."""

from __future__ import annotations

import doctest

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import mtsuite.train.optim as optim
from mtsuite.testing import tiny_model
from mtsuite.train.muon import Float32Muon
from mtsuite.train.optim import OptimizerSettings, build_optimizers, learning_rate_scale


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", [0.5, 1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", [0.5, 1.0, 1.0, 0.775, 0.55, 0.325]),
        # 0.1 + 0.45 (1 + cos(pi p)) at p = 0, 1/4, 1/2, 3/4
        ("cosine", [0.5, 1.0, 1.0, 0.8681981, 0.55, 0.2318019]),
    ],
)
def test_schedules(schedule: str, expected: list[float]) -> None:
    found = [learning_rate_scale(s, schedule=schedule, warmup=2, total=6) for s in range(6)]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@given(warmup=st.integers(0, 20), total=st.integers(1, 50))
def test_scale_stays_in_range(schedule: str, warmup: int, total: int) -> None:
    found = [learning_rate_scale(s, schedule=schedule, warmup=warmup, total=total) for s in range(total)]
    assert all(0.0 < value <= 1.0 for value in found)
    after = found[warmup:]
    assert after == sorted(after, reverse=True)


def test_the_docstring_is_right() -> None:
    assert doctest.testmod(optim).failed == 0


def test_scale_multiplies_every_peak() -> None:
    model = nn.Linear(3, 3)
    made = build_optimizers(
        model.named_parameters(),
        OptimizerSettings("muon", learning_rate=0.2, matrix_learning_rate=0.5, weight_decay=0.0),
    )
    made.set_scale(0.5)
    assert [group["lr"] for member in made.members for group in member.param_groups] == [0.1, 0.25]
    made.set_scale(1.0)
    assert [group["lr"] for member in made.members for group in member.param_groups] == [0.2, 0.5]


@pytest.mark.parametrize(("hardware", "kind"), [(True, torch.optim.Muon), (False, Float32Muon)])
def test_muon_computes_in_what_the_hardware_has(hardware: bool, kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optim, "bf16_gains", lambda: hardware)
    made = build_optimizers(nn.Linear(3, 3, bias=False).named_parameters(), OptimizerSettings("muon"))
    assert [type(member) for member in made.members] == [kind]


@pytest.mark.parametrize("family", ["bloom", "gpt2", "gpt_neox", "opt", "llama"])
def test_muon_leaves_embeddings_to_adamw(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optim, "bf16_gains", lambda: True)
    model = tiny_model(family)
    made = build_optimizers(model.named_parameters(), OptimizerSettings("muon"))
    names = {id(p): n for n, p in model.named_parameters()}
    kinds = {
        type(member).__name__: {names[id(p)] for group in member.param_groups for p in group["params"]}
        for member in made.members
    }
    assert kinds["AdamW"] | kinds["Muon"] == set(names.values())
    assert not kinds["AdamW"] & kinds["Muon"]
    looked_up = {n for n, m in model.named_modules() if isinstance(m, nn.Embedding)}
    assert {f"{n}.weight" for n in looked_up} <= kinds["AdamW"]
    assert all(dict(model.named_parameters())[n].dim() == 2 for n in kinds["Muon"])
    assert all(n.split(".")[-3:-2] != ["embed_tokens"] for n in kinds["Muon"])
    held = [p for member in made.members for group in member.param_groups for p in group["params"]]
    assert len(held) == len({id(p) for p in held}) == len(list(model.parameters()))


def test_a_parameter_without_gradient_is_left_alone() -> None:
    """Neither momentum nor decay moves it: what neuron-selective methods rely on."""
    used, idle = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    made = build_optimizers([("used", used), ("idle", idle)], OptimizerSettings(learning_rate=0.1, weight_decay=0.5))
    (used.sum() + idle.sum()).backward()
    made.step()
    made.zero_grad()
    before = idle.detach().clone()
    used.sum().backward()
    made.step()
    assert torch.equal(idle, before)
    assert not torch.equal(used, before)
