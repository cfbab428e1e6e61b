"""What ``mtsuite methods new`` writes: it works as it is."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer, environment

from mtsuite.registry import find_method
from mtsuite.scaffold import Name, ScaffoldError, write_file, write_package
from mtsuite.testing import check_method

Verb = Callable[..., Answer]


@pytest.mark.parametrize(
    ("text", "slug", "module", "cls"),
    [
        ("my-idea", "my-idea", "my_idea", "MyIdea"),
        ("my_idea", "my-idea", "my_idea", "MyIdea"),
        ("MyIdea", "my-idea", "my_idea", "MyIdea"),
        ("My idea 2", "my-idea-2", "my_idea_2", "MyIdea2"),
        ("lora", "lora", "lora", "Lora"),
    ],
)
def test_a_name_in_three_spellings(text: str, slug: str, module: str, cls: str) -> None:
    name = Name(text)
    assert (name.slug, name.module, name.cls) == (slug, module, cls)


@pytest.mark.parametrize("text", ["", "2idea", "my/idea", "../idea", "ideé", "my.idea", "-", "class", "json", "torch"])
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(ScaffoldError, match=r"found|choose another"):
        Name(text)


def test_the_file_passes_the_kit_as_it_is(tmp_path: Path) -> None:
    path = write_file("my-idea", tmp_path / "ideas")
    assert path == tmp_path / "ideas" / "my_idea.py"
    results = check_method(find_method(f"{path}:MyIdea"))  # raises where one fails
    assert len(results) > 30
    assert "@" not in path.read_text()
    assert max(len(line) for line in path.read_text().splitlines()) <= 120


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = write_file("my-idea", tmp_path)
    path.write_text("mine\n")
    with pytest.raises(ScaffoldError, match=r"my_idea\.py exists already"):
        write_file("my_idea", tmp_path)
    assert path.read_text() == "mine\n"
    root = write_package("my-idea", tmp_path)
    with pytest.raises(ScaffoldError, match="my-idea exists already"):
        write_package("my-idea", tmp_path)
    with pytest.raises(ScaffoldError, match="'lora' is registered already, by mtsuite"):
        write_package("lora", tmp_path)
    assert sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()) == [
        "README.md", "pyproject.toml", "src/my_idea.py", "tests/test_my_idea.py",
    ]  # fmt: skip


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ScaffoldError, match="cannot be written"):
        write_file("my-idea", tmp_path / "file")


def test_the_package_names_its_method_as_an_entry_point(tmp_path: Path) -> None:
    root = write_package("my-idea", tmp_path)
    said = tomllib.loads((root / "pyproject.toml").read_text())
    assert said["project"]["entry-points"] == {"mtsuite.methods": {"my-idea": "my_idea:MyIdea"}}
    assert said["project"]["name"] == "my-idea"
    assert said["tool"]["setuptools"]["py-modules"] == ["my_idea"]
    assert (root / "src" / "my_idea.py").read_text() == write_file("my-idea", tmp_path / "file").read_text()
    assert "mtsuite methods check my-idea" in (root / "README.md").read_text()


def test_the_package_has_a_test_that_runs_the_kit(tmp_path: Path) -> None:
    root = write_package("my-idea", tmp_path)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "described or unique", "tests"]
    done = subprocess.run(words, cwd=root, env=environment(PYTHONPATH="src"), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_the_package_can_be_installed(tmp_path: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a folder of its own, without a network; then it is found by name."""
    pytest.importorskip("setuptools", minversion="77")
    root = write_package("my-idea", tmp_path)
    target = tmp_path / "site"
    words = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-build-isolation",
        "--no-deps",
        "--target",
        str(target),
    ]
    done = subprocess.run([sys.executable, *words, str(root)], env=environment(), capture_output=True, text=True)
    if "No module named pip" in done.stderr:
        pytest.skip("there is no pip")
    assert done.returncode == 0, done.stderr
    monkeypatch.syspath_prepend(target)
    listed = verb("methods", "list").out
    (line,) = [line for line in listed.splitlines() if line.startswith("my-idea ")]
    assert line.rstrip().endswith("my-idea"), "the distribution has the method's name"


def test_the_verb_says_what_comes_next(here: Path, verb: Verb) -> None:
    answer = verb("methods", "new", "my-idea", "--output-dir", "ideas")
    assert answer.code == 0
    assert "Written: ideas/my_idea.py" in answer.out
    assert "mtsuite methods check ideas/my_idea.py:MyIdea" in answer.out
    assert "--set methods.my-idea='{use: ideas/my_idea.py:MyIdea}'" in answer.out
    again = verb("methods", "new", "my-idea", "--output-dir", "ideas")
    assert again.code == 2
    assert "ideas/my_idea.py exists already" in again.err
    package = verb("methods", "new", "my-idea", "--package")
    assert package.code == 0
    assert "pip install -e my-idea" in package.out
    assert (here / "my-idea" / "pyproject.toml").is_file()
