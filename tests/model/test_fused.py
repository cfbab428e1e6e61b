"""Fused activations compute what the composed ones do, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
import transformers
from torch import nn

from mtsuite.model.fused import COMPOSED, fuse_activations
from mtsuite.model.pretrained import new_model
from mtsuite.testing import tiny_tokenizer

SIZES = {"hidden_size": 32, "n_layer": 2, "n_head": 4, "vocab_size": 60}


def model_of(name: str) -> nn.Module:
    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**SIZES, bos_token_id=1, eos_token_id=1, pad_token_id=0)
    model: nn.Module = transformers.AutoModelForCausalLM.from_config(config)
    return model.train()


def composed(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if type(module).__name__ in COMPOSED]


def outputs(model: nn.Module) -> list[torch.Tensor]:
    ids = torch.arange(2, 42).view(2, 20)
    torch.manual_seed(1)  # dropout
    logits = model(input_ids=ids).logits
    logits.square().mean().backward()
    return [logits, *(p.grad for p in model.parameters() if p.grad is not None)]


@pytest.mark.parametrize("name", ["Bloom", "GPT2"])
def test_outputs_and_gradients_stay(name: str) -> None:
    plain, fused = model_of(name), model_of(name)
    assert composed(plain), "the family has no composed activation any more: nothing is tested here"
    fuse_activations(fused)
    assert not composed(fused)
    for expected, found in zip(outputs(plain), outputs(fused), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_other_activations_stay() -> None:
    exact = nn.Sequential(nn.GELU(), nn.SiLU(), nn.ReLU())
    fuse_activations(exact)
    assert exact[0].approximate == "none"


def test_pretraining_starts_fused() -> None:
    settings = {"family": "bloom", "hidden_size": 16, "layers": 2, "heads": 2}
    assert not composed(new_model(settings, tiny_tokenizer(), 1))
