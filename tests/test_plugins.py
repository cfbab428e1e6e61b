"""Methods that misbehave: each is told with its name, its phase and its traceback, and the other rows are there."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Answer, Command, Miniature

Verb = Callable[..., Answer]

METHOD = '''"""A method that trains the output layer, and misbehaves."""

import sys

from mtsuite.method import Method, MethodConfig, Option, Probe, Train

{head}


class Look(Probe):
    name = "look"

    def run(self, model, text):
        {look}
        return {{}}


class Mine(Method):
    """Trains the output layer."""

    def phases(self):
        {phases}
        return [Train("translation")]

    def check(self, layers, directions):
        {check}

    def attach(self, model, artefacts, phase):
        {attach}
        return model

    def trainable(self, model, phase):
        {trainable}
        return [model.get_output_embeddings().weight]

    def focus(self, model, direction):
        {focus}

    def loss(self, model, batch):
        {loss}
        return super().loss(model, batch)
'''
HOOKS = ("head", "look", "phases", "check", "attach", "trainable", "focus", "loss")
FIRST = "next(p for n, p in model.named_parameters() if 'ln_f' in n)"
RAISE = "raise KeyError('on purpose')"


def write(path: Path, **hooks: str) -> None:
    path.write_text(METHOD.format(**{hook: hooks.get(hook, "" if hook == "head" else "pass") for hook in HOOKS}))


@dataclass(frozen=True)
class Bad:
    """What a method does wrong, the job that fails of it, and what is said; ``frame`` is in the traceback."""

    hook: str
    code: str
    job: str
    says: str
    frame: str = ""


TRAINING = "translation (seed 1)"
CASES = {
    "import": Bad("head", RAISE, "import", "KeyError: 'on purpose'", "<module>"),
    "exit": Bad("head", "sys.exit('no such option')", "import", "SystemExit: no such option", "<module>"),
    "missing": Bad("head", "import no_such_module_xyz", "import", "No module named 'no_such_module_xyz'", "<module>"),
    "phases": Bad("phases", RAISE, "phases", "in phases: KeyError: 'on purpose'", "in phases"),
    "check": Bad("check", RAISE, "check", "in check: KeyError: 'on purpose'", "in check"),
    "probe": Bad("look", f"{RAISE}", "look", "in run", "in run"),
    "attach": Bad("attach", RAISE, TRAINING, "KeyError: 'on purpose' (attach.py:", "in attach"),
    "trainable": Bad("trainable", RAISE, TRAINING, "in trainable)", "in trainable"),
    "focus": Bad("focus", RAISE, TRAINING, "in focus)", "in focus"),
    "loss": Bad("loss", RAISE, TRAINING, "in loss)", "in loss"),
    "nan": Bad("loss", "return super().loss(model, batch) * float('nan')", TRAINING, "The loss became nan at step 1"),
    "none": Bad("loss", "return None", TRAINING, "loss() gave None; expected one number as a tensor"),
    "names": Bad("trainable", "return ['lm_head.weight']", TRAINING, "trainable() gave 'lm_head.weight'; expected"),
    "thaws": Bad("loss", f"{FIRST}.requires_grad_(True)", TRAINING, "changed (transformer.ln_f.weight): a method must"),
    "moves": Bad("loss", f"{FIRST}.data.add_(0.1)", TRAINING, "ln_f.weight changed, but trainable() does not name it"),
}  # fmt: skip


@dataclass(frozen=True)
class Ran:
    folder: Path
    done: subprocess.CompletedProcess[str]

    @property
    def results(self) -> Path:
        return self.folder / "results" / "mini"

    def failures(self) -> dict[str, str]:
        info = json.loads((self.results / "report.json").read_text())
        return {entry["job"]: entry["error"] for entry in info["failed"]}

    def scores(self) -> dict[str, list[tuple[str, str]]]:
        """Direction and score of every row that has any."""
        found: dict[str, list[tuple[str, str]]] = {}
        with (self.results / "scores.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault(row["method"], []).append((row["direction"], row["score"]))
        return found


@pytest.fixture(scope="module")
def ran(miniature: Miniature, tmp_path_factory: pytest.TempPathFactory, command: Command) -> Ran:
    """One run with every misbehaving method as a row, beside rows of the suite's own and two that are put up with."""
    folder = miniature.copy(tmp_path_factory.mktemp("plugins") / "run")
    options: list[str] = []
    for name, bad in CASES.items():
        hooks = {bad.hook: bad.code}
        if bad.hook == "look":
            hooks["phases"] = "return [Look(), Train('translation')]"
        write(folder / f"{name}.py", **hooks)
        options += ["--set", f"methods.{name}.use={name}.py:Mine"]
    write(folder / "unfrozen.py", attach="model.requires_grad_(True)", trainable="model.requires_grad_(True)")
    options += ["--set", "methods.unfrozen.use=unfrozen.py:Mine"]
    talk = "print('hello'); print('again'); import os; os.write(1, b'raw bytes')"
    write(folder / "printing.py", head="print('at import')", loss=talk)
    options += ["--set", "methods.printing.use=printing.py:Mine", "--set", "transfer=!remove", "--jobs", "2"]
    options += ["--exclude", "in-context,lora,mix-moe,landermt", "--set", "metrics.names=[BLEU]", "-v"]
    options += ["--set", "report.page=false"]
    return Ran(folder, command(folder, "run", "mini.yaml", *options))


