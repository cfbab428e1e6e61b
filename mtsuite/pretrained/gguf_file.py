"""What a GGUF file says about itself, read without its weights."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtsuite.errors import ModelError

_NOT_CAUSAL = frozenset({"general", "tokenizer", "t5", "umt5"})  # of the names that transformers' reader knows
_EXACT = frozenset({"F64", "F32", "F16", "BF16"})


@dataclass(frozen=True)
class GGUFFile:
    """The header of a GGUF file.

    ``tokens`` are the vocabulary's pieces by id (empty: the file has no tokenizer), ``types`` the number of weights
    by storage type, ``quantisation`` the file's type in the format's own words (``Q4_K_M``).
    """

    path: Path
    architecture: str
    name: str
    licence: str
    quantisation: str
    types: dict[str, int]
    tokens: tuple[str, ...]
    fields: dict[str, Any]

    @property
    def bits(self) -> int | None:
        """Bits per weight of the quantisation; None when weights are stored as floating-point numbers."""
        match = re.match(r"I?Q(\d)", self.quantisation)
        return int(match[1]) if match else None

    def token_id(self, which: str) -> int | None:
        """Id of the ``bos``, ``eos``, ``unknown`` or ``padding`` token, where the file names one."""
        value = self.fields.get(f"tokenizer.ggml.{which}_token_id")
        return int(value) if value is not None and 0 <= int(value) < len(self.tokens) else None

    def sha256(self) -> str:
        """Hash of the whole file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def read_gguf(path: Path) -> GGUFFile:
    """Read the header and check that all tensors are there.

    Raises ModelError: no such file, not a GGUF file, truncated, an architecture that cannot be read, no gguf package.
    """
    if not path.is_file():
        raise ModelError(f"{path}: expected a GGUF file; there is no such file.")
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"GGUF":
        raise ModelError(f"{path}: expected a GGUF file, which begins with the bytes GGUF; found {magic!r}.")
    reader = _reader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    architecture = str(fields.get("general.architecture", ""))
    _check_architecture(path, architecture)
    weights: Counter[str] = Counter()
    for tensor in reader.tensors:
        weights[tensor.tensor_type.name] += int(tensor.n_elements)
    return GGUFFile(
        path=path,
        architecture=architecture,
        name=_name(fields, path),
        licence=str(fields.get("general.license", "")),
        quantisation=_quantisation(fields, weights),
        types=dict(weights.most_common()),
        tokens=tuple(fields.get("tokenizer.ggml.tokens", ())),
        fields=fields,
    )


def _reader(path: Path) -> Any:
    try:
        from gguf import GGUFReader
    except ImportError:
        raise ModelError(
            "Reading a GGUF file needs the Python package gguf, which is not installed: pip install gguf"
        ) from None
    try:
        return GGUFReader(path)
    except (ValueError, IndexError, KeyError, OSError, OverflowError, MemoryError) as error:
        raise ModelError(
            f"{path}: expected a whole GGUF file; its {path.stat().st_size:,} bytes end or break before all that the "
            f"header announces ({error}). It is truncated or damaged: copy it again and compare its checksum."
        ) from error


def _check_architecture(path: Path, architecture: str) -> None:
    from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

    known = sorted(set(GGUF_SUPPORTED_ARCHITECTURES) - _NOT_CAUSAL)
    if architecture not in known:
        raise ModelError(
            f"{path}: expected the architecture of a causal language model that transformers reads from GGUF "
            f"({', '.join(known)}); found {architecture or 'none'!r}. Use another model, or a newer transformers."
        )


def _name(fields: dict[str, Any], path: Path) -> str:
    base, size = fields.get("general.basename"), fields.get("general.size_label")
    if base and size:
        return f"{base}-{size}"
    return str(fields.get("general.name") or path.stem)


def _quantisation(fields: dict[str, Any], weights: Counter[str]) -> str:
    """The file's type by its own statement; without one, the quantised type of most weights."""
    from gguf import LlamaFileType

    stated = fields.get("general.file_type")
    if stated is not None and any(stated == kind.value for kind in LlamaFileType):
        return LlamaFileType(stated).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    quantised = [kind for kind, _ in weights.most_common() if kind not in _EXACT]
    return quantised[0] if quantised else weights.most_common(1)[0][0] if weights else "unknown"
