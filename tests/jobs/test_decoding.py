"""Decoding is what the recipe says, whatever a checkpoint's configuration asks for; its end tokens all act."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from transformers import GenerationConfig

from mtsuite.data.encode import Encoder
from mtsuite.testing import tiny_model, tiny_tokenizer
from mtsuite.translate.decode import translate
from mtsuite.translate.settings import end_tokens, not_followed

TEXTS = ["the cat sees", "le chien voit un chat dans", "die Katze"]
ASKED: list[dict[str, Any]] = [
    {"repetition_penalty": 5.0},
    {"no_repeat_ngram_size": 1},
    {"suppress_tokens": list(range(4, 200))},
    {"begin_suppress_tokens": list(range(4, 300))},
    {"bad_words_ids": [[i] for i in range(4, 300)]},
    {"forced_bos_token_id": 7},
    {"forced_eos_token_id": 1},
    {"min_new_tokens": 6},
    {"exponential_decay_length_penalty": (1, 1e6)},
    {"sequence_bias": [[[9], 100.0]]},
    {"do_sample": True, "temperature": 50.0, "top_k": 20},
    {"num_beams": 3, "num_return_sequences": 3},
    {"penalty_alpha": 0.6, "top_k": 4},
    {"guidance_scale": 3.0},
    {"max_new_tokens": 1},
    {"stop_strings": ["a"]},
]


@pytest.fixture(scope="module")
def model() -> Any:
    torch.manual_seed(3)
    made = tiny_model("llama").eval()
    with torch.no_grad():
        made.get_output_embeddings().weight.mul_(20)  # type: ignore[union-attr, operator]
    return made


def lines(model: Any, **settings: Any) -> list[str]:
    tokenizer = tiny_tokenizer()
    prompts = Encoder(tokenizer).plain(TEXTS)
    return translate(model, tokenizer, prompts, batch_size=2, max_new_tokens=6, **settings).lines


@pytest.mark.parametrize("asked", ASKED, ids=lambda a: next(iter(a)))
def test_nothing_of_the_checkpoints_settings_acts(asked: dict[str, Any], model: Any) -> None:
    expected = lines(model), lines(model, num_beams=2)
    other = copy.deepcopy(model)
    other.generation_config = GenerationConfig(**asked)
    assert (lines(other), lines(other, num_beams=2)) == expected
    assert all(getattr(other.generation_config, name) is not None for name in asked)  # put back as it was
    if not {"max_new_tokens"} & set(asked):
        assert {text.split()[0] for text in not_followed(other)} == set(asked)


def test_length_penalty_and_early_stopping_do_not_act_on_beams(model: Any) -> None:
    other = copy.deepcopy(model)
    other.generation_config = GenerationConfig(length_penalty=-9.0, early_stopping=True, num_beams=4)
    assert lines(other, num_beams=3) == lines(model, num_beams=3)
    assert not_followed(other) == ["early_stopping True", "length_penalty -9.0", "num_beams 4"]


def test_every_end_token_ends_and_is_not_written(model: Any) -> None:
    tokenizer = tiny_tokenizer()
    prompts = Encoder(tokenizer).plain(TEXTS[:1])
    with torch.inference_mode():
        ids = model.generate(
            input_ids=torch.tensor(prompts), max_new_tokens=6, do_sample=False, pad_token_id=0, eos_token_id=1
        )[0, len(prompts[0]) :].tolist()
    stop = next(n for n, i in enumerate(ids) if n and i not in ids[:n])
    expected = " ".join(tokenizer.decode(ids[:stop]).split())
    ways = [{"holder": "generation_config"}, {"holder": "config"}, {"end": ids[stop]}]
    for way in ways:
        other = copy.deepcopy(model)
        if "holder" in way:
            getattr(other, str(way["holder"])).eos_token_id = [1, ids[stop]]
            assert end_tokens(other, tokenizer) == sorted([1, ids[stop]])
        made = translate(other, tokenizer, prompts, batch_size=1, max_new_tokens=6, end=way.get("end"))  # type: ignore[arg-type]
        assert made.lines == [expected]
        assert made.new_tokens == stop + 1


def test_blanks_before_marks_stay(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = copy.deepcopy(tiny_tokenizer())
    tokenizer.clean_up_tokenization_spaces = True
    wanted = "le chat ?"
    ids = Encoder(tokenizer).plain([wanted])[0]

    def generate(input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
        made = torch.tensor([[*ids, tokenizer.eos_token_id]] * len(input_ids))
        return torch.cat([input_ids.cpu(), made], dim=1)

    monkeypatch.setattr(model, "generate", generate)
    assert translate(model, tokenizer, [[5]], batch_size=1).lines == [wanted]
