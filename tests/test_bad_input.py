"""What a user can get wrong, or the world: every case ends with one message that says what to do, and the right code.

2 is for what a recipe or a command says, 1 for what it finds; a traceback is never shown.
"""

from __future__ import annotations

import errno
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Answer, Command, Miniature

Verb = Callable[..., Answer]

SMALL = """\
directions: [en-de, de-en]
data:
  text: {languages: [en, de], train_sentences: 40, mono_sentences: 0, valid_sentences: 4, test_sentences: 4}
model: {pretrain: {hidden_size: 16, layers: 2, heads: 2, vocabulary: 300, steps: 2}}
metrics: {names: [chrF]}
methods:
  zero-shot:
"""


@pytest.fixture
def small(here: Path) -> Path:
    path = here / "small.yaml"
    path.write_text(SMALL)
    return path


def says(answer: Answer, code: int, *parts: str) -> None:
    assert answer.code == code, answer.text
    for part in parts:
        assert part in answer.text
    assert "Traceback" not in answer.text


# -- the recipe -------------------------------------------------------------------------------------

RECIPES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "misspelt key": ("methods:", "train: {max_stepps: 5}\nmethods:", (":6:9:", "train.max_stepps", "'max_steps'")),
    "wrong type": ("methods:", "train: {max_steps: many}\nmethods:", (":6:20:", "train.max_steps", "'many'")),
    "unknown method": ("  zero-shot:", "  zero-shoot:", (":7:3:", "'zero-shoot'", "Did you mean 'zero-shot'")),
    "unknown used method": ("  zero-shot:", "  a: {use: lorra}", (":7:12:", "methods.a.use", "'lora'")),
    "unknown metric": ("[chrF]", "[chrF, BLUE]", (":5:25:", "metrics.names[1]", "'BLUE'", "Did you mean 'BLEU'")),
    "misspelt configuration": (
        "  zero-shot:", "  lora: {config: {rnk: 4}}", (":7:19:", "methods.lora.config.rnk", "Did you mean 'rank'"),
    ),
    "configuration out of range": ("  zero-shot:", "  lora: {config: {rank: 0}}", ("methods.lora.config.rank", "0")),
    "k over the layers": (
        "  zero-shot:", "  landermt: {config: {k: 3}}", (":7:3:", "config.k", "the model has 2", "set k to 2 or less"),
    ),
    "heads": ("heads: 2", "heads: 3", ("model.pretrain.heads", "3 heads do not divide hidden_size, which is 16")),
    "no such plug-in": ("  zero-shot:", "  a: {use: ./mine.py:Mine}", ("methods.a.use", "there is no file", "mine.py")),
    "circle": ("directions:", "extends: small.yaml\ndirections:", (":1:10:", "extends", "circle")),
    "transfer of what does not train": (
        "methods:", "transfer: {methods: [zero-shot]}\nmethods:", ("transfer.methods", "'zero-shot' trains nothing"),
    ),
    "template": (
        "methods:", "prompts: {evaluation_template: 10}\nmethods:", ("prompts.evaluation_template is 10", "0 to 9"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RECIPES)
def test_recipe_errors_point_at_the_line(case: str, small: Path, verb: Verb) -> None:
    old, new, parts = RECIPES[case]
    assert SMALL.count(old) == 1
    small.write_text(SMALL.replace(old, new))
    for word in ("validate", "plan", "run"):
        says(verb(word, "small.yaml"), 2, *parts)
    assert not (small.parent / "results").exists(), "nothing ran"


def test_circle_of_two_files(here: Path, verb: Verb) -> None:
    (here / "a.yaml").write_text("extends: b.yaml\n")
    (here / "b.yaml").write_text("extends: a.yaml\n")
    says(verb("validate", "a.yaml"), 2, "b.yaml:1:10", "a.yaml → b.yaml → a.yaml")


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("run", "small.yaml", "--only", "lorra"), ("--only lorra", "no row matches")),
        (("run", "small.yaml", "--set", "train.max_step=3"), ("--set train.max_step=3", "'max_steps'")),
        (("run", "small.yaml", "--seeds", "one"), ("--seeds", "'one'")),
        (("run", "no-such-recipe"), ("no-such-recipe",)),
        (("run", "small.yaml", "--no-such-option"), ("--no-such-option",)),
        (("runn", "small.yaml"), ("runn",)),
        (("translate", "small.yaml", "--method", "full", "--direction", "en-de"), ("no row 'full'",)),
        (("translate", "small.yaml", "--method", "zero-shot", "--direction", "en-fr"), ("en-fr is not among",)),
    ],
)
def test_usage_errors_exit_with_two(words: tuple[str, ...], parts: tuple[str, ...], small: Path, verb: Verb) -> None:
    says(verb(*words), 2, *parts)


