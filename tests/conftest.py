"""One miniature run that many tests share: data, base model, four trained rows, scores and report in seconds."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

MINIATURE = """\
title: Miniature
directions: [en-de, de-en]
data:
  text:
    languages: [en, de]
    train_sentences: 300
    mono_sentences: 100
    valid_sentences: 10
    test_sentences: 8
model:
  pretrain:
    {hidden_size: 32, layers: 2, heads: 2, vocabulary: 400,
     row_tokens: 64, rows_per_batch: 8, steps: 20, warmup_steps: 2}
prompts: {shots: 2}
train:
  {max_steps: 6, tokens_per_batch: 1024, mono_steps: 3, warmup_steps: 1, learning_rate: 1e-3, mixed_precision: "no"}
translate: {batch_size: 8, max_new_tokens: 16}
metrics: {names: [BLEU, chrF, COMET]}
significance: {rounds: 20}
methods:
  zero-shot:
  in-context:
  full:
  lora: {config: {rank: 2}}
  landermt: {config: {k: 1, samples: 10}}
  mix-moe:
transfer: {methods: [landermt], max_steps: 3}
report: {baseline: full}
"""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def environment(**more: str) -> dict[str, str]:
    """A quiet environment for child processes: one thread, no accelerator, no network for the hub libraries."""
    kept = {k: v for k, v in os.environ.items() if k not in ("MTSUITE_HOME", "FORCE_COLOR", "COLUMNS", "WORLD_SIZE")}
    fixed = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}
    return {**kept, **fixed, "PYTHONIOENCODING": "utf-8", **more}


def script(name: str) -> str:
    """The path of a console script of this environment."""
    return str(Path(sysconfig.get_path("scripts")) / name)


@pytest.fixture(scope="session")
def command() -> Command:
    """``command(folder, "run", "mini.yaml")``: the console script in a process of its own."""

    def go(folder: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [script("mtsuite"), *words], cwd=folder, env=environment(**env), capture_output=True, text=True, timeout=900
        )

    return go


@dataclass(frozen=True)
class Answer:
    """What a verb left: its exit code and what it printed, results and errors together in ``text``."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """``verb("validate", "mini.yaml")``: the same in this process, which saves the imports."""
    from mtsuite.cli import main

    for name, value in environment(COLUMNS="300").items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MTSUITE_HOME", raising=False)

    def go(*words: str) -> Answer:
        monkeypatch.setattr(sys, "argv", ["mtsuite", *words])
        capsys.readouterr()
        try:
            main()
            code = 0
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        printed = capsys.readouterr()
        return Answer(code, printed.out, printed.err)

    return go


@dataclass(frozen=True)
class Miniature:
    """A finished run; tests read it and copy what they change."""

    folder: Path

    recipe = property(lambda self: self.folder / "mini.yaml")
    results = property(lambda self: self.folder / "results" / "mini")
    store = property(lambda self: self.folder / "results" / ".mtsuite")

    def copy(self, target: Path, *kinds: str) -> Path:
        """The recipe and the store (only these kinds of jobs, when named) in a folder to play with."""
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.recipe, target / "mini.yaml")
        for kind in kinds or [p.name for p in self.store.iterdir() if p.name not in ("locks", "failed")]:
            shutil.copytree(self.store / kind, target / "results" / ".mtsuite" / kind)
        return target

    def jobs(self, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """Specification (with label and inputs) and status of every finished job of a kind."""
        yield from finished(self.store, kind)


def finished(store: Path, kind: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for folder in sorted((store / kind).iterdir()):
        if (folder / "status.json").is_file():
            yield json.loads((folder / "spec.json").read_text()), json.loads((folder / "status.json").read_text())


@pytest.fixture(scope="session")
def miniature(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Miniature:
    """The miniature recipe after ``mtsuite run``; made once, also when several pytest processes want it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "miniature"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done").is_file():
            folder.mkdir(exist_ok=True)
            (folder / "mini.yaml").write_text(MINIATURE)
            done = command(folder, "run", "mini.yaml", "--jobs", "2")
            assert done.returncode == 0, done.stdout + done.stderr
            (folder / "output.txt").write_text(done.stdout)
            (folder / "done").touch()
    return Miniature(folder)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
