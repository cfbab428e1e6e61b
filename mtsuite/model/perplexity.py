"""How well a causal language model predicts sentences of one language, each on its own and without an instruction.

The first token is predicted from the begin (or end) token; the end of a sentence is not scored: a model that was tuned
to translate has learned to stop after one sentence, which says nothing about its knowledge of the language.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from mtsuite.data.batches import Example, collate, cut
from mtsuite.data.encode import Encoder
from mtsuite.errors import DataError
from mtsuite.model.likelihood import target_logits

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TOKENS = 4096  # of a batch, padding included


@dataclass(frozen=True)
class Likelihood:
    """Sums over sentences: ``nats`` is the negative log-likelihood of ``tokens`` tokens that spell ``bytes`` of UTF-8.

    ``left_out`` counts sentences longer than the model may read.
    """

    nats: float
    tokens: int
    bytes: int
    sentences: int
    left_out: int = 0

    @property
    def perplexity(self) -> float:
        """exp of the mean negative log-likelihood of a token; compares models with one tokenizer alone."""
        return math.exp(self.nats / self.tokens)

    @property
    def bits_per_byte(self) -> float:
        """Negative log-likelihood in bits over the text's bytes; compares models whatever their tokenizers."""
        return self.nats / math.log(2) / self.bytes


@torch.inference_mode()
def likelihood(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    sentences: Sequence[str],
    *,
    max_length: int,
    language: str = "",
    tokens: int = TOKENS,
) -> Likelihood:
    """The likelihood of sentences under a model in eval mode, in batches of one length.

    Raises DataError when no sentence is left to measure on.
    """
    begin = tokenizer.bos_token_id
    start = int(tokenizer.eos_token_id if begin is None else begin)
    encoded = Encoder(tokenizer).plain(sentences)
    examples: list[tuple[Example, int]] = [
        (([start], list(ids)), len(text.encode("utf-8"))) for text, ids in zip(sentences, encoded, strict=True) if ids
    ]
    kept = [(example, size) for example, size in examples if 1 + len(example[1]) <= max_length]
    if not kept:
        raise DataError(
            f"{language}: expected held-out sentences of at most {max_length} tokens to measure perplexity on; found "
            f"none among {len(sentences)}. Raise train.max_length, or name another list in forgetting.languages."
        )
    device = next(model.parameters()).device
    rows = sorted((example for example, _ in kept), key=lambda e: len(e[1]))
    total, count = torch.zeros((), dtype=torch.float64, device=device), 0
    pad = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else start)
    for group in cut(rows, tokens, None):
        batch = collate(group, pad, None, language, "target").to(device)
        logits, targets = target_logits(model, batch)
        total += nn.functional.cross_entropy(logits, targets, reduction="none").double().sum()
        count += len(targets)
    return Likelihood(float(total), count, sum(size for _, size in kept), len(kept), len(examples) - len(kept))
