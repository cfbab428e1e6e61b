"""MoE-LPR (Zhou et al. 2025, arXiv 2408.11396): upcycle to experts, keep the original one, review the router.

    p = softmax(W x) in float32,   y = sum_{j in TopK(p)} p~_j E_j(x),   E_0 = the pretrained block, frozen

Stage 1 trains the copies E_1 … and the router; stage 2, the review, trains the router alone, with a
language prior that sends replayed monolingual text to E_0.  The paper extends a model to new languages and
trains stage 1 on their monolingual text; here what is new is translation, so stage 1 reads parallel text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import torch
from mtsuite.methods.experts import (
    KINDS,
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
    lines_by_layer,
    mixtures,
    watched,
)
from pydantic import model_validator
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.method import Artefacts, Chart, Direction, Method, MethodConfig, MethodError, Option, Phase, Train
from mtsuite.model.blocks import feed_forward_blocks


class MoELPRConfig(MethodConfig):
    experts: int = Option(
        4, ge=2, description="Experts N a layer: the original block and N - 1 copies. 4: stage1.sh of the release."
    )
    top_k: int = Option(2, ge=1, description="Experts used a token. 2: stage1.sh of the release.")
    every_k_layers: int = Option(
        1, ge=1, description="A mixture in layers k, 2k, …; the others stay as they are. 1: the release."
    )
    balance: float = Option(
        0.01, ge=0, description="Coefficient of the balance loss of stage 1. 0.01: stage1.sh of the release."
    )
    loss_on: Literal["target", "all"] = Option(
        "target", description="Tokens that stage 1 predicts. Our choice: the target's, as all other rows."
    )
    learning_rate_experts: float = Option(5e-5, gt=0, description="Peak learning rate of stage 1. 5e-5: stage1.sh.")
    review: bool = Option(True, description="Stage 2: train the router alone on monolingual text (paper, section 3).")
    lpr: float = Option(0.1, ge=0, description="Coefficient of the language-prior loss of stage 2. 0.1: stage2.sh.")
    lpr_form: Literal["logits", "double_softmax"] = Option(
        "logits",
        description="Language-prior loss from the router's logits (the paper's cross-entropy), or from its "
        "probabilities taken for logits, which is what the release computes and which cannot reach zero. Our choice: "
        "logits.",
    )
    learning_rate_review: float = Option(5e-5, gt=0, description="Peak learning rate of stage 2. 5e-5: stage2.sh.")

    @model_validator(mode="after")
    def _fits(self) -> MoELPRConfig:
        if self.top_k > self.experts:
            raise ValueError(f"top_k is {self.top_k}, but there are {self.experts} experts: set it to that or less")
        if self.top_k == self.experts and self.balance > 0:
            raise ValueError("balance: with all experts used the balance loss is constant; set it to 0")
        fields = type(self).model_fields
        idle = [n for n in ("lpr", "lpr_form", "learning_rate_review") if getattr(self, n) != fields[n].default]
        if not self.review and idle:
            raise ValueError(f"{' and '.join(idle)}: about the review, but review is false; leave out")
        return self


# What stage 1 depends on: rows that differ in the review alone share it.
_STAGE1 = ("experts", "top_k", "every_k_layers", "balance", "loss_on", "learning_rate_experts")


class MoELPR(Method):
    """Copies of every feed-forward block learn to translate; a router keeps the original for other text."""

    Config = MoELPRConfig

    def phases(self) -> Sequence[Phase]:
        config: MoELPRConfig = self.config
        experts = Train("experts", "parallel", config.loss_on, config.learning_rate_experts, settings=_STAGE1)
        review = Train("review", "monolingual", "all", config.learning_rate_review)
        return [experts, review, RoutingProbe()] if config.review else [experts, RoutingProbe()]

    def check(self, layers: int, directions: Sequence[Direction]) -> None:
        """Raises MethodError when no layer would get experts."""
        if self.config.every_k_layers > layers:
            raise MethodError(
                f"config.every_k_layers is {self.config.every_k_layers}, but the model has {layers} layers: no layer "
                f"would get experts; set it to {layers} or less."
            )

    def note(self) -> str:
        return "also reads monolingual text (review)" if self.config.review else ""

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        config: MoELPRConfig = self.config
        blocks = feed_forward_blocks(model)
        self.check(len(blocks), ())
        for block in blocks[config.every_k_layers - 1 :: config.every_k_layers]:
            experts = [Expert(block.weights(), block.activation) for _ in range(config.experts)]
            router = Router(block.hidden_size, config.experts, config.top_k).to(experts[0].up.device)
            block.replace(Mixture(experts, router))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        """Stage 1: the copies and the router.  Stage 2: the router.  Never the original block."""
        for mixture in mixtures(model):
            yield from mixture.gate.parameters()
            if phase.name == "experts":
                yield from mixture.experts[1:].parameters()

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy, a scalar; in training also the balance loss in stage 1, the language prior in stage 2."""
        config: MoELPRConfig = self.config
        with watched(model) as routings:
            loss = super().loss(model, batch)
        if not model.training:
            return loss
        logits = basis_of(routings, batch)
        if any(p.requires_grad for p in mixtures(model)[0].experts.parameters()):
            return loss + config.balance * balance_loss(logits, config.top_k)
        return loss + config.lpr * prior_loss(logits, config.lpr_form)

    def active_parameters(self, model: nn.Module) -> int:
        return super().active_parameters(model) - idle_parameters(model, self.config.top_k)

    def charts(self, artefacts: Artefacts) -> Sequence[Chart]:
        if RoutingProbe.name not in artefacts:
            return ()
        tensors, directions = artefacts.tensors(RoutingProbe.name), artefacts.directions(RoutingProbe.name)
        original = {kind: tensors[f"mass.{kind}"][..., 0] for kind in KINDS}
        languages = list(dict.fromkeys(code for direction in directions for code in direction))
        every = self.config.every_k_layers
        layers = [every * (i + 1) - 1 for i in range(original["target"].shape[1])]
        return [
            lines_by_layer(
                {kind: values.mean(0) for kind, values in original.items()},
                layers,
                name="original-expert",
                title="Weight of the original block",
                y_label="share of the routing weight",
                about="Weight of expert 0 after top-k, mean over held-out tokens and over languages or directions.",
            ),
            grid(
                [*(f"{code} text" for code in languages), *(f"{direction} target" for direction in directions)],
                [str(layer + 1) for layer in layers],
                torch.cat([original["monolingual"], original["target"]]),
                name="original-expert-by-language",
                title="Weight of the original block by language and direction",
                x_label="layer",
                y_label="share of the weight",
                about="As original-expert: rows are monolingual text of a language, or the targets of a direction.",
            ),
        ]


