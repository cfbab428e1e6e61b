"""report.html in a real browser: clicks, keys, colours, widths.  Skipped where there is none; CI installs one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mtsuite.report import build_report
from mtsuite.report.page.translations import Extent
from mtsuite.results.segments import Segments, write_segments

from .. import webdriver
from ..folders import grid, small, write_folder
from ..webdriver import DOWN, ENTER, ESCAPE, LEFT, RIGHT, SPACE, TAB, UP, Browser

pytestmark = pytest.mark.skipif(bool(webdriver.missing()), reason=webdriver.missing())

ROWS = ("full", "lora", "adapter", "zero-shot")
N = 45
HACK = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
TEXTS = {
    "de": ("Der alte Mann liest das Buch im Garten.", "Der junge Mann liest das Buch im Garten.",
           "Der alte Mann liest das Buch.", "The old man."),
    "ar": ("يقرأ الرجل العجوز الكتاب في الحديقة.", "يقرأ الرجل الصغير الكتاب في الحديقة.",
           "يقرأ الرجل العجوز الكتاب.", "The old man."),
    "zh": ("那位老人在花园里看书。", "那位女人在花园里看书。", "那位老人看书。", ""),
}  # fmt: skip


def results(folder: Path) -> Path:
    """Four rows, three directions, 45 segments; what the sorts must find is put in by hand."""
    directions = ["en-de", "en-ar", "en-zh"]
    numbers = {
        row: {d: (base + i, base + i + 1) for i, d in enumerate(directions)}
        for row, base in zip(ROWS, (30.0, 35.0, 20.0, 5.0), strict=True)
    }
    scores = grid(numbers) + grid(numbers, metric="chrF")
    for trained in directions:
        scores += grid({"lora": {d: 36.0 if d == trained else 4.0 for d in directions}}, trained_on=trained)
    info = {
        "title": "A small comparison",
        "methods": list(ROWS),
        "labels": {"full": "Full", "lora": "LoRA", "adapter": "Adapter </script><i>", "zero-shot": "Zero-shot"},
        "directions": directions,
        "trained_methods": list(ROWS[:3]),
        "baseline": "full",
        "metrics": ["BLEU", "chrF"],
        "transfer": {"methods": ["lora"], "base": "zero-shot", "directions": directions},
        "learning_curves": {"full": [[1, 3.0], [2, 2.0]], "lora": [[1, 3.5], [2, 2.5]]},
        "fairness": {"consistent": False, "message": "LoRA saw other text.", "streams": [{"method": "lora"}]},
    }
    costs = [{"method": m, "seed": 1, "trainable_params": 1000, "train_seconds": 9} for m in ROWS[:3]]
    write_folder(folder, scores, info, costs)
    (folder / "recipe.yaml").write_text("name: small\n" + "x: " + "long " * 100, encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps({"mtsuite": "1", "data": {"fingerprint": "f" * 64}}))
    chrf = {row: [value] * N for row, value in zip(ROWS, (60.0, 55.0, 50.0, 40.0), strict=True)}
    chrf["zero-shot"][30] = 0.0  # range 60
    chrf["full"][7], chrf["adapter"][7] = 90.0, 45.0  # range 50; full wins by 35
    chrf["lora"][12] = 20.0  # full wins by 40
    comet = {row: {"1": [50.0] * N} for row in ROWS}
    by_metric = {"chrF": {row: {"1": xs, "2": xs[::-1]} for row, xs in chrf.items()}, "COMET": comet}
    segments = []
    for direction in directions:
        target = direction[3:]
        sources = tuple(f"The old man reads the book in the garden. ({i})" for i in range(N))
        references = tuple(TEXTS[target][0] for _ in range(N))
        flags = {"zero-shot": {"1": {"off-target": [0, 4], "empty": [44]}}}
        segments.append(Segments(direction, "toy", sources, references, by_metric, flags))
        for row, text in zip(ROWS, TEXTS[target], strict=True):
            for seed in ("1", "2"):
                lines = [text if seed == "1" else f"{text} {HACK}"] * N
                path = folder / "translations" / row / seed / "all" / f"{direction}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    write_segments(folder, segments, several=False)
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_report(results(tmp_path_factory.mktemp("browser"))).page


@pytest.fixture(scope="module")
def session() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


@pytest.fixture
def browser(session: Browser, page: Path) -> Iterator[Browser]:
    """The page, freshly opened at 1280 × 900; afterwards nothing was asked for, logged or run that should not be."""
    session.open("about:blank")
    session.log("performance")
    session.resize(1280, 900)
    session.prefer(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    session.open(page)
    ready(session)
    yield session
    assert set(session.requests()) == {page.as_uri()}
    assert session.log("browser") == []
    assert session.run("return window.hacked === undefined")


def ready(browser: Browser) -> None:
    browser.until("return document.querySelectorAll('.segment').length > 0")


def shown(browser: Browser) -> list[int]:
    """Numbers of the segments in view, in order."""
    return list(browser.run("return [...document.querySelectorAll('.segment')].map(s => Number(s.dataset.segment))"))


def focused(browser: Browser) -> int | None:
    """The number of the segment that has the focus."""
    number = browser.run("return document.activeElement.dataset.segment")
    return None if number is None else int(number)


def output(browser: Browser, row: int, what: str) -> list[Any]:
    """``what`` of every mark in the first segment's output of a row: ``[kind, text, title]`` lists for ``marks``."""
    return list(
        browser.run(
            "const text = document.querySelectorAll('.segment .outputs .text')[arguments[0]].querySelector('p');"
            "const marks = [...text.querySelectorAll('mark, del')];"
            "return {marks: () => marks.map(m => [m.localName, m.textContent, m.title]),"
            " set: () => [text.lang, text.dir, getComputedStyle(text).direction, getComputedStyle(text).textAlign],"
            " text: () => [text.textContent]}[arguments[1]]()",
            row,
            what,
        )
    )


