"""Training language-specific neurons alone, found by activation probability entropy (LAPE; Tang et al. 2024).

Tang et al. (arXiv 2402.16438, §2.2) find neurons that fire in few languages, to analyse them.  Training them for
translation, each by the directions with its languages, is ours: sparse fine-tuning of under one per cent of the
weights.
"""

from __future__ import annotations

from typing import Literal

from mtsuite.methods.landermt import LANDeRMTSpecific
from mtsuite.methods.landermt.config import LANDeRMTConfig

from mtsuite.method import MethodConfig, Option


class LAPEConfig(MethodConfig):
    share: float = Option(
        0.01,
        gt=0,
        le=1,
        description="Share of the neurons of all layers, those of the lowest entropy, that are language-specific. Tang "
        "et al. 2024: 1 %.",
    )
    quantile: float = Option(
        0.95,
        gt=0,
        lt=1,
        description="Quantile of all firing probabilities: a neuron counts if it reaches it in some language, and "
        "belongs to every language in which it does. Tang et al. 2024: 0.95.",
    )
    samples: int = Option(
        1000,
        ge=1,
        description="Held-out sentences a language. Our choice; Tang et al. 2024 count over 100 M tokens a language.",
    )
    forward_mask: bool = Option(
        False,
        description="Neurons of languages outside the direction are absent from forward passes. Our choice: they stay, "
        "as nothing in Tang et al. 2024 asks for their absence.",
    )
    loss_on: Literal["target", "all"] = Option("target", description="Tokens of the loss. Our choice: the target.")


class LAPE(LANDeRMTSpecific):
    """Trains the neurons that are specific to either language of a direction, in all layers; the rest is frozen."""

    Config = LAPEConfig

    @property
    def reading(self) -> LANDeRMTConfig:
        config: LAPEConfig = self.config
        return LANDeRMTConfig(
            detector="lape",
            select="all",
            swiglu_site="gate_act",
            epsilon=1.0 - config.share,
            lape_quantile=config.quantile,
            samples=config.samples,
            car_mode="off",
            forward_mask=config.forward_mask,
            loss_on=config.loss_on,
        )
