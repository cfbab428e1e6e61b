"""Mix-MoE (Li et al. 2026, arXiv 2605.24681): LM experts keep the language model, MT experts learn to translate.

Stage 1 post-pretrains the LM experts on monolingual text; stage 2 trains the MT experts on parallel text
with the LM experts frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.layer import MixedFeedForward
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.method import Artefacts, Method, Phase, Train
from mtsuite.model.blocks import feed_forward_blocks

# What stage 1 depends on: rows that differ in stage 2 alone share it.
_STAGE1 = ("lm_experts", "slices", "init_std", "gate_mode", "top_k", "renormalise", "rescale", "router_init", "balance",
           "transform", "part", "bins", "stage1", "stage1_learning_rate")  # fmt: skip


class MixMoE(Method):
    """Every feed-forward block becomes a mixture of two groups of experts."""

    Config = MixMoEConfig

    def phases(self) -> Sequence[Phase]:
        config: MixMoEConfig = self.config
        first = Train("lm-experts", "monolingual", "all", config.stage1_learning_rate, settings=_STAGE1)
        second = Train("mt-experts", "parallel", config.loss_on, 5e-5)
        return [first, second] if config.stage1 else [second]

    def note(self) -> str:
        return "also reads monolingual text (stage 1)" if self.config.stage1 else ""

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        for layer, block in enumerate(feed_forward_blocks(model)):
            block.replace(MixedFeedForward(block, self.config, layer, with_mt=phase == "mt-experts"))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        config: MixMoEConfig = self.config
        chosen: list[nn.Parameter] = []
        for layer in _layers(model):
            if phase.name == "lm-experts":
                chosen += [*layer.lm.parameters(), *layer.router_lm.parameters()]
                continue
            assert layer.mt is not None
            assert layer.router_mt is not None
            chosen += layer.mt.parameters()
            if not config.lm_frozen:
                chosen += layer.lm.parameters()
            if config.router_stage2 != "freeze":
                chosen += layer.router_mt.parameters()
            if config.router_stage2 == "all":
                chosen += layer.router_lm.parameters()
        return chosen

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        layers = _layers(model)
        for layer in layers:
            layer.mask = batch.attention_mask
        loss = super().loss(model, batch)
        if self.config.balance and model.training:  # measured in training only
            loss = loss + self.config.balance * torch.stack([layer.balance for layer in layers]).mean()
        return loss

    def active_parameters(self, model: nn.Module) -> int:
        """All parameters, less those of the experts that top-k leaves out (experts of a group are of equal size)."""
        total = sum(p.numel() for p in model.parameters())
        config: MixMoEConfig = self.config
        for layer in _layers(model):
            sizes = [sum(p.numel() for p in layer.lm.parameters()) / config.lm_experts] * config.lm_experts
            if layer.mt is not None:
                sizes += [sum(p.numel() for p in layer.mt.parameters()) / config.mt_experts] * config.mt_experts
            groups = [(sizes, config.top_k)]
            if config.gate_mode == "per_group":
                lm, mt = sizes[: config.lm_experts], sizes[config.lm_experts :]
                groups = [(lm, config.top_k), (mt, config.mt_top_k or config.top_k)]
            total -= sum(round(sum(sorted(group)[: max(0, len(group) - k)])) for group, k in groups if k != "all")
        return total

    def trace(self, model: nn.Module) -> dict[str, Tensor]:
        """``expert_weight`` (layers, experts): mean routing probability since the last trace, LM experts first."""
        return {"expert_weight": torch.stack([layer.mean_weights() for layer in _layers(model)])}


def _layers(model: nn.Module) -> list[MixedFeedForward]:
    return [m for m in model.modules() if isinstance(m, MixedFeedForward)]
