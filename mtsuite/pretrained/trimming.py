"""``mtsuite model trim``: a model with the pieces of its vocabulary that a text needs, and nothing else changed.

The embedding and the output layer lose the rows of the other pieces.  Two things are checked before the folder gets
its name: that every line of the text is cut into the same pieces, and that the logits of the kept pieces are the same.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.errors import ModelError
from mtsuite.model.card import model_label, read_card, write_card
from mtsuite.pretrained.folders import copy_licences, new_folder
from mtsuite.pretrained.layers import embedding_of, output_of
from mtsuite.pretrained.sentences import SENTENCES
from mtsuite.pretrained.vocabulary import Cut, cut, is_byte, pieces_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor
    from transformers import PreTrainedModel

_LOT = 4096  # lines tokenised at once
_TOLERANCE = 1e-3  # of a logit: products of other sizes are summed in another order


@dataclass(frozen=True)
class Size:
    """Pieces of the vocabulary, parameters in all and in the vocabulary's matrices, bytes of the weights."""

    pieces: int
    parameters: int
    vocabulary_parameters: int
    bytes: int


@dataclass(frozen=True)
class References:
    """Text that had no say in what is kept: its lines, those cut otherwise than before, and the share of its pieces
    that stand for single bytes, before and after."""

    lines: int
    changed: int
    bytes_before: float
    bytes_after: float


@dataclass(frozen=True)
class Trimmed:
    """What was written, and what was checked.  ``lacking`` are characters that the vocabulary cannot write."""

    folder: Path
    label: str
    before: Size
    after: Size
    lines: int
    references: References | None
    lacking: tuple[str, ...]
    recipe: str


def trim_model(
    source: Path,
    target: Path,
    lines: Sequence[str],
    references: Sequence[str] = (),
    *,
    recipe: str = "",
) -> Trimmed:
    """Write ``target``: the model in ``source`` with the pieces that ``lines`` need.

    A line counts alone and as it stands in a prompt: behind a blank, a line break, a quotation mark.  ``references``
    decide nothing; how they fare is told.  ``recipe`` is the name for the provenance.  Raises ModelError for a model
    or tokenizer that cannot be cut, RecipeError when ``target`` exists.
    """
    from tokenizers import Tokenizer

    tree = _tokenizer_tree(source)
    tokenizer = Tokenizer.from_str(json.dumps(tree))
    texts = list(dict.fromkeys(form for line in lines for form in _forms(line)))
    if not texts:
        raise ModelError("expected text that says which pieces to keep; found none.")
    model = _open(source)
    used = {number for encoding in _encoded(tokenizer, texts) for number in encoding.ids}
    lacking = _lacking(tokenizer, used, lines)
    try:
        made = cut(tree, used, rows=embedding_of(model).weight.shape[0])
    except ModelError as error:
        raise ModelError(f"{source}: {error}") from error
    smaller = Tokenizer.from_str(json.dumps(made.tree))
    _check_text(tokenizer, smaller, texts)
    _check_rows(model, made, source)
    before = _size(model, len(pieces_of(tree)))
    probes = [ids for code in SENTENCES for ids in [smaller.encode(SENTENCES[code][0]).ids] if ids]
    expected = [_logits(model, [made.old_ids[i] for i in ids])[:, made.old_ids] for ids in probes]
    _cut_weights(model, made)
    _check_logits(expected, [_logits(model, ids) for ids in probes])
    after = _size(model, len(made.old_ids))
    found = _fare(tokenizer, smaller, references) if references else None
    with new_folder(target) as folder:
        _write(folder, source, model, made)
        step = _step(before, after, len(texts), found, recipe)
        card = read_card(source) or {"name": source.name, "steps": []}
        write_card(folder, card["name"], [*card["steps"], step])
        label = model_label(folder)
    return Trimmed(target, label, before, after, len(texts), found, lacking, recipe)


def _tokenizer_tree(source: Path) -> dict[str, Any]:
    path = source / "tokenizer.json"
    if not (source / "config.json").is_file():
        raise ModelError(f"{source}: expected a model folder, with config.json; there is no such file.")
    if not path.is_file():
        raise ModelError(
            f"{source}: expected tokenizer.json, whose vocabulary can be cut; there is none. A folder with "
            "tokenizer.model alone is opened with AutoTokenizer and saved again (use_fast=True) to get one."
        )
    try:
        tree: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path}: expected a tokenizer in JSON; it cannot be read: {error}.") from error
    return tree


# -- text -----------------------------------------------------------------------------------------


def _forms(line: str) -> Iterator[str]:
    """A line as it stands in prompts and translations."""
    yield from (line, f" {line}", f"{line}\n", f": {line}\n", f"\n{line}\n", f'"{line}"')


