"""Mixtures of whole experts: what MoE-LPR and LLaMA-MoE have in common.

    y = c sum_j w_j E_j(x),    E_j a feed-forward block of its own,    w = gate(x), zero where not chosen

Every expert is computed only for the tokens that chose it, so top-k routing costs k experts a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

import torch
from mtsuite.methods.dispatch import mix
from torch import Tensor, nn

from mtsuite.data.batches import IGNORED, Batch, Text
from mtsuite.method import Chart, LooksAt, Option, Probe, Series
from mtsuite.model.blocks import FeedForwardBlock, Weights


class Routing(NamedTuple):
    """What a gate decides for inputs (..., d): float32, whatever the model computes in.

    ``numbers`` (..., k): the experts chosen.  ``weights`` (..., n): of all experts, zero where not chosen.  ``basis``
    (..., n): what the method's auxiliary loss is computed from (logits, say).
    """

    numbers: Tensor
    weights: Tensor
    basis: Tensor


class Expert(nn.Module):
    """One expert: down act(up x) + bias, or down (act(gate x) * up x); holds the tensors that it is given."""

    def __init__(self, weights: Weights, activation: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.up, self.up_bias = nn.Parameter(weights.up), _optional(weights.up_bias)
        self.gate, self.gate_bias = _optional(weights.gate), _optional(weights.gate_bias)
        self.down, self.down_bias = nn.Parameter(weights.down), _optional(weights.down_bias)
        self._activation = [activation]  # in a list: it belongs to the base model and is no child

    def forward(self, x: Tensor) -> Tensor:
        """E(x) of tokens x (n, d): (n, d), in the type of the weights."""
        act, linear = self._activation[0], nn.functional.linear
        x = x.to(self.up.dtype)
        up = linear(x, self.up, self.up_bias)
        a = act(up) if self.gate is None else act(linear(x, self.gate, self.gate_bias)) * up
        return linear(a, self.down, self.down_bias)


class Mixture(nn.Module):
    """A gate and its experts in the place of a feed-forward block; c is ``scale``, and ``gate.k`` experts are chosen.

    ``weighed`` false: every chosen expert counts fully, whatever its weight.
    """

    def __init__(
        self, experts: Sequence[nn.Module], gate: nn.Module, scale: float = 1.0, *, weighed: bool = True
    ) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.gate = gate
        self.k: int = gate.k  # type: ignore[assignment]
        self.scale, self.weighed = scale, weighed

    def forward(self, x: Tensor) -> Tensor:
        """sum_j weight_j E_j(x) over the chosen experts, for x (..., d): (..., d)."""
        flat = x.reshape(-1, x.shape[-1])  # (..., d) to tokens (n, d): each is routed by itself
        numbers, weights = self.choices(x)
        return mix(self.experts, flat, numbers, weights).reshape(x.shape).to(x.dtype)

    def choices(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        """Numbers of the experts of every token (n, k) and what they count, c included; None and (n, experts): all."""
        with torch.autocast(x.device.type, enabled=False):  # routing is decided in float32
            routing: Routing = self.gate(x)
            weights, numbers = routing.weights.reshape(-1, len(self.experts)), None  # (n, experts)
            if self.k < len(self.experts):
                numbers = routing.numbers.reshape(-1, self.k)  # (n, k)
                weights = weights.gather(1, numbers)  # (n, k): of the chosen experts alone
            return numbers, self.scale * (weights if self.weighed else torch.ones_like(weights))


def largest(scores: Tensor, k: int) -> Tensor:
    """Numbers of the k largest of the last axis (..., k), the largest first.

    Ties go to the first, whatever the shape: decoding token by token must choose as a whole sentence does.
    """
    return scores.detach().sort(dim=-1, descending=True, stable=True).indices[..., :k]


def chosen(numbers: Tensor, experts: int) -> Tensor:
    """Numbers (..., k) as booleans (..., experts)."""
    none = torch.zeros(*numbers.shape[:-1], experts, dtype=torch.bool, device=numbers.device)
    return none.scatter(-1, numbers, True)


def sliced(block: FeedForwardBlock, neurons: Sequence[Tensor]) -> list[Expert]:
    """Experts that share the block's neurons.

    sum_j E_j(x) = FFN(x) when the index sets, each (neurons of slice j,), are a partition.
    """
    w = block.weights()

    def rows(value: Tensor | None, index: Tensor) -> Tensor | None:
        return None if value is None else value[index]

    def part(index: Tensor) -> Weights:
        index = index.to(w.up.device)
        bias = None if w.down_bias is None else w.down_bias / len(neurons)
        gate, gate_bias = rows(w.gate, index), rows(w.gate_bias, index)
        return Weights(w.up[index], rows(w.up_bias, index), gate, gate_bias, w.down[:, index], bias)

    return [Expert(part(index), block.activation) for index in neurons]


def mixtures(model: nn.Module) -> list[Mixture]:
    """The mixtures of a model, first layer first."""
    return [module for module in model.modules() if isinstance(module, Mixture)]


@contextmanager
def watched(model: nn.Module) -> Iterator[list[Routing]]:
    """Within, what every gate decides is collected, first layer first."""
    seen: list[Routing] = []
    handles = [m.gate.register_forward_hook(lambda _m, _a, routing: seen.append(routing)) for m in mixtures(model)]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def basis_of(routings: Sequence[Routing], batch: Batch) -> Tensor:
    """The gates' ``basis`` at the tokens that are no padding: (layers, tokens, n)."""
    return torch.stack([_at(routing.basis, batch.attention_mask) for routing in routings])


