"""Charts with matplotlib: style, keys, averages, learning curves.

Each function makes a Figure; ``rendered`` turns it into PNG and SVG.  Call both inside ``style()``.
matplotlib is imported on first use and never opens a window.

Figures are made for a column of a two-column paper (3.3 inches): at that width no text is smaller than 6.5 points.
Whatever colour says, a mark, a dash or a hatch says too.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mtsuite.report.render.text import typographic

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours (distinct to the colour-blind), the yellow left out: it is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#7f7f7f")
DASHES = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
FILLS = ("full", "none", "bottom")
INK, MUTED, RULE = "#222222", "#666666", "#d9d9d9"
BAR, BAR_PLAIN = "#3b6ea5", "#b8c4d0"
WIDTH = 3.5  # inches
_CURVE = 60  # points of a learning curve
LABELLED = 8  # points of a chart; more are told apart by marks and a key
_LABEL, _KEY_LABEL = 26, 20  # letters of a line of a label

_STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "svg.hashsalt": "mtsuite",
    "svg.fonttype": "path",
    "font.family": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelsize": 7.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#999999",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "text.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "legend.handlelength": 2.8,
    "legend.columnspacing": 1.2,
    "figure.dpi": 100,
    "savefig.dpi": 240,
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Point:
    """One method in a chart.

    Mean score; sd over seeds (None: one seed); trained parameters (None: trains nothing); the ends of the score's
    confidence interval, if there is one; ``costs`` by their names in costs.csv.
    """

    method: str
    label: str
    score: float
    sd: float | None = None
    params: float | None = None
    trained: bool = True
    interval: tuple[float, float] | None = None
    costs: Mapping[str, float] = field(default_factory=dict)

    @property
    def reach(self) -> tuple[float, float] | None:
        """How far the error bar goes to the left and right of the score: the interval, else ± sd, else nowhere."""
        if self.interval is not None:
            low, high = self.interval
            return max(0.0, self.score - low), max(0.0, high - self.score)
        return None if self.sd is None else (self.sd, self.sd)

    @property
    def low(self) -> float:
        return self.score - (self.reach or (0.0, 0.0))[0]

    @property
    def high(self) -> float:
        return self.score + (self.reach or (0.0, 0.0))[1]


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
        figure.set_layout_engine(None)  # the first one laid it out: half of the time, and both are alike
    return files


def look(index: int) -> dict[str, Any]:
    """Colour, dash and mark of the line with this number; the first 32 differ in dash or mark, without colour too."""
    round_ = index // len(MARKS)
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": DASHES[(index + round_) % len(DASHES)],
        "marker": MARKS[index % len(MARKS)],
    }


def wrapped(label: str, letters: int = _LABEL) -> str:
    """A long label on several lines."""
    lines = textwrap.wrap(label, letters, break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines or [label])


def _key_labels(labels: Sequence[str]) -> list[str]:
    """Labels as a key has them: long ones of a long key on several lines, so that two stand side by side."""
    return [wrapped(label, _KEY_LABEL) for label in labels] if len(labels) > LABELLED else list(labels)


def _key_columns(labels: Sequence[str], width: float) -> int:
    """How many columns of these labels fit under a figure of this width (inches)."""
    longest = max((len(line) for label in labels for line in label.split("\n")), default=1)
    return max(1, min(len(labels), int(width / (0.5 + 0.056 * longest))))


def key_height(labels: Sequence[str], width: float) -> float:
    """The height of a key with these labels in inches: what a figure grows by."""
    shown = _key_labels(labels)
    rows = -(-len(shown) // _key_columns(shown, width)) if shown else 0
    columns = [shown[start : start + rows] for start in range(0, len(shown), rows or 1)]
    return max((0.1 + sum(0.04 + 0.11 * (1 + label.count("\n")) for label in column) for column in columns), default=0)


def draw_key(figure: Figure, handles: Sequence[Artist], marks: float = 1.0) -> None:
    """The key under the axes, where it covers nothing however many entries it has; ``marks``: how much larger there."""
    labels = _key_labels([str(handle.get_label()) for handle in handles])
    columns = _key_columns(labels, figure.get_figwidth())
    figure.legend(handles=list(handles), labels=labels, loc="outside lower center", ncols=columns, markerscale=marks)


# -- averages -------------------------------------------------------------------------------------


def average_bars(points: Sequence[Point], metric: str, decimals: int = 2, said: str = "") -> Figure:
    """Horizontal bars of the average score, in the report's order, with its interval or ± one sd over seeds.

    ``said`` tells on the axis what the error bars are.
    """
    labels = [wrapped(p.label) for p in points]
    lines = sum(label.count("\n") for label in labels)
    figure, axes = new_figure(WIDTH, 0.85 + 0.23 * max(2, len(points)) + 0.1 * lines)
    top = max([p.high for p in points], default=1) or 1
    low = min([0.0, *(p.low for p in points)])
    for position, p in enumerate(points):
        colour, hatch = (BAR, "") if p.trained else (BAR_PLAIN, "////")
        axes.barh(position, p.score, height=0.68, color=colour, hatch=hatch, edgecolor="white", linewidth=0)
        if p.reach is not None:
            reach = [[p.reach[0]], [p.reach[1]]]
            axes.errorbar(p.score, position, xerr=reach, color=INK, linewidth=0.9, capsize=2)
        text = f"{p.score:.{decimals}f}"
        if p.reach is not None and p.interval is None:
            text += f" ±{p.sd:.{decimals}f}"
        axes.annotate(
            typographic(text), (max(p.high, 0), position), xytext=(3, 0), textcoords="offset points", va="center",
            fontsize=7,
        )  # fmt: skip
    axes.set_yticks(range(len(points)), labels)
    axes.set_ylim(len(points) - 0.5, -0.5)
    axes.set_xlim(low * 1.05, top + (0.3 if "±" in "".join(t.get_text() for t in axes.texts) else 0.18) * (top - low))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(low < 0)
    axes.grid(axis="x")
    axes.set_xlabel(f"{metric}, average over directions" + (f"\n{said}" if said else ""))
    axes.set_title(f"Average {metric}")
    if any(not p.trained for p in points) and any(p.trained for p in points):
        from matplotlib.patches import Patch

        plain = Patch(facecolor=BAR_PLAIN, hatch="////", edgecolor="white", linewidth=0, label="not trained")
        patches = [Patch(facecolor=BAR, label="trained"), plain]
        draw_key(figure, patches)
    return figure


# -- quality against cost -------------------------------------------------------------------------


def learning_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    measured: Mapping[str, Sequence[tuple[float, float]]] = MappingProxyType({}),
    length: str = "",
) -> Figure:
    """Training loss over steps, a line a method (label → points), told apart by colour, dash and mark.

    ``measured`` is the loss on validation text, as open circles in the method's colour; ``length`` says how many
    epochs the steps are.
    """
    figure, axes = new_figure(WIDTH, (2.3 if len(curves) <= LABELLED else 3.0) + key_height(list(curves), WIDTH))
    handles = []
    for index, (label, points) in enumerate(curves.items()):
        thin = thinned(points, _CURVE)
        every = max(1, len(thin) // 8)
        handles += axes.plot(
            [x for x, _ in thin],
            [y for _, y in thin],
            linewidth=1.1,
            markersize=3.2,
            markevery=((index * 3) % every, every),
            label=label,
            **look(index),
        )
        if label in measured:
            axes.plot(
                [x for x, _ in measured[label]],
                [y for _, y in measured[label]],
                color=look(index)["color"],
                linestyle=":",
                linewidth=0.6,
                marker="o",
                markersize=3.6,
                fillstyle="none",
            )
    axes.grid(axis="y")
    axes.set_xlabel(f"Step ({length})" if length else "Step")
    axes.set_ylabel("Loss (nats per target token)" if measured else "Training loss (nats per target token)")
    axes.set_title("Learning curves")
    if curves:
        draw_key(figure, handles)
    return figure


def thinned(points: Sequence[tuple[float, float]], limit: int = 150) -> list[tuple[float, float]]:
    """At most ``limit`` points: means of neighbours, so that a long run does not make a heavy figure."""
    if len(points) <= limit:
        return [(float(x), float(y)) for x, y in points]
    edges = [round(i * len(points) / limit) for i in range(limit + 1)]
    pieces = [points[a:b] for a, b in pairwise(edges)]
    return [(sum(x for x, _ in p) / len(p), sum(y for _, y in p) / len(p)) for p in pieces]
