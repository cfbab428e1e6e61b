"""Tiny random models of every family, built in the process."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mtsuite.model.fused import fuse_activations

if TYPE_CHECKING:
    from transformers import PreTrainedModel

VOCABULARY = 320


def _sizes(family: str, hidden: int, layers: int) -> tuple[str, dict[str, Any]]:
    """The configuration class of a family and its arguments for a tiny model."""
    if family == "bloom":
        return "Bloom", {"hidden_size": hidden, "n_layer": layers, "n_head": 2}
    if family == "gpt2":
        return "GPT2", {"n_embd": hidden, "n_layer": layers, "n_head": 2, "n_positions": 128}
    common = {
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": 2,
        "max_position_embeddings": 128,
    }
    if family == "opt":
        return "OPT", {**common, "ffn_dim": 2 * hidden, "word_embed_proj_dim": hidden}
    common["intermediate_size"] = 2 * hidden
    if family == "gpt_neox":
        return "GPTNeoX", common
    names = {"llama": "Llama", "mistral": "Mistral", "qwen2": "Qwen2", "qwen3": "Qwen3", "gemma": "Gemma"}
    names["gemma3"] = "Gemma3Text"
    common |= {"num_key_value_heads": 1}
    if family in ("qwen3", "gemma", "gemma3"):
        common["head_dim"] = hidden // 2
    return names[family], common


FAMILIES = ("bloom", "gpt2", "gpt_neox", "opt", "llama", "mistral", "qwen2", "qwen3", "gemma", "baichuan_like")


class _UnusualMLP(nn.Module):
    """A gated block as remote code ships it: the usual three maps under an unusual class."""

    def __init__(self, hidden: int, inner: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(hidden, inner, bias=False)
        self.down_proj = nn.Linear(inner, hidden, bias=False)
        self.up_proj = nn.Linear(hidden, inner, bias=False)
        self.act_fn = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        """The block's output for x (..., hidden): (..., hidden)."""
        out: Tensor = self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))
        return out


class _NormHead(nn.Module):
    """Baichuan2's output layer: logits against normalised rows."""

    def __init__(self, hidden: int, vocabulary: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(vocabulary, hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (..., vocabulary) for x (..., hidden)."""
        return nn.functional.linear(x, nn.functional.normalize(self.weight))


class _Opaque(nn.Module):
    """A feed-forward block that nobody recognises: one map behind an activation."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.mixing = nn.Linear(hidden, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output for x (..., hidden): (..., hidden)."""
        return torch.tanh(self.mixing(x))


def tiny_model(family: str, seed: int = 0, *, hidden: int = 16, layers: int = 4) -> PreTrainedModel:
    """A random causal LM of a family of ``FAMILIES``, or ``gemma3``, in eval mode, for ``tiny_tokenizer``'s vocabulary.

    ``baichuan_like`` is a LLaMA with parts under other classes, as models with remote code have them;
    ``opaque`` is a LLaMA whose feed-forward blocks have an unknown shape.
    """
    return copy.deepcopy(_tiny_model(family, seed, hidden, layers))


@functools.lru_cache(maxsize=64)
def _tiny_model(family: str, seed: int, hidden: int, layers: int) -> PreTrainedModel:
    import transformers

    name, sizes = _sizes("llama" if family in ("baichuan_like", "opaque") else family, hidden, layers)
    config = getattr(transformers, f"{name}Config")(
        vocab_size=VOCABULARY, bos_token_id=1, eos_token_id=1, pad_token_id=0, initializer_range=0.2, **sizes
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: PreTrainedModel = transformers.AutoModelForCausalLM.from_config(config)
        for layer in model.model.layers if family in ("baichuan_like", "opaque") else ():
            layer.mlp = _UnusualMLP(hidden, 2 * hidden) if family == "baichuan_like" else _Opaque(hidden)
        if family == "baichuan_like":
            model.lm_head = _NormHead(hidden, VOCABULARY)
        for parameter_name, parameter in model.named_parameters():
            if parameter_name.endswith("bias"):  # zero in all families at the start, and then untested
                nn.init.normal_(parameter, std=0.1)
    fuse_activations(model)  # as every model that the suite opens
    return model.eval()
