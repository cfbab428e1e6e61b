"""report.html: the whole report on one page that needs no network, no server and no script to be read."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from mtsuite.report.page.summary import answer, facts
from mtsuite.report.page.translations import browser_html, extents, read_blocks
from mtsuite.report.render.document import SCRIPTS, STYLES, TABLE_SCRIPTS, TABLE_STYLES, document
from mtsuite.report.render.html_table import render_html
from mtsuite.report.render.table import Table
from mtsuite.report.render.text import MINUS
from mtsuite.report.tables.matrix_files import matrix_html
from mtsuite.report.tables.matrix_view import View
from mtsuite.report.tables.topic import Topic
from mtsuite.results.folder import FLOOR_ROWS, Results

LIMIT = 4_800_000  # bytes; fewer translations are shown where the page would grow beyond
CHARTS_OF_METHODS = 2_400_000  # bytes of SVG; further ones are named with their files
_UNFAIR = "The methods consumed different training streams."


@dataclass(frozen=True)
class Chart:
    """A figure for the page: SVG bytes, what it says to someone who cannot see it, and the method that it is of.

    A ``wide`` one takes both columns.
    """

    name: str
    alt: str
    svg: bytes
    caption: str = ""
    method: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Section:
    """A part of the page; ``anchor`` is its address, ``short`` its name in the navigation."""

    anchor: str
    short: str
    heading: str
    body: str


@dataclass(frozen=True)
class Parts:
    """All that goes on the page, in the order of the report.  ``scores[0]`` are the headline metric's tables.

    Tables of transfer and significance come with the metric they are of.
    """

    scores: Sequence[Sequence[Table]]
    costs: Table
    transfer: Sequence[tuple[str, Table]]
    matrices: Sequence[View]
    significance: Sequence[tuple[str, Table]]
    charts: Sequence[Chart]
    topics: Sequence[tuple[Topic, Sequence[Chart]]] = ()


def table_page(table: Table) -> str:
    """One table on a page of its own, for ``tables/*.html``; the ``<figure>`` in it can be pasted elsewhere."""
    return document(table.title, f"<main>\n{render_html(table)}</main>", TABLE_STYLES, TABLE_SCRIPTS)


def report_page(results: Results, parts: Parts) -> str:
    """The page.  Where it would be 5 MB or more, translations are packed, then left out from the end."""
    blocks = read_blocks(results)
    around = _page(results, parts, "")
    for extent in extents(blocks):
        browser = browser_html(results, blocks, extent)
        if len(around.encode()) + len(browser.encode()) <= LIMIT:
            break
    return _page(results, parts, browser) if blocks else around


def _page(results: Results, parts: Parts, browser: str) -> str:
    found = [s for s in _sections(results, parts, browser) if s.body]
    named = [("summary", "Summary"), *((s.anchor, s.short) for s in found)]
    links = "".join(f'<li><a href="#{anchor}">{escape(name)}</a></li>' for anchor, name in named)
    texts = "\n".join(
        f'<section id="{s.anchor}" aria-labelledby="{s.anchor}-heading">\n'
        f'<h2 id="{s.anchor}-heading">{escape(s.heading)}</h2>\n{s.body}\n</section>'
        for s in found
    )
    body = (
        f'<a class="skip" href="#summary">To the summary</a>\n<nav aria-label="Sections"><ul>{links}</ul></nav>\n'
        f"{_header(results, parts, [s.anchor for s in found])}\n<main>\n{texts}\n</main>\n"
        f"<footer>{escape(_made_by(results))}</footer>"
    )
    return document(results.title, body, STYLES, SCRIPTS)


def _made_by(results: Results) -> str:
    version, commit = results.environment.get("mtsuite"), results.environment.get("commit")
    made = " ".join(str(part) for part in ("mtsuite", version, f"({commit})" if commit else "") if part)
    return f"Made by mtsuite from the files beside this page; its numbers are of {made}."


def _header(results: Results, parts: Parts, anchors: Sequence[str]) -> str:
    """Title, what went wrong, the answer, what was compared."""
    info = results.info
    lines = [f"<h1>{escape(results.title)}</h1>"]
    fairness = info.get("fairness") or {}
    alarms = []
    if fairness and not fairness.get("consistent", False):
        text = fairness.get("message") or _UNFAIR
        alarms.append(f"<p><strong>Not a fair comparison.</strong> {escape(str(text))}</p>")
    for failure in info.get("failed") or []:
        job, error = escape(str(failure.get("job", "?"))), escape(str(failure.get("error", "")))
        alarms.append(f"<p><strong>Failed:</strong> {job}: {error}</p>")
    if alarms:
        lines.append(f'<div class="banner" role="alert">{"".join(alarms)}</div>')
    items = []
    for sentence in answer(results, parts.scores):
        lead = escape(sentence.lead)
        if sentence.anchor in anchors:
            lead = f'<a href="#{sentence.anchor}">{lead}</a>'
        items.append(f"<li>{lead} {escape(sentence.text.replace(' -', f' {MINUS}'))}</li>")
    if items:
        lines.append(f'<ul class="answer">\n{chr(10).join(items)}\n</ul>')
    pairs = [f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in facts(results)]
    if info.get("command"):
        pairs.append(f"<dt>Command</dt><dd><code>{escape(str(info['command']))}</code></dd>")
    lines.append(f'<dl class="given-facts">\n{chr(10).join(pairs)}\n</dl>')
    return '<header class="top" id="summary">\n' + "\n".join(lines) + "\n</header>"


def _sections(results: Results, parts: Parts, browser: str) -> list[Section]:
    metric = results.metrics[0]
    headline = _row_choice(results) + "\n".join(_table(results, table) for table in parts.scores[0])
    others = "\n".join(_table(results, table, True) for tables in parts.scores[1:] for table in tables)
    pictures = [(m.metric, matrix_html(m)) for m in parts.matrices]
    summaries = [(metric, _table(results, table)) for metric, table in parts.transfer]
    tests = [(metric, _table(results, table)) for metric, table in parts.significance]
    return [
        Section("scores", metric, f"{metric} by direction", headline),
        Section("metrics", "Other metrics", "Other metrics", others),
        Section("significance", "Significance", "Significance", _by_metric(results, tests)),
        Section("transfer", "Transfer", "Cross-lingual transfer", _by_metric(results, [*summaries, *pictures])),
        *(Section(t.anchor, t.short, t.heading, _topic(results, t, drawn)) for t, drawn in parts.topics),
        Section("figures", "Figures", "Figures", _charts(parts.charts)),
        Section("costs", "Costs", "Costs", _table(results, parts.costs, True)),
        Section("translations", "Translations", "Translations", browser),
        Section("fairness", "Fairness", "Fairness check", _fairness(results)),
        Section("recipe", "Recipe", "Recipe", _recipe(results)),
        Section("environment", "Environment", "Environment", _environment(results)),
    ]


def _row_choice(results: Results) -> str:
    """Which rows the tables show; the script unhides it."""
    rows = [m for m in results.methods if m not in FLOOR_ROWS]
    if len(rows) < 4:
        return ""
    boxes = "".join(
        f'<label><input type="checkbox" value="{escape(row)}" checked autocomplete="off">{escape(results.label(row))}'
        "</label>"
        for row in rows
    )
    return f'<fieldset class="chips rows" hidden><legend>Rows in all tables</legend>{boxes}</fieldset>\n'


def _table(results: Results, table: Table, folded_notes: bool = False) -> str:
    """A table without the report's title, which stands at the head of the page."""
    return render_html(table, folded_notes, caption=table.title.removeprefix(f"{results.title}: "))


def _topic(results: Results, topic: Topic, charts: Sequence[Chart]) -> str:
    tables = [_table(results, table, True) for table in topic.tables]
    return "\n".join(filter(None, [f"<p>{escape(topic.about)}</p>", *tables, _gallery(charts)]))


def _by_metric(results: Results, blocks: Sequence[tuple[str, str]]) -> str:
    """(metric, HTML) blocks: the headline metric's open, each other metric's folded up."""
    parts = [html for metric, html in blocks if metric == results.metrics[0]]
    for other in results.metrics[1:]:
        joined = "\n".join(html for metric, html in blocks if metric == other)
        if joined:
            parts.append(f'<details class="block"><summary>{escape(other)}</summary>\n{joined}</details>')
    return "\n".join(parts)


def _charts(charts: Sequence[Chart]) -> str:
    """The figures of the table, then those of each method, folded up."""
    blocks = [_gallery([c for c in charts if not c.method])]
    used = 0
    for method in dict.fromkeys(c.method for c in charts if c.method):
        own = [c for c in charts if c.method == method]
        used += sum(len(c.svg) for c in own)
        if used <= CHARTS_OF_METHODS:
            body = _gallery(own)
        else:
            names = ", ".join(f"<code>figures/{escape(c.name)}.svg</code>" for c in own)
            body = f"<p>Too large for this page; in the results folder: {names}.</p>"
        blocks.append(f'<details class="block"><summary>Figures of {escape(method)}</summary>{body}</details>')
    return "\n".join(block for block in blocks if block)


def _gallery(charts: Sequence[Chart]) -> str:
    return '<div class="charts">\n' + "\n".join(_chart(c) for c in charts) + "\n</div>" if charts else ""


def _chart(chart: Chart) -> str:
    data = base64.b64encode(without_ground(chart.svg)).decode("ascii")  # as an image it keeps its ids to itself
    caption = f"<figcaption>{escape(chart.caption)}</figcaption>" if chart.caption else ""
    image = f'<img class="chart" alt="{escape(chart.alt)}" src="data:image/svg+xml;base64,{data}">'
    if chart.wide:
        scrolled = f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(chart.name)}">{image}</div>'
        return f'<figure class="wide">{scrolled}{caption}</figure>'
    return f"<figure>{image}{caption}</figure>"


def without_ground(svg: bytes) -> bytes:
    """A figure without its white ground, so that it fits either theme; white letters on dark cells stay white."""
    return svg.replace(b'style="fill: #ffffff"/>', b'style="fill: none"/>')


def _fairness(results: Results) -> str:
    """The suite's verdict and every training stream; a stream unlike its fellows' is in red."""
    fairness: Mapping[str, Any] = results.info.get("fairness") or {}
    if not fairness:
        return ""
    consistent = bool(fairness.get("consistent", False))
    message = fairness.get("message") or ("All methods consumed the same training stream." if consistent else _UNFAIR)
    message = str(message)[:1].upper() + str(message)[1:]
    kind = "good" if consistent else "alarm"
    word = "" if consistent else "<strong>Warning:</strong> "
    streams = [s for s in fairness.get("streams") or [] if isinstance(s, Mapping)]
    rows = []
    for s in streams:
        fellows = [
            o for o in streams if all(o.get(k) == s.get(k) for k in ("seed", "trained_on", "transfer", "text", "chat"))
        ]
        prints = [str(o.get("fingerprint")) for o in fellows]
        usual = max(dict.fromkeys(prints), key=prints.count)
        odd = not consistent and str(s.get("fingerprint")) != usual
        cells = [str(s.get("seed", "")), str(s.get("trained_on", ""))]
        numbers = [f"{v:,}" if isinstance(v := s.get(k), int) else str(v or "") for k in ("updates", "target_tokens")]
        label = escape(results.label(str(s.get("method", ""))))
        rows.append(
            f'<tr{" class=different" if odd else ""}><th scope="row">{label}</th>'
            + "".join(f"<td>{escape(c)}</td>" for c in cells)
            + "".join(f'<td class="num">{escape(n)}</td>' for n in numbers)
            + f"<td><code>{escape(str(s.get('fingerprint', '')))}</code>{' ≠' if odd else ''}</td></tr>"
        )
    heads = "".join(f"<th scope=col>{h}</th>" for h in ("Method", "Seed", "Trained on"))
    heads += "".join(f'<th scope="col" class="num">{h}</th>' for h in ("Updates", "Target tokens"))
    heads += "<th scope=col>Fingerprint of the stream</th>"
    listing = (
        '<div class="scroll" tabindex="0" role="region" aria-label="Training streams"><table>'
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
    )
    state = "" if consistent else " open"
    folded = f'<details class="block"{state}><summary>{len(rows)} training streams</summary>{listing}</details>'
    return f'<p class="{kind}">{word}{escape(message)}</p>\n' + (folded if rows else "")


def _recipe(results: Results) -> str:
    if not results.recipe.strip():
        return ""
    return f'<details class="block"><summary>recipe.yaml, as run</summary><pre>{escape(results.recipe)}</pre></details>'


def _environment(results: Results) -> str:
    table = _facts(results.environment)
    return f'<details class="block"><summary>Software, machine, data</summary>{table}</details>' if table else ""


def _facts(values: Mapping[str, Any]) -> str:
    """A nested dictionary as a table of dotted keys."""
    rows = "\n".join(
        f'<tr><th scope="row">{escape(key)}</th><td>{escape(text)}</td></tr>' for key, text in flattened(values)
    )
    return f'<div class="scroll facts"><table>\n<tbody>\n{rows}\n</tbody></table></div>' if rows else ""


def flattened(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """``{"a": {"b": 1}}`` as ``[("a.b", "1")]``; lists of plain values are joined with commas."""
    if isinstance(value, Mapping):
        return [pair for k, v in value.items() for pair in flattened(v, f"{prefix}.{k}" if prefix else str(k))]
    if isinstance(value, list):
        if any(isinstance(v, Mapping | list) for v in value):
            return [pair for i, v in enumerate(value) for pair in flattened(v, f"{prefix}.{i}")]
        return [(prefix, ", ".join(str(v) for v in value))]
    return [(prefix, "" if value is None else str(value))]