def test_a_table_is_sorted_by_click_and_by_key(browser: Browser) -> None:
    heading = "#table-bleu .sorters th:nth-child(3)"

    def order() -> list[str]:
        return [text.split()[0] for text in browser.texts("#table-bleu tbody th")]

    given = ["Full", "LoRA", "Adapter", "Zero-shot"]
    assert order() == given
    browser.click(f"{heading} button")
    assert order() == ["LoRA", "Full", "Adapter", "Zero-shot"]
    assert browser.run("return document.querySelector(arguments[0]).getAttribute('aria-sort')", heading) == "descending"
    browser.press(ENTER)
    assert order() == ["Zero-shot", "Adapter", "Full", "LoRA"]
    assert browser.run("return document.querySelector(arguments[0]).getAttribute('aria-sort')", heading) == "ascending"
    browser.press(SPACE)
    assert order() == given
    assert browser.run("return document.querySelectorAll('[aria-sort]').length") == 0


def test_rows_can_be_taken_out_of_all_tables(browser: Browser) -> None:
    rows = "return [...document.querySelectorAll('tr[data-row=lora]')].filter(r => r.checkVisibility()).length"
    before = browser.run(rows)
    assert before >= 2
    browser.click("fieldset.rows input[value=lora]")
    assert browser.run(rows) == 0
    browser.click("fieldset.rows input[value=lora]")
    assert browser.run(rows) == before


def test_the_navigation_leads_and_follows(browser: Browser) -> None:
    assert browser.text("nav a[aria-current]") == "Summary"
    browser.click('nav a[href="#translations"]')
    browser.until("return document.querySelector('nav a[aria-current]').hash === '#translations'")
    heading = "return document.querySelector('#translations h2').getBoundingClientRect().top"
    assert 0 < browser.run(heading) < 200
    assert browser.run("return document.querySelector('nav').getBoundingClientRect().top") == 0


def test_the_opening_warns_and_answers(browser: Browser) -> None:
    assert "Not a fair comparison. LoRA saw other text." in browser.text(".banner")
    best = "LoRA has the best BLEU on the average of 3 directions: 36.50 ±0.71, 5.00 ahead of Full. chrF agrees."
    assert browser.texts(".answer li")[0].split("\n") == ["Best", best]
    browser.click('.answer a[href="#transfer"]')
    assert browser.run("return location.hash") == "#transfer"


