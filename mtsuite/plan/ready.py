"""What a run will need and this machine can be seen to lack: model folders, COMET, packages, text to download.

``validate``, ``plan`` and ``run`` go through the same checks while a plan is made, so that nothing of it fails after
hours.  A check looks at names and small files alone: no weights are read and no library of models is imported.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mtsuite.plan.comet import COMET, comet_settings
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import Comet, Recipe

_WEIGHTS = ("*.safetensors", "*.bin", "*.safetensors.index.json")
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "spiece.model", "sentencepiece.bpe.model", "vocab.json",
               "vocab.txt", "*.tiktoken", "tokenization_*.py")  # fmt: skip
_HUB_NAME = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)?", re.ASCII)
_PATIENCE = 10  # seconds for another Python to say what it has
_HAS_COMET = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('comet') else 3)"


def check_ready(recipe: Recipe, folder: Path, error: ErrorAt, *, offline: bool = False) -> None:
    """Raise the RecipeError that ``error`` makes for the first thing that is lacking.

    ``folder`` is what relative paths belong to.  ``offline``: what is on the hub counts only where it was downloaded.
    """
    check_model_folder(recipe, folder, error, offline=offline)
    for name, settings in comet_settings(recipe).items():
        keys = ("metrics", "comet") if name == COMET else ("metrics", "more_comet", name)
        check_comet(settings, keys, folder, error, offline=offline)
    if offline:
        _check_sentence_pieces(recipe, error)


# -- the base model -------------------------------------------------------------------------------


def check_model_folder(recipe: Recipe, folder: Path, error: ErrorAt, *, offline: bool = False) -> None:
    """The checkpoint is a folder with configuration, weights and a tokenizer that ends its texts, or a hub name."""
    name, keys = recipe.model.name_or_path, ("model", "name_or_path")
    if name == "pretrain":
        return
    place = folder / name
    if not place.is_dir():
        _check_hub_name(name, "pretrain", keys, error)
        if place.is_file():
            raise error(keys, f"expected a model's folder, found a file: {name}. Name the folder that it lies in.")
        if offline and not is_cached(name, recipe.model.revision, "config.json"):
            raise error(keys, _not_downloaded(name))
        return
    for what, patterns in (
        ("config.json", ("config.json",)),
        ("weights (*.safetensors, or pytorch_model.bin)", _WEIGHTS),
        ("a tokenizer (tokenizer.json or tokenizer.model)", _TOKENIZERS),
    ):
        if not any(next(place.glob(pattern), None) for pattern in patterns):
            raise error(keys, f"the folder {name} lacks {what}; a model's folder has configuration, weights and "
                              "tokenizer, as save_pretrained writes them.")  # fmt: skip
    configuration = _json_object(place / "config.json", keys, error)
    if "model_type" not in configuration:
        raise error(keys, f"{place / 'config.json'} names no model_type, so nothing can tell what model this is.")
    if not _ends_texts(place, keys, error):
        raise error(
            keys,
            f"the tokenizer in {name} has no end-of-sequence token, with which translations end: name it as eos_token "
            "in its tokenizer_config.json.",
        )


def _ends_texts(place: Path, keys: Sequence[str], error: ErrorAt) -> bool:
    """False where the files say for certain that a tokenizer without defaults of its own has no end token."""
    if not (place / "tokenizer.json").is_file() or not (place / "tokenizer_config.json").is_file():
        return True  # the class of the tokenizer brings it along
    config = _json_object(place / "tokenizer_config.json", keys, error)
    special = place / "special_tokens_map.json"
    named = config | (_json_object(special, keys, error) if special.is_file() else {})
    generic = config.get("tokenizer_class") in (None, "PreTrainedTokenizerFast") and "auto_map" not in config
    return bool(named.get("eos_token")) or not generic


def _json_object(path: Path, keys: Sequence[str], error: ErrorAt) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(keys, f"{path} cannot be read: {problem.strerror}.") from None
    except (ValueError, RecursionError) as problem:
        raise error(keys, f"{path}: expected JSON: {str(problem)[:200]}.") from None
    if not isinstance(value, dict):
        raise error(keys, f"{path}: expected a JSON object, found {type(value).__name__}.")
    return value


# -- COMET ----------------------------------------------------------------------------------------


def check_comet(settings: Comet, keys: Sequence[str], folder: Path, error: ErrorAt, *, offline: bool = False) -> None:
    """A checkpoint that is there, and another Python that has unbabel-comet; nothing where scores come from files."""
    if settings.scores is not None:
        return
    if settings.python is not None:
        _check_python(settings.python, (*keys, "python"), error)
    name, at = settings.checkpoint, (*keys, "checkpoint")
    if name == "embedded":
        return
    place = folder / name
    if place.is_dir():
        if not next(place.glob("checkpoints/*.ckpt"), None) or not (place / "hparams.yaml").is_file():
            raise error(at, f"the folder {name} is no COMET checkpoint: expected hparams.yaml and checkpoints/*.ckpt.")
    elif not place.is_file():
        if name.endswith(".ckpt"):
            raise error(at, f"there is no file {name}; expected a COMET checkpoint.")
        _check_hub_name(name, "embedded", at, error)
        if offline and not is_cached(name, None, "hparams.yaml"):
            raise error(at, _not_downloaded(name))


def _check_python(python: str, keys: Sequence[str], error: ErrorAt) -> None:
    program = shutil.which(os.path.expanduser(python))
    if program is None:
        there = Path(python).expanduser()
        found = "a folder" if there.is_dir() else "a file that cannot be run" if there.exists() else "nothing there"
        raise error(keys, f"expected a Python interpreter that has unbabel-comet, found {found}: {python}.")
    try:
        done = subprocess.run(
            [program, "-c", _HAS_COMET], stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise error(keys, f"{python} did not answer within {_PATIENCE} seconds; expected a Python.") from None
    except OSError as problem:
        raise error(keys, f"{python} cannot be started ({problem.strerror}); expected a Python.") from None
    if done.returncode == 3:
        raise error(keys, f"{python} has no unbabel-comet; install it there: {python} -m pip install unbabel-comet")
    if done.returncode:
        raise error(keys, f"{python} is no Python: asked for its packages, it ended with code {done.returncode}.")


# -- the network ----------------------------------------------------------------------------------


def _check_hub_name(name: str, word: str, keys: Sequence[str], error: ErrorAt) -> None:
    if Path(name).is_absolute() or name.startswith((".", "~")):
        raise error(keys, f"there is no folder {name}.")
    if not _HUB_NAME.fullmatch(name) or "--" in name or ".." in name:
        raise error(
            keys, f"expected `{word}`, a folder that is there, or a hub name such as owner/name; found {name!r}."
        )


def is_cached(name: str, revision: str | None, file: str) -> bool:
    """Whether a file of a repository on the hub was downloaded to this machine."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(name, file, revision=revision), str)