def weights_of(routings: Sequence[Routing], mask: Tensor) -> Tensor:
    """The experts' weights at the tokens of a mask (rows, length): (layers, tokens, n)."""
    return torch.stack([_at(routing.weights, mask) for routing in routings])


def idle_parameters(model: nn.Module, k: int) -> int:
    """Parameters of the experts that one token leaves out (all experts are of equal size)."""
    return sum((len(m.experts) - k) * sum(p.numel() for p in m.experts[0].parameters()) for m in mixtures(model))


def balance_loss(logits: Tensor, k: int) -> Tensor:
    """N sum_i F_i P_i of a layer, mean over the layers of logits (layers, tokens, N); k when balanced.

    F_i is the share of tokens that chose expert i, P_i its mean probability (Switch Transformers, Eqs. 4-6, with
    F summed over the k choices as in Mixtral).
    """
    p = torch.softmax(logits, dim=-1)
    share = chosen(largest(p, k), p.shape[-1]).float().mean(1)
    return logits.shape[-1] * (share * p.mean(1)).sum(-1).mean()


# -- what the trained model does with its experts ----------------------------------------------------------


class RoutingProbe(Probe):
    """Where held-out tokens are sent, by layer: monolingual text by language, prompts and targets by direction.

    Tensors, for G languages, D directions, L layers with a mixture, n experts: ``mass.monolingual`` (G, L, n),
    ``mass.prompt`` and ``mass.target`` (D, L, n), an expert's share of all weight; ``load.monolingual`` … of the
    same shapes, the share of tokens that chose it.
    """

    name: ClassVar[str] = "routing"
    looks_at: ClassVar[LooksAt] = "trained"

    samples: int = Option(200, ge=1)

    @torch.inference_mode()
    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """Means over tokens by kind of text.  The class has names and shapes, such as (G, L, n)."""
        found: dict[str, list[Tensor]] = {}
        for code in text.languages:
            monolingual = _Counter()
            for batch, routings in self._routed(model, text.monolingual(code, limit=self.samples)):
                monolingual.add(routings, batch.attention_mask)
            monolingual.into(found, "monolingual")
        for direction in text.directions:
            prompt, target = _Counter(), _Counter()
            for batch, routings in self._routed(model, text.batches(direction, limit=self.samples)):
                predicted = batch.labels != IGNORED
                prompt.add(routings, batch.attention_mask.bool() & ~predicted)
                target.add(routings, predicted)
            prompt.into(found, "prompt")
            target.into(found, "target")
        return {name: torch.stack(values) for name, values in found.items()}

    def _routed(self, model: nn.Module, batches: Iterator[Batch]) -> Iterator[tuple[Batch, list[Routing]]]:
        device = next(model.parameters()).device
        for batch in batches:
            batch = batch.to(device)
            with watched(model) as routings:
                model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
            yield batch, routings


class _Counter:
    """Sums over tokens of the weights and of the choices, each (layers, experts)."""

    def __init__(self) -> None:
        self.weight = self.choice = torch.zeros(())
        self.tokens = 0

    def add(self, routings: Sequence[Routing], mask: Tensor) -> None:
        """Add the tokens that ``mask`` (rows, length) marks."""
        weights = weights_of(routings, mask).double().cpu()
        self.weight = self.weight + weights.sum(1)
        self.choice = self.choice + (weights > 0).double().sum(1)
        self.tokens += weights.shape[1]

    def into(self, found: dict[str, list[Tensor]], kind: str) -> None:
        """Append the means (layers, ...) to the lists of ``found``."""
        mass = self.weight / self.weight.sum(-1, keepdim=True).clamp_min(1e-12)
        found.setdefault(f"mass.{kind}", []).append(mass.float())
        found.setdefault(f"load.{kind}", []).append((self.choice / max(1, self.tokens)).float())


KINDS = {"monolingual": "monolingual text", "prompt": "prompts", "target": "targets"}


def lines_by_layer(values: dict[str, Tensor], layers: Sequence[int], **words: str) -> Chart:
    """A line a kind of text over the layers (counted from one); ``values`` by kind, each (layers)."""
    x = tuple(float(layer + 1) for layer in layers)
    series = tuple(Series(KINDS[kind], x, tuple(y.tolist())) for kind, y in values.items())
    return Chart(kind="lines", x_label="layer", series=series, **words)


def grid(rows: Sequence[str], columns: Sequence[str], values: Tensor, **words: str) -> Chart:
    """A heat map of values (rows, columns)."""
    series = tuple(Series(row, tuple(columns), tuple(y)) for row, y in zip(rows, values.tolist(), strict=True))
    return Chart(kind="grid", series=series, **words)


def _at(values: Tensor, mask: Tensor) -> Tensor:
    return values.reshape(-1, values.shape[-1])[mask.reshape(-1).bool()]  # OPT's blocks see (rows * length, d)


def _optional(value: Tensor | None) -> nn.Parameter | None:
    return None if value is None else nn.Parameter(value)
