"""Any adapter of the library PEFT as a row: its kind by name, its settings as PEFT's own configuration has them.

DoRA (Liu et al. 2024, arXiv 2402.09353), rsLoRA (Kalajdzievski 2023), PiSSA (Meng et al. 2024), VeRA (Kopiczko et al.
2024), OFT (Qiu et al. 2023), IA3 (Liu et al. 2022) and what else PEFT has.
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mtsuite.methods.lora import load_lora, save_lora
from pydantic import TypeAdapter, ValidationError, ValidationInfo, field_validator
from pydantic.errors import PydanticUserError
from torch import nn

from mtsuite.method import Artefacts, Method, MethodConfig, MethodError, Option, Phase, Train

# Names under which variants of LoRA are known, with the settings that make them.
VARIANTS: dict[str, dict[str, Any]] = {
    "DORA": {"use_dora": True},
    "RSLORA": {"use_rslora": True},
    "PISSA": {"init_lora_weights": "pissa"},
}
# The suite's to say: which model, what for.
_OURS = frozenset({"peft_type", "task_type", "auto_mapping", "peft_version", "inference_mode", "revision"})
_OURS |= {"base_model_name_or_path"}
# Starts of LoRA that can be made again from the base alone, as opening a saved adapter needs.
_STARTS = (True, False, "gaussian", "orthogonal", "pissa", "olora")
_REFUSED = {
    "ADALORA": "it moves ranks between maps while it trains, by calls that a training loop has to make",
    "ADAPTION_PROMPT": "it replaces the attention of some families, and works in no other",
    "LILY": "what it adds to a token depends on later ones",
    "POLY": "every batch must name its task",
    "SHADOW": "it is a second model beside the base, with states of its own",
    "XLORA": "it mixes adapters that have been trained before",
}


@functools.lru_cache(maxsize=1)
def _classes() -> dict[str, type]:
    """PEFT's configuration classes by the name of their kind."""
    from peft import PEFT_TYPE_TO_CONFIG_MAPPING

    return {str(kind.value): cls for kind, cls in PEFT_TYPE_TO_CONFIG_MAPPING.items()}


def usable() -> list[str]:
    """Kinds that a row may name, the variants of LoRA among them."""
    return sorted({*(name for name in _classes() if not refusal(name)), *VARIANTS})


def refusal(kind: str) -> str:
    """Why a kind of PEFT's cannot be a row; empty when it can."""
    from peft.config import PromptLearningConfig

    if issubclass(_classes()[kind], PromptLearningConfig):
        return "it puts trained positions ahead of the prompt, and rows are compared on the same tokens"
    return _REFUSED.get(kind, "")


