"""What this machine offers: cores and graphics cards.  Never imports torch."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

MOST_WORKERS = 8


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """Names (UUIDs or what ``CUDA_VISIBLE_DEVICES`` says) of the CUDA devices a job could use."""
    if shutil.which("nvidia-smi") is None:
        return []
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        names = [name.strip() for name in named.split(",") if name.strip()]
        return [] if "-1" in names or "NoDevFiles" in names else names
    try:
        answer = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return parse_gpu_list(answer.stdout) if answer.returncode == 0 else []


def parse_gpu_list(text: str) -> list[str]:
    """UUIDs in the answer of ``nvidia-smi -L``; a card that is cut into MIG slices counts as its slices."""
    names: list[str] = []
    for line in text.splitlines():
        found = re.search(r"UUID: ((?:GPU|MIG)-[^)\s]+)", line)
        if found is None:
            continue
        name = found.group(1)
        if name.startswith("MIG-") and names and names[-1].startswith("GPU-"):
            names.pop()
        names.append(name)
    return names


def default_workers(gpus: list[str] | None = None) -> int:
    """One worker a CUDA device, or one a core up to eight where there is none."""
    found = visible_gpus() if gpus is None else gpus
    return len(found) if found else min(usable_cores(), MOST_WORKERS)