def test_differences_are_marked_by_word(browser: Browser) -> None:
    assert browser.texts(".segment .given p")[:2] == ["The old man reads the book in the garden. (0)", TEXTS["de"][0]]
    assert output(browser, 0, "marks") == []
    assert "✓ the reference" in browser.texts(".outputs h4")[0]
    assert output(browser, 1, "marks") == [["mark", "junge", "instead of: alte"]]
    assert output(browser, 2, "marks") == [["del", "‸", "missing: im Garten"]]
    browser.click("[name=missing]")
    assert output(browser, 1, "marks") == [["del", "alte", ""], ["mark", "junge", "instead of: alte"]]
    assert output(browser, 2, "text") == ["Der alte Mann liest das Buch im Garten."]
    assert output(browser, 3, "text") == ["Der alte Mann liest das Buch im Garten The old man."]
    browser.click("[name=missing]")
    browser.choose("[name=against]", "lora")
    assert output(browser, 0, "marks") == [["mark", "alte", "instead of: junge"]]
    assert output(browser, 1, "marks") == []


def test_arabic_is_set_from_the_right_and_other_text_as_it_is(browser: Browser) -> None:
    browser.choose("[name=direction]", "1")
    browser.until("return document.querySelector('.outputs p').lang === 'ar'")
    assert output(browser, 1, "set") == ["ar", "rtl", "rtl", "start"]
    assert output(browser, 1, "marks") == [["mark", "الصغير", "instead of: العجوز"]]
    assert output(browser, 3, "set")[1:3] == ["ltr", "ltr"]  # English where Arabic should be
    where = browser.run(
        "const text = document.querySelectorAll('.outputs .text')[1].querySelector('p');"
        "const range = document.createRange(); const box = () => range.getBoundingClientRect();"
        "range.selectNodeContents(text.firstChild); const before = box();"
        "range.selectNodeContents(text.querySelector('mark')); const marked = box();"
        "range.selectNodeContents(text.lastChild);"
        "return [before.left >= marked.right - 8, text.getBoundingClientRect().right - before.right]"
    )
    assert where[0], "what is written before the mark stands to its right"
    assert abs(where[1]) < 2, "the line begins at the right edge"


def test_chinese_is_compared_by_character_and_empty_output_said(browser: Browser) -> None:
    browser.choose("[name=direction]", "2")
    browser.until("return document.querySelector('.outputs p').lang === 'zh'")
    assert output(browser, 1, "marks") == [["mark", "女", "instead of: 老"]]
    assert output(browser, 2, "marks") == [["del", "‸", "missing: 在花园里"]]
    assert output(browser, 3, "text") == ["empty"]


def test_segments_are_sorted(browser: Browser) -> None:
    assert shown(browser) == list(range(1, 21))
    browser.choose("[name=sort]", "disagreement")
    assert shown(browser)[:3] == [31, 8, 13]
    assert "chrF range 60.0" in browser.text(".segment h3")
    browser.click("[name=show-zero-shot]")
    assert len(browser.texts(".segment:first-child .outputs .text")) == 3
    assert shown(browser)[:3] == [8, 13, 1]  # 90 − 45, 60 − 20, 60 − 50
    browser.choose("[name=sort]", "lowest")
    browser.choose("[name=a]", "lora")
    assert shown(browser)[:3] == [13, 1, 2]
    browser.choose("[name=sort]", "win")
    browser.choose("[name=a]", "full")
    browser.choose("[name=b]", "lora")
    assert shown(browser)[:3] == [13, 8, 1]
    browser.choose("[name=b]", "adapter")
    assert shown(browser)[:2] == [8, 1]
    browser.choose("[name=metric]", "COMET")
    assert shown(browser)[:3] == [1, 2, 3]
    browser.choose("[name=a]", "zero-shot")
    assert browser.run("return document.querySelector('[name=show-zero-shot]').checked"), "what is sorted by is shown"


