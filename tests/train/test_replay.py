"""Monolingual replay: a little more text, the parallel stream as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mtsuite.data.batches import Batch, MonolingualStream, ParallelStream, ReplayStream, Text
from mtsuite.errors import MethodError
from mtsuite.method import Method, Train
from mtsuite.testing import tiny_model, tiny_text
from mtsuite.train.loop import LoopResult, LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


def parallel(text: Text) -> ParallelStream:
    return ParallelStream(text, seed=3, tokens_per_batch=128, accumulation=2)


def test_the_parallel_part_is_untouched(text: Text) -> None:
    plain, mixed = parallel(text), ReplayStream(parallel(text), 0.2, seed=3, tokens_per_update=256)
    languages = []
    for _ in range(6):
        expected, found = plain.update(), mixed.update()
        assert [b.digest() for b in found if not b.replayed] == [b.digest() for b in expected]
        (replayed,) = (b for b in found if b.replayed)
        assert replayed.direction is None
        assert replayed.input_ids.numel() == 64, "a fifth of all tokens: 256 / 4"
        languages.append(replayed.language)
    assert languages == ["en", "de", "fr"] * 2


def fitted(text: Text, stream: ParallelStream | ReplayStream | MonolingualStream) -> LoopResult:
    class Everything(Method):
        def phases(self) -> list[Train]:
            return [Train("translation")]

    model = tiny_model("bloom")
    model.requires_grad_(True)
    torch.manual_seed(0)
    settings = LoopSettings(4, OptimizerSettings(learning_rate=1e-3), warmup_steps=0)
    return fit(Everything(), model, stream, settings, make_accelerator("no"))


def test_fingerprint_and_target_tokens_are_of_the_shared_text(text: Text) -> None:
    plain = fitted(text, parallel(text))
    mixed = fitted(text, ReplayStream(parallel(text), 0.2, seed=3, tokens_per_update=256))
    assert mixed.fingerprint == plain.fingerprint
    assert mixed.target_tokens == plain.target_tokens == sum(plain.target_tokens_by_direction.values())
    assert mixed.target_tokens_by_direction == plain.target_tokens_by_direction
    assert set(plain.target_tokens_by_direction) == set(map(str, text.directions))
    assert (plain.replayed_tokens, mixed.replayed_tokens) == (0, 4 * 64)
    assert mixed.tokens == plain.tokens + 4 * 64
    assert mixed.losses != plain.losses


def test_a_stage_on_monolingual_text_is_no_replay(text: Text) -> None:
    result = fitted(text, MonolingualStream(text, seed=3, tokens_per_batch=64))
    assert result.replayed_tokens == 0
    assert result.target_tokens > 0


def test_replayed_text_that_reaches_nothing_trained_is_passed_over(text: Text) -> None:
    class Deaf(Method):
        """Monolingual text goes through the frozen base alone."""

        def phases(self) -> list[Train]:
            return [Train("translation")]

        def loss(self, model: nn.Module, batch: Batch) -> Tensor:
            loss = super().loss(model, batch)
            return loss.detach() if batch.direction is None else loss

    stream = ReplayStream(parallel(text), 0.2, seed=3, tokens_per_update=256)
    settings = LoopSettings(2, OptimizerSettings(learning_rate=1e-3), warmup_steps=0)
    result = fit(Deaf(), tiny_model("bloom"), stream, settings, make_accelerator("no"))
    assert len(result.losses) == 2


def test_parallel_text_must_reach_what_is_trained(text: Text) -> None:
    class AllDeaf(Method):
        def loss(self, model: nn.Module, batch: Batch) -> Tensor:
            return super().loss(model, batch).detach()

    settings = LoopSettings(2, OptimizerSettings(learning_rate=1e-3), warmup_steps=0)
    with pytest.raises(MethodError, match=r"loss of step 1 \(en-de\) depends on no trained parameter"):
        fit(AllDeaf(), tiny_model("bloom"), parallel(text), settings, make_accelerator("no"))
