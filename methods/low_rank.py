"""Low-rank updates (Hu et al. 2022, §4.1) as modules beside the maps that they change.

    W x  becomes  W x + (alpha / r) B A x,      A (r, in) random, B (out, r) zero at the start

The `lora` row does the same through PEFT, in PEFT's format.  PEFT chooses between the updates of one map by
setting requires_grad, which a method must not do while it trains; these are chosen between by their forward pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class LowRank(nn.Module):
    """One update: x (..., in) to (alpha / r) B A x (..., out); zero at the start."""

    def __init__(self, inputs: int, outputs: int, rank: int, alpha: float, dropout: float = 0.0) -> None:
        super().__init__()
        self.A = nn.Parameter(torch.empty(rank, inputs))
        self.B = nn.Parameter(torch.zeros(outputs, rank))
        nn.init.kaiming_uniform_(self.A, a=math.sqrt(5))  # as PEFT starts it
        self.scale, self.dropout = alpha / rank, dropout

    def forward(self, x: Tensor) -> Tensor:
        """(alpha / r) B A drop(x): (..., out) for x (..., in)."""
        x = nn.functional.dropout(x.to(self.A.dtype), self.dropout, self.training)
        return self.scale * nn.functional.linear(nn.functional.linear(x, self.A), self.B)


def linear_maps(layer: nn.Module) -> list[nn.Module]:
    """The linear maps inside a decoder layer, in the layer's order; GPT-2 has Conv1D for nn.Linear."""
    return [m for m in layer.modules() if isinstance(m, nn.Linear) or type(m).__name__ == "Conv1D"]


def sizes(linear: nn.Module) -> tuple[int, int]:
    """Inputs and outputs of a map of ``linear_maps``."""
    weight: Tensor = linear.weight  # type: ignore[assignment]
    rows, columns = weight.shape
    return (columns, rows) if isinstance(linear, nn.Linear) else (rows, columns)


def add_update(linear: nn.Module, update: nn.Module) -> None:
    """Let ``update`` (x to its change of the output, or None for no change) add to a map's output.

    The map stays where it is and keeps its name; the update becomes its child ``low_rank``.
    """
    linear.add_module("low_rank", update.to(linear.weight.device))  # type: ignore[arg-type]
    linear.register_forward_hook(_add)


def low_rank_parameters(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The parameters of all ``LowRank`` among ``modules`` (``model.modules()``, say)."""
    return [p for module in modules if isinstance(module, LowRank) for p in module.parameters()]


def _add(linear: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
    change: Tensor | None = linear.low_rank(arguments[0])  # type: ignore[operator]
    return output if change is None else output + change.to(output.dtype)
