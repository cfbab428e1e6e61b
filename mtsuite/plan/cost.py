"""What a plan costs, estimated without weights: parameters, updates, tokens, memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.data.direction import Direction
from mtsuite.errors import MTSuiteError, RecipeError, shortened
from mtsuite.method import Artefacts, Method, Probe, Train, main_phase
from mtsuite.model.card import model_label, read_card
from mtsuite.plan.planned import Planned
from mtsuite.registry import code_of
from mtsuite.train.precision import held_dtype, held_text
from mtsuite.units import size_text

if TYPE_CHECKING:
    from torch import nn

_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}  # per weight that is held
_MOST_MODULES = 50_000
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
    name = "pretrained by the suite" if model.name_or_path == "pretrain" else _named(planned)
    return BaseEstimate(f"{name}, {count:,} parameters, {held_text(model.dtype)}", count, skeleton)


def _named(planned: Planned) -> str:
    """The model as the recipe names it; a local one by its provenance."""
    name = planned.recipe.model.name_or_path
    return model_label(planned.folder / name) if read_card(planned.folder / name) else name


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
    elif (planned.folder / model.name_or_path / "config.json").is_file():
        path = planned.folder / model.name_or_path
        config = load_configuration(path, trust_remote_code=model.trust_remote_code)
    elif model.architecture:
        values = dict(model.architecture)
        try:
            config = AutoConfig.for_model(values.pop("model_type"), **values)
        except Exception as problem:  # whatever a configuration class raises for values that are not its own
            raise _unbuildable("model.architecture", problem) from None
    else:
        return None
    try:
        with torch.device("meta"), _few_modules():
            built: nn.Module = AutoModelForCausalLM.from_config(config, trust_remote_code=model.trust_remote_code)
    except Exception as problem:  # sizes that do not fit together, of any kind of model
        local = (planned.folder / model.name_or_path / "config.json").is_file()
        key = "model.name_or_path" if local else "model.architecture"
        raise _unbuildable(key if model.name_or_path != "pretrain" else "model.pretrain", problem) from None
    return built


def _unbuildable(key: str, problem: Exception) -> RecipeError:
    first = (str(problem).strip().splitlines() or [""])[0]
    return RecipeError(
        f"{key}: no model can be built from this configuration ({type(problem).__name__}: {shortened(first, 300)})."
    )


@contextmanager
def _few_modules() -> Iterator[None]:
    """Stop a model that is built of too many parts to be one: each costs time, also without numbers."""
    from torch.nn.modules.module import register_module_module_registration_hook

    count = 0

    def counted(*_: Any) -> None:
        nonlocal count
        count += 1
        if count > _MOST_MODULES:
            raise ValueError(f"more than {_MOST_MODULES:,} layers and parts of layers")

    hook = register_module_module_registration_hook(counted)
    try:
        yield
    finally:
        hook.remove()


def row_estimates(planned: Planned, base: BaseEstimate) -> list[RowEstimate]:
    """One estimate a row; what cannot be known is a question mark with the reason as remark."""
    recipe = planned.recipe
    directions = recipe.parsed_directions()
    rows = []
    for name, method in planned.methods.items():
        trains = [phase for phase in method.phases() if isinstance(phase, Train)]
        if not trains:
            memory = _memory(base.parameters, 0, held_dtype(recipe.model.dtype))
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
            remark = f"{remark}; " * bool(remark) + "analyzes held-out text first"
        rows.append(
            RowEstimate(
                name,
                "?" if trained is None else f"{trained:,}",
                " + ".join(map(str, updates)),
                pairs,
                f"{sum(updates) * per_update:,}",
                _memory(frozen, trained, held_dtype(recipe.model.dtype)),
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
    use = planned.recipe.methods[name].use or name
    try:
        trained, frozen = trained_parameters(planned.methods[name], use, base.skeleton, base.parameters, directions)
    except MTSuiteError as error:
        return None, None, str(error)
    return trained, frozen, ""


def trained_parameters(
    method: Method, use: str, skeleton: nn.Module, parameters: int, directions: list[Direction]
) -> tuple[int, int]:
    """Parameters that a method trains in a model without numbers, and those that it leaves frozen.

    ``skeleton`` stays as it is; ``parameters`` are the base's own.  Raises ModelError for a model without the parts
    that the method needs, MethodError where the number is known after a look at the model only.
    """
    import copy

    import torch

    phase = main_phase(method.phases())
    assert phase is not None
    model = copy.deepcopy(skeleton)
    with code_of(use, "attach", f"{use} on a model without numbers"):
        count = method.planned_parameters(model, directions)
        if count is not None:  # counted by the method itself, which then trains a part of the base
            return count, parameters - count
        with torch.device("meta"):  # what the method adds holds no numbers either
            seen = {p.name: directions for p in method.phases() if isinstance(p, Probe) and p.looks_at == "base"}
            model = method.attach(model, Artefacts(seen=seen), phase.name)
        count = sum(p.numel() for p in {id(p): p for p in method.trainable(model, phase)}.values())
    return count, sum(p.numel() for p in model.parameters()) - count


def _memory(frozen: int | None, trained: int | None, dtype: str) -> str:
    """Weights, gradients and optimizer state; activations come on top and depend on the batch."""
    if frozen is None or trained is None:
        return "?"
    return size_text(frozen * _BYTES[dtype] + trained * _OPTIMIZER_BYTES)
