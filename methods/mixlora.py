"""MixLoRA (Li et al. 2024, arXiv 2404.15159, §3.2): experts that are low-rank updates of one frozen block.

    p = softmax(R x) in float32,      y = sum_{j in TopK(p)} p~_j E_j(x),      p~ sums to one      (Eqs. 6, 7)
    E_j(x) = W_down^j (act(W_gate^j x) * W_up^j x),      W^j = W + (alpha / r) B_j A_j

Ungated blocks have no W_gate.  W x is computed once for all experts (§3.3), and so is W_down, because it is linear:
y = W_down h + sum_j p~_j (alpha / r) B_j A_j h_j with h_j = act(…) … and h = sum_j p~_j h_j.  The attention's maps
have a low-rank update each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from mtsuite.methods.dispatch import Dispatch
from mtsuite.methods.experts import (
    Expert,
    Mixture,
    Routing,
    RoutingProbe,
    balance_loss,
    basis_of,
    chosen,
    grid,
    idle_parameters,
    largest,
    mixtures,
    watched,
)
from mtsuite.methods.low_rank import LowRank, add_update, linear_maps, low_rank_parameters, sizes
from pydantic import model_validator
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.method import Artefacts, Chart, Method, MethodConfig, Option, Phase, Train
from mtsuite.model.blocks import FeedForwardBlock, decoder_layers, feed_forward_blocks


class MixLoRAConfig(MethodConfig):
    experts: int = Option(8, ge=1, description="Experts E a layer. 8: the release's template.")
    top_k: int = Option(
        2,
        ge=1,
        description="Experts used a token. 2: the release's template. With 1 the router learns from the balance loss "
        "alone, for the one weight is 1.",
    )
    rank: int = Option(16, ge=1, description="Rank r of every update. 16: the release's template.")
    alpha: float = Option(
        32.0, gt=0, description="Scale alpha; an update counts alpha / r. 32: the release's template."
    )
    dropout: float = Option(
        0.0, ge=0, lt=1, description="Dropout before A. Our choice: none, as in the other rows; the template has 0.05."
    )
    router_std: float = Option(
        0.02, gt=0, description="Standard deviation of the router's weights at the start. 0.02: the release's template."
    )
    balance: float = Option(
        0.01, ge=0, description="Coefficient of the balance loss, averaged over layers. 0.01: the paper, §3.2."
    )
    balance_counts: Literal["first", "all"] = Option(
        "first",
        description="What the balance loss counts of a token: its first choice (the paper's Eq. 9, as Switch) or all "
        "of its top_k (the release, as Mixtral).",
    )
    attention: bool = Option(
        True, description="Low-rank updates of the attention's linear maps as well. True: the paper, §3.2."
    )

    @model_validator(mode="after")
    def _fits(self) -> MixLoRAConfig:
        if self.top_k > self.experts:
            raise ValueError(f"top_k is {self.top_k}, but there are {self.experts} experts: set it to that or less")
        if self.balance == 0 and self.balance_counts != "first":
            raise ValueError("balance_counts: no balance loss is computed, since balance is 0; leave it out")
        if self.top_k == self.experts and self.balance_counts == "all" and self.balance > 0:
            raise ValueError(
                "balance: with all experts used and all choices counted the balance loss is constant and does "
                "nothing; set balance to 0, or balance_counts to first"
            )
        return self


class MixLoRA(Method):
    """Every feed-forward block becomes a mixture of low-rank experts around itself; the base stays frozen."""

    Config = MixLoRAConfig

    def phases(self) -> Sequence[Phase]:
        return [Train("translation", learning_rate=2e-4), RoutingProbe()]  # 2e-4: the release's template

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        config: MixLoRAConfig = self.config
        blocks = feed_forward_blocks(model)
        if config.attention:
            inside = {id(m) for block in blocks for m in (block.up, block.gate, block.down)}
            for linear in (m for layer in decoder_layers(model) for m in linear_maps(layer) if id(m) not in inside):
                add_update(linear, LowRank(*sizes(linear), config.rank, config.alpha, config.dropout))
        for block in blocks:
            block.replace(LowRankMixture(block, config))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        routers = [p for mixture in mixtures(model) for p in mixture.gate.parameters()]
        return [*low_rank_parameters(model.modules()), *routers]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy, a scalar; in training also the balance loss over tokens that are no padding (Eqs. 8, 9)."""
        config: MixLoRAConfig = self.config
        with watched(model) as routings:
            loss = super().loss(model, batch)
        if not (model.training and config.balance):
            return loss
        counted = 1 if config.balance_counts == "first" else config.top_k
        return loss + config.balance * balance_loss(basis_of(routings, batch), counted)

    def active_parameters(self, model: nn.Module) -> int:
        return super().active_parameters(model) - idle_parameters(model, self.config.top_k)

    def charts(self, artefacts: Artefacts) -> Sequence[Chart]:
        if RoutingProbe.name not in artefacts:
            return ()
        load = artefacts.tensors(RoutingProbe.name)["load.target"].mean(1)  # over layers: (directions, experts)
        return [
            grid(
                [str(direction) for direction in artefacts.directions(RoutingProbe.name)],
                [str(expert + 1) for expert in range(load.shape[1])],
                load,
                name="expert-load",
                title="Load of the experts by direction",
                x_label="expert",
                y_label="share of tokens",
                about="Share of held-out target tokens that chose an expert, mean over layers; experts of different "
                "layers have nothing in common but their number.",
            )
        ]


