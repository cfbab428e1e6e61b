"""The loop: accumulation, resuming, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import torch
from mtsuite.methods.full import FullFineTuning
from torch import nn

from mtsuite.data.batches import Batch, ParallelStream, Text
from mtsuite.errors import MethodError
from mtsuite.method import Method
from mtsuite.testing import tiny_model, tiny_text
from mtsuite.train import checkpoint
from mtsuite.train.checkpoint import load_checkpoint, save_checkpoint
from mtsuite.train.loop import LoopResult, LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings, build_optimizers


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


torch.set_num_threads(1)  # tiny models: threads would only wait for one another


class Fixed:
    """The same micro-batches at every update."""

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches

    def update(self) -> list[Batch]:
        return self.batches


def train(
    model: nn.Module, stream: Any, steps: int, *, optimizer: str = "adamw", method: Method | None = None, **more: Any
) -> LoopResult:
    settings = LoopSettings(
        steps,
        OptimizerSettings(optimizer, learning_rate=1e-2),
        warmup_steps=2,
        checkpoint_seconds=more.pop("every", 60.0),
    )
    return fit(method or FullFineTuning(), model, stream, settings, make_accelerator("no"), **more)


def worst(one: nn.Module, two: nn.Module) -> float:
    pairs = zip(one.parameters(), two.parameters(), strict=True)
    return max(float((a - b).detach().abs().max()) for a, b in pairs)


def test_accumulation_equals_one_big_batch(text: Text) -> None:
    """Micro-batches of different numbers of target tokens: every token weighs the same."""
    [whole] = list(text.batches(text.directions[0], tokens=10_000))
    parts = [whole.rows(0, 3), whole.rows(1, 3), whole.rows(2, 3)]
    assert len({part.target_tokens for part in parts}) > 1
    models = [tiny_model("llama"), tiny_model("llama")]
    one, three = train(models[0], Fixed([whole]), 4), train(models[1], Fixed(parts), 4)
    assert three.losses == pytest.approx(one.losses, abs=2e-5)
    assert one.target_tokens == three.target_tokens
    assert worst(*models) < 1e-3


class Killed(Exception):
    pass


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("family", ["bloom", "gpt2"])  # gpt2 has dropout: the random state is part of the checkpoint
def test_resuming_is_as_if_nothing_had_happened(optimizer: str, family: str, text: Text, tmp_path: Path) -> None:
    def stream() -> ParallelStream:
        return ParallelStream(text, seed=0, tokens_per_batch=128, accumulation=2)

    def kill(step: int, **_: Any) -> None:
        if step == 5:
            raise Killed

    torch.manual_seed(0)
    through = tiny_model(family)
    whole = train(through, stream(), 8, optimizer=optimizer)
    torch.manual_seed(0)
    place = tmp_path / "checkpoint"
    with pytest.raises(Killed):
        train(tiny_model(family), stream(), 8, optimizer=optimizer, checkpoint=place, progress=kill, every=0.0)
    torch.manual_seed(99)
    resumed = tiny_model(family, seed=5)  # whatever was there is replaced
    part = train(resumed, stream(), 8, optimizer=optimizer, checkpoint=place)
    assert part.resumed_at == 4
    assert worst(through, resumed) == 0.0
    for name in (
        "losses",
        "tokens",
        "target_tokens",
        "target_tokens_by_direction",
        "padding_tokens",
        "fingerprint",
        "trained_parameters",
    ):
        assert getattr(part, name) == getattr(whole, name)


@pytest.mark.parametrize("damage", ["counters.json", "state.safetensors"])
def test_a_damaged_checkpoint_is_started_over(damage: str, text: Text, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place, every=0.0)
    (place / damage).write_bytes(b"{")
    again = train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place)
    assert again.resumed_at == 0


def test_a_kill_between_the_two_renames_loses_nothing(text: Text, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place, every=0.0)
    place.rename(tmp_path / "checkpoint.old")
    again = train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 4, checkpoint=place)
    assert again.resumed_at == 2


def test_a_checkpoint_of_other_parameters_is_not_taken(text: Text, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place, every=0.0)
    other = train(tiny_model("llama"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place)
    assert other.resumed_at == 0


class Diverges(FullFineTuning):
    def loss(self, model: nn.Module, batch: Batch) -> torch.Tensor:
        return super().loss(model, batch) * float("nan")


def test_a_loss_that_is_no_number_stops(text: Text) -> None:
    model = tiny_model("bloom")
    before = [p.detach().clone() for p in model.parameters()]
    with pytest.raises(MethodError, match=r"The loss became nan at step 1 of 3: lower the learning rate"):
        train(model, ParallelStream(text, seed=0, tokens_per_batch=128), 3, method=Diverges())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("empty", [True, False])
def test_nothing_to_train_is_an_error(empty: bool, text: Text) -> None:
    model = tiny_model("bloom").requires_grad_(False)
    if empty:
        model.extra = nn.Parameter(torch.zeros(0, 4))
    with pytest.raises(MethodError, match="trains nothing"):
        train(model, ParallelStream(text, seed=0, tokens_per_batch=128), 1)


def test_result_counts(text: Text) -> None:
    [batch] = list(text.batches(text.directions[0], tokens=10_000))
    result = train(tiny_model("bloom"), Fixed([batch]), 3)
    assert result.tokens == 3 * batch.input_ids.numel()
    assert result.target_tokens == 3 * batch.target_tokens
    assert result.padding_tokens == 3 * int((batch.attention_mask == 0).sum())
    assert result.losses[2] < result.losses[0]
    assert len(result.losses) == 3


def test_the_model_is_left_in_eval_mode(text: Text) -> None:
    model = tiny_model("gpt2")
    train(model, ParallelStream(text, seed=0, tokens_per_batch=128), 1)
    assert not any(m.training for m in model.modules())


@pytest.mark.parametrize("name", ["counters.json", "state.safetensors"])
def test_a_changed_checkpoint_is_started_over(
    name: str, text: Text, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "checkpoint"
    train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place, every=0.0)
    data = (place / name).read_bytes()
    changed = (
        data[:-3] + b"\x01" + data[-2:] if name == "state.safetensors" else data.replace(b'"step": 2', b'"step": 1')
    )
    assert changed != data
    (place / name).write_bytes(changed)
    again = train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place)
    assert again.resumed_at == 0
    assert "was changed after it was written" in capsys.readouterr().out


def test_a_checkpoint_of_an_older_version_is_gone_on_from(text: Text, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place, every=0.0)
    counters = json.loads((place / "counters.json").read_text())
    del counters["seal"], counters["tensors"]
    (place / "counters.json").write_text(json.dumps(counters))
    again = train(tiny_model("bloom"), ParallelStream(text, seed=0, tokens_per_batch=128), 3, checkpoint=place)
    assert again.resumed_at == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_resuming_restores_the_random_state_of_the_device(text: Text, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    model = tiny_model("gpt2").cuda()
    named = dict(model.named_parameters())
    optimizers = build_optimizers(named.items(), OptimizerSettings())
    torch.cuda.manual_seed(5)
    torch.rand(7, device="cuda")
    save_checkpoint(place, named, optimizers, {"step": 1})
    expected = torch.rand(9, device="cuda")
    torch.cuda.manual_seed(99)
    assert load_checkpoint(place, named, optimizers) is not None
    assert torch.equal(torch.rand(9, device="cuda"), expected)


def test_the_random_state_of_an_accelerator_is_part_of_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Device:
        """Stands for ``torch.cuda`` where there is none."""

        state = torch.arange(16, dtype=torch.uint8)

        def get_rng_state(self, device: torch.device) -> torch.Tensor:
            return self.state

        def set_rng_state(self, state: torch.Tensor, device: torch.device) -> None:
            self.state = state

    fake = Device()
    monkeypatch.setattr(checkpoint, "_accelerators", lambda parameters: [torch.device("cuda", 0)])
    monkeypatch.setattr(torch, "get_device_module", lambda device: fake)
    named = dict(tiny_model("bloom").named_parameters())
    optimizers = build_optimizers(named.items(), OptimizerSettings())
    save_checkpoint(tmp_path / "checkpoint", named, optimizers, {"step": 1})
    fake.state = torch.zeros(16, dtype=torch.uint8)
    assert load_checkpoint(tmp_path / "checkpoint", named, optimizers) == {
        "schema": 1, "step": 1, "tensors": ANY
    }  # fmt: skip
    assert fake.state.tolist() == list(range(16))
