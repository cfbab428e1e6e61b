"""Perplexity and bits per byte, against sums over single tokens."""

from __future__ import annotations

import math

import pytest
import torch

from mtsuite.errors import DataError
from mtsuite.model.perplexity import Likelihood, likelihood
from mtsuite.testing import FAMILIES, VOCABULARY, tiny_model, tiny_tokenizer

SENTENCES = ["the cat sees a dog", "le chat", "die Katze sieht einen Hund bei altem Haus", "été", "le chat"]


def test_numbers_by_hand() -> None:
    found = Likelihood(nats=6 * math.log(2), tokens=3, bytes=4, sentences=1)
    assert found.perplexity == pytest.approx(4.0)  # two bits a token
    assert found.bits_per_byte == pytest.approx(1.5)  # six bits over four bytes


def test_a_model_that_knows_nothing() -> None:
    model, tokenizer = tiny_model("bloom").eval(), tiny_tokenizer()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    found = likelihood(model, tokenizer, SENTENCES, max_length=64)
    tokens = sum(len(tokenizer(s, add_special_tokens=False).input_ids) for s in SENTENCES)
    assert found.tokens == tokens
    assert found.bytes == sum(len(s.encode()) for s in SENTENCES) == sum(map(len, SENTENCES)) + 2
    assert found.sentences == 5
    assert found.perplexity == pytest.approx(VOCABULARY, rel=1e-5)
    assert found.bits_per_byte == pytest.approx(tokens * math.log2(VOCABULARY) / found.bytes, rel=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_sum_over_single_tokens(family: str) -> None:
    model, tokenizer = tiny_model(family).eval(), tiny_tokenizer()
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    expected = 0.0
    for sentence in SENTENCES:
        ids = [start, *tokenizer(sentence, add_special_tokens=False).input_ids]
        with torch.inference_mode():
            steps = torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0].double(), -1)
        expected -= sum(float(steps[place - 1, ids[place]]) for place in range(1, len(ids)))  # no end is scored
    for tokens in (1, 24, 4096):  # a sentence a batch, a few, all
        found = likelihood(model, tokenizer, SENTENCES, max_length=64, tokens=tokens)
        assert found.nats == pytest.approx(expected, rel=1e-5)


def test_long_sentences_are_left_out_and_counted() -> None:
    model, tokenizer = tiny_model("bloom").eval(), tiny_tokenizer()
    lengths = sorted(1 + len(tokenizer(s, add_special_tokens=False).input_ids) for s in SENTENCES)
    found = likelihood(model, tokenizer, SENTENCES, max_length=lengths[-2])
    assert (found.sentences, found.left_out) == (4, 1)
    assert found.bytes == sum(len(s.encode()) for s in SENTENCES if "Katze" not in s)
    for sentences in (SENTENCES, []):
        with pytest.raises(DataError, match="de: expected held-out sentences of at most 1 tokens"):
            likelihood(model, tokenizer, sentences, max_length=1, language="de")
