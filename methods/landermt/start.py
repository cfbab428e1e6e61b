"""Looking at the model before training: how far the routed blocks are from the base model's (Eqs. 6-9)."""

from __future__ import annotations

from typing import ClassVar

import torch
from mtsuite.methods.landermt.layer import RoutedFeedForward
from torch import Tensor, nn

from mtsuite.data.batches import Text
from mtsuite.method import LooksAt, Option, Probe
from mtsuite.model.blocks import decoder_layers


class StartError(Probe):
    """||H - FFN(x)|| / ||FFN(x)|| by routed layer and direction, before anything is trained.

    Shares and masks change what a selected layer puts out before a single update: the error is what training has to
    make good first.  Both norms are over all tokens of held-out sentence pairs; FFN is the same block with all
    neurons, unscaled.  Tensors, for D directions: ``<layer>.error`` (D).
    """

    name: ClassVar[str] = "start"
    looks_at: ClassVar[LooksAt] = "start"

    sentences: int = Option(50, ge=1)

    @torch.inference_mode()
    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """||H - FFN(x)|| / ||FFN(x)|| of every routed layer, each (directions,)."""
        routed = {
            str(index): module
            for index, layer in enumerate(decoder_layers(model))
            for module in layer.modules()
            if isinstance(module, RoutedFeedForward)
        }
        device = next(model.parameters()).device
        errors: dict[str, list[Tensor]] = {name: [] for name in routed}
        for direction in text.directions:
            sums = {name: torch.zeros(2, dtype=torch.float64, device=device) for name in routed}
            for module in routed.values():
                module.focus(direction)
            for batch in text.batches(direction, limit=self.sentences):
                batch = batch.to(device)
                inputs: dict[str, Tensor] = {}
                handles = [
                    module.register_forward_pre_hook(
                        lambda _module, arguments, name=name, inputs=inputs: inputs.update({name: arguments[0]})
                    )
                    for name, module in routed.items()
                ]
                try:
                    model.base_model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)  # type: ignore[operator]
                finally:
                    for handle in handles:
                        handle.remove()
                kept = batch.attention_mask.reshape(-1).bool()
                for name, module in routed.items():
                    sums[name] += _squares(module, inputs[name], kept, direction)
            for name, (distance, norm) in sums.items():
                errors[name].append((distance / norm.clamp_min(1e-30)).sqrt())
        return {f"{name}.error": torch.stack(values).float() for name, values in errors.items()}


def _squares(module: RoutedFeedForward, x: Tensor, kept: Tensor, direction: object) -> Tensor:
    """The squared norms of H - FFN(x) and of FFN(x) over the tokens that are no padding, (2)."""
    routed = module(x).reshape(len(kept), -1)[kept].double()
    module.focus(None)
    whole = module(x).reshape(len(kept), -1)[kept].double()
    module.focus(direction)
    return torch.stack([(routed - whole).square().sum(), whole.square().sum()])
