"""Prompts, targets and examples in context as ids, over every kind of tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtsuite.data.batches import Text
from mtsuite.data.direction import Direction
from mtsuite.data.encode import Encoder, Part, spelled
from mtsuite.data.joins import check_joins
from mtsuite.data.prompts import Templates
from mtsuite.errors import DataError
from mtsuite.model.load import load_tokenizer

from .tokenizer_kinds import KINDS

EN_DE = Direction("en", "de")
WORDS = st.lists(
    st.sampled_from(["the", "cat", "Hund", "das", "12", "km,", "(ja)", "?", "«", "Haus", "étá"]), min_size=1, max_size=6
).map(" ".join)
TEMPLATES = Templates(
    (
        "Translate from {source_language} to {target_language}.\n{source_language}: {source}\n{target_language}:",
        "{source}\nThe line above in {target_language}:\n",
    )
)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    made = {}
    for name, make in KINDS.items():
        folder = tmp_path_factory.mktemp(name)
        make(folder)
        made[name] = load_tokenizer(folder)
    return made


def text_of(tokenizer: Any) -> Text:
    return Text(None, tokenizer, TEMPLATES, (EN_DE,), 256)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", KINDS)
def test_training_decoding_and_examples_in_context_agree(kind: str, tokenizers: dict[str, Any]) -> None:
    text = text_of(tokenizers[kind])
    encoder = text.encoder
    end = int(text.tokenizer.eos_token_id)

    @settings(max_examples=15, deadline=None)
    @given(source=WORDS, target=WORDS, shot=st.tuples(WORDS, WORDS), index=st.integers(0, 1))
    def agree(source: str, target: str, shot: tuple[str, str], index: int) -> None:
        asked, answer = TEMPLATES.parts(EN_DE, source, index), TEMPLATES.completion(target, index)
        [example] = encoder.pairs([(asked, answer)], end)
        [decoded] = text.prompts(EN_DE, [source], index)
        assert example is not None
        prompt, completion = example
        assert prompt == decoded
        assert end not in prompt or end in encoder.before
        assert completion.count(end) == 1
        assert completion[-1] == end
        # The ids are those of the whole text: nothing is read twice or lost between prompt and target.
        assert prompt + completion[:-1] == encoder.before + encoder.plain([spelled(asked) + answer])[0]
        before = len(encoder.before)
        shown = text.in_context(EN_DE, [shot], source, index)
        [block] = encoder.pairs([(TEMPLATES.parts(EN_DE, shot[0], index), TEMPLATES.completion(shot[1], index))], end)
        assert block is not None
        assert shown[: len(block[0]) + len(block[1]) - 1] == [*block[0], *block[1][:-1]]
        assert shown[len(shown) - len(decoded) + before :] == decoded[before:]
        assert shown[:before] == encoder.before
        assert end not in shown[before:]

    agree()


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_in_text_are_text(kind: str, tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers[kind]
    text, encoder = text_of(tokenizer), Encoder(tokenizer)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    for token in tokenizer.all_special_tokens:
        if token == tokenizer.unk_token:
            continue
        written = f"the {token} cat{token}"
        assert special.isdisjoint(encoder.plain([written])[0])
        [prompt] = text.prompts(EN_DE, [written], 0)
        assert special.isdisjoint(prompt[len(encoder.before) :])
        [example] = text.examples(EN_DE, [(0, ("the cat", written))], 0)
        assert special.isdisjoint(example[1][:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_beginning_token_that_the_template_writes_stands_once(kind: str, tokenizers: dict[str, Any]) -> None:
    encoder = Encoder(tokenizers[kind])
    spelling = {i: token for token, i in encoder.special.items()}
    written = "".join(spelling[i] for i in encoder.before)
    parts = [Part(f"{written}the cat:", instruction=True)]
    [once] = encoder.prompts([parts])
    assert once == [*encoder.before, *encoder.plain(["the cat:"])[0]]


def test_the_end_of_a_prompt_has_no_end_token(tokenizers: dict[str, Any]) -> None:
    appended = [k for k, t in tokenizers.items() if t("the cat").input_ids[-1] == t.eos_token_id]
    assert {"byte-bpe-bos-end", "byte-bpe-prefix-end", "llama-end", "unigram", "wordpiece"} <= set(appended)
    for kind in appended:
        [prompt] = text_of(tokenizers[kind]).prompts(EN_DE, ["the cat"], 0)
        assert prompt[-1] != tokenizers[kind].eos_token_id


@pytest.mark.parametrize("kind", ["byte-bpe", "byte-bpe-bos", "llama", "gemma"])
def test_a_template_that_the_tokenizer_joins_with_the_target_is_refused(kind: str, tokenizers: dict[str, Any]) -> None:
    encoder = Encoder(tokenizers[kind])
    pairs = [("the cat", "die Katze"), ("a dog", "Hund")]
    check_joins(encoder, TEMPLATES, EN_DE, pairs)
    ends_in_a_blank = Templates(("{source} {target_language}: ",))
    with pytest.raises(DataError, match=r"Template 0, en-de: .* decoding could never write\. End the template in ':'"):
        check_joins(encoder, ends_in_a_blank, EN_DE, pairs)


def test_a_folder_with_a_sentencepiece_model_alone_opens(tmp_path: Path) -> None:
    KINDS["llama-alone"](tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "tokenizer.model"]
    tokenizer = load_tokenizer(tmp_path)
    assert tokenizer.decode(Encoder(tokenizer).plain(["die Katze"])[0]) == "die Katze"
