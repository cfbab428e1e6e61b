"""The paper's figures as data: layers (4, 5), awareness (6 to 8), clusters of outputs (12, 13).

Beside them CAR's shares, and how far routing takes the model from the base before it is trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mtsuite.methods.landermt.config import LANDeRMTConfig
from mtsuite.methods.landermt.partition import Partition
from mtsuite.methods.landermt.selection import layer_differences, layer_means, relevance, select_layers
from mtsuite.methods.landermt.splits import awareness_of, split_layers
from torch import Tensor

from mtsuite.chart import Chart, Series
from mtsuite.data.direction import Direction

PAPER = "LANDeRMT (Zhu et al. 2024)"


def detection_charts(
    tensors: dict[str, Tensor], directions: Sequence[Direction], config: LANDeRMTConfig
) -> list[Chart]:
    """Figures 4 to 8: what the detection saw in the base model, over all layers.

    ``tensors`` are those of ``Detection``, such as (directions, layers) or (languages, layers, neurons).
    """
    return [*_layer_charts(tensors, directions, config), *_awareness_charts(tensors, directions, config)]


def _layer_charts(tensors: dict[str, Tensor], directions: Sequence[Direction], config: LANDeRMTConfig) -> list[Chart]:
    means, changes = layer_means(tensors, config), layer_differences(tensors, config)
    chosen = ", ".join(str(layer + 1) for layer in select_layers(tensors, directions, config))
    site = {"mlp_out": "feed-forward output", "ffn_hidden": "inner neurons", "block_out": "layer output"}[
        config.act_site
    ]
    names = [str(d) for d in directions]
    return [
        Chart(
            "activation",
            "Average activation by layer",
            "lines",
            "layer",
            "average activation",
            tuple(_line(name, row, first=0) for name, row in zip(names, means, strict=True)),
            f"After Figure 4 of {PAPER}: {config.reduce} of the {site} over the tokens of held-out "
            "instructions; layer 0 is what enters the first layer.",
        ),
        Chart(
            "activation-change",
            "Change of the average activation by layer",
            "lines",
            "layer",
            "D (Eq. 1)",
            tuple(_line(name, row) for name, row in zip(names, changes, strict=True)),
            f"After Figure 5 of {PAPER}: change from the layer before. Selected: {chosen}.",
        ),
    ]


def _awareness_charts(
    tensors: dict[str, Tensor], directions: Sequence[Direction], config: LANDeRMTConfig
) -> list[Chart]:
    awareness = awareness_of(tensors, directions, config)
    layers = range(awareness.phi.shape[1])
    parts = split_layers(awareness, layers, config, torch.Generator().manual_seed(0))
    loss = "each direction's translation" if config.awareness == "pair_mt" else "each language's text"
    about = (
        f"of {PAPER}: mean Phi ({config.phi_agg}) of the base model by the loss on {loss}, as measured, "
        "not normalised; all layers are split as the selected ones are."
    )
    if config.detector == "random":
        about += " The random split shown is a draw of its own with the same counts."
    return [
        Chart(
            name,
            title,
            "lines",
            "layer",
            "average awareness score",
            tuple(
                _line(
                    owner, torch.stack([_mean(awareness.phi[row, layer], parts[layer], row, which) for layer in layers])
                )
                for row, owner in enumerate(awareness.owners)
            ),
            f"After Figure {figure} {about}",
        )
        for name, which, figure, title in (
            ("awareness-general", "general", 6, "Awareness of general neurons by layer"),
            ("awareness-specific", "specific", 7, "Awareness of specific neurons by layer"),
            ("awareness", "all", 8, "Awareness of all neurons by layer"),
        )
    ]


def _mean(phi: Tensor, partition: Partition, owner: int, which: str) -> Tensor:
    """Mean Phi of one owner over a layer's general neurons, over its own specific ones, or over all; NaN of none."""
    if which == "general":
        return phi[partition.general].mean()
    return phi[partition.members[owner]].mean() if which == "specific" else phi.mean()