class Router(nn.Module):
    """p~: the k largest of softmax(R x), scaled to sum one; ``basis`` holds the logits."""

    def __init__(self, hidden: int, experts: int, k: int, std: float) -> None:
        super().__init__()
        self.k = k
        self.weight = nn.Parameter(std * torch.randn(experts, hidden))

    def forward(self, x: Tensor) -> Routing:
        """Chosen experts (..., k), weights (..., E) that sum to one, and logits (..., E), for x (..., d)."""
        logits = nn.functional.linear(x.float(), self.weight.float())
        p = torch.softmax(logits, dim=-1)
        numbers = largest(p, self.k)
        weights = p * chosen(numbers, p.shape[-1])
        return Routing(numbers, weights / weights.sum(-1, keepdim=True), logits)


class LowRankExpert(nn.Module):
    """What tells one expert from the frozen block: updates of W_up, of W_gate if there is one, and of W_down."""

    def __init__(self, block: FeedForwardBlock, config: MixLoRAConfig) -> None:
        super().__init__()
        d, neurons = block.hidden_size, block.neurons
        update = (config.rank, config.alpha, config.dropout)
        self.up = LowRank(d, neurons, *update)
        self.gate = LowRank(d, neurons, *update) if block.gated else None
        self.down = LowRank(neurons, d, *update)


class LowRankMixture(Mixture):
    """The layer: ``shared`` holds the frozen block, ``experts`` the updates."""

    def __init__(self, block: FeedForwardBlock, config: MixLoRAConfig) -> None:
        shared = Expert(block.weights(), block.activation)
        experts = [LowRankExpert(block, config) for _ in range(config.experts)]
        router = Router(block.hidden_size, config.experts, config.top_k, config.router_std)
        super().__init__(experts, router)
        self.to(shared.up.device)
        self.shared = shared
        self._activation = [block.activation]  # in a list: it belongs to the base model and is no child

    def forward(self, x: Tensor) -> Tensor:
        """y = sum_j p~_j E_j(x) over the chosen experts, for x (..., d): (..., d)."""
        flat = x.reshape(-1, x.shape[-1])  # (..., d) to tokens (n, d)
        numbers, weights = self.choices(x)
        if numbers is None:
            numbers = torch.arange(len(self.experts), device=x.device).expand_as(weights)
        sent = Dispatch(numbers, len(self.experts))
        here = sent.out(flat)

        def updated(once: Tensor, name: str) -> Tensor:
            """W^j x of every choice: W x, computed once for all experts, and the chosen expert's update."""
            updates = [getattr(e, name)(rows) for e, rows in zip(self.experts, here, strict=True) if len(rows)]
            return sent.rows(once) + torch.cat(updates).to(once.dtype)

        once, act, linear = self.shared, self._activation[0], nn.functional.linear
        up = updated(linear(flat, once.up, once.up_bias), "up")
        gate = None if once.gate is None else updated(linear(flat, once.gate, once.gate_bias), "gate")
        a = act(up) if gate is None else act(gate) * up
        lows = [e.down(rows) for e, rows in zip(self.experts, sent.split(a), strict=True) if len(rows)]
        h, y = sent.back(a, weights), sent.back(torch.cat(lows), weights)
        return (linear(h, once.down, once.down_bias) + y.to(h.dtype)).reshape(x.shape).to(x.dtype)
