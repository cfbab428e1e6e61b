"""The translations browser of report.html: data as JSON, controls, a few segments for readers without scripts.

The data of each direction of each test set are a ``<script type="application/json">``, which a browser neither runs nor
draws: ``static/translations.js`` reads the one that is looked at and builds twenty segments at a time.
"""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.languages import language
from mtsuite.errors import StoreError
from mtsuite.report.tables.query import average_by_seed
from mtsuite.report.tables.untrained import untrained_directions
from mtsuite.results.files import Entry
from mtsuite.results.folder import FLOOR_ROWS, Results
from mtsuite.results.segments import translated
from mtsuite.results.trained_on import ALL, OWN

CHARACTERS = 1200  # of one output; a model that babbles on is cut here
SAMPLE = 5  # segments a direction for readers without scripts
_SHOWN = 8  # rows at first; with more, the best of them and the baseline
# Written without blanks between words, so differences are marked by character.
_SORTS = (
    ("order", "order of the test set"),
    ("disagreement", "largest disagreement"),
    ("lowest", "worst of row A first"),
    ("win", "largest win of A over B"),
)

Outputs = Mapping[str, Mapping[str, Sequence[str]]]  # row, seed: a line a segment


@dataclass(frozen=True)
class Block:
    """What was translated in one direction of one test set.  ``name`` tells blocks apart, for people and addresses."""

    name: str
    direction: str
    sources: Sequence[str]
    references: Sequence[str]
    outputs: Outputs
    scores: Mapping[str, Outputs | Mapping[str, Mapping[str, Sequence[float]]]]
    flags: Mapping[str, Mapping[str, Mapping[str, Sequence[int]]]]

    @property
    def total(self) -> int:
        return max(len(lines) for seeds in self.outputs.values() for lines in seeds.values())


@dataclass(frozen=True)
class Extent:
    """How much of the translations goes on the page.  ``segments``: at most so many a block; None: all.

    ``every_seed``: else the first of each row; ``packed``: compressed, which browsers since 2023 read.
    """

    segments: int | None = None
    every_seed: bool = True
    packed: bool = False


def extents(blocks: Sequence[Block]) -> list[Extent]:
    """From everything to one segment, for a page that has to become smaller."""
    found = [Extent(), Extent(packed=True), Extent(every_seed=False, packed=True)]
    size = max((block.total for block in blocks), default=0) // 2
    while size >= 1:
        found.append(Extent(size, every_seed=False, packed=True))
        size //= 2
    return found


def read_blocks(results: Results) -> list[Block]:
    """All that ``translations/`` and ``segments/`` hold of the rows of the table, in the order of the directions.

    Directions that nothing was trained on come last.
    Folders of before there were segments have no sources, references and scores.  Raises StoreError for a file that is
    not UTF-8.
    """
    found = []
    untrained = untrained_directions(results)
    for direction in [*results.directions, *untrained]:
        sets = [testset for of, testset in results.segments if of == direction]
        for testset in sets or [""]:
            outputs = _outputs(results, direction, testset)
            if not outputs:
                continue
            segments = results.segments.get((direction, testset))
            name = f"{direction}, {testset}" if len(sets) > 1 else direction
            if direction in untrained:
                name += " (not trained on)"
            found.append(
                Block(
                    name,
                    direction,
                    segments.sources if segments else (),
                    segments.references if segments else (),
                    outputs,
                    segments.scores if segments else {},
                    segments.flags if segments else {},
                )
            )
    return found


def _outputs(results: Results, direction: str, testset: str) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for method in (m for m in results.methods if m not in FLOOR_ROWS):  # a copy of the source, which is shown
        by_seed = translated(results.files, method, direction, testset)
        for seed in sorted(by_seed, key=_seed_order):
            path = next((by_seed[seed][on] for on in (ALL, OWN) if on in by_seed[seed]), None)
            if path is not None:
                found.setdefault(method, {})[seed] = _lines(path)
    return found


