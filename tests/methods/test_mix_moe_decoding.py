"""Decoding with a cache gives what reading everything again gives, for every axis and for random routing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.mix_moe import MixMoE
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.layer import layers_of
from torch import Tensor, nn

from mtsuite.method import Artefacts, MethodError
from mtsuite.testing import TRAINED, VOCABULARY, tiny_batch, tiny_model, tiny_text

torch.set_num_threads(1)
AXES: dict[str, dict[str, Any]] = {
    "hidden": {"axis": "hidden"},
    "causal_window": {"axis": "causal_window", "window": 5, "window_rank": 4},
    "window of dct, paper": {"axis": "causal_window", "window": 4, "transform": "dct", "preset": "mixmoe_paper"},
    "prompt": {"axis": "prompt"},
    "random routing": {"router": "random", "top_k": 2},
    "attention's output": {"feature_source": "attn_output", "axis": "causal_window"},
}


def model_of(family: str, **options: Any) -> nn.Module:
    """A model whose routes matter: strong random routers, translation experts that say something."""
    strong: dict[str, Any] = {"init_std": 0.5, "mt_down_init": "normal"}
    if options.get("router") != "random":
        strong |= {"router_init": "normal", "mt_logit_bias": 0.0}
    torch.manual_seed(0)
    model = (
        MixMoE(MixMoEConfig.model_validate({**strong, **options}))
        .attach(tiny_model(family), Artefacts(), "mt-experts")
        .eval()
    )
    with torch.no_grad():
        for layer in layers_of(model):
            for parameter in layer.router.parameters():
                parameter.mul_(4.0)
    return model


def prompts() -> tuple[Tensor, Tensor]:
    """Four prompts of different length, padded on the left."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(2, VOCABULARY, (4, 11), generator=generator)
    mask = (torch.arange(11) >= torch.tensor([[0], [3], [7], [1]])).long()
    return ids * mask, mask


def generated(model: nn.Module, ids: Tensor, mask: Tensor, **options: Any) -> Any:
    with torch.inference_mode():
        return model.generate(  # type: ignore[operator]
            input_ids=ids, attention_mask=mask, max_new_tokens=9, min_new_tokens=9, do_sample=False, pad_token_id=0,
            return_dict_in_generate=True, output_logits=True, **options,
        )  # fmt: skip


@pytest.mark.parametrize("name", list(AXES))
@pytest.mark.parametrize("family", ["bloom", "llama", "opt"])
def test_greedy_decoding(family: str, name: str) -> None:
    model = model_of(family, **AXES[name])
    ids, mask = prompts()
    cached, uncached = (generated(model, ids, mask, use_cache=cache) for cache in (True, False))
    for one, two in zip(cached.logits, uncached.logits, strict=True):
        # Routers this strong turn rounding (a product's order differs with and without a cache) into some 5e-4.
        torch.testing.assert_close(one, two, atol=2e-3, rtol=1e-3)
    assert torch.equal(cached.sequences, uncached.sequences)
    again = generated(model, ids, mask, use_cache=True)
    assert torch.equal(again.logits[-1], cached.logits[-1]), "nothing is left of the decoding before"


@pytest.mark.parametrize("name", ["hidden", "causal_window", "prompt", "random routing"])
@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_beam_search(family: str, name: str) -> None:
    model = model_of(family, **AXES[name])
    ids, mask = prompts()
    cached, uncached = (
        generated(model, ids, mask, use_cache=cache, num_beams=3, output_scores=True) for cache in (True, False)
    )
    assert torch.equal(cached.sequences, uncached.sequences)
    torch.testing.assert_close(cached.sequences_scores, uncached.sequences_scores, atol=1e-4, rtol=1e-4)