class PeftRowConfig(MethodConfig):
    peft_type: str = Option(
        "DORA",
        description="Kind of adapter as PEFT names it (`LORA`, `VERA`, `OFT`, `IA3`, …); `DORA`, `RSLORA` and `PISSA` "
        "are LoRA with the setting that makes them so. Our choice: DoRA, the nearest relative of the row lora.",
    )
    options: dict[str, Any] = Option(
        {},
        validate_default=True,
        description="Settings of PEFT's configuration class of that kind, by their names there. Default: PEFT's own, "
        "but `target_modules` is `all-linear` where the kind has it (IA3: PEFT's choice for the family).",
    )

    @field_validator("peft_type", mode="after")
    @classmethod
    def _known_kind(cls, value: str) -> str:
        name = value.upper()
        if name not in VARIANTS:
            if name not in _classes():
                raise ValueError(f"PEFT has no {value!r}; kinds: {', '.join(usable())}")
            if reason := refusal(name):
                raise ValueError(f"{name} cannot be a row: {reason}; kinds: {', '.join(usable())}")
        return name

    @field_validator("options", mode="after")
    @classmethod
    def _known_options(cls, value: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "peft_type" not in info.data:  # wrong itself, and told
            return value
        name = info.data["peft_type"]
        problems = list(_problems(_kind(name), value))
        for option, fixed in VARIANTS.get(name, {}).items():
            if value.get(option, fixed) != fixed:
                problems.append(f"{option}: {name} sets it to {fixed}; leave it out")
        if not problems:
            try:
                _configuration(name, value)
            except (ImportError, TypeError, ValueError) as error:
                problems.append(f"PEFT refuses them for {name}: {error}")
        if problems:
            raise ValueError("; ".join(problems))
        return value

    def peft(self) -> Any:
        """PEFT's configuration."""
        return _configuration(self.peft_type, self.options)


def _kind(name: str) -> str:
    """PEFT's name of a row's kind."""
    return "LORA" if name in VARIANTS else name


def _configuration(name: str, options: dict[str, Any]) -> Any:
    cls = _classes()[_kind(name)]
    targets = {"target_modules": "all-linear"} if "target_modules" in _settings(cls) and name != "IA3" else {}
    return cls(**{"task_type": "CAUSAL_LM", **targets, **VARIANTS.get(name, {}), **options})


def _settings(cls: type) -> list[str]:
    """Names of a configuration class's fields that a row may set."""
    return [f.name for f in dataclasses.fields(cls) if f.init and f.name not in _OURS]


def _problems(kind: str, options: dict[str, Any]) -> Iterator[str]:
    """What is wrong with the names and types of options."""
    cls = _classes()[kind]
    known, hints = _settings(cls), typing.get_type_hints(cls)
    for name, value in options.items():
        if name not in known:
            yield f"{name}: {kind} has no such setting; settings: {', '.join(known)}"
            continue
        try:
            TypeAdapter(hints[name]).validate_python(value, strict=not isinstance(value, int))
        except ValidationError as error:
            yield f"{name}: {error.errors()[0]['msg']}; found {value!r}"
        except PydanticUserError:
            pass  # a type that cannot be checked; PEFT does when it makes its configuration
    start = options.get("init_lora_weights", True)
    if kind == "LORA" and start not in _STARTS:
        yield (
            f"init_lora_weights: expected one of {', '.join(map(str, _STARTS))}, whose start can be made again "
            f"from the base alone when the adapter is opened; found {start!r}"
        )


class PeftRow(Method):
    """Any adapter that the library PEFT has, with PEFT's own settings; the base stays frozen."""

    Config = PeftRowConfig

    def phases(self) -> Sequence[Phase]:
        return [Train("translation", learning_rate=2e-4)]

    def note(self) -> str:
        told = ", ".join(f"{name} {value}" for name, value in self.config.options.items())
        return f"PEFT's {self.config.peft_type}" + (f" ({told})" if told else "")

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        """The model wrapped by PEFT.

        PiSSA and OLoRA take their start out of the base's matrices.  The remainder is computed from the base again
        whenever the model is put together, and so need not be saved.  Raises MethodError when PEFT has no such adapter
        for this model.
        """
        from peft import get_peft_model

        try:
            wrapped: Any = get_peft_model(model, self.config.peft())
        except (ImportError, TypeError, ValueError, NotImplementedError) as error:
            raise MethodError(f"PEFT cannot put {self.config.peft_type} on this model: {error}") from error
        # Asked for later, when the suite may have frozen everything.
        wrapped.trained_names = frozenset(name for name, p in wrapped.named_parameters() if p.requires_grad)
        return typing.cast(nn.Module, wrapped)

    def trainable(self, model: Any, phase: Train) -> Iterable[nn.Parameter]:
        return [p for name, p in model.named_parameters() if name in model.trained_names]

    def save(self, model: nn.Module, folder: Path) -> None:
        save_lora(model, folder)

    def load(self, model: nn.Module, folder: Path) -> None:
        load_lora(model, folder)

    def merge(self, model: Any) -> nn.Module | None:
        """The adapter's effect in the base's matrices; None for kinds that PEFT cannot merge."""
        try:
            merged: nn.Module = model.merge_and_unload()
        except (AttributeError, NotImplementedError, ValueError):  # as the kind says it
            return None
        return merged
