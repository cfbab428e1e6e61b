"""The five formats: exact output for a small table, and the promise that they all say the same."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser

import pandas
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console

from mtsuite.report.render.csv_table import render_csv
from mtsuite.report.render.html_table import render_html
from mtsuite.report.render.latex import escape as latex_escape
from mtsuite.report.render.latex import render_latex
from mtsuite.report.render.markdown import escape as markdown_escape
from mtsuite.report.render.markdown import render_markdown
from mtsuite.report.render.table import Better, Cell, Column, Mark, Note, Row, Table
from mtsuite.report.render.terminal import render_terminal

SMALL = Table(
    "bleu",
    "Toy: BLEU",
    (Column("params", "Params"), Column("en-de", "en-de", "wmt14", "higher"), Column("average", "Avg.", "", "higher")),
    (
        Row("full", "Full_ft", (Cell("1.2 M", 1.2e6), Cell.of([20.0, 22.0], symbol="†"), Cell.hole())),
        Row("lora", "LoRA & co", (Cell("24 K", 24e3), Cell.of([19.5]), Cell.of([10.0]))),
        Row(
            "source-copy", "source-copy", (Cell.empty(), Cell.of([3.0]), Cell.of([-4.0])), ranked=False, rule_above=True
        ),
    ),
    (Note("n = 100; tok:13a|smooth:exp"), Note("Streams differ.", alarm=True)),
)


def plain_terminal(table: Table, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(render_terminal(table, width))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())  # type: ignore[attr-defined]


def test_markdown() -> None:
    assert render_markdown(SMALL) == (
        "### Toy: BLEU\n\n"
        "| Method        | Params |            en-de |  Avg. |\n"
        "| ------------- | -----: | ---------------: | ----: |\n"
        "| Full\\_ft      |  1.2 M | **21.00**† ±1.41 |     — |\n"
        "| LoRA &amp; co |   24 K |     <u>19.50</u> | 10.00 |\n"
        "| source-copy   |        |             3.00 | -4.00 |\n\n"
        "- n = 100; tok:13a\\|smooth:exp\n"
        "- **Warning:** Streams differ.\n"
    )


def test_latex() -> None:
    body = render_latex(SMALL)
    assert body.splitlines()[10:18] == [
        r" &  & \multicolumn{1}{c}{wmt14} &  \\",
        r"\cmidrule(lr){3-3}",
        r"Method & Params & en-de & Avg. \\",
        r"\midrule",
        r"Full\_ft & 1.2 M & \textbf{21.00}$^{\dagger}$ {\scriptsize$\pm$1.41} & --- \\",
        r"LoRA \& co & 24 K & \underline{19.50} & 10.00 \\",
        r"\midrule",
        r"source-copy &  & 3.00 & $-$4.00 \\",
    ]
    assert r"n = 100; tok:13a\textbar{}\allowbreak{}smooth:exp\par" in body
    assert body.count("{") == body.count("}")


def test_csv() -> None:
    assert render_csv(SMALL) == (
        "method,label,params,en-de,en-de_sd,en-de_mark,average\n"
        "full,Full_ft,1200000,21,1.4142135623730951,best †,\n"
        "lora,LoRA & co,24000,19.5,,second,10\n"
        "source-copy,source-copy,,3,,,-4\n"
    )
    frame = pandas.read_csv(io.StringIO(render_csv(SMALL)))
    assert frame["en-de"].tolist() == [21.0, 19.5, 3.0]
    assert frame["average"].isna().tolist() == [True, False, False]


def test_html() -> None:
    text = render_html(SMALL)
    row = '<tr data-row="full"><th scope="row">Full_ft</th><td class="num" data-value="1200000">1.2 M</td>'
    row += '<td class="num" data-value="21"><strong>21.00</strong><sup>†</sup> <span class="sd">±1.41</span></td>'
    assert row + '<td class="num hole">—</td></tr>' in text
    assert '<tr class="floor rule" data-row="source-copy"><th scope="row">source-copy</th>' in text
    assert '<th colspan="1" scope="colgroup" class="span">wmt14</th>' in text
    assert '<li class="alarm"><strong>Warning:</strong> Streams differ.</li>' in text
    assert "LoRA &amp; co" in text


def test_terminal() -> None:
    assert plain_terminal(SMALL) == "\n".join(
        [
            "Toy: BLEU",
            "",
            "Method        Params          en-de    Avg.",
            "───────────────────────────────────────────",
            "Full_ft        1.2 M   21.00† ±1.41       —",
            "LoRA & co       24 K          19.50   10.00",
            "",
            "source-copy                    3.00   -4.00",
            "",
            "n = 100; tok:13a|smooth:exp",
            "WARNING: Streams differ.",
        ]
    )


def test_a_table_too_wide_for_the_window_is_cut_between_columns() -> None:
    text = plain_terminal(SMALL, width=40)
    assert max(len(line) for line in text.splitlines()) <= 40
    assert text.count("LoRA & co") == 2
    assert "21.00† ±1.41" in text
    assert "…" not in text


def test_alarms_are_red_in_the_terminal() -> None:
    console = Console(width=80, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(render_terminal(SMALL, 80))
    assert "\x1b[1;31mWARNING: Streams differ." in console.file.getvalue()  # type: ignore[attr-defined]


def test_special_characters_are_escaped() -> None:
    assert latex_escape(r"50% of $x_1 & #2 {a} ~^\ ") == (
        r"50\% of \$x\_1 \& \#2 \{a\} \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert markdown_escape("a|b *c* <d> [e](f)\ng") == r"a\|b \*c\* &lt;d&gt; \[e\](f) g"


# -- agreement ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """What a reader sees in one cell."""

    text: str
    mark: Mark
    symbol: str
    sd: str


def shown_by(table: Table) -> list[list[Shown]]:
    pairs = zip(table.rows, table.marks, strict=True)
    return [
        [Shown(c.text, m, c.symbol, c.sd_text) for c, m in zip(row.cells, marks, strict=True)] for row, marks in pairs
    ]


def split(text: str, best: tuple[str, str], second: tuple[str, str]) -> Shown:
    """Take a rendered cell apart: mark, number, symbol, ± sd."""
    number, _, sd = text.partition("±")
    number = number.strip()
    symbol = "".join(c for c in number if c in "†‡")
    number = number.replace(symbol, "") if symbol else number
    for mark, (before, after) in (("best", best), ("second", second)):
        if before and number.startswith(before) and number.endswith(after):
            return Shown(number[len(before) : -len(after)], mark, symbol, sd.strip())  # type: ignore[arg-type]
    return Shown(number, "", symbol, sd.strip())


def from_markdown(table: Table) -> list[list[Shown]]:
    lines = [line for line in render_markdown(table).splitlines() if line.startswith("|")][2:]
    cells = [re.split(r"(?<!\\)\|", line)[2:-1] for line in lines]
    return [[split(cell.strip(), ("**", "**"), ("<u>", "</u>")) for cell in row] for row in cells]


def from_latex(table: Table) -> list[list[Shown]]:
    body = render_latex(table).split(r"\midrule", 1)[1].split(r"\bottomrule")[0]
    rows = [line.removesuffix(r" \\") for line in body.splitlines() if line.endswith(r" \\")]
    found = []
    for row in rows:
        cells = []
        for cell in re.split(r"(?<!\\)&", row)[1:]:
            text = (
                cell.replace(r"$^{\dagger}$", "†")
                .replace(r"$^{\ddagger}$", "‡")
                .replace("---", "—")
                .replace("$-$", "-")
            )
            text = re.sub(r"\{\\scriptsize\$\\pm\$([^}]*)\}", r"±\1", text)
            cells.append(split(text.strip(), (r"\textbf{", "}"), (r"\underline{", "}")))
        found.append(cells)
    return found


class Cells(HTMLParser):
    """The inner HTML of every <td> in the body, row by row."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.rows: list[list[str]] = []
        self.body = self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tbody":
            self.body = True
        elif tag == "tr" and self.body:
            self.rows.append([])
        elif tag == "td" and self.body:
            self.rows[-1].append("")
            self.inside = True
        elif self.inside and tag in ("strong", "u"):
            self.rows[-1][-1] += f"<{tag}>"

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self.inside = False
        elif self.inside and tag in ("strong", "u"):
            self.rows[-1][-1] += f"</{tag}>"

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.rows[-1][-1] += data

    def handle_entityref(self, name: str) -> None:
        self.handle_data(unescape(f"&{name};"))


