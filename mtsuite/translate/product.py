"""One product for all rows in the output layer, where weights are held in half precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


@contextmanager
def one_product(model: nn.Module) -> Iterator[None]:
    """Within, an output layer in half precision reads contiguous states (rows, 1, hidden size).

    Models cut the last position out of a prompt's states, which leaves gaps between rows.  With a weight that needs no
    gradient torch then makes one product per row and, in half precision on a CPU, prepares the whole weight for each.
    In float32 it costs nothing, so those layers stay as they are, to the bit.
    """
    find = getattr(model, "get_output_embeddings", None)
    layer: Any = find() if find is not None else None
    weight = getattr(layer, "weight", None)
    if weight is None or weight.dtype not in (torch.bfloat16, torch.float16):
        yield
        return
    hook = layer.register_forward_pre_hook(lambda _, given: (given[0].contiguous(), *given[1:]) if given else None)
    try:
        yield
    finally:
        hook.remove()
