"""``mtsuite model import``: a GGUF file as a plain Hugging Face folder in float32, with a tokenizer that fits it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.errors import ModelError
from mtsuite.model.card import write_card
from mtsuite.pretrained.folders import copy_licences, new_folder
from mtsuite.pretrained.gguf_file import GGUFFile, read_gguf
from mtsuite.pretrained.sentences import MOST_BITS, Fit, sentence_fit
from mtsuite.pretrained.special import settled

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

MOST_WORSE = 1.1  # a tokenizer that was given may be this much worse than the file's own, in bits per byte
_AGREE = 0.98  # share of the file's pieces that the tokenizer must have under the same id


@dataclass(frozen=True)
class Imported:
    """What was written: folder, name, size, and how well each tokenizer fits (None: there was none)."""

    folder: Path
    name: str
    parameters: int
    given: Fit | None
    built: Fit | None
    changes: tuple[str, ...]
    licence: str


def import_gguf(path: Path, target: Path, tokenizer: Path | None = None, name: str | None = None) -> Imported:
    """Write ``target`` from the GGUF file ``path``; ``tokenizer`` is a folder with the model's real tokenizer.

    Raises ModelError for a file that cannot be read and for a tokenizer that does not fit it, with the numbers;
    RecipeError when ``target`` exists.
    """
    file = read_gguf(path)
    if tokenizer is None and not file.tokens:
        raise ModelError(
            f"{path}: expected a tokenizer in the file (tokenizer.ggml.tokens); it has none. Name the folder of the "
            "model's tokenizer: --tokenizer FOLDER"
        )
    with new_folder(target) as folder:
        model = _open_model(file)
        built = _built(file) if file.tokens else None
        given = _given(tokenizer, file) if tokenizer is not None else None
        fits = {which: None if made is None else sentence_fit(model, made[0]) for which, made in
                (("given", given), ("built", built))}  # fmt: skip
        _check_fits(file, tokenizer, fits["given"], fits["built"])
        chosen = given or built
        assert chosen is not None
        _write(folder, file, model, chosen[0])
        copy_licences(path.parent, folder)
        if tokenizer is not None:
            copy_licences(tokenizer, folder)
        title = name or file.name
        write_card(folder, title, [_step(file, "given" if given else "built", fits, chosen[1])])
    return Imported(
        target,
        title,
        sum(p.numel() for p in model.parameters()),
        fits["given"],
        fits["built"],
        tuple(chosen[1]),
        file.licence,
    )


def _open_model(file: GGUFFile) -> PreTrainedModel:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(file.path.parent), gguf_file=file.path.name, dtype=torch.float32, output_loading_info=True
        )
        model, told = loaded
    except (ValueError, KeyError, IndexError, NotImplementedError, RuntimeError) as error:
        raise ModelError(
            f"{file.path}: its weights (architecture {file.architecture}, {file.quantisation}) cannot be written out: "
            f"{_first_line(error)} Use a file of another quantisation, or a newer transformers."
        ) from error
    if told["missing_keys"]:
        missing = sorted(told["missing_keys"])
        raise ModelError(
            f"{file.path}: expected all weights of a {type(model).__name__}; {len(missing)} are missing, such as "
            f"{missing[0]}. The file is incomplete, or of a variant that transformers does not know."
        )
    opened: PreTrainedModel = model.eval()
    return opened


def _built(file: GGUFFile) -> tuple[PreTrainedTokenizerFast, list[str]] | None:
    """The tokenizer that transformers builds from the file alone, set right; None where it can build none."""
    from transformers import AutoTokenizer

    try:
        made = AutoTokenizer.from_pretrained(str(file.path.parent), gguf_file=file.path.name)
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        return None
    return settled(made, file, built=True)


def _given(folder: Path, file: GGUFFile) -> tuple[PreTrainedTokenizerFast, list[str]]:
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    if not (folder / "tokenizer.json").is_file():
        raise ModelError(f"{folder}: expected a tokenizer folder, with tokenizer.json; there is no such file.")
    try:
        made = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    except (ValueError, OSError):  # a folder without config.json and tokenizer class
        made = PreTrainedTokenizerFast.from_pretrained(str(folder), local_files_only=True)
    if file.tokens:
        own = made.convert_ids_to_tokens(list(range(min(len(made), len(file.tokens)))))
        same = sum(a == b for a, b in zip(own, file.tokens, strict=False)) / len(file.tokens)
        if same < _AGREE:
            raise ModelError(
                f"{folder}: expected the tokenizer of {file.path.name}, whose {len(file.tokens):,} pieces are known; "
                f"only {same:.1%} of them have the same id. It is another model's tokenizer."
            )
    return settled(made, file, built=False)


def _check_fits(file: GGUFFile, folder: Path | None, given: Fit | None, built: Fit | None) -> None:
    """Raises ModelError when the tokenizer that would be written does not fit the weights."""
    chosen = given or built
    if chosen is None:
        raise ModelError(
            f"{file.path}: transformers cannot build a tokenizer of kind "
            f"{file.fields.get('tokenizer.ggml.model')!r} from the file. Name the folder of the real one: "
            "--tokenizer FOLDER"
        )
    which = f"the tokenizer in {folder}" if given else "the tokenizer that can be built from the file alone"
    other = built if given else None
    numbers = f"with it {chosen.text()}" + (f"; with the file's own {other.text()}" if other else "")
    if other is not None and chosen.mean > MOST_WORSE * other.mean:
        raise ModelError(
            f"{file.path}: {which} does not fit the weights: {numbers}. Leave --tokenizer out, or name the folder of "
            "this very model."
        )
    if not chosen.sound:
        hint = "Name the folder of this very model" if given else "Name the folder of the real one"
        limits = ", ".join(f"{code} {most}" for code, most in MOST_BITS.items())
        raise ModelError(
            f"{file.path}: {which} does not fit the weights: {numbers}. A language model stays below one of these: "
            f"{limits}. {hint}: --tokenizer FOLDER"
        )


def _write(folder: Path, file: GGUFFile, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    from transformers import GenerationConfig

    ids = {f"{role}_token_id": getattr(tokenizer, f"{role}_token_id") for role in ("bos", "eos", "pad")}
    for key, number in ids.items():
        setattr(model.config, key, number)
    model.config._name_or_path = ""
    model.generation_config = GenerationConfig(**ids)  # how to decode is the recipe's to say
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _step(file: GGUFFile, source: str, fits: dict[str, Fit | None], changes: list[str]) -> dict[str, Any]:
    return {
        "step": "import",
        "mark": f"{file.bits}-bit origin" if file.bits else "",
        "file": file.path.name,
        "sha256": file.sha256(),
        "architecture": file.architecture,
        "licence": file.licence,
        "quantisation": file.quantisation,
        "weights_by_type": file.types,
        "tokenizer": source,
        "tokenizer_changes": changes,
        "bits_per_byte": {which: fit.bits for which, fit in fits.items() if fit is not None},
        "loss_per_token": {which: fit.loss for which, fit in fits.items() if fit is not None},
    }


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    line = text[0] if text else type(error).__name__
    return line if line.endswith(".") else line + "."
