"""Charts with matplotlib: averages, quality against cost, learning curves.

Each function makes a Figure; ``rendered`` turns it into PNG and SVG.  Call both inside ``style()``.
matplotlib is imported on first use and never opens a window.

Figures are made for a column of a two-column paper (3.3 inches): at that width no text is smaller than 6.5 points.
Whatever colour says, a mark, a dash or a hatch says too.
"""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mtsuite.report.render.text import count, typographic

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
_LABELLED = 8  # points of a chart; more are told apart by marks and a key
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


@dataclass(frozen=True)
class CostAxis:
    """A cost as the x axis of a chart: its name in costs.csv, what the axis says, and what the file is called."""

    key: str
    label: str
    name: str


TRAINED = CostAxis("trainable_params", "Trained parameters", "params")
COST_AXES = (TRAINED, CostAxis("train_seconds", "Training time", "time"),
             CostAxis("peak_memory_mb", "Peak memory of training", "memory"))  # fmt: skip


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
    return [wrapped(label, _KEY_LABEL) for label in labels] if len(labels) > _LABELLED else list(labels)


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


def quality_against_cost(points: Sequence[Point], metric: str, cost: CostAxis = TRAINED) -> Figure:
    """Average score over a cost; methods that train nothing are dashed lines across.

    Up to eight methods are named at their points; where names would cover one another, or there are more, marks and a
    key tell them apart.
    """
    placed = [p for p in points if p.costs.get(cost.key)]
    flat = [p for p in points if not p.costs.get(cost.key)]
    if len(placed) <= _LABELLED:
        figure = _quality(placed, flat, metric, cost, key=False)
        if _place_labels(figure.axes[0], [(p, p.costs[cost.key] / _unit(cost, placed)[1]) for p in placed]):
            return figure
    return _quality(placed, flat, metric, cost, key=True)


