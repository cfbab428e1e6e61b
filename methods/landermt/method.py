"""LANDeRMT (Zhu et al. 2024, arXiv 2409.19523): detect language-aware neurons, route and train only those.

§3.1 choose k layers, §3.2 split their neurons into general and specific ones, §3.3 weigh the two parts
by conditional awareness, §4.4 the ablations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mtsuite.methods.landermt.config import LANDeRMTConfig
from mtsuite.methods.landermt.detection import Detection
from mtsuite.methods.landermt.layer import RoutedFeedForward
from mtsuite.methods.landermt.selection import awareness_of, select_layers, split_neurons
from torch import Tensor, nn

from mtsuite.method import Artefacts, Direction, Method, MethodError, Phase, Train
from mtsuite.model.blocks import decoder_layers, feed_forward_blocks


class LANDeRMT(Method):
    """Trains the general neurons and the direction's specific neurons of the selected layers."""

    Config = LANDeRMTConfig
    train_general = True
    train_specific = True

    def phases(self) -> Sequence[Phase]:
        config: LANDeRMTConfig = self.config
        return [
            Detection(
                samples=config.samples,
                with_target=config.with_target,
                awareness="language" if config.awareness == "lang_lm" else "direction",
            ),
            Train("translation", learning_rate=5e-5),
        ]

    def check(self, layers: int, directions: Sequence[Direction]) -> None:
        if self.config.k > layers:
            raise MethodError(
                f"config.k: {self.config.k} layers are to be selected, but the model has {layers}; "
                f"set k to {layers} or less."
            )

    def planned_parameters(self, model: nn.Module, directions: Sequence[Direction]) -> int | None:
        """k blocks, less the part that is not trained; every specific neuron has an owner among the languages."""
        blocks, layers = feed_forward_blocks(model), decoder_layers(model)
        config: LANDeRMTConfig = self.config
        self.check(len(blocks), directions)
        if config.extra_train == "all_block":
            return config.k * sum(p.numel() for p in layers[0].parameters())
        block = blocks[0]
        neuron = (3 if block.gated else 2) * block.hidden_size + sum(
            bias is not None for bias in (block.weights().up_bias, block.weights().gate_bias)
        )
        general = int(config.epsilon * block.neurons + 1e-9)
        neurons = general * self.train_general + (block.neurons - general) * self.train_specific
        return config.k * neurons * neuron

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        tensors = artefacts.tensors(Detection.name)
        languages, directions = self._seen(artefacts)
        blocks = feed_forward_blocks(model)
        self.check(len(blocks), directions)
        for layer in select_layers(tensors, self.config):
            phi, names = awareness_of(tensors, layer, languages, directions, self.config)
            partition = split_neurons(phi, names, self.config, seed=layer)
            blocks[layer].replace(RoutedFeedForward(blocks[layer], partition, directions, self.config))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        chosen: list[nn.Parameter] = []
        for layer in decoder_layers(model):
            for routed in _routed(layer):
                if self.train_general:
                    chosen += routed.general.parameters()
                if self.train_specific:
                    chosen += routed.specific.parameters()
                chosen += [p for name, p in routed.named_parameters() if name.startswith("share_")]
                chosen += _extra(layer, routed, self.config.extra_train)
        return chosen

    def focus(self, model: nn.Module, direction: Direction | None) -> None:
        for module in _routed(model):
            module.focus(direction)

    def active_parameters(self, model: nn.Module) -> int:
        """All but the neurons that are specific to the languages outside the focused direction."""
        total = sum(p.numel() for p in model.parameters())
        if not self.config.forward_mask:
            return total
        for routed in _routed(model):
            active = routed.partition.active(routed._direction)
            idle = [group for i, group in enumerate(routed.specific) if i not in active]
            total -= sum(p.numel() for group in idle for p in group.parameters())
        return total

    def trace(self, model: nn.Module) -> dict[str, Tensor]:
        """Per selected layer: owners of the neurons (f) and awareness by language (G, f)."""
        shown: dict[str, Tensor] = {}
        for index, layer in enumerate(decoder_layers(model)):
            for routed in _routed(layer):
                shown[f"layer.{index}.owner"] = routed.partition.owner
                shown[f"layer.{index}.awareness"] = routed.partition.awareness
        return shown

    def _seen(self, artefacts: Artefacts) -> tuple[list[str], list[Direction]]:
        """Languages and directions in the order in which the detection saw them."""
        directions = list(artefacts.directions(Detection.name))
        return list(dict.fromkeys(code for d in directions for code in d)), directions


class LANDeRMTSpecific(LANDeRMT):
    """LANDeRMT-LS (§4.4): only the specific neurons of the direction are trained."""

    train_general = False


class LANDeRMTGeneral(LANDeRMT):
    """LANDeRMT-LG (§4.4): only the general neurons are trained, by all directions."""

    train_specific = False


class Layers(LANDeRMT):
    """Layers (§4.4): all parameters of the selected layers are trained, without splitting or routing."""

    def planned_parameters(self, model: nn.Module, directions: Sequence[Direction]) -> int | None:
        layers = decoder_layers(model)
        self.check(len(layers), directions)
        return int(self.config.k) * sum(p.numel() for p in layers[0].parameters())

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        tensors = artefacts.tensors(Detection.name)
        layers = decoder_layers(model)
        self.check(len(layers), [])
        self._selected = [layers[index] for index in select_layers(tensors, self.config)]
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        return [p for layer in self._selected for p in layer.parameters()]


def _routed(model: nn.Module) -> list[RoutedFeedForward]:
    return [m for m in model.modules() if isinstance(m, RoutedFeedForward)]


def _extra(layer: nn.Module, routed: RoutedFeedForward, which: str) -> list[nn.Parameter]:
    """Further parameters of a selected layer (#22)."""
    own = {id(p) for p in routed.parameters()} - {id(routed.down_bias)}
    rest = [(name.lower(), p) for name, p in layer.named_parameters() if id(p) not in own]
    if which == "attention":
        return [p for name, p in rest if "attn" in name or "attention" in name]
    if which == "norms":
        return [p for name, p in rest if "norm" in name or "ln_" in name]
    return [p for _, p in rest] if which == "all_block" else []