@pytest.mark.parametrize("name", CASES)
def test_a_bad_method_is_told_with_name_phase_and_traceback(ran: Ran, name: str) -> None:
    bad = CASES[name]
    job = f"{name}: {bad.job}"
    told = [line for line in ran.done.stderr.splitlines() if f"{job}: FAILED: " in line]
    assert len(told) == 1, ran.done.stderr
    assert bad.says in told[0]
    assert job in ran.failures()
    kept = Path(told[0].rpartition("traceback and log in ")[2].rstrip(")"))
    trace = (ran.folder / kept / "traceback.txt").read_text()
    assert "Traceback (most recent call last)" in trace
    assert bad.frame.replace("mine", name) in trace
    assert trace.strip().splitlines()[-1] in ran.done.stderr, "-v shows it"


def test_the_other_rows_are_there(ran: Ran) -> None:
    assert ran.done.returncode == 1
    assert set(ran.scores()) == {"source-copy", "zero-shot", "full", "unfrozen", "printing"}
    table = (ran.results / "tables" / "bleu.md").read_text()
    for name, bad in CASES.items():
        assert f"\n| {name} " in table, "the row stands with holes"
        assert f"{name}: {bad.job}" in table, "and a note says why"


def test_what_a_method_forgets_to_freeze_is_frozen(ran: Ran) -> None:
    with (ran.results / "costs.csv").open(encoding="utf-8", newline="") as file:
        trained = {row["method"]: row["trainable_params"] for row in csv.DictReader(file)}
    assert trained["unfrozen"] == trained["printing"] == str(400 * 32), "the output layer alone"


def test_what_is_printed_is_told_with_the_name_and_reaches_no_output(ran: Ran) -> None:
    assert "hello" not in ran.done.stdout
    assert "at import" not in ran.done.stdout
    (told,) = [line for line in ran.done.stderr.splitlines() if "warning: printing: " in line]
    assert "printing: translation (seed 1): printed 'hello' and 1" in told
    log = Path(told.rpartition("all of it in ")[2].rstrip(")"))
    text = (ran.folder / log).read_text()
    assert text.count("again") > 1
    assert text.count("raw bytes") == text.count("again")
    assert "printing.py:Mine printed 'at import' (import)" in ran.done.stderr


@pytest.fixture
def as_it_was(ran: Ran, tmp_path: Path) -> Iterator[Ran]:
    """The run, put back afterwards: other tests read what it left."""
    kept = shutil.copytree(ran.folder, tmp_path / "kept")
    yield ran
    shutil.rmtree(ran.folder)
    shutil.copytree(kept, ran.folder)


