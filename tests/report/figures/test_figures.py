"""Figures: what error bars are, units on axes, and that they can be read in grey, in a column, with many methods."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from mtsuite.chart import Chart, Series
from mtsuite.errors import StoreError
from mtsuite.report import build_report
from mtsuite.report.figures import base as figures
from mtsuite.report.figures.against_cost import (
    COST_AXES,
    TRAINED,
    CostAxis,
    log_ticks,
    pareto_front,
    quality_against_cost,
)
from mtsuite.report.figures.base import WIDTH, Point, average_bars, learning_curves, look
from mtsuite.report.figures.charts import draw
from mtsuite.report.figures.drawings import points
from mtsuite.results.folder import read_results

from ..folders import grid, small, write_folder

COLUMN, BOTH = 3.3, 7.0  # inches of a column of a two-column paper, and of both
NAMES = [
    "zero-shot", "in-context", "full", "full + replay", "full, a model a direction", "ffn", "lora",
    "LoRA, a model a direction", "language-group-lora", "adapter", "adapter-lora", "llama-pro", "layers", "landermt",
    "landermt, random neurons", "na-mnmt", "lape", "mixlora", "llama-moe", "moe-lpr", "dense-two-stage", "mix-moe",
]  # fmt: skip


def many(count: int = len(NAMES)) -> list[Point]:
    rng = random.Random(1)
    made = []
    for index, name in enumerate(NAMES[:count]):
        trained = index > 1
        costs = {
            "trainable_params": rng.choice([131_072, 263_168, 1_305_600]),
            "train_seconds": rng.uniform(60, 400),
            "peak_memory_mb": rng.uniform(700, 1500),
        }
        score = rng.uniform(40, 60) if trained else 10.0
        made.append(Point(name, name, score, 0.5, None, trained, costs=costs if trained else {}))
    return made


def drawn_texts(figure: Figure) -> list[Text]:
    """All visible text; labels of ticks beyond the ends of an axis exist but are not drawn."""
    figure.canvas.draw()
    beyond = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            beyond |= {label for tick in axis.get_major_ticks() if not low <= tick.get_loc() <= high
                       for label in (tick.label1, tick.label2)}  # fmt: skip
    return [
        t
        for t in figure.findobj(Text)
        if isinstance(t, Text) and t.get_visible() and t.get_text().strip() and t not in beyond
    ]


def all_figures() -> list[Figure]:
    curves = {name: [(float(x), 1 / (1 + x)) for x in range(100)] for name in NAMES}
    bars = Chart("b", "Gains", "bars", "direction", "points", tuple(
        Series(name, ("en-de", "de-en", "en-fr", "fr-en"), (1.0, -2.0, 0.5, 3.0)) for name in NAMES[:4]))  # fmt: skip
    rows = tuple(Series(name, ("1", "2", "3", "4"), (0.1, 0.2, 0.3, 0.4)) for name in NAMES[:6])
    return [
        average_bars(many(), "BLEU"),
        *(quality_against_cost(many(n), "BLEU", cost) for cost in COST_AXES for n in (5, len(NAMES))),
        learning_curves(curves),
        draw(bars, "A title that is much longer than the axes under it are wide, so that it must be broken"),
        draw(Chart("g", "Grid", "grid", "layer", "mass", rows), "Grid"),
    ]


@pytest.fixture(scope="module")
def made() -> list[Figure]:
    with figures.style():
        return all_figures()


def test_no_text_covers_another_or_leaves_the_figure(made: list[Figure]) -> None:
    with figures.style():
        for figure in made:
            texts = drawn_texts(figure)
            boxes = [(t.get_text(), t.get_window_extent()) for t in texts]
            for (one, a), (other, b) in itertools.combinations(boxes, 2):
                width = min(a.x1, b.x1) - max(a.x0, b.x0)
                height = min(a.y1, b.y1) - max(a.y0, b.y0)
                rotated = any(t.get_rotation() % 90 for t in texts if t.get_text() in (one, other))
                assert rotated or width <= 1 or height <= 1, f"{one!r} and {other!r} overlap"
            for text, box in boxes:
                assert box.x1 <= figure.bbox.x1 + 2, f"{text!r} is cut off"
                assert box.x0 >= -2, f"{text!r} is cut off"


def test_at_the_width_of_a_column_text_is_not_too_small(made: list[Figure]) -> None:
    for figure in made:
        width = figure.get_figwidth()
        shrunk = (COLUMN if width < 3.6 else BOTH) / width  # what does not fit in one column is made for both
        assert width <= BOTH
        assert min(t.get_fontsize() for t in drawn_texts(figure)) * shrunk >= 6.5


def test_axes_have_labels_and_units(made: list[Figure]) -> None:
    for figure in made:
        assert figure.axes[0].get_xlabel()
    with figures.style():
        labels = [quality_against_cost(many(5), "BLEU", cost).axes[0].get_xlabel().split("\n")[0] for cost in COST_AXES]
    assert labels == ["Trained parameters (log scale)", "Training time (min)", "Peak memory of training (GB)"]


@pytest.mark.parametrize(
    ("cost", "values", "label", "drawn"),
    [
        (COST_AXES[1], (30.0, 60.0), "Training time (s)", [30.0, 60.0]),
        (COST_AXES[1], (3600.0, 14400.0), "Training time (h)", [1.0, 4.0]),
        (COST_AXES[1], (3600.0, 72000.0), "Training time (h, log scale)", [1.0, 20.0]),
        (COST_AXES[2], (512.0, 999.0), "Peak memory of training (MB)", [512.0, 999.0]),
        (COST_AXES[2], (1000.0, 4000.0), "Peak memory of training (GB)", [1.0, 4.0]),
        (TRAINED, (1000.0, 5000.0), "Trained parameters (log scale)", [1000.0, 5000.0]),
    ],
)
def test_units_follow_the_size_of_the_numbers(
    cost: CostAxis, values: tuple[float, ...], label: str, drawn: list[float]
) -> None:
    found = [Point(str(v), str(v), 10.0 + i, costs={cost.key: v}) for i, v in enumerate(values)]
    with figures.style():
        axes = quality_against_cost(found, "BLEU", cost).axes[0]
    assert axes.get_xlabel().split("\n")[0] == label
    assert [float(line.get_xdata()[0]) for line in axes.get_lines() if line.get_marker() == "o"] == drawn  # type: ignore[index]


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(90e3, 1.9e6, [1e5, 3e5, 1e6]), (190e3, 510e3, [2e5, 3e5, 4e5, 5e5]), (26.7e3, 397e3, [3e4, 1e5, 3e5]),
     (1e3, 1e7, [1e3, 1e4, 1e5, 1e6, 1e7]), (1e3, 16e3, [1e3, 3e3, 1e4]), (1e4, 1.0404e4, [10**4.0043, 10**4.0129])],
)  # fmt: skip
def test_ticks_of_a_log_axis(low: float, high: float, ticks: list[float]) -> None:
    assert log_ticks(low, high) == pytest.approx(ticks, rel=1e-4)


@given(st.floats(1, 1e9), st.floats(1, 1e6))
def test_a_log_axis_has_two_ticks_at_least_and_six_at_most(low: float, factor: float) -> None:
    assert 2 <= len(log_ticks(low, low * factor)) <= 6


def test_few_methods_are_named_at_their_points_and_many_in_a_key() -> None:
    with figures.style():
        few, crowd = quality_against_cost(many(6), "BLEU"), quality_against_cost(many(), "BLEU")
    assert {t.get_text() for t in few.axes[0].texts} == set(NAMES[2:6])
    assert not few.legends
    named = [t.get_text().replace("\n", " ") for t in crowd.legends[0].get_texts()]
    assert named == NAMES[2:]
    marks = [(h.get_marker(), h.get_fillstyle()) for h in crowd.legends[0].legend_handles]  # type: ignore[union-attr]
    assert len(set(marks)) == len(marks), "marks differ without colour"


def test_lines_differ_without_colour() -> None:
    looks = [(look(i)["linestyle"], look(i)["marker"]) for i in range(32)]
    assert len(set(looks)) == 32


def test_methods_that_train_nothing_hide_no_point() -> None:
    with figures.style():
        axes = quality_against_cost(many(), "BLEU").axes[0]
    assert "Off the scale, train nothing: zero-shot 10.00, in-context 10.00" in axes.get_xlabel().replace("\n", " ")
    assert not axes.texts


INTERVALS = "metric,method,direction,low,high,level,test,n\n"


def test_bars_show_the_interval_where_there_is_one(tmp_path: Path) -> None:
    folder = small(tmp_path)
    rows = ["BLEU,full,en-de,1,2,0.95,b,100", "BLEU,full,average,22.5,28,0.95,b,100", "chrF,lora,average,1,2,0.95,b,9"]
    (folder / "intervals.csv").write_text(INTERVALS + "\n".join(rows) + "\n", encoding="utf-8")
    full, lora = points(read_results(folder), "BLEU")
    assert (full.score, full.interval, full.reach) == (25.0, (22.5, 28.0), (2.5, 3.0))
    assert (lora.interval, lora.reach) == (None, None)
    with figures.style():
        axes = average_bars([full, lora], "BLEU", said="95 % interval").axes[0]
    [bar] = [c for c in axes.containers if isinstance(c, ErrorbarContainer)]
    ends = bar.lines[2][0].get_segments()[0][:, 0].tolist()
    assert ends == [22.5, 28.0]
    assert axes.get_xlabel() == "BLEU, average over directions\n95 % interval"
    assert "25.00" in {t.get_text() for t in axes.texts}


def test_of_several_test_sets_the_interval_is_that_of_the_table_shown(tmp_path: Path) -> None:
    lines = [line for testset in ("b", "a") for line in grid({"m": {"en-de": 10.0}}, testset=testset)]
    info = {"methods": ["m"], "directions": ["en-de"], "metrics": ["BLEU"]}
    folder = write_folder(tmp_path, lines, info)
    head = INTERVALS.replace("\n", ",testset\n")
    rows = "BLEU,m,average,1,2,0.95,t,9,a\nBLEU,m,average,8,12,0.95,t,9,b\n"
    (folder / "intervals.csv").write_text(head + rows, encoding="utf-8")
    [point] = points(read_results(folder), "BLEU")
    assert point.interval == (8.0, 12.0)


def test_a_broken_file_of_intervals_is_named(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "intervals.csv").write_text(INTERVALS + "BLEU,full,average,low,28,0.95,b,100\n", encoding="utf-8")
    with pytest.raises(StoreError, match=r"intervals\.csv:2: expected a number in column 'low', found 'low'"):
        build_report(folder)


def test_seeds_give_the_spread_where_there_is_no_interval(tmp_path: Path) -> None:
    info = {"methods": ["m"], "directions": ["en-de"], "metrics": ["BLEU"], "trained_methods": ["m"]}
    [point] = points(read_results(write_folder(tmp_path, grid({"m": {"en-de": (10.0, 12.0)}}), info)), "BLEU")
    assert point.reach == pytest.approx((2**0.5, 2**0.5))
    with figures.style():
        figure = average_bars([point], "BLEU", said="± sd over seeds")
    assert {t.get_text() for t in figure.axes[0].texts} == {"11.00 ±1.41"}
    assert figure.get_figwidth() == WIDTH


def test_pareto_front_holds_what_no_other_row_beats() -> None:
    points = [(3.0, 5.0), (1.0, 2.0), (2.0, 2.0), (2.0, 4.0), (4.0, 5.0), (5.0, 4.9), (1.0, 1.0)]
    assert pareto_front(points) == [(1.0, 2.0), (2.0, 4.0), (3.0, 5.0)]
    assert pareto_front([]) == []


def test_pareto_front_is_drawn_as_steps_and_named() -> None:
    with figures.style():
        points = [Point("a", "a", 10.0, params=1e3, costs={"trainable_params": 1e3}),
                  Point("b", "b", 20.0, params=1e4, costs={"trainable_params": 1e4}),
                  Point("c", "c", 15.0, params=2e4, costs={"trainable_params": 2e4})]  # fmt: skip
        axes = quality_against_cost(points, "BLEU").axes[0]
    assert "Pareto front" in axes.get_xlabel()
    steps = [line for line in axes.get_lines() if line.get_drawstyle() == "steps-post"]
    assert [list(line.get_xdata()) for line in steps] == [[1e3, 1e4]]
