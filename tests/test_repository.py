"""What the repository keeps: small files, packed results, links that lead somewhere, true tables."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from mtsuite.results.files import ARCHIVE

ROOT = Path(__file__).resolve().parents[1]
LARGE = frozenset({"mtsuite/model/embedded/model.safetensors"})  # the embedded model
PAGES = sorted(
    {ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "results/README.md", *(ROOT / "docs").rglob("*.md")}
)


def tracked(under: str = ".") -> list[Path]:
    """Files of the checkout that git keeps; skips the test where this is none."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("not a checkout")
    listed = subprocess.run(["git", "ls-files", "-z", under], cwd=ROOT, capture_output=True, check=True).stdout
    return [path for name in listed.decode().split("\0") if name and (path := ROOT / name).is_file()]


def test_no_large_file() -> None:
    sizes = {path.relative_to(ROOT).as_posix(): path.stat().st_size for path in tracked()}
    large = {name: size for name, size in sizes.items() if size > 1_000_000}
    assert set(large) == LARGE, f"above 1 MB: {large}; exceptions are named in this test"


def test_results_are_packed() -> None:
    files = tracked("results")
    assert sum(path.stat().st_size for path in files) < 20_000_000
    of_folder = Counter(path.relative_to(ROOT / "results").parts[0] for path in files)
    assert {name: count for name, count in of_folder.items() if count > 40} == {}
    names = {path.relative_to(ROOT / "results").as_posix() for path in files}
    for folder in (name for name in of_folder if (ROOT / "results" / name).is_dir()):
        assert f"{folder}/{ARCHIVE}" in names, f"run `mtsuite report results/{folder} --pack`"
        assert not {name for name in names if name.startswith((f"{folder}/translations/", f"{folder}/report.html"))}


_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    lost = [link for link in links if not (page.parent / link).exists()]
    assert lost == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_tables_are_those_of_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert runpy.run_path(str(ROOT / ".ci/tables.py"))["filled"](text) == text, "`make docs` writes them anew"


def test_the_readme_shows_the_table() -> None:
    assert "<!-- table: results/table1/tables/bleu.md -->\n| Method" in (ROOT / "README.md").read_text(encoding="utf-8")
