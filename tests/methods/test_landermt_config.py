"""LANDeRMT's options: which do not stand together, and presets."""

from __future__ import annotations

from typing import Any

import pytest
from mtsuite.methods.landermt.config import LANDeRMTConfig
from pydantic import ValidationError

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
from mtsuite.registry import configure


def config(**options: Any) -> LANDeRMTConfig:
    return LANDeRMTConfig.model_validate(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"select": "threshold"}, "threshold goes with"),
        ({"threshold": 0.1}, "threshold goes with"),
        ({"select": "all", "k": 2}, "k goes with `select: topk`"),
        ({"select": "threshold", "threshold": 0.1, "k": 2}, "k goes with `select: topk`"),
        ({"car_mode": "token_act", "car_phi": "normalised"}, "not of Phi"),
        ({"layer_scope": "vote"}, "min_pairs goes with"),
        ({"min_pairs": 2}, "min_pairs goes with"),
        ({"select": "all", "layer_scope": "union"}, "leaves nothing to layer_scope"),
        ({"act_site": "ffn_hidden", "reduce": "l2_of_mean_vector"}, "do not correspond"),
        ({"swiglu_site": "gate_and_up"}, "taylor_site: pre"),
        ({"detector": "namnmt", "sort": "desc"}, "belong to Eq. 5"),
        ({"detector": "lape", "dispersion": "cv"}, "belong to Eq. 5"),
        ({"detector": "lape", "multi_assign": 0.9}, "follow from lape_quantile"),
        ({"detector": "lape", "neuron_unit": "both_outputs"}, "no activation function"),
        ({"car_mode": "off", "car_gain": "two"}, "no shares to scale"),
        ({"preset": "landermt_safe", "car_mode": "off"}, "no shares to scale"),
        ({"car_mode": "off", "car_site": "input"}, "scales nothing"),
        ({"car_mode": "half", "car_gain": "anchored"}, "all shares are the same"),
        ({"car_mode": "half", "car_assign": "literal"}, "shares by Phi"),
        ({"car_mode": "off", "car_mass": "mean"}, "shares by Phi"),
        ({"car_gain": "anchored"}, "relative to the static ones"),
        ({"car_mode": "token_act", "car_site": "input"}, "set car_site to output"),
        ({"layer_scope": "per_pair", "extra_train": "norms"}, "do not share layers"),
        ({"neuron_unit": "h_to_4h_only", "extra_train": "all_block"}, "choose one"),
        ({"multi_assign": 0.0}, "greater than 0"),
        ({"dead_threshold": 1.0}, "less than 1"),
    ],
)
def test_contradictions_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**options)


@pytest.mark.parametrize(
    ("preset", "expected"),
    [
        ("landermt_paper", ("literal", "input", "one", "static")),
        ("landermt_swapped", ("swapped", "output", "one", "static")),
        ("landermt_safe", ("swapped", "output", "anchored", "learned")),
        (None, ("swapped", "output", "one", "static")),
    ],
)
def test_presets(preset: str | None, expected: tuple[str, ...]) -> None:
    found = config(preset=preset)
    assert (found.car_assign, found.car_site, found.car_gain, found.car_mode) == expected
    assert LANDeRMTConfig.model_validate(found.model_dump(mode="json")) == found


def test_own_values_win_over_a_preset() -> None:
    assert config(preset="landermt_paper", car_site="output").car_site == "output"


@pytest.mark.parametrize(
    ("direction", "written"), [("en-zh-Hant", "en-zh_Hant"), ("sr-Cyrl-RS-pt-BR", "sr_Cyrl_RS-pt_BR")]
)
def test_codes_with_hyphens_are_refused_with_the_form_to_write(direction: str, written: str) -> None:
    method = configure("landermt", {"k": 1})
    with pytest.raises(MethodError, match=f"found '{direction}'.*: {written}\\."):
        method.check(4, [Direction.parse("en-de"), Direction.parse(direction)])
    method.check(4, [Direction.parse("en-de"), Direction.parse(written)])
