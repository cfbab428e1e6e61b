"""The one stream that all methods consume."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtsuite.data.batches import IGNORED, Batch, MonolingualStream, ParallelStream, Text, cut
from mtsuite.data.corpus import write_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
from mtsuite.errors import DataError
from mtsuite.testing import tiny_text, tiny_tokenizer

EN_DE, DE_EN, EN_FR = Direction("en", "de"), Direction("de", "en"), Direction("en", "fr")


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


def made_of(
    folder: Path, pairs: list[tuple[str, str]], *, max_length: int = 256, template: str = "{source} {target_language}:"
) -> Text:
    corpus = write_corpus(
        folder,
        directions=[EN_DE],
        train={("de", "en"): [(t, s) for s, t in pairs]},
        valid={("de", "en"): [("ja", "yes")]},
        tests={},
    )
    return Text(corpus, tiny_tokenizer(), Templates((template,)), (EN_DE,), max_length)


def taken(stream: Any, updates: int) -> list[list[Batch]]:
    return [stream.update() for _ in range(updates)]


def digests(updates: list[list[Batch]]) -> list[bytes]:
    return [batch.digest() for update in updates for batch in update]


def test_a_function_of_its_seed(text: Text) -> None:
    def stream(seed: int) -> list[bytes]:
        return digests(taken(ParallelStream(text, seed=seed, tokens_per_batch=128, accumulation=2), 12))

    first = stream(0)
    torch.manual_seed(7)
    random.seed(7)
    assert stream(0) == first  # whatever other random numbers were drawn
    assert stream(1) != first


def test_directions_take_turns(text: Text) -> None:
    updates = taken(ParallelStream(text, seed=0, tokens_per_batch=128, accumulation=3), 8)
    seen = [batch.direction for update in updates for batch in update]
    assert all(len(update) == 3 for update in updates)
    assert seen == list(itertools.islice(itertools.cycle(text.directions), 24))


def test_labels_are_the_completion_and_its_end(text: Text) -> None:
    eos = text.tokenizer.eos_token_id
    for loss_on in ("target", "all"):
        [batch] = ParallelStream(text, seed=0, tokens_per_batch=256, loss_on=loss_on).update()
        for ids, mask, labels in zip(batch.input_ids, batch.attention_mask, batch.labels, strict=True):
            length = int(mask.sum())
            assert mask.tolist() == [1] * length + [0] * (len(mask) - length)
            assert labels[length:].tolist() == [IGNORED] * (len(mask) - length)
            predicted = labels != IGNORED
            assert torch.equal(labels[predicted], ids[predicted])
            assert ids[length - 1] == labels[length - 1] == eos
            first = int(predicted.nonzero()[0])
            whole = text.tokenizer.decode(ids[:first])
            assert whole == ("" if loss_on == "all" else whole.split("=")[0] + "=")


def example(batch: Batch, row: int) -> tuple[int, ...]:
    return tuple(batch.input_ids[row][batch.attention_mask[row].bool()].tolist())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=150),
    tokens=st.integers(20, 400),
    sentences=st.one_of(st.none(), st.integers(1, 8)),
    seed=st.integers(0, 5),
)
def test_every_example_once_an_epoch(
    lengths: list[int], tokens: int, sentences: int | None, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    pairs = [(f"{n}", " ".join(["a"] * length)) for n, length in enumerate(lengths)]
    made = made_of(tmp_path_factory.mktemp("c"), pairs)
    stream = ParallelStream(made, seed=seed, tokens_per_batch=tokens, sentences_per_batch=sentences)
    for _ in range(2):
        left = {tuple(p + c) for p, c in made.examples(EN_DE, list(enumerate(pairs)), seed)}
        assert len(left) == len(pairs)
        while left:
            [batch] = stream.update()
            rows = [example(batch, row) for row in range(len(batch.input_ids))]
            assert len(set(rows)) == len(rows)
            assert left.issuperset(rows)
            left -= set(rows)
            assert len(rows) == 1 or batch.input_ids.numel() <= tokens
            assert sentences is None or len(rows) <= sentences
    assert stream.too_long == 0


def test_little_padding_on_realistic_lengths(tmp_path: Path) -> None:
    """Log-normal sentence lengths, as news has them."""
    chance = random.Random(0)
    pairs = []
    for _ in range(4000):
        n = max(1, min(60, round(chance.lognormvariate(2.7, 0.6))))
        pairs.append((" ".join(["the"] * n), " ".join(["die"] * max(1, round(n * chance.uniform(0.8, 1.2))))))
    stream = ParallelStream(made_of(tmp_path, pairs), seed=0, tokens_per_batch=1024)
    batches = [batch for update in taken(stream, 120) for batch in update]
    padding = sum(int((batch.attention_mask == 0).sum()) for batch in batches)
    assert padding / sum(batch.input_ids.numel() for batch in batches) <= 0.05


def test_batches_do_not_come_sorted_by_length(text: Text) -> None:
    stream = ParallelStream(text, seed=0, tokens_per_batch=60)
    lengths = [update[0].input_ids.shape[1] for update in taken(stream, 40)[:: len(text.directions)]]
    assert lengths != sorted(lengths)


def test_too_long_examples_are_counted_and_left_out(tmp_path: Path) -> None:
    pairs = [("a", "b"), ("c", "d " * 80), ("e", "f"), ("g " * 80, "h")]
    made = made_of(tmp_path, pairs, max_length=40)
    stream = ParallelStream(made, seed=0, tokens_per_batch=1000)
    [batch] = stream.update()
    assert len(batch.input_ids) == 2
    assert stream.too_long == 2


def test_nothing_fits_is_an_error(tmp_path: Path) -> None:
    made = made_of(tmp_path, [("a", "b " * 90)], max_length=20)
    with pytest.raises(DataError, match=r"all 1 training examples are longer than train\.max_length = 20"):
        ParallelStream(made, seed=0, tokens_per_batch=100).update()


def test_the_completion_follows_its_own_template(tmp_path: Path) -> None:
    """A template that ends in a line break is followed by the bare target, whatever the first template does."""
    made = made_of(tmp_path, [(f"s{n}", "t") for n in range(40)])
    made.templates = Templates(("{source} {target_language}:", "{source} {target_language}\n"))
    found = {made.tokenizer.decode(p + c[:-1]) for p, c in made.examples(EN_DE, list(enumerate([("s", "t")] * 40)), 0)}
    assert found == {"s German: t", "s German\nt"}


def test_a_share_of_the_rows(text: Text) -> None:
    [batch] = list(text.batches(EN_DE, tokens=10_000))
    parts = [batch.rows(i, 3) for i in range(3)]
    assert sum(part.target_tokens for part in parts) == batch.target_tokens
    rows = sorted(example(part, row) for part in parts for row in range(len(part.input_ids)))
    assert rows == sorted(example(batch, row) for row in range(len(batch.input_ids)))
    assert batch.rows(20, 21).target_tokens == 0


@given(st.lists(st.integers(1, 40), max_size=30), st.integers(1, 200), st.one_of(st.none(), st.integers(1, 5)))
def test_cut_keeps_order_and_limits(lengths: list[int], tokens: int, sentences: int | None) -> None:
    examples = [([0] * length, [1]) for length in sorted(lengths)]
    groups = cut(examples, tokens, sentences)
    assert [e for group in groups for e in group] == examples
    for group in groups:
        assert len(group) == 1 or len(group) * max(len(p) + len(c) for p, c in group) <= tokens
        assert sentences is None or len(group) <= sentences


def test_monolingual_rows_are_full(text: Text) -> None:
    updates = taken(MonolingualStream(text, seed=0, tokens_per_batch=128, accumulation=2), 9)
    batches = [batch for update in updates for batch in update]
    assert [batch.language for batch in batches] == list(itertools.islice(itertools.cycle(("en", "de", "fr")), 18))
    for batch in batches:
        assert batch.direction is None
        assert batch.input_ids.shape == (2, 64)
        assert bool(batch.attention_mask.all())
        assert torch.equal(batch.labels, batch.input_ids)
        assert batch.target_tokens == 2 * 63
    again = taken(MonolingualStream(text, seed=0, tokens_per_batch=128, accumulation=2), 9)
    assert digests(again) == digests(updates)


def test_monolingual_text_is_all_there(text: Text) -> None:
    """The rows of a language, joined, are its shuffled sentences, each closed by the end of sequence."""
    stream = MonolingualStream(text, seed=0, tokens_per_batch=64)
    rows = [b.input_ids[0].tolist() for update in taken(stream, 90) for b in update if b.language == "en"]
    joined = text.tokenizer.decode(list(itertools.chain.from_iterable(rows)))
    found = joined.split(text.tokenizer.eos_token)[:-1]
    sentences = text.corpus.monolingual("en")
    assert len(found) > len(sentences)
    assert sorted(found[: len(sentences)]) == sorted(sentences)