def _encoded(tokenizer: Tokenizer, texts: Sequence[str]) -> Iterator[Any]:
    for start in range(0, len(texts), _LOT):
        yield from tokenizer.encode_batch_fast(list(texts[start : start + _LOT]), add_special_tokens=False)


def _lacking(tokenizer: Tokenizer, used: set[int], lines: Sequence[str]) -> tuple[str, ...]:
    """Characters of the lines that come out as the unknown token, the most frequent first."""
    unknown = _unknown_id(tokenizer)
    if unknown is None or unknown not in used:
        return ()
    characters = Counter(character for line in lines for character in line if not character.isspace())
    lacking = [c for c in characters if unknown in tokenizer.encode(c, add_special_tokens=False).ids]
    return tuple(sorted(lacking, key=lambda c: -characters[c]))


def _unknown_id(tokenizer: Tokenizer) -> int | None:
    model = json.loads(tokenizer.to_str())["model"]
    if model["type"] == "Unigram":
        return model.get("unk_id")
    token = model.get("unk_token")
    return None if token is None else tokenizer.token_to_id(token)


def _check_text(before: Tokenizer, after: Tokenizer, texts: Sequence[str]) -> None:
    """Raises ModelError for the first text that is cut into other pieces than before."""
    # Compared through a table of ids: names of pieces for every token would take several times as long.
    as_before = {i: before.token_to_id(after.id_to_token(i)) for i in range(after.get_vocab_size())}
    for text, old, new in zip(texts, _encoded(before, texts), _encoded(after, texts), strict=True):
        if old.ids != [as_before[i] for i in new.ids]:
            old_pieces = [before.id_to_token(i) for i in old.ids]
            new_pieces = [after.id_to_token(i) for i in new.ids]
            raise ModelError(
                f"The cut vocabulary changes the tokenisation of {text[:80]!r}: {old_pieces[:12]} becomes "
                f"{new_pieces[:12]}. This tokenizer cannot be cut; use the model with its whole vocabulary."
            )


def _fare(before: Tokenizer, after: Tokenizer, lines: Sequence[str]) -> References:
    """How text that decided nothing is cut before and after."""
    as_before = {i: before.token_to_id(after.id_to_token(i)) for i in range(after.get_vocab_size())}
    byte_before = {i for piece, i in before.get_vocab().items() if is_byte(piece)}
    byte_after = {i for piece, i in after.get_vocab().items() if is_byte(piece)}
    texts = [f" {line}" for line in dict.fromkeys(lines)]
    changed = 0
    counts = Counter[str]()
    for old, new in zip(_encoded(before, texts), _encoded(after, texts), strict=True):
        changed += old.ids != [as_before[i] for i in new.ids]
        counts.update(old=len(old.ids), new=len(new.ids))
        counts.update(old_bytes=sum(i in byte_before for i in old.ids), new_bytes=sum(i in byte_after for i in new.ids))
    return References(
        len(texts), changed, counts["old_bytes"] / max(1, counts["old"]), counts["new_bytes"] / max(1, counts["new"])
    )


# -- weights --------------------------------------------------------------------------------------


def _open(source: Path) -> PreTrainedModel:
    from mtsuite.model.load import load_configuration, load_model

    stored = str(getattr(load_configuration(source), "dtype", None) or "float32").removeprefix("torch.")
    return load_model(source, dtype=stored)


def _size(model: PreTrainedModel, pieces: int) -> Size:
    rows = {id(w): w for w in _vocabulary_weights(model)}.values()
    parameters = list(model.parameters())
    return Size(
        pieces,
        sum(p.numel() for p in parameters),
        sum(w.numel() for w in rows),
        sum(p.numel() * p.element_size() for p in parameters),
    )


def _vocabulary_weights(model: PreTrainedModel) -> list[Tensor]:
    """The embedding's matrix and the output layer's; one and the same where they are tied."""
    layers = (embedding_of(model), output_of(model))
    return [layer.weight for layer in layers if layer is not None]


def _logits(model: PreTrainedModel, ids: list[int]) -> Tensor:
    """Logits (length, vocabulary) of one text."""
    import torch

    with torch.inference_mode():
        logits: Tensor = model(input_ids=torch.tensor([ids])).logits[0].float()
    return logits


def _check_logits(expected: list[Tensor], found: list[Tensor]) -> None:
    for before, after in zip(expected, found, strict=True):
        largest = float((before - after).abs().max())
        if largest > _TOLERANCE * max(1.0, float(before.abs().max())):
            raise ModelError(
                f"The cut model's logits differ from the whole one's by up to {largest:g}: its layers use the "
                "vocabulary elsewhere too. Use the model with its whole vocabulary."
            )


