"""Charts with matplotlib: averages, quality against trained parameters, learning curves.

Each function makes a Figure; ``rendered`` turns it into PNG and SVG.  Call both inside ``style()``.
matplotlib is imported on first use and never opens a window.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mtsuite.report.text import count, typographic

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours (distinct to the colour-blind), the yellow left out: it is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7f7f7f")
DASHES = ("-", "--", "-.", ":")
INK, MUTED, RULE = "#222222", "#666666", "#d9d9d9"
BAR, BAR_PLAIN = "#3b6ea5", "#b8c4d0"

_STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "svg.hashsalt": "mtsuite",
    "svg.fonttype": "path",
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "legend.frameon": False,
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Point:
    """One method in a chart: mean score, sd over seeds (None: one seed), trained parameters (None: trains nothing)."""

    method: str
    label: str
    score: float
    sd: float | None = None
    params: float | None = None
    trained: bool = True


@contextmanager
def style() -> Iterator[None]:
    """The suite's look, inside a ``with`` block; the caller's own settings come back after it."""
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        # A label in a script that DejaVu lacks is drawn as boxes; that is no reason to fill the terminal.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure (inches) that belongs to no window and no pyplot state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def rendered(figure: Figure) -> dict[str, bytes]:
    """The figure as ``png`` and ``svg``.  No date and no version goes in: equal figures are equal bytes."""
    files = {}
    for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        buffer = BytesIO()
        figure.savefig(buffer, format=ending, metadata=metadata)
        files[ending] = buffer.getvalue()
    return files


def average_bars(points: Sequence[Point], metric: str, decimals: int = 2) -> Figure:
    """Horizontal bars of the average score, in the report's order; error bars are ± one sd over seeds."""
    figure, axes = new_figure(6.4, 1.1 + 0.36 * max(2, len(points)))
    top = max([p.score + (p.sd or 0) for p in points], default=1) or 1
    low = min([0.0, *(p.score - (p.sd or 0) for p in points)])
    for position, p in enumerate(points):
        axes.barh(position, p.score, height=0.64, color=BAR if p.trained else BAR_PLAIN, linewidth=0)
        if p.sd is not None:
            axes.errorbar(p.score, position, xerr=p.sd, color=INK, linewidth=1, capsize=2.5)
        text = f"{p.score:.{decimals}f}" + (f" ±{p.sd:.{decimals}f}" if p.sd is not None else "")
        end = max(p.score, 0) + (p.sd or 0) + 0.012 * (top - low)
        axes.text(end, position, typographic(text), va="center", fontsize=8.5)
    axes.set_yticks(range(len(points)), [p.label for p in points])
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.set_xlim(low * 1.05, top * (1.2 if any(p.sd is not None for p in points) else 1.12))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(low < 0)
    axes.grid(axis="x")
    spread = ", mean ± sd over seeds" if any(p.sd is not None for p in points) else ""
    axes.set_xlabel(f"{metric}, average over directions{spread}")
    axes.set_title(f"Average {metric}")
    return figure


def quality_against_params(points: Sequence[Point], metric: str) -> Figure:
    """Average score over trained parameters on a log axis; methods that train nothing are dashed lines across."""
    figure, axes = new_figure(6.4, 4.0)
    placed = [p for p in points if p.params]
    flat = [p for p in points if not p.params]
    for p in placed:
        axes.errorbar(p.params or 1, p.score, yerr=p.sd, fmt="o", color=BAR, markersize=6, linewidth=1, capsize=2.5)
    if placed:
        axes.set_xscale("log")
        _count_ticks(axes, [p.params or 1 for p in placed])
    axes.margins(x=0.16, y=0.14)
    _flat_lines(axes, placed, flat)
    _place_labels(axes, placed)
    axes.grid(which="major")
    axes.set_xlabel("Trained parameters (log scale)")
    axes.set_ylabel(f"Average {metric}")
    axes.set_title(f"{metric} against trained parameters")
    return figure


def _flat_lines(axes: Axes, placed: Sequence[Point], flat: Sequence[Point]) -> None:
    """Dashed lines for methods that train nothing; those far from all points are named in the corner instead."""
    scores = [p.score for p in placed]
    reach = max(2.0, 0.75 * (max(scores) - min(scores))) if scores else float("inf")
    far = [p for p in flat if scores and not min(scores) - reach <= p.score <= max(scores) + reach]
    for p in flat:
        if p not in far:
            axes.axhline(p.score, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
            place: dict[str, Any] = {
                "xycoords": axes.get_yaxis_transform(),
                "xytext": (-2, 3),
                "textcoords": "offset points",
            }
            axes.annotate(f"{p.label} (trains nothing)", (1, p.score), ha="right", fontsize=8, color=MUTED, **place)
    if far:
        text = "Train nothing, off the scale: " + ", ".join(f"{p.label} {p.score:.2f}" for p in far)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        axes.annotate(text, (0.012, 0.03), xycoords="axes fraction", fontsize=8, color=MUTED, bbox=box)


def _count_ticks(axes: Axes, params: Sequence[float]) -> None:
    """Ticks such as 100 K and 1 M; in a narrow range 2 and 5 of each power too, so that there are at least two."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    narrow = max(params) < 100 * min(params)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if narrow else (1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _place_labels(axes: Axes, points: Sequence[Point]) -> None:
    """Labels beside their points, each at the first of a few places where it covers no other label or point."""
    from matplotlib.transforms import Bbox

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()  # the layout is known only then
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    dots = [axes.transData.transform((p.params or 1, p.score)) for p in points]
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in dots]
    frame = axes.get_window_extent(renderer)
    places = [
        (7, 3, "left"),
        (-7, 3, "right"),
        (7, -10, "left"),
        (-7, -10, "right"),
        (0, 9, "center"),
        (0, -16, "center"),
    ]
    for p in sorted(points, key=lambda p: (p.params or 0, p.score, p.label)):
        for attempt, (dx, dy, side) in enumerate([*places, places[0]]):
            text = axes.annotate(
                p.label,
                (p.params or 1, p.score),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=side,
                fontsize=8.5,
            )
            box = text.get_window_extent(renderer)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if attempt == len(places) or (inside and not any(box.overlaps(other) for other in taken)):
                taken.append(box)
                break
            text.remove()


def learning_curves(curves: Mapping[str, Sequence[tuple[float, float]]]) -> Figure:
    """Training loss over updates, a line a method (label → points); colour and dash both tell them apart."""
    figure, axes = new_figure(6.4, 3.8)
    for index, (label, points) in enumerate(curves.items()):
        thin = thinned(points)
        colour, dash = COLOURS[index % len(COLOURS)], DASHES[(index // len(COLOURS) + index) % len(DASHES)]
        axes.plot([x for x, _ in thin], [y for _, y in thin], color=colour, linestyle=dash, linewidth=1.3, label=label)
    axes.grid(axis="y")
    axes.set_xlabel("Update")
    axes.set_ylabel("Training loss")
    axes.set_title("Learning curves")
    if curves:
        figure.legend(loc="outside right upper", fontsize=8.5, handlelength=2.6)
    return figure


def thinned(points: Sequence[tuple[float, float]], limit: int = 150) -> list[tuple[float, float]]:
    """At most ``limit`` points: means of neighbours, so that a long run does not make a heavy figure."""
    if len(points) <= limit:
        return [(float(x), float(y)) for x, y in points]
    edges = [round(i * len(points) / limit) for i in range(limit + 1)]
    pieces = [points[a:b] for a, b in pairwise(edges)]
    return [(sum(x for x, _ in p) / len(p), sum(y for _, y in p) / len(p)) for p in pieces]