def _seed_order(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdigit() else (10**9, name)


def _lines(path: Entry) -> list[str]:
    try:
        lines = [line.rstrip("\r\n") for line in io.StringIO(path.text(), newline="\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read as UTF-8 text, one line a segment: {error}") from None
    return [line if len(line) <= CHARACTERS else f"{line[:CHARACTERS]} …" for line in lines]


def browser_html(results: Results, blocks: Sequence[Block], extent: Extent) -> str:
    """Controls, data and the sample for readers without scripts; nothing where there are no translations."""
    if not blocks:
        return ""
    rows = [row for row in results.methods if any(row in block.outputs for block in blocks)]
    setup = {
        "rows": rows,
        "labels": {row: results.label(row) for row in rows},
        "lower": [metric for metric in results.metrics if results.lower_is_better(metric)],
        "names": [block.name for block in blocks],
    }
    parts = [
        _shell(results, blocks, rows),
        _sample(results, blocks),
        f'<script type="application/json" id="translations-setup">{_json(setup)}</script>',
    ]
    for number, block in enumerate(blocks):
        data = _json(_data(block, extent))
        packed = ""
        if extent.packed:
            data = base64.b64encode(zlib.compress(data.encode(), 9)).decode("ascii")
            packed = ' data-packed="deflate"'
        parts.append(f'<script type="application/json" id="translations-{number}"{packed}>{data}</script>')
    return "\n".join(parts)


def _json(value: Any) -> str:
    """JSON in which nothing can end a script element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _data(block: Block, extent: Extent) -> dict[str, Any]:
    shown = block.total if extent.segments is None else min(block.total, extent.segments)

    def cut(rows: Mapping[str, Mapping[str, Sequence[Any]]]) -> dict[str, dict[str, list[Any]]]:
        kept = {
            row: dict(seeds if extent.every_seed else list(seeds.items())[:1])
            for row, seeds in rows.items()
            if row in block.outputs and seeds
        }
        return {row: {seed: list(values)[:shown] for seed, values in seeds.items()} for row, seeds in kept.items()}

    pair = Direction.parse(block.direction)
    return {
        "name": block.name,
        "source": _side(pair.source),
        "target": _side(pair.target),
        "unit": "character" if language(pair.target).unspaced else "word",
        "total": block.total,
        "shown": shown,
        "sources": list(block.sources)[:shown],
        "references": list(block.references)[:shown],
        "outputs": cut(block.outputs),
        "scores": {
            metric: {row: {s: [round(x, 2) for x in xs] for s, xs in seeds.items()} for row, seeds in cut(rows).items()}
            for metric, rows in block.scores.items()
        },
        "flags": {
            row: {seed: {name: list(marked) for name, marked in names.items()} for seed, names in seeds.items()}
            for row, seeds in block.flags.items()
        },
    }


def _side(code: str) -> dict[str, str]:
    return {"lang": language(code).tag, "dir": "rtl" if language(code).right_to_left else "ltr"}


def _at_first(results: Results, rows: Sequence[str]) -> set[str]:
    """Rows that are shown before anybody chooses: all, or where they are many the baseline and the best."""
    if len(rows) <= _SHOWN:
        return set(rows)
    metric = results.metrics[0]
    sign = 1 if results.lower_is_better(metric) else -1
    scored = [(sign * sum(a) / len(a), row) for row in rows if (a := average_by_seed(results, metric, row))]
    order = [str(results.info.get("baseline")), *(row for _, row in sorted(scored)), *rows]
    return set([row for row in dict.fromkeys(order) if row in rows][:_SHOWN])


def _shell(results: Results, blocks: Sequence[Block], rows: Sequence[str]) -> str:
    directions = "".join(f'<option value="{i}">{escape(block.name)}</option>' for i, block in enumerate(blocks))
    sorts = "".join(f'<option value="{value}">{escape(label)}</option>' for value, label in _SORTS)
    first = _at_first(results, rows)
    toggles = "".join(
        f'<label><input type="checkbox" name="show-{escape(row)}"{" checked" if row in first else ""}>'
        f"{escape(results.label(row))}</label>"
        for row in rows
    )
    pages = (
        '<span class="pages" hidden><button type="button" data-step="-1" aria-label="Previous page">‹</button>'
        '<span></span><button type="button" data-step="1" aria-label="Next page">›</button></span>'
    )

    def menu(label: str, name: str, options: str = "", more: str = "") -> str:
        return f'<label{more}>{label}<select name="{name}">{options}</select></label>'

    return f"""<form class="browser" hidden aria-label="Translations" autocomplete="off">
<div class="controls">
{menu("Direction", "direction", directions)}
{menu("Seed", "seed", more=' data-single="hide"')}
{menu("Sort by", "sort", sorts, ' class="wide"')}
{menu("Score", "metric")}
{menu("Row A", "a")}
{menu("Row B", "b")}
{menu("Mark differences from", "against")}
{menu("Flagged as", "flag")}
<label>Search<input type="search" name="query" placeholder="words in any text"></label>
</div>
<fieldset class="chips"><legend>Rows</legend>{toggles}
<button type="button" class="plain" data-all="yes">all</button>
<button type="button" class="plain" data-all="no">none</button></fieldset>
<fieldset class="chips"><legend>Show</legend>
<label><input type="radio" name="layout" value="columns" checked>side by side</label>
<label><input type="radio" name="layout" value="lines">one below the other</label>
<label><input type="checkbox" name="missing">missing words in full</label></fieldset>
<div class="bar"><p class="said" role="status"></p>{pages}</div>
<p class="keys">Keys, once you are in here: <kbd>j</kbd> next segment, <kbd>k</kbd> the one before, <kbd>n</kbd> and
<kbd>p</kbd> next and previous page, <kbd>/</kbd> search, <kbd>Esc</kbd> back from it.
<mark>Marked</mark>: not in the text compared with; <del class="gap">‸</del>: something of it is left out here.</p>
<div class="segments"></div>
<div class="bar"><span></span>{pages}</div>
</form>"""


def _sample(results: Results, blocks: Sequence[Block]) -> str:
    """For readers without scripts: the first segments of each direction, folded up, of each row's first seed."""
    parts = ["<p>Without scripts the first segments are listed here; all lie in <code>translations/</code>.</p>"]
    for block in blocks:
        pair = Direction.parse(block.direction)
        given = [("Source", block.sources, pair.source), ("Reference", block.references, pair.target)]
        firsts = [(results.label(row), next(iter(seeds.values())), pair.target) for row, seeds in block.outputs.items()]
        items = []
        for i in range(min(SAMPLE, block.total)):
            texts = [(name, lines[i], side) for name, lines, side in [*given, *firsts] if i < len(lines)]
            items.append("<li><dl>" + "".join(_entry(*entry) for entry in texts) + "</dl></li>")
        parts.append(
            f'<details class="block"><summary>{escape(block.name)}</summary>\n'
            f'<ol class="sample">\n{chr(10).join(items)}\n</ol></details>'
        )
    return "<noscript>\n" + "\n".join(parts) + "\n</noscript>"


def _entry(name: str, text: str, code: str) -> str:
    side = _side(code)
    content = escape(text) if text.strip() else "(empty)"
    return f'<dt>{escape(name)}</dt><dd lang="{escape(side["lang"])}" dir="auto">{content}</dd>'
