"""Every method that ships passes the kit; every method runs on every family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch

from mtsuite.errors import MethodError
from mtsuite.method import Method, MethodConfig, Option, Phase, Train
from mtsuite.registry import find_method, registered
from mtsuite.testing import FAMILIES, Check, CheckResult, check_method, checks

torch.set_num_threads(1)  # tiny models: threads would only wait for one another

OWN = [name for name, entry in registered().items() if entry.distribution == "mtsuite"]
TWO_OF_FOUR = {"k": 2}  # so that some layers are not selected
CONFIGS: dict[str, dict[str, Any]] = dict.fromkeys(("landermt", "landermt-ls", "landermt-lg", "layers"), TWO_OF_FOUR)
OTHER_FAMILIES = [family for family in FAMILIES if family not in ("bloom", "llama")]
QUICK = (
    "attaches",
    "trains only what it says",
    "training changes something",
    "counts what it trains",
    "saves and loads to the same logits",
    "losses are numbers",
    "cached decoding equals uncached",
)
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("landermt", {"k": 2, "preset": "landermt_paper", "epsilon": 0.5}),
    ("landermt", {"k": 2, "preset": "landermt_safe", "epsilon": 0.5, "awareness": "pair_mt"}),
    ("landermt", {"k": 2, "car_mode": "token", "epsilon": 0.5, "awareness": "lang_mt", "forward_mask": False}),
    ("landermt", {"k": 2, "epsilon": 1.0, "extra_train": "all_block"}),
    ("landermt", {"k": 2, "detector": "random", "reduce": "l2_of_mean_vector", "with_target": True}),
    ("mix-moe", {"preset": "mixmoe_paper"}),
    ("mix-moe", {"preset": "mixmoe_pergroup", "transform": "dct"}),
    ("mix-moe", {"stage1": False, "transform": "random", "lm_experts": 3, "mt_experts": 5, "top_k": 3}),
    ("mix-moe", {"lm_frozen": False, "router_stage2": "mt_columns", "mt_init": "slices", "mt_width": 7}),
    ("adapter", {"bottleneck": 3}),
    ("lora", {"rank": 2, "dropout": 0.1}),
    ("moe-lpr", {"top_k": 1, "experts": 2, "lpr_form": "double_softmax"}),
    ("moe-lpr", {"every_k_layers": 2, "review": False, "loss_on": "all"}),
    ("llama-moe", {"partition": "kmeans_up", "gate": "linear", "experts": 4, "top_k": 4, "scale": 4.0}),
    (
        "llama-moe",
        {"noise": False, "multiply_scores": False, "stage1": False, "train_backbone": True, "loss_on": "all"},
    ),
]


def _cases() -> list[Any]:
    return [
        pytest.param(check, id=f"{name}: {check}")
        for name in OWN
        for check in checks(find_method(name), CONFIGS.get(name))
    ]


@pytest.mark.parametrize("check", _cases())
def test_kit(check: Check) -> None:
    check()


@pytest.mark.parametrize("family", OTHER_FAMILIES)
@pytest.mark.parametrize("name", OWN)
def test_family(name: str, family: str) -> None:
    for check in checks(find_method(name), CONFIGS.get(name), (family,)):
        if check.name in QUICK:
            check()


@pytest.mark.parametrize(("name", "config"), VARIANTS)
def test_variant(name: str, config: dict[str, Any]) -> None:
    check_method(find_method(name), config, ("bloom",))


# -- the kit itself finds what is wrong -------------------------------------------------------------


class Careless(Method):
    """Moves a weight that it does not name, and prints."""

    def phases(self) -> Sequence[Phase]:
        return [Train("careless")]

    def trainable(self, model: torch.nn.Module, phase: Train) -> list[torch.nn.Parameter]:
        print("training")
        self._victim = next(model.parameters())
        return list(model.parameters())[2:4]

    def loss(self, model: torch.nn.Module, batch: Any) -> torch.Tensor:
        with torch.no_grad():
            self._victim.add_(1.0)
        return super().loss(model, batch)

    def active_parameters(self, model: torch.nn.Module) -> int:
        return int(super().active_parameters(model)) + 1


def test_a_careless_method_fails_by_name() -> None:
    results = check_method(Careless, families=("bloom",), raise_on_failure=False)
    failed = {r.name for r in results if not r.passed}
    assert failed == {
        "trains only what it says",
        "active is at most total",
        "saves and loads to the same logits",
        "prints nothing",
    }
    with pytest.raises(
        MethodError, match=r"4 of \d+ checks failed:\n  bloom: trains only what it says: phase 'careless'"
    ):
        check_method(Careless, families=("bloom",))


class BareConfig(MethodConfig):
    told: int = Option(1, description="Said.")
    untold: int = 2


class Bare(Method):
    """An option without a description, two phases of one name, and a setting that is not there."""

    Config = BareConfig

    def phases(self) -> Sequence[Phase]:
        return [Train("same", settings=("tolt",)), Train("same")]


def test_a_bare_configuration_fails_by_field() -> None:
    failed = {
        r.name: r.message for r in check_method(Bare, families=("bloom",), raise_on_failure=False) if not r.passed
    }
    assert "untold" in failed["every option is described"]
    assert "phases have unique names" in failed
    assert "tolt" in failed["phases name known settings"]


def test_a_factory_is_enough() -> None:
    results = check_method(lambda: find_method("lora")(), families=("bloom",))
    assert CheckResult("constructs with defaults", "bloom", True) in results


class Leaky(Method):
    """Sees later tokens: the mean over the sequence is added to every state."""

    def phases(self) -> Sequence[Phase]:
        return [Train("leaky")]

    def attach(self, model: torch.nn.Module, artefacts: Any, phase: str) -> torch.nn.Module:
        block: Any = model.get_input_embeddings()  # type: ignore[operator]
        block.register_forward_hook(lambda _m, _a, output: output + output.mean(1, keepdim=True))
        return model


def test_a_leak_is_found() -> None:
    failed = {r.name for r in check_method(Leaky, families=("bloom",), raise_on_failure=False) if not r.passed}
    assert {"later tokens do not change earlier logits", "cached decoding equals uncached"} <= failed
