"""Two dense stages, monolingual and then parallel text (ALMA: Xu et al. 2024, arXiv 2309.11674, §4).

The control for methods that post-pretrain on monolingual text: with the text of Mix-MoE's two stages, and
nothing of its architecture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from mtsuite.methods.low_rank import LowRank, add_update, linear_maps, low_rank_parameters, sizes
from torch import nn

from mtsuite.method import Artefacts, Method, MethodConfig, Option, Phase, Train
from mtsuite.model.blocks import decoder_layers


class DenseTwoStageConfig(MethodConfig):
    stage1_learning_rate: float = Option(
        2e-5, gt=0, description="Peak learning rate of the monolingual stage. 2e-5: ALMA's release."
    )
    stage2: Literal["full", "lora"] = Option(
        "full",
        description="What the parallel stage trains: everything (ALMA), or low-rank updates of all linear maps of the "
        "layers (ALMA-LoRA). Our choice: full, as stage 1.",
    )
    rank: int = Option(16, ge=1, description="With lora: rank r. 16: ALMA's release.")
    alpha: float = Option(
        32.0, gt=0, description="With lora: scale alpha; the update counts alpha / r. 2 r: ALMA's release."
    )
    dropout: float = Option(
        0.0,
        ge=0,
        lt=1,
        description="With lora: dropout before A. Our choice: none, as the lora row; ALMA's release: 0.05.",
    )


class DenseTwoStage(Method):
    """The whole model on monolingual text, then the whole model (or low-rank updates) on parallel text."""

    Config = DenseTwoStageConfig

    def phases(self) -> Sequence[Phase]:
        config: DenseTwoStageConfig = self.config
        return [
            Train("monolingual", "monolingual", "all", config.stage1_learning_rate, settings=("stage1_learning_rate",)),
            Train("translation", learning_rate=5e-5 if config.stage2 == "full" else 2e-4),  # as rows full and lora
        ]

    def note(self) -> str:
        return "also reads monolingual text (stage 1)"

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        config: DenseTwoStageConfig = self.config
        if phase == "translation" and config.stage2 == "lora":
            for layer in decoder_layers(model):
                for linear in linear_maps(layer):
                    add_update(linear, LowRank(*sizes(linear), config.rank, config.alpha, config.dropout))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        if phase.name == "translation" and self.config.stage2 == "lora":
            return low_rank_parameters(model.modules())
        return model.parameters()

    def merge(self, model: nn.Module) -> nn.Module | None:
        return model if self.config.stage2 == "full" else None
