"""Detection against manual gradients, real ablations, and other cuts into batches."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mtsuite.methods.landermt.detection import Detection, taylor_scores
from scipy.stats import spearmanr
from torch import Tensor, nn

from mtsuite.data.batches import Batch, Text
from mtsuite.data.direction import Direction
from mtsuite.model.blocks import feed_forward_blocks
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
    h = torch.tanh(mlp.fc1(x))
    p = torch.softmax(model.head(x + mlp.fc2(h)), -1)
    products = torch.zeros(2, 3, 4)
    for row, place, target in ((0, 0, 2), (0, 1, 3), (1, 0, 1)):  # positions that predict a token
        error = p[row, place] - nn.functional.one_hot(torch.tensor(target), 5)
        products[row, place] = (mlp.fc2.weight.t() @ model.head.weight.t() @ error) * h[row, place]
    found = taylor_scores(model, iter([batch]))
    tokens = 5
    torch.testing.assert_close(found["mean_abs"][0], products.abs().sum((0, 1)) / tokens)
    torch.testing.assert_close(found["abs_of_sum"][0], products.sum((0, 1)).abs() / tokens)
    torch.testing.assert_close(found["mean_square"][0], products.square().sum((0, 1)) / tokens)
    torch.testing.assert_close(found["mean_sample_abs"][0], products.sum(1).abs().mean(0))


@pytest.mark.parametrize("family", ["bloom", "llama", "opt"])
def test_cut_into_batches_does_not_matter(family: str, text: Text) -> None:
    model = tiny_model(family).requires_grad_(False)
    one_by_one = taylor_scores(model, text.monolingual("en", tokens=1))
    together = taylor_scores(model, text.monolingual("en", tokens=4096))
    for name in one_by_one:
        torch.testing.assert_close(one_by_one[name], together[name], atol=1e-6, rtol=1e-3)


@functools.lru_cache(maxsize=4)
def trained(family: str) -> nn.Module:
    """A tiny model after a few updates on English, so that its neurons mean something."""
    torch.manual_seed(0)
    model = tiny_model(family, layers=2).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    with tempfile.TemporaryDirectory() as folder:
        batches = list(tiny_text(Path(folder)).monolingual("en", tokens=512))
    for _ in range(30):
        for batch in batches:
            cross_entropy(model, batch).backward()
            optimizer.step()
            optimizer.zero_grad()
    return model.eval().requires_grad_(False)


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_scores_rank_as_true_ablation(family: str, text: Text) -> None:
    model = trained(family)
    batches = list(text.monolingual("en", tokens=512))

    @torch.inference_mode()
    def loss() -> float:
        total = 0.0
        for batch in batches:
            logits, targets = target_logits(model, batch)
            total += float(nn.functional.cross_entropy(logits, targets, reduction="sum"))
        return total

    def losses(factor: float) -> Tensor:
        """The loss when one neuron after another is multiplied by ``factor``."""
        found = []
        for block in feed_forward_blocks(model):
            for n in range(block.neurons):
                scale = torch.ones(block.neurons)
                scale[n] = factor
                handle = block.down.register_forward_pre_hook(lambda _m, a, scale=scale: (a[0] * scale,))
                found.append(loss())
                handle.remove()
        return torch.tensor(found, dtype=torch.float64)

    scores = {name: value.flatten().numpy() for name, value in taylor_scores(model, iter(batches)).items()}
    slope = (losses(1.1) - losses(0.9)).abs()  # what the first order is of
    removed = (losses(0.0) - loss()).abs()
    assert spearmanr(scores["abs_of_sum"], slope).statistic > 0.95
    assert spearmanr(scores["abs_of_sum"], removed).statistic > 0.2
    assert spearmanr(scores["mean_abs"], removed).statistic > 0.0


def test_probe_leaves_the_model_alone(text: Text) -> None:
    model = tiny_model("bloom").requires_grad_(False)
    before = {n: p.clone() for n, p in model.named_parameters()}
    tensors = Detection(samples=4).run(model, text)
    assert {n: tuple(t.shape) for n, t in tensors.items()} == {
        "activation.mean": (4, 5, 16),
        "activation.mean_abs": (4, 5),
        **{f"phi.{n}": (3, 4, 64) for n in ("mean_abs", "abs_of_sum", "mean_square", "mean_sample_abs")},
    }
    assert all(torch.equal(before[n], p) and p.grad is None for n, p in model.named_parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


@pytest.mark.parametrize("family", ["bloom", "llama", "opt", "gpt2"])
@pytest.mark.parametrize("with_target", [True, False])
def test_activations_are_means_over_tokens(family: str, with_target: bool, text: Text) -> None:
    """Against a loop over sentences without padding; the first entry is what enters the first layer."""
    model, direction = tiny_model(family).requires_grad_(False), Direction("en", "de")
    found = Detection(samples=5, with_target=with_target).run(model, text)["activation.mean"][0]
    seen: list[Tensor] = []
    for block in feed_forward_blocks(model):
        block.on_output(seen.append)
    total, count = torch.zeros(5, 16), 0
    pairs = list(enumerate(text.corpus.pairs("valid", direction)[:5]))
    for prompt, completion in text.examples(direction, pairs, seed=0):
        seen.clear()
        ids = torch.tensor([prompt + (completion if with_target else [])])
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
        for place, output in enumerate([states[0], *seen]):
            total[place] += output.reshape(-1, 16).sum(0)
        count += ids.numel()
    torch.testing.assert_close(found, total / count, atol=1e-5, rtol=1e-3)
