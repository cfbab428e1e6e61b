"""Detection against manual gradients, real ablations, and other cuts into batches."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mtsuite.methods.landermt.detection import Detection
from mtsuite.methods.landermt.neuron_outputs import NeuronOutputs, two_dimensions
from mtsuite.methods.landermt.taylor import AGGREGATIONS, taylor_scores
from scipy.stats import spearmanr
from torch import Tensor, nn

from mtsuite.data.batches import Batch, Text
from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
from mtsuite.model.blocks import decoder_layers, feed_forward_blocks
from mtsuite.model.likelihood import cross_entropy, target_logits
from mtsuite.testing import tiny_model, tiny_text


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


class OneBlock(nn.Module):
    """Embedding, one plain block on the residual, output layer: small enough for its gradient by hand."""

    def __init__(self) -> None:
        super().__init__()
        layer: Any = nn.Module()
        layer.norm, layer.mlp = nn.Identity(), nn.Module()
        layer.mlp.fc1, layer.mlp.fc2 = nn.Linear(3, 4), nn.Linear(4, 3)
        layer.mlp.activation = torch.tanh
        self.embedding, self.layers, self.head = nn.Embedding(5, 3), nn.ModuleList([layer]), nn.Linear(3, 5, bias=False)

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def get_output_embeddings(self) -> nn.Module:
        return self.head

    def forward(self, input_ids: Tensor, **_: Any) -> SimpleNamespace:
        x = self.embedding(input_ids)
        mlp: Any = self.layers[0].mlp
        return SimpleNamespace(logits=self.head(x + mlp.fc2(torch.tanh(mlp.fc1(x)))))


def test_scores_by_hand() -> None:
    torch.manual_seed(0)
    model = OneBlock().requires_grad_(False)
    ids = torch.tensor([[1, 2, 3], [4, 1, 0]])
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    batch = Batch(ids, mask, ids.masked_fill(mask == 0, -100), None, "en")
    mlp: Any = model.layers[0].mlp
    x = model.embedding(ids)
    z = mlp.fc1(x)
    h = torch.tanh(z)
    p = torch.softmax(model.head(x + mlp.fc2(h)), -1)
    gradient = torch.zeros(2, 3, 3)  # of the block's output
    for row, place, target in ((0, 0, 2), (0, 1, 3), (1, 0, 1)):  # positions that predict a token
        gradient[row, place] = model.head.weight.t() @ (p[row, place] - nn.functional.one_hot(torch.tensor(target), 5))
    inner = gradient @ mlp.fc2.weight
    by_site = {"post": inner * h, "pre": inner * (1 - h**2) * z, "pre_gate_and_up": inner * (1 - h**2) * z}
    for site, products in by_site.items():
        found = taylor_scores(model, iter([batch]), site=site, outputs=True)
        for prefix, value in (("phi", products), ("phi_out", gradient * mlp.fc2(h))):
            torch.testing.assert_close(found[f"{prefix}.mean_abs"][0], value.abs().sum((0, 1)) / 5)
            torch.testing.assert_close(found[f"{prefix}.abs_of_sum"][0], value.sum((0, 1)).abs() / 5)
            torch.testing.assert_close(found[f"{prefix}.mean_square"][0], value.square().sum((0, 1)) / 5)
            torch.testing.assert_close(found[f"{prefix}.mean_sample_abs"][0], value.sum(1).abs().mean(0))
        torch.testing.assert_close(found["firing.product"][0], (h > 0)[mask.bool()].float().mean(0))
    torch.testing.assert_close(taylor_scores(model, iter([batch]))["gradient"][0], inner.abs().sum((0, 1)) / 5)


@pytest.mark.parametrize("family", ["bloom", "llama", "opt"])
@pytest.mark.parametrize("site", ["post", "pre_gate_and_up"])
def test_cut_into_batches_does_not_matter(family: str, site: Any, text: Text) -> None:
    """Nor does padding, which a batch of several sentences has."""
    model = tiny_model(family).requires_grad_(False)
    one_by_one = taylor_scores(model, text.monolingual("en", tokens=1), site=site, outputs=True)
    together = taylor_scores(model, text.monolingual("en", tokens=4096), site=site, outputs=True)
    assert one_by_one.keys() == together.keys()
    for name in one_by_one:
        torch.testing.assert_close(one_by_one[name], together[name], atol=1e-6, rtol=1e-3)


def test_sites_that_the_chain_rule_relates(text: Text) -> None:
    """For ReLU g h is the same on both sides; in a gated block that of up equals the product's."""
    relu, gated = tiny_model("opt").requires_grad_(False), tiny_model("llama").requires_grad_(False)
    after, before = (taylor_scores(relu, text.monolingual("en"), site=site) for site in ("post", "pre"))
    torch.testing.assert_close(after["phi.mean_abs"], before["phi.mean_abs"])
    product, gate, both = (
        taylor_scores(gated, text.monolingual("en"), site=site) for site in ("post", "pre", "pre_gate_and_up")
    )
    for name in ("phi.mean_abs", "phi.abs_of_sum", "phi.mean_square"):
        torch.testing.assert_close(both[name], gate[name] + product[name], atol=1e-7, rtol=1e-3)
    assert not torch.allclose(gate["phi.mean_abs"], product["phi.mean_abs"], rtol=0.1)