# -- plug-ins ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "parts"),
    [
        (
            "from mtsuite.method import Method\nimport no_such_thing\n",
            1,
            ("mine.py:2", "No module named 'no_such_thing'"),
        ),
        ("from mtsuite.method import Method\nclass Mine(Method\n", 1, ("mine.py:2", "never closed")),
        ("1 / 0\n", 1, ("mine.py:1", "ZeroDivisionError")),
        ("from mtsuite.method import Method\nclass Mein(Method): ...\n", 2, ("no class 'Mine'", "Did you mean 'Mein'")),
        ("class Mine: ...\n", 2, ("derives from mtsuite.method.Method",)),
    ],
)
def test_plugin_that_cannot_be_used(text: str, code: int, parts: tuple[str, ...], small: Path, verb: Verb) -> None:
    (small.parent / "mine.py").write_text(text)
    says(verb("validate", "small.yaml", "--set", "methods.mine.use=mine.py:Mine"), code, "methods.mine", *parts)


# -- the data ---------------------------------------------------------------------------------------


@pytest.fixture
def corpus(small: Path) -> Path:
    """A recipe on local files; each test breaks one of them."""
    folder = small.parent / "text"
    folder.mkdir()
    for split, count, first in (("train", 40, 0), ("valid", 4, 40), ("test", 4, 44)):
        for code, word in (("en", "sentence"), ("de", "Satz")):
            lines = [f"{word} {'abcdefghij'[n % 10]}{n} {n * n}" for n in range(first, first + count)]
            (folder / f"{split}.{code}").write_text("".join(line + "\n" for line in lines))
    old = SMALL[SMALL.index("  text:") : SMALL.index("model:")]
    new = """\
  text:
    source: files
    train: ["text/train.{lang}"]
    valid: ["text/valid.{lang}"]
    test: {mine: ["text/test.{lang}"]}
"""
    small.write_text(SMALL.replace(old, new))
    return folder


def test_missing_file(corpus: Path, verb: Verb) -> None:
    (corpus / "train.de").unlink()
    (corpus / "train.en").unlink()
    says(verb("validate", "small.yaml"), 2, "data.text.train[0]", "train.{lang}", "holds test.de, test.en, valid.de")


def test_direction_that_the_files_cannot_serve(corpus: Path, verb: Verb) -> None:
    answer = verb("validate", "small.yaml", "--set", "directions=[en-de, en-fr]")
    says(answer, 2, "Direction en-fr", "data.text.train", "Pairs there: de-en")


def test_direction_that_the_microworld_cannot_serve(small: Path, verb: Verb) -> None:
    says(
        verb("validate", "small.yaml", "--set", "directions=[en-de, en-fr]"), 2, "en-fr", "'fr'", "data.text.languages"
    )


