"""LLaMA-Pro block expansion (Wu et al. 2024, arXiv 2401.02415, §3.2): new layers that begin as identities.

The L layers are parted into N groups; behind each stands a copy of its last layer,

    x' = x + Attention(x),   y = x' + FFN(x'),      W_o = 0 and W_down = 0 (with their biases), so that y = x

Only the copies are trained: the model keeps all that it knew, and learns in N layers more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import nn

from mtsuite.method import Artefacts, Direction, Method, MethodConfig, MethodError, ModelError, Option, Phase, Train
from mtsuite.model.blocks import decoder_layers, feed_forward_blocks
from mtsuite.model.depth import attention_output, insert_copies

# Settings under which a layer with zero outputs is no identity, or its place counts.
_OBSTACLES = {
    "apply_residual_connection_post_layernorm": True,  # BLOOM: the residual is taken behind the norm
    "do_layer_norm_before": False,  # OPT-350m: the norm stands behind the residual
    "scale_attn_by_inverse_layer_idx": True,  # GPT-2: attention is scaled by the layer's number
}


class LLaMAProConfig(MethodConfig):
    blocks: int = Option(
        4,
        ge=1,
        description="Layers N to add. Our choice: as many as LANDeRMT selects (k = 4); in BLOOM-7b1 that is 805 M. "
        "The paper, §4.1: 8 among 32.",
    )


class LLaMAPro(Method):
    """Trains copies of some layers that were inserted among the frozen ones."""

    Config = LLaMAProConfig

    def phases(self) -> Sequence[Phase]:
        return [Train("translation", learning_rate=2e-4)]  # §4.1

    def check(self, layers: int, directions: Sequence[Direction]) -> None:
        """Raises MethodError when there are more copies than layers."""
        if self.config.blocks > layers:
            raise MethodError(
                f"config.blocks: {self.config.blocks} layers are to be added, one behind each group of layers, but the "
                f"model has {layers}; set blocks to {layers} or less."
            )

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        """The model with its copies.  Raises ModelError when an inserted layer could not start as an identity."""
        layers = len(decoder_layers(model))
        self.check(layers, ())
        for setting, value in _OBSTACLES.items():
            if getattr(model.config, setting, None) is value:
                raise ModelError(
                    f"{type(model).__name__}: {setting} = {value}, with which an inserted layer cannot start as an "
                    "identity; use another base model."
                )
        places = group_ends(layers, self.config.blocks)
        copies = insert_copies(model, places)
        blocks = feed_forward_blocks(model)
        for layer, place in zip(copies, copy_places(places), strict=True):
            for parameter in (*attention_output(layer).parameters(), *blocks[place].down.parameters()):
                nn.init.zeros_(parameter)
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        layers = decoder_layers(model)
        places = copy_places(group_ends(len(layers) - self.config.blocks, self.config.blocks))
        return [p for place in places for p in layers[place].parameters()]

    def merge(self, model: nn.Module) -> nn.Module:
        """A deeper model of the base's kind; its configuration counts the added blocks."""
        return model


def group_ends(layers: int, groups: int) -> list[int]:
    """Last layer (from 0) of each of ``groups`` groups, as equal as can be.

    >>> group_ends(32, 8)
    [3, 7, 11, 15, 19, 23, 27, 31]
    >>> group_ends(30, 4)
    [6, 14, 21, 29]
    """
    return [layers * (group + 1) // groups - 1 for group in range(groups)]


def copy_places(ends: Sequence[int]) -> list[int]:
    """Where the copies stand when each is inserted behind its layer.

    >>> copy_places([1, 3])
    [2, 5]
    """
    return [end + number + 1 for number, end in enumerate(ends)]
