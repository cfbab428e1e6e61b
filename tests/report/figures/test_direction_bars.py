"""Bars direction by direction: which rows and numbers, which intervals."""

from __future__ import annotations

from pathlib import Path

from mtsuite.report import build_report
from mtsuite.report.figures import base as figures
from mtsuite.report.figures.direction_bars import MANY, direction_chart, draw_directions
from mtsuite.results.folder import INTERVAL_COLUMNS, read_results

from ..folders import grid, write_csv, write_folder

NUMBERS = {
    "a": {"en-de": (10.0, 14.0), "de-en": (20.0, 20.0)},
    "b": {"en-de": (8.0, 8.0)},
    "source-copy": {"en-de": (1.0, 1.0), "de-en": (1.0, 1.0)},
}
INFO = {"methods": ["source-copy", "a", "b"], "labels": {"a": "same", "b": "same"}, "directions": ["en-de", "de-en"],
        "metrics": ["BLEU"]}  # fmt: skip


def test_a_group_a_direction_without_the_floor(tmp_path: Path) -> None:
    results = read_results(write_folder(tmp_path, grid(NUMBERS), INFO))
    chart = direction_chart(results, "BLEU")
    assert chart is not None
    assert [(s.x, s.y) for s in chart.series] == [(("en-de", "de-en"), (12.0, 20.0)), (("en-de",), (8.0,))]
    assert chart.about == "Means over seeds."


def test_each_bar_has_its_own_interval_though_labels_are_alike(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, grid(NUMBERS), INFO)
    known = {"metric": "BLEU", "level": 0.95, "test": "bootstrap", "n": 5, "testset": "toy"}
    ends = {("a", "en-de"): (11, 15), ("b", "en-de"): (7.5, 9), ("a", "average"): (0, 99), ("b", "de-en"): (1, 2)}
    rows = [known | {"method": m, "direction": d, "low": low, "high": high} for (m, d), (low, high) in ends.items()]
    write_csv(folder / "intervals.csv", INTERVAL_COLUMNS, rows)
    results = read_results(folder)
    chart = direction_chart(results, "BLEU")
    assert chart is not None
    assert chart.about == "Means over seeds. Error bars: 95 % intervals over segments."
    with figures.style():
        (axes,) = draw_directions(results, "BLEU", chart).axes
    bars = [container for container in axes.containers if type(container).__name__ == "ErrorbarContainer"]
    reached = [tuple(segment[:, 1]) for bar in bars for segment in bar.lines[2][0].get_segments()]
    assert reached == [(11.0, 15.0), (7.5, 9.0)]


def test_too_many_rows_or_a_single_one_are_not_drawn(tmp_path: Path) -> None:
    for count in (1, MANY, MANY + 1):
        rows = {f"row{n}": {"en-de": 10.0 + n, "de-en": 20.0} for n in range(count)}
        info = {"methods": list(rows), "directions": ["en-de", "de-en"], "metrics": ["BLEU"]}
        report = build_report(write_folder(tmp_path / str(count), grid(rows), info))
        drawn = (report.folder / "figures" / "directions-bleu.png").is_file()
        assert drawn == (count == MANY)
