"""Prompts as turns of a chat."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from mtsuite.data.batches import Text
from mtsuite.data.chat import Chat, speaks
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
from mtsuite.errors import DataError
from mtsuite.testing import tiny_tokenizer

EN_DE = Direction("en", "de")
WRITTEN = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


@pytest.fixture
def tokenizer() -> Any:
    made = copy.deepcopy(tiny_tokenizer())
    made.add_special_tokens({"additional_special_tokens": ["<|user|>", "<|assistant|>", "<|end|>"]})
    made.chat_template = WRITTEN
    return made


def test_training_decoding_and_examples_are_turns(tokenizer: Any) -> None:
    chat = Chat.of(tokenizer)
    user, assistant, end = tokenizer.convert_tokens_to_ids(["<|user|>", "<|assistant|>", "<|end|>"])
    assert chat.end == end
    templates = Templates(("{source} {target_language}:",))
    text = Text(None, tokenizer, templates, (EN_DE,), chat=chat)  # type: ignore[arg-type]
    [prompt] = text.prompts(EN_DE, ["the <|end|> cat"], 0)
    assert tokenizer.decode(prompt) == "<|user|>\nthe <|end|> cat German:<|end|>\n<|assistant|>\n"
    assert [i for i in prompt if i in (user, assistant, end)] == [user, end, assistant]  # text is text
    [(asked, answer)] = text.examples(EN_DE, [(0, ("the <|end|> cat", "die Katze"))], 0)
    assert asked == prompt
    assert tokenizer.decode(answer) == "die Katze<|end|>"
    shown = text.in_context(EN_DE, [("dog", "Hund")], "the <|end|> cat", 0)
    assert shown[-len(prompt) :] == prompt
    assert tokenizer.decode(shown).startswith("<|user|>\ndog German:<|end|>\n<|assistant|>\nHund<|end|>\n<|user|>")


def test_auto_is_on_where_the_checkpoint_ends_with_the_turns_end(tokenizer: Any) -> None:
    end = tokenizer.convert_tokens_to_ids("<|end|>")
    assert speaks(tokenizer, [1], "auto") is None  # a base model with its sibling's template
    assert speaks(tokenizer, [1, end], "auto") is not None
    assert speaks(tokenizer, [1], "on") is not None
    assert speaks(tokenizer, [1, end], "off") is None
    tokenizer.chat_template = None
    assert speaks(tokenizer, [1, end], "auto") is None


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('no such role') }}", "failed with .*no such role.*Set prompts.chat: off"),
        ("{% if %}", "chat template failed"),
        ("{{ bos_token }}", "write every turn once; found one written 0 times"),
        (None, "expected a tokenizer with a chat template; found none"),
    ],
)
def test_a_template_that_cannot_be_used(tokenizer: Any, template: str | None, message: str) -> None:
    tokenizer.chat_template = template
    with pytest.raises(DataError, match=message):
        Chat.of(tokenizer)
