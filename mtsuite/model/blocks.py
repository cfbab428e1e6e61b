"""One view of the feed-forward blocks of all causal language models.

A feed-forward block computes, for an input x of shape (..., hidden),

    plain:  FFN(x) = W_down act(W_up x + b_up) + b_down                    (BLOOM, GPT-2, GPT-NeoX, OPT)
    gated:  FFN(x) = W_down (act(W_gate x) * W_up x)                       (LLaMA, Mistral, Qwen, Gemma, Baichuan)

A *neuron* n is one inner unit: row n of W_up (and of W_gate, and entry n of their biases) together
with column n of W_down.  ``feed_forward_blocks`` finds the blocks by their shape, not by the name of
the model's class, so that families that ship their own code are found as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mtsuite.errors import ModelError

# (up, gate, down) as the families name them; the first whose modules exist and fit is taken.
_NAMES = (
    ("up_proj", "gate_proj", "down_proj"),  # LLaMA, Mistral, Qwen, Gemma, Baichuan
    ("w3", "w1", "w2"),  # InternLM, original LLaMA code
    ("dense_h_to_4h", None, "dense_4h_to_h"),  # BLOOM, GPT-NeoX, Falcon
    ("c_fc", None, "c_proj"),  # GPT-2, GPT-J style
    ("fc_in", None, "fc_out"),  # GPT-J, CodeGen
    ("fc1", None, "fc2"),  # OPT, Phi
)
_ACTIVATIONS = ("gelu_impl", "act", "act_fn", "activation_fn", "activation")


@dataclass
class Weights:
    """The matrices of a block in one orientation, as copies that the caller may keep.

    up (neurons, hidden), up_bias (neurons) or None, gate and gate_bias likewise or None,
    down (hidden, neurons), down_bias (hidden) or None.
    """

    up: Tensor
    up_bias: Tensor | None
    gate: Tensor | None
    gate_bias: Tensor | None
    down: Tensor
    down_bias: Tensor | None


class FeedForwardBlock:
    """A view of one block: where it sits, what it computes, how to watch it and how to replace it."""

    def __init__(
        self, layer: int, name: str, holder: nn.Module, names: tuple[str, str | None, str], inline: bool
    ) -> None:
        self.layer = layer
        self.name = name
        self.holder = holder  # the module whose children are the projections
        self._up, self._gate, self._down = names
        self._inline = inline  # the decoder layer itself calls up, activation and down (OPT)

    # -- what it is ---------------------------------------------------------------------------

    @property
    def up(self) -> nn.Module:
        return getattr(self.holder, self._up)

    @property
    def gate(self) -> nn.Module | None:
        return getattr(self.holder, self._gate) if self._gate else None

    @property
    def down(self) -> nn.Module:
        return getattr(self.holder, self._down)

    @property
    def gated(self) -> bool:
        return self._gate is not None

    @property
    def hidden_size(self) -> int:
        return _matrix(self.down).shape[0]

    @property
    def neurons(self) -> int:
        return _matrix(self.up).shape[0]

    @property
    def activation(self) -> Callable[[Tensor], Tensor]:
        """The activation function, (..., neurons) to (..., neurons).

        Raises ModelError when the block has none under a known name.
        """
        for name in _ACTIVATIONS:
            found = getattr(self.holder, name, None)
            if callable(found):
                return found
        raise ModelError(
            f"Feed-forward block {self.name}: expected its activation under one of {', '.join(_ACTIVATIONS)}; "
            f"found the attributes {', '.join(sorted(n for n, _ in self.holder.named_children()))}."
        )

    def weights(self) -> Weights:
        """Copies of the block's matrices, in the orientation that the equations use."""
        gate = self.gate
        return Weights(
            up=_matrix(self.up).detach().clone(),
            up_bias=_bias(self.up),
            gate=_matrix(gate).detach().clone() if gate is not None else None,
            gate_bias=_bias(gate) if gate is not None else None,
            down=_matrix(self.down).detach().clone(),
            down_bias=_bias(self.down),
        )

    def parameters(self) -> Iterator[nn.Parameter]:
        """The block's own parameters (projections and biases)."""
        for module in (self.up, self.gate, self.down):
            if module is not None:
                yield from module.parameters()

    # -- watching -----------------------------------------------------------------------------

    def on_neurons(self, hook: Callable[[Tensor], None]) -> torch.utils.hooks.RemovableHandle:
        """Call ``hook`` with the neurons' activations a (batch, length, neurons) at every forward pass.

        These are the input of the down projection: after the activation, and in gated blocks after the
        product with the gate.
        """

        def pre_hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            hook(arguments[0])

        return self.down.register_forward_pre_hook(pre_hook)

    def on_output(self, hook: Callable[[Tensor], None]) -> torch.utils.hooks.RemovableHandle:
        """Call ``hook`` with the block's output (batch, length, hidden), before the residual is added."""
        return self.down.register_forward_hook(lambda _m, _a, output: hook(output))

    # -- surgery ------------------------------------------------------------------------------

    def replace(self, module: nn.Module) -> None:
        """Put ``module`` (x of shape (..., hidden) to the same shape) in the place of the block.

        The caller must have taken what it needs from ``weights()`` before: the original projections
        leave the model.
        """
        module.train(self.holder.training)
        if self._inline:
            # OPT's decoder layer calls fc1, activation_fn and fc2 by itself.
            setattr(self.holder, self._up, module)
            setattr(self.holder, self._down, nn.Identity())
            self.holder.activation_fn = nn.Identity()
            return
        dropout = _dropout_rate(self.holder)  # before its module leaves
        for child in [name for name, _ in self.holder.named_children()]:
            delattr(self.holder, child)
        self.holder.add_module("adapted", module)
        # The block's class stays (hooks and device maps keep working), only its forward is ours.
        self.holder.forward = _Forward(module, dropout)


