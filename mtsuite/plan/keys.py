"""What enters content keys besides the recipe: versions of the suite's own steps, identities of files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

# Raise a number when the output of that kind of job changes for the same specification.
VERSIONS = {
    "corpus": 2,
    "microworld": 1,  # a corpus of generated text alone: how text is read and compared does not touch it
    "base": 1,
    "probe": 2,
    "start": 1,
    "train": 2,
    "choose": 1,
    "chosen": 1,
    "translate": 2,
    "external": 1,
    "score": 2,
    "comet": 1,
    "perplexity": 2,
    "near": 1,
    "report": 9,
}

_WHOLE = 2 << 30  # files up to 2 GiB are hashed whole, larger ones at 64 places


def file_digest(path: Path) -> str:
    """A hash of a file's bytes; of a sample of them for weights of several gigabytes."""
    size = path.stat().st_size
    state = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        if size <= _WHOLE:
            while block := file.read(1 << 20):
                state.update(block)
        else:
            for place in range(64):
                file.seek(size * place // 64)
                state.update(file.read(1 << 20))
    return state.hexdigest()[:16]


def checkpoint_identity(name_or_path: str, folder: Path) -> str:
    """A local checkpoint by its content, so that moving it changes nothing; a hub name by itself."""
    path = folder / name_or_path
    if path.is_dir():
        files = sorted(
            p
            for p in path.iterdir()
            if p.suffix in {".jinja", ".json", ".safetensors", ".bin", ".model", ".py", ".txt"}
        )
        return hashlib.sha256(" ".join(f"{p.name}={file_digest(p)}" for p in files).encode()).hexdigest()[:16]
    return name_or_path


def comet_identity(settings: dict[str, Any]) -> str:
    """Which COMET: the embedded one by its card, a file by its content, a hub checkpoint by its name."""
    name = settings["checkpoint"]
    if name == "embedded":
        card = Path(__file__).parent.parent / "metrics" / "comet_embedded" / "checkpoint" / "card.json"
        return f"embedded:{file_digest(card)}" if card.is_file() else "embedded:missing"
    path = Path(name)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        return hashlib.sha256(" ".join(f"{p.name}={file_digest(p)}" for p in files).encode()).hexdigest()[:16]
    return file_digest(path) if path.is_file() else name