def test_firing_of_gate_and_product(text: Text) -> None:
    model = tiny_model("llama").requires_grad_(False)
    found = taylor_scores(model, text.monolingual("de", tokens=4096))
    seen: dict[str, list[Tensor]] = {"gate": [], "product": []}
    block = feed_forward_blocks(model)[2]
    assert block.gate is not None
    block.gate.register_forward_hook(lambda _m, _a, z: seen["gate"].append(z))
    block.on_neurons(seen["product"].append)
    (batch,) = text.monolingual("de", tokens=4096)
    model(input_ids=batch.input_ids, attention_mask=batch.attention_mask)
    for name, values in seen.items():
        share = (values[0][batch.attention_mask.bool()] > 0).float().mean(0)
        torch.testing.assert_close(found[f"firing.{name}"][2], share)


# -- against true ablation ------------------------------------------------------------------------------


@functools.lru_cache(maxsize=8)
def trained(family: str, seed: int) -> nn.Module:
    """A tiny model after a few updates on English, so that its neurons mean something."""
    torch.manual_seed(seed)
    model = tiny_model(family, seed, layers=2).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    with tempfile.TemporaryDirectory() as folder:
        batches = list(tiny_text(Path(folder)).monolingual("en", tokens=512))
    for _ in range(30):
        for batch in batches:
            cross_entropy(model, batch).backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval().requires_grad_(False)


def ablations(model: nn.Module, batches: list[Batch], *factors: float) -> list[Tensor]:
    """|change of the loss| when one neuron after another is multiplied by a factor, all layers in a row."""

    @torch.inference_mode()
    def loss() -> float:
        total = 0.0
        for batch in batches:
            logits, targets = target_logits(model, batch)
            total += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
        return total

    found: list[list[float]] = [[] for _ in factors]
    for block in feed_forward_blocks(model):
        scale = torch.ones(block.neurons)
        handle = block.down.register_forward_pre_hook(lambda _m, a, scale=scale: (a[0] * scale,))
        for n in range(block.neurons):
            for which, factor in enumerate(factors):
                scale[n] = factor
                found[which].append(loss())
            scale[n] = 1.0
        handle.remove()
    return [torch.tensor(values, dtype=torch.float64) for values in found]


# Below the lowest Spearman correlation with zero-ablation of BLOOM and LLaMA under seeds 0 and 1, which was
# 0.74 for mean_abs, 0.75 for mean_square, 0.71 for mean_sample_abs and 0.39 for abs_of_sum.
LOWEST = {"mean_abs": 0.6, "mean_square": 0.6, "mean_sample_abs": 0.55, "abs_of_sum": 0.2}


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("seed", [0, 1])
def test_scores_rank_as_true_ablation(family: str, seed: int, text: Text) -> None:
    model = trained(family, seed)
    batches = list(text.monolingual("en", tokens=512))
    scores = {n: v.flatten().numpy() for n, v in taylor_scores(model, iter(batches)).items()}
    without, whole, less, more = ablations(model, batches, 0.0, 1.0, 0.9, 1.1)
    removed, slope = (without - whole).abs(), (more - less).abs()
    ranks = {name: float(spearmanr(scores[f"phi.{name}"], removed).statistic) for name in AGGREGATIONS}
    print(family, seed, {name: round(value, 2) for name, value in ranks.items()})
    assert float(spearmanr(scores["phi.abs_of_sum"], slope).statistic) > 0.95, "the first order is exact in the limit"
    assert all(value > LOWEST[name] for name, value in ranks.items()), ranks


# -- the probes -------------------------------------------------------------------------------------------


def counted(model: nn.Module) -> dict[str, int]:
    """How often the first layer and the output layer run from now on."""
    counts = {"layers": 0, "head": 0}

    def add(name: str) -> None:
        counts[name] += 1

    decoder_layers(model)[0].register_forward_hook(lambda *_: add("layers"))
    model.get_output_embeddings().register_forward_hook(lambda *_: add("head"))  # type: ignore[operator]
    return counts


