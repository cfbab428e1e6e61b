"""The jobs behind the report on forgetting, on the models of the miniature and in one small run of all of them."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Command, Miniature, finished
from safetensors.torch import load_file

from mtsuite.jobs import perplexity
from mtsuite.jobs import train as train_job
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.roles import CONTINUES

MINI = """\
directions: [en-de, en-fr]
data:
  text: {languages: [en, de, fr], train_sentences: 200, mono_sentences: 50, valid_sentences: 6, test_sentences: 4}
model:
  pretrain:
    {hidden_size: 16, layers: 2, heads: 2, vocabulary: 350, row_tokens: 32, rows_per_batch: 4, steps: 4}
train: {max_steps: 2, tokens_per_batch: 512, warmup_steps: 0, learning_rate: 1e-2, mixed_precision: "no"}
translate: {max_new_tokens: 8}
metrics: {names: [chrF]}
methods:
  zero-shot:
  landermt: {config: {k: 1, samples: 4}}
  lora: {config: {rank: 2}}
  sharp: {use: "./sharp.py:Sharp", train: {learning_rate: 2.0}}
forgetting: {perplexity: true, sentences: 5, zero_shot_directions: [de-fr]}
sequence: {methods: [landermt], directions: [en-de, en-fr], max_steps: 2}
"""


SHARP = '''
import torch
from mtsuite.method import Method, Train


class Scaled(torch.nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner, self.weight = inner, inner.weight
        self.factor = torch.nn.Parameter(torch.tensor(30.0))

    def forward(self, x):
        return self.factor * self.inner(x)


class Sharp(Method):
    """Makes the model far too sure of itself; what it trains is how sure."""

    def phases(self):
        return [Train("translation", learning_rate=2.0)]

    def attach(self, model, artefacts, phase):
        model.set_output_embeddings(Scaled(model.get_output_embeddings()))
        return model

    def trainable(self, model, phase):
        return [model.get_output_embeddings().factor]
'''


def inputs_of(miniature: Miniature, spec: dict[str, Any]) -> dict[str, Path]:
    kinds = {"corpus": "corpus", "base": "base", "phase:detection": "probe"}
    return {role: miniature.store / kinds.get(role, "train") / key for role, key in spec["inputs"].items()}


def trained(miniature: Miniature, row: str) -> tuple[dict[str, Any], dict[str, Path], Path]:
    """Specification, inputs and folder of a row's joint training in the miniature."""
    spec, _ = next((s, status) for s, status in miniature.jobs("train") if s["label"] == f"{row}: translation (seed 1)")
    folder = next(
        p for p in (miniature.store / "train").iterdir()
        if (p / "spec.json").is_file() and json.loads((p / "spec.json").read_text())["label"] == spec["label"]
    )  # fmt: skip
    return spec, inputs_of(miniature, spec), folder


@pytest.mark.parametrize("row", ["full", "landermt"])
def test_a_stage_starts_from_the_weights_of_the_one_before(miniature: Miniature, tmp_path: Path, row: str) -> None:
    told, inputs, folder = trained(miniature, row)
    # So small a step that the weights stay where they began.
    spec = {**told["spec"], "train": {**told["spec"]["train"], "steps": 1, "learning_rate": 1e-12}}
    keys = {**told["inputs"], CONTINUES: folder.name}
    train_job.run(spec, {**inputs, CONTINUES: folder}, tmp_path, JobContext(keys=keys))
    before, after = load_file(folder / "trained.safetensors"), load_file(tmp_path / "trained.safetensors")
    assert before.keys() == after.keys()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, atol=1e-9, rtol=0)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    train_job.run(spec, inputs, fresh, JobContext(keys=told["inputs"]))
    other = load_file(fresh / "trained.safetensors")
    assert max(float((other[name] - value).abs().max()) for name, value in before.items()) > 1e-5


def test_perplexity_of_base_and_trained_model(miniature: Miniature, tmp_path: Path) -> None:
    told, inputs, folder = trained(miniature, "full")
    shared = {key: told["spec"][key] for key in ("directions", "templates", "max_length", "model")}
    spec = {**shared, "languages": ["de", "en"], "sentences": 7, "identity": "base"}
    base = tmp_path / "base"
    base.mkdir()
    summary = perplexity.run(spec, inputs, base, JobContext(keys=told["inputs"]))
    found = json.loads((base / "perplexity.json").read_text())
    assert list(found) == ["de", "en"]
    for entry in found.values():
        assert entry["sentences"] == 7
        assert entry["perplexity"] == pytest.approx(math.exp(entry["nats"] / entry["tokens"]))
        assert 1 < entry["perplexity"] < 400, "no worse than the vocabulary is large"
    assert summary["tokens"] == sum(entry["tokens"] for entry in found.values())
    row = {"identity": told["spec"]["identity"], "config": told["spec"]["config"], "_use": "full", "seed": 1}
    after = tmp_path / "after"
    after.mkdir()
    perplexity.run(
        {**spec, **row, "focus": {"de": "en-de", "en": None}},
        {**inputs, "phase:translation": folder},
        after,
        JobContext(keys={**told["inputs"], "phase:translation": folder.name}),
    )
    trained_on = json.loads((after / "perplexity.json").read_text())
    assert trained_on["de"]["tokens"] == found["de"]["tokens"]
    assert trained_on["de"]["nats"] != pytest.approx(found["de"]["nats"], rel=1e-4)
    lines = [{"method": "base", "seed": 0, "trained_on": "all", "job": "a"},
             {"method": "full", "seed": 1, "trained_on": "all", "job": "lost"}]  # fmt: skip
    rows = list(perplexity.perplexity_rows(lines, {"a": base}))
    assert [row[:4] for row in rows] == [["base", 0, "all", "de"], ["base", 0, "all", "en"]], "what failed is a hole"
    assert float(rows[0][4]) == pytest.approx(found["de"]["perplexity"], abs=1e-6)


