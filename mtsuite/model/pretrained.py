"""The base model that the suite makes itself: BLOOM's or LLaMA's architecture, small, with its own tokenizer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import BloomConfig, LlamaConfig, PreTrainedModel, PreTrainedTokenizerBase

SHIPPED = Path(__file__).parent / "embedded"
CARD = "base.json"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer: every text of every language can be written with it."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=["<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>")


def architecture(settings: Mapping[str, Any], vocabulary: int, **special: int | None) -> BloomConfig | LlamaConfig:
    """The configuration of the model that ``settings`` (the recipe's ``model.pretrain``) describe."""
    from transformers import BloomConfig, LlamaConfig

    hidden, layers, heads = settings["hidden_size"], settings["layers"], settings["heads"]
    if settings.get("family", "bloom") == "bloom":
        return BloomConfig(vocab_size=vocabulary, hidden_size=hidden, n_layer=layers, n_head=heads, **special)
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=8 * -(-hidden // 3),  # three matrices of 8/3 d neurons weigh as much as two of 4 d
        tie_word_embeddings=True,  # as in BLOOM
        **special,
    )


def new_model(settings: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """A model with random weights; ``settings`` are the recipe's ``model.pretrain``."""
    import torch
    from transformers import AutoModelForCausalLM

    from mtsuite.model.fused import fuse_activations

    eos, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    config = architecture(settings, len(tokenizer), bos_token_id=eos, eos_token_id=eos, pad_token_id=pad)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    fuse_activations(model)
    return model


def shipped_for(fingerprint: str) -> Path | None:
    """The folder of the weights that come with the suite, when they were made from ``fingerprint``."""
    card = SHIPPED / CARD
    if card.is_file() and json.loads(card.read_text())["fingerprint"] == fingerprint:
        return SHIPPED
    return None