def test_beam_search_moves_what_was_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above would not notice windows that stay behind if beams never changed places."""
    from mtsuite.methods.mix_moe.reading import Memory

    model = model_of("llama", **AXES["causal_window"])
    ids, mask = prompts()
    right = generated(model, ids, mask, use_cache=True, num_beams=3, output_scores=True)
    monkeypatch.setattr(Memory, "reorder", lambda self, rows: None)
    wrong = generated(model, ids, mask, use_cache=True, num_beams=3, output_scores=True)
    assert not torch.allclose(right.sequences_scores, wrong.sequences_scores, atol=1e-4)


@pytest.mark.parametrize("name", ["causal_window", "prompt"])
def test_the_features_matter_to_these_tests(name: str) -> None:
    """Without them other tokens come out."""
    ids, mask = prompts()
    with_features, without = model_of("llama", **AXES[name]), model_of("llama", **AXES[name])
    with torch.no_grad():
        for layer in layers_of(without):
            layer.router.lm.from_features.zero_()
            layer.router.mt.from_features.zero_()
    one, two = (generated(model, ids, mask).logits[-1] for model in (with_features, without))
    assert not torch.allclose(one, two, atol=1e-3)


@pytest.mark.parametrize("name", ["causal_window", "prompt"])
def test_padding_on_either_side_changes_nothing(name: str) -> None:
    model = model_of("llama", **AXES[name])
    ids, mask = prompts()
    batch = generated(model, ids, mask)
    alone = generated(model, ids[2:3, 7:], mask[2:3, 7:])
    torch.testing.assert_close(batch.logits[-1][2:3], alone.logits[-1], atol=2e-4, rtol=1e-3)


def test_training_reads_what_decoding_reads(tmp_path: Path) -> None:
    """Teacher forcing with the prompt's extent from the labels gives the logits of decoding after the prompt."""
    batch = tiny_batch(tiny_text(tmp_path), TRAINED[0])
    method = MixMoE(MixMoEConfig(axis="prompt"))
    model = model_of("llama", axis="prompt")
    row = int((batch.labels[0] != -100).nonzero()[0])
    seen: list[Tensor] = []
    handle = layers_of(model)[3].router.features.register_forward_hook(lambda _m, _a, phi: seen.append(phi))
    with torch.no_grad():
        method.loss(model, batch)
    generated(model, batch.input_ids[:1, :row], batch.attention_mask[:1, :row])
    handle.remove()
    torch.testing.assert_close(seen[0][0, 0], seen[1][0, 0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(seen[0][0, 0], seen[-1][0, 0], atol=1e-4, rtol=1e-4)
    assert seen[0].abs().max() > 0.1


def test_a_loop_of_ones_own_carries_the_memory_in_the_cache() -> None:
    model = model_of("llama", **AXES["causal_window"])
    ids = prompts()[0][:1, :9]
    with torch.inference_mode():
        whole = model(input_ids=ids, use_cache=False).logits
        start = model(input_ids=ids[:, :4], use_cache=True)
        other = model(input_ids=ids[:, :6], use_cache=True)  # a second cache, in between
        for place in range(4, 9):
            start = model(input_ids=ids[:, place : place + 1], past_key_values=start.past_key_values)
        end = model(input_ids=ids[:, 6:], past_key_values=other.past_key_values)
    torch.testing.assert_close(start.logits[:, -1], whole[:, -1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(end.logits, whole[:, 6:], atol=1e-4, rtol=1e-4)


def test_a_cache_of_another_model_is_refused() -> None:
    ids = prompts()[0][:1]
    with torch.inference_mode():
        foreign = tiny_model("llama")(input_ids=ids[:, :5]).past_key_values
        with pytest.raises(MethodError, match=r"one of 5 tokens of which 0 were seen"):
            model_of("llama", axis="causal_window")(input_ids=ids[:, 5:], past_key_values=foreign)


def test_later_tokens_do_not_reach_the_router() -> None:
    for options in (AXES["hidden"], AXES["causal_window"], AXES["attention's output"]):
        model = model_of("llama", **options)
        ids = prompts()[0][:1]
        other = ids.clone()
        other[:, 8:] = (other[:, 8:] + 5) % VOCABULARY
        seen: list[Tensor] = []
        for layer in layers_of(model):
            layer.router.features.register_forward_hook(lambda _m, _a, phi, seen=seen: seen.append(phi[:, :8]))
        with torch.inference_mode():
            model(input_ids=ids, use_cache=False)
            model(input_ids=other, use_cache=False)
        for one, two in zip(seen[:4], seen[4:], strict=True):
            torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


def test_leaky_axes_decode_without_a_cache() -> None:
    model = model_of("llama", axis="fnet2d", allow_leaky=True)
    ids, mask = prompts()
    assert torch.equal(generated(model, ids, mask).sequences, generated(model, ids, mask, use_cache=False).sequences)
    with pytest.raises(MethodError, match="use_cache=False"):
        generated(model, ids, mask, use_cache=True)
