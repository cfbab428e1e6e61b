"""A view of a transfer matrix as a picture: the number in every cell, rules between language families.

Differences are blue where they are better and orange where they are worse, and carry their sign; scores go from pale to
dark.  In grey the depth shows the size and the printed sign which way.  Cells have one decimal; the files beside the
picture have all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mtsuite.report.figures.base import INK, MUTED, new_figure
from mtsuite.report.figures.colours import PALE_TO_DARK, WORSE_TO_BETTER, is_dark
from mtsuite.report.render.text import typographic
from mtsuite.report.tables.matrix_view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

_CELL, _LINE = 0.46, 0.27  # inches of a cell: wide enough for +12.3
_LETTER = 0.062  # inches of a letter of a family's name


def heat_map(view: View) -> Figure:
    """The view's grid; the scale of differences is symmetric about 0, so that white is none."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize
    from matplotlib.patches import Rectangle

    lines = [*((label, line) for _, label, line in view.above), *zip(view.rows, view.values, strict=True)]
    first = len(lines) - len(view.rows)
    across, down = len(view.columns), len(lines)
    families = view.column_bands if len(view.column_bands) > 1 else []
    wide = max([_CELL, *(_LETTER * (len(band.heading) + 1) / band.length for band in families)])
    names = max(len(name) for name, _ in lines)
    figure, axes = new_figure(
        max(3.4, 1.15 + 0.07 * names + wide * across), max(1.9, 1.05 + 0.2 * bool(families) + _LINE * down)
    )
    stops = PALE_TO_DARK if not view.signed else WORSE_TO_BETTER[::-1] if view.lower_is_better else WORSE_TO_BETTER
    colours = LinearSegmentedColormap.from_list("worse-better", stops)
    low, top = view.span
    scale = Normalize(low, top)
    for y, (name, line) in enumerate(lines):
        for x, (tested, value) in enumerate(zip(view.columns, line, strict=True)):
            fill = "#eeeeee" if value is None else colours(scale(value))
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, edgecolor="white", linewidth=0.8))
            dark = value is not None and is_dark(fill)
            own = name == tested
            axes.text(
                x + 0.5,
                y + 0.5,
                typographic(view.text(value, 1)),
                ha="center",
                va="center",
                fontsize=7.5,
                color="white" if dark else INK,
                fontweight="bold" if own else "normal",
            )
            if own:
                frame = Rectangle((x + 0.04, y + 0.05), 0.92, 0.9, fill=False, edgecolor=INK, linewidth=1, zorder=3)
                axes.add_patch(frame)
    axes.set_xlim(0, across)
    axes.set_ylim(down, 0)
    axes.set_xticks([x + 0.5 for x in range(across)], view.columns, rotation=45 if across > 14 else 0)
    axes.set_yticks([y + 0.5 for y in range(down)], [name for name, _ in lines])
    axes.tick_params(length=0, labelsize=7.5)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_ylabel("trained on", color=MUTED, labelpad=4)
    axes.spines[:].set_visible(False)
    _families(axes, view, first)
    axes.set_xlabel("tested on", color=MUTED, labelpad=18 if families else 4)
    figure.suptitle(view.title, x=0.01, ha="left", fontsize=8.5, fontweight="bold", wrap=True)
    beyond = [v for line in view.values for v in line if v is not None and not low <= v <= top]
    extend = ("neither", "min", "max", "both")[(min(beyond, default=0) < low) + 2 * (max(beyond, default=0) > top)]
    _colour_bar(figure, axes, colours, scale, view, extend)
    return figure


def _families(axes: Axes, view: View, first: int) -> None:
    """Rules between families (thicker between scripts) and the families' names over the columns."""
    columns, rows = view.column_bands, view.row_bands
    for before, band in zip([None, *columns], columns, strict=False):
        if before is not None:
            axes.axvline(band.start, color=INK, linewidth=_rule(before.script == band.script))
        if len(columns) > 1:
            axes.annotate(
                band.heading,
                (band.start + band.length / 2, 1),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 17),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=MUTED,
                annotation_clip=False,
            )
    for before, band in zip([None, *rows], rows, strict=False):
        if before is not None:
            axes.axhline(band.start + first, color=INK, linewidth=_rule(before.script == band.script))
    if first:
        axes.axhline(first, color="white", linewidth=2.5)


def _rule(same_script: bool) -> float:
    return 0.6 if same_script else 1.4


def _colour_bar(figure: Figure, axes: Axes, colours: Colormap, scale: Normalize, view: View, extend: str) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    bar = figure.colorbar(
        ScalarMappable(norm=scale, cmap=colours),
        ax=axes,
        fraction=0.045,
        pad=0.02,
        aspect=18,
        extend=extend,
        extendfrac=0.04,
        ticks=MaxNLocator(5, symmetric=view.signed),
        format=FuncFormatter(lambda v, _: typographic(f"{v:+g}" if v and view.signed else f"{v:g}")),
    )
    bar.set_label(view.unit, color=MUTED)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, labelsize=7)
