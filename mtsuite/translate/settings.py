"""How translations are decoded: by what the recipe says alone, whatever the checkpoint brings along."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from torch import nn

if TYPE_CHECKING:
    from transformers import GenerationConfig, PreTrainedTokenizerBase

# What says no more than which tokens begin, end and fill, how fast things are computed, and who wrote the file.
_NEUTRAL = {
    *("bos_token_id", "eos_token_id", "pad_token_id", "decoder_start_token_id", "transformers_version"),
    *("use_cache", "cache_implementation", "cache_config", "max_length", "max_new_tokens", "disable_compile"),
}


def decoding_settings(
    model: nn.Module, ends: list[int], *, pad: int, num_beams: int, max_new_tokens: int
) -> GenerationConfig:
    """A fresh configuration: greedy or beams, no sampling, no penalties.  Only the use of a cache is the model's."""
    from transformers import GenerationConfig

    own = getattr(model, "generation_config", None)
    return GenerationConfig(
        max_new_tokens=max_new_tokens,
        num_beams=num_beams,
        do_sample=False,
        pad_token_id=pad,
        eos_token_id=ends,
        use_cache=getattr(own, "use_cache", True) is not False,
    )


@contextmanager
def only(model: nn.Module, settings: GenerationConfig) -> Iterator[None]:
    """Within, ``settings`` are the only ones that the model has: ``generate`` fills what is not said from its own."""
    holders = [module for module in model.modules() if "generation_config" in vars(module)]
    kept = [module.generation_config for module in holders]
    try:
        for module in holders:
            module.generation_config = settings  # type: ignore[assignment]
        yield
    finally:
        for module, own in zip(holders, kept, strict=True):
            module.generation_config = own


def end_tokens(model: Any, tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Every token that ends a text, as tokenizer, configuration and generation settings have them, in order."""
    found: set[int] = set()
    for place in (tokenizer.eos_token_id, *declared_ends(model)):
        found.add(int(place))
    return sorted(found)


def declared_ends(model: Any) -> list[int]:
    """End tokens that a checkpoint's two configurations declare."""
    found: list[int] = []
    for holder in (getattr(model, "config", None), getattr(model, "generation_config", None)):
        value = getattr(holder, "eos_token_id", None)
        found += value if isinstance(value, list | tuple) else [] if value is None else [value]
    return sorted({int(i) for i in found})


def not_followed(model: Any) -> list[str]:
    """Decoding settings that the checkpoint asks for and does not get, as ``name value``."""
    own = getattr(model, "generation_config", None)
    if own is None:
        return []
    asked = {name: value for name, value in own.to_diff_dict().items() if name not in _NEUTRAL and name[:1] != "_"}
    return [f"{name} {_short(value)}" for name, value in sorted(asked.items())]


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
