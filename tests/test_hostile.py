"""Input that was made to break: each ends with one message, exit code 2 before anything ran, and in bounded time."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Answer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mtsuite.cli.anonymous import anonymous
from mtsuite.errors import MetricError, RecipeError, StoreError, printable, unprintable
from mtsuite.metrics.resampling import MOST_ROUNDS, masks
from mtsuite.recipe import read_recipe
from mtsuite.recipe.load import Origin, load
from mtsuite.recipe.overrides import parse_override
from mtsuite.report.render.csv_table import render_csv
from mtsuite.report.render.spreadsheet import safe
from mtsuite.report.render.table import Row, Table
from mtsuite.results.folder import read_results

Verb = Callable[..., Answer]
SECONDS = 10.0
ROWS = "directions: [en-de]\nmethods: {zero-shot: }\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

RECIPES: dict[str, tuple[str | bytes, str]] = {
    "empty metrics": (ROWS + "metrics: {names: []}\n", "3:18: metrics.names: needs at least 1 entry"),
    "metric twice": (ROWS + "metrics: {names: [chrF, chrF]}\n", "3:25: metrics.names[1]: 'chrF' is there twice"),
    "metric twice but for case": (ROWS + "metrics: {names: [chrF, CHRF]}\n", "in case alone"),
    "0x_": (ROWS + "train: {max_steps: 0x_}\n", "3:20: train.max_steps: expected a whole number"),
    "0o_": (ROWS + "train: {max_steps: 0o_}\n", "3:20: train.max_steps: expected a whole number"),
    "5,000 digits": (ROWS + f"train: {{max_steps: {'9' * 5000}}}\n", "3:20: train.max_steps: expected a whole number"),
    "70 bits": (ROWS + f"train: {{max_steps: {2**70}}}\n", "expected a whole number of 64 bits"),
    "infinite": (ROWS + "train: {weight_decay: .inf}\n", "expected a finite number"),
    "not a number": (ROWS + "train: {weight_decay: .nan}\n", "expected a finite number"),
    "1e400": (ROWS + "train: {weight_decay: 1e400}\n", "expected a finite number"),
    "1e400 in a configuration": (ROWS + "external: {}\nseeds: [1e400]\n", "seeds[0]: expected a whole number"),
    "NUL": (ROWS + 'model: {name_or_path: "a\\0b"}\n', "U+0000, a control character"),
    "escape": (ROWS + 'title: "a\\e[31mb"\n', "U+001B, a control character"),
    "direction override": (ROWS + 'title: "a\u202eb"\n', "U+202E"),
    "escape in a key": ('directions: [en-de]\nmethods: {"a\\eb": }\n', "U+001B"),
    "lone surrogate": (ROWS + 'title: "\\ud800"\n', "U+D800, half of a surrogate pair"),
    "long path": (ROWS + f"model: {{name_or_path: ./{'a/' * 2500}}}\n", "a path has at most 4,095 bytes"),
    "long name": (ROWS + f"prompts: {{templates: {'a' * 300}}}\n", "at most 255 bytes"),
    "long row": (f"directions: [en-de]\nmethods: {{{'r' * 300}: {{use: zero-shot}}}}\n", "at most 200 bytes"),
    "long recipe name": (ROWS + f"name: {'n' * 300}\n", "at most 255 bytes"),
    "long metric": (ROWS + f"metrics: {{more_comet: {{{'m' * 300}: }}}}\n", "at most 200 bytes"),
    "alias bomb": (BOMB + ROWS, "more than 20,000 keys and values"),
    "merge bomb": ("x: &x {a: 1}\n" + "y: {<<: [" + ", ".join(["*x"] * 19_000) + "]}\n" + ROWS, "more than 20,000"),
    "deep brackets": (ROWS + "title: " + "[" * 3000, "nested more than 50 deep"),
    "deep mapping": ("".join(f"{' ' * i}a:\n" for i in range(200)), "nested more than 50 deep"),
    "many keys": ("".join(f"k{i}: 1\n" for i in range(9000)), "unknown key"),
    "very many keys": ("".join(f"k{i}: 1\n" for i in range(30_000)), "more than 20,000"),
    "long key": (ROWS + f"{'k' * 900}: 1\n", "unknown key"),
    "large": (b"# " + b"x" * (5 << 20), "larger than 4 MB"),
    "duplicate keys": (ROWS + "title: a\ntitle: b\n", "4:1: the key 'title' is there twice"),
    "tabs": (ROWS + "train:\n\tmax_steps: 3\n", "a tab where YAML wants spaces"),
    "UTF-16": (ROWS.encode("utf-16"), "not UTF-8 but UTF-16"),
    "Latin-1": ("title: ä\n".encode("latin-1"), "not UTF-8"),
    "binary": (bytes(range(256)), "not UTF-8"),
    "negative seed": (ROWS + "seeds: [-1]\n", "3:9: seeds[0]: must be at least 0"),
    "long seed": (ROWS + f"seeds: [{2**32}]\n", "seeds[0]: must be less than"),
    "seed of the data": (ROWS + f"data: {{text: {{seed: {2**40}}}}}\n", "data.text.seed"),
    "rounds": (ROWS + "significance: {rounds: 100000000000000}\n", "significance.rounds: must be at most"),
    "layers": (ROWS + "model: {pretrain: {layers: 10000000000}}\n", "model.pretrain.layers: must be at most"),
    "width": (ROWS + "model: {pretrain: {hidden_size: 10000000000}}\n", "model.pretrain.hidden_size: must be at most"),
    "formula as a test set": (
        ROWS + "data: {text: {source: files, train: [a], test: {'=cmd': [a]}}}\n", "a test set's name must not begin"
    ),
    "two values, one row": (
        "directions: [en-de]\nmethods: {lora: {sweep: {rank: [4, 4]}}}\n", "two of its values make the row"
    ),
    "a value and a row behind it": (
        "directions: [en-de]\nmethods: {lora: {sweep: {rank: [4, 8]}}, lora-rank-8: {use: lora}}\n",
        "makes the row 'lora-rank-8', and there is a row of that name",
    ),
    "a value and a row before it": (
        "directions: [en-de]\nmethods: {lora-rank-8: {use: lora}, lora: {sweep: {rank: [4, 8]}}}\n",
        "makes the row 'lora-rank-8', and there is a row of that name",
    ),
    "sentences": (ROWS + "data: {text: {train_sentences: 10000000000}}\n", "train_sentences: must be at most"),
    "new tokens": (ROWS + "translate: {max_new_tokens: 99999999999}\n", "translate.max_new_tokens: must be at most"),
    "a region that is none": (
        "directions: [en_XX-de]\nmethods: {zero-shot: }\n", "the region XX stands for none; write 'en'."
    ),
    "a language in two spellings": (
        "directions: [en-zh, zho-en]\nmethods: {zero-shot: }\n", "directions[1]: zh in en-zh and zho in zho-en are"
    ),
}  # fmt: skip


def refused(path: Path, *overrides: str) -> str:
    started = time.process_time()
    with pytest.raises(RecipeError) as caught:
        read_recipe(path, overrides)
    assert time.process_time() - started < SECONDS
    assert caught.value.exit_code == 2
    assert len(str(caught.value)) < 20_000, "a message is to be read"
    return str(caught.value)


@pytest.mark.parametrize("case", RECIPES)
def test_recipes(case: str, tmp_path: Path) -> None:
    text, part = RECIPES[case]
    path = tmp_path / "x.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert part in refused(path)


PLANS: dict[str, tuple[str, str]] = {
    "unknown architecture": ("model: {name_or_path: a/b, architecture: {model_type: bloomy}}", "Did you mean 'bloom'"),
    "architecture without type": ("model: {name_or_path: a/b, architecture: {n_layer: 2}}", "model_type is missing"),
    "architecture of text": (
        "model: {name_or_path: a/b, architecture: {model_type: llama, num_hidden_layers: many}}", "number of layers"
    ),
    "huge architecture": (
        "model: {name_or_path: a/b, architecture: {model_type: llama, hidden_size: 10000000000}}", "1,000,000,000"
    ),
    "endless architecture": (
        "model: {name_or_path: a/b, architecture: {model_type: llama, num_hidden_layers: 1000000}}", "from 1 to 10,000"
    ),
    "no folder": ("model: {name_or_path: ./nowhere}", "3:23: model.name_or_path: there is no folder"),
    "no hub name": ("model: {name_or_path: 'my model/of/x'}", "model.name_or_path: expected `pretrain`, a folder"),
    "no checkpoint": ("metrics: {names: [COMET], comet: {checkpoint: ./x.ckpt}}", "metrics.comet.checkpoint: there is"),
    "no Python": ("metrics: {names: [COMET], comet: {python: ./nowhere/python}}", "metrics.comet.python: expected"),
    "another program": ("metrics: {names: [COMET], comet: {python: /bin/false}}", "is no Python"),
    "a folder as Python": ("metrics: {names: [COMET], comet: {python: /}}", "found a folder"),
    "too many texts": (f"seeds: [{', '.join(map(str, range(9000)))}]\nreport: {{page: false}}\n"
                       "directions: [en-de, de-en, en-fr]", "a recipe has at most 20,000"),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANS)
def test_plans(case: str, here: Path, verb: Verb) -> None:
    """What only a plan can know; `run` says it before its first job."""
    more, part = PLANS[case]
    rows = "methods: {zero-shot: }\n" if "directions" in more else ROWS
    (here / "x.yaml").write_text(rows + more + "\n")
    for word in ("validate", "run"):
        started = time.process_time()
        answer = verb(word, "x.yaml")
        assert time.process_time() - started < SECONDS
        assert (answer.code, part in answer.text) == (2, True), answer.text
        assert "Traceback" not in answer.text
    assert not (here / "results").exists()


FOLDERS: dict[str, tuple[tuple[str, ...], str]] = {
    "no configuration": (("model.safetensors", "tokenizer.json"), "lacks config.json"),
    "no weights": (("config.json", "tokenizer.json"), "lacks weights"),
    "no tokenizer": (("config.json", "model.safetensors"), "lacks a tokenizer"),
    "no end token": (
        ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"),
        "end-of-sequence",
    ),
}


@pytest.mark.parametrize("case", FOLDERS)
def test_model_folders(case: str, here: Path, verb: Verb) -> None:
    files, part = FOLDERS[case]
    (here / "m").mkdir()
    for name in files:
        (here / "m" / name).write_text(json.dumps({"model_type": "bloom"}))
    (here / "x.yaml").write_text(ROWS + "model: {name_or_path: ./m}\n")
    answer = verb("validate", "x.yaml")
    assert (answer.code, part in answer.text) == (2, True), answer.text


COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "no value": (("validate", "x.yaml", "--set", "train"), "expected KEY=VALUE"),
    "only =": (("validate", "x.yaml", "--set", "="), "expected KEY=VALUE"),
    "0x_": (("validate", "x.yaml", "--set", "train.max_steps=0x_"), "expected a whole number"),
    "surrogate": (("validate", "x.yaml", "--set", "title=\udcff"), "half of a surrogate pair"),
    "deep key": (("validate", "x.yaml", "--set", ".".join("a" * 3000) + "=1"), "no recipe is that deep"),
    "open bracket": (("validate", "x.yaml", "--set", "seeds=["), "not valid YAML"),
    "seeds": (("plan", "x.yaml", "--seeds", "1,x"), "expected whole numbers from 0"),
    "long seed": (("plan", "x.yaml", "--seeds", "9" * 5000), "expected whole numbers from 0"),
    "seed of Unicode digits": (("plan", "x.yaml", "--seeds", "１"), "expected whole numbers from 0"),
    "pattern": (("plan", "x.yaml", "--only", "[z"), "no row matches"),
    "control sequence": (("plan", "x.yaml", "--only", "\x1b[31m"), "no row matches"),
    "results in a file": (("run", "x.yaml", "-o", "x.yaml"), "expected a folder for the results, found a file"),
    "results below a file": (("run", "x.yaml", "-o", "x.yaml/r"), "expected a folder for the results, found a file"),
    "results of a long name": (("run", "x.yaml", "-o", "r" * 300), "at most 255 bytes"),
    "long recipe": (("validate", "a" * 5000), "no such recipe or file"),
    "file name with a blank": (("validate", "my recipe.yaml"), "the results folder is named after this file"),
    "rounds": (("compare", "a", "b", "--rounds", "100000000000000"), "--rounds"),
    "output is a folder": (("compare", "a", "b", "--output", "."), "it is a folder"),
    "output in no folder": (("compare", "a", "b", "--output", "no/where"), "there is no folder"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_commands(case: str, here: Path, verb: Verb) -> None:
    words, part = COMMANDS[case]
    for name in ("x.yaml", "my recipe.yaml"):
        (here / name).write_text(ROWS)
    answer = verb(*words)
    shown = " ".join(answer.text.replace("│", " ").split())
    assert (answer.code, part in shown) == (2, True), answer.text
    assert "Traceback" not in answer.text
    assert "\x1b[31m" not in answer.text


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.sampled_from("{}[]&*!|>'\"%@`#,?:-+._ \n\t\\0x1e9~<a\u202e\x1b\ufeff"), max_size=60))
def test_any_text_is_a_tree_or_an_error(text: str) -> None:
    for read in (lambda: load(text, Origin("x", text)), lambda: parse_override(text)):
        with contextlib.suppress(RecipeError):
            read()


# -- results folders ------------------------------------------------------------------------------

RESULTS = Path(__file__).resolve().parents[1] / "results" / "table1"

EDITS: dict[str, tuple[str, object]] = {
    "labels of numbers": ("labels", {"full": 3}),
    "labels of nothing": ("labels", None),
    "methods twice": ("methods", ["full", "full"]),
    "methods of lists": ("methods", [["full"]]),
    "no methods": ("methods", []),
    "metric of nothing": ("metrics", [None]),
    "directions of numbers": ("directions", [3]),
    "level of text": ("significance_alpha", "small"),
    "level of nothing": ("significance_alpha", None),
    "level above 1": ("significance_alpha", 7),
    "transfer of text": ("transfer", "all"),
    "transfer without names": ("transfer", {"methods": 3}),
    "sequence without a base": ("sequence", {"methods": ["full"], "directions": ["en-de"]}),
    "curves of text": ("learning_curves", {"full": ["x"]}),
    "curves of nothing": ("learning_curves", {"full": [[None, 1]]}),
    "failed of text": ("failed", ["x"]),
    "streams of text": ("fairness", {"streams": ["x"]}),
    "notes of a number": ("notes", 3),
    "sweeps of nothing": ("sweeps", [None]),
    "lower_is_better of nothing": ("lower_is_better", None),
    "control sequence": ("metrics", ["\x1b[31m"]),
    "schema of text": ("schema", "one"),
}


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    for name in ("report.json", "scores.csv", "costs.csv", "environment.json", "charts.json"):
        shutil.copyfile(RESULTS / name, tmp_path / name)
    return tmp_path


@pytest.mark.parametrize("case", EDITS)
def test_report_json_edited_by_hand(case: str, edited: Path) -> None:
    key, value = EDITS[case]
    path = edited / "report.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(StoreError, match=r"report\.json.*" + key):
        read_results(edited)


def test_the_unedited_folder_is_read(edited: Path) -> None:
    assert read_results(edited).methods


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "text", "", "9e999", "٣x"])
def test_scores_that_are_no_numbers(word: str, edited: Path) -> None:
    path = edited / "scores.csv"
    lines = path.read_text().splitlines()
    fields = lines[1].split(",")
    fields[6] = word
    path.write_text("\n".join([lines[0], ",".join(fields), *lines[2:]]) + "\n")
    with pytest.raises(StoreError, match=r"scores\.csv:2: expected a number in column 'score'"):
        read_results(edited)


@pytest.mark.parametrize("name", ["report.json", "environment.json", "charts.json"])
@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "3", "null", '{"a": NaN, "charts": 3}', "1" * 5000, "\x00"])
def test_files_that_are_no_json(name: str, text: str, edited: Path) -> None:
    (edited / name).write_text(text)
    with pytest.raises(StoreError, match=name.replace(".", r"\.")):
        read_results(edited)


# -- what is shown and recorded -------------------------------------------------------------------


def test_text_that_steers_a_terminal_is_written_out() -> None:
    assert printable("a\x1b[31m\u202eb\ud800") == "a\\u001b[31m\\u202eb\\ud800"
    assert printable("ä\n中\tع\u200f") == "ä\n中\tع\u200f"
    assert unprintable("plain") is None


@pytest.mark.parametrize(
    ("word", "recorded"),
    [
        ("/home/me/recipes/mine.yaml", "mine.yaml"),
        ("data.text.train=[/home/me/a.en, /home/me/b.en]", "data.text.train=[a.en, b.en]"),
        ("methods.x.use=/home/me/x.py:Mine", "methods.x.use=x.py:Mine"),
        ("--output-dir=/scratch/me/out", "--output-dir=out"),
        ("model.name_or_path=~/models/bloom", "model.name_or_path=bloom"),
        ("a=https://me:secret@host/x", "a=https://***@host/x"),
        ("a=https://host/x?token=abc&b=1", "a=https://host/x?token=***&b=1"),
        ("hub.api_key=abc", "hub.api_key=***"),
        ("a=hf_abcdefghijklmnop", "a=***"),
        ("train.max_steps=50", "train.max_steps=50"),
        ("data.text.train=[wmt/train.{lang}]", "data.text.train=[wmt/train.{lang}]"),
        ("train.tokens_per_batch=2048", "train.tokens_per_batch=2048"),
        ("model.name_or_path=bigscience/bloom-560m", "model.name_or_path=bigscience/bloom-560m"),
    ],
)
def test_the_recorded_command_keeps_neither_folders_nor_credentials(word: str, recorded: str) -> None:
    assert anonymous(word) == recorded


@pytest.mark.parametrize(
    ("field", "written"),
    [("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"), ("@SUM(1)", "'@SUM(1)"), ("+1+cmd", "'+1+cmd"), ("-x", "'-x"),
     ("\t=1", "'\t=1"), (" =1", "' =1"), ("-1.5", "-1.5"), ("+0.25", "+0.25"), ("-1e-05", "-1e-05"), ("", ""),
     ("full", "full"), ("-", "-"), (-1.5, -1.5), (None, None)],
)  # fmt: skip
def test_no_field_of_a_csv_is_a_formula(field: object, written: object) -> None:
    assert safe(field) == written


def test_a_label_that_is_a_formula_is_text_in_the_table() -> None:
    table = Table("t", "T", (), (Row("full", "=1+1", ()),))
    assert "full,'=1+1" in render_csv(table)


def test_the_draws_of_a_test_fit_into_memory() -> None:
    with pytest.raises(MetricError, match="fit into memory"):
        masks(1_000_000, MOST_ROUNDS, (1,))


def test_a_bug_is_called_one_and_its_traceback_kept(
    here: Path, verb: Verb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys.modules["mtsuite.recipe"], "read_recipe", broken)
    answer = verb("validate", "x.yaml")
    assert answer.code == 1
    assert "This is a bug of mtsuite" in answer.text
    assert "Traceback" not in answer.text
    (kept,) = tmp_path.glob("mtsuite-bug-*.txt")
    assert "KeyError: 'lost'" in kept.read_text()
