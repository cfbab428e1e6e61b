"""What the schema does not allow: place, key, what was expected, what was found, nearest name."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mtsuite.errors import RecipeError
from mtsuite.recipe import read_recipe

from .conftest import SMALL, Message, Write


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (
            "train:\n  learning_rat: 1e-3\n",
            "x.yaml:6:3: train.learning_rat: unknown key. Did you mean 'learning_rate'?\n"
            "    6 |   learning_rat: 1e-3\n"
            "      |   ^",
        ),
        (
            "extend: a.yaml\n",
            "x.yaml:5:1: extend: unknown key. Did you mean 'extends' or 'external'?\n    5 | extend: a.yaml\n      | ^",
        ),
        (
            "report: {zzzz: 1}\n",
            "x.yaml:5:10: report.zzzz: unknown key. Known: baseline, columns, floor, page.\n"
            "    5 | report: {zzzz: 1}\n"
            "      |          ^",
        ),
        (
            "train: {max_steps: ten}\n",
            "x.yaml:5:20: train.max_steps: expected a whole number, found 'ten'\n"
            "    5 | train: {max_steps: ten}\n"
            "      |                    ^",
        ),
        ("train: {max_steps: true}\n", "train.max_steps: expected a whole number, found true\n"),
        (
            "train: {max_steps: '10'}\n",
            "train.max_steps: expected a whole number, found '10' (write it without quotes)\n",
        ),
        ("train: {max_steps: 1.5}\n", "train.max_steps: expected a whole number, found 1.5\n"),
        ("train: {max_steps: [1]}\n", "train.max_steps: expected a whole number, found a list\n"),
        ("train: {max_steps: }\n", "train.max_steps: expected a whole number, found nothing\n"),
        ("train: {beta2: {}}\n", "train.beta2: expected a number, found a mapping\n"),
        ("train: {beta2: 2}\n", "train.beta2: must be less than 1, found 2\n"),
        ("train: {learning_rate: 0}\n", "train.learning_rate: must be greater than 0, found 0\n"),
        ("translate: {num_beams: 0}\n", "translate.num_beams: must be at least 1, found 0\n"),
        ("model: {pretrain: {labelled_share: 2}}\n", "must be at most 1, found 2\n"),
        ("seeds: []\n", "x.yaml:5:8: seeds: needs at least 1 entry, found 0\n"),
        ("seeds: 1\n", "x.yaml:5:8: seeds: expected a list, found 1\n"),
        ("seeds: [1, x]\n", "x.yaml:5:12: seeds[1]: expected a whole number, found 'x'\n"),
        ("seeds: [1, 1]\n", "x.yaml:5:12: seeds[1]: '1' is there twice\n"),
        ("metrics: 3\n", "x.yaml:5:10: metrics: expected a mapping, found 3\n"),
        ("data: {text: []}\n", "data.text: expected a mapping, found a list\n"),
        ("title: true\n", "title: expected text, found true (write it with quotes)\n"),
        ("title: [a]\n", "title: expected text, found a list\n"),
        ("report: {floor: maybe}\n", "report.floor: expected true or false, found 'maybe'\n"),
        (
            "train: {optimizer: adam}\n",
            "train.optimizer: expected 'adamw' or 'muon', found 'adam'. Did you mean 'adamw'?\n",
        ),
        (
            "data:\n  text: {source: microwrld}\n",
            "x.yaml:6:18: data.text.source: there is no 'microwrld'. Did you mean 'microworld'?\n"
            "    6 |   text: {source: microwrld}\n"
            "      |                  ^",
        ),
        (
            "data: {text: {train: [a]}}\n",
            "x.yaml:5:8: data.text.source: missing; it says which kind of block this is.\n",
        ),
        (
            "data:\n  text: {source: hub}\n",
            "x.yaml:6:3: data.text.name: missing. Data set, such as `Helsinki-NLP/opus-100` or `wmt/wmt16`.\n"
            "    6 |   text: {source: hub}\n"
            "      |   ^",
        ),
        (
            "data: {text: {source: files, trian: [a]}}\n",
            "x.yaml:5:30: data.text.trian: unknown key. Did you mean 'train'?\n",
        ),
        ("data: {text: {source: files, train: [[a]]}}\n", "data.text.train[0]: expected text, found a list\n"),
        (
            "report: {baseline: loar}\n",
            "x.yaml:5:20: report.baseline: 'loar' is not a row of methods. Did you mean 'lora'?",
        ),
        (
            "transfer: {methods: [lorra]}\n",
            "transfer.methods[0]: 'lorra' is not a row of methods. Did you mean 'lora'?",
        ),
        (
            "report: {columns: [copied, off-traget]}\n",
            "'repeated' or 'empty', found 'off-traget'. Did you mean 'off-target'?",
        ),
        ("transfer: {base: zero}\n", "transfer.base: 'zero' is not a row of methods. Did you mean 'zero-shot'?"),
        ("transfer: {directions: [en-fr]}\n", "x.yaml:5:25: transfer.directions[0]: 'en-fr' is not among directions. "),
        ("name: ../up\n", "x.yaml:5:7: name: names a folder, so it is letters, digits, "),
    ],
)
def test_one_error(message: Message, block: str, expected: str) -> None:
    found = message(SMALL + block)
    assert expected in found
    assert found.count("x.yaml:") == 1  # nothing else is reported beside it
    assert found.count("^") == 1


def test_missing_at_the_top(message: Message) -> None:
    assert message("title: A\n") == (
        "x.yaml:1:1: directions: missing. Directions to train and test, such as en-de.\n"
        "    1 | title: A\n"
        "      | ^\n"
        "x.yaml:1:1: methods: missing. Rows of the table, in order: name, then settings.\n"
        "    1 | title: A\n"
        "      | ^"
    )


def test_directions(message: Message) -> None:
    found = message("directions: [en-de, ende, en-de]\nmethods: {lora: }\n")
    assert found == (
        "x.yaml:1:21: directions[1]: A direction is two different language codes joined by a hyphen, such as en-de; "
        "found 'ende'. Script and region are written with underscores (zh_Hant-en, en-pt_BR).\n"
        "    1 | directions: [en-de, ende, en-de]\n"
        "      |                     ^\n"
        "x.yaml:1:27: directions[2]: 'en-de' is there twice\n"
        "    1 | directions: [en-de, ende, en-de]\n"
        "      |                           ^"
    )


def test_row_name(message: Message) -> None:
    found = message("directions: [en-de]\nmethods: {'a b': }\n")
    assert "x.yaml:2:1: methods: a row's name is letters, digits, '-', '_' and '.'; found 'a b'" in found


def test_default_transfer_base(message: Message) -> None:
    found = message("directions: [en-de]\nmethods: {lora: }\ntransfer: {methods: [lora]}\n")
    assert found.startswith("x.yaml:3:1: transfer.base: its default 'zero-shot' is not a row of methods. Known: lora.")


def test_all_at_once_in_order_of_lines(message: Message) -> None:
    found = message("""
        directions: [en-de]
        report: {baseline: ful}
        train: {max_steps: ten, lr: 1}
        methods: {lora: {trian: {}}, "a.b": {use: [x]}}
        """)
    heads = [line for line in found.splitlines() if line.startswith("x.yaml")]
    assert heads == [
        "x.yaml:2:20: report.baseline: 'ful' is not a row of methods. Known: a.b, lora.",
        "x.yaml:3:20: train.max_steps: expected a whole number, found 'ten'",
        f"x.yaml:3:25: train.lr: unknown key. {heads[2].partition('key. ')[2]}",
        "x.yaml:4:18: methods.lora.trian: unknown key. Did you mean 'train'?",
        'x.yaml:4:43: methods."a.b".use: expected text, found a list',
    ]


def test_forgiven_spellings(write: Write) -> None:
    recipe = read_recipe(
        write(
            SMALL
            + "train: {max_steps: 1e3, max_grad_norm: }\nmodel: {revision: 0012}\nreport: {floor: no}\ntranslate:\n"
        )
    ).recipe
    assert recipe.train.max_steps == 1000
    assert type(recipe.train.max_steps) is int
    assert recipe.train.max_grad_norm is None
    assert recipe.model.revision == "0012"
    assert recipe.report.floor is False
    assert recipe.translate.batch_size == 50


def test_pairs_are_two_rows_that_are_there(write: Write) -> None:
    read = read_recipe(write(SMALL + "significance: {pairs: [[lora, zero-shot]]}\n"))
    assert read.recipe.significance.pairs == [["lora", "zero-shot"]]
    for pairs, said in (
        ("[[lora, zero-shoot]]",
         "significance.pairs[0][1]: 'zero-shoot' is not a row of methods. Did you mean 'zero-shot'"),
        ("[[lora, lora]]", "a pair is two different rows, such as [landermt, lora]; found [lora, lora]"),
        ("[[lora]]", "a pair is two different rows"),
    ):  # fmt: skip
        with pytest.raises(RecipeError) as caught:
            read_recipe(write(SMALL + f"significance: {{pairs: {pairs}}}\n"))
        assert said in str(caught.value), str(caught.value)


class Config(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rank: int = Field(8, ge=1)


def test_later_stages_point_at_the_place_too(write: Write) -> None:
    read = read_recipe(write(SMALL), ["methods.lora.config.rnak=3"])
    with pytest.raises(ValidationError) as caught:
        Config.model_validate({"rank": 0, "rnak": 3})
    assert str(read.explain(caught.value, ("methods", "lora", "config"), Config)) == (
        "x.yaml:4:25: methods.lora.config.rank: must be at least 1, found 8\n"
        "    4 |   lora: {config: {rank: 8}}\n"
        "      |                         ^\n"
        "--set methods.lora.config.rnak=3: methods.lora.config.rnak: unknown key. Did you mean 'rank'?"
    )
    part = read.model_copy(update={"recipe": read.recipe})  # as after `select`
    assert str(part.error(("methods", "zero-shot", "use"), "no such method")) == (
        "x.yaml:3:3: methods.zero-shot.use: no such method\n    3 |   zero-shot:\n      |   ^"
    )


def test_torch_is_not_imported() -> None:
    code = "import sys, mtsuite.recipe; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
