"""LLaMA-MoE (Zhu et al. 2024, arXiv 2406.16554): deal the neurons of every block into experts, then train on.

    y = c sum_{j in TopK} s_j E_j(x),   E_j(x) = sum_{n in S_j} a_n(x) w_n,   s = softmax over the chosen logits

All experts learn in both stages, on monolingual and then on parallel text: a mixture of experts without
groups.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from mtsuite.methods.experts import (
    KINDS,
    Mixture,
    Routing,
    RoutingProbe,
    basis_of,
    chosen,
    grid,
    idle_parameters,
    largest,
    lines_by_layer,
    mixtures,
    sliced,
    watched,
    weights_of,
)
from pydantic import model_validator
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.method import Artefacts, Chart, Method, MethodConfig, MethodError, Option, Phase, Train
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks


class LLaMAMoEConfig(MethodConfig):
    # -- experts --------------------------------------------------------------------------------------
    experts: int = Option(
        8, ge=2, description="Experts E a layer, of equal size. 8: LLaMA-MoE-3.5B (2/8); the others have 16."
    )
    top_k: int = Option(2, ge=1, description="Experts k used a token. 2: LLaMA-MoE-3.5B (2/8).")
    partition: Literal["random", "kmeans_up", "kmeans_gate"] = Option(
        "random",
        description="How neurons are dealt: a seeded permutation (the released models), or balanced k-means on the "
        "rows of the up or gate projection (the paper's clustering).",
    )
    scale: float | None = Option(
        None,
        gt=0,
        description="Factor c on the mixture; empty: experts / top_k, as released. With scale = experts a uniform "
        "gate over all experts gives the pretrained block.",
    )
    multiply_scores: bool = Option(
        True,
        description="Experts are weighed by their scores; otherwise every chosen expert counts fully, and scale is 1 "
        "unless set. True: the release.",
    )

    # -- gate -----------------------------------------------------------------------------------------
    gate: Literal["mlp", "linear"] = Option(
        "mlp",
        description="Gate network: two linear maps with tanh between, or one that starts at zero. mlp: the release.",
    )
    noise: bool = Option(
        True, description="Learned noise on the logits in training (Shazeer et al. 2017). The release."
    )
    noise_epsilon: float = Option(1e-2, gt=0, description="Least standard deviation of the noise. 1e-2: the release.")
    balance: float = Option(1e-2, ge=0, description="Coefficient of the balance loss. 1e-2: the release.")

    # -- stages ---------------------------------------------------------------------------------------
    stage1: bool = Option(True, description="Continue pretraining on monolingual text first, as the paper does.")
    stage1_learning_rate: float = Option(2e-4, gt=0, description="Peak learning rate of stage 1. 2e-4: the release.")
    train_backbone: bool = Option(
        False,
        description="Train all other parameters too, as the paper does. Our choice: experts and gates, so that "
        "mixtures of experts are compared on what they train.",
    )
    loss_on: Literal["target", "all"] = Option(
        "target", description="Tokens that stage 2 predicts. Our choice: the target's, as all other rows."
    )

    @model_validator(mode="after")
    def _fits(self) -> LLaMAMoEConfig:
        if self.top_k > self.experts:
            raise ValueError(f"top_k is {self.top_k}, but there are {self.experts} experts: set it to that or less")
        fields = type(self).model_fields
        if not self.noise and self.noise_epsilon != fields["noise_epsilon"].default:
            raise ValueError("noise_epsilon is about the noise, but noise is false; leave it out")
        if not self.stage1 and self.stage1_learning_rate != fields["stage1_learning_rate"].default:
            raise ValueError("stage1_learning_rate belongs to stage 1, but stage1 is false; leave it out")
        return self

    @property
    def factor(self) -> float:
        """c."""
        released = self.experts / self.top_k if self.multiply_scores else 1.0
        return released if self.scale is None else self.scale


# What stage 1 depends on: rows that differ in stage 2 alone share it.
_STAGE1 = ("experts", "top_k", "partition", "scale", "multiply_scores", "gate", "noise", "noise_epsilon", "balance",
           "stage1_learning_rate", "train_backbone")  # fmt: skip


class LLaMAMoE(Method):
    """Every feed-forward block becomes one group of experts, all of which train in both stages."""

    Config = LLaMAMoEConfig

    def phases(self) -> Sequence[Phase]:
        config: LLaMAMoEConfig = self.config
        first = Train("pretraining", "monolingual", "all", config.stage1_learning_rate, settings=_STAGE1)
        second = Train("translation", "parallel", config.loss_on, 5e-5)
        return [first, second, RoutingProbe()] if config.stage1 else [second, RoutingProbe()]

    def note(self) -> str:
        return "also reads monolingual text (stage 1)" if self.config.stage1 else ""

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        # Once something is trained it is loaded over the slices: they need not be found by clustering again.
        trained = any(earlier.name in artefacts for earlier in self.phases())
        how = "random" if trained else self.config.partition
        for layer, block in enumerate(feed_forward_blocks(model)):
            experts = sliced(block, partition(block, self.config.experts, how, seed=layer))
            gate = NoisyTopKGate(block.hidden_size, self.config).to(experts[0].up.device)
            block.replace(Mixture(experts, gate, self.config.factor, weighed=self.config.multiply_scores))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        if self.config.train_backbone:
            return model.parameters()
        return [p for mixture in mixtures(model) for p in mixture.parameters()]

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy, and in training the balance loss summed over layers (as the release sums it): a scalar."""
        with watched(model) as routings:
            loss = super().loss(model, batch)
        if not (model.training and self.config.balance):
            return loss
        importance = weights_of(routings, batch.attention_mask).sum(1)
        load = basis_of(routings, batch).sum(1)
        return loss + self.config.balance * (cv_squared(importance) + cv_squared(load)).sum()

    def active_parameters(self, model: nn.Module) -> int:
        """All but the experts that a token leaves out and the noise, which is off outside training."""
        noise = sum(p.numel() for name, p in model.named_parameters() if name.endswith("gate.noise.weight"))
        return super().active_parameters(model) - idle_parameters(model, self.config.top_k) - noise

    def charts(self, artefacts: Artefacts) -> Sequence[Chart]:
        if RoutingProbe.name not in artefacts:
            return ()
        tensors, directions = artefacts.tensors(RoutingProbe.name), artefacts.directions(RoutingProbe.name)
        languages = list(dict.fromkeys(code for direction in directions for code in direction))
        load = tensors["load.target"].mean(0)
        layers, experts = ([str(i + 1) for i in range(size)] for size in load.shape)
        mass = tensors["mass.monolingual"]
        return [
            grid(
                [f"layer {number}" for number in layers],
                experts,
                load,
                name="expert-load",
                title="Load of the experts on translations",
                x_label="expert",
                y_label="share of tokens",
                about="Share of held-out target tokens that chose an expert, mean over directions; top_k / experts "
                "when balanced.",
            ),
            lines_by_layer(
                {kind: cv_squared(tensors[f"load.{kind}"].mean(0)) for kind in KINDS},
                range(len(layers)),
                name="load-variation",
                title="Imbalance of the load",
                y_label="CV² over experts",
                about="Squared coefficient of variation of the experts' load, over languages or directions; 0 when "
                "balanced. The balance loss presses on it in training.",
            ),
            grid(
                languages,
                layers,
                (mass - mass.mean(0)).abs().sum(-1) / 2,
                name="routes-by-language",
                title="How far a language's routes are its own",
                x_label="layer",
                y_label="total variation distance",
                about="Total variation distance between the routing weight of monolingual text in a language and its "
                "mean over languages: 0 when all languages use the experts alike.",
            ),
        ]