def _not_downloaded(name: str) -> str:
    return f"{name} is on the hub and was not downloaded yet, and --offline forbids it: run once without --offline."


def _check_sentence_pieces(recipe: Recipe, error: ErrorAt) -> None:
    """spBLEU's vocabulary, which sacrebleu downloads on first use."""
    if "spBLEU" not in recipe.metrics.names:
        return
    home = Path(os.environ.get("SACREBLEU", Path.home() / ".sacrebleu"))
    if not next((home / "models").glob("*flores200*"), None):
        keys = ("metrics", "names", recipe.metrics.names.index("spBLEU"))
        raise error(
            keys,
            f"spBLEU needs FLORES-200's vocabulary, which is not in {home / 'models'}, and --offline forbids to "
            "download it: run once without --offline, or take spBLEU out.",
        )


def most_texts(recipe: Recipe) -> int:
    """How many texts are translated at most: rows by seeds by directions, with those of transfer and sequences."""
    rows, ways, seeds = len(recipe.methods), len(recipe.directions), len(recipe.seeds)
    texts = rows * ways
    if recipe.transfer is not None:
        texts += len(recipe.transfer.methods) * len(recipe.transfer.directions or recipe.directions) * ways
    if recipe.sequence is not None:
        texts += len(recipe.sequence.methods) * len(recipe.sequence.directions) * ways
    searched = [row.search or recipe.search for row in recipe.methods.values()]
    tried = sum(len(search.learning_rate) for search in searched if search is not None) * ways
    return tried + seeds * (texts + rows * len(recipe.forgetting.zero_shot_directions))
