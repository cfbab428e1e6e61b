"""Figures of what the routing probe found."""

from __future__ import annotations

from collections.abc import Sequence

from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.probe import KINDS
from torch import Tensor

from mtsuite.data.direction import Direction
from mtsuite.method import Chart, Series

_SHOWN = {"monolingual": "monolingual text", "prompt": "prompts", "target": "targets"}


def routing_charts(tensors: dict[str, Tensor], directions: Sequence[Direction], config: MixMoEConfig) -> list[Chart]:
    """Group mass, load, entropy and frequency weights, from ``RoutingProbe``'s tensors.

    Its class has their shapes, such as (3, languages, layers) for the mass.
    """
    languages = list(dict.fromkeys(code for direction in directions for code in direction))
    layers = tuple(float(layer + 1) for layer in tensors["layers"].tolist())
    charts = [_experts(tensors, layers, config)]
    if config.groups == "mixed":
        charts += [
            _by_kind(
                tensors,
                "mass",
                layers,
                name="lm-group-mass",
                title="Share of the LM experts",
                y_label="mass of the LM group",
                about="Mean of rho_LM over held-out tokens that are no padding, and over languages.",
            ),
            _mass_by_language(tensors, languages, layers),
        ]
    if config.leaves_out(2):
        charts.append(_load(tensors, config))
    charts.append(
        _by_kind(
            tensors,
            "entropy",
            layers,
            name="router-entropy",
            title="Entropy of the router",
            y_label="entropy (nats)",
            about="Entropy of a token's probabilities over all experts, mean over tokens and languages; the logarithm "
            "of the number of experts when the router does not choose.",
        )
    )
    if "frequency" in tensors:
        charts.append(_frequencies(tensors["frequency"], layers))
    return charts


def _there(tensors: dict[str, Tensor]) -> list[tuple[int, str, Tensor]]:
    """The kinds that were read: number, name, and which languages have tokens."""
    return [(i, _SHOWN[kind], read) for i, kind in enumerate(KINDS) if (read := tensors["tokens"][i] > 0).any()]


def _by_kind(tensors: dict[str, Tensor], what: str, layers: tuple[float, ...], **words: str) -> Chart:
    series = tuple(Series(name, layers, _row(tensors[what][i][read].mean(0))) for i, name, read in _there(tensors))
    return Chart(kind="lines", x_label="layer", series=series, **words)


def _mass_by_language(tensors: dict[str, Tensor], languages: Sequence[str], layers: tuple[float, ...]) -> Chart:
    rows = [
        Series(f"{code}, {name}", tuple(f"{layer:.0f}" for layer in layers), _row(tensors["mass"][i][number]))
        for i, name, read in _there(tensors)
        for number, code in enumerate(languages)
        if read[number]
    ]
    return Chart(
        name="lm-group-mass-by-language",
        title="LM experts by language",
        kind="grid",
        x_label="layer",
        y_label="mass of the LM group",
        series=tuple(rows),
        about="Mean of rho_LM over held-out tokens: by the text's language, or the language translated into.",
    )


def _experts(tensors: dict[str, Tensor], layers: tuple[float, ...], config: MixMoEConfig) -> Chart:
    """The last kind that was read: targets, unless there were none."""
    kind, name, read = _there(tensors)[-1]
    probability = tensors["probability"][kind][read].mean(0)
    columns = _names(config)
    return Chart(
        name="expert-probability",
        title=f"Probability of the experts, {name}",
        kind="grid",
        x_label="expert",
        y_label="probability",
        series=tuple(Series(f"layer {n:.0f}", columns, _row(row)) for n, row in zip(layers, probability, strict=True)),
        about="Mean probability over held-out tokens that are no padding, and over languages, before top-k.",
    )


def _load(tensors: dict[str, Tensor], config: MixMoEConfig) -> Chart:
    series = tuple(
        Series(name, _names(config), _row(tensors["load"][i][read].mean((0, 1)))) for i, name, read in _there(tensors)
    )
    return Chart(
        name="expert-load",
        title="Load of the experts",
        kind="bars",
        x_label="expert",
        y_label="share of tokens",
        series=series,
        about="Share of held-out tokens that use an expert, mean over layers and languages.",
    )


def _frequencies(weights: Tensor, layers: tuple[float, ...]) -> Chart:
    bins = tuple(float(k) for k in range(weights.shape[1]))
    return Chart(
        name="frequency-weights",
        title="Frequencies that the router weighs",
        kind="lines",
        x_label="frequency (0: the mean)",
        y_label="norm of its weights",
        series=tuple(Series(f"layer {n:.0f}", bins, _row(row)) for n, row in zip(layers, weights, strict=True)),
        about="Norm, over experts, of the columns of W_phi that weigh a frequency, from the lowest to the highest.",
    )


def _names(config: MixMoEConfig) -> tuple[str, ...]:
    if config.groups == "single":
        return tuple(f"expert {j + 1}" for j in range(config.slice_count))
    lm = (f"LM {j + 1}" for j in range(config.lm_experts))
    return (*lm, *(f"MT {j + 1}" for j in range(config.mt_experts)))


def _row(values: Tensor) -> tuple[float, ...]:
    return tuple(values.tolist())
