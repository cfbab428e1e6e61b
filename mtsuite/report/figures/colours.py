"""The colours of heat maps in figures, of matrices and of methods' charts; the page's are in ``tables.css``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.typing import ColorType

# Worse → no change → better.  Both ends are equally dark, so in grey the depth shows the size and the sign is printed.
WORSE_TO_BETTER = ("#a8480b", "#d98a4b", "#f2cfae", "#f7f7f5", "#b9d3e6", "#5d9cc6", "#14598f")
PALE_TO_DARK = WORSE_TO_BETTER[3:]
_WHITE_INK_BELOW = 0.21  # luminance at which white ink begins to have the better contrast


def is_dark(colour: ColorType) -> bool:
    """Whether numbers on this colour are printed in white."""
    return luminance(colour) < _WHITE_INK_BELOW


def luminance(colour: ColorType) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white), as WCAG 2 defines it."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
