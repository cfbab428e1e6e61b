"""Tiny LLaMA-shaped GGUF files with weights that know the check sentences, written with the gguf package."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from mtsuite.model.pretrained import train_tokenizer
from mtsuite.pretrained.sentences import SENTENCES

TEXTS = [sentence for sentences in SENTENCES.values() for sentence in sentences]
_NAMES = {
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


def sentence_tokenizer() -> PreTrainedTokenizerBase:
    """Byte-level BPE over the check sentences; ``<s>`` begins, ``</s>`` ends."""
    tokenizer = train_tokenizer(TEXTS * 3, 420)
    tokenizer.add_special_tokens({"bos_token": "<s>"})
    return tokenizer


def sentence_model(tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """A LLaMA of 2 layers that has learnt the sentences by heart (a few seconds)."""
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=256, tie_word_embeddings=False,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    model = LlamaForCausalLM(config)
    batch = tokenizer([f"<s>{text}" for text in TEXTS], return_tensors="pt", padding=True)
    labels = batch.input_ids.masked_fill(batch.attention_mask == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(50):
        loss = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def write_gguf(path: Path, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase | None, **changed: Any) -> Path:
    """The model and the tokenizer as a GGUF file; ``changed``: architecture, pieces, quantised, begins, without."""
    import json

    import gguf

    writer = gguf.GGUFWriter(path, changed.get("architecture", "llama"))
    config = model.config
    writer.add_name("Tiny")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_vocab_size(config.vocab_size)
    quantised = changed.get("quantised", False)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0 if quantised else gguf.LlamaFileType.ALL_F32)
    if tokenizer is not None:
        tree = json.loads(tokenizer.backend_tokenizer.to_str())
        pieces = changed.get("pieces") or tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        special = {entry["content"] for entry in tree["added_tokens"]}
        writer.add_tokenizer_model("gpt2")
        writer.add_token_list(pieces)
        writer.add_token_types([3 if piece in special else 1 for piece in pieces])
        writer.add_token_merges([" ".join(merge) for merge in tree["model"]["merges"]])
        writer.add_bos_token_id(tokenizer.bos_token_id)
        writer.add_eos_token_id(tokenizer.eos_token_id)
        writer.add_pad_token_id(tokenizer.pad_token_id)
        writer.add_add_bos_token(changed.get("begins", True))
    for name, tensor in model.state_dict().items():
        if name == changed.get("without"):
            continue
        stored, array = _stored(name, tensor, config)
        kind = gguf.GGMLQuantizationType.Q8_0
        if quantised and array.ndim == 2:
            writer.add_tensor(stored, gguf.quants.quantize(array, kind), raw_dtype=kind)
        else:
            writer.add_tensor(stored, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _stored(name: str, tensor: torch.Tensor, config: LlamaConfig) -> tuple[str, np.ndarray]:
    """A tensor's name and numbers as the format has them: rows of queries and keys are permuted for its rotation."""
    fixed = {"model.embed_tokens.weight": "token_embd", "model.norm.weight": "output_norm", "lm_head.weight": "output"}
    array = copy.deepcopy(tensor).float().numpy()
    if name in fixed:
        return f"{fixed[name]}.weight", array
    _, _, layer, rest = name.split(".", 3)
    part = _NAMES[rest.removesuffix(".weight")]
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}.get(part)
    if heads is not None:
        array = array.reshape(heads, 2, array.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(array.shape)
    return f"blk.{layer}.{part}.weight", array
