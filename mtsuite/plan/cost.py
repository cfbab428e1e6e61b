"""What a plan costs, estimated without weights: parameters, updates, tokens, memory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.data.direction import Direction
from mtsuite.errors import MTSuiteError
from mtsuite.method import Artefacts, Probe, Train, main_phase
from mtsuite.plan.build import Planned
from mtsuite.registry import code_of
from mtsuite.units import size_text

if TYPE_CHECKING:
    from torch import nn

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
_OPTIMIZER_BYTES = 16  # a trained number: float32 weight, its gradient, and AdamW's two moments


@dataclass(frozen=True)
class BaseEstimate:
    """The base model as far as it is known: ``skeleton`` is the model without weights, or None."""

    text: str
    parameters: int | None
    skeleton: nn.Module | None


@dataclass(frozen=True)
class RowEstimate:
    name: str
    trained: str
    updates: str
    pairs: str
    tokens: str
    memory: str
    remark: str


def base_estimate(planned: Planned) -> BaseEstimate:
    """Parameters of the base model from its configuration alone."""
    skeleton = skeleton_of(planned)
    if skeleton is None:
        name = planned.recipe.model.name_or_path
        return BaseEstimate(
            f"{Path(name).name}: its configuration is not at hand, so nothing is known about its size "
            "(`model.architecture` can hold it)",
            None,
            None,
        )
    count = sum(p.numel() for p in skeleton.parameters())
    model = planned.recipe.model
    name = "pretrained by the suite" if model.name_or_path == "pretrain" else model.name_or_path
    return BaseEstimate(f"{name}, {count:,} parameters, held as {model.dtype}", count, skeleton)


def skeleton_of(planned: Planned) -> nn.Module | None:
    """The base model on the meta device (shapes without numbers), or None when its configuration is unknown."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from mtsuite.model.load import load_configuration
    from mtsuite.model.pretrained import architecture

    model = planned.recipe.model
    config: Any
    if model.name_or_path == "pretrain":
        config = architecture(model.pretrain.model_dump(), model.pretrain.vocabulary)
    elif model.architecture:
        values = dict(model.architecture)
        config = AutoConfig.for_model(values.pop("model_type"), **values)
    elif (planned.folder / model.name_or_path / "config.json").is_file():
        path = planned.folder / model.name_or_path
        config = load_configuration(path, trust_remote_code=model.trust_remote_code)
    else:
        return None
    with torch.device("meta"):
        built: nn.Module = AutoModelForCausalLM.from_config(config, trust_remote_code=model.trust_remote_code)
    return built


def row_estimates(planned: Planned, base: BaseEstimate) -> list[RowEstimate]:
    """One estimate a row; what cannot be known is a question mark with the reason as remark."""
    recipe = planned.recipe
    directions = recipe.parsed_directions()
    rows = []
    for name, method in planned.methods.items():
        trains = [phase for phase in method.phases() if isinstance(phase, Train)]
        if not trains:
            memory = _memory(base.parameters, 0, recipe.model.dtype)
            rows.append(RowEstimate(name, "-", "0", "0", "0", memory, "nothing is trained"))
            continue
        trained, frozen, remark = _trained(planned, base, name, directions)
        mono = recipe.train.mono_steps or max(1, recipe.train.max_steps // 2)
        updates = [mono if phase.text == "monolingual" else recipe.train.max_steps for phase in trains]
        per_update = recipe.train.tokens_per_batch * recipe.train.gradient_accumulation_steps
        sentences = recipe.train.sentences_per_batch
        pairs = (
            f"{sentences * recipe.train.gradient_accumulation_steps * recipe.train.max_steps:,}"
            if sentences
            else "by length"
        )
        probes = sum(isinstance(phase, Probe) and phase.looks_at == "base" for phase in method.phases())
        if probes:
            remark = f"{remark}; " * bool(remark) + "looks at held-out text first"
        rows.append(
            RowEstimate(
                name,
                "?" if trained is None else f"{trained:,}",
                " + ".join(map(str, updates)),
                pairs,
                f"{sum(updates) * per_update:,}",
                _memory(frozen, trained, recipe.model.dtype),
                remark,
            )
        )
    return rows


def _trained(
    planned: Planned, base: BaseEstimate, name: str, directions: list[Direction]
) -> tuple[int | None, int | None, str]:
    """Parameters that the main phase trains and those it leaves frozen, by doing the surgery on the skeleton."""
    if base.skeleton is None or base.parameters is None:
        return None, None, "the model's configuration is not known here"
    import copy

    import torch

    method = planned.methods[name]
    phase = main_phase(method.phases())
    assert phase is not None
    model = copy.deepcopy(base.skeleton)
    use = planned.recipe.methods[name].use or name
    try:
        with code_of(use, "attach", f"{use} on a model without numbers"):
            count = method.planned_parameters(model, directions)
            if count is not None:  # counted by the method itself, which then trains a part of the base
                return count, base.parameters - count, ""
            with torch.device("meta"):  # what the method adds holds no numbers either
                model = method.attach(model, Artefacts(), phase.name)
            count = sum(p.numel() for p in {id(p): p for p in method.trainable(model, phase)}.values())
    except MTSuiteError as error:
        return None, None, str(error)
    return count, sum(p.numel() for p in model.parameters()) - count, ""


def _memory(frozen: int | None, trained: int | None, dtype: str) -> str:
    """Weights, gradients and optimizer state; activations come on top and depend on the batch."""
    if frozen is None or trained is None:
        return "?"
    return size_text(frozen * _BYTES[dtype] + trained * _OPTIMIZER_BYTES)
