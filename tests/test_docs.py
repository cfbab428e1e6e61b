"""Pages that point into the code: what they name is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import mtsuite

ROOT = Path(__file__).resolve().parents[1]
_ROW = re.compile(r"^\| (?P<question>.+?) \| \[(?P<shown>.+?)\]\(\.\./(?P<file>.+?)\) \| (?P<names>`.+`) \|$")


def problems(page: str) -> list[str]:
    """What is wrong with the rows of docs/where-to-change.md: files that are not there, names that they do not hold."""
    found = []
    for row in map(_ROW.match, page.splitlines()):
        if row is None:
            continue
        path = ROOT / row["file"]
        if row["shown"] != row["file"]:
            found.append(f"{row['question']}: shows {row['shown']}, links to {row['file']}")
        if not path.is_file():
            found.append(f"{row['question']}: no file {row['file']}")
            continue
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"`(.+?)`", row["names"]):
            if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text):
                found.append(f"{row['question']}: {row['file']} does not contain {name}")
    return found


def test_where_to_change_names_what_there_is() -> None:
    page = (ROOT / "docs/where-to-change.md").read_text(encoding="utf-8")
    table = [line for line in page.splitlines() if line.startswith("| ")][2:]  # without the heading and its rule
    questions = [row["question"] for line in table if (row := _ROW.match(line))]
    assert len(questions) == len(table), "every line is: question | [file](../file) | `name`, `name`"
    assert len(set(questions)) == len(questions) >= 10
    assert problems(page) == []


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("| † | [mtsuite/gone.py](../mtsuite/gone.py) | `x` |", "†: no file mtsuite/gone.py"),
        ("| † | [mtsuite/units.py](../mtsuite/units.py) | `nothing` |", "†: mtsuite/units.py does not contain nothing"),
        ("| † | [units.py](../mtsuite/units.py) | `size_text` |", "†: shows units.py, links to mtsuite/units.py"),
    ],
)
def test_a_wrong_row_is_a_problem(row: str, problem: str) -> None:
    assert problems(row) == [problem]


def test_the_glossary_is_in_order() -> None:
    page = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^\| \*\*(.+?)\*\* \| \w", page, re.MULTILINE)
    assert len(terms) >= 25
    assert terms == sorted(terms, key=str.casefold)


def test_the_version_is_one() -> None:
    """Changelog and citation name the version that is installed."""
    changes = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert changes[0] == citation["version"] == mtsuite.__version__


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda path: path.stem
)
def test_issue_forms_are_forms(form: Path) -> None:
    """What GitHub asks of a form: a name, a description, and a body whose fields have labels and unique ids."""
    told = yaml.safe_load(form.read_text(encoding="utf-8"))
    assert told["name"]
    assert told["description"]
    fields = [field for field in told["body"] if field["type"] != "markdown"]
    assert fields
    assert all(field["attributes"]["label"] for field in fields)
    assert len({field["id"] for field in fields}) == len(fields)


def test_hooks_are_pinned() -> None:
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    hooks = {hook["id"]: hook for repository in repositories for hook in repository["hooks"]}
    assert {"ruff-check", "ruff-format", "codespell", "check-added-large-files"} <= set(hooks)
    assert hooks["check-added-large-files"]["args"] == ["--maxkb=1000", "--enforce-all"]
    ruff = next(one["rev"] for one in repositories if "ruff" in one["repo"])
    assert f"ruff=={ruff.removeprefix('v')}" in (ROOT / "requirements-dev.lock").read_text(encoding="utf-8").split()


def average_of(recipe: Path) -> set[str]:
    """Averages in the BLEU tables of the results folder that bears the recipe's name; empty without such a folder."""
    name = "-".join(recipe.relative_to(ROOT / "recipes").with_suffix("").parts)
    table = ROOT / "results" / name / "tables" / "bleu.md"
    rows = table.read_text(encoding="utf-8").splitlines() if table.is_file() else []
    return {found[1] for row in rows if (found := re.search(r"\| *\W*(?:<u>)?(\d+\.\d\d)[^|]*\|$", row))}


@pytest.mark.parametrize("recipe", sorted((ROOT / "recipes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_expected_scores_are_those_of_results(recipe: Path) -> None:
    """The header of a recipe with results says which scores to expect, and these are in the results."""
    head = " ".join(
        line[1:].strip() for line in recipe.read_text(encoding="utf-8").splitlines() if line.startswith("#")
    )
    expected = re.search(r"Expected average BLEU [^:]*: (.*)", head)
    averages = average_of(recipe)
    assert bool(expected) == bool(averages), "a header line 'Expected average BLEU (…): row number, …'"
    if expected:
        told = set(re.findall(r"(?<!at )\b\d+\.\d\d(?!\d)", expected[1]))
        assert told
        assert told <= averages, f"not among the averages of results: {told - averages}"
