"""Mix-MoE (Li et al. 2026, arXiv 2605.24681): LM experts keep the language model, MT experts learn to translate.

Stage 1 post-pretrains the LM experts on monolingual text; stage 2 trains the MT experts on parallel text
with the LM experts frozen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from mtsuite.methods.mix_moe.charts import routing_charts
from mtsuite.methods.mix_moe.config import LEAKY_AXES, MixMoEConfig
from mtsuite.methods.mix_moe.layer import MixedFeedForward, layers_of, watched
from mtsuite.methods.mix_moe.losses import balance_loss, group_prior_loss
from mtsuite.methods.mix_moe.probe import RoutingProbe
from mtsuite.methods.mix_moe.reading import Reading, follow, follow_source, prompt_of
from mtsuite.methods.mix_moe.slices import Importance, load_slices, save_slices
from torch import Tensor, nn

from mtsuite.data.batches import Batch
from mtsuite.data.direction import Direction
from mtsuite.method import Artefacts, Chart, Method, MethodError, Phase, Train
from mtsuite.model.blocks import feed_forward_blocks

STAGE1, STAGE2 = "lm-experts", "mt-experts"
SLICES = "slices.safetensors"


class MixMoE(Method):
    """Feed-forward blocks become mixtures of two groups of experts."""

    Config = MixMoEConfig

    # -- what is known without a model ------------------------------------------------------------------

    def phases(self) -> Sequence[Phase]:
        config: MixMoEConfig = self.config
        phases: list[Phase] = []
        if config.slices == "taylor":
            phases.append(Importance(samples=config.taylor_samples))
        if config.stage1:
            rate = config.stage1_learning_rate
            phases.append(Train(STAGE1, "monolingual", "all", rate, settings=stage1_settings(config)))
        phases.append(Train(STAGE2, "parallel", config.loss_on, 5e-5, settings=_STAGE2))
        if config.probe_samples:
            phases.append(RoutingProbe(samples=config.probe_samples))
        return phases

    def check(self, layers: int, directions: Sequence[Direction]) -> None:
        """Raises MethodError when a layer is not there, or when options make the router or its loss idle."""
        config: MixMoEConfig = self.config
        chosen = () if config.layers == "all" else config.layers
        if config.layers != "all" and not (chosen and set(chosen) <= set(range(layers))):
            raise MethodError(f"layers: expected numbers from 0 to {layers - 1}; found {config.layers}.")
        if len(set(chosen)) < len(chosen):
            raise MethodError(f"layers: expected every layer once; found {config.layers}.")
        if config.balance and config.balance_form == "switch" and not config.leaves_out(2):
            raise MethodError(
                "balance: with all experts used the Switch balance loss is constant and does nothing; set "
                "balance_form: p_only or entropy, a smaller top_k, or balance: 0."
            )
        if config.leaves_out(2) and config.router == "learned" and config.router_init == "zeros":
            raise MethodError(
                "router_init: zeros makes all experts tie, so that every token would take the first ones; with a top_k "
                "that leaves experts out set router_init: xavier or normal."
            )

    def note(self) -> str:
        notes = ["also reads monolingual text (stage 1)"] * self.config.stage1
        if self.mark():
            notes.append("its router sees later tokens: perplexity and scores are invalid")
        return "; ".join(notes)

    def mark(self) -> str:
        return "leaky" if self.config.axis in LEAKY_AXES else ""  # without features no such axis is accepted

    # -- surgery ------------------------------------------------------------------------------------------

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        config: MixMoEConfig = self.config
        blocks = feed_forward_blocks(model)
        chosen = range(len(blocks)) if config.layers == "all" else config.layers
        importance: Tensor | None = None
        if config.slices == "taylor" and not blocks[0].up.weight.is_meta:
            importance = artefacts.tensors(Importance.name)["importance"]
        reading = Reading()
        for layer in chosen:
            seen = None if importance is None else importance[:, layer]
            mixed = MixedFeedForward(blocks[layer], config, reading, with_mt=self._has_mt(phase), importance=seen)
            blocks[layer].replace(mixed)
            if config.feature_source != "ffn_input" and mixed.router.features is not None:
                follow_source(model, reading, layer, config.feature_source)
        follow(model, reading, prompts=config.axis == "prompt", caches=not self.mark())
        return model

    def _has_mt(self, phase: str) -> bool:
        return phase == STAGE2 and self.config.groups == "mixed"

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        config: MixMoEConfig = self.config
        chosen: list[nn.Parameter] = []
        for layer in layers_of(model):
            if layer.mt is None:
                chosen += [*layer.lm.parameters(), *layer.router.parameters()]
                continue
            chosen += layer.mt.parameters()
            if not config.lm_frozen:
                chosen += layer.lm.parameters()
            if config.router_stage2 == "all":
                chosen += layer.router.parameters()
            elif config.router_stage2 == "mt_columns":
                chosen += [p for part in (layer.router.mt, layer.router.rho) if part for p in part.parameters()]
        if config.backbone_stages in ("both", "stage1" if phase.name == STAGE1 else "stage2"):
            chosen += _backbone(model, config.train_backbone)
        return chosen

    # -- use ------------------------------------------------------------------------------------------------

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Cross-entropy with, in training, the balance loss and the prior on replayed text: a scalar."""
        config: MixMoEConfig = self.config
        layers = layers_of(model)
        prior = config.group_prior_coef if batch.direction is None and layers[0].mt is not None else 0.0
        listens = model.training and (config.balance or prior)
        with layers[0].reading.telling(prompt_of(batch)), watched(model) if listens else nullcontext([]) as routes:
            loss = super().loss(model, batch)
        if listens and config.balance:
            loss = loss + config.balance * balance_loss(routes, batch.attention_mask, config.balance_form)
        if listens and prior:
            loss = loss + prior * group_prior_loss(routes, batch.attention_mask, config.lm_experts)
        return loss

    def active_parameters(self, model: nn.Module) -> int:
        """All parameters, less those of the experts that top-k leaves out (the smallest, where sizes differ)."""
        total = super().active_parameters(model)
        for layer in layers_of(model):
            sizes = [sum(p.numel() for p in expert.parameters()) for expert in layer.experts]
            groups = [sizes]
            if self.config.gate_mode == "per_group" and layer.mt is not None:
                groups = [sizes[: len(layer.lm)], sizes[len(layer.lm) :]]
            for group, k in zip(groups, self.config.used, strict=False):
                total -= sum(sorted(group)[: len(group) - min(len(group), k if k != "all" else len(group))])
        return total

    # -- saving and loading -----------------------------------------------------------------------------

    def save(self, model: nn.Module, folder: Path) -> None:
        """What was trained, and which of the block's neurons every slice holds."""
        super().save(model, folder)
        save_slices(folder / SLICES, {layer.layer: layer.slices for layer in layers_of(model)})

    def load(self, model: nn.Module, folder: Path) -> None:
        """Raises MethodError when the saved slices are not the attached ones: frozen experts would not fit."""
        saved, attached = load_slices(folder / SLICES), {layer.layer: layer.slices for layer in layers_of(model)}
        for layer, slices in attached.items():
            there = saved.get(layer, ())
            if len(there) != len(slices) or not all(map(torch.equal, there, slices)):
                raise MethodError(
                    f"{folder}: the slices of layer {layer} are not those that were trained. Was it saved with another "
                    "configuration, base model or version?"
                )
        super().load(model, folder)

    def charts(self, artefacts: Artefacts) -> Sequence[Chart]:
        if RoutingProbe.name not in artefacts:
            return ()
        directions = artefacts.directions(RoutingProbe.name)
        return routing_charts(artefacts.tensors(RoutingProbe.name), directions, self.config)


