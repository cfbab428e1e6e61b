"""Loading a causal language model and its tokenizer from a folder or a hub name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.errors import ModelError
from mtsuite.model.weights import check_loaded, read_shapes

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase


def load_model(
    name_or_path: str | Path,
    *,
    dtype: str = "float32",
    revision: str | None = None,
    trust_remote_code: bool = False,
    offline: bool = False,
) -> PreTrainedModel:
    """A causal language model in eval mode on the CPU; ``dtype`` "auto" is the type that its weights are stored in.

    Raises ModelError with what was looked for when it cannot be had, and when its weights are not all there.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from mtsuite.model.fused import fuse_activations

    shapes = read_shapes(Path(name_or_path))
    with _explained(name_or_path, offline):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            str(name_or_path),
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # told below, with the names
            dtype=dtype if dtype == "auto" else getattr(torch, dtype),
            revision=revision or "main",
            trust_remote_code=trust_remote_code,
            local_files_only=offline or Path(name_or_path).is_dir(),
        )
    model: PreTrainedModel = loaded[0]
    info: dict[str, Any] = loaded[1]
    check_loaded(str(name_or_path), model, info, shapes)
    fuse_activations(model)
    return model.eval()


def load_configuration(
    name_or_path: str | Path, *, trust_remote_code: bool = False, offline: bool = True
) -> PretrainedConfig:
    """The configuration of a model folder or hub name.  Raises ModelError when it cannot be read as it stands."""
    from transformers import AutoConfig

    with _explained(name_or_path, offline=offline):
        config: PretrainedConfig = AutoConfig.from_pretrained(
            str(name_or_path),
            trust_remote_code=trust_remote_code,
            local_files_only=offline or Path(name_or_path).is_dir(),
        )
    return config


def load_tokenizer(
    name_or_path: str | Path, *, revision: str | None = None, trust_remote_code: bool = False, offline: bool = False
) -> PreTrainedTokenizerBase:
    """The tokenizer of a model, padding on the right, with a padding token that always exists.

    Raises ModelError when it cannot be opened or has no end-of-sequence token.
    """
    from transformers import AutoTokenizer

    with _explained(name_or_path, offline):
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(name_or_path),
            revision=revision or "main",
            trust_remote_code=trust_remote_code,
            local_files_only=offline or Path(name_or_path).is_dir(),
        )
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"{name_or_path}: expected a tokenizer with an end-of-sequence token, with which translations end; "
            "found none."
        )
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    tokenizer.padding_side = "right"
    tokenizer.clean_up_tokenization_spaces = False
    decoder: Any = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    if hasattr(decoder, "cleanup"):  # WordPiece's decoder takes out blanks on its own account
        decoder.cleanup = False
    return tokenizer


class _explained:
    """Turns the many ways in which transformers reports a missing model into one message."""

    def __init__(self, name: str | Path, offline: bool) -> None:
        self.name, self.offline = str(name), offline

    def __enter__(self) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: Any) -> None:
        if isinstance(error, ValueError) and "trust_remote_code" in str(error):
            raise ModelError(
                f"model.name_or_path: {self.name!r} brings Python code of its own, and nothing runs it unasked: "
                "read the code, then set `model.trust_remote_code: true`, or choose a model without."
            ) from error
        if isinstance(error, OSError) and "gated repo" in str(error).lower():
            raise ModelError(
                f"model.name_or_path: {self.name!r} is a gated model: its publisher gives it to those who accepted its "
                "licence. Accept it on the model's page, log in (`hf auth login`, or the variable HF_TOKEN), and run "
                "this again; or name a folder that has it: --set model.name_or_path=FOLDER"
            ) from error
        if isinstance(error, ModelError):
            return
        is_folder = is_path(self.name) or Path(self.name).is_dir()
        if is_folder and not Path(self.name).is_dir():
            raise ModelError(
                f"model.name_or_path: there is no folder {self.name!r}. Expected a folder with config.json, or the "
                "name of a model on the hub (owner/name)."
            ) from error
        if isinstance(error, Exception):  # a damaged file or a foreign format raises whatever its reader raises
            where = "a folder with config.json" if is_folder else "a hub name"
            hint = (
                "Without a network only folders and cached models can be opened."
                if self.offline
                else "Check the name and the network."
            )
            first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            if not isinstance(error, OSError | ValueError):
                first = f"{type(error).__name__}: {first}"
            if is_folder:
                hint = f"The folder holds {_listing(Path(self.name))}."
            raise ModelError(
                f"model.name_or_path: {self.name!r} cannot be opened as {where}: {first} {hint}"
            ) from error


def is_path(name: str) -> bool:
    """Whether a model's name can only be a folder: a name on the hub is ``name`` or ``owner/name``."""
    return name.startswith((".", "~", os.sep)) or name.count("/") > 1 or name.endswith("/")


def _listing(folder: Path) -> str:
    names = sorted(path.name for path in folder.iterdir())
    return (", ".join(names[:8]) + (", …" if len(names) > 8 else "")) or "no file"


def context_window(model: PreTrainedModel) -> int | None:
    """Longest sequence in tokens that the model's positions allow; None when unlimited (BLOOM's ALiBi)."""
    config = model.config
    if config.model_type == "bloom":
        return None
    for name in ("max_position_embeddings", "n_positions", "model_max_length", "seq_length"):
        value = getattr(config, name, None)
        if isinstance(value, int) and 0 < value < 10**7:
            return value
    return None
