"""sum_j weights_j E_j(x), all experts for all tokens or each expert for the tokens that chose it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

# Below this many choices, sorting tokens costs more than computing every expert (benchmarks/mix_moe_layer.py).
SPARSE_FROM = 128


def mix(experts: Sequence[nn.Module], x: Tensor, chosen: Tensor | None, weights: Tensor) -> Tensor:
    """y (n, d) for x (n, d).

    chosen (n, k) are numbers of experts, weights (n, k) theirs; without ``chosen`` weights (n, experts) are of all.
    """
    if chosen is None:
        return _dense(experts, x, weights)
    if chosen.numel() < SPARSE_FROM:
        return _dense(experts, x, weights.new_zeros(len(x), len(experts)).scatter(1, chosen, weights))
    return _sparse(experts, x, chosen, weights)


def _dense(experts: Sequence[nn.Module], x: Tensor, weights: Tensor) -> Tensor:
    parts = [y * w.to(y.dtype) for y, w in zip((expert(x) for expert in experts), weights.split(1, -1), strict=True)]
    return sum(parts[1:], parts[0])


def _sparse(experts: Sequence[nn.Module], x: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
    """A token is copied once for every expert that it chose; the copies are sorted by expert, computed, sorted back."""
    tokens, k = chosen.shape
    copies = chosen.flatten()
    order = copies.argsort(stable=True)
    back = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    counts = torch.bincount(copies, minlength=len(experts)).tolist()
    rows = _Dispatch.apply(x, order, back, k).split(counts)
    parts = [expert(part) for expert, part in zip(experts, rows, strict=True) if len(part)]
    y = _Return.apply(torch.cat(parts), order, back).view(tokens, k, -1)
    return torch.bmm(weights.to(y.dtype).unsqueeze(1), y).squeeze(1)


class _Dispatch(torch.autograd.Function):
    """x (n, d) to its copies in their new order, (n k, d).

    Indexing's own gradient adds up repeated rows one by one, on a GPU in no fixed order; here they stand side by side.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, back: Tensor, k: int) -> Tensor:
        ctx.save_for_backward(back)
        ctx.k = k
        return x.index_select(0, order // k)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (back,) = ctx.saved_tensors
        rows = gradients[0].index_select(0, back)
        return rows.view(-1, ctx.k, rows.shape[-1]).sum(1), None, None, None


class _Return(torch.autograd.Function):
    """Rows (n k, d) in the order in which they were before ``_Dispatch`` sorted them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(order)
        return rows.index_select(0, back)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (order,) = ctx.saved_tensors
        return gradients[0].index_select(0, order), None, None
