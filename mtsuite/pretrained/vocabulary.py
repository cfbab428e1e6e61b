"""The vocabulary of a tokenizer.json cut to the pieces that a text needs.

BPE applies, at every step, the merge of the lowest rank that is applicable.  The pieces that a word ends with, and all
pieces from which merges can make them, hold every step that was taken; the merges that go would never have been taken
in this text.  So its tokenisation stays the same, piece by piece.  A unigram model chooses the best path of pieces, and
the best path stays when others go.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mtsuite.errors import ModelError


@dataclass(frozen=True)
class Cut:
    """A smaller tokenizer: its ``tokenizer.json``, the old id of each new one, and the new id of each kept piece."""

    tree: dict[str, Any]
    old_ids: list[int]
    new_ids: dict[str, int]


def kind_of(tree: dict[str, Any]) -> str:
    """``BPE with byte fallback``, ``byte-level BPE``, ``BPE`` or ``unigram``.  Raises ModelError for any other."""
    model = tree["model"]
    if model["type"] == "BPE":
        if "ByteLevel" in _types(tree.get("pre_tokenizer")) | _types(tree.get("decoder")):
            return "byte-level BPE"
        return "BPE with byte fallback" if model.get("byte_fallback") else "BPE"
    if model["type"] == "Unigram":
        return "unigram"
    raise ModelError(f"expected a BPE or unigram tokenizer, whose vocabulary can be cut; found {model['type']}.")


def pieces_of(tree: dict[str, Any]) -> dict[str, int]:
    """Piece -> id, of the model and the added tokens."""
    vocabulary = tree["model"]["vocab"]
    if isinstance(vocabulary, list):
        vocabulary = {piece: number for number, (piece, _) in enumerate(vocabulary)}
    return {**vocabulary, **{entry["content"]: entry["id"] for entry in tree["added_tokens"]}}


def is_byte(piece: str) -> bool:
    """Whether a piece stands for one byte (``<0x0A>``)."""
    return len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">")


def cut(tree: dict[str, Any], used: Iterable[int], *, rows: int) -> Cut:
    """Keep the pieces with the ids ``used``, all bytes, ASCII characters and special tokens.

    Special tokens beyond the model's ``rows`` go where the text has none: the model cannot read them (a token for
    images in the tokenizer of a text-only variant).

    Ids are given anew, in the old order.  Raises ModelError for a kind of tokenizer that cannot be cut.
    """
    kind = kind_of(tree)
    pieces = pieces_of(tree)
    names = {number: piece for piece, number in pieces.items()}
    kept = {names[number] for number in used}
    kept |= {piece for piece in pieces if is_byte(piece) or (len(piece) == 1 and piece.isascii())}
    kept |= {entry["content"] for entry in tree["added_tokens"] if entry["special"] and entry["id"] < rows}
    kept |= {token for token in (_unknown(tree),) if token is not None}
    if kind == "byte-level BPE":
        kept |= _byte_alphabet() & set(pieces)
    if tree["model"]["type"] == "BPE":
        kept = _with_parts(kept, _merges(tree))
    old_ids = sorted(pieces[piece] for piece in kept if piece in pieces)
    new_ids = {names[number]: place for place, number in enumerate(old_ids)}
    return Cut(_rewritten(tree, new_ids, names, old_ids), old_ids, new_ids)


def _unknown(tree: dict[str, Any]) -> str | None:
    model = tree["model"]
    if model["type"] == "Unigram":
        number = model.get("unk_id")
        return None if number is None else model["vocab"][number][0]
    token: str | None = model.get("unk_token")
    return token


def _byte_alphabet() -> set[str]:
    from tokenizers import pre_tokenizers

    return set(pre_tokenizers.ByteLevel.alphabet())


def _merges(tree: dict[str, Any]) -> list[tuple[str, str]]:
    """Merges as pairs: older files write them as one text with a blank."""
    return [tuple(m) if isinstance(m, list) else tuple(m.split(" ", 1)) for m in tree["model"]["merges"]]


def _with_parts(kept: set[str], merges: list[tuple[str, str]]) -> set[str]:
    """The pieces and all from which merges can make them."""
    made_of: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for left, right in merges:
        made_of[left + right].append((left, right))
    found, waiting = set(kept), list(kept)
    while waiting:
        for parts in made_of.get(waiting.pop(), ()):
            for part in parts:
                if part not in found:
                    found.add(part)
                    waiting.append(part)
    return found


def _rewritten(
    tree: dict[str, Any], new_ids: dict[str, int], names: dict[int, str], old_ids: list[int]
) -> dict[str, Any]:
    """The tokenizer's file with the kept pieces under their new ids."""
    made = copy.copy(tree)
    model = made["model"] = copy.copy(tree["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [tree["model"]["vocab"][number] for number in old_ids if number < len(tree["model"]["vocab"])]
        if model.get("unk_id") is not None:
            model["unk_id"] = new_ids[names[model["unk_id"]]]
    else:
        own = tree["model"]["vocab"]
        model["vocab"] = {piece: number for piece, number in new_ids.items() if piece in own}
        model["merges"] = [[a, b] for a, b in _merges(tree) if a in new_ids and b in new_ids and a + b in new_ids]
    made["added_tokens"] = [
        {**entry, "id": new_ids[entry["content"]]} for entry in tree["added_tokens"] if entry["content"] in new_ids
    ]
    made["post_processor"] = _renumbered(tree["post_processor"], new_ids)
    made["truncation"] = made["padding"] = None
    return made


def _renumbered(node: Any, new_ids: dict[str, int]) -> Any:
    """A post-processor with the new ids of its special tokens, which stand beside their texts."""
    if isinstance(node, list):
        # BERT-like processors hold a token and its id as a pair.
        if len(node) == 2 and isinstance(node[0], str) and isinstance(node[1], int) and node[0] in new_ids:
            return [node[0], new_ids[node[0]]]
        return [_renumbered(item, new_ids) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _renumbered(value, new_ids) for key, value in node.items()}
    if "ids" in node and "tokens" in node:
        made["ids"] = [new_ids[token] for token in node["tokens"]]
    return made


def _types(node: Any) -> set[str]:
    """The types of a pre-tokenizer or decoder and its parts."""
    if isinstance(node, dict):
        own = {node["type"]} if isinstance(node.get("type"), str) else set()
        return own.union(*(_types(value) for value in node.values()))
    return set().union(*(_types(item) for item in node)) if isinstance(node, list) else set()
