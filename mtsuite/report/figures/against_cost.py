"""Quality against a cost: one point per method, with the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mtsuite.report.figures.base import (
    BAR,
    COLOURS,
    FILLS,
    LABELLED,
    MARKS,
    MUTED,
    WIDTH,
    Point,
    draw_key,
    key_height,
    new_figure,
    wrapped,
)
from mtsuite.report.render.text import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class CostAxis:
    """A cost as the x axis of a chart: its name in costs.csv, what the axis says, and what the file is called."""

    key: str
    label: str
    name: str


TRAINED = CostAxis("trainable_params", "Trained parameters", "params")
COST_AXES = (TRAINED, CostAxis("train_seconds", "Training time", "time"),
             CostAxis("peak_memory_mb", "Peak memory of training", "memory"))  # fmt: skip


def quality_against_cost(points: Sequence[Point], metric: str, cost: CostAxis = TRAINED) -> Figure:
    """Average score over a cost; methods that train nothing are dashed lines across.

    Up to eight methods are named at their points; where names would cover one another, or there are more, marks and a
    key tell them apart.
    """
    placed = [p for p in points if p.costs.get(cost.key)]
    flat = [p for p in points if not p.costs.get(cost.key)]
    if len(placed) <= LABELLED:
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
