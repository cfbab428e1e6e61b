"""Models that bring their own code, as Baichuan2 does: opened only when the recipe says so, adapted like any other."""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from mtsuite.data.encode import Encoder
from mtsuite.errors import ModelError
from mtsuite.jobs import base
from mtsuite.jobs.assemble import open_base
from mtsuite.jobs.context import JobContext
from mtsuite.model.blocks import decoder_layers, feed_forward_blocks
from mtsuite.model.depth import attention_output
from mtsuite.model.load import context_window, load_configuration, load_model, load_tokenizer
from mtsuite.plan.build import make_plan
from mtsuite.recipe import read_recipe
from mtsuite.registry import find_method, registered
from mtsuite.testing import Lab, checks, lab, tiny_tokenizer
from mtsuite.translate.decode import translate

torch.set_num_threads(1)  # tiny models: threads would only wait for one another

CODE = Path(__file__).parent / "remote_code"
OWN = [name for name, entry in registered().items() if entry.distribution == "mtsuite"]
TWO_OF_FOUR: dict[str, Any] = {"k": 2}
CHECKED = (
    "attaches",
    "trains only what it says",
    "training changes something",
    "saves and loads to the same logits",
    "cached decoding equals uncached",
    "later tokens do not change earlier logits",
)


@pytest.fixture(scope="module", autouse=True)
def code_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where transformers copies the code of a model before it imports it: not the user's own cache."""
    cache = tmp_path_factory.mktemp("modules")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(cache))
        patch.setattr(sys, "path", [*sys.path])
        yield cache
    for name in [n for n in sys.modules if n.partition(".")[0] == "transformers_modules"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, code_cache: Path) -> Path:
    """A model folder as it is downloaded: weights, tokenizer, and Python files that config.json names."""
    folder = tmp_path_factory.mktemp("model") / "shipped"
    shutil.copytree(CODE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    classes = {"AutoConfig": "configuration_shipped.ShippedConfig"}
    classes["AutoModelForCausalLM"] = "modeling_shipped.ShippedForCausalLM"
    card = {"model_type": "shipped", "architectures": ["ShippedForCausalLM"], "auto_map": classes}
    card |= {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
    (folder / "config.json").write_text(json.dumps(card))
    tiny_tokenizer().save_pretrained(folder)
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(folder, trust_remote_code=True)
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, trust_remote_code=True)
    save_file(model.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Any:
    return load_model(folder, trust_remote_code=True)


def base_job(folder: Path, place: Path, *lines: str) -> dict[str, Any]:
    """The specification of the base model's job, planned from a recipe whose ``model`` has these lines as well."""
    path = place / "recipe.yaml"
    data = "{text: {languages: [en, de], train_sentences: 40, test_sentences: 4}}"
    model = ", ".join([f"name_or_path: {folder}", "dtype: float32", *lines])
    head = f"directions: [en-de]\ndata: {data}\nmodel: {{{model}}}\n"
    path.write_text(f"{head}train: {{max_length: 64}}\nmethods:\n  zero-shot:\n")
    return next(job.spec for job in make_plan(read_recipe(path)).plan if job.kind == "base")


def test_without_the_key_no_line_of_the_code_runs(folder: Path, tmp_path: Path, code_cache: Path) -> None:
    copied = tmp_path / "never_run"
    shutil.copytree(folder, copied)
    marker = tmp_path / "ran"
    for file in copied.glob("*.py"):
        file.write_text(f"open({str(marker)!r}, 'w')\n" + file.read_text())
    spec = base_job(copied, tmp_path)
    assert spec["model"]["trust_remote_code"] is False
    with pytest.raises(ModelError, match=r"never_run' brings Python code of its own.*`model\.trust_remote_code: true`"):
        base.run(spec, {}, tmp_path, JobContext())
    with pytest.raises(ModelError, match="brings Python code of its own"):
        load_configuration(copied)
    assert not marker.exists()
    base.run(base_job(copied, tmp_path, "trust_remote_code: true"), {}, tmp_path, JobContext())
    assert marker.exists()


def test_the_job_keeps_model_and_code(folder: Path, model: Any, tmp_path: Path) -> None:
    """The base job's folder is what later jobs open: the code must travel with the weights."""
    spec = base_job(folder, tmp_path, "trust_remote_code: true")
    output = tmp_path / "job"
    output.mkdir()
    summary = base.run(spec, {}, output, JobContext())
    assert summary["parameters"] == sum(p.numel() for p in model.parameters())
    opened: Any = open_base(spec, {"base": output}, JobContext())
    ids = torch.tensor([[2, 7, 9, 30, 31], [5, 5, 100, 200, 3]])
    assert torch.equal(opened(input_ids=ids).logits, model(input_ids=ids).logits)
    with pytest.raises(ModelError, match="trust_remote_code"):
        open_base({"model": {**spec["model"], "trust_remote_code": False}}, {"base": output}, JobContext())


def test_blocks_are_found_by_shape(model: Any) -> None:
    blocks = feed_forward_blocks(model)
    assert [block.name for block in blocks] == [f"model.layers.{i}.mlp" for i in range(4)]
    assert all(block.gated and (block.hidden_size, block.neurons) == (16, 32) for block in blocks)
    x = torch.randn(3, 16)
    w, act = blocks[0].weights(), blocks[0].activation
    assert w.gate is not None
    expected = (act(x @ w.gate.t()) * (x @ w.up.t())) @ w.down.t()
    assert torch.allclose(model.model.layers[0].mlp(x), expected, atol=1e-6)
    assert [attention_output(layer) for layer in decoder_layers(model)] == [
        layer.self_attn.o_proj for layer in model.model.layers
    ]
    assert context_window(model) == 128


def test_the_configuration_alone(folder: Path) -> None:
    assert load_configuration(folder, trust_remote_code=True).num_attention_heads == 2
    with pytest.raises(ModelError, match=r"there is no folder .*nowhere"):
        load_configuration(folder / "nowhere")


@pytest.mark.parametrize("name", OWN)
def test_every_method(name: str, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "tiny_model", lambda _: copy.deepcopy(model))
    config = TWO_OF_FOUR if "k" in find_method(name).Config.model_fields else {}
    for check in checks(find_method(name), config, ("shipped",)):
        if check.name in CHECKED:
            check()


def test_translates_as_one_by_one(folder: Path, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch, padded on the left, says what each prompt says alone; after a method has trained it."""
    monkeypatch.setattr(lab, "tiny_model", lambda _: copy.deepcopy(model))
    trained: Any = Lab(find_method("ffn"), "shipped").first.model
    tokenizer = load_tokenizer(folder, trust_remote_code=True)
    prompts = Encoder(tokenizer).plain(["the cat sees", "le chien voit un chat dans", "die Katze"])
    together = translate(trained, tokenizer, prompts, batch_size=3, max_new_tokens=6)
    alone = translate(trained, tokenizer, prompts, batch_size=1, max_new_tokens=6)
    assert together.lines == alone.lines
    assert any(together.lines)
