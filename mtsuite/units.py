"""Sizes and times as text.  GB is 10^9 bytes and MB 10^6 everywhere in the suite, as on the label of a disk."""

from __future__ import annotations

MEGABYTE = 10**6
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def size_text(number: float) -> str:
    """A number of bytes: ``1.5 GB``, ``966 MB``, ``3.2 MB``, ``17 B``."""
    for scale, unit in _UNITS:
        if number >= 0.9995 * scale:
            value = number / scale
            return f"{value:.1f} {unit}" if value < 9.95 or scale >= 1e9 else f"{value:.0f} {unit}"
    return f"{number:.0f} B"


def duration(seconds: float) -> str:
    """Seconds as ``0.8 s``, ``42 s``, ``3 min 20 s`` or ``2 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"