# -- the gate ------------------------------------------------------------------------------------------------


class NoisyTopKGate(nn.Module):
    """Noisy top-k gating (Shazeer et al. 2017, section 2.1 and appendix A).

    H(x) = G(x) + N(0, 1) * (softplus(W_noise x) + epsilon), the noise in training only; ``weights`` are the softmax
    over the k largest of H, ``basis`` the probability that an expert is among them under fresh noise of its own.
    """

    def __init__(self, hidden: int, config: LLaMAMoEConfig) -> None:
        super().__init__()
        experts = config.experts
        self.config, self.k = config, config.top_k
        first = nn.Linear(hidden, experts, bias=False)
        if config.gate == "linear":
            nn.init.zeros_(first.weight)
            self.logits: nn.Module = first
        else:
            self.logits = nn.Sequential(first, nn.Tanh(), nn.Linear(experts, experts, bias=False))
        self.noise: nn.Linear | None = None
        if config.noise:
            self.noise = nn.Linear(hidden, experts, bias=False)
            nn.init.zeros_(self.noise.weight)

    def forward(self, x: Tensor) -> Routing:
        """Chosen experts (..., k), their weights and their load (..., E), for x (..., d)."""
        k = self.k
        clean = self.logits(x.float())
        if self.noise is None or not self.training:
            numbers = largest(clean, k)
            used = chosen(numbers, clean.shape[-1])
            return Routing(numbers, _scores(clean, used), used.float())
        deviation = nn.functional.softplus(self.noise(x.float())) + self.config.noise_epsilon
        # Drawn on the CPU, whose generator is part of a checkpoint: a run that is resumed draws what it would have.
        noisy = clean + torch.randn(clean.shape).to(clean.device) * deviation
        numbers = largest(noisy, k)
        used = chosen(numbers, noisy.shape[-1])
        return Routing(numbers, _scores(noisy, used), load_probability(clean, noisy, deviation, numbers))