# What translation and stage 2 depend on: all but what is only looked at, and the preset, whose values are in the rest.
_STAGE2 = tuple(name for name in MixMoEConfig.model_fields if name not in ("preset", "probe_samples"))


def stage1_settings(config: MixMoEConfig) -> tuple[str, ...]:
    """What stage 1 depends on: rows that differ in stage 2 alone share it.

    A field that changes nothing while only the slices route is left out, so that more rows share.
    """
    names = [
        "lm_experts", "groups", "layers", "slices", "router", "rescale", "router_init", "transform", "axis",
        "allow_leaky", "part", "bins", "window", "window_rank", "feature_source", "fuse", "stage1",
        "stage1_learning_rate", "train_backbone", "backbone_stages",
    ]  # fmt: skip
    if config.groups == "single":
        names.append("mt_experts")
    if config.slices == "taylor":
        names.append("taylor_samples")
    if config.router_init == "normal":
        names.append("init_std")
    sparse = config.leaves_out(1)
    if sparse or config.router == "random":
        names += ["top_k", "renormalise"]
    if config.balance and (sparse or config.balance_form != "switch"):
        names += ["balance", "balance_form"]
    return tuple(names)


def _backbone(model: nn.Module, which: str) -> list[nn.Parameter]:
    """Parameters outside the mixtures: none, those of normalisation layers, or all."""
    if which == "none":
        return []
    own = {id(p) for layer in layers_of(model) for p in layer.parameters()}
    modules = [m for m in model.modules() if which == "all" or "norm" in type(m).__name__.lower()]
    found = {id(p): p for module in modules for p in module.parameters(recurse=False)}
    return [p for number, p in found.items() if number not in own]
