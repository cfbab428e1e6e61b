"""A checkpoint whose weights are not its model's is refused, with the names of the weights."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mtsuite.errors import ModelError
from mtsuite.model.load import load_model
from mtsuite.model.weights import check_folder, check_vocabulary, read_shapes
from mtsuite.testing import tiny_model, tiny_tokenizer

State = dict[str, torch.Tensor]


@pytest.fixture(params=["bloom", "llama", "gpt2", "gpt_neox"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    tiny_model(request.param, layers=2).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def edit_config(folder: Path, change: Callable[[str, Any], Any]) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({k: change(k, v) for k, v in config.items()}))


def edit_weights(folder: Path, change: Callable[[State], object]) -> None:
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def layers(number: int) -> Callable[[str, Any], Any]:
    return lambda key, value: number if key in ("n_layer", "num_hidden_layers") else value


def test_a_whole_checkpoint_opens_without_a_word(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_model(folder)
    assert not [r for r in caplog.records if r.name.startswith("mtsuite")]
    check_folder(folder, json.loads((folder / "config.json").read_text()))


def test_missing_layers_are_named(folder: Path) -> None:
    edit_config(folder, layers(3))
    with pytest.raises(ModelError, match=r"weights are missing, which would be random numbers: .*\.2\."):
        load_model(folder)
    with pytest.raises(ModelError, match=r"weights of 2 layers, its config\.json asks for 3"):
        check_folder(folder, json.loads((folder / "config.json").read_text()))


def test_left_over_layers_are_named(folder: Path) -> None:
    edit_config(folder, layers(1))
    with pytest.raises(ModelError, match=r"of layers that the model in config\.json does not have: .*\.1\."):
        load_model(folder)
    with pytest.raises(ModelError, match=r"weights of 2 layers, its config\.json asks for 1"):
        check_folder(folder, json.loads((folder / "config.json").read_text()))


def test_one_missing_weight_is_named(folder: Path) -> None:
    name = next(n for n in read_shapes(folder) if n.endswith("bias") or "norm" in n)
    edit_weights(folder, lambda state: state.pop(name))
    with pytest.raises(ModelError, match="1 weights are missing") as raised:
        load_model(folder)
    assert name in str(raised.value)


def test_other_shapes_are_named(folder: Path) -> None:
    name = next(n for n, shape in read_shapes(folder).items() if len(shape) == 1)
    edit_weights(folder, lambda state: state.update({name: torch.zeros(5)}))
    with pytest.raises(ModelError, match=r"another shape than config\.json asks for: .*\(5,\) instead of \(") as raised:
        load_model(folder)
    assert name in str(raised.value)


def test_unknown_weights_are_a_note(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    edit_weights(folder, lambda state: state.update({"score_head.weight": torch.zeros(2)}))
    with caplog.at_level(logging.WARNING):
        load_model(folder)
    assert "1 weights are not used by the model: score_head.weight" in caplog.text


def test_untied_output_layer_that_is_missing_is_an_error(tmp_path: Path) -> None:
    tied = tiny_model("bloom", layers=2)
    tied.save_pretrained(tmp_path)
    assert "lm_head.weight" not in read_shapes(tmp_path)
    load_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": False}))
    with pytest.raises(ModelError, match=r"1 weights are missing.*lm_head\.weight"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda data: data[:-10], "its header asks for"),
        (lambda data: data + b"more", "its header asks for"),
        (lambda data: data[:100], "do not hold a safetensors header"),
        (lambda data: b"", "do not hold a safetensors header"),
        (lambda data: data[:8] + b"x" + data[9:], "header cannot be read"),
        (lambda data: b"PK\x03\x04" + data, "do not hold a safetensors header"),
    ],
)
def test_damaged_file_is_named(tmp_path: Path, change: Callable[[bytes], bytes], said: str) -> None:
    tiny_model("llama", layers=2).save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ModelError, match=said) as raised:
        load_model(tmp_path)
    assert str(path) in str(raised.value)


def test_missing_part_of_several_is_named(tmp_path: Path) -> None:
    tiny_model("llama", layers=2).save_pretrained(tmp_path, max_shard_size="5KB")
    load_model(tmp_path)
    part = sorted(tmp_path.glob("model-*.safetensors"))[1]
    part.unlink()
    with pytest.raises(ModelError, match=rf"{part.name} is missing; model\.safetensors\.index\.json names it"):
        load_model(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text("[]")
    with pytest.raises(ModelError, match="no index of weights"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "a/b/c", "models/"])
def test_folder_that_is_not_there(name: str) -> None:
    with pytest.raises(ModelError, match="there is no folder"):
        load_model(name, offline=True)


def test_folder_without_weights_says_what_it_holds(tmp_path: Path) -> None:
    tiny_model("llama", layers=2).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"The folder holds config\.json"):
        load_model(tmp_path)


def test_tokenizer_larger_than_the_model(tmp_path: Path) -> None:
    model, tokenizer = tiny_model("bloom", layers=2), tiny_tokenizer()
    check_vocabulary("tiny", model, tokenizer)
    tokenizer.add_tokens([f"<extra {n}>" for n in range(model.config.vocab_size)])
    with pytest.raises(ModelError, match=r"embeddings for [\d,]+ tokens, but [\d,]+ of its tokenizer's tokens"):
        check_vocabulary("tiny", model, tokenizer)
