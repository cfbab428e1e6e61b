"""The translations browser: for each direction the first segments, every method's output under one another."""

from __future__ import annotations

from html import escape
from pathlib import Path

from mtsuite.data.direction import Direction
from mtsuite.errors import StoreError
from mtsuite.report.results import ALL, OWN, Results

SEGMENTS = 50
CHARACTERS = 1200  # of one output; a model that babbles on is cut here


def read_translations(results: Results, direction: str, limit: int = SEGMENTS) -> dict[str, tuple[str, list[str]]]:
    """Method to (seed, first lines), of the lowest seed, of the table's model; methods without files are absent."""
    found = {}
    for method in results.methods:
        folder = results.folder / "translations" / method
        seeds = sorted((p.name for p in folder.iterdir() if p.is_dir()), key=_seed_order) if folder.is_dir() else []
        for seed in seeds:
            path = next((p for on in (ALL, OWN) if (p := folder / seed / on / f"{direction}.txt").is_file()), None)
            if path is not None:
                found[method] = (seed, _lines(path, limit))
                break
    return found


def _seed_order(name: str) -> tuple[int, str]:
    return (int(name), name) if name.isdigit() else (10**9, name)


def _lines(path: Path, limit: int) -> list[str]:
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            return [line.rstrip("\r\n") for line, _ in zip(file, range(limit), strict=False)]
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} cannot be read as UTF-8 text, one line a segment: {error}") from None


def _texts(results: Results, direction: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sources and references of a direction's first test set; empty when the folder has none."""
    for (of, _), segments in results.segments.items():
        if of == direction:
            return segments.sources, segments.references
    return (), ()


def browser_html(results: Results, limit: int = SEGMENTS) -> str:
    """One block a direction; without scripts they unfold one by one, with them a menu shows one at a time."""
    blocks: list[str] = []
    for direction in results.directions:
        outputs = read_translations(results, direction, limit)
        if outputs:
            blocks.append(_direction_html(results, direction, outputs, limit, opened=not blocks))
    return '<div class="browser">\n' + "\n".join(blocks) + "\n</div>" if blocks else ""


def _direction_html(
    results: Results, direction: str, outputs: dict[str, tuple[str, list[str]]], limit: int, opened: bool
) -> str:
    pair = Direction.parse(direction)
    sources, references = _texts(results, direction)
    total = min(limit, max(len(lines) for _, lines in outputs.values()))
    items = []
    for i in range(total):
        rows = []
        if i < len(sources):
            rows.append(_row("Source", sources[i], pair.source, "given"))
        if i < len(references):
            rows.append(_row("Reference", references[i], pair.target, "given"))
        for method, (_, lines) in outputs.items():
            text = lines[i] if i < len(lines) else None
            same = text is not None and i < len(references) and text == references[i]
            rows.append(_row(results.label(method), text, pair.target, "same" if same else ""))
        items.append(f"<li><dl>{''.join(rows)}</dl></li>")
    seeds = sorted({seed for seed, _ in outputs.values()}, key=_seed_order)
    word = "seed" if len(seeds) == 1 else "seeds"
    state = " open" if opened else ""
    return f"""<details class="direction" data-direction="{escape(direction)}"{state}>
<summary>{escape(direction)}</summary>
<p class="quiet">First {total} segments, {word} {escape(", ".join(seeds))}.</p>
<ol class="segments">
{chr(10).join(items)}
</ol>
</details>"""


def _row(label: str, text: str | None, lang: str, kind: str) -> str:
    css = f' class="{kind}"' if kind else ""
    if text is None:
        content = '<span class="quiet">no translation</span>'
    elif not text.strip():
        content = '<span class="quiet">empty</span>'
    else:
        cut = text if len(text) <= CHARACTERS else f"{text[:CHARACTERS]} …"
        content = f'<span lang="{escape(lang.replace("_", "-"))}" dir="auto">{escape(cut)}</span>'
    tick = ' <span title="equal to the reference">✓</span>' if kind == "same" else ""
    return f"<div{css}><dt>{escape(label)}{tick}</dt><dd>{content}</dd></div>"