def test_missing_environment_variable(corpus: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MY_CORPORA", raising=False)
    answer = verb("validate", "small.yaml", "--set", "data.text.train=['$MY_CORPORA/train.{lang}']")
    says(answer, 2, "data.text.train[0]", "MY_CORPORA", "not set", "export MY_CORPORA=")


def _empty(folder: Path) -> None:
    (folder / "train.de").write_text("")


def _misaligned(folder: Path) -> None:
    lines = (folder / "train.de").read_text().splitlines()
    (folder / "train.de").write_text("\n".join([*lines[:6], "", *lines[6:]]) + "\n")


def _latin(folder: Path) -> None:
    lines = (folder / "train.de").read_bytes().splitlines()
    lines[2] = "Käse".encode("latin-1")
    (folder / "train.de").write_bytes(b"\n".join(lines) + b"\n")


def _blank_test(folder: Path) -> None:
    lines = (folder / "test.de").read_text().splitlines()
    (folder / "test.de").write_text("\n".join([lines[0], "", *lines[2:]]) + "\n")


@pytest.mark.parametrize(
    ("break_it", "parts"),
    [
        (_empty, ("train.de", "is empty")),
        (_misaligned, ("Not aligned", "has 41", "Line 7 is empty in train.de only")),
        (_latin, ("train.de, line 3", "not UTF-8", "0xe4", "iconv")),
        (_blank_test, ("test.de", "line 2", "blank")),
    ],
)
def test_damaged_files(break_it: Callable[[Path], None], parts: tuple[str, ...], corpus: Path, verb: Verb) -> None:
    break_it(corpus)
    says(verb("run", "small.yaml", "--jobs", "1"), 2, *parts)


def test_test_sentences_in_the_training_text_are_reported(corpus: Path, miniature: Miniature, verb: Verb) -> None:
    for code in ("en", "de"):
        known = (corpus / f"test.{code}").read_text().splitlines()[1]
        (corpus / f"train.{code}").open("a").write(known + "\n")
    words = ["run", "small.yaml", "--jobs", "1", "--set", f"model.name_or_path={base_of(miniature)}"]
    assert verb(*words, "--set", "report.page=false").code == 0
    data = json.loads(Path("results/small/environment.json").read_text())["data"]
    assert data["overlap"]["de-en"]["dropped"] is True
    assert sum(data["cleaning"]["de-en"]["dropped"].values()) == 1
    assert verb(*words, "--set", "data.cleaning.drop_test_overlap=false").code == 0
    notes = json.loads(Path("results/small/report.json").read_text())["notes"]
    expected = "training text de-en overlaps held-out text: 1 in test sets, kept as asked"
    assert notes == [expected]
    assert expected in Path("results/small/report.html").read_text()
    assert expected in json.loads(Path("results/small/environment.json").read_text())["data"]["notes"]


# -- the model --------------------------------------------------------------------------------------


def base_of(miniature: Miniature) -> Path:
    return next(p for p in (miniature.store / "base").iterdir() if p.is_dir())


def saved(folder: Path, config: Any, miniature: Miniature) -> Path:
    """An untrained model of this configuration beside the miniature's tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
        shutil.copyfile(base_of(miniature) / name, folder / name)
    return folder


def test_sequences_longer_than_the_window(small: Path, miniature: Miniature, verb: Verb) -> None:
    from transformers import LlamaConfig

    sizes = {"vocab_size": 400, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    config = LlamaConfig(**sizes, num_attention_heads=2, max_position_embeddings=64)
    folder = saved(small.parent / "llama", config, miniature)
    words = ("validate", "small.yaml", "--set", f"model.name_or_path={folder}")
    says(verb(*words), 2, "train.max_length", "256 tokens", "window is 64", "set it to 64 or less")
    assert verb(*words, "--set", "train.max_length=64").code == 0
    says(verb(*words, "--set", "train.max_length=64", "--set", "methods.landermt.config.k=2"), 2, "the model has 1")


def test_model_without_feed_forward_blocks(small: Path, miniature: Miniature, verb: Verb) -> None:
    from transformers import MixtralConfig

    sizes = {"vocab_size": 400, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    config = MixtralConfig(**sizes, num_attention_heads=2, num_key_value_heads=2, num_local_experts=2)
    folder = saved(small.parent / "mixtral", config, miniature)
    rows = ("--set", "methods.landermt.config.k=1", "--set", f"model.name_or_path={folder}")
    answer = verb("run", "small.yaml", "--jobs", "1", "--set", "report.page=false", *rows)
    says(
        answer,
        1,
        "landermt: detection: FAILED",
        "expected in every decoder layer a feed-forward block",
        "dense_h_to_4h",
    )
    assert "zero-shot,1,all,en-de" in Path("results/small/scores.csv").read_text(), "the other row is there"


def test_hub_names_without_a_network(small: Path, verb: Verb) -> None:
    words = [
        "--set",
        "model.name_or_path=nobody/no-such-model",
        "--set",
        "data.text={source: hub, name: nobody/no-such-data}",
    ]
    answer = verb("run", "small.yaml", "--offline", "--jobs", "1", *words)
    says(answer, 2, "nobody/no-such-model is on the hub and was not downloaded yet", "run once without --offline")
    answer = verb("run", "small.yaml", "--offline", "--jobs", "1", *words[2:])
    try:
        import datasets  # noqa: F401  (pyarrow may be too new for this environment's numpy)
    except ImportError:
        says(answer, 1, "nobody/no-such-data: the package datasets is needed and cannot be imported")
    else:
        says(answer, 1, "nobody/no-such-data", "offline")
    assert verb("plan", "small.yaml", *words).code == 0, "planning needs no network"


# -- store and results ------------------------------------------------------------------------------


@pytest.mark.parametrize(("schema", "advice"), [(99, "update mtsuite"), (0, "run the recipe again")])
def test_results_of_another_version(schema: int, advice: str, miniature: Miniature, here: Path, verb: Verb) -> None:
    shutil.copytree(miniature.results, here / "old")
    info = json.loads((here / "old" / "report.json").read_text())
    (here / "old" / "report.json").write_text(json.dumps({**info, "schema": schema}))
    says(verb("report", "old"), 1, "report.json", f"found schema {schema}", advice)
    says(verb("report", "nowhere"), 1, "no results folder nowhere")


def test_half_written_store_folders_are_made_again(miniature: Miniature, tmp_path: Path, command: Command) -> None:
    folder = miniature.copy(tmp_path / "half")
    store = folder / "results" / ".mtsuite"
    first, second = sorted((store / "score").iterdir())[:2]
    (first / "status.json").write_text('{"schema": 1, "sta')
    shutil.rmtree(second)
    second.mkdir()
    for broken in (store / "report").iterdir():
        shutil.rmtree(broken)
    done = command(folder, "run", "mini.yaml", "--jobs", "1", "--set", "report.page=false")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not trusted") == 2
    assert "2 jobs to run, " in done.stderr
    assert (folder / "results/mini/scores.csv").read_bytes() == (miniature.results / "scores.csv").read_bytes()


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(folder)], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting a tmpfs needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_under_the_store(tiny_disk: Path, small: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MTSUITE_HOME", str(tiny_disk / "store"))
    answer = verb("run", "small.yaml", "--jobs", "1", "--set", "data.text.train_sentences=4000")
    says(answer, 1, f"no space left on {tiny_disk}", "MTSUITE_HOME", "what is finished is kept")


def test_full_disk_under_the_results(
    miniature: Miniature, here: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch
) -> None:
    miniature.copy(here)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mtsuite.results.writing.shutil.copyfile", full)
    answer = verb("run", "mini.yaml", "--jobs", "2")
    says(answer, 1, "results/mini", "No space left on device", "--output-dir")


def test_nothing_trained_to_translate_with(small: Path, verb: Verb) -> None:
    (small.parent / "text.txt").write_text("a dog\n")
    answer = verb("translate", "small.yaml", "--method", "zero-shot", "--direction", "en-de", "--input", "text.txt")
    says(answer, 1, "zero-shot has not been trained in this store", "Run the recipe first")
