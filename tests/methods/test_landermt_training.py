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
from mtsuite.methods.landermt.method import routed_blocks
from mtsuite.methods.lora import LoRA
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from mtsuite.data.batches import Batch
from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
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
    chance = torch.Generator().manual_seed(0)
    tensors = {
        "activation.embedding": torch.randn(10, 1, 16, generator=chance),
        "activation.mlp_out": torch.randn(10, 4, 16, generator=chance),
        "phi.mean_abs": torch.rand(6, 4, 64, generator=chance),
        "phi_out.mean_abs": torch.rand(6, 4, 16, generator=chance),
        "firing.product": torch.rand(6, 4, 64, generator=chance),
        "gradient": torch.rand(6, 4, 64, generator=chance),
    }
    save_file(tensors, tmp_path / "tensors.safetensors")
    (tmp_path / "seen.json").write_text(json.dumps({"directions": [str(d) for d in DIRECTIONS]}))
    return Artefacts({"detection": tmp_path})


class Stream:
    """Random batches of given directions, or of text in a language, in turn."""

    def __init__(self, *turns: Direction | str) -> None:
        self._chance = torch.Generator().manual_seed(1)
        self._turns = self._forever(turns)

    def _forever(self, turns: tuple[Direction | str, ...]) -> Iterator[Batch]:
        while True:
            for turn in turns:
                ids = torch.randint(2, 300, (3, 9), generator=self._chance)
                direction, language = (None, turn) if isinstance(turn, str) else (turn, turn.target)
                yield Batch(ids, torch.ones_like(ids), ids.clone(), direction, language)

    def update(self) -> list[Batch]:
        return [next(self._turns)]


def train(
    method: LANDeRMT,
    artefacts: Artefacts,
    *turns: Direction | str,
    steps: int = 4,
    decay: float = 0.5,
    family: str = "bloom",
    seed: int = 0,
) -> nn.Module:
    model: nn.Module = tiny_model(family).requires_grad_(False)
    torch.manual_seed(seed)
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
    for number, layer in enumerate(routed_blocks(model)):
        names = ["+".join(layer.partition.owners[i] for i in sorted(who)) for who in layer.inner.sets]
        owners: dict[str, nn.Module] = {
            "general": layer.inner.general,
            **dict(zip(names, layer.inner.specific, strict=True)),
        }
        if layer.inner.idle is not None:
            owners["idle"] = layer.inner.idle
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
    assert set(one) == set(two) == {"general"}
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
    assert extra != "attention" or not any("norm" in name for name in more), "post_attention_layernorm is a norm"
    assert len({name.split(".")[2] for name in more}) == 2  # of the two selected layers alone


def test_layers_trains_exactly_k_blocks(artefacts: Artefacts) -> None:
    model = train(Layers(Layers.Config(k=2)), artefacts, steps=0)
    marks = [{p.requires_grad for p in layer.parameters()} for layer in decoder_layers(model)]
    assert marks.count({True}) == 2
    assert marks.count({False}) == 2
    rest = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert rest == sum(p.numel() for layer in decoder_layers(model) for p in layer.parameters() if p.requires_grad)


