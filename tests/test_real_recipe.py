"""The real-text recipe in miniature: on real files where they are at hand, and on files of the same layout."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

from conftest import environment

from mtsuite.data.microworld import generate

ROOT = Path(__file__).parent.parent
RECIPE = ROOT / "recipes" / "real" / "tatoeba.yaml"
PAIRS = {"tatoeba": ("en-de", "en-fr", "en-ar", "en-zh"), "tatoeba_nc": ("en-it",)}
SMALL = (
    "data.text.train=['$MTSUITE_DATA/tatoeba/{pair}/train.{lang}', '$MTSUITE_DATA/tatoeba_nc/{pair}/train.{lang}',"
    " '$MTSUITE_DATA/software/train.{lang}']",
    "data.text.max_train_sentences=200",
    "data.text.max_test_sentences=4",
    "data.text.valid_sentences=10",
    "model.pretrain.hidden_size=32",
    "model.pretrain.layers=2",
    "model.pretrain.vocabulary=600",
    "model.pretrain.steps=6",
    "model.pretrain.rows_per_batch=4",
    "train.max_steps=4",
    "train.tokens_per_batch=1024",
    "translate.max_new_tokens=6",
    "metrics.names=[BLEU, chrF]",
    "methods.landermt.config.k=1",
    "report.page=false",
)


def real_data() -> Path | None:
    named = os.environ.get("MTSUITE_DATA")
    for folder in ([Path(named) / "mini", Path(named)] if named else []) + [ROOT.parent / "shared" / "data" / "mini"]:
        if (folder / "tatoeba" / "en-de" / "train.en").is_file():
            return folder
    return None


def made_data(folder: Path) -> Path:
    """Microworld sentences in the layout of the real sets."""
    splits = {"train": generate("train", 120), "valid": generate("valid", 10), "test": generate("test", 8)}
    for split, rows in splits.items():
        for name, pairs in PAIRS.items():
            for pair in pairs:
                for code in pair.split("-"):
                    write(folder / name / pair / f"{split}.{code}", [row[code] for row in rows])
        for code in ("en", "de", "fr", "it", "ar", "zh"):
            write(folder / "software" / f"{split}.{code}", [row[code] for row in rows])
    return folder


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def test_the_real_recipe_in_miniature(tmp_path: Path) -> None:
    data = real_data() or made_data(tmp_path / "data")
    command = [
        sys.executable,
        "-m",
        "mtsuite.cli",
        "run",
        str(RECIPE),
        "-o",
        str(tmp_path / "results" / "real"),
        "-j",
        "1",
    ]
    for override in SMALL:
        command += ["--set", override]
    more = {"MTSUITE_DATA": str(data), "MTSUITE_HOME": str(tmp_path / "store")}
    done = subprocess.run(command, env=environment(**more), capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    with (tmp_path / "results" / "real" / "scores.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    directions = {row["direction"] for row in rows}
    assert len(directions) == 10
    assert {row["n"] for row in rows} == {"4"}
    assert {row["method"] for row in rows} == {"source-copy", "full", "zero-shot", "lora", "landermt", "mix-moe"}
    # Nothing of the corpus may travel with the results but the models' own outputs.
    published = (tmp_path / "results" / "real" / "environment.json").read_text(encoding="utf-8")
    assert "examples" not in published


def test_a_missing_data_folder_is_named(tmp_path: Path) -> None:
    quiet = {name: value for name, value in environment().items() if name != "MTSUITE_DATA"}
    command = [sys.executable, "-m", "mtsuite.cli", "validate", str(RECIPE)]
    done = subprocess.run(command, env=quiet, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode in (1, 2)
    assert "MTSUITE_DATA" in done.stderr
    assert "export" in done.stderr or "--set" in done.stderr
