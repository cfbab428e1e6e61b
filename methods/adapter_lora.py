"""Adapter-LoRA: bottleneck adapters and low-rank updates together (LANDeRMT §4.2, after Alves et al. 2023)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mtsuite.methods.adapter import AdapterConfig, adapter_parameters, add_adapters
from mtsuite.methods.lora import LoRAConfig, add_lora, load_lora, save_lora
from torch import nn

from mtsuite.method import Artefacts, Method, MethodConfig, Option, Phase, Train


class AdapterLoRAConfig(MethodConfig):
    adapter: AdapterConfig = Option(AdapterConfig(), description="The adapters (`mtsuite methods show adapter`).")
    lora: LoRAConfig = Option(LoRAConfig(), description="The low-rank updates (`mtsuite methods show lora`).")


class AdapterLoRA(Method):
    """Both kinds of small modules on a frozen base; LoRA adapts the base's maps, not the adapters'."""

    Config = AdapterLoRAConfig

    def phases(self) -> Sequence[Phase]:
        return [Train("translation", learning_rate=2e-4)]

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        model = add_lora(model, self.config.lora)
        add_adapters(model, self.config.adapter)
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        return [*adapter_parameters(model), *(p for name, p in model.named_parameters() if "lora_" in name)]

    def save(self, model: nn.Module, folder: Path) -> None:
        save_lora(model, folder)  # PEFT's part
        adapters = {id(p) for p in adapter_parameters(model)}
        _save(model, folder, adapters)

    def load(self, model: nn.Module, folder: Path) -> None:
        load_lora(model, folder)
        super().load(model, folder)


def _save(model: nn.Module, folder: Path, chosen: set[int]) -> None:
    from safetensors.torch import save_file

    state = {n: p.detach().cpu().contiguous() for n, p in model.named_parameters() if id(p) in chosen}
    save_file(state, folder / "trained.safetensors")