def from_html(table: Table) -> list[list[Shown]]:
    parser = Cells()
    parser.feed(render_html(table))
    return [
        [split(cell.replace("−", "-"), ("<strong>", "</strong>"), ("<u>", "</u>")) for cell in row]
        for row in parser.rows
    ]


def from_terminal(table: Table) -> list[list[Shown]]:
    """Through a real terminal: ANSI codes 1 (bold) and 4 (underline) around the number."""
    console = Console(width=4000, file=io.StringIO(), force_terminal=True, color_system="standard")
    console.print(render_terminal(table, 4000))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    start = next(i for i, line in enumerate(lines) if "────" in line) + 1
    found = []
    for line in lines[start : start + len(table.rows) + sum(r.rule_above for r in table.rows)]:
        text = re.sub(r"\x1b\[2m(.*?)\x1b\[0m", r"\1", line)
        text = text.replace("\x1b[1m", "\ue000").replace("\x1b[4m", "\ue001").replace("\x1b[0m", "\ue002")
        if text.strip():
            cells = re.split(r"\s{2,}", text.strip())[1:]
            found.append([split(c, ("\ue000", "\ue002"), ("\ue001", "\ue002")) for c in cells])
    return found


def from_csv(table: Table) -> list[list[Shown]]:
    found = []
    for line, row in zip(csv.DictReader(io.StringIO(render_csv(table))), table.rows, strict=True):
        cells = []
        for column, cell in zip(table.columns, row.cells, strict=True):
            words = line.get(f"{column.key}_mark", "").split()
            value, sd = line[column.key], line.get(f"{column.key}_sd", "")
            cells.append(
                Shown(
                    f"{float(value):.2f}" if value else "—",
                    "best" if "best" in words else "second" if "second" in words else "",
                    next((w for w in words if w in "†‡"), ""),
                    f"{float(sd):.2f}" if sd else "",
                )
            )
            assert (value == "") == cell.is_hole
        found.append(cells)
    return found


