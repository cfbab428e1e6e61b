"""Mix-MoE's options: where they come from, which do not fit together, presets, and what stage 1 depends on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.mix_moe import MixMoE
from mtsuite.methods.mix_moe.config import PRESETS, MixMoEConfig, origins
from pydantic import ValidationError

from mtsuite.method import Artefacts, MethodError, Train
from mtsuite.testing import check_method, tiny_model

PAGE = Path(__file__).parents[2] / "docs" / "methods" / "mix-moe.md"
WORDS = {"stated": "Stated", "second-hand": "Second-hand", "ours": "Our choice"}


def config(**options: Any) -> MixMoEConfig:
    return MixMoEConfig.model_validate(options)


# -- where defaults come from ----------------------------------------------------------------------------


def test_every_option_says_where_its_default_comes_from() -> None:
    assert set(origins()) == set(MixMoEConfig.model_fields)
    for name, origin in origins().items():
        description = MixMoEConfig.model_fields[name].description
        assert description is not None
        assert [word for word in WORDS.values() if word in description] == [WORDS[origin]], name


def test_the_page_lists_every_option_as_the_program_has_it() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.+?)` \| (.+?) \|", PAGE.read_text(), re.M)
    found = {name: (default, origin) for name, default, origin in rows}
    fields = MixMoEConfig.model_fields
    shown = {None: "empty", True: "true", False: "false"}
    expected = {
        name: (
            shown[fields[name].default]
            if fields[name].default is None or isinstance(fields[name].default, bool)
            else str(fields[name].default),
            WORDS[origin].lower(),
        )
        for name, origin in origins().items()
    }
    assert found == expected


# -- options that do not fit together ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"axis": "sequence"}, "allow_leaky"),
        ({"axis": "fnet2d"}, "allow_leaky"),
        ({"axis": "prompt", "transform": "dct"}, "transform: fft"),
        ({"axis": "fnet2d", "allow_leaky": True, "transform": "random"}, "transform: fft"),
        ({"axis": "prompt", "loss_on": "all"}, "loss_on: target"),
        ({"fuse": "replace", "transform": "none"}, "needs features"),
        ({"router": "random"}, "nothing to draw"),
        ({"router": "random", "top_k": 4}, "nothing to draw"),
        ({"router": "random", "gate_mode": "per_group", "top_k": 2}, "nothing to draw"),
        ({"router": "random", "top_k": 2, "router_init": "xavier"}, "reads no features"),
        ({"router": "random", "top_k": 2, "fuse": "gated"}, "reads no features"),
        ({"router": "random", "top_k": 2, "axis": "sequence", "allow_leaky": True}, "reads no features"),
        ({"router": "random", "top_k": 2, "preset": "mixmoe_paper", "balance": 0, "part": "real"}, "no features"),
        ({"router": "random", "gate_mode": "per_group", "top_k": 1, "rho_mode": "learned"}, "rho_mode: learned needs"),
        ({"router": "random", "top_k": 2, "group_prior_coef": 1.0}, "cannot be pressed on"),
        ({"router": "random", "top_k": 2, "balance": 0.1}, "random router"),
        ({"top_k": 1, "router_init": "xavier"}, "the router would learn nothing"),
        ({"preset": "mixmoe_pergroup", "renormalise": True}, "the router would learn nothing"),
        ({"rho_mode": "fixed"}, "gate_mode: per_group"),
        ({"groups": "single", "gate_mode": "per_group"}, "two groups"),
        ({"groups": "single", "group_prior_coef": 1.0}, "LM group"),
        ({"groups": "single", "router_stage2": "freeze"}, "no translation experts"),
        ({"groups": "single", "lm_frozen": False}, "no translation experts"),
        ({"groups": "single", "mt_init": "slices"}, "no translation experts"),
        ({"init_std": 0.1, "mt_init": "slices"}, "nothing is drawn"),
        ({"init_std": 0.1, "groups": "single"}, "nothing is drawn"),
        ({"gate_mode": "per_group", "rho_mode": "sum", "mt_logit_bias": 0.0}, "logits of a softmax alike"),
        ({"gate_mode": "per_group", "rho_mode": "sum", "group_prior_coef": 1.0}, "LM group"),
        ({"mt_init": "copy", "mt_width": 4}, "leave it empty"),
        ({"mt_top_k": 1}, "a joint gate has one top_k"),
        ({"window": 8}, "axis: causal_window"),
        ({"transform": "none", "bins": 5}, "transform is none"),
        ({"transform": "none", "axis": "prompt"}, "transform is none"),
        ({"transform": "none", "axis": "sequence", "allow_leaky": True}, "transform is none"),
        ({"transform": "none", "feature_source": "block_input"}, "transform is none"),
        ({"axis": "sequence", "allow_leaky": True, "bins": 5}, "all frequencies"),
        ({"mt_init": "slices", "mt_down_init": "normal"}, "mt_init: random"),
        ({"renormalise": False}, "sum to one anyway"),
        ({"gate_mode": "per_group", "top_k": 2, "renormalise": False}, "sum to one anyway"),
        ({"stage1": False, "stage1_learning_rate": 1e-3}, "stage1 is false"),
        ({"stage1": False, "train_backbone": "all", "backbone_stages": "stage1"}, "stage1 is false"),
        ({"taylor_samples": 10}, "slices: taylor"),
        ({"backbone_stages": "stage1"}, "train_backbone counts"),
        ({"balance_form": "entropy"}, "balance is 0"),
        ({"top_k": 0}, "greater than or equal to 1"),
        ({"preset": "mixmoe_best"}, "mixmoe_safe"),
    ],
)
def test_options_that_do_not_fit(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        config(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"balance": 0.1}, "constant"),
        ({"balance": 0.1, "top_k": 4, "router_init": "xavier"}, "constant"),
        ({"balance": 0.1, "gate_mode": "per_group", "top_k": 2}, "constant"),
        ({"top_k": 2}, "router_init"),
        ({"layers": []}, "0 to 3"),
        ({"layers": [4]}, "0 to 3"),
        ({"layers": [-1, 2]}, "0 to 3"),
        ({"layers": [1, 1]}, "every layer once"),
    ],
)
def test_options_that_do_nothing_are_refused_when_planned(options: dict[str, Any], says: str) -> None:
    with pytest.raises(MethodError, match=says):
        MixMoE(config(**options)).check(4, [])


@pytest.mark.parametrize(
    "options",
    [
        {"balance": 0.1, "balance_form": "entropy"},
        {"balance": 0.1, "balance_form": "p_only"},
        {"balance": 0.1, "top_k": 3, "router_init": "xavier"},
        {"router": "random", "top_k": 2},
        {"router": "random", "gate_mode": "per_group", "top_k": "all", "mt_top_k": 1},
        {"router": "random", "top_k": 2, "preset": "mixmoe_paper", "balance": 0},  # what a preset sets is not said
        {"preset": "mixmoe_paper", "mt_init": "slices"},
        {
            "lm_experts": 4,
            "mt_experts": 1,
            "gate_mode": "per_group",
            "top_k": 3,
            "renormalise": False,
            "router_init": "xavier",
        },
        *({"preset": preset} for preset in PRESETS),
    ],
)
def test_options_that_do_something_are_not(options: dict[str, Any]) -> None:
    MixMoE(config(**options)).check(4, [])


def test_leaky_rows_are_marked() -> None:
    leaky = MixMoE(config(axis="fnet2d", allow_leaky=True))
    assert leaky.mark() == "leaky"
    assert "invalid" in leaky.note()
    model = leaky.attach(tiny_model("llama"), Artefacts(), "mt-experts")
    assert model.generation_config.use_cache is False  # type: ignore[union-attr]
    failed = {
        r.name for r in check_method(MixMoE, leaky.config, families=("llama",), raise_on_failure=False) if not r.passed
    }
    assert failed == {"later tokens do not change earlier logits", "cached decoding equals uncached"}, "by design"
    assert MixMoE().mark() == ""
    assert MixMoE(config(allow_leaky=True)).mark() == ""


# -- presets ----------------------------------------------------------------------------------------------


def test_presets() -> None:
    assert config(preset="mixmoe_safe") == config().model_copy(update={"preset": "mixmoe_safe"})
    paper = config(preset="mixmoe_paper")
    assert (paper.gate_mode, paper.top_k, paper.renormalise, paper.factor) == ("joint", 2, True, 2.0)
    assert (paper.router_init, paper.mt_down_init, paper.mt_logit_bias) == ("xavier", "normal", 0.0)
    assert (paper.balance, paper.balance_form) == (0.01, "switch")
    grouped = config(preset="mixmoe_pergroup")
    assert (grouped.gate_mode, grouped.rho_mode, grouped.used) == ("per_group", "logsumexp", ("all", 1))
    for preset in PRESETS:
        chosen = config(preset=preset)
        assert (chosen.lm_experts, chosen.mt_experts, chosen.slices) == (2, 2, "random")
        assert (chosen.transform, chosen.axis, chosen.part) == ("fft", "hidden", "magnitude")
        assert config(preset=preset, top_k=3).top_k == 3, "what is said wins over the preset"


# -- what stage 1 depends on ----------------------------------------------------------------------------------


def first(options: dict[str, Any]) -> tuple[Train, dict[str, Any]]:
    """Stage 1 of a row and the part of its configuration that goes into its key."""
    method = MixMoE(config(**options))
    phase = next(p for p in method.phases() if p.name == "lm-experts")
    assert isinstance(phase, Train)
    assert phase.settings is not None
    dumped = method.config.model_dump(mode="json")
    return phase, {name: dumped[name] for name in phase.settings}


ROWS: list[dict[str, Any]] = [
    {},
    {"preset": "mixmoe_paper", "lm_experts": 3, "mt_experts": 4, "bins": 5, "router_stage2": "freeze",
     "part": "power", "mt_width": 9, "mt_logit_bias": 2.0, "loss_on": "all"},
    {"preset": "mixmoe_pergroup"},
    {"groups": "single", "mt_experts": 3},
    {"router": "random", "mt_experts": 6, "top_k": 3},
    {"axis": "causal_window", "window": 4, "window_rank": 3, "fuse": "gated"},
    {"axis": "prompt"},
    {"axis": "sequence", "allow_leaky": True},
    {"balance": 0.1, "balance_form": "entropy", "layers": [1, 2]},
    {"lm_experts": 4, "top_k": 2, "renormalise": False, "router_init": "normal", "init_std": 0.1, "balance": 0.1},
]  # fmt: skip


@pytest.mark.parametrize("options", ROWS)
def test_stage_1_can_be_made_from_its_settings_alone(options: dict[str, Any]) -> None:
    phase, part = first(options)
    models = []
    for method in (MixMoE(config(**options)), MixMoE(config(**part))):
        assert next(p for p in method.phases() if p.name == "lm-experts") == phase
        torch.manual_seed(0)
        models.append(method.attach(tiny_model("bloom"), Artefacts(), phase.name))
    one, two = (model.state_dict() for model in models)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    ids = torch.randint(2, 300, (2, 40))
    with torch.inference_mode():
        assert torch.equal(*(model(input_ids=ids).logits for model in models))


def test_rows_that_differ_in_stage_2_share_stage_1() -> None:
    for change in (
        {"mt_init": "slices"}, {"mt_width": 3}, {"router_stage2": "freeze"}, {"lm_frozen": False}, {"loss_on": "all"},
        {"gate_mode": "per_group", "rho_mode": "sum"}, {"group_prior_coef": 1.0}, {"mt_experts": 5},
        {"top_k": 2}, {"probe_samples": 0}, {"preset": "mixmoe_safe"}, {"mt_down_init": "normal"},
    ):  # fmt: skip
        assert first(change) == first({}), change
    assert first({"preset": "mixmoe_paper"}) == first({"preset": "mixmoe_paper", "top_k": "all", "balance": 0.0})


def test_rows_that_differ_in_stage_1_do_not() -> None:
    for change in (
        {"lm_experts": 4}, {"slices": "contiguous"}, {"top_k": 1, "renormalise": False}, {"router_init": "xavier"},
        {"bins": 4},
        {"transform": "dct"}, {"part": "real"}, {"axis": "prompt"}, {"fuse": "replace"}, {"layers": [1]},
        {"feature_source": "block_input"}, {"groups": "single"}, {"train_backbone": "norms"}, {"rescale": 1.0},
        {"stage1_learning_rate": 1e-3}, {"balance": 0.1, "balance_form": "p_only"}, {"router": "random", "top_k": 2},
    ):  # fmt: skip
        assert first(change) != first({}), change


def test_stage_2_depends_on_all_but_the_look_at_it() -> None:
    phase = next(p for p in MixMoE().phases() if p.name == "mt-experts")
    assert isinstance(phase, Train)
    assert phase.settings is not None
    assert set(MixMoEConfig.model_fields) - set(phase.settings) == {"preset", "probe_samples"}