def _scores(logits: Tensor, used: Tensor) -> Tensor:
    return torch.softmax(logits.masked_fill(~used, -torch.inf), dim=-1)


def load_probability(clean: Tensor, noisy: Tensor, deviation: Tensor, numbers: Tensor) -> Tensor:
    """P(x, i) = Phi((G(x)_i - kth_excluding(H(x), k, i)) / deviation_i), all (..., E) (Shazeer et al. 2017, Eq. 9).

    ``numbers`` (..., k) are those of the k largest of H.  The k-th largest without i is the (k+1)-th of all when i is
    among them, else the k-th.
    """
    if numbers.shape[-1] == clean.shape[-1]:
        return torch.ones_like(clean)
    used = chosen(numbers, clean.shape[-1])
    last = noisy.masked_fill(~used, torch.inf).amin(-1, keepdim=True)
    next_one = noisy.masked_fill(used, -torch.inf).amax(-1, keepdim=True)
    threshold = torch.where(used, next_one, last)
    return torch.special.ndtr((clean - threshold) / deviation)


def cv_squared(values: Tensor) -> Tensor:
    """Squared coefficient of variation over the last axis, (..., n) to (...): sample variance over squared mean."""
    return values.var(-1) / (values.mean(-1).square() + 1e-10)


# -- the partition -------------------------------------------------------------------------------------------


def partition(block: FeedForwardBlock, experts: int, how: str, seed: int) -> list[Tensor]:
    """The block's neurons as ``experts`` index sets of equal size, each (f / E,).

    Raises MethodError when that cannot be.
    """
    if block.neurons % experts:
        raise MethodError(
            f"config.experts: {experts} experts of equal size are asked for, but {block.name} has {block.neurons} "
            f"neurons; choose a divisor of {block.neurons}."
        )
    if how == "kmeans_gate" and not block.gated:
        raise MethodError(f"config.partition: kmeans_gate needs a gate; {block.name} has none. Use kmeans_up.")
    generator = torch.Generator().manual_seed(seed)
    on_meta = next(block.parameters()).is_meta  # a plan: no numbers to cluster, and the sizes are all that it asks
    if how == "random" or on_meta:
        return list(torch.randperm(block.neurons, generator=generator, device="cpu").chunk(experts))
    weights = block.weights()
    rows = weights.up if how == "kmeans_up" or weights.gate is None else weights.gate
    owner = balanced_kmeans(rows.float(), experts, generator)
    return [torch.nonzero(owner == expert).squeeze(-1) for expert in range(experts)]


def balanced_kmeans(rows: Tensor, clusters: int, generator: torch.Generator, rounds: int = 20) -> Tensor:
    """Cluster (n) of every row (n, d), n / clusters rows in each: Lloyd's algorithm by exchanges.

    The first centres are a random row and the rows farthest from those taken before.
    """
    first = int(torch.randint(len(rows), (), generator=generator, device="cpu"))
    centres = rows[first : first + 1]
    while len(centres) < clusters:
        farthest = torch.cdist(rows, centres).amin(1).argmax()
        centres = torch.cat([centres, rows[farthest].unsqueeze(0)])
    owner = torch.arange(len(rows), device=rows.device) % clusters
    for _ in range(rounds):
        before, owner = owner, exchanged(torch.cdist(rows, centres).square(), owner)
        if torch.equal(owner, before):
            break
        centres = torch.stack([rows[owner == cluster].mean(0) for cluster in range(clusters)])
    return owner


def exchanged(cost: Tensor, owner: Tensor) -> Tensor:
    """Owners (n) after exchanges between pairs of clusters that lower sum_i cost[i, owner_i], cost (n, c).

    For two clusters the best exchange is known: order the members of each by what moving them over gains, and
    exchange in that order as long as a pair gains.
    """
    owner, columns = owner.clone(), cost.shape[1]
    least = 1e-6 * float(cost.max())  # less is rounding, and would go back and forth
    for _ in range(columns):
        before = owner.clone()
        for a, b in itertools.combinations(range(columns), 2):
            of_a, of_b = (torch.nonzero(owner == column).squeeze(-1) for column in (a, b))
            gain_a, order_a = (cost[of_a, a] - cost[of_a, b]).sort(descending=True, stable=True)
            gain_b, order_b = (cost[of_b, b] - cost[of_b, a]).sort(descending=True, stable=True)
            pairs = int((gain_a + gain_b > least).sum())
            owner[of_a[order_a[:pairs]]], owner[of_b[order_b[:pairs]]] = b, a
        if torch.equal(owner, before):
            break
    return owner
