from __future__ import annotations

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mtsuite.errors import unprintable
from mtsuite.recipe import Recipe, read_recipe, resolved_yaml
from mtsuite.recipe.coerce import validate
from mtsuite.recipe.load import Origin, load

from .conftest import SMALL, Write

_text = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=12).filter(lambda text: unprintable(text) is None),
    st.sampled_from(
        ["no", "1e-3", "010", "0o7", "<<", "null", "~", "!remove", "1:30", "2024-01-01", "true", "=", "a: b"]
    ),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(10**12), 10**12), st.floats(allow_nan=False), _text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_text, inner, max_size=3)),
    max_leaves=5,
)
_languages = ["en", "de", "no", "zh", "ar"]
_directions = st.lists(
    st.sampled_from([f"{a}-{b}" for a in _languages for b in _languages if a != b]), min_size=1, unique=True
)
_row = st.fixed_dictionaries(
    {},
    optional={
        "use": st.one_of(st.none(), _text),
        "label": _text,
        "config": st.dictionaries(_text, _json, max_size=3),
        "train": st.fixed_dictionaries({}, optional={"learning_rate": st.floats(1e-12, 1e6)}),
    },
)
_names = st.from_regex(r"[a-z][a-z0-9_.-]{0,6}", fullmatch=True)
_microworld = st.fixed_dictionaries({"source": st.just("microworld"), "languages": st.lists(_text, max_size=3)})
_tests = st.from_regex(r"[A-Za-z0-9ä犬][ A-Za-z0-9_/.:!ä犬-]{0,8}", fullmatch=True)  # names of test sets
_files = st.fixed_dictionaries(
    {"source": st.just("files"), "train": st.lists(_text), "test": st.dictionaries(_tests, st.lists(_text), max_size=2)}
)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    methods: dict[str, Any] = draw(st.dictionaries(_names, _row, min_size=1, max_size=4))
    values: dict[str, Any] = {
        "title": draw(_text),
        "seeds": draw(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3, unique=True)),
        "directions": draw(_directions),
        "methods": methods,
        "data": {"text": draw(st.one_of(_microworld, _files))},
        "train": {"weight_decay": draw(st.floats(0, 1e30))},
        "report": {"baseline": draw(st.sampled_from([None, *methods]))},
    }
    if draw(st.booleans()):
        values["transfer"] = {"methods": [next(iter(methods))], "base": next(iter(methods))}
    return Recipe.model_validate(values)


@settings(max_examples=60, deadline=None)
@given(recipes())
def test_round_trip(recipe: Recipe) -> None:
    text = resolved_yaml(recipe)
    tree = load(text, Origin("x", text))
    assert tree is not None
    again = validate(Recipe, tree)
    assert again == recipe
    assert resolved_yaml(again) == text


def test_paths_become_relative_and_come_back(write: Write, here: Path) -> None:
    write(
        SMALL
        + """\
  mine: {use: "mine.py:Mine"}
data: {text: {source: files, train: ["data/train.{lang}", $CORPORA/x.tsv, "./$odd/x.tsv"]}}
prompts: {templates: ./builtin}
model: {name_or_path: ./bloom}
metrics: {comet: {checkpoint: tiny.ckpt, python: env/python}}
""",
        "recipes/a.yaml",
    )
    recipe = read_recipe("recipes/a.yaml", ["methods.cli.use=far/cli.py:Cli"]).recipe
    folder = here / "results" / "a"
    folder.mkdir(parents=True)
    text = resolved_yaml(recipe, folder)
    assert str(here) not in text
    (folder / "recipe.yaml").write_text(text, encoding="utf-8")
    assert read_recipe(folder / "recipe.yaml").recipe == recipe
    beside = resolved_yaml(recipe, here / "recipes")
    (here / "recipes" / "again.yaml").write_text(beside, encoding="utf-8")
    assert read_recipe("recipes/again.yaml").recipe == recipe
    assert "train: [data/train.{lang}" in beside.replace("'", "").replace('"', "")
    assert "name_or_path: ./bloom" in beside


def test_order_and_style(write: Write) -> None:
    lines = resolved_yaml(read_recipe(write(SMALL)).recipe).splitlines()
    assert lines[:5] == [
        "# Everything resolved: what was not set is here with its default.",
        "name: x",
        "title: ''",
        "seeds: [1]",
        "directions: [en-de, de-en]",
    ]
    top = [line.split(":")[0] for line in lines[1:] if not line.startswith(" ")]
    assert top == list(Recipe.model_fields)
