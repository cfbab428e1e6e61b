"""Two dense stages: what each reads and trains, and that the second starts where the first ended."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from mtsuite.methods.dense_two_stage import DenseTwoStage
from mtsuite.methods.mix_moe import MixMoE

from mtsuite.method import Train
from mtsuite.testing import Lab, check_method, tiny_model


def make(**options: Any) -> DenseTwoStage:
    return DenseTwoStage(DenseTwoStage.Config.model_validate(options))


def test_reads_what_mix_moe_reads() -> None:
    """The control: the texts, and the tokens that are predicted, of Mix-MoE's two stages."""
    ours, theirs = (
        [(phase.text, phase.loss_on) for phase in method.phases() if isinstance(phase, Train)]
        for method in (make(), MixMoE())
    )
    assert ours == theirs == [("monolingual", "all"), ("parallel", "target")]
    assert make().note() == MixMoE().note()


def test_stage_1_is_shared_by_rows_that_differ_in_stage_2() -> None:
    first, second = make(stage1_learning_rate=3e-5, stage2="lora").phases()
    assert isinstance(first, Train)
    assert isinstance(second, Train)
    assert (first.settings, first.learning_rate) == (("stage1_learning_rate",), 3e-5)
    assert second.settings is None


@pytest.mark.parametrize("stage2", ["full", "lora"])
@pytest.mark.parametrize("family", ["bloom", "gpt2"])
def test_stage_2_starts_from_stage_1(stage2: str, family: str) -> None:
    run = Lab(lambda: make(stage2=stage2), family).run()
    first, second = run.learned
    assert first.names == set(dict(tiny_model(family).named_parameters()))
    assert all(torch.equal(second.before[name], first.after[name]) for name in first.names)
    moved = {n for n in second.before if not torch.equal(second.before[n], second.after[n])}
    if stage2 == "full":
        assert second.names == first.names
        assert moved <= second.names
    else:
        assert moved == second.names == set(second.before) - set(first.before)
        assert all(".low_rank." in name for name in second.names)


def test_stage_1_alone_has_no_low_rank_updates() -> None:
    method = make(stage2="lora")
    run = Lab(lambda: method, "llama").run()
    assert not any("low_rank" in name for name in run.learned[0].before)


def test_kit_with_lora() -> None:
    check_method(DenseTwoStage, {"stage2": "lora", "rank": 2, "dropout": 0.1}, ("bloom", "llama"))
