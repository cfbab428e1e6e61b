"""Making a causal language model deeper: copies of decoder layers among the layers."""

from __future__ import annotations

import copy
from collections.abc import Sequence

from torch import nn

from mtsuite.errors import ModelError
from mtsuite.model.blocks import decoder_layers

# The attention's output projection as the families name it.
_OUTPUTS = (
    "o_proj",  # LLaMA, Mistral, Qwen, Gemma, Baichuan
    "out_proj",  # OPT, GPT-J, GPT-Neo
    "dense",  # BLOOM, GPT-NeoX, Falcon, Phi
    "c_proj",  # GPT-2
    "wo",  # InternLM, original LLaMA code
)


def attention_output(layer: nn.Module) -> nn.Module:
    """The linear map that ends the attention of a decoder layer.  Raises ModelError when it is not recognised."""
    found = [
        module
        for name, module in layer.named_modules()
        if name.rpartition(".")[2] in _OUTPUTS and ("attn" in name.lower() or "attention" in name.lower())
    ]
    if len(found) != 1:
        raise ModelError(
            f"{type(layer).__name__}: expected one output projection of attention, named {', '.join(_OUTPUTS)}; found "
            f"{len(found)} among {', '.join(f'{n} {type(m).__name__}' for n, m in layer.named_children())}. "
            "Methods that add layers need it; use a decoder-only model with one self-attention a layer."
        )
    return found[0]


def insert_copies(model: nn.Module, after: Sequence[int]) -> list[nn.Module]:
    """Insert a copy of every layer numbered in ``after`` (from 0) right behind it; returns the copies in order.

    What counts layers counts the new ones too: the configuration, and the ``layer_idx`` under which an attention
    keeps its keys and values.  Parameters of later layers change their names.
    """
    layers = decoder_layers(model)
    stack = next(m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) and m[0] is layers[0])
    copies = [copy.deepcopy(layers[index]) for index in after]
    for index, layer in sorted(zip(after, copies, strict=True), key=lambda item: -item[0]):
        stack.insert(index + 1, layer)
    for index, layer in enumerate(stack):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = index  # type: ignore[assignment]
    config = model.config.get_text_config()  # type: ignore[operator, union-attr]
    types = getattr(config, "layer_types", None)  # full or sliding attention, by which the cache is built
    if types is not None:
        config.layer_types = [kind for i, kind in enumerate(types) for _ in range(1 + list(after).count(i))]
    config.num_hidden_layers = len(stack)
    return copies
