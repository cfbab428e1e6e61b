"""LANDeRMT while it trains: whose neurons move; and the counts of the paper's table."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.adapter import AdapterConfig, bottleneck_width
from mtsuite.methods.landermt import LANDeRMT, LANDeRMTGeneral, LANDeRMTSpecific, Layers
from mtsuite.methods.landermt.layer import RoutedFeedForward
from mtsuite.methods.lora import LoRA
from torch import nn

from mtsuite.data.batches import Batch
from mtsuite.data.direction import Direction
from mtsuite.method import Artefacts, Train
from mtsuite.model.blocks import decoder_layers, feed_forward_blocks
from mtsuite.testing import tiny_model
from mtsuite.train.loop import LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings

CODES = ("en", "de", "it", "fr", "ar", "zh")
DIRECTIONS = [Direction(*pair) for code in CODES[1:] for pair in (("en", code), (code, "en"))]
EN_DE = DIRECTIONS[0]


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    """Made-up measurements of a model with four layers of 64 neurons (BLOOM) for six languages."""
    from safetensors.torch import save_file

    chance = torch.Generator().manual_seed(0)
    tensors = {
        "activation.mean": torch.randn(10, 5, 16, generator=chance),
        "activation.mean_abs": torch.rand(10, 5, generator=chance),
        "phi.mean_abs": torch.rand(6, 4, 64, generator=chance),
    }
    save_file(tensors, tmp_path / "tensors.safetensors")
    (tmp_path / "seen.json").write_text(json.dumps({"directions": [str(d) for d in DIRECTIONS]}))
    return Artefacts({"detection": tmp_path})


class Stream:
    """Random batches of given directions in turn."""

    def __init__(self, *directions: Direction) -> None:
        self._chance = torch.Generator().manual_seed(1)
        self._turns = self._forever(directions)

    def _forever(self, directions: tuple[Direction, ...]) -> Iterator[Batch]:
        while True:
            for direction in directions:
                ids = torch.randint(2, 300, (3, 9), generator=self._chance)
                yield Batch(ids, torch.ones_like(ids), ids.clone(), direction, direction.target)

    def update(self) -> list[Batch]:
        return [next(self._turns)]


def train(method: LANDeRMT, artefacts: Artefacts, *turns: Direction, steps: int = 4, decay: float = 0.5) -> nn.Module:
    model = tiny_model("bloom").requires_grad_(False)
    model = method.attach(model, artefacts, "translation")
    model.requires_grad_(False)
    for parameter in method.trainable(model, Train("translation")):
        parameter.requires_grad_(True)
    settings = LoopSettings(steps, OptimizerSettings(learning_rate=1e-2, weight_decay=decay), warmup_steps=0)
    fit(method, model, Stream(*turns), settings, make_accelerator("no"))
    return model


def groups(model: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """Parameters of all routed layers by owner."""
    found: dict[str, dict[str, torch.Tensor]] = {}
    for number, layer in enumerate(m for m in model.modules() if isinstance(m, RoutedFeedForward)):
        owners = {"general": layer.general, **dict(zip(layer.partition.owners, layer.specific, strict=True))}
        for owner, group in owners.items():
            for name, parameter in group.named_parameters():
                found.setdefault(owner, {})[f"{number}.{name}"] = parameter.detach().clone()
    return found


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor]) -> bool:
    same = [torch.equal(before[name], after[name]) for name in before]
    assert all(same) or not any(same)
    return not all(same)


SPLIT = LANDeRMT.Config(k=2, epsilon=0.5)


@pytest.mark.parametrize("mask", [True, False])
def test_other_languages_stay_to_the_bit(artefacts: Artefacts, mask: bool) -> None:
    method = LANDeRMT(LANDeRMT.Config(k=2, epsilon=0.5, forward_mask=mask))
    before = groups(train(method, artefacts, *DIRECTIONS, steps=0))
    after = groups(train(method, artefacts, EN_DE))
    assert {who for who in before if moved(before[who], after[who])} == {"general", "en", "de"}


def test_momentum_does_not_move_a_language_that_is_not_trained_any_more(artefacts: Artefacts) -> None:
    """AdamW moves weights without gradient through momentum and decay; a group without gradient it must leave."""
    method, en_fr = LANDeRMT(SPLIT), Direction("en", "fr")
    once = groups(train(method, artefacts, en_fr, *[EN_DE] * 9, steps=1))
    longer = groups(train(method, artefacts, en_fr, *[EN_DE] * 9, steps=5))
    start = groups(train(method, artefacts, steps=0))
    assert moved(start["fr"], once["fr"])
    assert not any(moved({n: once["fr"][n]}, {n: longer["fr"][n]}) for n in once["fr"] if once["fr"][n].numel())


@pytest.mark.parametrize(("cls", "expected"), [(LANDeRMTSpecific, {"en", "de"}), (LANDeRMTGeneral, {"general"})])
def test_ablations_train_their_part(cls: type[LANDeRMT], expected: set[str], artefacts: Artefacts) -> None:
    before = groups(train(cls(SPLIT), artefacts, steps=0))
    after = groups(train(cls(SPLIT), artefacts, EN_DE))
    assert {who for who in before if moved(before[who], after[who])} == expected


def test_everything_general_is_the_general_ablation(artefacts: Artefacts) -> None:
    whole = LANDeRMT.Config(k=2, epsilon=1.0)
    one, two = (groups(train(cls(whole), artefacts, EN_DE)) for cls in (LANDeRMT, LANDeRMTGeneral))
    assert all(value.numel() == 0 for who in CODES for value in one[who].values())
    assert all(torch.equal(one["general"][n], two["general"][n]) for n in one["general"])


def test_all_general_and_all_of_the_block_is_the_layers_row(artefacts: Artefacts) -> None:
    """k = L, epsilon = 1, extra_train = all_block is the fine-tuning of whole blocks."""
    method = LANDeRMT(LANDeRMT.Config(k=4, epsilon=1.0, extra_train="all_block"))
    routed = train(method, artefacts, EN_DE, decay=0.0)
    plain = train(Layers(Layers.Config(k=4)), artefacts, EN_DE, decay=0.0)
    batch = Stream(EN_DE).update()[0]
    method.focus(routed, EN_DE)
    with torch.inference_mode():
        one, two = (m(input_ids=batch.input_ids).logits for m in (routed, plain))
    torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-3)
    blocks = [sum(p.numel() for p in layer.parameters()) for layer in decoder_layers(tiny_model("bloom"))]
    assert sum(p.numel() for p in routed.parameters() if p.requires_grad) == sum(blocks)


@pytest.mark.parametrize(
    ("extra", "words"),
    [("attention", ("attention",)), ("norms", ("layernorm",)), ("all_block", ("attention", "down_bias"))],
)
def test_extra_parameters(extra: Any, words: tuple[str, ...], artefacts: Artefacts) -> None:
    def trained(which: Any) -> set[str]:
        model = train(LANDeRMT(LANDeRMT.Config(k=2, extra_train=which)), artefacts, steps=0)
        return {n for n, p in model.named_parameters() if p.requires_grad}

    more = trained(extra) - trained("none")
    assert more
    assert all(any(word in name for name in more) for word in words)
    assert len({name.split(".")[2] for name in more}) == 2  # of the two selected layers alone


def test_layers_trains_exactly_k_blocks(artefacts: Artefacts) -> None:
    model = train(Layers(Layers.Config(k=2)), artefacts, steps=0)
    marks = [{p.requires_grad for p in layer.parameters()} for layer in decoder_layers(model)]
    assert marks.count({True}) == 2
    assert marks.count({False}) == 2
    rest = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert rest == sum(p.numel() for layer in decoder_layers(model) for p in layer.parameters() if p.requires_grad)


def test_active_parameters_by_hand(artefacts: Artefacts) -> None:
    method = LANDeRMT(SPLIT)
    model = train(method, artefacts, steps=0)
    total = sum(p.numel() for p in model.parameters())
    assert total == sum(p.numel() for p in tiny_model("bloom").parameters())
    idle = 0
    for layer in (m for m in model.modules() if isinstance(m, RoutedFeedForward)):
        counts = [len(layer.partition.neurons(CODES.index(code))) for code in ("it", "fr", "ar", "zh")]
        idle += sum(counts) * (16 + 1 + 16)  # a row, its bias, a column
    method.focus(model, EN_DE)
    assert idle > 0
    assert method.active_parameters(model) == total - idle


# -- BLOOM-7b1 ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bloom_7b() -> Any:
    from transformers import BloomConfig, BloomForCausalLM

    with torch.device("meta"):
        return BloomForCausalLM(BloomConfig(vocab_size=250880, hidden_size=4096, n_layer=30, n_head=32))


def test_reported_counts(bloom_7b: Any) -> None:
    def weights(parameters: Any) -> int:
        return sum(p.numel() for p in parameters if p.dim() == 2)

    blocks = feed_forward_blocks(bloom_7b)
    assert len(blocks) == 30
    assert weights(blocks[0].parameters()) == 134_217_728
    block = decoder_layers(bloom_7b)[0]
    assert weights(block.parameters()) == 201_326_592
    assert sum(p.numel() for p in block.parameters()) == 201_379_840
    assert 4 * weights(block.parameters()) == 805_306_368  # the 805 M of Table 1
    width = bottleneck_width(blocks, AdapterConfig())
    assert 30 * width * 2 * 4096 == pytest.approx(4 * 134_217_728, rel=1e-3)


def test_reported_lora_count(bloom_7b: Any) -> None:
    import copy

    model = LoRA().attach(copy.deepcopy(bloom_7b), Artefacts(), "translation")
    assert sum(p.numel() for p in LoRA().trainable(model, Train("translation"))) == 31_457_280