def output_charts(
    outputs: dict[str, Tensor], detected: dict[str, Tensor], directions: Sequence[Direction], config: LANDeRMTConfig
) -> list[Chart]:
    """Figures 12 and 13 for one routed layer, and the share s_G of every routed layer.

    ``outputs`` are those of ``NeuronOutputs``, points (sentences, 2) by layer; ``detected`` those of ``Detection``.
    """
    layers = sorted(int(name.split(".")[0]) for name in outputs if name.endswith(".general"))
    charts = []
    if layers:
        change = relevance(detected, config).mean(0)
        layer = max(layers, key=lambda index: float(change[index]))
        which = "the selected layer of the largest D"
        if config.cluster_layer is not None and config.cluster_layer - 1 in layers:
            layer, which = config.cluster_layer - 1, "the layer that cluster_layer names"
        elif config.cluster_layer is not None:  # which layers are selected is known only now, after all training
            which += f", for layer {config.cluster_layer}, which cluster_layer names, is not selected"
        languages = list(dict.fromkeys(code for d in directions for code in d))
        same = "the same sentences in every language" if int(outputs["aligned"]) else "held-out sentences, not parallel"
        for part, figure in (("general", 12), ("specific", 13)):
            if f"{layer}.{part}" not in outputs:
                continue
            points = outputs[f"{layer}.{part}"]
            charts.append(
                Chart(
                    f"clusters-{part}",
                    f"Outputs of {part} neurons, layer {layer + 1}",
                    "points",
                    "first principal component",
                    "second principal component",
                    tuple(_cloud(code, points[outputs["language"] == i]) for i, code in enumerate(languages)),
                    f"After Figure {figure} of {PAPER}: {which}. One point a sentence, {same}; mean activations of the "
                    "trained model's neurons over the sentence's tokens, all neurons present; projection: PCA by "
                    "singular value decomposition (the paper does not name its own).",
                )
            )
    shares = sorted(int(name.split(".")[0]) for name in outputs if name.endswith(".share"))
    # With half all shares are one half, and with token_act a share is a token's alone.
    if shares and config.car_mode in ("static", "learned", "token"):
        columns = tuple(map(str, directions))
        kind = {"learned": "as trained", "token": "by Phi, where each token's own share starts"}.get(
            config.car_mode, "by Phi"
        )
        rows = tuple(Series(f"layer {i + 1}", columns, tuple(outputs[f"{i}.share"].tolist())) for i in shares)
        about = f"s_G of Equations 6 to 9 of {PAPER} by layer and direction, {kind}; the specific part counts 1 - s_G."
        charts.append(Chart("car", "Share of the general part", "grid", "direction", "share s_G", rows, about))
    return charts


def start_charts(start: dict[str, Tensor], directions: Sequence[Direction]) -> list[Chart]:
    """How much of a routed block's output is another before any update.

    ``start`` holds the relative error (directions,) of every routed layer.
    """
    layers = sorted(int(name.split(".")[0]) for name in start if name.endswith(".error"))
    columns = tuple(map(str, directions))
    rows = tuple(Series(f"layer {i + 1}", columns, tuple(start[f"{i}.error"].tolist())) for i in layers)
    about = (
        f"||H - FFN(x)|| / ||FFN(x)|| of the selected layers' blocks, H after Equations 7 to 9 of {PAPER} before any "
        "training, over the tokens of held-out pairs: what masks and shares take away at first."
    )
    return [
        Chart("start", "Error of the routed blocks at the start", "grid", "direction", "relative error", rows, about)
    ]


def _line(name: str, values: Tensor, first: int = 1) -> Series:
    """A line over layers; NaN leaves a gap."""
    kept = [(float(first + i), float(v)) for i, v in enumerate(values) if not bool(torch.isnan(v))]
    return Series(name, tuple(x for x, _ in kept), tuple(y for _, y in kept))


def _cloud(name: str, points: Tensor) -> Series:
    return Series(name, tuple(points[:, 0].tolist()), tuple(points[:, 1].tolist()))
