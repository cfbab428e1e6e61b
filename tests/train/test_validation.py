"""Validation while training: it changes nothing, its best weights are kept, and a resumed run has all of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.full import FullFineTuning
from torch import nn

from mtsuite.data.batches import Batch, ParallelStream, Text
from mtsuite.data.direction import Direction
from mtsuite.errors import DataError
from mtsuite.model.likelihood import cross_entropy
from mtsuite.registry import configure
from mtsuite.testing import tiny_model, tiny_text
from mtsuite.train.loop import LoopResult, LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings
from mtsuite.train.validation import Validation

torch.set_num_threads(1)
STEPS = 6


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


def held_out(text: Text) -> dict[Direction, list[Batch]]:
    return {d: list(text.batches(d, limit=8, tokens=256)) for d in text.directions}


def train(model: nn.Module, text: Text, validation: Validation | None, rate: float = 1e-2, **more: Any) -> LoopResult:
    stream = ParallelStream(text, seed=0, tokens_per_batch=128)
    settings = LoopSettings(
        STEPS, OptimizerSettings(learning_rate=rate), warmup_steps=2, checkpoint_seconds=more.pop("seconds", 60.0)
    )
    torch.manual_seed(0)
    return fit(FullFineTuning(), model, stream, settings, make_accelerator("no"), validation=validation, **more)


def state(model: nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in model.parameters()]


def same(one: list[torch.Tensor], two: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


def test_measuring_leaves_the_training_as_it_is(text: Text) -> None:
    """gpt2 has dropout: a random number that measuring draws, or a mode that it leaves, would show."""
    plain, watched = tiny_model("gpt2"), tiny_model("gpt2")
    one = train(plain, text, None)
    validation = Validation(held_out(text), 2)
    two = train(watched, text, validation)
    assert one.losses == two.losses
    assert same(state(plain), state(watched))
    assert [found["step"] for found in two.validation] == [2, 4, 6]
    assert two.kept_step == STEPS


def test_a_direction_is_the_mean_over_its_tokens_and_directions_weigh_alike(text: Text) -> None:
    model, batches = tiny_model("llama"), held_out(text)
    found = train(model, text, Validation(batches, STEPS)).validation[-1]
    for direction, mine in batches.items():
        with torch.no_grad():
            nats = sum(float(cross_entropy(model, batch)) * batch.target_tokens for batch in mine)
        expected = nats / sum(batch.target_tokens for batch in mine)
        assert found["directions"][str(direction)] == pytest.approx(expected, rel=1e-5)
    assert found["loss"] == pytest.approx(sum(found["directions"].values()) / len(batches))


def test_the_best_weights_are_left(text: Text) -> None:
    """A rate that is far too large: the loss on validation text rises after some step, whose weights are left."""
    seen: dict[int, list[torch.Tensor]] = {}
    model = tiny_model("llama")

    def look(step: int, **_: Any) -> None:
        seen[step] = state(model)

    result = train(model, text, Validation(held_out(text), 1, keep_best=True), rate=1.0, progress=look)
    losses = [found["loss"] for found in result.validation]
    best = 1 + losses.index(min(losses))
    assert best < STEPS, losses
    assert result.kept_step == best
    assert same(state(model), seen[best])
    assert not same(state(model), seen[STEPS])


class Killed(Exception):
    pass


@pytest.mark.parametrize("killed", [1, 4])
def test_a_resumed_run_keeps_what_was_measured_and_the_best(killed: int, text: Text, tmp_path: Path) -> None:
    whole, parts = tiny_model("llama"), tiny_model("llama")
    expected = train(whole, text, Validation(held_out(text), 1, keep_best=True), rate=1.0)

    def kill(step: int, **_: Any) -> None:
        if step == killed + 1:  # the last checkpoint is of the step before
            raise Killed

    options: dict[str, Any] = {"rate": 1.0, "checkpoint": tmp_path / "checkpoint", "seconds": 0.0}
    with pytest.raises(Killed):
        train(parts, text, Validation(held_out(text), 1, keep_best=True), progress=kill, **options)
    fresh = tiny_model("llama")
    found = train(fresh, text, Validation(held_out(text), 1, keep_best=True), **options)
    assert found.resumed_at == killed
    assert found.validation == expected.validation
    assert found.kept_step == expected.kept_step
    assert same(state(fresh), state(whole))


def test_no_validation_text_is_an_error() -> None:
    with pytest.raises(DataError, match="expected validation pairs of en-de"):
        Validation({Direction.parse("en-de"): []}, 2)


@pytest.mark.parametrize("use", ["mix-moe", "mixlora", "landermt-lg", "moe-lpr", "llama-moe"])
def test_methods_that_route_train_as_without(use: str, text: Text) -> None:
    """What a router remembers of a forward pass must not reach the next step."""
    from mtsuite.method import Train
    from mtsuite.testing.lab import Lab

    def run(every: int | None) -> list[float]:
        lab = Lab(lambda: configure(use, {}), "llama")
        method = lab.make()
        first = lab.first.folders
        name = [p.name for p in method.phases() if isinstance(p, Train)][-1]
        phase = next(p for p in method.phases() if p.name == name)
        model = lab.open(method, first, name)
        model.requires_grad_(False)
        assert isinstance(phase, Train)
        for parameter in method.trainable(model, phase):
            parameter.requires_grad_(True)
        torch.manual_seed(0)
        validation = Validation(held_out(lab.text), every) if every else None
        stream = ParallelStream(lab.text, seed=0, tokens_per_batch=128)
        settings = LoopSettings(4, OptimizerSettings(learning_rate=1e-2), warmup_steps=0)
        return fit(method, model, stream, settings, make_accelerator("no"), validation=validation).losses

    assert run(1) == run(None)
