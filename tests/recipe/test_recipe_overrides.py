from __future__ import annotations

import pytest

from mtsuite.errors import RecipeError
from mtsuite.recipe import read_recipe

from .conftest import SMALL, Message, Write


def test_values(write: Write) -> None:
    recipe = read_recipe(
        write(SMALL),
        [
            "train.max_steps=50",
            "train.max_steps=60",
            "train.learning_rate=1e-3",
            "directions=[en-de]",
            "title=BLEU: a = b #1, 'quoted'",
            "methods.mine={use: 'a.py:Mine', config: {x: [1, no]}}",
            'methods."v1.5".label="1.5"',
            "methods.'v2.5'.config.deep.er=true",
            "methods.lora.config.alpha=2",
            "methods.zero-shot=!remove",
            "train.max_grad_norm=",
            "name=other",
        ],
    ).recipe
    assert recipe.train.max_steps == 60
    assert recipe.train.learning_rate == 1e-3
    assert recipe.train.max_grad_norm is None
    assert recipe.directions == ["en-de"]
    assert recipe.title == "BLEU: a = b #1, 'quoted'"
    assert list(recipe.methods) == ["lora", "mine", "v1.5", "v2.5"]
    assert recipe.methods["mine"].config == {"x": [1, "no"]}
    assert recipe.methods["v1.5"].label == "1.5"
    assert recipe.methods["v2.5"].config == {"deep": {"er": True}}
    assert recipe.methods["lora"].config == {"rank": 8, "alpha": 2}
    assert recipe.name == "other"


def test_below_a_row_with_nothing(write: Write) -> None:
    recipe = read_recipe(write(SMALL), ["methods.zero-shot.label=Zero"]).recipe
    assert recipe.methods["zero-shot"].label == "Zero"


def test_default_source_and_another_source(write: Write) -> None:
    path = write(SMALL)
    text = read_recipe(path, ["data.text.train_sentences=5"]).recipe.data.text
    assert text.source == "microworld"
    assert text.train_sentences == 5
    other = read_recipe(path, ["data.text.train_sentences=5", "data.text.source=hub", "data.text.name=a/b"]).recipe
    assert other.data.text.source == "hub"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "train.max_steps=ten",
            "--set train.max_steps=ten: train.max_steps: expected a whole number, found 'ten'",
        ),
        (
            "train.max_step=5",
            "--set train.max_step=5: train.max_step: unknown key. "
            "Did you mean 'max_steps' or 'mono_steps' or 'warmup_steps'?",
        ),
        (
            "trian.max_steps=5",
            "--set trian.max_steps=5: trian: unknown key. Did you mean 'train' or 'transfer' or 'tracking'?",
        ),
        (
            "methods.lora={confg: {}}",
            "--set methods.lora={confg: {}}: methods.lora.confg: unknown key. Did you mean 'config'?",
        ),
        (
            "methods.lorra=!remove",
            "--set methods.lorra=!remove: methods.lorra: nothing to remove. Did you mean 'lora'?",
        ),
        (
            "directions.0=en-fr",
            "--set directions.0=en-fr: directions is a list; set it whole, such as --set directions='[...]'",
        ),
        (
            "methods.lora.config.rank.x=3",
            "--set methods.lora.config.rank.x=3: methods.lora.config.rank is a single value (8); "
            "there is nothing below it",
        ),
        ("report.baseline=loar", "--set report.baseline=loar: report.baseline: 'loar' is not a row of methods. "),
        ("train.max_steps", "--set train.max_steps: expected KEY=VALUE, such as --set train.max_steps=50"),
        ("=5", "--set =5: expected KEY=VALUE, such as --set train.max_steps=50"),
        ("a..b=5", "--set a..b=5: expected KEY=VALUE, such as --set train.max_steps=50"),
        ("extends=a.yaml", "--set extends=a.yaml: 'extends' is allowed in files only; set the keys themselves"),
        ("seeds=[1", "--set seeds=[1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("data.text.source=hub", "--set data.text.source=hub: data.text.name: missing. Data set, such as "),
    ],
)
def test_errors(message: Message, override: str, expected: str) -> None:
    assert message(SMALL, override).startswith(expected)


def test_errors_of_file_and_override_together(message: Message) -> None:
    found = message(SMALL + "seeds: x\n", "train.beta2=5", "train.max_steps=ten")
    assert [line.split(": ")[0] for line in found.splitlines() if ": " in line and "|" not in line] == [
        "x.yaml:5:8",
        "--set train.max_steps=ten",
        "--set train.beta2=5",
    ]


def test_a_removed_row_that_is_named_elsewhere(write: Write) -> None:
    path = write(SMALL + "report: {baseline: lora}\n")
    with pytest.raises(RecipeError, match=r"x\.yaml:5:20: report\.baseline: 'lora' is not a row"):
        read_recipe(path, ["methods.lora=!remove"])
