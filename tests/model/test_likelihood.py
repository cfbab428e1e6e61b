"""The suite's cross-entropy is that of transformers."""

from __future__ import annotations

import pytest
import torch

from mtsuite.data.batches import Batch
from mtsuite.model.likelihood import cross_entropy, target_logits
from mtsuite.testing import FAMILIES, tiny_model


def batch() -> Batch:
    ids = torch.randint(2, 300, (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    labels = ids.masked_fill(mask == 0, -100)
    labels[:, :3] = -100
    labels[2, 1:] = ids[2, 1:]
    return Batch(ids, mask, labels, None, "en")


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_models_own_loss(family: str) -> None:
    model, one = tiny_model(family), batch()
    expected = model(input_ids=one.input_ids, attention_mask=one.attention_mask, labels=one.labels).loss
    found = cross_entropy(model, one)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    gradients = [torch.autograd.grad(loss, list(model.parameters()), allow_unused=True) for loss in (found, expected)]
    for a, b in zip(*gradients, strict=True):
        assert (a is None) == (b is None)
        if a is not None and b is not None:
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_logits_are_those_before_each_target(family: str) -> None:
    model, one = tiny_model(family), batch()
    logits, targets = target_logits(model, one)
    full = model(input_ids=one.input_ids, attention_mask=one.attention_mask).logits
    places = [(r, t - 1) for r in range(3) for t in range(1, 7) if one.labels[r, t] != -100]
    assert len(targets) == len(places) == one.target_tokens
    torch.testing.assert_close(logits, torch.stack([full[p] for p in places]), atol=1e-5, rtol=1e-5)
    assert targets.tolist() == [int(one.labels[r, t + 1]) for r, t in places]
    assert not any(m._forward_pre_hooks for m in model.modules())  # what it hung in is taken out again