numbers = st.integers(-2000, 10000).map(lambda i: i / 100) | st.floats(0.5, 100).map(lambda x: round(x, 4))
cells = st.one_of(
    st.builds(
        lambda values, symbol: Cell.of(values, symbol=symbol),
        st.lists(numbers, max_size=3),
        st.sampled_from(["", "†", "‡"]),
    ),
    st.builds(lambda value: Cell.of([value]), st.sampled_from([20.0, 20.001, 21.0])),
)
LABELS = st.text(alphabet="abcXYZ_&%$#{}|*<>~^\\'\"é字[]", min_size=1, max_size=8).map(lambda s: f"m{s}")


def orders() -> st.SearchStrategy[Better | None]:
    return st.sampled_from(["higher", "lower", None])


@st.composite
def tables(draw: st.DrawFn) -> Table:
    width = draw(st.integers(1, 4))
    better = orders()
    groups = st.sampled_from(["", "wmt14", "wmt16 & more"])
    columns = tuple(Column(f"c{i}", f"c{i}", draw(groups), draw(better)) for i in range(width))
    rows = tuple(
        Row(f"m{i}", draw(LABELS), tuple(draw(cells) for _ in range(width)), draw(st.booleans()), draw(st.booleans()))
        for i in range(draw(st.integers(1, 5)))
    )
    return Table("t", "A table", columns, rows, (Note("n = 1"),))


@settings(max_examples=60, deadline=None)
@given(tables())
def test_all_formats_show_the_same_numbers_and_marks(table: Table) -> None:
    truth = shown_by(table)
    assert from_markdown(table) == truth
    assert from_latex(table) == truth
    assert from_html(table) == truth
    assert from_terminal(table) == truth
    assert from_csv(table) == truth


def test_markdown_renders_as_one_table_whatever_the_labels_hold() -> None:
    evil = "a|b `c` *d* _e_ <f> [g](h) \\ ~i~ & #"
    row = Row("x", evil, (Cell("1.2 M", 1.2e6), Cell.of([20.0], symbol="†"), Cell.of([3.0])))
    table = Table("t", evil, SMALL.columns, (row, *SMALL.rows), (Note(evil),))
    tokens = MarkdownIt("commonmark").enable("table").parse(render_markdown(table))
    cells = [tokens[i + 1] for i, token in enumerate(tokens) if token.type in ("th_open", "td_open")]
    assert len(cells) == (1 + len(table.rows)) * (1 + len(table.columns)), "a pipe in a label parts no cell"

    def shown(inline: Token) -> str:
        assert not any(c.type in ("code_inline", "em_open", "link_open", "html_inline") for c in inline.children or [])
        return "".join(child.content for child in inline.children or [])

    assert shown(cells[len(table.columns) + 1]) == evil
    assert shown(next(t for t in tokens if t.type == "inline")) == evil, "the heading"
    assert shown([t for t in tokens if t.type == "inline"][-1]) == evil, "the note"
