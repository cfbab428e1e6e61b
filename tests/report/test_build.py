"""The whole report: files, page, determinism."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import random
import re
import shutil
import subprocess
import sys
import tomllib
import zlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from mtsuite.errors import StoreError
from mtsuite.report import Report, build_report
from mtsuite.report.figures.base import thinned
from mtsuite.report.page.report_page import LIMIT, flattened
from mtsuite.report.render.document import FOLDER, SCRIPTS, STYLES
from mtsuite.results.segments import Segments, write_segments

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


def data_of(text: str, name: str) -> dict[str, Any]:
    """The JSON under an id of the page, unpacked."""
    found = re.search(rf'<script type="application/json" id="{name}"( data-packed="deflate")?>(.*?)</script>', text)
    assert found, name
    packed = found[1] is not None
    return json.loads(zlib.decompress(base64.b64decode(found[2])) if packed else found[2])  # type: ignore[no-any-return]


def test_the_page_holds_all_translations_with_their_direction_of_writing(report: Report) -> None:
    text = report.page.read_text(encoding="utf-8")
    number = data_of(text, "translations-setup")["names"].index("en-ar")
    data = data_of(text, f"translations-{number}")
    assert (data["total"], data["shown"], len(data["sources"]), len(data["references"])) == (100, 100, 100, 100)
    assert (data["source"], data["target"]) == ({"lang": "en", "dir": "ltr"}, {"lang": "ar", "dir": "rtl"})
    assert data["outputs"]["full"]["1"][7] == data["references"][7] == "يقرأ الرجل العجوز الكتاب في الحديقة. (7)"
    assert len(data["scores"]["COMET"]["lora"]["1"]) == 100
    assert [data_of(text, f"translations-{i}")["unit"] for i in (0, 8)] == ["word", "character"]


def test_without_scripts_the_first_segments_of_each_direction_can_be_read(report: Report) -> None:
    plain = report.page.read_text(encoding="utf-8").split("<noscript>")[1].split("</noscript>")[0]
    assert plain.count('<details class="block">') == 10
    assert plain.count("<li>") == 10 * 5
    assert '<dt>Full fine-tuning</dt><dd lang="ar" dir="auto">يقرأ' in plain


def test_a_second_build_changes_nothing_and_removes_what_is_stale(tmp_path: Path) -> None:
    build_report(small(tmp_path))
    before = contents(tmp_path)
    info = json.loads((tmp_path / "report.json").read_text())
    scores = (tmp_path / "scores.csv").read_text()
    (tmp_path / "report.json").write_text(json.dumps({**info, "metrics": ["TER"]}))
    (tmp_path / "scores.csv").write_text(scores.replace(",BLEU,", ",TER,"))
    own = {"figures/notes.txt": b"the reader's own", "tables/mine.tex": b"his table"}
    for name, content in own.items():
        (tmp_path / name).write_bytes(content)
    build_report(tmp_path)
    assert (tmp_path / "tables/ter.md").is_file()
    assert not (tmp_path / "tables/bleu.md").exists()
    (tmp_path / "report.json").write_text(json.dumps({"schema": 1, **info}))
    (tmp_path / "scores.csv").write_text(scores)
    build_report(tmp_path)
    assert contents(tmp_path) == {**before, **own}


def test_without_a_page_the_numbers_are_those_of_the_whole_report(report: Report, tmp_path: Path) -> None:
    whole = contents(report.folder)
    built = build_report(Path(shutil.copytree(report.folder, tmp_path / "bare")), page=False)
    bare = contents(built.folder)
    drawn = {name for name in whole if name.endswith((".png", ".svg")) or name == "report.html"}
    assert {"report.html", "figures/average-bleu.png", "matrices/landermt-bleu-change.svg"} <= drawn
    assert bare.keys() == whole.keys() - drawn
    assert {name for name in bare if bare[name] != whole[name]} == {"manifest.json"}
    assert {str(path.relative_to(built.folder)) for path in built.files} <= set(bare)


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
            # One script, whose hash the policy names; the others are data, which no browser runs.
            kinds = [a.get("type") for tag, a in page.tags if tag == "script"]
            assert kinds.count(None) == 1
            assert set(kinds) <= {None, "application/json"}
            assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)
    assert "<script>" not in (folder / "tables" / "bleu.md").read_text()


def test_every_table_and_matrix_of_scores_carries_their_signature(tmp_path: Path) -> None:
    report = build_report(large(tmp_path, seeds=2), page=False)
    files = [path for part in ("tables", "matrices") for path in (report.folder / part).glob("*.md")]
    assert {path.name.split("-")[0].removesuffix(".md") for path in files} >= {"bleu", "transfer", "full", "costs"}
    silent = {path.name for path in files if " signature" not in path.read_text(encoding="utf-8")}
    assert silent == {"costs.md"}


def test_style_sheets_and_scripts_are_used_and_shipped() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*STYLES, *SCRIPTS}
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["tool"]["setuptools"]["package-data"]["mtsuite.report"] == ["static/*"]


def test_the_policy_allows_the_pages_own_script_alone(report: Report) -> None:
    text = report.page.read_text(encoding="utf-8")
    script = text.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in text


def test_a_page_that_would_be_too_large_is_packed_then_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small(tmp_path)
    draw = random.Random(3)
    for seed in ("1", "2"):
        for method in ("full", "lora"):
            path = folder / "translations" / method / seed / "all" / "en-de.txt"
            path.parent.mkdir(parents=True)
            lines = ["".join(draw.choice("abcdefgh ") for _ in range(900)) for _ in range(60)]
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def built(limit: int) -> tuple[bool, dict[str, Any], int]:
        monkeypatch.setattr("mtsuite.report.page.report_page.LIMIT", limit)
        page = build_report(folder).page
        text = page.read_text(encoding="utf-8")
        return "data-packed" in text, data_of(text, "translations-0"), page.stat().st_size

    assert LIMIT < 5_000_000
    packed, everything, size = built(LIMIT)
    assert (packed, everything["shown"], list(everything["outputs"]["lora"])) == (False, 60, ["1", "2"])
    packed, same, less = built(size - 50_000)
    assert packed
    assert same == everything
    assert less < size - 50_000
    packed, first, least = built(less - 20_000)
    assert (packed, first["shown"], list(first["outputs"]["lora"])) == (True, 60, ["1"])
    packed, half, _ = built(least - 10_000)
    assert (packed, half["shown"], half["total"], len(half["outputs"]["lora"]["1"])) == (True, 30, 60, 30)


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
    with pytest.raises(StoreError, match="tables: expected a folder of the results, found a file"):
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


def test_files_of_rows_whose_names_run_together_do_not_meet(tmp_path: Path) -> None:
    """A row ``a`` with a figure ``b-c``, a row ``a-b`` with a figure ``c``; a row called as a figure of the report."""
    folder = small(tmp_path / "r")
    one = {"title": "T", "kind": "lines", "x_label": "x", "y_label": "y", "about": "",
           "series": [{"name": "s", "x": [0, 1], "y": [0.0, 1.0]}]}  # fmt: skip
    named = [("a", "b-c"), ("a-b", "c"), ("average", "bleu"), ("learning", "curves")]
    charts = [{"method": method, "name": name, **one} for method, name in named]
    (folder / "charts.json").write_text(json.dumps({"charts": charts, "problems": []}))
    report = build_report(folder)
    names = [path.relative_to(folder).as_posix() for path in report.files]
    assert len(names) == len({name.casefold() for name in names})
    figures_ = {name for name in names if name.startswith("figures/") and name.endswith(".svg")}
    assert {
        "figures/a-b-c.svg",
        "figures/a-b-c-2.svg",
        "figures/average-bleu.svg",
        "figures/average-bleu-2.svg",
    } <= figures_


def test_test_sets_and_metrics_whose_names_run_together_do_not_meet(tmp_path: Path) -> None:
    """``comet`` on the test set ``kiwi`` and ``comet-kiwi`` on the only one that it was scored on."""
    numbers = {"full": {"en-de": 20.0, "de-en": 30.0}}
    lines = [
        *grid(numbers, metric="COMET", testset="kiwi-x"), *grid(numbers, metric="COMET", testset="toy"),
        *grid(numbers, metric="comet-kiwi", testset="x"), *grid(numbers, metric="comet-kiwi", testset="toy"),
    ]  # fmt: skip
    info = {"title": "T", "methods": ["full"], "directions": ["en-de", "de-en"], "metrics": ["COMET", "comet-kiwi"],
            "labels": {}, "baseline": None, "columns": []}  # fmt: skip
    report = build_report(write_folder(tmp_path / "r", lines, info), page=False)
    tables = [table.name for table in report.tables]
    assert len(tables) == 4 == len(set(tables)), tables
