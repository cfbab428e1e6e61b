"""Prompts as a chat: the instruction as the user's turn, the translation as the assistant's.

A tokenizer's chat template is a program of its own; it is run on marks in place of texts, and what it writes around
them is kept.  So the texts never pass through it, and special tokens that they spell stay text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtsuite.data.encode import Encoder, Part, Prompt, spelled
from mtsuite.errors import DataError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_USER, _ASSISTANT = "\ue0a1{}\ue0a1", "\ue0a2{}\ue0a2"  # private characters, which no text has


@dataclass(frozen=True)
class Chat:
    """What a chat template writes around turns; ``end`` is the id of the token that ends the assistant's.

    ``lead`` stands between the opening of the assistant's turn and its text.
    """

    tokenizer: PreTrainedTokenizerBase
    end: int
    lead: str

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Chat:
        """The tokenizer's chat.  Raises DataError when it has no template, or one that fails or loses a turn."""
        opened = _rendered(tokenizer, [("user", _USER.format(0))], True)
        answered = _rendered(tokenizer, [("user", _USER.format(0)), ("assistant", _ASSISTANT.format(0))], False)
        before, _, behind = answered.partition(_ASSISTANT.format(0))
        encoder = Encoder(tokenizer)
        runs = list(encoder.runs([Part(behind, True)]))
        end = next((run for run in runs if isinstance(run, int)), int(tokenizer.eos_token_id))
        return cls(tokenizer, end, before.removeprefix(opened) if before.startswith(opened) else "")

    def prompt(self, instruction: Prompt, examples: Sequence[tuple[Prompt, str]] = ()) -> list[Part]:
        """The conversation up to where the assistant translates; examples are earlier turns."""
        turns: list[tuple[str, str]] = []
        texts: dict[str, str] = {}
        for number, (shown, target) in enumerate([*examples, (instruction, "")]):
            texts[_USER.format(number)] = spelled(shown)
            turns.append(("user", _USER.format(number)))
            if number < len(examples):
                texts[_ASSISTANT.format(number)] = target.strip()
                turns.append(("assistant", _ASSISTANT.format(number)))
        left = _rendered(self.tokenizer, turns, True)
        parts: list[Part] = []
        for mark, text in texts.items():
            before, _, left = left.partition(mark)
            parts += [Part(before, True), Part(text)]
        return [*parts, Part(left + self.lead, True)]


def template_hash(template: Any) -> str:
    """A hash of a chat template, for content keys and notes."""
    return hashlib.sha256(str(template).encode()).hexdigest()[:12]


def _rendered(tokenizer: PreTrainedTokenizerBase, turns: Sequence[tuple[str, str]], open_turn: bool) -> str:
    messages = [{"role": role, "content": content} for role, content in turns]
    advice = "Set prompts.chat: off, or mend the template in the checkpoint's tokenizer_config.json."
    if not tokenizer.chat_template:
        raise DataError(
            "prompts.chat: expected a tokenizer with a chat template; found none. Set prompts.chat: off (or auto)."
        )
    try:
        text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=open_turn))
    except Exception as error:  # a template is a program of the checkpoint and may raise anything
        said = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"prompts.chat: the tokenizer's chat template failed with {said}. {advice}") from error
    for _, content in turns:
        if text.count(content) != 1:
            raise DataError(
                f"prompts.chat: expected the tokenizer's chat template to write every turn once; found one written "
                f"{text.count(content)} times. {advice}"
            )
    return text


def speaks(tokenizer: PreTrainedTokenizerBase, ends: Sequence[int], mode: str) -> Chat | None:
    """The chat that prompts take under ``prompts.chat: mode``; None where they are plain.

    ``auto`` is on where the tokenizer has a template and the token that ends a turn in it is among ``ends``, the end
    tokens that the checkpoint's own configuration declares: a base model may carry the template of its instruct
    sibling, but is not declared to end there.
    """
    if mode == "off" or (mode == "auto" and not tokenizer.chat_template):
        return None
    chat = Chat.of(tokenizer)
    return chat if mode == "on" or chat.end in ends else None
