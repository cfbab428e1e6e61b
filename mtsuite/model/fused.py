"""Activation functions that transformers composes of many operations, as the one that torch computes at once."""

from __future__ import annotations

from torch import nn

# All are 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))).  Operation by operation, backwards too, they took half of
# the embedded model's training step (docs/embedded.md).
COMPOSED = ("BloomGelu", "NewGELUActivation", "FastGELUActivation")


def fuse_activations(model: nn.Module) -> None:
    """Replace composed GELUs of ``model`` by torch's; results agree to rounding, at lower precision they are closer."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child).__name__ in COMPOSED:
                setattr(parent, name, nn.GELU(approximate="tanh"))
