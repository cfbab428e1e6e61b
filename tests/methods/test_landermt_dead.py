"""The literal Equation 7 where one kind of neurons is missing: refused when it is known, told when it is chance.

And a model of one direction: what never had a gradient is not among its trained parameters.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from mtsuite.methods.landermt.method import LANDeRMT, routed_blocks

from mtsuite.data.batches import ParallelStream
from mtsuite.errors import MethodError
from mtsuite.method import Train
from mtsuite.registry import configure
from mtsuite.testing.lab import Lab
from mtsuite.train.loop import LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings

LITERAL = {"preset": "landermt_paper", "k": 2}


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ({"epsilon": 1.0}, "specific"),
        ({"epsilon": 0.0}, "general"),
        ({"epsilon": 0.0, "sort": "desc"}, "specific"),
        ({"epsilon": 1.0, "sort": "desc"}, "general"),
        ({"epsilon": 1.0, "car_gain": "two"}, "specific"),
    ],
)
@pytest.mark.parametrize("use", ["landermt", "landermt-lg"])
def test_literal_shares_need_both_kinds(options: dict[str, Any], missing: str, use: str) -> None:
    method = configure(use, {**LITERAL, **options})
    with pytest.raises(MethodError, match=rf"config\.epsilon: {options['epsilon']:g} leaves no {missing} neurons"):
        method.check(4, ())


@pytest.mark.parametrize(
    "options",
    [
        {"k": 2, "epsilon": 1.0},
        {"k": 2, "epsilon": 0.0},
        {**LITERAL, "epsilon": 0.5},
        {"k": 2, "epsilon": 1.0, "preset": "landermt_safe", "car_assign": "literal"},
    ],
)
def test_others_are_left_alone(options: dict[str, Any]) -> None:
    configure("landermt", options).check(4, ())


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(lambda: LANDeRMT(LANDeRMT.Config(k=2, epsilon=0.5)), "bloom")


def attached(lab: Lab, **options: Any) -> tuple[LANDeRMT, torch.nn.Module]:
    method = LANDeRMT(LANDeRMT.Config(k=2, **options))
    return method, lab.open(method, lab.first.folders, "translation")


def test_a_dead_block_is_counted(lab: Lab) -> None:
    """Of 64 neurons one is specific: its owner's directions alone have some."""
    method, model = attached(lab, preset="landermt_paper", epsilon=63 / 64)
    cases = [
        (routed, direction)
        for routed in routed_blocks(model)
        for direction in lab.text.directions
        if not routed.partition.members[list(routed.partition.active(direction))].any()
    ]
    assert cases
    told = f"in {len(cases)} of {2 * len(lab.text.directions)} cases (selected layers × directions)"
    assert method.remarks(model)[0].startswith(told)
    routed, direction = cases[0]
    scales = routed.car(torch.ones(1, 1, 16), str(direction))
    assert scales[0] == 0.0, "the general neurons, all that this direction has"


def test_nothing_is_told_where_nothing_is_dead(lab: Lab) -> None:
    for options in ({"preset": "landermt_paper", "epsilon": 0.5}, {"epsilon": 63 / 64}):
        method, model = attached(lab, **options)
        assert method.remarks(model) == []


def test_neurons_that_a_direction_never_trains_are_not_counted(lab: Lab) -> None:
    method, model = attached(lab, epsilon=0.5)
    model.requires_grad_(False)
    named = {id(p): p for p in method.trainable(model, Train("translation"))}
    for parameter in named.values():
        parameter.requires_grad_(True)
    before = {key: p.detach().clone() for key, p in named.items()}
    direction = lab.text.directions[0]
    stream = ParallelStream(replace(lab.text, directions=(direction,)), seed=0, tokens_per_batch=128)
    settings = LoopSettings(3, OptimizerSettings(learning_rate=1e-2), warmup_steps=0)
    result = fit(method, model, stream, settings, make_accelerator("no"))
    everything = sum(p.numel() for p in named.values())
    moved = sum(p.numel() for key, p in named.items() if not torch.equal(before[key], p))
    assert moved <= result.trained_parameters < everything
    of_others = sum(
        p.numel()
        for routed in routed_blocks(model)
        for who, group in zip(routed.inner.sets, routed.inner.specific, strict=True)
        if not set(who) & set(routed.partition.active(direction))
        for p in group.parameters()
    )
    assert result.trained_parameters == everything - of_others