def _check_rows(model: PreTrainedModel, made: Cut, source: Path) -> None:
    """Raises ModelError where the model lacks rows for kept pieces."""
    rows = embedding_of(model).weight.shape[0]
    output = output_of(model)
    if output is None or made.old_ids[-1] >= rows:
        found = "no output layer" if output is None else f"{rows:,} rows"
        raise ModelError(
            f"{source}: expected an output layer and an embedding for each of {made.old_ids[-1] + 1:,} pieces; the "
            f"model has {found}. Tokenizer and weights do not belong together."
        )


def _cut_weights(model: PreTrainedModel, made: Cut) -> None:
    """Keep the rows of the kept pieces in the embedding and, where it is not the same matrix, in the output layer."""
    import torch
    from torch import nn

    embedding, output = embedding_of(model), output_of(model)
    assert output is not None  # checked before
    kept = torch.tensor(made.old_ids)
    tied = output.weight is embedding.weight
    embedding.weight = nn.Parameter(embedding.weight.detach()[kept].clone())
    embedding.num_embeddings = len(kept)
    output.weight = embedding.weight if tied else nn.Parameter(output.weight.detach()[kept].clone())
    if getattr(output, "bias", None) is not None:
        output.bias = nn.Parameter(output.bias.detach()[kept].clone())
    output.out_features = len(kept)
    for config in (model.config, model.generation_config):
        if config is not None:
            _renumber(config, {old: new for new, old in enumerate(made.old_ids)})
    model.config.vocab_size = len(kept)
    if getattr(embedding, "padding_idx", None) is not None:
        embedding.padding_idx = model.config.pad_token_id


def _renumber(config: Any, new: dict[int, int]) -> None:
    """Ids of special tokens in a configuration: one, or a list of several end tokens."""
    for key, value in list(vars(config).items()):
        if not key.endswith("_token_id"):
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            setattr(config, key, new.get(value))
        elif isinstance(value, list):
            setattr(config, key, [new[i] for i in value if i in new])
    for key in ("suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "forced_decoder_ids"):
        if getattr(config, key, None):
            setattr(config, key, None)  # numbers of the old vocabulary


def _write(folder: Path, source: Path, model: PreTrainedModel, made: Cut) -> None:
    model.config._name_or_path = ""
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(made.tree, ensure_ascii=False), encoding="utf-8")
    settings = json.loads((source / "tokenizer_config.json").read_text(encoding="utf-8"))
    entries: Iterable[dict[str, Any]] = settings.get("added_tokens_decoder", {}).values()
    settings["added_tokens_decoder"] = {
        str(made.new_ids[entry["content"]]): entry for entry in entries if entry["content"] in made.new_ids
    }
    for key in [key for key in settings if key.endswith("_token_id")]:
        del settings[key]  # the names beside them are what counts
    settings = _known_tokens(settings, made)
    (folder / "tokenizer_config.json").write_text(
        json.dumps(settings, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    if (source / "special_tokens_map.json").is_file():
        named = json.loads((source / "special_tokens_map.json").read_text(encoding="utf-8"))
        text = json.dumps(_known_tokens(named, made), ensure_ascii=False, indent=2)
        (folder / "special_tokens_map.json").write_text(text + "\n", encoding="utf-8")
    if (source / "chat_template.jinja").is_file():
        shutil.copyfile(source / "chat_template.jinja", folder / "chat_template.jinja")
    copy_licences(source, folder)


def _known_tokens(settings: dict[str, Any], made: Cut) -> dict[str, Any]:
    """Settings without special tokens that went: opening the tokenizer would add them anew, beyond the model's rows."""

    def known(token: Any) -> bool:
        return (token["content"] if isinstance(token, dict) else token) in made.new_ids

    found: dict[str, Any] = {}
    for key, value in settings.items():
        if key.endswith("_token") and (isinstance(value, str) or (isinstance(value, dict) and "content" in value)):
            if known(value):
                found[key] = value
        elif key.endswith("special_tokens") and isinstance(value, list):
            found[key] = [token for token in value if known(token)]
        elif key.endswith("special_tokens") and isinstance(value, dict):
            found[key] = {name: token for name, token in value.items() if known(token)}
        else:
            found[key] = value
    return found


def _step(before: Size, after: Size, lines: int, references: References | None, recipe: str) -> dict[str, Any]:
    return {
        "step": "trim",
        "mark": "trimmed",
        "recipe": recipe,
        "lines": lines,
        "before": vars(before),
        "after": vars(after),
        **({"references": vars(references)} if references is not None else {}),
    }
