"""The vocabulary cut to a text: the same pieces, the same logits, smaller matrices; for every kind of tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedTokenizerFast

from mtsuite.model.card import model_label, read_card, write_card
from mtsuite.pretrained.sentences import SENTENCES
from mtsuite.pretrained.trimming import trim_model

WIDE = [sentence for sentences in SENTENCES.values() for sentence in sentences]
TEXT = ["The train is late.", "Der Zug kommt an.", "Wait for it, please."]
SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<turn>"]


def tokenizer_of(kind: str) -> Tokenizer:
    """Trained on six languages, of which the text needs a small part."""
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    trainer: Any
    if kind == "byte-level BPE":
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIAL, initial_alphabet=alphabet)
    elif kind == "BPE with byte fallback":  # as Gemma's
        made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        made.normalizer = normalizers.Replace(" ", "▁")
        made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
        trainer = trainers.BpeTrainer(vocab_size=800, special_tokens=SPECIAL + bytes_)
    elif kind == "unigram":
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=400, special_tokens=SPECIAL, unk_token="<unk>")
    else:
        made = Tokenizer(models.WordPiece(unk_token="<unk>"))
        trainer = trainers.WordPieceTrainer(vocab_size=400, special_tokens=SPECIAL)
    made.train_from_iterator(WIDE * 4, trainer)
    tree = json.loads(made.to_str())
    tree["added_tokens"] = [entry for entry in tree["added_tokens"] if entry["content"] in SPECIAL]  # bytes are pieces
    made = Tokenizer.from_str(json.dumps(tree))
    made.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", made.token_to_id("<s>"))])
    return made


def folder_of(place: Path, kind: str, *, tied: bool = True) -> Path:
    """A tiny random model with a tokenizer of the kind, special tokens at ids that move."""
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer_of(kind), bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )
    ids = {f"{role}_token_id": getattr(fast, f"{role}_token_id") for role in ("bos", "pad")}
    config = LlamaConfig(
        vocab_size=len(fast) + 8, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        tie_word_embeddings=tied, eos_token_id=[fast.eos_token_id, fast.convert_tokens_to_ids("<turn>")], **ids,
    )  # fmt: skip
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(place)
    fast.save_pretrained(place)
    return place


KINDS = ["byte-level BPE", "BPE with byte fallback", "unigram"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tied", [True, False])
def test_the_text_is_cut_and_scored_as_before(tmp_path: Path, kind: str, tied: bool) -> None:
    source = folder_of(tmp_path / "whole", kind, tied=tied)
    made = trim_model(source, tmp_path / "cut", TEXT, ["水在一百度时沸腾"], recipe="mine")
    whole, cut = AutoTokenizer.from_pretrained(source), AutoTokenizer.from_pretrained(tmp_path / "cut")
    before = AutoModelForCausalLM.from_pretrained(source)
    after = AutoModelForCausalLM.from_pretrained(tmp_path / "cut")
    assert made.after.pieces == len(cut) == after.config.vocab_size < len(whole)
    old = [whole.convert_tokens_to_ids(piece) for piece in cut.convert_ids_to_tokens(list(range(len(cut))))]
    for line in TEXT:
        first, second = whole(line), cut(line)
        assert first.tokens() == second.tokens()
        with torch.inference_mode():
            expected = before(input_ids=torch.tensor([first.input_ids])).logits[..., old]
            found = after(input_ids=torch.tensor([second.input_ids])).logits
        torch.testing.assert_close(found, expected)
    assert (after.get_input_embeddings().weight is after.get_output_embeddings().weight) == tied
    assert cut.convert_ids_to_tokens(after.config.eos_token_id) == ["</s>", "<turn>"], "ids of end tokens moved along"
    assert (cut.bos_token, cut.eos_token, cut.pad_token) == ("<s>", "</s>", "<pad>")
    assert cut.convert_ids_to_tokens(after.config.bos_token_id) == "<s>"
    assert made.after.parameters == sum(p.numel() for p in after.parameters())
    removed = made.before.vocabulary_parameters - made.after.vocabulary_parameters
    assert made.before.parameters - made.after.parameters == removed > 0
    assert made.references is not None
    assert made.references.changed == 1, "the reference had no say"
    assert model_label(tmp_path / "cut") == "whole (trimmed)"


def test_bytes_write_what_was_not_kept(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "whole", "BPE with byte fallback")
    made = trim_model(source, tmp_path / "cut", TEXT, ["水在一百度"])
    cut = AutoTokenizer.from_pretrained(tmp_path / "cut")
    assert cut.decode(cut("水在").input_ids, skip_special_tokens=True) == "水在"
    assert made.references is not None
    assert made.references.bytes_after > 0.9 > 0.1 > made.references.bytes_before


def test_a_special_token_without_a_row_goes(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "whole", "byte-level BPE")
    tokenizer = AutoTokenizer.from_pretrained(source)
    rows = AutoModelForCausalLM.from_pretrained(source).config.vocab_size
    tokenizer.add_special_tokens({"additional_special_tokens": [f"<image{n}>" for n in range(rows)]})
    tokenizer.save_pretrained(source)
    trim_model(source, tmp_path / "cut", TEXT)
    cut = AutoTokenizer.from_pretrained(tmp_path / "cut")
    assert "<image0>" in cut.get_vocab(), "it has a row"
    assert f"<image{rows - 1}>" not in cut.get_vocab()


def test_characters_that_the_vocabulary_lacks_are_told(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "whole", "unigram")
    assert trim_model(source, tmp_path / "cut", [*TEXT, "ж ж щ"]).lacking == ("ж", "щ")


def test_steps_are_appended_to_the_provenance(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "whole", "byte-level BPE")
    write_card(source, "Tiny", [{"step": "import", "mark": "4-bit origin"}])
    trim_model(source, tmp_path / "cut", TEXT)
    assert model_label(tmp_path / "cut") == "Tiny (4-bit origin, trimmed)"
    assert [step["step"] for step in read_card(tmp_path / "cut")["steps"]] == ["import", "trim"]


def test_what_cannot_be_cut(tmp_path: Path, verb: Callable[..., Any]) -> None:
    (tmp_path / "text").write_text("a b\n")
    words = folder_of(tmp_path / "words", "WordPiece")
    text = ("--text", str(tmp_path / "text"))
    answer = verb("model", "trim", str(words), str(tmp_path / "out"), *text)
    assert answer.code == 1
    assert "found WordPiece" in answer.err
    (words / "tokenizer.json").unlink()
    assert "expected tokenizer.json" in verb("model", "trim", str(words), str(tmp_path / "out"), *text).err
    assert "config.json" in verb("model", "trim", str(tmp_path), str(tmp_path / "out"), *text).err
    assert verb("model", "trim", str(words), str(tmp_path / "out")).code == 2, "neither recipe nor text"
    assert not list(tmp_path.glob("*out*"))


def test_a_tokenizer_that_the_weights_do_not_know(tmp_path: Path, verb: Callable[..., Any]) -> None:
    source = folder_of(tmp_path / "whole", "byte-level BPE")
    config = json.loads((source / "config.json").read_text())
    small = LlamaConfig(**{**config, "vocab_size": 50})
    AutoModelForCausalLM.from_config(small).save_pretrained(source)
    (tmp_path / "text").write_text("The train\n")
    answer = verb("model", "trim", str(source), str(tmp_path / "out"), "--text", str(tmp_path / "text"))
    assert answer.code == 1
    assert "do not belong together" in answer.err


def test_show(tmp_path: Path, verb: Callable[..., Any]) -> None:
    source = folder_of(tmp_path / "whole", "byte-level BPE")
    (source / "LICENSE").write_text("terms")
    trim_model(source, tmp_path / "cut", TEXT, recipe="mine")
    answer = verb("model", "show", str(tmp_path / "cut"))
    assert answer.code == 0, answer.text
    for told in (
        "llama (LlamaForCausalLM)",
        "gated, 32 neurons",
        "</s>",
        "<turn>",
        "whole (trimmed)",
        "LICENSE",
        "for mine",
    ):
        assert told in answer.out
    lines = {line.split()[0]: line.split() for line in answer.out.splitlines() if line.split()}
    assert lines["lora"][1] == "yes"
    assert lines["landermt"][1] == "no", "k = 4 of 2 layers"
    assert lines["lape"][1] == "yes", "its size is known after the detection, but it fits"
