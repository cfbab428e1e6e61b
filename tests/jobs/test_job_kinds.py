"""Jobs by themselves: what each refuses, and what the miniature's left in the store."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from conftest import Miniature

from mtsuite.data.batches import ParallelStream, Text
from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
from mtsuite.errors import MethodError, ModelError
from mtsuite.jobs import train as train_job
from mtsuite.jobs.assemble import open_base
from mtsuite.jobs.context import KINDS, JobContext, job_function
from mtsuite.jobs.translate import _prompts
from mtsuite.method import Method, Train
from mtsuite.model.load import load_tokenizer


def text_of(miniature: Miniature) -> Text:
    base = next(p for p in (miniature.store / "base").iterdir() if p.is_dir())
    corpus = Corpus.open(next((miniature.store / "corpus").iterdir()))
    directions = (Direction("en", "de"), Direction("de", "en"))
    return Text(corpus, load_tokenizer(base), Templates.builtin(), directions, 256)


def test_kinds_are_found_by_name() -> None:
    for kind in KINDS:
        assert callable(job_function(kind))
    with pytest.raises(ValueError, match="unknown kind of job 'trian'"):
        job_function("trian")


def test_padding_is_little_at_the_default_batch_size(miniature: Miniature) -> None:
    stream = ParallelStream(text_of(miniature), seed=1, tokens_per_batch=2048)
    batches = [batch for _ in range(20) for batch in stream.update()]
    padding = sum(int((batch.attention_mask == 0).sum()) for batch in batches)
    assert padding / sum(batch.input_ids.numel() for batch in batches) <= 0.05
    assert all(batch.input_ids.numel() <= 2048 for batch in batches)


def test_in_context_examples_depend_on_seed_and_sentence_and_not_on_the_answer(miniature: Miniature) -> None:
    text = text_of(miniature)
    spec = {"evaluation_template": 0, "seed": 1, "shots": 2}
    direction = Direction("en", "de")
    sources = [source for source, _ in text.corpus.test(direction)]
    prompts = _prompts(spec, text, direction, sources, True)
    assert prompts == _prompts(spec, text, direction, sources, True)
    assert prompts != _prompts({**spec, "seed": 2}, text, direction, sources, True)
    known = [target for _, target in text.corpus.pairs("train", direction)]
    written = [text.tokenizer.decode(ids) for ids in prompts]
    for source, prompt, (_, reference) in zip(sources, written, text.corpus.test(direction), strict=True):
        assert source in prompt
        assert reference not in prompt
        assert sum(target in prompt for target in known) >= 1
    assert _prompts(spec, text, direction, sources[:1], False) == text.prompts(direction, sources[:1], 0)


def test_window_is_checked_when_the_model_is_open(tmp_path: Path) -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path)
    spec = {"model": {"dtype": "float32", "trust_remote_code": False}, "max_length": 17}
    with pytest.raises(ModelError, match=r"train\.max_length is 17 tokens, the model's window is 16"):
        open_base(spec, {"base": tmp_path}, JobContext())
    open_base({**spec, "max_length": 16}, {"base": tmp_path}, JobContext())


class Thaws(Method):
    """Sets requires_grad behind the suite's back."""

    def phases(self) -> list[Train]:
        return [Train("translation")]

    def trainable(self, model: torch.nn.Module, phase: Train) -> list[torch.nn.Parameter]:
        return list(model.get_output_embeddings().parameters())  # type: ignore[operator]

    def loss(self, model: torch.nn.Module, batch: object) -> torch.Tensor:
        next(iter(model.transformer.h.parameters())).requires_grad_(True)  # type: ignore[union-attr]
        return super().loss(model, batch)  # type: ignore[arg-type]


def train_inputs(miniature: Miniature) -> tuple[dict[str, object], dict[str, Path], JobContext]:
    spec = next(spec for spec, _ in miniature.jobs("train") if spec["label"].startswith("full"))
    inputs = {role: miniature.store / role / key for role, key in spec["inputs"].items()}
    return spec["spec"], inputs, JobContext(keys=spec["inputs"])


def test_thawing_parameters_while_training_is_refused(
    miniature: Miniature, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec, inputs, context = train_inputs(miniature)
    monkeypatch.setattr(train_job, "open_method", lambda _: Thaws())
    with pytest.raises(MethodError, match="full: phase 'translation': the set of trained parameters changed"):
        train_job.run(spec, inputs, tmp_path, context)


def test_training_is_a_function_of_specification_and_seed(miniature: Miniature, tmp_path: Path) -> None:
    spec, inputs, context = train_inputs(miniature)
    told = next(status["summary"] for s, status in miniature.jobs("train") if s["label"].startswith("full"))
    again = train_job.run(spec, inputs, tmp_path, context)
    assert again["fingerprint"] == told["fingerprint"]
    assert again["losses"] == pytest.approx(told["losses"], abs=1e-4)
    other = train_job.run({**spec, "seed": 2}, inputs, tmp_path, context)
    assert other["fingerprint"] != told["fingerprint"]
    assert not (tmp_path / "checkpoint").exists()


def test_the_detection_is_in_the_store(miniature: Miniature) -> None:
    from safetensors.torch import load_file

    probes = [p for p in (miniature.store / "probe").iterdir() if (p / "tensors.safetensors").is_file()]
    found = {probe: load_file(probe / "tensors.safetensors") for probe in probes}
    ((probe, tensors),) = [(probe, tensors) for probe, tensors in found.items() if "phi.mean_abs" in tensors]
    assert tensors["activation.embedding"].shape == (2, 1, 32)
    assert tensors["activation.mlp_out"].shape == (2, 2, 32)
    assert tensors["phi.mean_abs"].shape == (2, 2, 128)
    assert json.loads((probe / "seen.json").read_text())["directions"] == ["en-de", "de-en"]


def test_a_metric_that_cannot_be_computed_is_a_note(miniature: Miniature, tmp_path: Path) -> None:
    from mtsuite.errors import MetricError
    from mtsuite.jobs.score import run

    spec = next(spec for spec, _ in miniature.jobs("score"))
    places = {"corpus": "corpus", "translations": "translate"}
    inputs = {role: miniature.store / places[role] / key for role, key in spec["inputs"].items()}

    def refuse(*_: object) -> None:
        raise MetricError("spBLEU cannot be had.")

    told = {**spec["spec"], "metrics": ["chrF", "spBLEU"]}
    key = f"metrics:{json.dumps([told['metrics'], told['profile'], told.get('own_metrics')])}"
    from mtsuite.metrics import make_metrics

    cache = {key: [*make_metrics(["chrF"]), SimpleNamespace(name="spBLEU", score=refuse, several_references=False)]}
    summary = run(told, inputs, tmp_path, JobContext(cache=cache, keys=spec["inputs"]))
    assert summary["spBLEU"] == "spBLEU cannot be had."
    assert isinstance(summary["chrF"], float)
    assert json.loads((tmp_path / "scores.json").read_text())["spBLEU"] == {"error": "spBLEU cannot be had."}