def _quality(placed: Sequence[Point], flat: Sequence[Point], metric: str, cost: CostAxis, *, key: bool) -> Figure:
    figure, axes = new_figure(WIDTH, 2.5 + (key_height([p.label for p in placed], WIDTH) if key else 0))
    unit, size = _unit(cost, placed)
    handles = []
    for index, p in enumerate(placed):
        mark: dict[str, Any] = {"color": BAR, "marker": "o", "markersize": 5}
        if key:
            fill = FILLS[index // len(MARKS) % len(FILLS)]
            mark = {"color": COLOURS[(index + index // len(MARKS)) % len(COLOURS)], "marker": MARKS[index % len(MARKS)],
                    "markersize": 5.5, "fillstyle": fill, "markerfacecoloralt": "white"}  # fmt: skip
        reach = None if p.reach is None else [[p.reach[0]], [p.reach[1]]]
        place = (p.costs[cost.key] / size, p.score)
        axes.errorbar(*place, yerr=reach, fmt="none", ecolor=mark["color"], elinewidth=0.9, capsize=2, zorder=2)
        handles += axes.plot(*place, linestyle="none", label=p.label, zorder=3, **mark)
    front = pareto_front([(p.costs[cost.key] / size, p.score) for p in placed])
    if len(front) > 1:
        axes.step(*zip(*front, strict=True), where="post", color=MUTED, linewidth=0.9, zorder=1)
    values = [p.costs[cost.key] / size for p in placed]
    logarithmic = bool(values) and (cost is TRAINED or max(values) >= 10 * min(values))
    if logarithmic:
        axes.set_xscale("log")
    axes.margins(x=0.16, y=0.14)
    _ticks(axes, count if cost is TRAINED else "{:g}".format, logarithmic=logarithmic)
    off_scale = _flat_lines(axes, placed, flat)
    axes.grid(which="major")
    scale = "log scale" if logarithmic else ""
    said = ", ".join(part for part in (unit, scale) if part)
    steps = "\nSteps: Pareto front (no row scores as high for less)" if len(front) > 1 else ""
    axes.set_xlabel((f"{cost.label} ({said})" if said else cost.label) + steps + off_scale)
    axes.set_ylabel(f"Average {metric}")
    axes.set_title(f"{metric} against {cost.label[:1].lower()}{cost.label[1:]}")
    if key:
        draw_key(figure, handles)
    return figure


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, score) points that no other beats, by ascending cost: none costs as little and scores as high."""
    front: list[tuple[float, float]] = []
    for cost, score in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or score > front[-1][1]:
            front.append((cost, score))
    return front


def _unit(cost: CostAxis, points: Sequence[Point]) -> tuple[str, float]:
    """The unit of the axis and how much of costs.csv's it is."""
    top = max((p.costs[cost.key] for p in points), default=0.0)
    if cost.key == "train_seconds":
        return ("h", 3600.0) if top >= 3 * 3600 else ("min", 60.0) if top >= 180 else ("s", 1.0)
    if cost.key == "peak_memory_mb":
        return ("GB", 1000.0) if top >= 1000 else ("MB", 1.0)
    return "", 1.0


def _ticks(axes: Axes, shown: Callable[[float], str], *, logarithmic: bool) -> None:
    """Round numbers in the axis's unit, at least two and never so many that they touch."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    if logarithmic:
        axes.xaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_xlim())))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value)))


def log_ticks(low: float, high: float) -> list[float]:
    """Two to six round numbers on a log axis from ``low`` to ``high``; on one too short for that, two that are not."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for parts in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 8)):
        found = [part * 10.0**power for power in powers for part in parts if low <= part * 10.0**power <= high]
        if len(found) >= 3:
            break
    if len(found) < 2:
        return [low**0.75 * high**0.25, low**0.25 * high**0.75]
    return found[:: -(-len(found) // 6)]


def _flat_lines(axes: Axes, placed: Sequence[Point], flat: Sequence[Point]) -> str:
    """Dashed lines for methods that train nothing; those far from all points are named in the text that is returned."""
    scores = [p.score for p in placed]
    reach = max(2.0, 0.75 * (max(scores) - min(scores))) if scores else float("inf")
    far = [p for p in flat if scores and not min(scores) - reach <= p.score <= max(scores) + reach]
    for p in flat:
        if p not in far:
            axes.axhline(p.score, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
            place: dict[str, Any] = {
                "xycoords": axes.get_yaxis_transform(),
                "xytext": (-2, 2),
                "textcoords": "offset points",
            }
            axes.annotate(f"{p.label} (trains nothing)", (1, p.score), ha="right", fontsize=7, color=MUTED, **place)
    named = ", ".join(f"{p.label} {p.score:.2f}" for p in far)
    return "\n" + wrapped(f"Off the scale, train nothing: {named}", 52) if far else ""


def _place_labels(axes: Axes, points: Sequence[tuple[Point, float]]) -> bool:
    """Labels beside their points (given with their place on the x axis), where they cover no other label or point.

    Each is put at the first of a few such places; False when one of them has none.
    """
    from matplotlib.transforms import Bbox

    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.canvas.draw()  # the layout is known only then
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    bars = [axes.transData.transform([(x, p.low), (x, p.high)]) for p, x in points]
    taken = [Bbox.from_extents(left - 5, below - 4, right + 5, above + 4) for (left, below), (right, above) in bars]
    taken += [text.get_window_extent(renderer) for text in axes.texts]
    frame = axes.get_window_extent(renderer)
    places = [
        (6, 2, "left"),
        (-6, 2, "right"),
        (6, -8, "left"),
        (-6, -8, "right"),
        (0, 7, "center"),
        (0, -13, "center"),
    ]
    for p, x in sorted(points, key=lambda placed: (placed[1], placed[0].score, placed[0].label)):
        for dx, dy, side in places:
            text = axes.annotate(
                p.label,
                (x, p.score),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=side,
                fontsize=7,
            )
            box = text.get_window_extent(renderer)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()
        else:
            return False
    return True


# -- learning curves ------------------------------------------------------------------------------


def learning_curves(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    measured: Mapping[str, Sequence[tuple[float, float]]] = MappingProxyType({}),
    length: str = "",
) -> Figure:
    """Training loss over steps, a line a method (label → points), told apart by colour, dash and mark.

    ``measured`` is the loss on validation text, as open circles in the method's colour; ``length`` says how many
    epochs the steps are.
    """
    figure, axes = new_figure(WIDTH, (2.3 if len(curves) <= _LABELLED else 3.0) + key_height(list(curves), WIDTH))
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
