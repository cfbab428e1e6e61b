"""LANDeRMT (Zhu et al. 2024, arXiv 2409.19523): detect language-aware neurons, route and train only those.

§3.1 choose k layers, §3.2 split their neurons into general and specific ones, §3.3 weigh the two parts
by conditional awareness, §4.4 the ablations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from mtsuite.methods.landermt.charts import detection_charts, output_charts, start_charts
from mtsuite.methods.landermt.config import LANDeRMTConfig, LayersConfig
from mtsuite.methods.landermt.detection import Detection
from mtsuite.methods.landermt.layer import RoutedFeedForward
from mtsuite.methods.landermt.neuron_outputs import NeuronOutputs
from mtsuite.methods.landermt.partition import Partition, load_partitions, save_partitions
from mtsuite.methods.landermt.selection import select_layers
from mtsuite.methods.landermt.splits import awareness_of, general_count, split_layers
from mtsuite.methods.landermt.start import StartError
from mtsuite.methods.landermt.taylor import Site
from torch import Tensor, nn

from mtsuite.chart import Chart
from mtsuite.data.batches import Batch
from mtsuite.method import Artefacts, Direction, Method, MethodError, Phase, Train
from mtsuite.model.blocks import FeedForwardBlock, decoder_layers, feed_forward_blocks

PARTITIONS, OUTPUT_PARTITIONS = "partition.safetensors", "partition-outputs.safetensors"


class LANDeRMT(Method):
    """Trains the general neurons and the direction's specific neurons of the selected layers."""

    Config = LANDeRMTConfig
    train_general = True
    train_specific = True

    @property
    def reading(self) -> LANDeRMTConfig:
        """The options in LANDeRMT's terms; methods that are a case of it translate their own."""
        config: LANDeRMTConfig = self.config
        return config

    # -- before any model is there --------------------------------------------------------------------

    def phases(self) -> Sequence[Phase]:
        told = {"preset", "cluster_layer"}  # nothing depends on a preset's name but its values
        settings = tuple(name for name in type(self.config).model_fields if name not in told)
        changes_the_base = self.reading.forward_mask or self.reading.car_mode != "off"
        return [
            self.detection(),
            *([StartError()] if changes_the_base else []),
            Train("translation", loss_on=self.reading.loss_on, learning_rate=5e-5, settings=settings),
            NeuronOutputs(),
        ]

    def detection(self) -> Detection:
        """What is measured: neither k nor epsilon nor the detector is part of it."""
        config = self.reading
        site: Site = "post"
        if config.taylor_site == "pre":
            site = "pre_gate_and_up" if config.swiglu_site == "gate_and_up" else "pre"
        return Detection(
            samples=config.samples,
            with_target=config.with_target,
            awareness="language" if config.awareness == "lang_lm" else "direction",
            site=site,
            outputs=config.neuron_unit == "both_outputs",
        )

    def check(self, layers: int, directions: Sequence[Direction]) -> None:
        """Raises MethodError when the settings cannot fit a model of ``layers`` layers, or the number of directions."""
        config = self.reading
        if config.select == "topk" and config.k > layers:
            raise MethodError(
                f"config.k: {config.k} layers are to be selected, but the model has {layers}; "
                f"set k to {layers} or less."
            )
        if config.cluster_layer is not None and config.cluster_layer > layers:
            raise MethodError(
                f"config.cluster_layer: Figures 12 and 13 are to show layer {config.cluster_layer}, but the model has "
                f"{layers}; set it to {layers} or less."
            )
        if directions and config.min_pairs is not None and config.min_pairs > len(directions):
            raise MethodError(
                f"config.min_pairs: {config.min_pairs} directions are to agree on a layer, but there are "
                f"{len(directions)}; set min_pairs to {len(directions)} or less."
            )
        one_kind = config.epsilon == 1.0 or (config.epsilon == 0.0 and config.detector != "lape")
        if config.car_assign == "literal" and config.car_gain != "anchored" and one_kind:
            kind = "specific" if (config.epsilon == 1.0) == (config.sort == "asc") else "general"
            raise MethodError(
                f"config.epsilon: {config.epsilon:g} leaves no {kind} neurons, and `car_assign: literal` (Equation 7) "
                "multiplies all others by 0: the selected layers would put out nothing and train nothing. Set epsilon "
                "between 0 and 1, or car_assign to swapped."
            )

    def remarks(self, model: nn.Module) -> Sequence[str]:
        """Where the literal Equation 7 multiplies all neurons of a layer by 0 for a direction."""
        if self.reading.car_assign != "literal" or self.reading.car_gain == "anchored":
            return []
        shares = [share for routed in routed_blocks(model) for share in routed.car.static.values()]
        dead = sum(share in (0.0, 1.0) for share in shares)
        if not dead:
            return []
        return [
            f"in {dead} of {len(shares)} cases (selected layers × directions) a direction has no specific or no "
            "general neurons, so that the literal Equation 7 multiplies all others by 0: there the block puts out "
            "nothing and nothing of it is trained"
        ]

    def planned_parameters(self, model: nn.Module, directions: Sequence[Direction]) -> int | None:
        """So many layers, less the part that is not trained.  Raises MethodError where only the detection will tell."""
        config, blocks = self.reading, feed_forward_blocks(model)
        layers = self._planned_layers(len(blocks), directions)
        block, first = blocks[0], decoder_layers(model)[0]
        down_bias = getattr(block.down, "bias", None)
        if config.dead_threshold or (config.detector == "lape" and not (self.train_general and self.train_specific)):
            raise MethodError("how many neurons are trained is known after the detection")
        count = _neuron_size(block, config) * self._planned_neurons(block.neurons)
        if config.neuron_unit == "both_outputs":
            row = block.neurons + (down_bias is not None)
            count += row * self._planned_neurons(block.hidden_size)
        own = {id(p) for p in block.parameters() if config.neuron_unit == "both_outputs" or p is not down_bias}
        count += sum(p.numel() for p in _extra(first, own, config.extra_train))
        count += {"learned": len(directions), "token": block.hidden_size}.get(config.car_mode, 0)
        return layers * count

    def _planned_layers(self, layers: int, directions: Sequence[Direction]) -> int:
        config = self.reading
        self.check(layers, directions)
        if config.select == "all":
            return layers
        if config.select == "topk" and config.layer_scope == "global":
            return config.k
        raise MethodError("how many layers are selected is known after the detection")

    def _planned_neurons(self, neurons: int) -> int:
        general = general_count(neurons, self.reading)
        return general * self.train_general + (neurons - general) * self.train_specific

    # -- surgery ----------------------------------------------------------------------------------------

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        config, blocks = self.reading, feed_forward_blocks(model)
        tensors, directions = artefacts.tensors(Detection.name), artefacts.directions(Detection.name)
        self.check(len(blocks), directions)
        chosen = select_layers(tensors, directions, config)
        inner = split_layers(awareness_of(tensors, directions, config), list(chosen), config)
        outer: dict[int, Partition] = {}
        if config.neuron_unit == "both_outputs":
            outer = split_layers(awareness_of(tensors, directions, config, outputs=True), list(chosen), config)
        for layer, serves in chosen.items():
            share = {
                str(d): inner[layer].general_share(d, mass=config.car_mass, assign=config.car_assign)
                for d in directions
            }
            routed = RoutedFeedForward(
                blocks[layer], inner[layer], share, config,
                serves=serves, seen=frozenset(map(str, directions)), outputs=outer.get(layer),
            )  # fmt: skip
            blocks[layer].replace(routed)
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        chosen: list[nn.Parameter] = []
        for layer in decoder_layers(model):
            for routed in routed_blocks(layer):
                for groups in (routed.inner, routed.outer):
                    if groups is None:
                        continue
                    kept = [groups.general] * self.train_general + list(groups.specific) * self.train_specific
                    chosen += [p for group in kept for p in group.parameters()]
                if self.reading.neuron_unit == "h_to_4h_only":
                    columns = {id(p) for name, p in routed.named_parameters() if name.endswith(".down")}
                    chosen = [p for p in chosen if id(p) not in columns]
                chosen += routed.car.parameters()
                own = {id(p) for p in routed.parameters() if p is not routed.down_bias}
                chosen += _extra(layer, own, self.reading.extra_train)
        return chosen

    # -- use ----------------------------------------------------------------------------------------------

    def focus(self, model: nn.Module, direction: Direction | None) -> None:
        for routed in routed_blocks(model):
            routed.focus(direction)

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean cross-entropy of the target tokens, a scalar.

        Replayed text trains the specific neurons of its language alone.
        """
        if batch.direction is None:  # replayed text: of the specific neurons its language's alone are trained
            for routed in routed_blocks(model):
                routed.focus(None, batch.language)
        loss = super().loss(model, batch)
        if torch.is_grad_enabled() and not loss.requires_grad:
            # Nothing is trained for this direction, which is no error: the update leaves all as it is.
            return loss + loss.new_zeros((), requires_grad=True)
        return loss

    def active_parameters(self, model: nn.Module) -> int:
        """All but the neurons that are specific to others than the focused direction."""
        total = sum(p.numel() for p in model.parameters())
        for routed in routed_blocks(model):
            for groups, present in routed.by_unit():
                active = sum(p.numel() for part in present for group in part.groups for p in group.parameters())
                total -= sum(p.numel() for p in groups.parameters()) - active
        return total

    # -- saving and loading -----------------------------------------------------------------------------

    def save(self, model: nn.Module, folder: Path) -> None:
        """What was trained, and who owns which neuron: opened again, the model is the trained one to the bit."""
        super().save(model, folder)
        found = {i: routed for i, layer in enumerate(decoder_layers(model)) for routed in routed_blocks(layer)}
        shares = {i: routed.car.static for i, routed in found.items()}
        save_partitions(folder / PARTITIONS, {i: routed.partition for i, routed in found.items()}, shares)
        outer = {i: routed.outer.partition for i, routed in found.items() if routed.outer is not None}
        if outer:
            save_partitions(folder / OUTPUT_PARTITIONS, outer, shares)

    def load(self, model: nn.Module, folder: Path) -> None:
        """Raises MethodError when the saved layers are not the attached ones."""
        partitions, shares = load_partitions(folder / PARTITIONS)
        outer = load_partitions(folder / OUTPUT_PARTITIONS)[0] if (folder / OUTPUT_PARTITIONS).is_file() else {}
        found = {i: routed for i, layer in enumerate(decoder_layers(model)) for routed in routed_blocks(layer)}
        if set(found) != set(partitions):
            raise MethodError(
                f"{folder}: the saved layers {sorted(partitions)} are not those that the detection selects, "
                f"{sorted(found)}. Was it saved with another configuration or base model?"
            )
        for i, routed in found.items():
            routed.regroup(partitions[i], shares[i], outer.get(i))
        super().load(model, folder)

    # -- figures ------------------------------------------------------------------------------------------

    def charts(self, artefacts: Artefacts) -> Sequence[Chart]:
        """Figures 4 to 8 of the paper from the detection, 12 and 13 from the trained model, and its start."""
        shown: list[Chart] = []
        if Detection.name in artefacts:
            tensors, directions = artefacts.tensors(Detection.name), artefacts.directions(Detection.name)
            shown += detection_charts(tensors, directions, self.reading)
            if StartError.name in artefacts:
                shown += start_charts(artefacts.tensors(StartError.name), directions)
            if NeuronOutputs.name in artefacts:
                shown += output_charts(artefacts.tensors(NeuronOutputs.name), tensors, directions, self.reading)
        return shown


class LANDeRMTSpecific(LANDeRMT):
    """LANDeRMT-LS (§4.4): only the specific neurons of the direction are trained."""

    train_general = False


class LANDeRMTGeneral(LANDeRMT):
    """LANDeRMT-LG (§4.4): only the general neurons are trained, by all directions."""

    train_specific = False


class Layers(LANDeRMT):
    """Layers (§4.4): all parameters of the selected layers are trained, without splitting or routing."""

    Config = LayersConfig

    @property
    def reading(self) -> LANDeRMTConfig:
        config: LayersConfig = self.config
        return LANDeRMTConfig(**config.model_dump())

    def phases(self) -> Sequence[Phase]:
        return [phase for phase in super().phases() if not isinstance(phase, StartError | NeuronOutputs)]

    def planned_parameters(self, model: nn.Module, directions: Sequence[Direction]) -> int | None:
        layers = decoder_layers(model)
        return self._planned_layers(len(layers), directions) * sum(p.numel() for p in layers[0].parameters())

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        tensors, directions = artefacts.tensors(Detection.name), artefacts.directions(Detection.name)
        layers = decoder_layers(model)
        self.check(len(layers), directions)
        self._selected = [layers[index] for index in select_layers(tensors, directions, self.reading)]
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        return [p for layer in self._selected for p in layer.parameters()]

    def merge(self, model: nn.Module) -> nn.Module:
        return model

    def save(self, model: nn.Module, folder: Path) -> None:
        Method.save(self, model, folder)

    def load(self, model: nn.Module, folder: Path) -> None:
        Method.load(self, model, folder)


def routed_blocks(model: nn.Module) -> list[RoutedFeedForward]:
    """The routed blocks of a model (or of one decoder layer), first layer first."""
    return [m for m in model.modules() if isinstance(m, RoutedFeedForward)]


def _neuron_size(block: FeedForwardBlock, config: LANDeRMTConfig) -> int:
    """Trained numbers of one inner neuron."""
    maps = [block.up] if block.gate is None else [block.up, block.gate]
    biases = sum(getattr(module, "bias", None) is not None for module in maps)
    return (len(maps) + (config.neuron_unit == "inner")) * block.hidden_size + biases


def _extra(layer: nn.Module, own: set[int], which: str) -> list[nn.Parameter]:
    """Further parameters of a selected layer (#22): all but its ``own``, those of the routed neurons."""
    rest = [(name.lower(), p) for name, p in layer.named_parameters() if id(p) not in own]
    norms = [p for name, p in rest if "norm" in name or "ln_" in name]
    if which == "attention":
        others = {id(p) for p in norms}  # post_attention_layernorm is none of it
        return [p for name, p in rest if ("attn" in name or "attention" in name) and id(p) not in others]
    if which == "norms":
        return norms
    return [p for _, p in rest] if which == "all_block" else []
