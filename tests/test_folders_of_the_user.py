"""What a run does to folders in which the user's things lie."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer, Miniature

Verb = Callable[..., Answer]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def world(miniature: Miniature, here: Path) -> Path:
    """The finished run with its store, and the recipe without a page, in a folder of the user's."""
    miniature.copy(here)
    shutil.copytree(miniature.results, here / "results" / "mini")
    return here


@pytest.mark.parametrize("folder", [".", "tables", "mini.yaml", "tables/bleu.tex/below"])
def test_a_folder_with_other_things_is_refused_before_the_first_job(folder: str, world: Path, verb: Verb) -> None:
    (world / "tables").mkdir()
    (world / "tables/bleu.tex").write_text("mine")
    before = contents(world)
    answer = verb("run", "mini.yaml", "-o", folder)
    assert answer.code == 2
    assert "--output-dir: expected" in answer.err
    assert "hoose another" in answer.err
    assert contents(world) == before


def test_a_finished_folder_is_run_again_and_the_users_files_stay(world: Path, verb: Verb) -> None:
    """Rows that leave are told; a packed folder turns into the loose one; what is edited is kept."""
    results = world / "results/mini"
    (results / "tables/mine.tex").write_text("mine")
    packed = verb("report", "results/mini", "--pack")
    assert packed.code == 0, packed.text
    assert not (results / "translations").exists()
    (results / "tables/bleu.md").write_text("edited")
    answer = verb("run", "mini.yaml", "--only", "zero-shot", "--set", "report.page=false")
    assert answer.code == 0, answer.text
    assert "note: results/mini holds the rows in-context, full, lora, landermt, mix-moe, which this run" in answer.err
    assert (results / "tables/mine.tex").read_text() == "mine"
    assert (results / "tables/bleu.md.orig").read_text() == "edited"
    assert not (results / "details.tar.xz").exists(), "it would hold the rows of the run before"
    assert sorted(path.name for path in (results / "translations").iterdir()) == ["source-copy", "zero-shot"]
