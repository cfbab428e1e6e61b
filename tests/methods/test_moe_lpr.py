"""MoE-LPR: the layer against a dense loop, its losses by hand, its identities, and what each stage leaves alone."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mtsuite.methods.experts import Expert, Mixture, balance_loss, chosen, largest, mixtures, watched
from mtsuite.methods.moe_lpr import MoELPR, MoELPRConfig, Router, prior_loss
from pydantic import ValidationError
from torch import Tensor, nn

from mtsuite.data.batches import IGNORED
from mtsuite.method import Artefacts, MethodError, Train
from mtsuite.model.blocks import feed_forward_blocks
from mtsuite.testing import TRAINED, Lab, tiny_batch, tiny_model, tiny_text


def config(**options: Any) -> MoELPRConfig:
    return MoELPRConfig.model_validate(options)


def attached(family: str, phase: str = "experts", seed: int = 0, **options: Any) -> tuple[MoELPR, nn.Module]:
    method = MoELPR(config(**options))
    torch.manual_seed(seed)
    return method, method.attach(tiny_model(family), Artefacts(), phase)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


# -- the layer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_layer_against_the_dense_loop(family: str, k: int) -> None:
    block = feed_forward_blocks(tiny_model(family))[1]
    torch.manual_seed(0)
    experts = [Expert(block.weights(), block.activation) for _ in range(3)]
    for expert in experts:
        for parameter in expert.parameters():
            nn.init.normal_(parameter, std=0.3)
    mixture = Mixture(experts, Router(block.hidden_size, 3, k))
    x = torch.randn(2, 5, block.hidden_size)
    p = torch.softmax(x @ mixture.gate.linear.weight.t(), -1)
    expected = torch.zeros_like(x)
    for row in range(2):
        for place in range(5):
            values = p[row, place].tolist()
            used = sorted(range(3), key=lambda j: -values[j])[:k]
            total = 1.0 if k == 1 else sum(values[j] for j in used)
            for j in used:
                expected[row, place] += values[j] / total * experts[j](x[row, place])
    torch.testing.assert_close(mixture(x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["bloom", "llama", "gpt2", "opt"])
@pytest.mark.parametrize("k", [2, 4])
def test_copies_are_the_base_for_any_gate(family: str, k: int, text: Any) -> None:
    _, model = attached(family, top_k=k, **({"balance": 0} if k == 4 else {}))
    for mixture in mixtures(model):
        nn.init.normal_(next(mixture.gate.parameters()), std=5.0)
    batch = tiny_batch(text, TRAINED[0])
    seen = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
    with torch.inference_mode():
        one, two = (m(**seen).logits for m in (model, tiny_model(family)))
    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


def test_one_expert_a_token_is_scaled_by_its_probability() -> None:
    """Weights are not scaled to sum one when k is 1, so the copies start below the base."""
    block = feed_forward_blocks(tiny_model("llama"))[0]
    torch.manual_seed(0)
    experts = [Expert(block.weights(), block.activation) for _ in range(4)]
    mixture = Mixture(experts, Router(block.hidden_size, 4, 1))
    x = torch.randn(3, 2, block.hidden_size)
    p = torch.softmax(x @ mixture.gate.linear.weight.t(), -1).amax(-1, keepdim=True)
    torch.testing.assert_close(mixture(x), p * experts[0](x), atol=1e-5, rtol=1e-4)


@settings(max_examples=40, deadline=None)
@given(
    scores=st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=4), k=st.integers(1, 4)
)
def test_choice_is_of_the_largest_and_the_first(scores: list[list[int]], k: int) -> None:
    values = torch.tensor(scores, dtype=torch.float32)
    numbers = largest(values, k)
    for row, found, used in zip(scores, numbers.tolist(), chosen(numbers, 4).tolist(), strict=True):
        expected = sorted(range(4), key=lambda j: (-row[j], j))[:k]
        assert found == expected
        assert [j for j in range(4) if used[j]] == sorted(expected)


def test_only_the_chosen_experts_get_gradients() -> None:
    block = feed_forward_blocks(tiny_model("llama"))[0]
    experts = [Expert(block.weights(), block.activation) for _ in range(4)]
    mixture = Mixture(experts, Router(block.hidden_size, 4, 2))
    with torch.no_grad():
        mixture.gate.linear.weight.copy_(torch.tensor([[1.0], [2.0], [0.0], [-1.0]]).expand(4, block.hidden_size))
    mixture(torch.ones(1, 3, block.hidden_size)).sum().backward()
    assert [expert.up.grad is not None for expert in experts] == [True, True, False, False]
    assert mixture.gate.linear.weight.grad is not None


# -- the losses ---------------------------------------------------------------------------------------------


def test_balance_by_hand() -> None:
    p = torch.tensor([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.3, 0.6], [0.1, 0.2, 0.7]])
    q = torch.full((4, 3), 1 / 3)
    # k = 1: F = 1/2 0 1/2, P = 1.4/4 1/4 1.6/4: 3 (.175 + .2) = 1.125
    assert float(balance_loss(p.log().unsqueeze(0), 1)) == pytest.approx(1.125)
    # k = 2: F = 1/2 1 1/2: 3 (.175 + .25 + .2) = 1.875; uniform probabilities always give k; mean over the two layers
    assert float(balance_loss(torch.stack([p.log(), q.log()]), 2)) == pytest.approx((1.875 + 2.0) / 2)


def test_prior_by_hand() -> None:
    p = torch.tensor([[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]])
    q = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    logits = torch.stack([p.log() + 3.0, q.log() - 1.0])  # what is added to all logits does not count
    expected = -(math.log(0.5) + math.log(0.25) + math.log(0.8) + math.log(0.1)) / 4
    assert float(prior_loss(logits, "logits")) == pytest.approx(expected)
    twice = [math.log(sum(math.exp(v) for v in row)) - row[0] for row in [*p.tolist(), *q.tolist()]]
    assert float(prior_loss(logits, "double_softmax")) == pytest.approx(sum(twice) / 4)


@pytest.mark.parametrize(("experts", "floor"), [(2, 0.313), (4, 0.744), (6, 1.044)])
def test_the_released_prior_has_a_floor(experts: int, floor: float) -> None:
    logits = torch.zeros(1, 1, experts)
    logits[..., 0] = 100.0
    assert float(prior_loss(logits, "double_softmax")) == pytest.approx(floor, abs=1e-3)
    assert float(prior_loss(logits, "logits")) == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), experts=st.integers(2, 6), scale=st.floats(0.1, 30.0))
def test_the_prior_stays_above_its_floor(seed: int, experts: int, scale: float) -> None:
    logits = scale * torch.randn(2, 7, experts, generator=torch.Generator().manual_seed(seed))
    assert float(prior_loss(logits, "logits")) >= 0
    assert float(prior_loss(logits, "double_softmax")) >= math.log1p((experts - 1) / math.e) - 1e-6


@pytest.mark.parametrize("phase", ["experts", "review"])
def test_each_stage_adds_its_loss_in_training_only(phase: str, text: Any) -> None:
    batch = tiny_batch(text, TRAINED[0])
    assert int((batch.attention_mask == 0).sum()) > 0  # padding is there to be left out
    losses: dict[tuple[float, bool], float] = {}
    for coefficient in (0.0, 0.5):
        method, model = attached("bloom", phase, balance=coefficient, lpr=coefficient)
        model.requires_grad_(False)
        for parameter in method.trainable(model, Train(phase)):
            parameter.requires_grad_(True)
        for mode in (True, False):
            losses[coefficient, mode] = float(method.loss(model.train(mode), batch).detach())
    with watched(model) as routings, torch.no_grad():
        model(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    keep = batch.attention_mask.bool()
    logits = torch.stack([routing.basis[keep] for routing in routings])
    added = balance_loss(logits, 2) if phase == "experts" else prior_loss(logits, "logits")
    assert losses[0.5, True] == pytest.approx(losses[0.0, True] + 0.5 * float(added), rel=1e-5)
    assert losses[0.5, False] == pytest.approx(losses[0.0, False], rel=1e-6)


# -- the stages ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lab() -> Lab:
    return Lab(lambda: MoELPR(), "llama")


def test_the_original_expert_is_never_touched(lab: Lab) -> None:
    """Bit by bit, though training decays weights."""
    base = [block.weights() for block in feed_forward_blocks(tiny_model("llama"))]
    for learned in lab.first.learned:
        for layer, weights in enumerate(base):
            for name, value in (("up", weights.up), ("gate", weights.gate), ("down", weights.down)):
                assert value is not None
                assert torch.equal(learned.after[f"model.layers.{layer}.mlp.adapted.experts.0.{name}"], value)


def test_stage_1_trains_copies_and_router_and_the_review_the_router(lab: Lab) -> None:
    first, second = lab.first.learned
    parts = {name.split("adapted.")[1].rsplit(".", 1)[0] for name in first.names}
    assert parts == {"experts.1", "experts.2", "experts.3", "gate.linear"}
    assert {name.split("adapted.")[1] for name in second.names} == {"gate.linear.weight"}
    for name in first.names:
        assert torch.equal(first.after[name], second.before[name])
        assert torch.equal(second.before[name], second.after[name]) == (".experts." in name)


def test_the_review_moves_weight_to_the_original_expert(text: Any) -> None:
    """A few steps on the language-prior loss alone."""
    method, model = attached("llama", "review", lpr=1.0, lpr_form="logits")
    batch = next(text.monolingual("de"))

    def mass() -> float:
        with watched(model) as routings, torch.no_grad():
            model(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
        return float(torch.stack([r.weights[..., 0].mean() for r in routings]).mean())

    model.requires_grad_(False)
    parameters = list(method.trainable(model, Train("review")))
    for parameter in parameters:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(parameters, lr=0.05)
    before = mass()
    for _ in range(5):
        optimizer.zero_grad()
        method.loss(model.train(), batch).backward()
        optimizer.step()
    assert mass() > before


def test_stage_1_depends_on_its_settings_alone() -> None:
    row = {"experts": 3, "top_k": 1, "every_k_layers": 2, "lpr": 0.7, "lpr_form": "double_softmax", "loss_on": "all",
           "learning_rate_review": 1e-3, "learning_rate_experts": 2e-3}  # fmt: skip
    full = MoELPR(config(**row))
    first = full.phases()[0]
    assert isinstance(first, Train)
    assert first.settings is not None
    dumped = full.config.model_dump(mode="json")
    part = MoELPR(config(**{name: dumped[name] for name in first.settings}))
    assert part.phases()[0] == first
    assert set(MoELPRConfig.model_fields) - set(first.settings) == {
        "lpr", "lpr_form", "review", "learning_rate_review"
    }  # fmt: skip
    assert [p.learning_rate for p in full.phases() if isinstance(p, Train)] == [2e-3, 1e-3]


def test_without_the_review_there_is_one_stage() -> None:
    assert [p.name for p in MoELPR(config(review=False)).phases()] == ["experts", "routing"]
    assert [p.name for p in MoELPR().phases()] == ["experts", "review", "routing"]
    assert MoELPR(config(review=False)).note() == ""
    assert "monolingual" in MoELPR().note()


@pytest.mark.parametrize(("every", "layers"), [(1, [0, 1, 2, 3]), (2, [1, 3]), (3, [2])])
def test_every_so_many_layers(every: int, layers: list[int]) -> None:
    _, model = attached("llama", every_k_layers=every)
    found = {name.split(".")[2] for name, module in model.named_modules() if isinstance(module, Mixture)}
    assert found == {str(layer) for layer in layers}


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(ValidationError, match="top_k is 5, but there are 4 experts"):
        config(top_k=5)
    with pytest.raises(ValidationError, match="balance loss is constant"):
        config(top_k=4)
    config(top_k=4, balance=0)
    with pytest.raises(ValidationError, match="lpr and learning_rate_review: about the review"):
        config(review=False, lpr=0.5, learning_rate_review=1e-3)
    with pytest.raises(MethodError, match="every_k_layers is 5, but the model has 4 layers"):
        MoELPR(config(every_k_layers=5)).check(4, ())


# -- counts and charts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 2, 4])
def test_active_parameters_by_hand(k: int) -> None:
    method, model = attached("llama", top_k=k, **({"balance": 0} if k == 4 else {}))
    base = sum(p.numel() for p in tiny_model("llama").parameters())
    expert, router = 3 * 16 * 32, 4 * 16
    assert sum(p.numel() for p in model.parameters()) == base + 4 * (3 * expert + router)
    assert method.active_parameters(model) == base + 4 * ((k - 1) * expert + router)


def test_a_plan_counts_without_numbers() -> None:
    with torch.device("meta"):
        model = MoELPR().attach(nn.Module.to(tiny_model("llama"), "meta"), Artefacts(), "experts")
    assert sum(p.numel() for p in MoELPR().trainable(model, Train("experts"))) == 4 * (3 * 3 * 16 * 32 + 4 * 16)
    assert sum(p.numel() for p in MoELPR().trainable(model, Train("review"))) == 4 * 4 * 16


def test_the_probe_counts_tokens_by_kind(lab: Lab) -> None:
    """Against routing one unpadded sentence at a time."""
    run, text = lab.first, lab.text
    found = Artefacts(run.folders).tensors("routing")
    directions, languages = len(text.directions), len(text.languages)
    assert found["mass.monolingual"].shape == (languages, 4, 4)
    assert found["load.target"].shape == (directions, 4, 4)
    weights: dict[str, list[Tensor]] = {"prompt": [], "target": []}
    for batch in text.batches(TRAINED[0], limit=200):
        for row in range(len(batch.input_ids)):
            length = int(batch.attention_mask[row].sum())
            with watched(run.model) as routings, torch.no_grad():
                run.model(input_ids=batch.input_ids[row : row + 1, :length])
            routed = torch.stack([r.weights[0] for r in routings])
            prompt = int((batch.labels[row, :length] == IGNORED).sum())
            weights["prompt"].append(routed[:, :prompt])
            weights["target"].append(routed[:, prompt:])
    for kind, parts in weights.items():
        values = torch.cat(parts, dim=1)
        torch.testing.assert_close(found[f"mass.{kind}"][0], values.mean(1), atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(found[f"load.{kind}"][0], (values > 0).float().mean(1), atol=1e-2, rtol=1e-2)


def test_charts_show_the_original_expert(lab: Lab) -> None:
    artefacts = Artefacts(lab.first.folders)
    lines, grid = MoELPR().charts(artefacts)
    mass = artefacts.tensors("routing")["mass.monolingual"][..., 0]
    assert [s.name for s in lines.series] == ["monolingual text", "prompts", "targets"]
    assert lines.series[0].x == (1.0, 2.0, 3.0, 4.0)
    assert lines.series[0].y == pytest.approx(mass.mean(0).tolist())
    assert [s.name for s in grid.series][:3] == ["en text", "de text", "fr text"]
    assert grid.series[1].y == pytest.approx(mass[1].tolist())
    assert MoELPR().charts(Artefacts()) == ()
