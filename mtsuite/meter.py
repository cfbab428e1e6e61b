"""Peak memory of a job, the one meter of the suite: in MB of 10^6 bytes.  Never imports torch.

Whoever runs a job calls ``reset_peak_memory`` before it; the job's own costs and its ``status.json`` both count from
there.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from mtsuite.units import MEGABYTE


def reset_peak_memory() -> None:
    """Start measuring peak memory anew (Linux; elsewhere the peak is that of the whole process so far)."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    cuda = _cuda()
    if cuda is not None:
        with contextlib.suppress(Exception):
            cuda.reset_peak_memory_stats()


def peak_memory_mb() -> float | None:
    """Most memory this process held since ``reset_peak_memory``, in MB."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/status") as file:
        for line in file:
            if line.startswith("VmHWM:"):  # in units of 1,024 bytes, which it calls kB
                return round(int(line.split()[1]) * 1024 / MEGABYTE, 1)
    with contextlib.suppress(Exception):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return round(peak * (1 if sys.platform == "darwin" else 1024) / MEGABYTE, 1)
    return None


def peak_gpu_memory_mb() -> float | None:
    """Most memory torch held on the current CUDA device since ``reset_peak_memory``, in MB; None without one."""
    cuda = _cuda()
    with contextlib.suppress(Exception):
        return round(cuda.max_memory_allocated() / MEGABYTE, 1) if cuda is not None else None
    return None


def peak_training_memory_mb() -> float | None:
    """The accelerator's peak where there is one, else the process's, in MB."""
    gpu = peak_gpu_memory_mb()
    return gpu if gpu is not None else peak_memory_mb()


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
