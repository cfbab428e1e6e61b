"""Importance-based neuron allocation (NA-MNMT; Xie et al. 2021, arXiv 2107.06569) on a language model.

The rule for neurons that LANDeRMT starts from: what is important in all directions is general, every other neuron
belongs to the directions in which it is nearly as important as anywhere.  No layers are selected, no parts weighed.
"""

from __future__ import annotations

from typing import Literal

from mtsuite.methods.landermt import LANDeRMT
from mtsuite.methods.landermt.config import LANDeRMTConfig

from mtsuite.method import MethodConfig, Option


class NAMNMTConfig(MethodConfig):
    general: float = Option(
        0.7,
        ge=0,
        le=1,
        description="Share of a layer's neurons, those of the largest importance summed over directions, that are "
        "general. Xie et al. 2021, released code: 0.7.",
    )
    ratio: float = Option(
        0.9,
        gt=0,
        le=1,
        description="A neuron that is not general belongs to every direction whose importance is at least this ratio "
        "of its largest. Xie et al. 2021, released code: 0.9.",
    )
    phi_agg: Literal["mean_abs", "abs_of_sum", "mean_sample_abs", "mean_square"] = Option(
        "mean_abs",
        description="How |g h| is aggregated over tokens. Xie et al. 2021, released code: mean of absolute values.",
    )
    taylor_site: Literal["post", "pre"] = Option(
        "pre",
        description="Output h of g h after the activation function, or before it, in gated blocks of gate and up "
        "together. Xie et al. 2021, released code: the output of fc1, before (with their ReLU both give the same).",
    )
    samples: int = Option(
        1000,
        ge=1,
        description="Held-out sentence pairs a direction. Xie et al. 2021: the validation set; the bound is ours.",
    )
    forward_mask: bool = Option(
        True,
        description="Other directions' neurons are absent from forward passes, in training and in translation. Xie et "
        "al. 2021: their outputs are zero.",
    )
    loss_on: Literal["target", "all"] = Option(
        "target", description="Tokens of the loss. Our choice: the target, as an encoder-decoder's is."
    )


class NAMNMT(LANDeRMT):
    """In all layers: general neurons are trained by all directions, the others by those that they belong to."""

    Config = NAMNMTConfig

    @property
    def reading(self) -> LANDeRMTConfig:
        config: NAMNMTConfig = self.config
        return LANDeRMTConfig(
            detector="namnmt",
            select="all",
            awareness="pair_mt",
            phi_norm="none",
            phi_agg=config.phi_agg,
            taylor_site=config.taylor_site,
            # fc1 of a gated block is both of its maps: their outputs' importances add up
            swiglu_site="gate_and_up" if config.taylor_site == "pre" else "product",
            epsilon=config.general,
            multi_assign=config.ratio,
            samples=config.samples,
            car_mode="off",
            forward_mask=config.forward_mask,
            loss_on=config.loss_on,
        )