class _Forward:
    """Stands in for a block's ``forward``: BLOOM passes the residual as a second argument and wants it added."""

    def __init__(self, module: nn.Module, dropout: float) -> None:
        self.module = module
        self.dropout = dropout

    def __call__(self, hidden_states: Tensor, residual: Tensor | None = None) -> Tensor:
        output: Tensor = self.module(hidden_states)
        if self.dropout and self.module.training:
            output = nn.functional.dropout(output, self.dropout)
        return output if residual is None else residual + output


def feed_forward_blocks(model: nn.Module) -> list[FeedForwardBlock]:
    """The feed-forward blocks of a model, first layer first.

    Raises ModelError when the model has none that is recognised.
    """
    layers = _decoder_layers(model)
    found = [block for index, (name, layer) in enumerate(layers) if (block := _find(index, name, layer)) is not None]
    if not found or len(found) != len(layers):
        missing = [name for index, (name, layer) in enumerate(layers) if _find(index, name, layer) is None]
        raise ModelError(
            f"{type(model).__name__}: expected in every decoder layer a feed-forward block, that is linear maps named "
            + ", ".join("/".join(n for n in names if n) for names in _NAMES)
            + "; found "
            + (
                f"not exactly one in {missing[0]} ({_children(layers, missing[0])})"
                if missing
                else "no list of decoder layers"
            )
            + ". Neuron- and expert-based methods need these blocks; "
            "use a decoder-only model with dense feed-forward layers."
        )
    return found


def decoder_layers(model: nn.Module) -> list[nn.Module]:
    """The transformer blocks of a model, first layer first.  Raises ModelError when there are none."""
    layers = _decoder_layers(model)
    if not layers:
        raise ModelError(f"{type(model).__name__}: expected a list of decoder layers; found none.")
    return [layer for _, layer in layers]


def _decoder_layers(model: nn.Module) -> list[tuple[str, nn.Module]]:
    # The longest list of modules is the stack of decoder layers in every family.
    lists = [
        (name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module)
    ]
    lists = [(name, module) for name, module in lists if len(list(module[0].children())) > 1]
    if not lists:
        return []
    name, stack = max(lists, key=lambda item: (len(item[1]), -item[0].count(".")))
    return [(f"{name}.{index}", layer) for index, layer in enumerate(stack)]


def _find(index: int, name: str, layer: nn.Module) -> FeedForwardBlock | None:
    found: list[FeedForwardBlock] = []
    for sub, holder in layer.named_modules():
        for up, gate, down in _NAMES:
            modules = [getattr(holder, n, None) for n in (up, gate, down) if n]
            if not all(_is_linear(m) for m in modules) or len(modules) != (3 if gate else 2):
                continue
            if sub and "attn" in sub.lower() and up == "c_fc":
                continue
            shapes = [_matrix(m).shape for m in modules if m is not None]
            if shapes[0] == shapes[-1][::-1] and (not gate or shapes[0] == shapes[1]):
                found.append(
                    FeedForwardBlock(index, f"{name}.{sub}" if sub else name, holder, (up, gate, down), inline=not sub)
                )
                break
    return found[0] if len(found) == 1 else None  # several: a mixture of experts, which has no one block


def _children(layers: list[tuple[str, nn.Module]], name: str) -> str:
    layer = dict(layers)[name]
    return "its parts: " + ", ".join(f"{n} {type(m).__name__}" for n, m in layer.named_children())


def _is_linear(module: object) -> bool:
    weight = getattr(module, "weight", None)
    return isinstance(module, nn.Module) and isinstance(weight, Tensor) and weight.dim() == 2


def _matrix(module: nn.Module) -> Tensor:
    """The weight as (out, in).  GPT-2's Conv1D holds it as (in, out)."""
    module = getattr(module, "base_layer", module)  # PEFT wraps the map it adapts
    weight: Tensor = module.weight  # type: ignore[assignment]
    # Conv1D of GPT-2 keeps (in, out); here every map is (out, in), as nn.Linear has it.
    return weight.t() if type(module).__name__ == "Conv1D" else weight


def _bias(module: nn.Module) -> Tensor | None:
    bias = getattr(module, "bias", None)
    return bias.detach().clone() if isinstance(bias, Tensor) else None


def _dropout_rate(holder: nn.Module) -> float:
    # BLOOM keeps the rate as a number, GPT-2 as a module.
    rate = getattr(holder, "hidden_dropout", None)
    if isinstance(rate, float):
        return rate
    dropout = getattr(holder, "dropout", None)
    return float(dropout.p) if isinstance(dropout, nn.Dropout) else 0.0