def test_all_of_it_through_the_command_line(tmp_path: Path, command: Command) -> None:
    (tmp_path / "mini.yaml").write_text(MINI, encoding="utf-8")
    (tmp_path / "sharp.py").write_text(SHARP, encoding="utf-8")
    done = command(tmp_path, "run", "mini.yaml", "--jobs", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    results = tmp_path / "results" / "mini"
    with (results / "scores.csv").open(encoding="utf-8") as file:
        scores = list(csv.DictReader(file))
    lines = {(s["method"], s["trained_on"], s["direction"]) for s in scores}
    assert {("landermt", "en-de+en-fr", d) for d in ("en-de", "en-fr")} <= lines
    assert {(m, "all", "de-fr") for m in ("source-copy", "zero-shot", "landermt")} <= lines
    with (results / "intervals.csv").open(encoding="utf-8") as file:
        intervals = list(csv.DictReader(file))
    assert "de-fr" in {row["direction"] for row in intervals}
    averages = [row for row in intervals if row["direction"] == "average"]
    assert {row["n"] for row in averages} == {"8"}, "4 segments of each direction that is trained on"
    assert {row["test"].split(", ")[-1] for row in averages} == {"stratified over 2 directions"}
    with (results / "perplexity.csv").open(encoding="utf-8") as file:
        measured = list(csv.DictReader(file))
    assert list(measured[0]) == [
        "method", "seed", "trained_on", "language", "perplexity", "bits_per_byte", "tokens", "sentences",
    ]  # fmt: skip
    models = list(dict.fromkeys((m["method"], m["trained_on"]) for m in measured))
    rows = ("landermt", "lora", "sharp")
    assert models == [
        ("base", "all"), *((m, on) for on in ("all", "start") for m in rows),
        ("landermt", "en-de"), ("landermt", "en-de+en-fr"),
    ]  # fmt: skip
    _check_starts(results, lines, measured)
    assert {m["language"] for m in measured} == {"en", "de", "fr"}
    assert {m["sentences"] for m in measured} == {"5"}
    assert (results / "segments" / "de-fr.json").is_file()
    assert (results / "translations" / "landermt" / "1" / "en-de+en-fr" / "en-fr.txt").is_file()
    names = {path.stem for path in (results / "tables").glob("*.md")}
    assert {
        "perplexity",
        "bits-per-byte",
        "zero-shot-directions-chrf",
        "sequence-chrf",
        "sequence-chrf-stages",
    } <= names
    info = json.loads((results / "report.json").read_text())
    assert info["fairness"]["consistent"]
    assert info["failed"] == []
    page = (results / "report.html").read_text()
    assert "What training makes the models forget" in page
    assert "de-fr" not in (results / "tables" / "chrf.md").read_text()
    stages = [s for s, _ in finished(tmp_path / "results" / ".mtsuite", "train") if "continues" in s["inputs"]]
    assert [s["label"] for s in stages] == ["landermt: translation on en-de+en-fr (seed 1)"]
    again = command(tmp_path, "run", "mini.yaml", "--jobs", "1")
    assert "nothing to do" in again.stderr


def _check_starts(results: Path, lines: set[tuple[str, str, str]], measured: list[dict[str, str]]) -> None:
    """Before training: LoRA is the base, LANDeRMT and the plug-in are not, and the plug-in's training repairs."""
    assert {d for m, on, d in lines if (m, on) == ("landermt", "start")} == {"en-de", "en-fr", "de-fr"}
    assert {d for m, on, d in lines if (m, on) == ("lora", "start")} == {"de-fr"}, "where a table shows a change"
    info = json.loads((results / "report.json").read_text())
    assert {s["method"]: s["same"] for s in info["starts"]} == {"landermt": False, "lora": True, "sharp": False}
    bits = {(m["method"], m["trained_on"], m["language"]): float(m["bits_per_byte"]) for m in measured}
    for code in ("en", "de", "fr"):
        assert bits["lora", "start", code] == bits["base", "all", code]
        assert bits["base", "all", code] < bits["sharp", "all", code] < bits["sharp", "start", code]
    assert any(bits["landermt", "start", code] != bits["base", "all", code] for code in ("en", "de", "fr"))
    with (results / "tables" / "bits-per-byte.csv").open(encoding="utf-8") as file:
        (sharp,) = (row for row in csv.DictReader(file) if row["method"] == "sharp")
    assert float(sharp["change_from_start"]) < 0 < float(sharp["change_from_base"])
    store = results.parent / ".mtsuite"
    copied = [s["label"] for kind in ("translate", "score", "perplexity") for s, status in finished(store, kind)
              if status["summary"].get("of_base")]  # fmt: skip
    assert sorted(copied) == [
        "lora (before training): perplexity (seed 1)", "lora (before training): score de-fr",
        "lora (before training): translate de-fr",
    ]  # fmt: skip
