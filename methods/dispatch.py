"""Tokens sent to the experts that they chose, and back: one sort for all experts.

y = sum_j weights_j E_j(x), all experts for all tokens or each expert for the tokens that chose it
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

# Below this many choices, as in decoding, sorting tokens costs more than computing every expert
# (benchmarks/mix_moe_layer.py).  Training always sorts: an expert that no token chose has no gradient, not zeros.
SPARSE_FROM = 128


def mix(experts: Sequence[nn.Module], x: Tensor, chosen: Tensor | None, weights: Tensor) -> Tensor:
    """y (n, d) for x (n, d).

    chosen (n, k) are numbers of experts, weights (n, k) theirs; without ``chosen`` weights (n, experts) are of all.
    """
    if chosen is None:
        return _dense(experts, x, weights)
    if chosen.numel() < SPARSE_FROM and not torch.is_grad_enabled():
        return _dense(experts, x, weights.new_zeros(len(x), len(experts)).scatter(1, chosen, weights))
    sent = Dispatch(chosen, len(experts))
    parts = [expert(rows) for expert, rows in zip(experts, sent.out(x), strict=True) if len(rows)]
    return sent.back(torch.cat(parts), weights)


def _dense(experts: Sequence[nn.Module], x: Tensor, weights: Tensor) -> Tensor:
    parts = [y * w.to(y.dtype) for y, w in zip((expert(x) for expert in experts), weights.split(1, -1), strict=True)]
    return sum(parts[1:], parts[0])


class Dispatch:
    """A copy of every token for every expert that it chose, sorted by expert; chosen (n, k)."""

    def __init__(self, chosen: Tensor, experts: int) -> None:
        self._tokens, self._k = chosen.shape
        copies = chosen.flatten()  # (n k,): copy i is of token i // k
        self._order = copies.argsort(stable=True)
        self._back = torch.empty_like(self._order)
        self._back.scatter_(0, self._order, torch.arange(len(copies), device=copies.device))
        self._counts = torch.bincount(copies, minlength=experts).tolist()

    def out(self, x: Tensor) -> tuple[Tensor, ...]:
        """The rows of x (n, d) by expert, each (tokens that chose it, d)."""
        return self.split(self.rows(x))

    def rows(self, x: Tensor) -> Tensor:
        """As ``out``, all experts in one tensor (n k, d)."""
        rows: Tensor = _Out.apply(x, self._order, self._back, self._k)
        return rows

    def split(self, rows: Tensor) -> tuple[Tensor, ...]:
        """What ``rows`` returns (n k, ...), by expert: each (tokens that chose it, ...)."""
        return rows.split(self._counts)

    def back(self, rows: Tensor, weights: Tensor) -> Tensor:
        """sum_j weights_j row_j over the k copies of every token: rows (n k, d), weights (n, k) to (n, d)."""
        y = _Back.apply(rows, self._order, self._back).view(self._tokens, self._k, -1)  # (n, k, d)
        # (n, 1, k) times (n, k, d): the weighted sum over the k copies of a token
        return torch.bmm(weights.to(y.dtype).unsqueeze(1), y).squeeze(1)


class _Out(torch.autograd.Function):
    """x (n, d) to its copies in their new order, (n k, d).

    Indexing's own gradient adds up repeated rows one by one, on a GPU in no fixed order; here they stand side by side.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, back: Tensor, k: int) -> Tensor:
        """Rows of x (n, d) in the order of the experts, k copies of each: (n k, d)."""
        ctx.save_for_backward(back)
        ctx.k = k
        return x.index_select(0, order // k)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """The sum over a token's k copies: gradients (n k, d) to (n, d)."""
        (back,) = ctx.saved_tensors
        rows = gradients[0].index_select(0, back)
        # (n, k, d): a token's copies side by side, added up in one order everywhere
        return rows.view(-1, ctx.k, rows.shape[-1]).sum(1), None, None, None


class _Back(torch.autograd.Function):
    """Rows (n k, d) in the order in which they were before ``_Out`` sorted them."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, order: Tensor, back: Tensor) -> Tensor:
        """Rows (n k, d) in the order of the tokens: (n k, d)."""
        ctx.save_for_backward(order)
        return rows.index_select(0, back)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        """Gradients (n k, d) in the order of the experts again: (n k, d)."""
        (order,) = ctx.saved_tensors
        return gradients[0].index_select(0, order), None, None
