"""Peak memory of a piece of work: the accelerator's when there is one, else the process's resident size."""

from __future__ import annotations

from pathlib import Path


def reset_peak() -> None:
    """Start measuring anew, so that a reused process does not report an earlier job's peak."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        return
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")  # Linux: reset the high-water mark of resident memory


def peak_mb() -> float:
    """Megabytes (10^6 bytes) at the peak since ``reset_peak``."""
    import resource
    import sys

    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
