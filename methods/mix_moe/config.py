"""Configuration of Mix-MoE.

Only the paper's abstract and second-hand summaries could be read, so every field says how its default is
known: *stated* (abstract), *second-hand* (a summary of the paper) or *our choice*.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import model_validator

from mtsuite.method import MethodConfig, Option


class MixMoEConfig(MethodConfig):
    # -- experts --------------------------------------------------------------------------------------
    lm_experts: int = Option(
        2,
        ge=1,
        description="Language-model experts a layer: slices of the pretrained block. Two groups: stated; 2: "
        "second-hand.",
    )
    mt_experts: int = Option(2, ge=1, description="Translation experts a layer. 2: second-hand.")
    slices: Literal["random", "contiguous"] = Option(
        "random",
        description="How neurons are dealt into LM experts of equal size. Our choice: a seeded permutation (as "
        "LLaMA-MoE).",
    )
    mt_width: int | None = Option(
        None,
        ge=1,
        description="Neurons of a translation expert; empty: block width / mt_experts, so both groups are of "
        "equal size. Our choice.",
    )
    mt_init: Literal["random", "slices"] = Option(
        "random", description="Translation experts start at random (second-hand) or as copies of the slices."
    )
    mt_down_init: Literal["zero", "normal"] = Option(
        "zero",
        description="Output matrices of the translation experts at the start. Our choice: zero, so that they "
        "disturb nothing.",
    )
    mt_logit_bias: float = Option(
        -4.0,
        description="Bias of the translation experts' routing logits at the start. Our choice: -4, about 2 % of "
        "the mass.",
    )
    init_std: float = Option(0.02, gt=0, description="Standard deviation of random weights. Our choice.")

    # -- router ---------------------------------------------------------------------------------------
    gate_mode: Literal["joint", "per_group"] = Option(
        "joint",
        description="One softmax over all experts, or one a group joined by the groups' log-sum-exp. Not known; "
        "our choice.",
    )
    top_k: Annotated[int, Option(ge=1)] | Literal["all"] = Option(
        "all", description="Experts used a token (a group, with per_group). Not known; our choice: all."
    )
    mt_top_k: Annotated[int, Option(ge=1)] | Literal["all"] | None = Option(
        None,
        description="With per_group: translation experts used a token, top_k being the LM experts'; empty: "
        "top_k. Our choice.",
    )
    renormalise: bool = Option(
        True, description="Weights of the chosen experts sum to one (as Mixtral, MoE-LPR). Our choice."
    )
    rescale: float | None = Option(
        None,
        description="Factor c on the mixture; empty: lm_experts, which gives back the pretrained block under a "
        "uniform gate. Our choice.",
    )
    router_init: Literal["zeros", "xavier"] = Option(
        "zeros", description="Router weights at the start. Our choice: zeros (uniform gate)."
    )
    balance: float = Option(
        0.0,
        ge=0,
        description="Coefficient of the Switch balance loss; constant, hence useless, when all experts are used. "
        "Our choice.",
    )

    # -- Fourier features -----------------------------------------------------------------------------
    transform: Literal["fft", "dct", "random", "none"] = Option(
        "fft",
        description="Features beside the representation. Fourier: stated; DCT and random are its ablations "
        "(second-hand).",
    )
    part: Literal["magnitude", "log_magnitude", "power", "real"] = Option(
        "magnitude",
        description="What is taken of the spectrum; `real` is a linear map of the input and serves as control. "
        "Our choice.",
    )
    bins: int = Option(256, ge=1, description="Lowest frequencies used (at most hidden/2 + 1). Our choice.")

    # -- stages ---------------------------------------------------------------------------------------
    stage1: bool = Option(True, description="Post-pretrain the LM experts on monolingual text first. Stated.")
    stage1_learning_rate: float = Option(
        5e-5, gt=0, description="Peak learning rate of stage 1. MoE-LPR's; not known here."
    )
    lm_frozen: bool = Option(True, description="LM experts are frozen in stage 2. Second-hand.")
    router_stage2: Literal["all", "mt_columns", "freeze"] = Option(
        "all", description="What of the router stage 2 trains. Not known; our choice."
    )
    loss_on: Literal["target", "all"] = Option(
        "target", description="Tokens that stage 2 predicts. Not known; our choice: as all other rows."
    )
    preset: Literal["mixmoe_safe", "mixmoe_paper", "mixmoe_pergroup"] | None = Option(
        None,
        description="mixmoe_safe (the defaults), mixmoe_paper (closest to what is known), or mixmoe_pergroup "
        "(all LM slices always on, one MT expert a token).",
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: dict[str, object]) -> dict[str, object]:
        chosen = values.get("preset")
        if isinstance(chosen, str) and chosen in PRESETS:
            return {**PRESETS[chosen], **values}
        return values


PRESETS: dict[str, dict[str, object]] = {
    "mixmoe_safe": {},
    "mixmoe_paper": {
        "gate_mode": "joint",
        "top_k": 2,
        "mt_down_init": "normal",
        "mt_logit_bias": 0.0,
        "router_init": "xavier",
        "balance": 0.01,
    },
    # With all experts of both groups this would be mixmoe_safe again: the two gates agree when nothing is left out.
    "mixmoe_pergroup": {"gate_mode": "per_group", "top_k": "all", "mt_top_k": 1},
}