def test_seed_search_and_flags(browser: Browser) -> None:
    browser.choose("[name=seed]", "2")
    assert HACK in output(browser, 0, "text")[0]
    browser.choose("[name=seed]", "1")
    browser.type("[name=query]", "(17)")
    assert shown(browser) == [18]
    assert browser.text(".said") == "1–1 of 1 segments"
    browser.press(ESCAPE)
    browser.run("document.querySelector('[name=query]').value = ''")
    browser.choose("[name=flag]", "off-target")
    assert shown(browser) == [1, 5]
    assert "⚑ off-target" in browser.texts(".outputs h4")[3]


def test_the_keyboard_is_enough(browser: Browser) -> None:
    browser.run("document.querySelector('.segment').focus()")
    assert focused(browser) == 1
    browser.press("j", "j", "k")
    assert focused(browser) == 2
    assert browser.run(
        "const box = document.activeElement.getBoundingClientRect(); return box.top >= 0 && box.top < innerHeight"
    )
    assert browser.run("return getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.press("n")
    assert (focused(browser), shown(browser)[0]) == (21, 21)
    browser.press("n", "n")
    assert shown(browser) == list(range(41, 46))
    browser.press("p", "k")
    assert focused(browser) == 20
    browser.press("/")
    assert browser.run("return document.activeElement.name") == "query"
    browser.press("j")  # a letter in the search, not a command
    assert browser.run("return document.querySelector('[name=query]').value") == "j"
    browser.run("document.querySelector('.skip').focus()")
    browser.press(ENTER, TAB)
    assert browser.run("return location.hash") == "#summary"
    assert browser.run("return document.activeElement.closest('#summary') !== null")


def test_a_segment_has_an_address(browser: Browser, page: Path) -> None:
    browser.open("about:blank")
    browser.open(f"{page.as_uri()}#translations/en-zh/30")
    browser.until("return document.activeElement.dataset.segment === '30'")
    assert output(browser, 0, "set")[0] == "zh"
    assert shown(browser)[0] == 21
    browser.run("document.querySelector('[data-segment=\"33\"] h3 a').click()")
    browser.until("return document.activeElement.dataset.segment === '33'")


def test_heat_maps_tell_their_cells(browser: Browser) -> None:
    cell = ".matrix tbody tr:nth-child(2) td:nth-of-type(1)"
    browser.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", cell)
    browser.hover(cell)
    told = browser.until("const tip = document.querySelector('.tip'); return tip.checkVisibility() && tip.innerText")
    for part in (browser.text(cell), "trained on en-", "tested on en-", "Zero-shot"):
        assert part in told
    where = "const at = document.activeElement; return [at.parentNode.sectionRowIndex, at.cellIndex]"
    browser.run("document.querySelector('.matrix tbody td').focus()")
    assert browser.run("return document.activeElement.getAttribute('aria-label')").startswith("+")
    assert browser.run(where) == [0, 1]
    browser.press(RIGHT, DOWN)
    assert browser.run(where) == [1, 2]
    browser.press(LEFT, UP, UP)
    assert browser.run(where) == [0, 1]
    stops = "return [...document.querySelectorAll('.matrix')].map(m => m.querySelectorAll('td[tabindex=\"0\"]').length)"
    assert set(browser.run(stops)) == {1}, "one stop of the Tab key a matrix"
    browser.press(ESCAPE)
    assert not browser.run("return document.querySelector('.tip').checkVisibility()")


# Text and what it stands on, alpha blended; WCAG 2.2, 1.4.3: 4.5, and 3 for large text.
CONTRAST = """
const channels = text => text.match(/[\\d.]+/g).map(Number);
const over = (top, under) => {
  const [r, g, b, a = 1] = top;
  return [r, g, b].map((c, i) => a * c + (1 - a) * under[i]);
};
const luminance = colour => {
  const [r, g, b] = colour.map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = node => {
  const above = node.parentElement ? ground(node.parentElement) : [255, 255, 255];
  return over(channels(getComputedStyle(node).backgroundColor), above);
};
document.querySelectorAll("details").forEach(block => { block.open = true; });
const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("noscript, script")) continue;
  if (node.closest("button:disabled, option")) continue;
  const style = getComputedStyle(node), under = ground(node);
  const [x, y] = [luminance(over(channels(style.color), under)), luminance(under)];
  const ratio = (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
  found.push([ratio, walker.currentNode.textContent.trim().slice(0, 40), style.color, under.join(",")]);
}
found.sort((a, b) => a[0] - b[0]);
return [found.length, found.slice(0, 5)];
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_enough_contrast(browser: Browser, scheme: str) -> None:
    browser.prefer(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    browser.click("[name=missing]")
    paper = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}[scheme]
    count, worst = browser.run(CONTRAST)
    assert count > 300
    assert worst[0][0] >= 4.5, worst


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_need_not_scroll_sideways(browser: Browser, width: int) -> None:
    browser.resize(width, 844, mobile=True)
    browser.run("document.querySelectorAll('details').forEach(block => { block.open = true; })")
    wide, view = browser.run("return [document.documentElement.scrollWidth, innerWidth]")
    assert (wide, view) == (width, width)
    columns = browser.run("return getComputedStyle(document.querySelector('.outputs')).gridTemplateColumns")
    assert len(columns.split()) == 1


def test_motion_is_only_for_those_who_like_it(browser: Browser) -> None:
    behaviour = "return getComputedStyle(document.documentElement).scrollBehavior"
    assert browser.run(behaviour) == "auto"
    browser.prefer(prefers_reduced_motion="no-preference")
    assert browser.run(behaviour) == "smooth"


def test_everything_that_can_be_worked_has_a_name(browser: Browser) -> None:
    unnamed = browser.run(
        "return [...document.querySelectorAll('a, button, select, input, [role=region], nav, form, article')]"
        ".filter(e => e.checkVisibility()).filter(e => !(e.ariaLabel || e.labels?.length || e.textContent.trim()))"
        ".map(e => e.outerHTML.slice(0, 80))"
    )
    assert unnamed == []
    assert browser.run("return ['header', 'nav', 'main', 'footer'].map(n => document.querySelectorAll(n).length)") == [
        1, 1, 1, 1,
    ]  # fmt: skip
    assert browser.run("return [...document.images].every(i => i.alt && i.naturalWidth > 0)")


def test_packed_translations_are_read(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, page: Path
) -> None:
    folder = small(tmp_path)
    for method in ("full", "lora"):
        path = folder / "translations" / method / "1" / "all" / "en-de.txt"
        path.parent.mkdir(parents=True)
        path.write_text(f"{method} schläft.\n" * 3, encoding="utf-8")
    monkeypatch.setattr("mtsuite.report.page.report_page.extents", lambda blocks: [Extent(2, packed=True)])
    packed = build_report(folder).page
    assert "schläft" not in packed.read_text(encoding="utf-8").split("</noscript>")[1]
    browser.open(packed)
    ready(browser)
    assert output(browser, 1, "text") == ["lora schläft."]
    assert browser.text(".said") == "1–2 of 2 segments (the first 2 of 3 are on this page)"
    assert browser.requests()[-1] == packed.as_uri()
    added = browser.devtools("Page.addScriptToEvaluateOnNewDocument", source="delete globalThis.DecompressionStream")[
        "identifier"
    ]
    browser.open(packed)
    assert "cannot unpack" in browser.until("return document.querySelector('.said').innerText")
    browser.devtools("Page.removeScriptToEvaluateOnNewDocument", identifier=added)
    assert browser.requests()[-1] == packed.as_uri()
    browser.open(page)


def test_without_scripts_it_is_still_a_page(browser: Browser, page: Path) -> None:
    browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(page)
        text = browser.text("#translations")
        assert "Without scripts the first segments are listed here" in text
        assert "Direction" not in text
        assert browser.texts("#translations summary") == ["en-de", "en-ar", "en-zh"]
    finally:
        browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
