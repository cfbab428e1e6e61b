"""Prompts to translations: batching by length, stopping, cutting."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mtsuite.errors import DataError
from mtsuite.model.load import context_window

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class Decoding:
    """What came out: one line a segment, and how the outputs ended."""

    lines: list[str]
    new_tokens: int
    stopped_at_limit: int


def translate(
    model: nn.Module,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    *,
    batch_size: int,
    num_beams: int = 1,
    max_new_tokens: int = 64,
    progress: Callable[..., None] = lambda **_: None,
) -> Decoding:
    """Translate prompts, in their order; a translation ends with the end of sequence or of the line.

    Raises DataError for a prompt that does not fit the model's window.
    """
    from transformers import StoppingCriteriaList

    tokenised = tokenizer(list(prompts)).input_ids
    _check_window(model, tokenised, max_new_tokens)
    ends = _line_ends(tokenizer)
    order = sorted(range(len(tokenised)), key=lambda i: -len(tokenised[i]))  # longest first: memory peaks at once
    lines = [""] * len(prompts)
    new_tokens = limit = 0
    device = next(model.parameters()).device
    pad = int(tokenizer.pad_token_id)
    eos = int(tokenizer.eos_token_id)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        width = max(len(tokenised[i]) for i in chosen)
        ids = torch.full((len(chosen), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, index in enumerate(chosen):  # decoding continues at the right edge: padding goes left
            tokens = tokenised[index]
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, width - len(tokens) :] = 1
        with torch.inference_mode():
            output = model.generate(  # type: ignore[operator]
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                max_new_tokens=max_new_tokens,
                num_beams=num_beams,
                do_sample=False,
                temperature=None,
                top_p=None,
                top_k=None,
                pad_token_id=pad,
                eos_token_id=eos,
                stopping_criteria=StoppingCriteriaList([_EndOfLine(ends.to(device))]),
            )
        for row, index in enumerate(chosen):
            made = output[row, width:].tolist()
            ended = next((i for i, token in enumerate(made) if token == eos or token in ends), None)
            limit += ended is None
            new_tokens += len(made) if ended is None else ended + 1
            text = tokenizer.decode(made if ended is None else made[: ended + 1], skip_special_tokens=True)
            lines[index] = _first_line(text)
        progress(step=min(start + batch_size, len(order)), total=len(order))
    return Decoding(lines, new_tokens, limit)


class _EndOfLine:
    """Stops a row at a token that ends the line: segments are single lines, and a base model writes on."""

    def __init__(self, ends: Tensor) -> None:
        self.ends = ends

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        return torch.isin(input_ids[:, -1], self.ends)


@functools.lru_cache(maxsize=8)
def _line_ends(tokenizer: PreTrainedTokenizerBase) -> Tensor:
    """Ids of all tokens that contain a line end."""
    return torch.tensor([i for i in range(len(tokenizer)) if "\n" in tokenizer.decode([i])], dtype=torch.long)


def _first_line(text: str) -> str:
    """The first line as one segment; other characters that break lines become blanks."""
    return " ".join(text.split("\n", 1)[0].split())


def _check_window(model: nn.Module, tokenised: list[list[int]], max_new_tokens: int) -> None:
    window = context_window(model)  # type: ignore[arg-type]
    if window is None:
        return
    for number, tokens in enumerate(tokenised, start=1):
        if len(tokens) + max_new_tokens > window:
            raise DataError(
                f"Test segment {number}: its prompt of {len(tokens)} tokens and translate.max_new_tokens = "
                f"{max_new_tokens} exceed the model's window of {window} tokens. "
                "Lower translate.max_new_tokens or prompts.shots, or use a model with a longer window."
            )
