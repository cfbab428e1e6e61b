"""Watching that a training phase trains what its method names, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from mtsuite.errors import MethodError

_INTEGERS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
_PIECE = 1 << 24  # numbers that are summed at once


class Watch:
    """Frees the named parameters of a model and freezes the others; raises MethodError when it does not stay so.

    ``who`` begins the messages: the method and its phase.
    """

    def __init__(self, model: nn.Module, named: Iterable[nn.Parameter], who: str) -> None:
        self.model, self.who = model, who
        chosen = list(named)  # asked first: whatever a method sets on the way, the next line decides
        model.requires_grad_(False)
        own = {id(p) for p in model.parameters()}
        for parameter in chosen:
            if not isinstance(parameter, nn.Parameter):
                self._fail(f"trainable() gave {parameter!r:.80}; expected parameters of the model, not their names.")
            if id(parameter) not in own:
                shape = tuple(parameter.shape)
                self._fail(f"trainable() gave a parameter of shape {shape} that the model from attach() has not.")
            parameter.requires_grad_(True)
        self._trained = {id(parameter) for parameter in chosen}

    def begin(self) -> None:
        """Training begins; the model is where it will be trained."""
        self._frozen = {name: bits(p) for name, p in self.model.named_parameters() if id(p) not in self._trained}

    def over(self, progress: Callable[..., None]) -> Callable[..., None]:
        """``progress`` with a look at the model after every update."""

        def look(**values: Any) -> None:
            wrong = [n for n, p in self.model.named_parameters() if p.requires_grad != (id(p) in self._trained)]
            if wrong:
                self._fail(
                    f"the set of trained parameters changed ({', '.join(wrong[:3])}): a method must not set "
                    "requires_grad while it trains."
                )
            progress(**values)

        return look

    def end(self) -> None:
        """Training has ended: what is frozen is as it was, bit by bit, and what is trained holds numbers."""
        for name, parameter in self.model.named_parameters():
            if id(parameter) in self._trained:
                if not bool(torch.isfinite(parameter).all()):
                    self._fail(
                        f"after training {name} holds NaN or infinite values: lower the learning rate, or check loss()."
                    )
            elif self._frozen.get(name) != bits(parameter):
                self._fail(
                    f"{name} changed, but trainable() does not name it: it would be lost when the model is opened for "
                    "translation. Name it, or leave it as it is."
                )

    def _fail(self, message: str) -> None:
        raise MethodError(f"{self.who}: {message}")


def bits(parameter: torch.Tensor) -> int:
    """A checksum over the bits of a tensor of any shape, (...) to a number, which hardly any change leaves as it is."""
    # (...) to (numbers,), then the same bytes read as whole numbers: NaN and -0.0 count as what they are
    flat = parameter.detach().reshape(-1).view(_INTEGERS[parameter.element_size()])
    return sum(int(piece.sum()) for piece in flat.split(_PIECE))