@pytest.mark.parametrize("awareness", ["language", "direction"])
@pytest.mark.parametrize("outputs", [False, True])
def test_detection_leaves_the_model_alone(awareness: Any, outputs: bool, text: Text) -> None:
    model = tiny_model("bloom").requires_grad_(False)
    before = {n: p.clone() for n, p in model.named_parameters()}
    tensors = Detection(samples=4, awareness=awareness, outputs=outputs).run(model, text)
    rows = 3 if awareness == "language" else 4
    expected: dict[str, tuple[int, ...]] = {
        "activation.embedding": (4, 1, 16),
        "activation.mlp_out": (4, 4, 16),
        "activation.ffn_hidden": (4, 4, 1),
        "activation.block_out": (4, 4, 16),
        "activation.embedding.abs": (4, 1),
        **{f"activation.{site}.abs": (4, 4) for site in ("mlp_out", "ffn_hidden", "block_out")},
        **{f"phi.{n}": (rows, 4, 64) for n in AGGREGATIONS},
        "gradient": (rows, 4, 64),
        "firing.product": (rows, 4, 64),
    }
    if outputs:
        expected |= {f"phi_out.{n}": (rows, 4, 16) for n in AGGREGATIONS}
    assert {n: tuple(t.shape) for n, t in tensors.items()} == expected
    assert all(torch.equal(before[n], p) and p.grad is None for n, p in model.named_parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("with_target", [True, False])
def test_one_pass_over_pairs_serves_layers_and_neurons(with_target: bool, text: Text) -> None:
    model = tiny_model("llama").requires_grad_(False)
    apart = Detection(with_target=with_target).run(model, text)
    counts = counted(model)
    together = Detection(with_target=with_target, awareness="direction").run(model, text)
    batches = sum(1 for d in text.directions for _ in text.batches(d))
    assert counts == {"layers": batches, "head": batches}
    for name in together:
        if name.startswith("activation"):
            torch.testing.assert_close(together[name], apart[name], atol=1e-5, rtol=1e-4)


def test_prompts_need_no_output_layer(text: Text) -> None:
    model = tiny_model("bloom").requires_grad_(False)
    counts = counted(model)
    Detection().run(model, text)
    prompts = sum(1 for d in text.directions for _ in text.batches(d, target=False))
    sentences = sum(1 for code in text.languages for _ in text.monolingual(code))
    assert counts == {"layers": prompts + sentences, "head": sentences}


@pytest.mark.parametrize("family", ["bloom", "llama", "opt", "gpt2"])
@pytest.mark.parametrize("with_target", [True, False])
def test_activations_are_means_over_tokens(family: str, with_target: bool, text: Text) -> None:
    """Against a loop over sentences without padding; the embedding is what enters the first layer."""
    model, direction = tiny_model(family).requires_grad_(False), Direction("en", "de")
    found = Detection(samples=5, with_target=with_target).run(model, text)
    seen: dict[str, list[Tensor]] = {site: [] for site in ("mlp_out", "ffn_hidden", "block_out", "embedding")}
    for block, layer in zip(feed_forward_blocks(model), decoder_layers(model), strict=True):
        block.on_output(seen["mlp_out"].append)
        block.on_neurons(seen["ffn_hidden"].append)
        layer.register_forward_hook(
            lambda _m, _a, out: seen["block_out"].append(out[0] if isinstance(out, tuple) else out)
        )
    tokens: dict[str, list[Tensor]] = {site: [] for site in seen}  # each (places, tokens, units)
    pairs = list(enumerate(text.corpus.pairs("valid", direction)[:5]))
    for prompt, completion in text.examples(direction, pairs, seed=0):
        ids = torch.tensor([prompt + (completion if with_target else [])])
        seen["embedding"].append(model(input_ids=ids, output_hidden_states=True).hidden_states[0])
        for site, values in seen.items():
            tokens[site].append(torch.stack([v.reshape(ids.numel(), -1) for v in values]))
            values.clear()
    for site, parts in tokens.items():
        whole = torch.cat(parts, 1)
        mean = whole.mean(1).mean(-1, keepdim=True) if site == "ffn_hidden" else whole.mean(1)
        torch.testing.assert_close(found[f"activation.{site}"][0], mean, atol=1e-5, rtol=1e-3)
        torch.testing.assert_close(found[f"activation.{site}.abs"][0], whole.abs().mean((1, 2)), atol=1e-5, rtol=1e-3)


def test_no_text_is_a_clear_error(text: Text) -> None:
    model = tiny_model("bloom").requires_grad_(False)
    short = Text(text.corpus, text.tokenizer, text.templates, text.directions, max_length=1)  # nothing fits
    with pytest.raises(MethodError, match="en-de: expected held-out text"):
        Detection(awareness="direction").run(model, short)


def test_two_dimensions_are_principal_components() -> None:
    """Points on a plane in five dimensions: distances stay; a second projection is the same."""
    torch.manual_seed(0)
    plane = torch.linalg.qr(torch.randn(5, 2)).Q
    flat = torch.randn(20, 2) * torch.tensor([3.0, 1.0])
    placed = two_dimensions(flat @ plane.t() + 7.0)
    torch.testing.assert_close(torch.cdist(placed, placed), torch.cdist(flat, flat), atol=1e-4, rtol=1e-4)
    assert float(placed[:, 0].var()) > float(placed[:, 1].var())
    assert (placed.gather(0, placed.abs().argmax(0, keepdim=True)) > 0).all()
    torch.testing.assert_close(two_dimensions(-(flat @ plane.t())).abs(), placed.abs(), atol=1e-4, rtol=1e-4)
    assert two_dimensions(torch.randn(1, 3)).shape == (1, 2)


def test_the_probe_of_trained_models_is_cheap() -> None:
    assert NeuronOutputs.looks_at == "trained"
    assert NeuronOutputs().sentences <= 100
