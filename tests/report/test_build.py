"""The whole report: files, page, determinism."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from mtsuite.errors import StoreError
from mtsuite.report import Report, build_report
from mtsuite.report.figures import thinned
from mtsuite.report.html import LIMIT, flattened
from mtsuite.report.segments import Segments, write_segments

from .folders import grid, large, small, write_folder


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return build_report(large(tmp_path_factory.mktemp("results"), seeds=2, fair=False))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


class Page(HTMLParser):
    """Checks that tags close in order and gathers what the tests ask about."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    assert page.open == []
    return page


def test_files(report: Report) -> None:
    names = {str(p.relative_to(report.folder)) for p in report.files}
    for name in ("bleu", "chrf", "comet", "costs", "transfer-bleu", "significance-comet"):
        assert {f"tables/{name}.{ending}" for ending in ("md", "tex", "csv", "html")} <= names
    for ending in ("scores.csv", "scores.md", "change.csv", "change.md", "change.png", "change.svg"):
        assert f"matrices/landermt-bleu-{ending}" in names
    for name in ("average-bleu", "params-bleu", "learning-curves"):
        assert {f"figures/{name}.png", f"figures/{name}.svg"} <= names
    assert "report.html" in names
    assert all(p.is_file() for p in report.files)


def test_the_page_is_well_formed_and_asks_no_server(report: Report) -> None:
    text = report.page.read_text(encoding="utf-8")
    page = parsed(text)
    assert len(text.encode()) < 5_000_000
    sources = [a[k] or "" for _, a in page.tags for k in ("src", "href") if k in a]
    assert sources
    assert all(s.startswith(("data:", "#")) for s in sources)
    assert not re.search(r"url\(|@import|fetch\(|XMLHttp", text)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {s[1:] for s in sources if s.startswith("#")} <= set(ids)
    assert all(a.get("alt") for tag, a in page.tags if tag == "img")


def test_the_page_says_in_red_that_streams_differ(report: Report) -> None:
    text = report.page.read_text(encoding="utf-8")
    assert '<div class="banner" role="alert"><p><strong>Not a fair comparison.</strong>' in text
    assert '<li class="alarm"><strong>Warning:</strong> Fairness: Mix-MoE' in text
    assert '<tr class=different><th scope="row">Mix-MoE</th>' in text


def test_the_page_shows_translations_with_their_direction_of_writing(report: Report) -> None:
    text = report.page.read_text(encoding="utf-8")
    assert '<details class="direction" data-direction="en-ar">' in text
    assert '<span lang="ar" dir="auto">يقرأ' in text
    assert text.count('title="equal to the reference"') == 10 * 50 * 2


def test_a_second_build_changes_nothing_and_removes_what_is_stale(tmp_path: Path) -> None:
    build_report(small(tmp_path))
    before = contents(tmp_path)
    (tmp_path / "tables" / "ter.md").write_text("old")
    (tmp_path / "matrices").mkdir(exist_ok=True)
    (tmp_path / "matrices" / "lora-bleu-change.svg").write_text("old")
    (tmp_path / "figures" / "notes.txt").write_text("the reader's own")
    build_report(tmp_path)
    after = contents(tmp_path)
    assert after.pop("figures/notes.txt") == b"the reader's own"
    assert after == before


def test_everything_from_the_folder_is_escaped(tmp_path: Path) -> None:
    evil = "<script>alert('x')</script>\"&"
    folder = small(tmp_path)
    info = json.loads((folder / "report.json").read_text())
    info |= {
        "title": evil,
        "labels": {"full": evil, "lora": evil},
        "notes": [evil],
        "method_notes": {"full": evil},
        "failed": [{"job": evil, "error": evil}],
        "fairness": {"consistent": False, "message": evil, "streams": [{"method": evil, "fingerprint": evil}]},
        "learning_curves": {"full": [[1, 2.0], [2, 1.0]]},
        "metric_notes": {"BLEU": evil},
        "command": evil,
        "model": evil,
    }
    (folder / "report.json").write_text(json.dumps(info))
    (folder / "recipe.yaml").write_text(evil)
    (folder / "environment.json").write_text(json.dumps({evil: evil}))
    write_segments(folder, [Segments("en-de", "toy", (evil,), (evil,))], several=False)
    path = folder / "translations" / "full" / "1" / "all" / "en-de.txt"
    path.parent.mkdir(parents=True)
    path.write_text(evil + "\n")
    report = build_report(folder)
    for file in report.files:
        if file.suffix == ".html":
            page = parsed(file.read_text(encoding="utf-8"))
            assert [tag for tag, _ in page.tags].count("script") == 1
            assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script>" not in (folder / "tables" / "bleu.md").read_text()


def test_a_page_that_would_be_too_large_shows_fewer_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = small(tmp_path)
    for method in ("full", "lora"):
        path = folder / "translations" / method / "1" / "all" / "en-de.txt"
        path.parent.mkdir(parents=True)
        path.write_text(("字" * 1000 + "\n") * 60, encoding="utf-8")
    assert "First 50 segments, seed 1." in build_report(folder).page.read_text(encoding="utf-8")
    assert LIMIT < 5_000_000
    monkeypatch.setattr("mtsuite.report.html.LIMIT", 400_000)
    page = build_report(folder).page
    assert "First 25 segments, seed 1." in page.read_text(encoding="utf-8")
    assert page.stat().st_size <= 400_000


def test_a_report_with_nothing_but_one_score(tmp_path: Path) -> None:
    info = {"methods": ["a"], "directions": ["en-de"], "metrics": ["BLEU", "COMET"]}
    report = build_report(write_folder(tmp_path / "tiny", grid({"a": {"en-de": 1.0}}), info))
    assert [t.name for t in report.tables] == ["bleu", "comet"]
    assert report.tables[1].cell("a", "en-de").is_hole
    assert "tiny: BLEU" in report.headline[0].title


def test_a_report_in_which_everything_failed(tmp_path: Path) -> None:
    info = {
        "methods": ["a"],
        "directions": ["en-de"],
        "metrics": ["BLEU"],
        "failed": [{"job": "train a", "error": "no"}],
    }
    report = build_report(write_folder(tmp_path, [], info))
    assert report.headline[0].cell("a", "average").is_hole
    assert "Failed:" in report.page.read_text(encoding="utf-8")


def test_printing(report: Report) -> None:
    console = Console(width=100, file=io.StringIO())
    report.print(console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "Microworld: ways to adapt a small BLOOM: BLEU (microworld)" in text
    assert "Cross-lingual transfer, BLEU" in text
    assert "chrF" not in text
    assert "WARNING: Fairness: Mix-MoE consumed another stream" in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    folder = small(tmp_path)
    (folder / "tables").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot be written into"):
        build_report(folder)


def test_importing_the_room_is_light() -> None:
    code = "import sys, mtsuite.report; print([m for m in ('torch', 'matplotlib', 'pandas') if m in sys.modules])"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "[]"


def test_long_curves_are_thinned_to_means_of_neighbours() -> None:
    assert thinned([(1, 4.0), (2, 2.0), (3, 1.0), (4, 1.0)], limit=2) == [(1.5, 3.0), (3.5, 1.0)]
    assert thinned([(1, 4.0)], limit=2) == [(1.0, 4.0)]


def test_nested_values_become_dotted_keys() -> None:
    assert flattened({"a": {"b": 1, "c": [1, 2]}, "d": None, "e": [{"f": 2}]}) == [
        ("a.b", "1"), ("a.c", "1, 2"), ("d", ""), ("e.0.f", "2"),
    ]  # fmt: skip
