"""The verbs, by what they print and how they exit, and the launcher."""

from __future__ import annotations

import csv
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sacrebleu
from conftest import Answer, Command, Miniature, environment, finished, script

import mtsuite

Verb = Callable[..., Answer]


def test_help_lists_the_verbs(verb: Verb) -> None:
    answer = verb("--help")
    assert answer.code == 0
    for name in (
        "run",
        "plan",
        "validate",
        "report",
        "compare",
        "score",
        "translate",
        "export",
        "methods",
        "recipes",
        "env",
    ):
        assert name in answer.out
    options = verb("run", "--help").out
    for name in (
        "--set",
        "--only",
        "--exclude",
        "--seeds",
        "--output-dir",
        "--jobs",
        "--keep-going",
        "--fail-fast",
        "--offline",
    ):
        assert name in options


def test_the_version(verb: Verb) -> None:
    answer = verb("--version")
    assert (answer.code, answer.out) == (0, f"mtsuite {mtsuite.__version__}\n")


def test_the_command_line_imports_nothing_heavy() -> None:
    code = (
        "import sys, mtsuite.cli; "
        "heavy = {'torch', 'transformers', 'numpy', 'pandas', 'datasets', 'matplotlib', 'sacrebleu', 'peft'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_methods_are_listed_and_shown(verb: Verb) -> None:
    answer = verb("methods", "list")
    assert answer.code == 0
    for name in ("zero-shot", "in-context", "full", "lora", "adapter", "landermt", "landermt-ls", "mix-moe"):
        assert name in answer.out
    assert "Analyzed first, then trained" in answer.out
    assert "Zhu et al. 2024, arXiv 2409.19523" in answer.out
    assert "analyze: detection → train: translation" in answer.out
    shown = verb("methods", "show", "landermt")
    assert shown.code == 0
    assert "Phases: analyze: detection → analyze: start (before training) → train: translation" in shown.out
    assert "Trained on BLOOM-7b1: 537 M" in shown.out
    assert "epsilon" in shown.out
    assert "§4.2: 0.9" in shown.out
    assert "§3.1" in shown.out
    wrong = verb("methods", "show", "landrmt")
    assert wrong.code == 1
    assert "Did you mean 'landermt'" in wrong.err


CHATTY = '''
from mtsuite.method import Method, Train

class Chatty(Method):
    """Full fine-tuning that talks and cannot add."""

    def phases(self):
        return [Train("translation")]

    def attach(self, model, artefacts, phase):
        print("hello")
        return model

    def loss(self, model, batch):
        return super().loss(model, batch) + [1, 2][batch.input_ids.shape[0]]
'''


def test_check_has_one_line_a_check_and_says_where_it_failed(here: Path, verb: Verb) -> None:
    (here / "chatty.py").write_text(CHATTY)
    answer = verb("methods", "check", "chatty.py:Chatty")
    assert answer.code == 1
    lines = answer.out.splitlines()
    assert all(line.startswith(("passed ", "FAILED ")) for line in lines[:-1])
    assert "FAILED bloom: attaches IndexError: list index out of range (chatty.py:15, in loss)" in lines
    assert "checks failed (-v shows tracebacks)." in lines[-1]
    assert "hello" not in answer.out
    assert "Traceback" not in answer.text
    assert 'chatty.py", line 15, in loss' in verb("methods", "check", "chatty.py:Chatty", "-v").out


def test_recipes_are_listed_and_copied(verb: Verb, here: Path) -> None:
    answer = verb("recipes", "list")
    for name in ("table1", "ablation", "transfer", "paper-landermt-table1", "real-tatoeba"):
        assert name in answer.out
    assert verb("recipes", "copy", "table1", "mine.yaml").code == 0
    assert verb("validate", "mine.yaml").code == 0
    again = verb("recipes", "copy", "table1", "mine.yaml")
    assert again.code == 2
    assert "mine.yaml exists already" in again.err


def test_env_is_json_without_names_of_people_or_places(verb: Verb) -> None:
    told = json.loads(verb("env").out)
    assert told["packages"]["torch"]
    assert socket.gethostname() not in json.dumps(told)
    assert str(Path.home()) not in json.dumps(told)


def test_plan_shows_what_is_cached_and_what_it_costs(miniature: Miniature, verb: Verb) -> None:
    answer = verb("plan", str(miniature.recipe), "-o", str(miniature.results), "--all")
    assert answer.code == 0
    assert "to run" in answer.out
    assert answer.out.count(" cached ") >= 46
    assert "38,336 parameters" in answer.out
    fresh = verb("plan", str(miniature.recipe), "-o", str(miniature.results), "--all", "--set", "train.max_steps=7")
    assert "to run   train      full: translation (seed 1)" in fresh.out
    assert "cached   base       base model" in fresh.out
    assert "cached   probe      landermt: detection" in fresh.out


def test_score_says_what_sacrebleu_says(here: Path, verb: Verb) -> None:
    hypotheses = ["The cat sat on the mat .", "A dog barks loudly at night ."]
    references = ["The cat sat on a mat .", "A dog barks at night ."]
    (here / "hyp.txt").write_text("\n".join(hypotheses) + "\n")
    (here / "ref.txt").write_text("\n".join(references) + "\n")
    words = ("score", "--hypotheses", "hyp.txt", "--references", "ref.txt", "--direction", "de-en")
    found = json.loads(verb(*words, "--metrics", "bleu,chrf", "--format", "json").out)["hyp.txt"]
    bleu, chrf = sacrebleu.corpus_bleu(hypotheses, [references]), sacrebleu.corpus_chrf(hypotheses, [references])
    assert [entry["metric"] for entry in found] == ["BLEU", "chrF"]
    assert [entry["score"] for entry in found] == pytest.approx([bleu.score, chrf.score])
    text = verb(*words, "--metrics", "bleu").out
    assert f"hyp.txt\tBLEU\t{bleu.score:.2f}\t" in text
    (here / "other.txt").write_text("A cat .\nDogs bark .\n")
    compared = verb(*words, "--hypotheses", "other.txt", "--format", "md", "--output", "scores.md")
    assert (compared.code, compared.out) == (0, "")
    assert "| other.txt" in (here / "scores.md").read_text(encoding="utf-8")
    unknown = verb(*words, "--format", "jsno")
    assert unknown.code == 2
    assert "found 'jsno'. Did you mean 'json'?" in " ".join(unknown.err.replace("│", "").split())
    nowhere = verb(*words, "--output", "no/where.md")
    assert (nowhere.code, nowhere.out) == (2, "")
    assert "there is no folder no" in " ".join(nowhere.err.replace("│", "").split())
    (here / "ref.txt").write_text(references[0] + "\n")
    uneven = verb(*words)
    assert uneven.code == 1
    assert "hyp.txt has 2 lines, ref.txt has 1" in uneven.err
    assert verb(*words, "--metrics", "blue").code == 1
    assert "Did you mean 'BLEU'" in verb(*words, "--metrics", "BLUE").err


def test_score_tells_how_translations_fail_when_asked(here: Path, verb: Verb) -> None:
    (here / "hyp.txt").write_text("The old man reads the book.\nEr kommt nicht.\n")
    (here / "ref.txt").write_text("Der alte Mann liest das Buch.\nEr kommt nicht.\n")
    words = ("score", "--hypotheses", "hyp.txt", "--references", "ref.txt", "--direction", "en-de")
    plain, asked = verb(*words), verb(*words, "--failures")
    assert asked.code == 0
    assert asked.out.startswith(plain.out), "scores stay as they are"
    assert "hyp.txt\toff-target:en\t50.00\tlid:" in asked.out
    assert asked.err == "note: copied and mostly-copied are not measured: they need the source text (--sources).\n"
    assert plain.err == ""
    (here / "src.txt").write_text("The old man reads the book.\nHe is not coming.\n")
    assert "hyp.txt\tcopied\t50.00\t" in verb(*words, "--failures", "--sources", "src.txt").out
    assert "candidates:ar,cs,de," in verb(*words, "--failures", "--languages", "cs, en").out
    alone = verb(*words, "--languages", "cs")
    assert alone.code == 2
    assert "only --failures asks for languages" in " ".join(alone.err.replace("│", "").split())


def test_the_module_is_the_command(here: Path) -> None:
    """What ``accelerate launch --module mtsuite.cli`` starts."""
    done = subprocess.run(
        [sys.executable, "-m", "mtsuite.cli", "validate", "nothing.yaml"],
        cwd=here, capture_output=True, text=True, env=environment(),
    )  # fmt: skip
    assert done.returncode == 2
    assert "nothing.yaml" in done.stderr


def test_two_rows_of_a_run_are_compared(miniature: Miniature, here: Path, verb: Verb) -> None:
    answer = verb("compare", str(miniature.results), "--rows", "full,lora", "--rounds", "20", "--format", "json")
    assert answer.code == 0, answer.err
    with (miniature.results / "significance.csv").open() as lines:
        written = {(r["metric"], r["direction"]): r for r in csv.DictReader(lines) if r["method"] == "lora"}
    found = [entry for entry in json.loads(answer.out)["scores"] if entry["method"] == "lora"]
    assert {(entry["metric"], entry["direction"]) for entry in found} == set(written)
    for entry in found:
        row = written[entry["metric"], entry["direction"]]  # tested by the run with the same draws
        assert entry["delta"] == pytest.approx(float(row["delta"]), abs=1e-4)
        if entry["metric"] != "COMET":  # its segment scores are kept with four decimals
            assert entry["p_value"] == pytest.approx(float(row["p_value"]), abs=1e-6)
    words = ("compare", f"{miniature.results}:full", f"{miniature.results}:lora")
    assert verb(*words, "--output", "rows.md", "--format", "md").code == 0
    assert "Comparison of mini: BLEU" in (here / "rows.md").read_text(encoding="utf-8")
    missing = verb("compare", "nowhere", str(miniature.results))
    assert missing.code == 1
    assert "There is no results folder nowhere" in missing.err


def test_translate_gives_what_the_run_gave(miniature: Miniature, here: Path, verb: Verb) -> None:
    """Sources of the test set, put in as a user's text, come out as the run's own translations."""
    translations = miniature.results / "translations"
    (here / "in.txt").write_text((translations / "source-copy" / "0" / "all" / "en-de.txt").read_text())
    for method in ("landermt", "lora"):
        answer = verb(
            "translate", str(miniature.recipe), "--method", method, "--direction", "en-de", "--input", "in.txt",
            "-o", str(miniature.results),
        )  # fmt: skip
        assert answer.code == 0, answer.err
        assert answer.out == (translations / method / "1" / "all" / "en-de.txt").read_text()
    missing = verb(
        "translate", str(miniature.recipe), "--method", "lora", "--direction", "en-de", "--input", "no.txt",
        "-o", str(miniature.results),
    )  # fmt: skip
    assert missing.code == 1
    assert "no.txt" in missing.err


def readme_translations(folder: Path, sources: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Translations by the program in the folder's README, which asks for the first sentence."""
    code = (folder / "README.md").read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    monkeypatch.chdir(folder)
    monkeypatch.setattr("builtins.input", lambda _: sources[0])
    names: dict[str, Any] = {}
    exec(code, names)
    return [names["translate"](source) for source in sources]


@pytest.mark.parametrize("method", ["full", "lora", "zero-shot"])
def test_an_exported_model_translates_as_the_run_did(
    method: str, miniature: Miniature, here: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = verb("export", str(miniature.results), "--method", method, "--output-dir", "model")
    assert answer.code == 0, answer.err
    assert "Written: model (38,336 parameters)" in answer.out
    assert not list(here.glob(".model*"))
    translations = miniature.results / "translations"
    sources = (translations / "source-copy" / "0" / "all" / "en-de.txt").read_text().splitlines()
    expected = (translations / method / "1" / "all" / "en-de.txt").read_text().splitlines()
    assert readme_translations(here / "model", sources, monkeypatch) == expected
    monkeypatch.chdir(here)
    again = verb("export", str(miniature.results), "--method", method, "--output-dir", "model")
    assert again.code == 2
    assert "model exists already" in again.err


def test_what_cannot_be_exported_says_what_can_be_done(miniature: Miniature, here: Path, verb: Verb) -> None:
    answer = verb("export", str(miniature.results), "--method", "landermt", "--output-dir", "model")
    assert answer.code == 1
    assert "landermt cannot be exported" in answer.err
    assert "mtsuite translate RECIPE --method landermt --direction en-de" in answer.err
    assert not (here / "model").exists()
    for words, code, part in (
        (("--method", "lorra"), 2, "Did you mean 'lora'"),
        (("--method", "lora", "--seed", "7"), 2, "--seed: 7 is not among the recipe's seeds [1]"),
        (("--method", "lora", "--set", "train.max_steps=9"), 1, "lora has not been trained in this store"),
    ):
        wrong = verb("export", str(miniature.results), *words, "--output-dir", "model")
        assert wrong.code == code, wrong.text
        assert part in wrong.err


def test_an_adapter_is_exported_for_peft(miniature: Miniature, here: Path, verb: Verb) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    answer = verb("export", str(miniature.results), "--method", "lora", "--adapter", "--output-dir", "mine")
    assert answer.code == 0, answer.err
    config = json.loads((here / "mine" / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == str(here / "mine" / "base")
    base = AutoModelForCausalLM.from_pretrained(here / "mine" / "base")
    untouched = AutoModelForCausalLM.from_pretrained(here / "mine" / "base")
    tuned = PeftModel.from_pretrained(base, here / "mine").eval()
    assert verb("export", str(miniature.results), "--method", "lora", "--output-dir", "merged").code == 0
    merged = AutoModelForCausalLM.from_pretrained(here / "merged").eval()
    ids = AutoTokenizer.from_pretrained(here / "mine")("Translate from English", return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.allclose(tuned(ids).logits, merged(ids).logits, atol=1e-5)
        assert not torch.allclose(tuned(ids).logits, untouched(ids).logits, atol=1e-5)
    for method, reason in (("full", "does not save what it trains in PEFT's format"), ("zero-shot", "trains nothing")):
        refused = verb("export", str(miniature.results), "--method", method, "--adapter", "--output-dir", "other")
        assert refused.code == 1
        assert reason in refused.err
        assert not (here / "other").exists()


def test_rows_seeds_and_output_folder_can_be_chosen(miniature: Miniature, tmp_path: Path, command: Command) -> None:
    folder = miniature.copy(tmp_path / "chosen", "corpus", "base")
    words = ("run", "mini.yaml", "--only", "zero-*,full", "--seeds", "1,2", "-o", "results/elsewhere", "-q",
             "--jobs", "2", "--set", "metrics.names=[BLEU]", "--set", "transfer=!remove",
             "--set", "report.page=false")  # fmt: skip
    done = command(folder, *words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "quiet: tables and errors only"
    assert "Miniature: BLEU" in done.stdout
    lines = (folder / "results" / "elsewhere" / "scores.csv").read_text().splitlines()[1:]
    assert {tuple(line.split(",")[:2]) for line in lines} == {
        ("source-copy", "0"), ("zero-shot", "1"), ("zero-shot", "2"), ("full", "1"), ("full", "2")
    }  # fmt: skip
    jobs = finished(folder / "results/.mtsuite", "train")
    labels = {spec["label"]: status["summary"]["losses"] for spec, status in jobs}
    assert labels["full: translation (seed 1)"] != labels["full: translation (seed 2)"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_processes_learn_what_one_learns(miniature: Miniature, tmp_path: Path) -> None:
    """The whole command under ``accelerate launch``: the training jobs are done by both processes together."""
    folder = miniature.copy(tmp_path / "launched", "corpus", "base")
    launcher = [script("accelerate"), "launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
                "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(free_port()),
                "-m", "mtsuite.cli"]  # fmt: skip
    words = [
        "run",
        "mini.yaml",
        "--only",
        "full,landermt",
        "--set",
        "metrics.names=[BLEU]",
        "--set",
        "transfer=!remove",
        "--set",
        "report.page=false",
    ]
    done = subprocess.run(
        [*launcher, *words], cwd=folder, env=environment(), capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("Everything is in") == 1, "one process reports"
    together = {spec["label"]: status for spec, status in finished(folder / "results/.mtsuite", "train")}
    alone = {spec["label"]: status for spec, status in miniature.jobs("train")}
    assert set(together) == {"full: translation (seed 1)", "landermt: translation (seed 1)"}
    for label, status in together.items():
        ours, theirs = status["summary"], alone[label]["summary"]
        assert ours["fingerprint"] == theirs["fingerprint"]
        assert ours["target_tokens"] == theirs["target_tokens"]
        assert ours["losses"] == pytest.approx(theirs["losses"], abs=2e-3)
        assert "threads" not in status, "done under the launcher, not by a worker"
