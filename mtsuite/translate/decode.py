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
from mtsuite.translate.product import one_product
from mtsuite.translate.settings import decoding_settings, end_tokens, only

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
    prompts: Sequence[list[int]],
    *,
    batch_size: int,
    num_beams: int = 1,
    max_new_tokens: int = 64,
    end: int | None = None,
    progress: Callable[..., None] = lambda **_: None,
) -> Decoding:
    """Translate prompts (token ids, to be continued), in their order.

    A translation ends with any end token of the checkpoint, with ``end`` (a chat's end of turn), or with the line.

    Raises DataError for a prompt that does not fit the model's window.
    """
    from transformers import StoppingCriteriaList

    _check_window(model, prompts, max_new_tokens)
    lines_end = _line_ends(tokenizer)
    order = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))  # longest first: memory peaks at once
    lines = [""] * len(prompts)
    new_tokens = limit = 0
    device = next(model.parameters()).device
    pad = int(tokenizer.pad_token_id)
    ends = sorted({*end_tokens(model, tokenizer), *([] if end is None else [end])})
    settings = decoding_settings(model, ends, pad=pad, num_beams=num_beams, max_new_tokens=max_new_tokens)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        width = max(len(prompts[i]) for i in chosen)
        ids = torch.full((len(chosen), width), pad, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, index in enumerate(chosen):  # decoding continues at the right edge: padding goes left
            tokens = prompts[index]
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, width - len(tokens) :] = 1
        with torch.inference_mode(), only(model, settings), one_product(model):
            output = model.generate(  # type: ignore[operator]
                input_ids=ids.to(device),
                attention_mask=mask.to(device),
                generation_config=settings,
                stopping_criteria=StoppingCriteriaList([_EndOfLine(lines_end.to(device))]),
            )
        for row, index in enumerate(chosen):
            made = output[row, width:].tolist()
            ended = next((i for i, token in enumerate(made) if token in ends or token in lines_end), None)
            limit += ended is None
            new_tokens += len(made) if ended is None else ended + 1
            lines[index] = _first_line(_text(tokenizer, made if ended is None else made[: ended + 1], ends))
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
    return torch.tensor([i for i in range(len(tokenizer)) if "\n" in _text(tokenizer, [i], [])], dtype=torch.long)


def _text(tokenizer: PreTrainedTokenizerBase, ids: list[int], ends: Sequence[int]) -> str:
    """What the ids spell, blank for blank; an end token, which need not be a special one, spells nothing."""
    kept = ids[:-1] if ids and ids[-1] in ends else ids
    return str(tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _first_line(text: str) -> str:
    """The first line as one segment; other characters that break lines become blanks."""
    return " ".join(text.split("\n", 1)[0].split())


def _check_window(model: nn.Module, prompts: Sequence[list[int]], max_new_tokens: int) -> None:
    window = context_window(model)  # type: ignore[arg-type]
    if window is None:
        return
    for number, tokens in enumerate(prompts, start=1):
        if len(tokens) + max_new_tokens > window:
            raise DataError(
                f"Test segment {number}: its prompt of {len(tokens)} tokens and translate.max_new_tokens = "
                f"{max_new_tokens} exceed the model's window of {window} tokens. "
                "Lower translate.max_new_tokens or prompts.shots, or use a model with a longer window."
            )
