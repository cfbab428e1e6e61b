"""Looking at the trained model: what general and specific neurons put out in each language (A.5, Figures 12 and 13)."""

from __future__ import annotations

from typing import ClassVar

import torch
from mtsuite.methods.landermt.groups import Present
from mtsuite.methods.landermt.layer import RoutedFeedForward
from torch import Tensor, nn

from mtsuite.data.batches import Text
from mtsuite.method import LooksAt, Option, Probe
from mtsuite.model.blocks import decoder_layers


class NeuronOutputs(Probe):
    """Sentences as points: mean activations of a layer's general or specific neurons, projected to two dimensions.

    All neurons take part, whatever the language (no direction is focused), so that differences between languages are
    the model's and not the mask's.  Tensors, for P sentences over all languages and each routed layer:
    ``<layer>.general`` and ``<layer>.specific`` (P, 2), the latter where there are specific neurons; ``language`` (P)
    indexes the text's languages; ``aligned`` is 1 when the sentences are the same in every language; ``<layer>.share``
    (directions), s_G after training.
    """

    name: ClassVar[str] = "neuron-outputs"
    looks_at: ClassVar[LooksAt] = "trained"

    sentences: int = Option(50, ge=1, le=100)

    @torch.inference_mode()
    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """Points (sentences, 2) of the general and the specific neurons by layer.

        Beside them the shares (directions,) and the sentences' languages (sentences,).
        """
        routed = {
            index: module
            for index, layer in enumerate(decoder_layers(model))
            for module in layer.modules()
            if isinstance(module, RoutedFeedForward)
        }
        device = next(model.parameters()).device
        for module in routed.values():
            module.focus(None)
        seen: dict[str, list[Tensor]] = {}
        languages: list[int] = []
        for number, code in enumerate(text.languages):
            for batch in text.monolingual(code, limit=self.sentences):
                batch = batch.to(device)
                mask = batch.attention_mask.unsqueeze(-1)
                handles = [
                    module.register_forward_pre_hook(
                        lambda module, arguments, index=index, mask=mask: _collect(
                            seen, index, module, arguments[0], mask
                        )
                    )
                    for index, module in routed.items()
                ]
                try:
                    model.base_model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)  # type: ignore[operator]
                finally:
                    for handle in handles:
                        handle.remove()
                languages += [number] * len(batch.input_ids)
        found = {name: two_dimensions(torch.cat(values)) for name, values in seen.items()}
        for index, module in routed.items():
            found[f"{index}.share"] = torch.tensor([module.car.share(str(d)) for d in text.directions])
        found["language"] = torch.tensor(languages)
        found["aligned"] = torch.tensor(int(text.corpus.valid_is_multi_parallel))
        return found


def two_dimensions(points: Tensor) -> Tensor:
    """Points (P, n) on their first two principal components (P, 2), by singular value decomposition.

    A component's sign is chosen so that its largest entry is positive.
    """
    centred = points.float() - points.float().mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    width = min(2, u.shape[1])
    placed = u[:, :width] * s[:width]
    largest = placed.gather(0, placed.abs().argmax(0, keepdim=True))
    placed = placed * torch.where(largest < 0, -1.0, 1.0)
    return torch.nn.functional.pad(placed, (0, 2 - width))


def _collect(seen: dict[str, list[Tensor]], index: int, module: RoutedFeedForward, x: Tensor, mask: Tensor) -> None:
    """Add each sentence's mean activations (sentences, neurons) of both parts."""
    groups = module.inner
    for name, part in (("general", [groups.general]), ("specific", list(groups.specific))):
        if any(len(group.neurons) for group in part):
            a = module.activations(x, Present("plain", part)).float()
            a = a.reshape(*mask.shape[:2], -1)  # OPT's blocks get the tokens of a batch in one row
            seen.setdefault(f"{index}.{name}", []).append(((a * mask).sum(1) / mask.sum(1)).cpu())
