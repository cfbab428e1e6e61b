"""``mtsuite model show``: what a model folder or hub name holds, from its configuration and tokenizer alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.errors import ModelError
from mtsuite.model.blocks import decoder_layers, feed_forward_blocks
from mtsuite.model.card import model_label, read_card
from mtsuite.model.load import context_window, load_configuration, load_tokenizer
from mtsuite.pretrained.folders import licence_files
from mtsuite.pretrained.layers import embedding_of, output_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


@dataclass(frozen=True)
class Described:
    """A model without numbers (``skeleton``, on the meta device) and lines about it: (what, text)."""

    skeleton: PreTrainedModel
    layers: int
    lines: tuple[tuple[str, str], ...]


def describe(name: str, *, offline: bool = False, trust_remote_code: bool = False) -> Described:
    """Read configuration and tokenizer.  Raises ModelError where either cannot be opened."""
    import torch
    from transformers import AutoModelForCausalLM

    config = load_configuration(name, trust_remote_code=trust_remote_code, offline=offline)
    try:
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code)
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{name}: expected a causal language model; found a configuration of type {config.model_type!r}."
        ) from error
    tokenizer = load_tokenizer(name, trust_remote_code=trust_remote_code, offline=offline)
    layers = len(decoder_layers(skeleton))
    folder = Path(name)
    lines = [
        ("model", model_label(name) if folder.is_dir() else name),
        ("family", f"{config.model_type} ({type(skeleton).__name__})"),
        ("layers", str(layers)),
        ("feed-forward", _blocks(skeleton)),
        ("window", _window(skeleton)),
        ("stored as", str(getattr(config, "dtype", None) or "not stated").removeprefix("torch.")),
        ("parameters", _parameters(skeleton)),
        ("vocabulary", _vocabulary(skeleton, tokenizer)),
        ("special tokens", _special(config, tokenizer, folder)),
        ("chat template", "yes" if tokenizer.chat_template else "no"),
        ("licence", _licence(folder)),
        ("provenance", _provenance(folder)),
    ]
    return Described(skeleton, layers, tuple(lines))


def _blocks(skeleton: PreTrainedModel) -> str:
    try:
        blocks = feed_forward_blocks(skeleton)
    except ModelError:
        return "none that methods can reach into"
    widths = sorted({block.neurons for block in blocks})
    kind = "gated" if blocks[0].gated else "plain"
    width = f"{widths[0]:,}" if len(widths) == 1 else f"{widths[0]:,} to {widths[-1]:,}"
    return f"{kind}, {width} neurons, hidden size {blocks[0].hidden_size:,}"


def _window(skeleton: PreTrainedModel) -> str:
    window = context_window(skeleton)
    sliding = getattr(skeleton.config, "sliding_window", None)
    kinds = getattr(skeleton.config, "layer_types", None) or []
    local = f"; {kinds.count('sliding_attention')} layers see the last {sliding:,}" if sliding and kinds else ""
    return ("unlimited" if window is None else f"{window:,} tokens") + local


def _parameters(skeleton: PreTrainedModel) -> str:
    total = sum(p.numel() for p in skeleton.parameters())
    embedding, output = embedding_of(skeleton), output_of(skeleton)
    tied = output is not None and output.weight is embedding.weight
    vocabulary = embedding.weight.numel()
    if output is not None and not tied:
        vocabulary += output.weight.numel()
    how = "embedding, which is the output layer too" if tied else "embedding and output layer"
    return f"{total:,}: {vocabulary:,} in the {how}, {total - vocabulary:,} in the rest"


def _vocabulary(skeleton: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> str:
    rows = embedding_of(skeleton).weight.shape[0]
    pieces = len(tokenizer)
    if pieces > rows:
        raise ModelError(
            f"The tokenizer has {pieces:,} pieces, the model's vocabulary {rows:,}: they do not belong together."
        )
    return f"{pieces:,} pieces" + (f" ({rows:,} rows)" if rows != pieces else "")


def _special(config: Any, tokenizer: PreTrainedTokenizerBase, folder: Path) -> str:
    ends = {tokenizer.eos_token_id}
    stated = [getattr(config, "eos_token_id", None)]
    generation = folder / "generation_config.json"
    if generation.is_file():
        stated.append(json.loads(generation.read_text(encoding="utf-8")).get("eos_token_id"))
    for value in stated:
        ends |= set(value) if isinstance(value, list) else {value} - {None}
    begin = tokenizer.bos_token if tokenizer.bos_token_id in tokenizer("a").input_ids else None
    named = [f"{tokenizer.convert_ids_to_tokens(i)} ({i})" for i in sorted(ends)]
    return (
        f"texts begin with {begin or 'nothing'}; end {', '.join(named)}; padding {tokenizer.pad_token} "
        f"({tokenizer.pad_token_id})"
    )


def _licence(folder: Path) -> str:
    files = ", ".join(path.name for path in licence_files(folder)) if folder.is_dir() else ""
    card = read_card(folder) if folder.is_dir() else None
    stated = next((step["licence"] for step in card["steps"] if step.get("licence")), "") if card else ""
    return "; ".join(filter(None, [stated, files])) or "no licence file in the folder"


def _provenance(folder: Path) -> str:
    card = read_card(folder) if folder.is_dir() else None
    if card is None:
        return "as published (no mtsuite-model.json)"
    told = []
    for step in card["steps"]:
        if step["step"] == "import":
            told.append(f"imported from {step['file']} ({step['quantisation']}, sha256 {step['sha256'][:12]}…)")
        elif step["step"] == "trim":
            before, after = step["before"]["pieces"], step["after"]["pieces"]
            told.append(f"vocabulary cut from {before:,} to {after:,} pieces for {step['recipe'] or 'text files'}")
    return "; ".join(told)
