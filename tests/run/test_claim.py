"""A results folder is written by one of several runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mtsuite.errors import RecipeError
from mtsuite.plan.planned import Planned
from mtsuite.recipe.schema import Recipe
from mtsuite.run.claim import Claim
from mtsuite.run.locks import Lock

from .conftest import job, plan_of


def planned(*names: str) -> Planned:
    recipe = Recipe.model_validate({"directions": ["en-de"], "methods": {"full": {}}})
    return Planned(plan_of(*(job(name) for name in names)), recipe, Path(), {})


def test_the_first_run_writes_and_the_second_helps_until_the_folder_is_free(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "x"
    first, second = Claim(folder, planned("a")), Claim(folder, planned("a"))
    assert first.take()
    assert first.take()
    assert not second.take()
    assert second.other.startswith("process ")
    first.release()
    assert second.take()
    second.release()
    assert not (tmp_path / "results").exists()  # nothing was written


def test_a_run_that_makes_other_results_is_refused(tmp_path: Path) -> None:
    first, second = Claim(tmp_path / "x", planned("a")), Claim(tmp_path / "x", planned("a", "b"))
    assert first.take()
    (tmp_path / "x" / "scores.csv").touch()
    with pytest.raises(RecipeError, match=r"process \d+ on .* with other options.*--output-dir.*--no-report") as caught:
        second.take()
    assert caught.value.exit_code == 2
    second.release()
    first.release()
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["scores.csv"]
    assert second.take()
    second.release()


def test_a_killed_run_leaves_the_folder_to_others(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from mtsuite.run.locks import Lock;"
        "Lock(Path(sys.argv[1]), {'recipe': 'other'}).acquire(); os._exit(9)"
    )
    (tmp_path / "x").mkdir()
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x" / ".run.lock")], check=False)
    assert (tmp_path / "x" / ".run.lock").exists()
    claim = Claim(tmp_path / "x", planned("a"))
    assert claim.take()
    claim.release()
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_a_folder_whose_file_went_is_claimed_anew(tmp_path: Path) -> None:
    """A lock on a file that was removed meanwhile holds nothing."""
    lock = Lock(tmp_path / "a")
    assert lock.acquire()
    assert lock.there()
    (tmp_path / "a").unlink()
    assert not lock.there()
    lock.release()
