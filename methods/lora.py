"""LoRA: low-rank updates of frozen matrices (Hu et al. 2022), through PEFT.

W x  becomes  W x + (alpha / r) B A x,      A (r, in) random, B (out, r) zero at the start
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from mtsuite.method import Artefacts, Method, MethodConfig, MethodError, Option, Phase, Train


class LoRAConfig(MethodConfig):
    rank: int = Option(
        16,
        ge=1,
        description="Rank r. Default: with all linear maps of BLOOM-7b1, r = 16 gives the 31 M of LANDeRMT Table 1.",
    )
    alpha: float = Option(
        32.0, gt=0, description="Scale alpha; the update counts alpha / r. Default: 2 r (ALMA's setting)."
    )
    dropout: float = Option(0.0, ge=0, lt=1, description="Dropout before A. Our choice: none, as in the other rows.")
    target_modules: str | list[str] = Option(
        "all-linear",
        description="Names of the maps to adapt, as PEFT takes them; `all-linear` is all but the output layer. "
        "LANDeRMT does not say; r = 64 on query_key_value alone also gives 31 M.",
    )


def add_lora(model: nn.Module, config: LoRAConfig) -> nn.Module:
    """The model wrapped by PEFT, base frozen."""
    from peft import LoraConfig as PeftLoraConfig
    from peft import get_peft_model

    wrapped: nn.Module = get_peft_model(
        model,
        PeftLoraConfig(
            task_type="CAUSAL_LM",
            r=config.rank,
            lora_alpha=config.alpha,  # type: ignore[arg-type]
            lora_dropout=config.dropout,
            target_modules=config.target_modules,
        ),
    )
    return wrapped


def save_lora(model: Any, folder: Path) -> None:
    """PEFT's own format: adapter_model.safetensors and adapter_config.json."""
    # The embeddings are never resized: without this PEFT asks the hub whether they were.
    model.save_pretrained(folder, save_embedding_layers=False)


def load_lora(model: Any, folder: Path) -> None:
    """Load the adapter of ``folder`` into ``model``.  Raises MethodError when it does not fit."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    try:
        loaded: Any = set_peft_model_state_dict(model, load_file(folder / "adapter_model.safetensors"))
    except RuntimeError as error:  # a shape that differs
        raise MethodError(f"{folder}: the saved LoRA weights do not fit the model: {error}") from error
    if loaded.unexpected_keys:
        unknown = loaded.unexpected_keys[0]
        raise MethodError(f"{folder}: the saved LoRA weights do not fit the model: {unknown!r} is not there.")


class LoRA(Method):
    """Low-rank adaptation of the linear maps; the base stays frozen."""

    Config = LoRAConfig

    def phases(self) -> Sequence[Phase]:
        return [Train("translation", learning_rate=2e-4)]

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        return add_lora(model, self.config)

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        return [p for name, p in model.named_parameters() if "lora_" in name]

    def save(self, model: nn.Module, folder: Path) -> None:
        save_lora(model, folder)

    def load(self, model: nn.Module, folder: Path) -> None:
        load_lora(model, folder)

    def merge(self, model: Any) -> nn.Module:
        """W + (alpha / r) B A in place of W."""
        merged: nn.Module = model.merge_and_unload()
        return merged
