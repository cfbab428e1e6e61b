"""The style sheet and the script of report.html: system fonts, two themes, no request to any server."""

CSS = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1d2126; --quiet: #626b75; --line: #d8dde2;
  --soft: #f4f6f8; --link: #14598f; --alarm: #b3261e; --alarm-soft: #fdecea; --heat-up: 35 115 180;
  --heat-down: 210 105 30; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181c; --ink: #e4e7ea; --quiet: #9aa4ae; --line: #343a41; --soft: #1d2126; --link: #7db8e8;
    --alarm: #ff8a80; --alarm-soft: #3a1d1b; --heat-up: 60 140 210; --heat-down: 225 120 45; }
  img.chart { filter: invert(1) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 3.5rem; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
main, header.top, footer { max-width: 76rem; margin: 0 auto; padding: 0 1.25rem; }
header.top { padding-top: 2.25rem; padding-bottom: .5rem; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
p { max-width: 46rem; }
a { color: var(--link); }
.quiet, .sub { color: var(--quiet); }
.num sup { display: inline-block; width: 0; }
.sub { margin: .15rem 0; font-size: .92rem; }
nav { position: sticky; top: 0; z-index: 5; background: var(--paper); border-bottom: 1px solid var(--line); }
nav ul { max-width: 76rem; margin: 0 auto; padding: .55rem 1.25rem; display: flex; gap: 1.1rem; list-style: none;
  overflow-x: auto; white-space: nowrap; font-size: .9rem; scrollbar-width: thin; }
nav a { text-decoration: none; color: var(--quiet); }
nav a:hover { color: var(--link); text-decoration: underline; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.banner { border-left: 4px solid var(--alarm); background: var(--alarm-soft); padding: .7rem 1rem; margin: 1rem 0;
  max-width: 60rem; }
.banner p { margin: .2rem 0; }
.banner strong, .alarm { color: var(--alarm); }
.good::before { content: "✓ "; color: var(--link); }
figure { margin: 1rem 0 2rem; }
figcaption { font-weight: 600; margin-bottom: .5rem; }
.scroll { overflow-x: auto; border-block: 1.5px solid var(--ink); max-width: max-content; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums lining-nums; }
th, td { padding: .32rem .65rem; text-align: left; white-space: nowrap; font-weight: 400; }
thead th { font-weight: 600; vertical-align: bottom; }
thead tr:last-child > * { border-bottom: 1px solid var(--ink); }
thead th.span { text-align: center; font-weight: 400; color: var(--quiet); border-bottom: 1px solid var(--line); }
td.num, th.num { text-align: right; }
tbody tr:hover > * { background: var(--soft); }
tbody th, thead tr > :first-child { position: sticky; left: 0; background: var(--paper); z-index: 1; }
tr.rule > * { border-top: 1px solid var(--line); }
tr.floor > *, .hole { color: var(--quiet); }
tr.different > *, td.alarm { color: var(--alarm); }
td strong { font-weight: 700; }
td u { text-underline-offset: .18em; }
.sd { display: block; color: var(--quiet); font-size: .8em; line-height: 1.1; }
sup { line-height: 0; }
.sorters button { all: unset; cursor: pointer; font: inherit; font-weight: 600; }
.sorters button:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
.sorters button:hover { color: var(--link); }
.sorters button::after { content: ""; position: absolute; color: var(--link); font-size: .8em; }
th[aria-sort=ascending] button::after { content: "▴"; }
th[aria-sort=descending] button::after { content: "▾"; }
.notes { color: var(--quiet); font-size: .82rem; line-height: 1.5; margin: .6rem 0 0; padding-left: 1.1rem;
  max-width: 60rem; overflow-wrap: anywhere; }
.notes .alarm { color: var(--alarm); }
details { margin: .5rem 0; }
summary { cursor: pointer; color: var(--quiet); font-size: .88rem; }
details.direction > summary, details.block > summary { color: var(--link); font-size: 1rem; }
.matrix td, .matrix thead th { text-align: center; }
.matrix td { min-width: 3.9rem; border: 2px solid var(--paper); }
.matrix thead tr:first-child > * { padding-bottom: 0; }
.matrix thead tr:last-child > *, .matrix thead tr:first-child > * { border-bottom: 0; }
.matrix .scroll { border-block: 0; }
.matrix .axis { font-weight: 400; color: var(--quiet); }
td.up { background: rgb(var(--heat-up) / calc(var(--heat) * .6)); }
td.down { background: rgb(var(--heat-down) / calc(var(--heat) * .6)); }
.matrix tbody tr:hover td.up { background: rgb(var(--heat-up) / calc(var(--heat) * .6)); }
.matrix tbody tr:hover td.down { background: rgb(var(--heat-down) / calc(var(--heat) * .6)); }
.matrix .part { border-left: 2px solid var(--quiet); }
.matrix tr.part > * { border-top: 2px solid var(--quiet); }
td.own { font-weight: 700; box-shadow: inset 0 0 0 1.5px var(--ink); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1.5rem;
  align-items: start; }
img.chart { width: 100%; height: auto; display: block; }
.charts figure { margin: 0; }
.charts figcaption { color: var(--quiet); font-size: .85rem; font-weight: 400; margin-top: .35rem; }
pre { background: var(--soft); padding: 1rem; overflow-x: auto;
  font: .82rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font: .86em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.facts td { white-space: normal; overflow-wrap: anywhere; }
.facts th { color: var(--quiet); vertical-align: top; }
.picker { display: flex; gap: .6rem; align-items: center; margin: .75rem 0; }
select { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 4px;
  padding: .25rem .5rem; }
.segments { padding: 0; margin: 0; list-style: none; counter-reset: segment; max-width: 60rem; }
.segments li { counter-increment: segment; border-top: 1px solid var(--line); padding: .6rem 0 .6rem 2.4rem;
  position: relative; }
.segments li::before { content: counter(segment); position: absolute; left: 0; top: .65rem; color: var(--quiet);
  font-size: .8rem; font-variant-numeric: tabular-nums; }
.segments dl { margin: 0; }
.segments dl div { display: grid; grid-template-columns: 9.5rem 1fr; gap: .8rem; padding: .06rem 0; }
.segments dt { color: var(--quiet); font-size: .84rem; padding-top: .1rem; }
.segments dd { margin: 0; overflow-wrap: anywhere; }
.segments dd > [dir] { display: block; text-align: start; }
.segments .given dd { font-weight: 600; }
footer { color: var(--quiet); font-size: .82rem; padding-top: 2rem; padding-bottom: 3rem; }
@media (max-width: 40rem) {
  body { font-size: 15px; }
  h1 { font-size: 1.4rem; }
  th, td { padding: .3rem .5rem; }
  .scroll { max-width: 100%; }
  thead th.span, .matrix thead th.axis { text-align: left; }
  tbody th { max-width: 9rem; white-space: normal; }
  .segments li { padding-left: 1.7rem; }
  .segments dl div { grid-template-columns: 1fr; gap: 0; padding-bottom: .3rem; }
}
@media print {
  nav, .picker { display: none; }
  .scroll { overflow: visible; }
  h2, figure { break-inside: avoid; }
}
""".strip()

# Sorting keeps rows without a number last in both orders; the translations menu replaces the folded blocks.
JS = """
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead .sorters > th")];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    button.title = "Sort by this column";
    button.addEventListener("click", () => {
      const before = head.getAttribute("aria-sort");
      const numeric = head.classList.contains("num");
      const up = before ? before === "descending" : !numeric;
      const next = up ? "ascending" : "descending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", next);
      const sign = up ? 1 : -1;
      const body = table.tBodies[0];
      const keyed = [...body.rows].map(row => {
        const cell = row.children[column];
        const number = cell.dataset.value === undefined ? NaN : Number(cell.dataset.value);
        return { row, number, text: cell.textContent };
      });
      keyed.sort((a, b) => {
        if (!numeric) return sign * a.text.localeCompare(b.text);
        if (isNaN(a.number) || isNaN(b.number)) return isNaN(a.number) - isNaN(b.number);
        return sign * (a.number - b.number);
      });
      for (const entry of keyed) body.append(entry.row);
    });
  });
}
const browser = document.querySelector(".browser");
if (browser) {
  const blocks = [...browser.querySelectorAll("details.direction")];
  const picker = document.createElement("p");
  picker.className = "picker";
  const label = document.createElement("label");
  label.htmlFor = "direction-picker";
  label.textContent = "Direction";
  const select = document.createElement("select");
  select.id = "direction-picker";
  for (const block of blocks) {
    const option = document.createElement("option");
    option.textContent = block.dataset.direction;
    select.append(option);
  }
  const show = () => blocks.forEach(block => {
    block.hidden = block.dataset.direction !== select.value;
    block.open = !block.hidden;
    block.querySelector("summary").hidden = true;
  });
  select.addEventListener("change", show);
  picker.append(label, select);
  browser.prepend(picker);
  show();
}
""".strip()
