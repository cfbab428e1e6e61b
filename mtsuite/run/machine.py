"""What this machine offers: cores, graphics cards, memory used.  Never imports torch."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from typing import Any

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


def reset_peak_memory() -> None:
    """Start measuring peak memory anew (Linux; elsewhere the peak is that of the whole process so far)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    cuda = _cuda()
    if cuda is not None:
        with contextlib.suppress(Exception):
            cuda.reset_peak_memory_stats()


def peak_memory_mb() -> float | None:
    """Most memory this process held since ``reset_peak_memory``, in MiB."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1024, 1)
    with contextlib.suppress(Exception):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024), 1)
    return None


def peak_gpu_memory_mb() -> float | None:
    """Most memory torch held on the current CUDA device since ``reset_peak_memory``, in MiB; None without one."""
    cuda = _cuda()
    with contextlib.suppress(Exception):
        return round(cuda.max_memory_allocated() / 2**20, 1) if cuda is not None else None
    return None


def release_gpu_memory() -> None:
    """Give back what torch keeps for itself, so that workers that share a device do not starve each other."""
    cuda = _cuda()
    if cuda is not None:
        with contextlib.suppress(Exception):
            cuda.empty_cache()


def _cuda() -> Any:
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    try:
        return cuda if cuda is not None and cuda.is_initialized() else None
    except Exception:
        return None