class Router(nn.Module):
    """p = softmax(W x), the k largest, scaled to sum one unless k is 1; ``basis`` holds the logits."""

    def __init__(self, hidden: int, experts: int, k: int) -> None:
        super().__init__()
        self.k = k
        self.linear = nn.Linear(hidden, experts, bias=False)
        nn.init.xavier_normal_(self.linear.weight)

    def forward(self, x: Tensor) -> Routing:
        """Chosen experts (..., k), weights (..., N) and logits (..., N), for x (..., d)."""
        logits = nn.functional.linear(x.float(), self.linear.weight.float())
        p = torch.softmax(logits, dim=-1)
        numbers = largest(p, self.k)
        weights = p * chosen(numbers, p.shape[-1])
        return Routing(numbers, weights if self.k == 1 else weights / weights.sum(-1, keepdim=True), logits)


def prior_loss(logits: Tensor, form: str) -> Tensor:
    """L_LPR = - log p_0, mean over layers and tokens of logits (layers, tokens, N).

    ``double_softmax`` takes p for the logits: at best log(1 + (N - 1) / e), where p_0 = 1.
    """
    scores = torch.softmax(logits, dim=-1) if form == "double_softmax" else logits
    return -torch.log_softmax(scores, dim=-1)[..., 0].mean()
