"""Charts as data: what can be drawn, what is written beside the picture."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from mtsuite.chart import Chart, Series, check
from mtsuite.errors import StoreError
from mtsuite.report import build_report
from mtsuite.report.figures import base as figures
from mtsuite.report.figures.charts import chart_csv, draw
from mtsuite.report.figures.drawings import sweeps
from mtsuite.report.page.report_page import without_ground
from mtsuite.results.folder import read_results

from ..folders import grid, write_folder

LAYERS = Series("en-de", (1, 2, 3), (0.1, 0.25, 0.2))
KINDS = {
    "lines": Chart(
        "mean-activation", "Mean activation", "lines", "layer", "A", (LAYERS, Series("de-en", (1, 3), (0, 1)))
    ),
    "points": Chart("clusters", "Clusters", "points", "first", "second", (LAYERS,)),
    "bars": Chart("load", "Load", "bars", "expert", "share", (Series("en", ("LM 1", "MT 1"), (0.75, 0.25)),)),
    "grid": Chart(
        "mass",
        "Mass",
        "grid",
        "layer",
        "rho",
        (Series("en", ("1", "2"), (0.9, 0.1)), Series("de", ("1", "2"), (0.5, 0.5))),
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_and_comes_back_from_json(kind: str) -> None:
    chart = KINDS[kind]
    assert Chart.from_dict(json.loads(json.dumps(chart.to_dict()))) == chart
    with figures.style():
        figure = draw(chart, "A title")
        images = figures.rendered(figure)
        axes = figure.axes[0]
    assert axes.get_title(loc="left") == "A title"
    assert axes.get_xlabel() == chart.x_label
    assert images["png"].startswith(b"\x89PNG")
    assert b"<svg" in images["svg"]


def test_the_page_takes_the_ground_and_leaves_white_letters() -> None:
    with figures.style():
        svg = figures.rendered(draw(KINDS["grid"], "t"))["svg"]
    letters, ground = b'<g style="fill: #ffffff"', b'style="fill: #ffffff"/>'
    bare = without_ground(svg)
    assert svg.count(letters) == bare.count(letters) == 1  # 0.9 on the darkest cell
    assert svg.count(ground) > 0
    assert bare.count(ground) == 0


def test_lines_show_their_numbers() -> None:
    with figures.style():
        (axes,) = draw(KINDS["lines"], "t").axes
    first, second = axes.get_lines()
    assert list(first.get_ydata()) == [0.1, 0.25, 0.2]
    assert list(second.get_xdata()) == [1, 3]


def test_the_csv_holds_every_value() -> None:
    rows = list(csv.DictReader(io.StringIO(chart_csv(KINDS["bars"]).decode())))
    assert rows == [{"series": "en", "x": "LM 1", "y": "0.75"}, {"series": "en", "x": "MT 1", "y": "0.25"}]


@pytest.mark.parametrize(
    ("chart", "message"),
    [
        (Chart("Big Name", "t", "lines", "x", "y", (LAYERS,)), "a name is small letters"),
        (Chart("c", "t", "pie", "x", "y", (LAYERS,)), "kind is one of lines, bars, points, grid; found 'pie'"),  # type: ignore[arg-type]
        (Chart("c", "t", "lines", "x", "y", ()), "there is no series"),
        (Chart("c", "t", "lines", "x", "y", (Series("s", (1,), (1, 2)),)), "'s' has 1 x and 2 y"),
        (Chart("c", "t", "grid", "x", "y", (LAYERS, Series("s", (1,), (1,)))), "different columns"),
    ],
)
def test_what_cannot_be_drawn_is_refused(chart: Chart, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(chart)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    numbers = {"mine-k-1": {"en-de": (10.0, 14.0)}, "mine-k-2": {"en-de": (20.0, 22.0)}}
    sweep = {"row": "mine", "label": "Mine", "key": "k", "points": [[1, "mine-k-1"], [2, "mine-k-2"]]}
    info = {"methods": list(numbers), "directions": ["en-de"], "metrics": ["BLEU"], "title": "T", "sweeps": [sweep]}
    made = write_folder(tmp_path / "r", grid(numbers), info)
    charts = [{"method": "mine-k-1", **KINDS["grid"].to_dict()}]
    (made / "charts.json").write_text(json.dumps({"charts": charts, "problems": []}), encoding="utf-8")
    return made


def test_a_sweep_is_a_line_over_its_values(folder: Path) -> None:
    (chart,) = sweeps(read_results(folder))
    assert [(s.name, s.x, s.y) for s in chart.series] == [
        ("average", (1, 2), (12.0, 21.0)),
        ("en-de", (1, 2), (12.0, 21.0)),
    ]
    assert (chart.x_label, chart.y_label) == ("k", "BLEU")


def test_the_report_holds_what_methods_show(folder: Path) -> None:
    report = build_report(folder)
    names = {p.name for p in report.files if p.parent.name == "figures"}
    for stem in ("mine-k-1-mass", "sweep-mine-k"):
        assert {f"{stem}.png", f"{stem}.svg", f"{stem}.csv"} <= names
    page = report.page.read_text(encoding="utf-8")
    assert "mine-k-1: Mass" in page
    assert "Mean over seeds; one line a direction and their average." in page


def test_charts_beyond_the_pages_size_are_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mtsuite.report.page.report_page.CHARTS_OF_METHODS", 10)
    page = build_report(folder).page.read_text(encoding="utf-8")
    assert "Too large for this page; in the results folder: <code>figures/mine-k-1-mass.svg</code>" in page
    assert "sweep-mine-k" not in page.split("Too large")[1].split("</details>")[0], "the table's own figures stay"


def test_a_broken_charts_file_is_named(folder: Path) -> None:
    (folder / "charts.json").write_text('{"charts": [{"method": "m", "name": "c"}]}', encoding="utf-8")
    with pytest.raises(StoreError, match=r"charts\.json: expected a chart"):
        read_results(folder)
