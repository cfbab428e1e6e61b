"""``extends:``, names of recipes, and relative paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.errors import RecipeError
from mtsuite.recipe import builtin_recipes, read_recipe
from mtsuite.recipe import find as find_module
from mtsuite.recipe.find import recipe_name

from .conftest import SMALL, Write


def error_of(path: Path | str) -> str:
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    return str(caught.value)


def test_chain_of_three(write: Write) -> None:
    write(SMALL + "train: {max_steps: 1, warmup_steps: 1, beta2: 0.9}\nseeds: [1, 2]\ntitle: A\n", "base/a.yaml")
    write("extends: base/a.yaml\ntrain: {max_steps: 2, warmup_steps: 2}\nmethods: {full: }\n", "b.yaml")
    write(
        "extends: ../b.yaml\ntrain: {max_steps: 3}\nseeds: [3]\nmethods: {lora: {config: {alpha: 1}}}\n", "sub/c.yaml"
    )
    recipe = read_recipe("sub/c.yaml").recipe
    assert (recipe.train.max_steps, recipe.train.warmup_steps, recipe.train.beta2) == (3, 2, 0.9)
    assert recipe.seeds == [3]
    assert recipe.title == "A"
    assert list(recipe.methods) == ["zero-shot", "lora", "full"]
    assert recipe.methods["lora"].config == {"rank": 8, "alpha": 1}


def test_list_later_wins_and_a_shared_parent_counts_once(write: Write) -> None:
    write(SMALL + "train: {max_steps: 1, warmup_steps: 1}\n", "a.yaml")
    write("extends: a.yaml\ntrain: {max_steps: 2}\n", "b.yaml")
    write("extends: a.yaml\ntrain: {warmup_steps: 3}\n", "c.yaml")
    write("extends: [b.yaml, c.yaml]\n", "d.yaml")
    train = read_recipe("d.yaml").recipe.train
    assert (train.max_steps, train.warmup_steps) == (2, 3)


def test_null_remove_and_replace(write: Write) -> None:
    write(SMALL + "train: {max_steps: 1, beta2: 0.5}\n", "a.yaml")
    write("extends: a.yaml\nmethods: {lora: , zero-shot: !remove }\ntrain: !replace {max_steps: 7}\n", "b.yaml")
    recipe = read_recipe("b.yaml").recipe
    assert list(recipe.methods) == ["lora"]
    assert recipe.methods["lora"].config == {}
    assert (recipe.train.max_steps, recipe.train.beta2) == (7, 0.999)
    write("extends: a.yaml\nmethods: !replace {full: , zero-shot: }\n", "c.yaml")
    assert list(read_recipe("c.yaml").recipe.methods) == ["full", "zero-shot"]


def test_nothing_to_remove(write: Write) -> None:
    write(SMALL, "a.yaml")
    path = write("extends: a.yaml\nmethods: {lorra: !remove }\n", "b.yaml")
    assert error_of(path) == (
        "b.yaml:2:11: methods.lorra: nothing to remove. Did you mean 'lora'?\n"
        "    2 | methods: {lorra: !remove }\n"
        "      |           ^"
    )


def test_another_source_replaces_the_block(write: Write) -> None:
    write(SMALL + "data: {text: {train_sentences: 5}, cleaning: {max_tokens: 9}}\n", "a.yaml")
    write("extends: a.yaml\ndata: {text: {source: files, train: ['x.{lang}']}}\n", "b.yaml")
    data = read_recipe("b.yaml").recipe.data
    assert data.text.source == "files"
    assert data.cleaning.max_tokens == 9
    text = read_recipe("a.yaml").recipe.data.text
    assert text.source == "microworld"
    assert text.train_sentences == 5


def test_name_is_not_inherited(write: Write) -> None:
    write(SMALL + "name: first\n", "a.yaml")
    write("extends: a.yaml\n", "b.yaml")
    assert read_recipe("a.yaml").recipe.name == "first"
    assert read_recipe("b.yaml").recipe.name == "b"


def test_error_in_a_parent_shows_the_parent(write: Write) -> None:
    write(SMALL + "train: {max_steps: ten}\n", "a.yaml")
    path = write("extends: a.yaml\nseeds: x\n", "b.yaml")
    heads = [line for line in error_of(path).splitlines() if ".yaml:" in line]
    assert sorted(heads) == [
        "a.yaml:5:20: train.max_steps: expected a whole number, found 'ten'",
        "b.yaml:2:8: seeds: expected a list, found 'x'",
    ]


def test_loop(write: Write) -> None:
    write("extends: b.yaml\n", "a.yaml")
    write("extends: [c.yaml]\n", "b.yaml")
    write("extends: b.yaml\n", "c.yaml")
    assert error_of("a.yaml") == (
        "c.yaml:1:10: extends: goes round in a circle: b.yaml → c.yaml → b.yaml\n"
        "    1 | extends: b.yaml\n      |          ^"
    )
    write("extends: d.yaml\n", "d.yaml")
    assert "goes round in a circle: d.yaml → d.yaml" in error_of("d.yaml")


def test_missing_parent(write: Write) -> None:
    write(SMALL, "base/table1.yaml")
    path = write("extends: base/tabel1.yaml\n", "x.yaml")
    assert error_of(path) == (
        "x.yaml:1:10: extends: base/tabel1.yaml: no such file. Did you mean 'table1.yaml'?\n"
        "    1 | extends: base/tabel1.yaml\n"
        "      |          ^"
    )


def test_wrong_extends(write: Write) -> None:
    assert error_of(write("extends: [1]\n")).startswith("x.yaml:1:1: extends: expected a path or a list of paths")


def test_missing_recipe(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write(SMALL, "recipes/table1.yaml")
    write(SMALL, "recipes/real/tatoeba.yaml")
    write(SMALL, "recipes/_parts.yaml")
    monkeypatch.setattr(find_module, "recipes_folder", lambda: Path("recipes").absolute())
    assert list(builtin_recipes()) == ["real-tatoeba", "table1"]
    assert read_recipe("table1").path == Path("recipes/table1.yaml").absolute()
    assert read_recipe("real/tatoeba").recipe.name == "real-tatoeba"
    assert error_of("tabel1") == "tabel1: no such recipe or file. Did you mean 'table1'?"
    assert error_of("recipes/tabel1.yaml") == "recipes/tabel1.yaml: no such file. Did you mean 'table1.yaml'?"
    assert error_of("recipe/table1.yaml") == ("recipe/table1.yaml: no such file; there is no folder recipe either.")
    assert error_of("recipes") == "recipes: a folder, not a recipe. In it: _parts.yaml, table1.yaml."
    write("extends: table1\n", "mine.yaml")
    assert read_recipe("mine.yaml").recipe.directions == ["en-de", "de-en"]


def test_checkout_recipes_are_found() -> None:
    folder = find_module.recipes_folder()
    assert folder is not None
    assert folder == Path(__file__).resolve().parents[2] / "recipes"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/recipes/table1.yaml", "table1"),
        ("/a/recipes/real/tatoeba.yaml", "real-tatoeba"),
        ("/recipes/x/recipes/y.yaml", "y"),
        ("/a/b/mine.yaml", "mine"),
    ],
)
def test_recipe_name(path: str, name: str) -> None:
    assert recipe_name(Path(path)) == name


def test_paths_belong_to_their_file(write: Write, here: Path) -> None:
    write(
        SMALL
        + """\
  mine: {use: "ideas/mine.py:Mine"}
  reg: {use: landermt}
