"""A question that the report answers beside the scores: a heading, a sentence, tables, figures.

A topic lives in a file of its own with a function ``topic(results) -> Topic | None`` (None: the folder holds nothing on
it).  ``mtsuite.report.build`` lists the functions; files, page and terminal follow from what they return.
"""

from __future__ import annotations

from dataclasses import dataclass

from mtsuite.chart import Chart
from mtsuite.report.render.table import Table


@dataclass(frozen=True)
class Topic:
    """``anchor``: its address on the page; ``short``: its name in the navigation; ``about``: how to read it.

    Tables become ``tables/<name>.*``, charts ``figures/<name>.*``; both in the order given.
    """

    anchor: str
    short: str
    heading: str
    about: str
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
