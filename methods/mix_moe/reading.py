"""What the layers of a model know of the running call beside their own input.

Padding, tokens and positions come from the call's arguments, the extent of the prompt from whoever calls
(training, probes) or from generation; what cached decoding must remember travels with the key-value cache, so
that a new cache is a new start and beam search reorders both.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mtsuite.data.batches import IGNORED, Batch
from mtsuite.method import MethodError, ModelError
from mtsuite.model.blocks import decoder_layers


def prompt_of(batch: Batch) -> Tensor:
    """The tokens of an instruction in a batch, (rows, length); none in monolingual text."""
    read = (batch.labels == IGNORED) & batch.attention_mask.bool()
    return read if batch.direction is not None else torch.zeros_like(read)


class Memory:
    """What layers keep of the tokens read so far: tensors (rows, ...) by layer."""

    def __init__(self) -> None:
        self.length = 0
        self.kept: dict[int, Tensor] = {}
        self.fresh: dict[int, Tensor] = {}  # of the running call; a layer that is computed twice must not see its own

    def advance(self, length: int) -> None:
        self.length, self.kept, self.fresh = length, self.fresh, {}

    def reorder(self, rows: Tensor) -> None:
        """Take the rows with these numbers (rows,), as beam search asks."""
        self.kept = {layer: value.index_select(0, rows.to(value.device)) for layer, value in self.kept.items()}


class Reading:
    """One call of the model; all of shape (rows, length) of the tokens that this call adds."""

    def __init__(self) -> None:
        self.mask: Tensor | None = None  # tokens that are no padding
        self.tokens: Tensor | None = None
        self.positions: Tensor | None = None  # counted from a row's first token that is no padding
        self.past = 0  # columns that the cache holds already
        self.memory = Memory()
        self.sources: dict[int, Tensor] = {}  # what a layer's features are made from, if not from the block's input
        self._told: Tensor | None = None
        self._generating = False
        self._prompt_columns: int | None = None

    # -- what layers ask ------------------------------------------------------------------------------

    def shaped(self, x: Tensor) -> Tensor:
        """x as (rows, length, d); OPT's blocks see (rows * length, d)."""
        if x.dim() == 3:
            return x
        if self.mask is not None and self.mask.numel() == len(x):
            return x.view(*self.mask.shape, x.shape[-1])
        return x.unsqueeze(0)

    def kept(self, x: Tensor) -> Tensor:
        """Which tokens of x (rows, length, d) are no padding, (rows, length)."""
        if self.mask is not None and self.mask.shape == x.shape[:2]:
            return self.mask
        return torch.ones(x.shape[:2], dtype=torch.bool, device=x.device)

    def prompt(self, x: Tensor) -> Tensor | None:
        """Which tokens of x (rows, length, d) are the prompt's, (rows, length); None where no prompt is known."""
        if self._told is not None:
            return self._told
        if not self._generating or self._prompt_columns is None:
            return None
        columns = torch.arange(x.shape[1], device=x.device) < self._prompt_columns
        return self.kept(x) & columns

    # -- what callers tell ------------------------------------------------------------------------------

    @contextmanager
    def telling(self, prompt: Tensor) -> Iterator[None]:
        """Within, calls are of rows whose prompt tokens are these, (rows, length)."""
        self._told = prompt
        try:
            yield
        finally:
            self._told = None

    @contextmanager
    def generating(self) -> Iterator[None]:
        """Within, the first call is the prompt and later ones continue it."""
        self._generating, self._prompt_columns = True, None
        try:
            yield
        finally:
            self._generating, self._prompt_columns = False, None

    # -- what the model tells ---------------------------------------------------------------------------

    def begin(self, _: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        """Before the model's forward pass.  Raises MethodError without input_ids, or with a cache of another model."""
        self.tokens = keywords.get("input_ids", arguments[0] if arguments else None)
        read = self.tokens if self.tokens is not None else keywords.get("inputs_embeds")
        if read is None:
            raise MethodError("Mix-MoE: expected the model to be called with input_ids; found none.")
        rows, length = read.shape[:2]
        cache = keywords.get("past_key_values")
        self.past = 0 if cache is None else int(cache.get_seq_length())
        mask = keywords.get("attention_mask")
        if mask is None or mask.dim() != 2:
            mask = torch.ones(rows, self.past + length, device=read.device)
        now = slice(self.past, self.past + length)
        self.mask = mask.bool()[:, now]
        self.positions = (mask.long().cumsum(-1) - 1)[:, now]
        if self._generating and self._prompt_columns is None:
            self._prompt_columns = length
        if cache is None:
            self.memory = Memory()
        elif self.past == 0:
            self.memory = _kept_by(cache, Memory())
        else:
            memory = getattr(cache, _NAME, None)
            if memory is None or memory.length != self.past:
                raise MethodError(
                    f"Mix-MoE: expected a key-value cache that this model filled token by token; found one of "
                    f"{self.past} tokens of which {0 if memory is None else memory.length} were seen. Decode with "
                    "use_cache=False, or by greedy or beam search."
                )
            self.memory = memory

    def end(self, _: nn.Module, __: tuple[Any, ...], keywords: dict[str, Any], output: Any) -> None:
        """After it: the cache that goes on carries what was remembered."""
        assert self.mask is not None
        self.memory.advance(self.past + self.mask.shape[1])
        cache = getattr(output, "past_key_values", None)
        if keywords.get("past_key_values") is None and hasattr(cache, "reorder_cache"):
            _kept_by(cache, self.memory)
        self.memory = Memory()


_NAME = "mix_moe_memory"


def _kept_by(cache: Any, memory: Memory) -> Memory:
    """Tie the memory to a key-value cache: it lives as long, and beam search reorders both."""
    kind: Any = type(cache)
    itself = weakref.ref(cache)  # no circle: caches are large and should go at once

    def reorder_cache(rows: Tensor) -> None:
        kind.reorder_cache(itself(), rows)
        memory.reorder(rows)

    setattr(cache, _NAME, memory)
    cache.reorder_cache = reorder_cache
    return memory


class _Generate:
    """Stands in for a model's ``generate``, which alone knows that its input is a prompt."""

    def __init__(self, model: nn.Module, reading: Reading) -> None:
        self.model, self.reading = model, reading

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        with self.reading.generating():
            return type(self.model).generate(self.model, *arguments, **keywords)  # type: ignore[attr-defined]


def follow(model: nn.Module, reading: Reading, *, prompts: bool, caches: bool) -> None:
    """Tell the reading of every call of the model; ``prompts``: also where generation's prompts end.

    Without ``caches`` the model generates by reading everything again for every token.
    """
    model.register_forward_pre_hook(reading.begin, with_kwargs=True)
    model.register_forward_hook(reading.end, with_kwargs=True)
    if prompts:
        model.generate = _Generate(model, reading)  # type: ignore[assignment]
    if not caches:
        model.config.use_cache = False  # type: ignore[union-attr]
        model.generation_config.use_cache = False  # type: ignore[union-attr]


def follow_source(model: nn.Module, reading: Reading, layer: int, source: str) -> None:
    """Tell the reading what a layer's features are made from: ``block_input`` or ``attn_output``.

    Raises ModelError when the layer has no one attention module.
    """
    decoder = decoder_layers(model)[layer]

    def entering(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        reading.sources[layer] = arguments[0] if arguments else keywords["hidden_states"]

    def attended(_: nn.Module, __: tuple[Any, ...], output: Any) -> None:
        reading.sources[layer] = output[0] if isinstance(output, tuple) else output

    if source == "block_input":
        decoder.register_forward_pre_hook(entering, with_kwargs=True)
        return
    children = dict(decoder.named_children())
    found = [name for name in children if "att" in name.lower() and len(list(children[name].children()))]
    if len(found) != 1:
        raise ModelError(
            f"feature_source: attn_output expects one attention module in a layer; found {', '.join(found) or 'none'} "
            f"among {', '.join(children)}. Use ffn_input or block_input."
        )
    children[found[0]].register_forward_hook(attended)