data:
  text:
    source: files
    train: ["corpora/train.{lang}", $CORPORA/x.tsv, "up/$X/y.tsv"]
    test: {dev: [/abs/dev.tsv]}
    mono: {en: [../en.txt]}
prompts: {templates: prompts.yaml}
model: {name_or_path: bigscience/bloom-560m}
metrics: {comet: {checkpoint: Unbabel/wmt22-comet-da, python: ../env/bin/python}}
""",
        "base/a.yaml",
    )
    write("extends: ../base/a.yaml\n", "other/b.yaml")
    read = read_recipe("other/b.yaml", ["methods.mine.label=x", "methods.cli.use=./new.py:New"])
    recipe = read.recipe
    assert read.folder == here / "other"
    text = recipe.data.text
    assert text.source == "files"
    assert text.train == [f"{here}/base/corpora/train.{{lang}}", "$CORPORA/x.tsv", f"{here}/base/up/$X/y.tsv"]
    assert text.test == {"dev": ["/abs/dev.tsv"]}
    assert text.mono == {"en": [f"{here}/en.txt"]}
    assert recipe.methods["mine"].use == f"{here}/base/ideas/mine.py:Mine"
    assert recipe.methods["cli"].use == f"{here}/new.py:New"
    assert recipe.methods["reg"].use == "landermt"
    assert recipe.prompts.templates == f"{here}/base/prompts.yaml"
    assert recipe.model.name_or_path == "bigscience/bloom-560m"
    assert recipe.metrics.comet.checkpoint == "Unbabel/wmt22-comet-da"
    assert recipe.metrics.comet.python == f"{here}/env/bin/python"
    (here / "base/bigscience/bloom-560m").mkdir(parents=True)
    assert read_recipe("other/b.yaml").recipe.model.name_or_path == f"{here}/base/bigscience/bloom-560m"
