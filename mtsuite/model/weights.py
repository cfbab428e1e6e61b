"""Whether a checkpoint's weights are those of its model: nothing missing, nothing of another shape, nothing left over.

What a file lacks, transformers fills with random numbers, and what the model has no place for it drops, both without
an error.  Names and shapes stand in the header of a safetensors file, so most of it is known without reading weights.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
# The decoder's layers by their place in the usual models; a vision tower's are somewhere else.
_LAYER = re.compile(r"^(?:(?:model|transformer|gpt_neox|decoder|model\.decoder)\.)?(?:h|layers|blocks)\.(\d+)\.")
_EMBEDDING = re.compile(r"(?:^|\.)(?:embed_tokens|word_embeddings|wte|embed_in|tok_embeddings)\.weight$")
_HEADER_LIMIT = 100_000_000  # as the format has it
log = logging.getLogger(__name__)


def check_loaded(name: str, model: PreTrainedModel, info: Mapping[str, Any], shapes: Mapping[str, Any]) -> None:
    """Compare what transformers says of its loading (``output_loading_info``) with what a whole checkpoint gives.

    ``shapes`` are those in the files, where they are known.  Raises ModelError that names the weights.
    """
    own = dict(model.named_parameters(remove_duplicate=False)) | dict(model.named_buffers(remove_duplicate=False))
    absent = set(info.get("missing_keys") or ())
    filled = {p.data_ptr() for n, p in own.items() if n not in absent and p.numel()}
    # A weight that is tied to one that was read is no hole.
    missing = sorted(n for n in absent if n not in own or own[n].data_ptr() not in filled)
    odd = sorted(entry if isinstance(entry, str) else entry[0] for entry in info.get("mismatched_keys") or ())
    unexpected = sorted(info.get("unexpected_keys") or ())
    over = left_over(unexpected, own, model.base_model_prefix)
    if odd:
        told = [f"{n} {_shape(shapes.get(n))} instead of {tuple(own[n].shape)}" for n in odd if n in own] or odd
        raise ModelError(_text(name, "weights have another shape than config.json asks for", told))
    if missing:
        raise ModelError(_text(name, "weights are missing, which would be random numbers", missing))
    if over:
        raise ModelError(_text(name, "weights are of layers that the model in config.json does not have", over))
    if unexpected:
        log.warning("note: %s", _text(name, "weights are not used by the model", unexpected, mend=False))


def left_over(unexpected: Iterable[str], own: Iterable[str], prefix: str = "") -> list[str]:
    """Names that differ from the model's own in numbers alone: layers or experts beyond those of its configuration."""
    known = {re.sub(r"\d+", "#", name) for name in own}
    known |= {name.removeprefix(f"{prefix}.") for name in known}
    return [name for name in unexpected if re.sub(r"\d+", "#", name) in known]


def check_vocabulary(name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raises ModelError when the tokenizer has tokens that the model has no embedding for."""
    weight: Any = model.get_input_embeddings().weight
    rows = int(weight.shape[0])
    beyond = {token: index for token, index in tokenizer.get_vocab().items() if index >= rows}
    if beyond:
        token, index = min(beyond.items(), key=lambda item: item[1])
        raise ModelError(
            f"model.name_or_path: {name!r} has embeddings for {rows:,} tokens, but {len(beyond):,} of its tokenizer's "
            f"tokens have larger ids, the first is {token!r} with id {index}. Use the tokenizer that the model was "
            "trained with, or resize the model's embeddings."
        )


def check_folder(folder: Path, config: Mapping[str, Any]) -> None:
    """What a model folder's safetensors headers tell before anything is loaded.

    Raises ModelError for a file that is damaged or missing and for another number of layers or tokens than the
    configuration says.  Folders with other kinds of weights are not looked into.
    """
    shapes = read_shapes(folder)
    if not shapes:
        return
    name = str(folder)
    layers = next((config[key] for key in _LAYERS if type(config.get(key)) is int), None)
    found = {int(match[1]) for key in shapes if (match := _LAYER.search(key))}
    extra = "num_nextn_predict_layers" in config  # layers that lie behind the others and are not counted
    if layers is not None and found and (max(found) + 1 < layers or (max(found) + 1 > layers and not extra)):
        text = f"{name} has the weights of {max(found) + 1} layers, its config.json asks for {layers}"
        raise ModelError(f"model.name_or_path: {text}. Weights and configuration belong to different models.")
    rows = [shape[0] for key, shape in shapes.items() if _EMBEDDING.search(key) and len(shape) == 2]
    vocabulary = config.get("vocab_size")
    if len(rows) == 1 and type(vocabulary) is int and rows[0] != vocabulary:
        text = f"{name} has embeddings for {rows[0]:,} tokens, its config.json says vocab_size {vocabulary:,}"
        raise ModelError(f"model.name_or_path: {text}. One of the two is of another model.")


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all weights in a folder's safetensors; empty where it has none.

    Raises ModelError that names the file when one is missing, cut or not in the format.
    """
    if (folder / INDEX).is_file():
        try:
            files = sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModelError(_damaged(folder / INDEX, f"no index of weights can be read from it: {error}")) from error
    elif (folder / SINGLE).is_file():
        files = [SINGLE]
    else:
        return {}
    return {name: shape for file in files for name, shape in _header(folder / str(file)).items()}


def _header(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes in one safetensors file: 8 bytes of length, a JSON header, then the numbers."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(_HEADER_LIMIT, size - 8):
                raise ModelError(_damaged(path, f"its {size:,} bytes do not hold a safetensors header"))
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            shapes = {str(name): tuple(int(n) for n in entry["shape"]) for name, entry in header.items()}
            end = max((int(entry["data_offsets"][1]) for entry in header.values()), default=0)
    except FileNotFoundError:
        raise ModelError(f"model.name_or_path: {path} is missing; {INDEX} names it. Copy the folder again.") from None
    except OSError as error:
        raise ModelError(f"model.name_or_path: {path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, AttributeError, TypeError, IndexError, RecursionError) as error:
        raise ModelError(_damaged(path, "its safetensors header cannot be read")) from error
    if 8 + length + end != size:
        raise ModelError(_damaged(path, f"its header asks for {8 + length + end:,} bytes, it has {size:,}"))
    return shapes


def _damaged(path: Path, what: str) -> str:
    return f"model.name_or_path: {path} is damaged: {what}. Copy or download it again."


def _shape(shape: Any) -> str:
    return f"has shape {tuple(shape)}" if shape is not None else "has another shape"


def _text(name: str, what: str, names: list[str], *, mend: bool = True) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    help_ = " Its config.json and its weights belong to different models, or a file is missing." if mend else ""
    return f"model.name_or_path: {name!r}: {len(names)} {what}: {shown}.{help_}"
