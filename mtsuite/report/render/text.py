"""Numbers and names as they are printed: one place, so that every renderer prints the same."""

from __future__ import annotations

from mtsuite.names import safe_name

HOLE = "—"  # a cell whose number is missing
MINUS = "−"  # U+2212: a hyphen is too short beside digits


def fixed(value: float, decimals: int = 2, signed: bool = False) -> str:
    """``value`` with so many decimals and an ASCII hyphen as its minus; never ``-0.00``.

    With ``signed`` a positive number carries a plus; a value that rounds to zero carries no sign.
    """
    text = f"{value:.{decimals}f}"
    if float(text) == 0:
        return f"{0:.{decimals}f}"
    return f"+{text}" if signed and value > 0 else text


def typographic(text: str) -> str:
    """A number that starts with a hyphen with a true minus sign instead, for figures and HTML."""
    return MINUS + text[1:] if text.startswith("-") else text


def count(value: float) -> str:
    """A number of parameters or tokens: ``0``, ``512``, ``1.2 K``, ``45.6 M``, ``7.07 B`` (three digits at most)."""
    if value < 0:
        return f"-{count(-value)}"
    for scale, unit in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        # 999.5 of a unit would print as 1000, so the next unit takes over a little earlier.
        if value >= scale * 0.9995:
            return f"{_three_digits(value / scale)} {unit}"
    return f"{value:.0f}"


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return (f"{value:.1f}" if value >= 9.995 else f"{value:.2f}").rstrip("0").rstrip(".")


def rate(value: float) -> str:
    """Something a second: three digits that count."""
    if value >= 1000:
        return count(value)
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}"


_METRICS = frozenset({"BLEU", "BLEU-paper", "spBLEU", "chrF", "chrF++", "TER", "COMET"})


def slug(text: str) -> str:
    """The part of a file name that is a metric's, a row's or a test set's name; different names, different parts.

    The suite's metrics go by their names in small letters: ``bleu``, ``chrf++``.
    """
    if text in _METRICS:
        return text.lower()
    return safe_name(text if text not in {metric.lower() for metric in _METRICS} else f"{text}\0")


def listed(names: list[str], limit: int = 0) -> str:
    """``a``, ``a and b``, ``a, b and c``; with a ``limit``, ``a, b and 4 more``."""
    if limit and len(names) > limit:
        return f"{', '.join(names[:limit])} and {len(names) - limit} more"
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def one_line(text: str) -> str:
    """Text with every run of white space, line breaks included, made one blank."""
    return " ".join(text.split())
