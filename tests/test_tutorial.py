"""docs/tutorial-method.md, done: its files are written and its commands run, in their order, on a miniature table1."""

from __future__ import annotations

import csv
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import MINIATURE, Answer, Miniature

TUTORIAL = Path(__file__).resolve().parents[1] / "docs" / "tutorial-method.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def miniature_table1() -> str:
    """The miniature recipe with three rows and one metric."""
    text = MINIATURE.replace("[BLEU, chrF, COMET]", "[BLEU]").replace(
        "transfer: {methods: [landermt], max_steps: 3}\n", ""
    )
    for row in ("  in-context:\n", "  landermt: {config: {k: 1, samples: 10}}\n", "  mix-moe:\n"):
        assert row in text
        text = text.replace(row, "")
    return text


@pytest.fixture
def folder(miniature: Miniature, here: Path) -> Path:
    """A working directory with ``recipes/table1.yaml`` and what the miniature run left in the store."""
    miniature.copy(here, "corpus", "base", "train", "translate")
    (here / "recipes").mkdir()
    (here / "recipes" / "table1.yaml").write_text(miniature_table1())
    (here / "my-text.txt").write_text("the old house\na dog\n")
    return here


def scored(results: Path) -> dict[str, list[str]]:
    """Rows and the directions that they have scores for."""
    found: dict[str, list[str]] = {}
    with (results / "scores.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["method"], []).append(row["direction"])
    return found


def test_the_tutorial(folder: Path, verb: Callable[..., Answer]) -> None:
    answers: list[tuple[str, Answer]] = []
    for kind, text in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
        if kind == "python":
            assert len([line for line in text.splitlines() if line.strip()]) <= 28, "twenty lines, give or take"
            Path("my_idea.py").write_text(text)
        elif kind == "yaml":
            Path("mine.yaml").write_text(text)
        elif kind == "bash":
            for line in text.splitlines():
                program, *words = shlex.split(line)
                assert program == "mtsuite"
                words += ["--jobs", "1"] if words[0] == "run" else []
                answers.append((line, verb(*words)))
                assert answers[-1][1].code == 0, f"{line}\n{answers[-1][1].text}"
        else:
            assert kind == "text"
            said = [re.sub(r"\d+", "0", line) for line in answers[-1][1].out.splitlines()]
            for line in text.splitlines():
                assert re.sub(r"\d+", "0", line) in said, f"the tutorial shows {line!r}"

    said = {line.partition(" --")[0].removeprefix("mtsuite "): answer for line, answer in answers}
    row = next(line for line in said["plan recipes/table1.yaml"].out.splitlines() if line.startswith("mine "))
    assert row.split()[1] == "256", "two layers of 128 neurons"
    assert "mine" in said["run recipes/table1.yaml"].out
    assert set(scored(Path("results/table1"))) == {"source-copy", "zero-shot", "full", "lora", "mine"}
    assert scored(Path("results/table1"))["mine"] == ["en-de", "de-en"]
    assert "| mine " in Path("results/table1/tables/bleu.md").read_text()
    assert "| Neuron gains " in Path("results/mine/tables/bleu.md").read_text()
    assert len(said["translate results/table1"].out.splitlines()) == 2
    assert Path("my-model/config.json").is_file()
    assert Path("my-other-idea/pyproject.toml").is_file()
    for line, answer in answers:
        assert "FAILED" not in answer.text, line
