"""The output layer reads contiguous states where its weight is in half precision, and nothing changes elsewhere."""

from __future__ import annotations

import pytest
import torch

from mtsuite.testing import VOCABULARY, tiny_model
from mtsuite.translate.product import one_product


def given_to_output_layer(dtype: torch.dtype) -> tuple[list[bool], torch.Tensor]:
    """Whether the layer's input was contiguous at each step of a decoding of two prompts, and what was written."""
    model = tiny_model("llama").to(dtype).eval().requires_grad_(False)
    seen: list[bool] = []
    ids = torch.arange(10).reshape(2, 5) % VOCABULARY
    with torch.inference_mode(), one_product(model):
        handle = model.get_output_embeddings().register_forward_pre_hook(
            lambda _, given: seen.append(given[0].is_contiguous())
        )
        made = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=3, do_sample=False)
        handle.remove()
    assert not model.get_output_embeddings()._forward_pre_hooks, "the hook does not outlive the decoding"
    return seen, made


def test_half_precision_is_contiguous() -> None:
    seen, _ = given_to_output_layer(torch.bfloat16)
    assert seen
    assert all(seen)


def test_float32_stays_as_the_model_calls_it() -> None:
    seen, _ = given_to_output_layer(torch.float32)
    assert not seen[0], "the prompt's last position is cut out of its states, with gaps"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_is_written_is_the_same(dtype: torch.dtype) -> None:
    _, made = given_to_output_layer(dtype)
    model = tiny_model("llama").to(dtype).eval().requires_grad_(False)
    ids = torch.arange(10).reshape(2, 5) % VOCABULARY
    with torch.inference_mode():
        plain = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=3, do_sample=False)
    assert torch.equal(made, plain)
