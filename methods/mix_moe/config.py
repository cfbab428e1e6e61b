"""Configuration of Mix-MoE.

Only the paper's abstract and second-hand summaries could be read, so every field says where its default comes
from: *stated* (the abstract), *second-hand* (a summary of the paper) or *our choice*; ``origins`` gives the
same for programs.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import model_validator

from mtsuite.method import MethodConfig, Option

Origin = Literal["stated", "second-hand", "ours"]
LEAKY_AXES = ("sequence", "fnet2d")


def stated(default: Any, description: str, **limits: Any) -> Any:
    """An option whose default the paper's abstract gives."""
    return Option(default, description=f"{description} Stated.", json_schema_extra={"origin": "stated"}, **limits)


def second_hand(default: Any, description: str, **limits: Any) -> Any:
    """An option whose default a summary of the paper gives."""
    return Option(
        default, description=f"{description} Second-hand.", json_schema_extra={"origin": "second-hand"}, **limits
    )


def ours(default: Any, description: str, **limits: Any) -> Any:
    """An option that no source speaks of."""
    return Option(default, description=f"{description} Our choice.", json_schema_extra={"origin": "ours"}, **limits)


class MixMoEConfig(MethodConfig):
    # -- experts --------------------------------------------------------------------------------------
    lm_experts: int = second_hand(2, "Language-model experts a layer, slices of the pretrained block.", ge=1)
    mt_experts: int = second_hand(2, "Translation experts a layer.", ge=1)
    groups: Literal["mixed", "single"] = stated(
        "mixed",
        "Two groups of experts, or as a control one: lm_experts + mt_experts slices of the block, all trained in both "
        "stages, as LLaMA-MoE does (lm_frozen, router_stage2 and the other mt_* options are then left out).",
    )
    layers: Literal["all"] | list[int] = ours(
        "all", "Layers whose block becomes a mixture, counted from 0; a list, or all."
    )
    slices: Literal["random", "contiguous", "kmeans", "taylor"] = ours(
        "random",
        "How neurons are dealt into slices of equal size: a seeded permutation (LLaMA-MoE's final models), as they "
        "stand, balanced k-means on the rows of W_up, or balanced k-means on how important a neuron is to each "
        "language (Taylor scores, from a look at the base model).",
    )
    taylor_samples: int = ours(200, "Held-out sentences a language that `slices: taylor` looks at.", ge=1)
    mt_width: int | None = ours(
        None,
        "Neurons of a translation expert; empty: block width / mt_experts for random experts, so that both groups are "
        "of equal size, and the size of what is copied for others.",
        ge=1,
    )
    mt_init: Literal["random", "slices", "copy"] = second_hand(
        "random",
        "Translation experts start at random, as copies of the LM experts' slices, or as copies of the whole block "
        "(divided by the factor on the mixture, so that any gate gives back the block).",
    )
    mt_down_init: Literal["zero", "normal"] = ours(
        "zero", "Output matrices of random translation experts at the start; zero: they disturb nothing."
    )
    mt_logit_bias: float = ours(
        -4.0, "Bias of the translation experts' routing logits at the start; -4: about 2 % of the mass."
    )
    init_std: float = ours(0.02, "Standard deviation of normal random weights.", gt=0)

    # -- router ---------------------------------------------------------------------------------------
    router: Literal["learned", "random"] = second_hand(
        "learned",
        "Learned gates, or as a control experts drawn at random for every token (by a hash of the token, its position "
        "and the layer, so that decoding draws what training drew) at equal weights. The ablation's `Random` may "
        "be this or `transform: random`.",
    )
    gate_mode: Literal["joint", "per_group"] = ours(
        "joint", "One softmax and one top-k over all experts, or one of each group, joined by rho_mode."
    )
    rho_mode: Literal["logsumexp", "learned", "fixed", "sum"] = ours(
        "logsumexp",
        "With per_group, the groups' shares: softmax of the groups' log-sum-exp (as the joint softmax implies), of a "
        "linear map of its own, one half each, or one each.",
    )
    top_k: Annotated[int, Option(ge=1)] | Literal["all"] = ours(
        "all", "Experts used a token (of each group, with per_group). A summary's `k = 2` may mean this."
    )
    mt_top_k: Annotated[int, Option(ge=1)] | Literal["all"] | None = ours(
        None, "With per_group: translation experts used a token, top_k being the LM experts'; empty: top_k."
    )
    renormalise: bool = ours(True, "Weights of the chosen experts sum to one, as in Mixtral and MoE-LPR.")
    rescale: float | None = ours(
        None,
        "Factor c on the mixture; empty: the number of slices, which gives back the pretrained block under a uniform "
        "gate.",
        gt=0,
    )
    router_init: Literal["zeros", "xavier", "normal"] = ours(
        "zeros",
        "Router weights at the start: zeros (uniform gate, for top_k: all; otherwise all ties go to the first "
        "experts), Xavier normal (as MoE-LPR), or normal with init_std.",
    )
    balance: float = ours(0.0, "Coefficient of the balance loss.", ge=0)
    balance_form: Literal["switch", "p_only", "entropy"] = ours(
        "switch",
        "Balance loss: E sum_i F_i P_i of the Switch Transformer, constant when all experts are used; E sum_i P_i^2; "
        "or log E minus the entropy of P. The last two work with top_k: all.",
    )
    group_prior_coef: float = Option(
        0.0,
        description="Coefficient of -log(mass of the LM group) on monolingual text that train.monolingual_replay mixes "
        "into stage 2, as in MoE-LPR. Our choice.",
        json_schema_extra={"origin": "ours", "of_replay": True},
        ge=0,
    )

    # -- Fourier features -----------------------------------------------------------------------------
    transform: Literal["fft", "dct", "random", "none"] = stated(
        "fft",
        "Transform behind the router's features; the discrete cosine transform, a random projection, and no features "
        "are controls.",
    )
    axis: Literal["hidden", "causal_window", "prompt", "sequence", "fnet2d"] = ours(
        "hidden",
        "Axis of the transform: hidden units; the last `window` positions; the prompt's positions (fft only; its "
        "features are zero in monolingual text and hence in stage 1); all positions, or positions and hidden units as "
        "in FNet: these two show the router later tokens and need allow_leaky.",
    )
    allow_leaky: bool = ours(
        False,
        "Allow an axis by which the router sees later tokens, for attempts at reproduction: perplexity and scores are "
        "then invalid, and every table marks the row `leaky`.",
    )
    part: Literal["magnitude", "log_magnitude", "power", "real", "real_imag"] = ours(
        "magnitude",
        "What is taken of the spectrum; `real` and `real_imag` are linear maps of the input and serve as controls.",
    )
    bins: Annotated[int, Option(ge=1)] | Literal["all"] = ours(
        256, "Lowest frequencies used, where the axis has so many (`sequence`: all are)."
    )
    window: int = ours(32, "Positions W of axis causal_window.", ge=2)
    window_rank: int = ours(16, "Dimensions r to which axis causal_window projects, by a fixed random map.", ge=1)
    feature_source: Literal["ffn_input", "block_input", "attn_output"] = ours(
        "ffn_input",
        "What is transformed: the input of the feed-forward block, of the whole layer, or what the attention returns "
        "(BLOOM's includes the residual).",
    )
    fuse: Literal["concat", "gated", "replace"] = ours(
        "concat",
        "Features beside x (their logits are added), beside x through a learned gate a token, or instead of x. That "
        "features and semantics are joined is second-hand, how is not.",
    )

    # -- stages ---------------------------------------------------------------------------------------
    stage1: bool = stated(True, "Post-pretrain the LM experts on monolingual text first.")
    stage1_learning_rate: float = ours(5e-5, "Peak learning rate of stage 1. MoE-LPR's value.", gt=0)
    train_backbone: Literal["none", "norms", "all"] = ours(
        "none", "What is trained of the rest: nothing, the normalisation layers, or everything."
    )
    backbone_stages: Literal["both", "stage1", "stage2"] = ours("both", "The stages in which train_backbone counts.")
    lm_frozen: bool = second_hand(True, "LM experts are frozen in stage 2.")
    router_stage2: Literal["all", "mt_columns", "freeze"] = ours(
        "all", "What of the router stage 2 trains: all of it, what belongs to the translation experts, or nothing."
    )
    loss_on: Literal["target", "all"] = ours("target", "Tokens that stage 2 predicts; the target's, as in other rows.")

    # -- use --------------------------------------------------------------------------------------------
    probe_samples: int = ours(
        100, "Held-out sentences a language and a direction for the routing charts; 0: no charts.", ge=0
    )
    preset: Literal["mixmoe_safe", "mixmoe_paper", "mixmoe_pergroup"] | None = ours(
        None,
        "mixmoe_safe (the defaults), mixmoe_paper (closest to what is known of the paper: joint top-2), or "
        "mixmoe_pergroup (all LM slices always on, one translation expert a token).",
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: dict[str, object]) -> dict[str, object]:
        chosen = values.get("preset")
        if isinstance(chosen, str) and chosen in PRESETS:
            return {**PRESETS[chosen], **values}
        return values

    @model_validator(mode="after")
    def _fits(self) -> MixMoEConfig:
        for wrong, message in (
            (
                self.axis in LEAKY_AXES and not self.allow_leaky,
                f"axis: {self.axis} shows the router of a token later tokens, so the target leaks in training and "
                "decoding cannot repeat it; take hidden, causal_window or prompt, or set allow_leaky: true to try a "
                "reproduction whose scores are invalid",
            ),
            (
                self.axis in (*LEAKY_AXES, "prompt") and self.transform in ("dct", "random"),
                f"axis: {self.axis} has no fixed length and needs transform: fft; found {self.transform}",
            ),
            (
                self.axis == "prompt" and self.loss_on == "all",
                "axis: prompt shows the router the whole prompt, which may then not be predicted: set loss_on: target",
            ),
            (
                self.fuse != "concat" and self.transform == "none",
                f"fuse: {self.fuse} needs features, but transform is none",
            ),
            (
                self.router == "random" and not self.leaves_out(2),
                "router: random draws top_k experts; with all experts used there is nothing to draw, set top_k to less",
            ),
            (
                self.router == "random" and not self._unsaid(*_LEARNED_ALONE),
                f"router: random learns nothing and reads no features: leave out {', '.join(_LEARNED_ALONE)}",
            ),
            (
                self.router == "random" and self.rho_mode == "learned",
                "rho_mode: learned needs router: learned; the shares of groups that a random router can have are "
                "logsumexp (one half each), fixed and sum",
            ),
            (
                self.router == "random" and self.group_prior_coef > 0,
                "group_prior_coef: a random router cannot be pressed on; set it to 0",
            ),
            (
                self.router == "random" and self.balance > 0,
                "balance: a random router cannot be balanced by a loss; set it to 0",
            ),
            (
                self.router == "learned" and self.renormalise and self._one_of_several,
                "renormalise: the weight of a single chosen expert is then 1 whatever the router says, so the router "
                "would learn nothing; with a top 1 set renormalise: false",
            ),
            (
                self.gate_mode == "joint" and self.mt_top_k is not None,
                "mt_top_k needs gate_mode: per_group; a joint gate has one top_k",
            ),
            (
                self.axis != "causal_window" and not self._unsaid("window", "window_rank"),
                f"window and window_rank belong to axis: causal_window; found axis: {self.axis}",
            ),
            (
                self.transform == "none" and not self._unsaid("part", "bins", "axis", "feature_source"),
                "part, bins, axis and feature_source are about features, but transform is none: leave them out",
            ),
            (
                self.axis == "sequence" and not self._unsaid("bins"),
                "bins: axis: sequence uses all frequencies; leave bins out",
            ),
            (
                self.mt_init != "random" and not self._unsaid("mt_down_init"),
                f"mt_down_init belongs to mt_init: random; found mt_init: {self.mt_init}",
            ),
            (
                not self._draws_normal and not self._unsaid("init_std"),
                "init_std: nothing is drawn with it; it belongs to mt_init: random and router_init: normal",
            ),
            (
                self.rho_mode in ("fixed", "sum") and not self._unsaid("mt_logit_bias"),
                f"mt_logit_bias: with rho_mode: {self.rho_mode} it moves all logits of a softmax alike; leave it out",
            ),
            (
                not self._unsaid("renormalise") and not (self.leaves_out(1) or self.leaves_out(2)),
                "renormalise: with all experts used the weights sum to one anyway; leave it out",
            ),
            (
                not self.stage1 and not self._unsaid("stage1_learning_rate"),
                "stage1_learning_rate belongs to stage 1, but stage1 is false: leave it out",
            ),
            (
                not self.stage1 and self.backbone_stages == "stage1",
                "backbone_stages: stage1 trains the rest in stage 1 alone, but stage1 is false",
            ),
            (
                self.slices != "taylor" and not self._unsaid("taylor_samples"),
                f"taylor_samples belongs to slices: taylor; found slices: {self.slices}",
            ),
            (
                self.train_backbone == "none" and self.backbone_stages != "both",
                "backbone_stages says when train_backbone counts, but that is none: leave it out",
            ),
            (
                self.balance == 0 and self.balance_form != "switch",
                "balance_form: no balance loss is computed, since balance is 0; set balance, or leave the form out",
            ),
            (
                self.gate_mode == "joint" and self.rho_mode != "logsumexp",
                f"rho_mode: {self.rho_mode} needs gate_mode: per_group",
            ),
            (
                self.groups == "single" and self.gate_mode == "per_group",
                "gate_mode: per_group needs two groups, but groups is single",
            ),
            (
                self.groups == "single" and not self._unsaid(*_OF_TWO_GROUPS),
                "groups: single has no translation experts, and trains all it has: leave out "
                + ", ".join(_OF_TWO_GROUPS),
            ),
            (
                self.group_prior_coef > 0 and (self.groups == "single" or self.rho_mode in ("fixed", "sum")),
                "group_prior_coef: there is no learned mass of an LM group to press on; set it to 0",
            ),
            (
                self.mt_init == "copy" and self.mt_width is not None,
                "mt_width: a copy of the block has the block's width; leave it empty",
            ),
        ):
            if wrong:
                raise ValueError(message)
        return self

    def _unsaid(self, *names: str) -> bool:
        """Whether options are as they are by default or by the preset."""
        given = {name: field.default for name, field in type(self).model_fields.items()} | PRESETS.get(
            self.preset or "", {}
        )
        return all(getattr(self, name) == given[name] for name in names)

    # -- what follows from the options --------------------------------------------------------------

    @property
    def slice_count(self) -> int:
        """Slices of the pretrained block."""
        return self.lm_experts + (self.mt_experts if self.groups == "single" else 0)

    @property
    def factor(self) -> float:
        """c."""
        return float(self.slice_count) if self.rescale is None else self.rescale

    @property
    def used(self) -> tuple[int | Literal["all"], ...]:
        """Experts used a token: of all together, or (per_group) of the LM and of the MT group."""
        if self.gate_mode == "joint":
            return (self.top_k,)
        return (self.top_k, self.top_k if self.mt_top_k is None else self.mt_top_k)

    def leaves_out(self, stage: Literal[1, 2]) -> bool:
        """Whether a token leaves experts out in a stage; in stage 1 there are the slices alone."""
        return any(k != "all" and k < size for k, size in zip(self.used, self._sizes(stage), strict=False))

    def _sizes(self, stage: Literal[1, 2]) -> tuple[int, ...]:
        """Sizes of the groups that experts are chosen from, as ``used`` counts them."""
        if stage == 1 or self.groups == "single":
            return (self.slice_count,)
        if self.gate_mode == "joint":
            return (self.lm_experts + self.mt_experts,)
        return (self.lm_experts, self.mt_experts)

    @property
    def _draws_normal(self) -> bool:
        """Whether weights are drawn with ``init_std``: those of random translation experts, or the router's."""
        experts = self.groups == "mixed" and self.mt_init == "random"
        return experts or (self.router == "learned" and self.router_init == "normal")

    @property
    def _one_of_several(self) -> bool:
        return any(k == 1 and size > 1 for k, size in zip(self.used, self._sizes(2), strict=False))


# What one group does not have.
_OF_TWO_GROUPS = ("mt_width", "mt_init", "mt_down_init", "mt_logit_bias", "lm_frozen", "router_stage2")
# What a random router does not have.
_LEARNED_ALONE = (
    "transform", "axis", "part", "bins", "feature_source", "fuse", "router_init", "mt_logit_bias", "router_stage2",
)  # fmt: skip

# Beside the defaults, which are mixmoe_safe.
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
    # A renormalised top-1 weight is constant, so the choice could not be learned; at zero all tokens would choose
    # the first MT expert.
    "mixmoe_pergroup": {
        "gate_mode": "per_group",
        "top_k": "all",
        "mt_top_k": 1,
        "renormalise": False,
        "router_init": "normal",
        "balance": 0.01,
    },
}


def origins() -> dict[str, Origin]:
    """Where the default of every option comes from."""
    extras = {name: field.json_schema_extra for name, field in MixMoEConfig.model_fields.items()}
    return {name: extra["origin"] for name, extra in extras.items() if isinstance(extra, dict)}  # type: ignore[misc]