def test_a_mended_method_runs_and_its_failure_is_forgotten(as_it_was: Ran, command: Command) -> None:
    folder = as_it_was.folder
    for name in ("import", "moves"):
        write(folder / f"{name}.py")  # the code is part of a job's key: the other one is another job now
    words = ["run", "mini.yaml", "--set", "transfer=!remove", "--set", "metrics.names=[BLEU]", "--jobs", "1"]
    words += ["--set", "methods={full: {}, import: {use: import.py:Mine}, moves: {use: moves.py:Mine}}"]
    words += ["--set", "report.floor=false", "--set", "report.page=false"]
    failed = folder / "results" / ".mtsuite" / "failed"
    same = as_it_was.scores()["printing"]  # the same method, and nothing wrong with what it learns
    before = {json.loads(p.read_text())["label"] for p in failed.glob("*/status.json")}
    done = command(folder, *words)
    assert done.returncode == 0, done.stderr
    after = {json.loads(p.read_text())["label"] for p in failed.glob("*/status.json")}
    assert before - after == {"import: import"}
    assert as_it_was.failures() == {}
    assert as_it_was.scores()["import"] == as_it_was.scores()["moves"] == same


# -- what planning says ------------------------------------------------------------------------------

SMALL = """\
directions: [en-de, de-en]
data: {text: {languages: [en, de], train_sentences: 40, mono_sentences: 0, valid_sentences: 4, test_sentences: 4}}
model: {pretrain: {hidden_size: 16, layers: 2, heads: 2, vocabulary: 300, steps: 2}}
metrics: {names: [chrF]}
methods:
  zero-shot:
  mine: {use: mine.py:Mine}
"""


@pytest.fixture
def small(here: Path) -> Path:
    (here / "small.yaml").write_text(SMALL)
    return here


@pytest.mark.parametrize("word", ["validate", "plan"])
def test_planning_tells_of_a_row_that_cannot_be_planned(word: str, small: Path, verb: Verb) -> None:
    write(small / "mine.py", head="1 / 0")
    answer = verb(word, "small.yaml")
    assert answer.code == 1
    assert "methods.mine: import: FAILED: " in answer.err
    assert "mine.py:7: ZeroDivisionError: division by zero" in answer.err
    assert "Traceback" not in answer.text
    assert "Traceback" in verb(word, "small.yaml", "-v").err
    if word == "plan":
        assert "zero-shot" in answer.out, "the other rows are planned"


def test_a_plan_survives_what_raises_on_a_model_without_numbers(small: Path, verb: Verb) -> None:
    write(small / "mine.py", attach=RAISE)
    answer = verb("plan", "small.yaml")
    assert answer.code == 0, answer.text
    assert "KeyError: 'on purpose'" in answer.out


@pytest.mark.parametrize(
    ("phases", "says"),
    [
        ("return None", "phases() gave None; expected a list of Probe and Train"),
        ("return ['translation']", "phases() gave ['translation']; expected a list of Probe and Train"),
        ("return [Train('a'), Train('a')]", "two phases have one name: a, a"),
        ("return [Train('a', settings=('widht',))]", "phase 'a' names settings that the configuration has not: widht"),
    ],
)  # fmt: skip
def test_phases_that_are_none(phases: str, says: str, small: Path, verb: Verb) -> None:
    write(small / "mine.py", phases=phases)
    answer = verb("validate", "small.yaml")
    assert answer.code == 1
    assert "methods.mine: phases: FAILED: " in answer.err
    assert says in answer.err


def test_fail_fast_runs_nothing_after_a_row_that_cannot_be_planned(small: Path, verb: Verb) -> None:
    write(small / "mine.py", head=RAISE)
    answer = verb("run", "small.yaml", "--fail-fast", "--jobs", "1")
    assert answer.code == 1
    assert "mine: import: FAILED" in answer.err
    assert not (small / "results" / ".mtsuite" / "corpus").exists()


CONFIGURED = """
class Settings(MethodConfig):
    width: int = Option(3, ge=1, description="How wide.")
"""


