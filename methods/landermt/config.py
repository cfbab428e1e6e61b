"""Configuration of LANDeRMT: every reading that the paper leaves open is an option.

Numbers in parentheses such as (#17) are the open points of the suite's method notes, docs/methods/landermt.md.
"""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from mtsuite.method import MethodConfig, Option


class LANDeRMTConfig(MethodConfig):
    # -- which layers (§3.1) ----------------------------------------------------------------------
    k: int = Option(
        4, ge=1, description="Layers to select, by the largest activation difference D. LANDeRMT §4.2: k = 4."
    )
    reduce: Literal["mean", "mean_abs", "l2_of_mean_vector"] = Option(
        "mean",
        description="Activation A_i of Eq. 1: mean over tokens and units (Figures 4 and 5 plot one value a "
        "layer), mean of "
        "absolute values, or the norm of the difference of mean vectors (#1).",
    )
    d_owner: Literal["right", "left"] = Option(
        "right",
        description="D between layers i and i+1 is credited to i+1 (right: the layer whose response changed) or "
        "to i (#2). Our choice.",
    )
    samples: int = Option(
        1000,
        ge=1,
        description="Held-out sentences a direction (layers) and a language (neurons); fewer if there are fewer "
        "(#5). Our choice.",
    )
    with_target: bool = Option(
        False,
        description="Layer detection also reads the reference behind the prompt (#5). LANDeRMT §3.1: the source "
        "sentence.",
    )

    # -- which neurons (§3.2) ---------------------------------------------------------------------
    epsilon: float = Option(
        0.9,
        ge=0,
        le=1,
        description="Share of neurons of a layer, those of lowest variance over languages, that are general. "
        "LANDeRMT §4.2: 0.9.",
    )
    detector: Literal["taylor", "random"] = Option(
        "taylor",
        description="Neurons by Taylor scores, or at random with the same counts for every language: the control "
        "for selection.",
    )
    awareness: Literal["lang_lm", "lang_mt", "pair_mt"] = Option(
        "lang_lm",
        description="Phi by the language-modelling loss of each language's text, by the translation loss "
        "averaged over the "
        "directions with that language, or by the translation loss of each direction (#11). §5.4: "
        "monolingual inputs.",
    )
    phi_agg: Literal["mean_abs", "abs_of_sum", "mean_sample_abs", "mean_square"] = Option(
        "mean_abs",
        description="How |g h| is aggregated over tokens: mean of absolute values (the code of Xie et al. 2021), "
        "absolute value of "
        "the sum (Eqs. 3-4 for the loss of a data set), mean over sentences of that, or mean of squares (#9).",
    )
    phi_norm: Literal["layer_mean", "layer_sum", "rank", "none"] = Option(
        "layer_mean",
        description="Scale of Phi over languages, whose losses differ, before the variance (#12). `none` is "
        "literal. Our choice.",
    )
    dispersion: Literal["variance", "cv", "entropy"] = Option(
        "variance",
        description="Spread over languages: variance (Eq. 5), coefficient of variation, or negated entropy of "
        "shares (#12).",
    )
    sort: Literal["asc", "desc"] = Option(
        "asc",
        description="General neurons have the lowest spread (asc, as A.4 needs) or Eq. 5's order to the letter "
        "(desc) (#13).",
    )

    # -- routing (§3.3) -----------------------------------------------------------------------------
    car_assign: Literal["swapped", "literal"] = Option(
        "swapped",
        description="Eq. 6 computes the specific share, Eq. 7 gives it to the general part (literal); swapped "
        "gives each part its own share (#17).",
    )
    car_site: Literal["output", "input"] = Option(
        "output", description="Scale each part's output, or its input as Eq. 7 writes (#20)."
    )
    car_gain: Literal["one", "two", "anchored"] = Option(
        "one",
        description="Shares as they are; doubled (exact at a share of one half); or relative to the static "
        "share, so that training starts from the base model (#20).",
    )
    car_mode: Literal["static", "learned", "token", "off"] = Option(
        "static",
        description="Shares fixed, trained a scalar a layer and direction, computed from each token, or off "
        "(both parts count fully) (#19).",
    )
    car_mass: Literal["sum", "mean"] = Option("sum", description="Mass of a part: sum of Phi (Eq. 6) or mean (#18).")
    forward_mask: bool = Option(
        True,
        description="Other languages' specific neurons are absent from forward passes, in training and in "
        "translation (#16).",
    )

    # -- what is trained --------------------------------------------------------------------------
    extra_train: Literal["none", "attention", "norms", "all_block"] = Option(
        "none",
        description="What else of the selected layers is trained (#22). The reported 805 M of BLOOM-7b1 are four "
        "whole blocks: `all_block`.",
    )
    preset: Literal["landermt_paper", "landermt_swapped", "landermt_safe"] | None = Option(
        None,
        description="Sets the car_* options: literal equations, swapped (the default row), or starting from the "
        "base model with learned shares.",
    )

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: dict[str, object]) -> dict[str, object]:
        chosen = values.get("preset")
        if isinstance(chosen, str) and chosen in PRESETS:
            return {**PRESETS[chosen], **values}
        return values


PRESETS: dict[str, dict[str, object]] = {
    "landermt_paper": {"car_assign": "literal", "car_site": "input", "car_gain": "one", "car_mode": "static"},
    "landermt_swapped": {"car_assign": "swapped", "car_site": "output", "car_gain": "one", "car_mode": "static"},
    "landermt_safe": {"car_assign": "swapped", "car_site": "output", "car_gain": "anchored", "car_mode": "learned"},
}
