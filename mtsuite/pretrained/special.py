"""Beginning, end and padding tokens of a tokenizer that goes with a GGUF file.

The file's own statement decides: its ids belong to the weights.  The tokenizer that transformers builds from a file
ignores some of it, and the tokenizer in a published folder may be that of another variant (a chat model's end of
turn where the base model writes its end of text).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from mtsuite.errors import ModelError
from mtsuite.pretrained.gguf_file import GGUFFile

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_DIGITS = frozenset({"smollm"})  # pre-tokenizers that cut every digit off, which transformers' conversion leaves out
_ROLES = {"bos_token": "bos", "eos_token": "eos", "pad_token": "padding", "unk_token": "unknown"}


def settled(tokenizer: Any, file: GGUFFile, *, built: bool) -> tuple[PreTrainedTokenizerFast, list[str]]:
    """A plain fast tokenizer with the file's special tokens and chat template, and what had to be set right.

    ``built``: the tokenizer comes from the file alone, so that its pre-tokenizer and decoder are checked too.
    Raises ModelError when there is no end token, or no fast tokenizer.
    """
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("expected a tokenizer with a tokenizer.json (a fast one); this one has none.")
    tree = json.loads(backend.to_str())
    tokens = {role: _token(tokenizer, file, role, name) for role, name in _ROLES.items()}
    tokens["pad_token"] = tokens["pad_token"] or tokens["eos_token"]
    if tokens["eos_token"] is None:
        raise ModelError(
            f"{file.path}: expected an end-of-sequence token, with which translations end; neither the file nor the "
            "tokenizer names one. Use a tokenizer folder whose tokenizer_config.json has eos_token."
        )
    changes = [
        f"{role} set to {token} (was {before})"
        for role, token in tokens.items()
        if token != (before := getattr(tokenizer, role)) and before is not None
    ]
    if built:
        changes += _mend_parts(tree, file)
    changes += _mend_beginning(tree, tokens["bos_token"], file)
    template = file.fields.get("tokenizer.chat_template")
    if tokenizer.chat_template and not template:
        changes.append("chat template left out: the file has none, its model is no chat model")
    made = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(tree)),
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
        **{role: token for role, token in tokens.items() if token is not None},
    )
    made.chat_template = template
    return made, changes


def _token(tokenizer: Any, file: GGUFFile, role: str, name: str) -> str | None:
    """The file's token of a role as the tokenizer writes it; the tokenizer's own where the file names none."""
    number = file.token_id(name)
    own: str | None = getattr(tokenizer, role)
    return own if number is None else tokenizer.convert_ids_to_tokens(number)


def _mend_parts(tree: dict[str, Any], file: GGUFFile) -> list[str]:
    """Byte-level BPE: the decoder, and digits apart where the model was trained so."""
    if file.fields.get("tokenizer.ggml.model") != "gpt2":
        return []
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    changes = []
    if tree["decoder"] is None or tree["decoder"]["type"] != "ByteLevel":
        tree["decoder"] = byte_level
        changes.append("decoder set to that of byte-level BPE")
    if file.fields.get("tokenizer.ggml.pre") in _DIGITS:
        digits = {"type": "Digits", "individual_digits": True}
        tree["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [digits, {**byte_level, "trim_offsets": False}]}
        changes.append("digits are cut apart, as in training")
    return changes


def _mend_beginning(tree: dict[str, Any], bos: str | None, file: GGUFFile) -> list[str]:
    """Whether texts begin with the beginning token, and that none ends with the end token."""
    stated = file.fields.get("tokenizer.ggml.add_bos_token")
    writes = _writes(tree["post_processor"], bos)
    wanted = writes if stated is None else bool(stated) and bos is not None
    ids = {entry["content"]: entry["id"] for entry in tree["added_tokens"]} | _ids(tree["model"]["vocab"])
    sequence = [{"Sequence": {"id": "A", "type_id": 0}}]
    if wanted:
        assert bos is not None
        first = [{"SpecialToken": {"id": bos, "type_id": 0}}]
        tree["post_processor"] = {
            "type": "TemplateProcessing",
            "single": first + sequence,
            "pair": first + sequence + first + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {bos: {"id": bos, "ids": [ids[bos]], "tokens": [bos]}},
        }
    else:
        tree["post_processor"] = None
    if wanted == writes:
        return []
    return [f"texts {'begin' if wanted else 'no longer begin'} with {bos}, as the file says"]


def _ids(vocabulary: Any) -> dict[str, int]:
    if isinstance(vocabulary, dict):
        return vocabulary
    return {piece: number for number, (piece, _) in enumerate(vocabulary)}  # Unigram: pieces with scores


def _writes(processor: dict[str, Any] | None, token: str | None) -> bool:
    """Whether a post-processor puts ``token`` into a text."""
    if processor is None or token is None:
        return False
    if processor["type"] == "Sequence":
        return any(_writes(part, token) for part in processor["processors"])
    return any(part.get("SpecialToken", {}).get("id") == token for part in processor.get("single", ()))
