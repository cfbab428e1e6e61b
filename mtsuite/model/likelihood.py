"""Cross-entropy of a causal language model, computing logits only where there is something to predict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mtsuite.data.batches import IGNORED, Batch


@contextmanager
def _logits_at(model: nn.Module, positions: Tensor) -> Iterator[None]:
    """Within, the model's logits are (number of positions, vocabulary) instead of (batch, length, vocabulary).

    In translation two thirds of the tokens are prompt: their logits would be computed for nothing.
    """
    head = model.get_output_embeddings()  # type: ignore[operator]
    handle = head.register_forward_pre_hook(lambda _, arguments: (arguments[0][positions],))
    try:
        yield
    finally:
        handle.remove()


def target_logits(model: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Logits (targets, vocabulary) in float32 and the target tokens (targets) of a batch."""
    # Position t predicts token t + 1, so labels move one place to the left: (rows, length), true before a target.
    predicts = torch.zeros_like(batch.labels, dtype=torch.bool)
    predicts[:, :-1] = batch.labels[:, 1:] != IGNORED
    with _logits_at(model, predicts):  # hidden states (rows, length, d) become (targets, d) before the output layer
        output = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False)
    return output.logits.float(), batch.labels[:, 1:][predicts[:, :-1]]


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    """Mean next-token cross-entropy in nats over the batch's target tokens, a scalar."""
    logits, targets = target_logits(model, batch)
    return nn.functional.cross_entropy(logits, targets)