@pytest.mark.parametrize("options", [{"layer_scope": "per_pair"}, {"epsilon": 0.5}, {"car_mode": "off"}])
def test_layers_refuses_what_it_does_not_read(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Layers.Config.model_validate(options)


def test_layers_looks_at_what_landermt_looks_at() -> None:
    """One detection serves both rows."""
    one, two = (cls(cls.Config(k=2)).phases()[0] for cls in (LANDeRMT, Layers))
    assert one == two
    settings = {phase.settings for phase in Layers().phases() if isinstance(phase, Train)}
    assert settings == {tuple(Layers.Config.model_fields)}


def test_active_parameters_by_hand(artefacts: Artefacts) -> None:
    method = LANDeRMT(SPLIT)
    model = train(method, artefacts, steps=0)
    total = sum(p.numel() for p in model.parameters())
    assert total == sum(p.numel() for p in tiny_model("bloom").parameters())
    idle = 0
    for layer in routed_blocks(model):
        counts = [int(layer.partition.members[CODES.index(code)].sum()) for code in ("it", "fr", "ar", "zh")]
        idle += sum(counts) * (16 + 1 + 16)  # a row, its bias, a column
    method.focus(model, EN_DE)
    assert idle > 0
    assert method.active_parameters(model) == total - idle


def moving(method: LANDeRMT, artefacts: Artefacts, *turns: Direction | str) -> set[str]:
    """Owners whose neurons move under strong weight decay; all others must stay to the bit."""
    before, after = (
        groups(train(method, artefacts, steps=0)),
        groups(train(method, artefacts, *turns, steps=len(turns))),
    )
    return {who for who in before if moved(before[who], after[who])}


def test_neurons_of_several_languages_move_with_each_of_them(artefacts: Artefacts) -> None:
    method = LANDeRMT(LANDeRMT.Config(k=2, epsilon=0.5, multi_assign=0.8))
    found = moving(method, artefacts, EN_DE)
    assert any("+" in who for who in found)
    every = set(groups(train(method, artefacts, steps=0)))
    assert found == {who for who in every if who == "general" or {"en", "de"} & set(who.split("+"))}
    assert found < every


def test_idle_neurons_stay(artefacts: Artefacts) -> None:
    method = LANDeRMT(LANDeRMT.Config(k=2, epsilon=0.5, dead_threshold=0.3))
    assert "idle" in groups(train(method, artefacts, steps=0))
    assert moving(method, artefacts, *DIRECTIONS) == {"general", *CODES}


def test_replayed_text_trains_its_languages_neurons(artefacts: Artefacts) -> None:
    assert moving(LANDeRMT(SPLIT), artefacts, "fr") == {"general", "fr"}


def test_a_direction_without_neurons_of_its_own_changes_nothing(artefacts: Artefacts) -> None:
    """LANDeRMT-LS for a direction of languages that own no neuron: no error, and no move."""
    assert moving(LANDeRMTSpecific(SPLIT), artefacts, Direction("xx", "yy")) == set()


def test_pairs_train_their_own_layers(artefacts: Artefacts) -> None:
    method = LANDeRMT(LANDeRMT.Config(k=1, epsilon=0.5, layer_scope="per_pair"))
    start, end = train(method, artefacts, steps=0), train(method, artefacts, EN_DE)
    changed = [
        any(not torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
        for a, b in zip(routed_blocks(start), routed_blocks(end), strict=True)
    ]
    assert len(changed) > 1
    assert changed.count(True) == 1


def test_rows_alone_leave_the_columns(artefacts: Artefacts) -> None:
    method = LANDeRMT(LANDeRMT.Config(k=2, neuron_unit="h_to_4h_only"))
    before, after = (dict(train(method, artefacts, *DIRECTIONS, steps=n).named_parameters()) for n in (0, 12))
    changed = {name.rsplit(".", 1)[1] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"up", "up_bias"}


@pytest.mark.parametrize(
    "options",
    [
        {"car_mode": "off", "forward_mask": False},
        {"preset": "landermt_safe", "forward_mask": False},
        {"preset": "landermt_safe", "epsilon": 1.0},
        {"car_mode": "off", "forward_mask": False, "neuron_unit": "both_outputs"},
        {"car_mode": "off", "forward_mask": False, "select": "all", "detector": "lape", "multi_assign": None},
    ],
)
@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_the_model_starts_from_the_base(options: dict[str, Any], family: str, artefacts: Artefacts) -> None:
    if family == "llama":
        tensors = {n: t[..., :32] if t.shape[-1] == 64 else t for n, t in artefacts.tensors("detection").items()}
        save_file(
            {n: t.contiguous() for n, t in tensors.items()}, artefacts.folders["detection"] / "tensors.safetensors"
        )
    k = {} if "select" in options else {"k": 2}
    method = LANDeRMT(LANDeRMT.Config.model_validate({"epsilon": 0.6, **k, **options}))
    model, base = train(method, artefacts, steps=0, family=family), tiny_model(family)
    batch = Stream(EN_DE).update()[0]
    for direction in (EN_DE, Direction("it", "zh"), None):
        method.focus(model, direction)
        with torch.inference_mode():
            one, two = (m(input_ids=batch.input_ids).logits for m in (model, base))
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-3)


COUNTED: list[dict[str, Any]] = [
    {},
    {"select": "all"},
    {"neuron_unit": "h_to_4h_only"},
    {"neuron_unit": "both_outputs", "epsilon": 0.55},
    {"extra_train": "attention"},
    {"extra_train": "norms"},
    {"extra_train": "all_block"},
    {"car_mode": "learned"},
    {"car_mode": "token"},
    {"detector": "lape"},
    {"multi_assign": 0.8},
]


@pytest.mark.parametrize("options", COUNTED)
@pytest.mark.parametrize("cls", [LANDeRMT, LANDeRMTSpecific, LANDeRMTGeneral, Layers])
def test_planned_parameters_are_those_that_are_trained(
    cls: type[LANDeRMT], options: dict[str, Any], artefacts: Artefacts
) -> None:
    told = {"epsilon": 0.7, **({} if "select" in options else {"k": 2}), **options}
    if cls is Layers:
        told = {name: value for name, value in told.items() if name in Layers.Config.model_fields}
    method = cls(cls.Config.model_validate(told))
    model = train(method, artefacts, steps=0)
    if "lape" in options.values() and cls in (LANDeRMTSpecific, LANDeRMTGeneral):
        with pytest.raises(MethodError, match="known after the detection"):
            method.planned_parameters(tiny_model("bloom"), DIRECTIONS)
        return
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert method.planned_parameters(tiny_model("bloom"), DIRECTIONS) == trained


@pytest.mark.parametrize(
    "options",
    [
        {"select": "threshold", "threshold": 0.1},
        {"k": 2, "layer_scope": "union"},
        {"k": 2, "layer_scope": "per_pair"},
        {"k": 2, "dead_threshold": 0.1},
    ],
)
def test_what_only_the_detection_knows_is_said(options: dict[str, Any]) -> None:
    with pytest.raises(MethodError, match="known after the detection"):
        LANDeRMT(LANDeRMT.Config.model_validate(options)).planned_parameters(tiny_model("bloom"), DIRECTIONS)


# -- saved and opened ------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"neuron_unit": "both_outputs"}, {"preset": "landermt_safe"}])
def test_opened_under_another_seed_it_is_the_trained_model(
    options: dict[str, Any], artefacts: Artefacts, tmp_path: Path
) -> None:
    """Random neurons are drawn by the seed; what was saved holds which they were."""
    method = LANDeRMT(LANDeRMT.Config.model_validate({"k": 2, "epsilon": 0.5, "detector": "random", **options}))
    model = train(method, artefacts, *DIRECTIONS, seed=1)
    folder = tmp_path / "saved"
    folder.mkdir()
    method.save(model, folder)
    other = train(method, artefacts, steps=0, seed=2)
    owned = [routed.partition.general for routed in routed_blocks(other)]
    method.load(other, folder)
    for routed, before, expected in zip(routed_blocks(other), owned, routed_blocks(model), strict=True):
        assert torch.equal(routed.partition.general, expected.partition.general)
        assert not torch.equal(routed.partition.general, before)
    batch = Stream(EN_DE).update()[0]
    for direction in (EN_DE, Direction("it", "zh"), None):
        logits = []
        for m in (model, other):
            method.focus(m, direction)
            with torch.inference_mode():
                logits.append(m(input_ids=batch.input_ids).logits)
        torch.testing.assert_close(*logits, atol=1e-5, rtol=1e-4)


def test_other_layers_are_refused(artefacts: Artefacts, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    method = LANDeRMT(SPLIT)
    method.save(train(method, artefacts, steps=0), folder)
    other = LANDeRMT(LANDeRMT.Config(k=3, epsilon=0.5))
    with pytest.raises(MethodError, match=r"saved layers .* are not those that the detection selects"):
        other.load(train(other, artefacts, steps=0), folder)


def test_detection_is_shared_by_what_it_does_not_depend_on() -> None:
    def detection(**options: Any) -> Any:
        return LANDeRMT(LANDeRMT.Config.model_validate(options)).phases()[0]

    same: list[dict[str, Any]] = [
        {"k": 1},
        {"epsilon": 0.5},
        {"detector": "random"},
        {"detector": "lape", "swiglu_site": "gate_act"},
        {"detector": "namnmt", "multi_assign": 0.9},
        {"phi_agg": "abs_of_sum", "act_site": "block_out", "reduce": "mean_abs", "d_owner": "both"},
        {"layer_scope": "vote", "min_pairs": 2, "car_mode": "token_act"},
    ]
    assert all(detection(**options) == detection() for options in same)
    other: list[dict[str, Any]] = [
        {"samples": 10},
        {"with_target": True},
        {"awareness": "pair_mt"},
        {"taylor_site": "pre"},
        {"taylor_site": "pre", "swiglu_site": "gate_and_up"},
        {"neuron_unit": "both_outputs"},
    ]
    assert len({detection(**options).model_dump_json() for options in [{}, *other]}) == 1 + len(other)


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

    def planned(**options: Any) -> int | None:
        return LANDeRMT(LANDeRMT.Config.model_validate(options)).planned_parameters(bloom_7b, DIRECTIONS)

    biases = 4 * 16384
    assert planned(extra_train="all_block") == 805_519_360  # with biases and norms
    assert planned() == 536_870_912 + biases  # four FFNs alone
    assert planned(neuron_unit="h_to_4h_only") == 268_435_456 + biases
    assert planned(neuron_unit="both_outputs") == 4 * sum(p.numel() for p in blocks[0].parameters())
    # All weights of four blocks, and the biases of W_up, query_key_value and dense.
    assert planned(extra_train="attention") == 805_306_368 + biases + 4 * 4 * 4096
    assert planned(select="all") == 30 * 16384 * (2 * 4096 + 1)
    width = bottleneck_width(blocks, AdapterConfig())
    assert 30 * width * 2 * 4096 == pytest.approx(4 * 134_217_728, rel=1e-3)


def test_reported_lora_count(bloom_7b: Any) -> None:
    import copy

    model = LoRA().attach(copy.deepcopy(bloom_7b), Artefacts(), "translation")
    assert sum(p.numel() for p in LoRA().trainable(model, Train("translation"))) == 31_457_280