@pytest.mark.parametrize(
    ("config", "at", "message"),
    [
        ("{widht: 4}", "widht", "methods.mine.config.widht: unknown key. Did you mean 'width'?"),
        ("{width: many}", "many", "methods.mine.config.width: expected a whole number, found 'many'"),
        ("{width: 0}", "0}", "methods.mine.config.width: must be at least 1, found 0"),
    ],
)
def test_mistyped_configuration_of_a_file_is_told_like_a_builtins(
    config: str, at: str, message: str, small: Path, verb: Verb
) -> None:
    write(small / "mine.py", head=CONFIGURED)
    text = (small / "mine.py").read_text().replace("    def phases", "    Config = Settings\n\n    def phases")
    (small / "mine.py").write_text(text)
    recipe = SMALL.replace("mine.py:Mine}", f"mine.py:Mine, config: {config}}}")
    (small / "small.yaml").write_text(recipe)
    answer = verb("validate", "small.yaml")
    assert answer.code == 2, answer.text
    assert f"small.yaml:7:{recipe.splitlines()[6].index(at) + 1}: {message}" in answer.err


def test_a_configuration_that_is_no_methodconfig(small: Path, verb: Verb) -> None:
    text = "from mtsuite.method import Method\n\nclass Mine(Method):\n    class Config:\n        width = 3\n"
    (small / "mine.py").write_text(text)
    answer = verb("validate", "small.yaml")
    assert answer.code == 2
    assert ":7:15:" in answer.err
    assert "expected Config to derive from mtsuite.method.MethodConfig" in answer.err


# -- installed packages -------------------------------------------------------------------------------


def install(folder: Path, distribution: str, entries: dict[str, str]) -> None:
    """What pip leaves of a distribution with these entry points."""
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = "".join(f"{name} = {target}\n" for name, target in entries.items())
    (info / "entry_points.txt").write_text(f"[mtsuite.methods]\n{lines}")


@pytest.fixture
def site(small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which packages can be installed."""
    folder = small / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_two_distributions_of_one_name_are_both_named(site: Path, verb: Verb) -> None:
    write(site / "first_mine.py")
    install(site, "first-dist", {"mine": "first_mine:Mine"})
    install(site, "second-dist", {"mine": "elsewhere:Mine"})
    Path("small.yaml").write_text(SMALL.replace("mine: {use: mine.py:Mine}", "mine:"))
    answer = verb("run", "small.yaml")
    assert answer.code == 2
    assert ":7:3:" in answer.err
    assert "'mine' is registered by several distributions: first-dist, second-dist" in answer.err
    listed = verb("methods", "list")
    assert "mine: registered by first-dist and second-dist" in listed.out
    assert "zero-shot" in listed.out


def test_an_installed_method_that_cannot_be_imported(site: Path, verb: Verb) -> None:
    (site / "broken_method_xyz.py").write_text("import os\n\nraise RuntimeError('boom')\n")
    install(site, "broken-dist", {"mine": "broken_method_xyz:Mine", "other-mine": "broken_method_xyz:Other"})
    Path("small.yaml").write_text(SMALL.replace("mine: {use: mine.py:Mine}", "mine:"))
    answer = verb("validate", "small.yaml")
    assert answer.code == 1
    assert "methods.mine: import: FAILED: " in answer.err
    assert "distribution broken-dist) cannot be imported: broken_method_xyz.py:3: RuntimeError: boom" in answer.err
    listed = verb("methods", "list")
    assert listed.code == 0
    assert "Cannot be used" in listed.out
    assert "other-mine" in listed.out
    assert "broken-dist" in listed.out
    assert "RuntimeError: boom" in listed.out
    assert "landermt" in listed.out


def test_an_installed_method_is_listed_and_run_by_name(site: Path, verb: Verb) -> None:
    write(site / "good_method_xyz.py", head="print('at import')")
    install(site, "good-dist", {"mine": "good_method_xyz:Mine"})
    listed = verb("methods", "list")
    (line,) = [line for line in listed.out.splitlines() if line.startswith("mine ")]
    assert "Trains the output layer." in line
    assert "train: translation" in line
    assert line.rstrip().endswith("good-dist")
    assert "at import" not in listed.out
    Path("small.yaml").write_text(SMALL.replace("mine: {use: mine.py:Mine}", "mine:"))
    assert verb("validate", "small.yaml").code == 0
