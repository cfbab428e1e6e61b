"""A transfer matrix as a picture: blue above the base, orange below, number and sign in every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtsuite.report.figures import INK, MUTED, new_figure
from mtsuite.report.main_table import change_text
from mtsuite.report.matrix import Matrix
from mtsuite.report.matrix_files import span
from mtsuite.report.text import HOLE, typographic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.typing import ColorType

# Worse → no change → better.  Both ends are equally dark, so in grey the depth shows the size and the sign is printed.
_STOPS = ("#a8480b", "#d98a4b", "#f2cfae", "#f7f7f5", "#b9d3e6", "#5d9cc6", "#14598f")


def heat_map(matrix: Matrix) -> Figure:
    """The changes of a matrix; the scale is symmetric about 0, so that white is no change."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.patches import Rectangle

    across, down = len(matrix.columns), len(matrix.rows)
    figure, axes = new_figure(max(4.6, 2.2 + 0.62 * across), max(2.6, 1.7 + 0.44 * down))
    stops = _STOPS[::-1] if matrix.lower_is_better else _STOPS
    colours = LinearSegmentedColormap.from_list("worse-better", stops)
    top = span(matrix)
    scale = Normalize(-top, top)
    beyond = [v for line in matrix.changes for v in line if v is not None and abs(v) > top]
    extend = ("neither", "min", "max", "both")[(min(beyond, default=0) < 0) + 2 * (max(beyond, default=0) > 0)]
    for y, (trained, line) in enumerate(zip(matrix.rows, matrix.changes, strict=True)):
        for x, (tested, change) in enumerate(zip(matrix.columns, line, strict=True)):
            fill = "#eeeeee" if change is None else colours(scale(change))
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, edgecolor="white", linewidth=1.2))
            text = HOLE if change is None else typographic(change_text(change))
            dark = change is not None and luminance(fill) < 0.21  # there white ink begins to have the better contrast
            own = trained == tested
            axes.text(
                x + 0.5,
                y + 0.5,
                text,
                ha="center",
                va="center",
                fontsize=8.2,
                color="white" if dark else INK,
                fontweight="bold" if own else "normal",
            )
            if own:
                axes.add_patch(Rectangle((x + 0.04, y + 0.04), 0.92, 0.92, fill=False, edgecolor=INK, linewidth=1.1))
    axes.set_xlim(0, across)
    axes.set_ylim(down, 0)
    axes.set_xticks([x + 0.5 for x in range(across)], matrix.columns, rotation=45 if across > 14 else 0)
    axes.set_yticks([y + 0.5 for y in range(down)], matrix.rows)
    axes.tick_params(length=0, labelsize=8.5)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("tested on", color=MUTED, labelpad=6)
    axes.set_ylabel("trained on", color=MUTED, labelpad=6)
    axes.spines[:].set_visible(False)
    figure.suptitle(
        f"{matrix.label}: change in {matrix.metric} against {matrix.base_label}",
        x=0.01,
        ha="left",
        fontsize=10.5,
        fontweight="bold",
    )
    _colour_bar(figure, axes, colours, scale, matrix.unit, extend)
    return figure


def _colour_bar(figure: Figure, axes: Axes, colours: Colormap, scale: Normalize, unit: str, extend: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    mappable = ScalarMappable(norm=scale, cmap=colours)
    bar = figure.colorbar(
        mappable,
        ax=axes,
        fraction=0.045,
        pad=0.02,
        aspect=18,
        extend=extend,
        extendfrac=0.04,
        ticks=MaxNLocator(5, symmetric=True),
        format=FuncFormatter(lambda value, _: typographic(f"{value:+g}" if value else "0")),
    )
    bar.set_label(unit, color=MUTED)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=8)


def luminance(colour: ColorType) -> float:
    """Relative luminance of a colour, 0 (black) to 1 (white), as WCAG 2 defines it."""
    from matplotlib.colors import to_rgb

    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
