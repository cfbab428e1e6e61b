"""Configuration of LANDeRMT: every reading that the paper leaves open is an option.

Numbers in parentheses such as (#17) are the open points of docs/methods/landermt.md; sections and equations
are those of Zhu et al. 2024, arXiv 2409.19523.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from mtsuite.method import MethodConfig, Option


class LayerSelection(MethodConfig):
    """Which layers (§3.1)."""

    select: Literal["topk", "threshold", "all"] = Option(
        "topk",
        description="Layers of the k largest differences D (Eq. 2), those with D above `threshold` (as A.3 words it), "
        "or all (#3). §4.2: the k largest.",
    )
    k: int = Option(
        4, ge=1, description="Layers to select when `select` is topk, by the largest D. §4.2: k = 4 (of 30)."
    )
    threshold: float | None = Option(
        None,
        ge=0,
        description="D above which a layer is selected, in the unit of the activations; for `select: threshold` alone "
        "(#3). No default: the scale is the model's.",
    )
    layer_scope: Literal["global", "per_pair", "union", "vote"] = Option(
        "global",
        description="One set of layers by D averaged over directions; a set for each direction, which passes the "
        "others' layers whole, as those have trained them; the union of these sets; or the layers in at least "
        "`min_pairs` of them (#4). Our choice: global, which agrees with Table 1's 805 M.",
    )
    min_pairs: int | None = Option(
        None, ge=1, description="Directions that must select a layer; for `layer_scope: vote` alone (#4)."
    )
    act_site: Literal["mlp_out", "ffn_hidden", "block_out"] = Option(
        "mlp_out",
        description="Activation A_i of Eq. 1: output of the feed-forward block before the residual is added, its inner "
        "neurons, or output of the whole layer (#1). §3.1 says FFN layers; the place is our choice.",
    )
    reduce: Literal["mean", "mean_abs", "l2_of_mean_vector"] = Option(
        "mean",
        description="How A_i becomes a number: mean over tokens and units (Figures 4 and 5 plot one value a layer), "
        "mean of absolute values, or D as the norm of the difference of mean vectors (#1).",
    )
    d_owner: Literal["right", "left", "both"] = Option(
        "right",
        description="D between layers i and i+1 is credited to i+1 (the layer whose response changed), to i, or to "
        "both, where a layer keeps the larger of its two (#2). Our choice.",
    )
    samples: int = Option(
        1000,
        ge=1,
        description="Held-out sentences a direction (layers) and a language (neurons); fewer if there are fewer "
        "(#5). Our choice.",
    )
    with_target: bool = Option(
        False,
        description="Layer detection also reads the reference behind the prompt (#5). §3.1: the source sentence.",
    )

    @model_validator(mode="after")
    def _selection(self) -> Self:
        for wrong, message in (
            (
                (self.select == "threshold") != (self.threshold is not None),
                "threshold goes with `select: threshold`: give both or neither",
            ),
            (
                self.select != "topk" and self.k != _default("k"),
                f"k goes with `select: topk`; `select: {self.select}` does not use it: leave it out",
            ),
            (
                (self.layer_scope == "vote") != (self.min_pairs is not None),
                "min_pairs goes with `layer_scope: vote`: give both or neither",
            ),
            (
                self.select == "all" and self.layer_scope != "global",
                "`select: all` leaves nothing to layer_scope; leave layer_scope out",
            ),
            (
                self.act_site == "ffn_hidden" and self.reduce == "l2_of_mean_vector",
                "inner neurons of different layers do not correspond, so the difference of their mean vectors means "
                "nothing: with `act_site: ffn_hidden` set reduce to mean or mean_abs",
            ),
        ):
            if wrong:
                raise ValueError(message)
        return self


class LayersConfig(LayerSelection):
    """Options of Layers (§4.4), whose selected layers are trained whole, by all directions."""

    layer_scope: Literal["global", "union", "vote"] = Option(
        "global",
        description="One set of layers by D averaged over directions; the union of the sets of each direction; or the "
        "layers in at least `min_pairs` of them (#4). Our choice: global.",
    )
    loss_on: Literal["target", "all"] = Option(
        "target", description="Tokens of the loss: the translation, or the prompt too (#25). Our choice: the target."
    )


class LANDeRMTConfig(LayerSelection):
    # -- which neurons (§3.2) ---------------------------------------------------------------------
    detector: Literal["taylor", "random", "namnmt", "lape"] = Option(
        "taylor",
        description="General neurons vary least over languages (Eq. 5); the same counts drawn at random, by the run's "
        "seed; are large everywhere (Xie et al. 2021); or all but those that fire in few languages (LAPE, Tang et "
        "al. 2024, over the selected layers together). §3.2: taylor.",
    )
    epsilon: float = Option(
        0.9,
        ge=0,
        le=1,
        description="Share of neurons that are general, whatever the detector. §4.2: 0.9.",
    )
    neuron_unit: Literal["inner", "h_to_4h_only", "both_outputs"] = Option(
        "inner",
        description="A neuron is an inner unit, with its row of W_up (and W_gate) and its column of W_down; the same "
        "with the rows trained alone; or every output of either map, with its row (#6). Figures 12 and 13 show "
        "dense_h_to_4h; our choice: inner.",
    )
    taylor_site: Literal["post", "pre"] = Option(
        "post",
        description="Output h of Eq. 4 after the activation function, or before it (#8). Our choice: after.",
    )
    swiglu_site: Literal["product", "gate_act", "gate_and_up"] = Option(
        "product",
        description="Where a gated neuron is read (#7): the product of both branches; act(gate) alone, which decides "
        "when LAPE counts it as firing, while its Taylor score equals the product's by the chain rule; or gate and up "
        "before the product, their scores added (`taylor_site: pre`). Without a gate it has no effect. LLaMA-MoE's "
        "score: product.",
    )
    awareness: Literal["lang_lm", "lang_mt", "pair_mt"] = Option(
        "lang_lm",
        description="Phi by the language-modelling loss of each language's text, by the translation loss averaged over "
        "the directions with that language, or by the translation loss of each direction, whose neurons are then "
        "specific to directions (#11). §5.4: monolingual inputs.",
    )
    phi_agg: Literal["mean_abs", "abs_of_sum", "mean_sample_abs", "mean_square"] = Option(
        "mean_abs",
        description="How g h is aggregated over tokens: mean of absolute values (the code of Xie et al. 2021), "
        "absolute value of the sum (Eqs. 3-4 for the loss of a data set), mean over sentences of that, or mean of "
        "squares (#9).",
    )
    phi_norm: Literal["layer_mean", "layer_sum", "rank", "none"] = Option(
        "layer_mean",
        description="Scale of Phi over languages, whose losses differ, before the spread (#12). `none` is literal. "
        "Our choice.",
    )
    dispersion: Literal["variance", "cv", "entropy"] = Option(
        "variance",
        description="Spread over languages: variance (Eq. 5), coefficient of variation, or negated entropy of "
        "shares (#12).",
    )
    sort: Literal["asc", "desc"] = Option(
        "asc",
        description="General neurons are the share epsilon of lowest spread (asc, as A.4 and §4.4 need); or those not "
        "above the spread at place epsilon * p from the highest down, Eq. 5's order to the letter, a share of "
        "1 - epsilon (desc) (#13).",
    )
    dead_threshold: float = Option(
        0.0,
        ge=0,
        lt=1,
        description="Quantile q of a layer's largest Phi over languages: neurons below are neither trained nor masked, "
        "the unactivated ones of §1 (#14). Our choice: 0, there are none.",
    )
    multi_assign: float | None = Option(
        None,
        gt=0,
        le=1,
        description="A specific neuron belongs to every language whose Phi is at least this ratio of the largest "
        "(Xie et al. 2021: 0.9) instead of the one of the largest (#15). §3.2: the one.",
    )
    lape_quantile: float = Option(
        0.95,
        gt=0,
        lt=1,
        description="With `detector: lape`: quantile of all firing probabilities that a neuron must reach in a "
        "language to belong to it. Tang et al. 2024, released code: 0.95.",
    )

    # -- routing (§3.3) -----------------------------------------------------------------------------
    car_assign: Literal["swapped", "literal"] = Option(
        "swapped",
        description="Eq. 6 computes the specific share, Eq. 7 gives it to the general part (literal); swapped gives "
        "each part its own share (#17). Our choice.",
    )
    car_site: Literal["output", "input"] = Option(
        "output", description="Scale each part's output, or its input as Eq. 7 writes (#20). Our choice."
    )
    car_gain: Literal["one", "two", "anchored"] = Option(
        "one",
        description="Shares as they are (Eqs. 7-9); doubled (exact at a share of one half); or relative to the static "
        "share, so that training starts from the base model (#20).",
    )
    car_mode: Literal["static", "learned", "token", "token_act", "half", "off"] = Option(
        "static",
        description="Share of a layer and direction: fixed by Phi; trained from there; computed from each token by a "
        "trained vector; from each token's activations times mean gradients; one half each, whatever Phi says; or off, "
        "both parts count fully (#19). Eqs. 6-8 write CAR(x_t) and give no map from x_t to it; our choice: fixed.",
    )
    car_phi: Literal["raw", "normalised"] = Option(
        "raw",
        description="Phi that the shares are made of: as measured (Eq. 6), or on the scale of `phi_norm`, which gives "
        "both languages of a direction equal weight (#12). Eq. 6: as measured.",
    )
    car_mass: Literal["sum", "mean"] = Option("sum", description="Mass of a part: sum of Phi (Eq. 6) or mean (#18).")
    forward_mask: bool = Option(
        True,
        description="Other languages' specific neurons are absent from forward passes, in training and in translation "
        "(§3.3); false: they are present and not trained (#16).",
    )

    # -- what is trained --------------------------------------------------------------------------
    extra_train: Literal["none", "attention", "norms", "all_block"] = Option(
        "none",
        description="What else of the selected layers is trained (#22). The reported 805 M of BLOOM-7b1 are four whole "
        "blocks: `all_block`.",
    )
    loss_on: Literal["target", "all"] = Option(
        "target", description="Tokens of the loss: the translation, or the prompt too (#25). Our choice: the target."
    )
    cluster_layer: int | None = Option(
        None,
        ge=1,
        description="Layer of Figures 12 and 13, counted from 1 as figures do; empty: the selected one of the largest "
        "D. Changes nothing but the figures.",
    )
    preset: Literal["landermt_paper", "landermt_swapped", "landermt_safe"] | None = Option(
        None,
        description="Sets the car_* options: literal equations, swapped (the default row), or starting from the base "
        "model with learned shares.",
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: dict[str, object]) -> dict[str, object]:
        chosen = values.get("preset")
        if isinstance(chosen, str) and chosen in PRESETS:
            return {**PRESETS[chosen], **values}
        return values

    @model_validator(mode="after")
    def _combinations(self) -> LANDeRMTConfig:
        for wrong, message in _contradictions(self):
            if wrong:
                raise ValueError(message)
        return self


PRESETS: dict[str, dict[str, object]] = {
    "landermt_paper": {"car_assign": "literal", "car_site": "input", "car_gain": "one", "car_mode": "static"},
    "landermt_swapped": {"car_assign": "swapped", "car_site": "output", "car_gain": "one", "car_mode": "static"},
    "landermt_safe": {"car_assign": "swapped", "car_site": "output", "car_gain": "anchored", "car_mode": "learned"},
}


def _default(name: str) -> object:
    return LayerSelection.model_fields[name].default


def _contradictions(c: LANDeRMTConfig) -> list[tuple[bool, str]]:
    """Combinations in which an option would do nothing, or has no meaning."""
    by_spread = c.detector in ("taylor", "random")
    return [
        (
            c.swiglu_site == "gate_and_up" and c.taylor_site == "post",
            "after the activation the scores of gate and up both equal the product's: gate_and_up needs "
            "`taylor_site: pre`",
        ),
        (
            not by_spread and (c.dispersion != "variance" or c.sort != "asc"),
            f"dispersion and sort belong to Eq. 5; `detector: {c.detector}` does not use them",
        ),
        (
            c.detector == "lape" and c.multi_assign is not None,
            "with `detector: lape` the languages of a neuron follow from lape_quantile; leave multi_assign out",
        ),
        (
            c.detector == "lape" and c.neuron_unit == "both_outputs",
            "LAPE counts when inner neurons fire; the outputs of W_down have no activation function: with "
            "`neuron_unit: both_outputs` use another detector",
        ),
        (
            c.car_mode == "half" and c.car_gain == "anchored",
            "with `car_mode: half` all shares are the same, so there is nothing to be relative to: leave car_gain out",
        ),
        (
            c.car_mode in ("half", "off") and (c.car_assign != "swapped" or c.car_mass != "sum" or c.car_phi != "raw"),
            f"car_assign, car_mass and car_phi are about shares by Phi; `car_mode: {c.car_mode}` has none: leave "
            "them out",
        ),
        (
            c.car_mode == "off" and c.car_site != "output",
            "`car_mode: off` scales nothing, at no site: leave car_site (and a preset that sets it) out",
        ),
        (
            c.car_mode == "off" and c.car_gain != "one",
            "`car_mode: off` has no shares to scale; leave car_gain (and a preset that sets it) out",
        ),
        (
            c.car_mode == "static" and c.car_gain == "anchored",
            "anchored shares are relative to the static ones, so with `car_mode: static` nothing would be scaled: "
            "set car_mode to learned or token, or to off",
        ),
        (
            c.car_mode == "token_act" and c.car_gain == "anchored",
            "token_act starts wherever the first token's activations are, so there is no share to be relative to: with "
            "`car_gain: anchored` set car_mode to learned or token",
        ),
        (
            c.car_mode == "token_act" and c.taylor_site == "pre",
            "token_act multiplies activations by gradients with respect to them: set taylor_site to post",
        ),
        (
            c.car_phi == "normalised" and c.phi_norm == "none",
            "`phi_norm: none` leaves nothing to normalise: leave car_phi out",
        ),
        (
            c.car_mode == "token_act" and c.car_phi == "normalised",
            "with `car_mode: token_act` shares are made of each token's activations, not of Phi: leave car_phi out",
        ),
        (
            c.detector != "lape" and c.lape_quantile != 0.95,
            f"lape_quantile belongs to `detector: lape`; `detector: {c.detector}` does not use it",
        ),
        (
            c.car_mode == "token_act" and c.car_site == "input",
            "token_act needs the activations before it can scale: set car_site to output",
        ),
        (
            c.layer_scope == "per_pair" and c.extra_train != "none",
            "with `layer_scope: per_pair` directions do not share layers, but what extra_train adds is trained by all "
            "of them: leave extra_train out",
        ),
        (
            c.neuron_unit == "h_to_4h_only" and c.extra_train == "all_block",
            "`extra_train: all_block` trains W_down, `neuron_unit: h_to_4h_only` does not: choose one",
        ),
    ]
