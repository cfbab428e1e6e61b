"""A GGUF file that the test writes goes through ``model import``; damaged and foreign ones are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

pytest.importorskip("gguf")

from gguf_files import TEXTS, sentence_model, sentence_tokenizer, write_gguf

from mtsuite.model.card import CARD, model_label, read_card

Both = tuple[PreTrainedModel, PreTrainedTokenizerBase]


@pytest.fixture(scope="module")
def both() -> Both:
    tokenizer = sentence_tokenizer()
    return sentence_model(tokenizer), tokenizer


@pytest.fixture(scope="module")
def file(both: Both, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf", *both)


def test_weights_and_tokenizer_come_out_as_they_went_in(
    both: Both, file: Path, tmp_path: Path, verb: Callable[..., Any]
) -> None:
    answer = verb("model", "import", str(file), str(tmp_path / "out"), "--name", "Tiny-1")
    assert answer.code == 0, answer.text
    model, tokenizer = both
    made = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(made.state_dict()[name], tensor, msg=name)
    found = AutoTokenizer.from_pretrained(tmp_path / "out")
    for text in TEXTS:
        assert found(text).input_ids == [tokenizer.bos_token_id, *tokenizer(text).input_ids]
        assert found.decode(found(text).input_ids, skip_special_tokens=True) == text
    assert (found.bos_token, found.eos_token, found.pad_token) == ("<s>", "</s>", "<pad>")
    assert made.config.eos_token_id == made.generation_config.eos_token_id == tokenizer.eos_token_id
    step = read_card(tmp_path / "out")["steps"][0]
    assert step["sha256"] and step["file"] == "tiny.gguf" and step["quantisation"] == "F32"  # noqa: PT018
    assert step["bits_per_byte"]["built"]["en"] < 2
    assert model_label(tmp_path / "out") == "Tiny-1"


def test_quantised_weights_are_in_the_name(both: Both, tmp_path: Path, verb: Callable[..., Any]) -> None:
    write_gguf(tmp_path / "q.gguf", *both, quantised=True, begins=False)
    answer = verb("model", "import", str(tmp_path / "q.gguf"), str(tmp_path / "out"), "--name", "Tiny")
    assert answer.code == 0, answer.text
    assert "Tiny (8-bit origin)" in answer.out
    found = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert found("a").input_ids == both[1]("a").input_ids, "the file says that texts do not begin with <s>"


def test_a_tokenizer_of_other_numbers_is_refused(both: Both, tmp_path: Path, verb: Callable[..., Any]) -> None:
    pieces = both[1].convert_ids_to_tokens(list(range(len(both[1]))))
    shifted = pieces[:3] + pieces[40:] + pieces[3:40]
    write_gguf(tmp_path / "wrong.gguf", *both, pieces=shifted)
    answer = verb("model", "import", str(tmp_path / "wrong.gguf"), str(tmp_path / "out"))
    assert answer.code == 1
    assert "does not fit the weights" in answer.err
    assert "bits per byte" in answer.err
    assert "--tokenizer FOLDER" in answer.err
    assert not list(tmp_path.glob("*out*"))
    both[1].save_pretrained(tmp_path / "real")
    answer = verb(
        "model", "import", str(tmp_path / "wrong.gguf"), str(tmp_path / "out"), "--tokenizer", str(tmp_path / "real")
    )
    assert answer.code == 1
    assert "another model's tokenizer" in answer.err


def test_the_given_tokenizer_is_compared_and_taken(
    both: Both, file: Path, tmp_path: Path, verb: Callable[..., Any]
) -> None:
    both[1].save_pretrained(tmp_path / "real")
    settings = json.loads((tmp_path / "real" / "tokenizer_config.json").read_text())
    (tmp_path / "real" / "tokenizer_config.json").write_text(
        json.dumps({**settings, "eos_token": "<s>", "chat_template": "{{ messages }}"})
    )
    (tmp_path / "real" / "LICENSE").write_text("terms")
    answer = verb("model", "import", str(file), str(tmp_path / "out"), "--tokenizer", str(tmp_path / "real"))
    assert answer.code == 0, answer.text
    assert "given tokenizer" in answer.out
    assert "tokenizer from the file alone" in answer.out
    assert "eos_token set to </s> (was <s>)" in answer.out
    assert "chat template left out" in answer.out
    assert (tmp_path / "out" / "LICENSE").read_text() == "terms"
    assert AutoTokenizer.from_pretrained(tmp_path / "out").eos_token == "</s>"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tokenizer": None}, "--tokenizer FOLDER"),
        ({"architecture": "whale"}, "expected the architecture of a causal language model"),
        ({"without": "model.norm.weight"}, "are missing"),
    ],
)
def test_what_cannot_be_imported(
    both: Both, tmp_path: Path, verb: Callable[..., Any], change: dict[str, Any], told: str
) -> None:
    tokenizer = change.pop("tokenizer", both[1])
    path = write_gguf(tmp_path / "bad.gguf", both[0], tokenizer, **change)
    answer = verb("model", "import", str(path), str(tmp_path / "out"))
    assert answer.code == 1, answer.text
    assert told in answer.err
    assert "Traceback" not in answer.text
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("share", [0.001, 0.05, 0.5, 0.99])
def test_a_truncated_file(file: Path, tmp_path: Path, verb: Callable[..., Any], share: float) -> None:
    whole = file.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(whole[: int(len(whole) * share)])
    answer = verb("model", "import", str(tmp_path / "cut.gguf"), str(tmp_path / "out"))
    assert answer.code == 1
    assert "truncated or damaged" in answer.err
    assert "cut.gguf" in answer.err


def test_no_gguf_file_and_a_folder_that_exists(file: Path, tmp_path: Path, verb: Callable[..., Any]) -> None:
    (tmp_path / "text.gguf").write_text("hello")
    assert "begins with the bytes GGUF" in verb("model", "import", str(tmp_path / "text.gguf"), str(tmp_path / "o")).err
    (tmp_path / "there").mkdir()
    answer = verb("model", "import", str(file), str(tmp_path / "there"))
    assert answer.code == 2
    assert "exists already" in answer.err


def test_a_card_that_was_edited_by_hand(tmp_path: Path) -> None:
    from mtsuite.errors import ModelError

    for text in (
        "{",
        "[]",
        '{"schema": 1}',
        '{"schema": 9, "name": "a", "steps": []}',
        '{"schema": 1, "name": "a", "steps": [3]}',
    ):
        (tmp_path / CARD).write_text(text)
        with pytest.raises(ModelError, match="provenance"):
            read_card(tmp_path)
