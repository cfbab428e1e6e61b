"""The recipes for pretrained models in miniature, on tiny random models of Gemma 3's and SmolLM2's architectures."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from mtsuite.data.microworld import generate
from mtsuite.model.pretrained import train_tokenizer
from mtsuite.plan.build import make_plan
from mtsuite.recipe import read_recipe
from mtsuite.train import precision

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "recipes" / "pretrained"
FAMILIES = {
    "gemma-270m": {"model_type": "gemma3_text", "head_dim": 16, "sliding_window": 32, "num_hidden_layers": 3},
    "smollm2-135m": {"model_type": "llama", "num_hidden_layers": 4, "tie_word_embeddings": True},
}
SMALL = (
    "data.text.max_test_sentences=2", "data.text.valid_sentences=8", "data.text.max_train_sentences=60",
    "directions=[en-de, de-en]", "train.max_steps=2", "train.tokens_per_batch=512", "train.warmup_steps=0",
    "translate.max_new_tokens=4", "metrics.names=[BLEU]", "significance.rounds=10", "report.page=false",
    "methods.landermt.config={k: 1, samples: 4}",
)  # fmt: skip


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Microworld sentences in the layout of the real sets."""
    rows = {"train": generate("train", 80), "valid": generate("valid", 8), "test": generate("test", 4)}
    pairs = [("tatoeba", pair) for pair in ("en-de", "en-fr", "en-ar", "en-zh")] + [("tatoeba_nc", "en-it")]
    for split, segments in rows.items():
        files = {f"{name}/{pair}/{split}.{code}": code for name, pair in pairs for code in pair.split("-")}
        files |= {f"software/{split}.{code}": code for code in ("en", "de", "fr", "it", "ar", "zh")}
        for file, code in files.items():
            path = tmp_path / "data" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(row[code] + "\n" for row in segments), encoding="utf-8")
    monkeypatch.setenv("MTSUITE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def tiny(folder: Path, name: str) -> Path:
    texts = [row[code] for row in generate("train", 40) for code in ("en", "de")]
    tokenizer = train_tokenizer(texts, 400)
    family = dict(FAMILIES[name])
    config = AutoConfig.for_model(
        family.pop("model_type"), vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=512, pad_token_id=0, bos_token_id=1,
        eos_token_id=1, **family,
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", list(FAMILIES))
def test_a_recipe_in_miniature(
    name: str, data: Path, tmp_path: Path, verb: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MTSUITE_HOME", str(tmp_path / "store"))
    variable = {"gemma-270m": "MTSUITE_GEMMA_270M", "smollm2-135m": "MTSUITE_SMOLLM2_135M"}[name]
    monkeypatch.setenv(variable, str(tiny(tmp_path / "tiny", name)))
    words = [word for override in SMALL for word in ("--set", override)]
    results = tmp_path / "results"
    answer = verb(
        "run", str(RECIPES / f"{name}.yaml"), "-o", str(results), "-j", "1",
        "--only", "full,zero-shot,lora,landermt,mix-moe", *words,
    )  # fmt: skip
    assert answer.code == 0, answer.text
    with (results / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} == {"source-copy", "full", "zero-shot", "lora", "landermt", "mix-moe"}
    report = (results / "report.json").read_text(encoding="utf-8")
    assert "opened from tiny" in report
    assert "model.dtype: auto" in report


@pytest.mark.parametrize("recipe", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_plans_without_model_and_network(
    recipe: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("MTSUITE_") and name != "MTSUITE_DATA":
            monkeypatch.delenv(name)
    planned = make_plan(read_recipe(str(recipe)))
    assert planned.recipe.model.dtype == "auto"
    assert "/" in planned.recipe.model.name_or_path, "the hub's model"
    assert planned.recipe.metrics.comet.checkpoint == "Unbabel/wmt22-comet-da", "never the embedded COMET on real text"
    assert not planned.broken


def test_a_folder_from_the_environment_belongs_to_the_working_directory(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny(tmp_path / "here", "gemma-270m")
    monkeypatch.setenv("MTSUITE_GEMMA_270M", "here")
    read = read_recipe(str(RECIPES / "gemma-270m.yaml"), ["methods.landermt.config.k=1"])
    assert read.recipe.model.name_or_path == str(tmp_path / "here")
    monkeypatch.setenv("MTSUITE_GEMMA_270M", "someone/gemma")
    assert read_recipe(str(RECIPES / "gemma-270m.yaml")).recipe.model.name_or_path == "someone/gemma"


@pytest.mark.parametrize("gains", [True, False])
def test_the_type_of_frozen_weights(gains: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "bf16_gains", lambda: gains)
    assert precision.held_dtype("auto") == ("bfloat16" if gains else "float32")
    assert precision.held_dtype("float16") == "float16"
    assert "auto" in precision.held_text("auto")
    assert precision.held_text("float32") == "held as float32"
