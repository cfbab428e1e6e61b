"""Text to tree: YAML without its traps, and errors that point at the place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtsuite.errors import RecipeError
from mtsuite.recipe import read_recipe
from mtsuite.recipe.load import Origin, load
from mtsuite.recipe.tree import plain

from .conftest import Message, Write


def value(text: str) -> object:
    node = load(text, Origin("x", text))
    assert node is not None
    return plain(node)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no", "no"),
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("1e-3", 1e-3),
        ("1E4", 1e4),
        ("5.e-2", 0.05),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("20_000", 20000),
        ("010", 10),
        ("0x10", 16),
        ("0o17", 15),
        ("1:30", "1:30"),
        ("2024-01-31", "2024-01-31"),
        ("'1e-3'", "1e-3"),
        ("~", None),
        ("nan", "nan"),
        ("1e", "1e"),
        ("[no, en]", ["no", "en"]),
        ("{no: 1, 1: 2, true: 3}", {"no": 1, "1": 2, "true": 3}),
        ("!!str 5", "5"),
        ("{<<: {a: 1, b: 2}, b: 3}", {"a": 1, "b": 3}),
        ("[&x {a: 1}, *x]", [{"a": 1}, {"a": 1}]),
    ],
)
def test_scalars(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)


def test_norwegian_recipe(write: Write) -> None:
    path = write("""
        directions: [en-no, no-en]
        data: {text: {source: files, languages: [no, en], mono: {no: [mono.txt]}}}
        methods: {no: , lora: {config: {lr: 1e-3}}}
        """)
    recipe = read_recipe(path).recipe
    assert recipe.languages() == ["en", "no"]
    assert list(recipe.methods) == ["no", "lora"]
    assert recipe.data.text.model_dump()["languages"] == ["no", "en"]
    assert recipe.methods["lora"].config == {"lr": 0.001}


def test_syntax_error(message: Message) -> None:
    assert message("directions: [en-de]\nmethods: {lora: \ntrain: 3\n") == (
        "x.yaml:3:6: not valid YAML: expected ',' or '}', but got ':', while parsing a flow mapping (line 2)\n"
        "    3 | train: 3\n"
        "      |      ^"
    )


def test_tab(message: Message) -> None:
    assert message("methods:\n\tlora:\n") == (
        "x.yaml:2:1: not valid YAML: a tab where YAML wants spaces\n    2 | \tlora:\n      | ^"
    )


def test_two_documents(message: Message) -> None:
    assert message("a: 1\n---\nb: 2\n").startswith("x.yaml:2:1: not valid YAML: but found another document")


def test_control_character(message: Message) -> None:
    assert message("a: 1\nb: \x00\n") == "x.yaml:2:4: a control character, U+0000"


def test_duplicate_keys_and_tags_together(message: Message) -> None:
    assert message("train:\n  beta2: 0.9\n  beta2: 0.99\nseeds: !tuple [1]\ntitle: !!int x\nname: [!remove ]\n") == (
        "x.yaml:3:3: the key 'beta2' is there twice, first in line 2\n"
        "    3 |   beta2: 0.99\n"
        "      |   ^\n"
        "x.yaml:4:8: the tag !tuple has no meaning here; there are !remove and !replace\n"
        "    4 | seeds: !tuple [1]\n"
        "      |        ^\n"
        "x.yaml:5:8: 'x' is not of type !!int\n"
        "    5 | title: !!int x\n"
        "      |        ^\n"
        "x.yaml:6:8: !remove follows a key, it cannot be in a list\n"
        "    6 | name: [!remove ]\n"
        "      |        ^"
    )


def test_python_tags_do_nothing(message: Message) -> None:
    assert "the tag !!python/object/apply:os.getcwd has no meaning here" in message(
        "title: !!python/object/apply:os.getcwd []\n"
    )


def test_alias_in_its_own_anchor(message: Message) -> None:
    assert message("seeds: &a [*a]\n").startswith("x.yaml:1:8: an alias inside its own anchor")


def test_deep_nesting(message: Message) -> None:
    assert message("a: " + "[" * 5000 + "]" * 5000).startswith("x.yaml:1:53: not valid YAML: nested more than 50 deep")


def test_not_utf8(here: Path) -> None:
    Path("x.yaml").write_bytes("name: a\ntitle: Über".encode("latin-1"))
    with pytest.raises(RecipeError) as caught:
        read_recipe("x.yaml")
    assert str(caught.value) == "x.yaml: not UTF-8: byte 0xdc at offset 15 (line 2). Save the file as UTF-8."


def test_byte_order_mark(here: Path) -> None:
    Path("x.yaml").write_bytes(b"\xef\xbb\xbfdirections: [en-de]\r\nmethods: {lora: }\r\n")
    assert read_recipe("x.yaml").recipe.directions == ["en-de"]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_empty(message: Message, text: str) -> None:
    assert message(text) == "x.yaml: the file is empty; a recipe needs at least directions: and methods:"


def test_no_mapping(message: Message) -> None:
    assert message("- a\n") == (
        "x.yaml:1:1: expected a mapping of keys at the top, found a list\n    1 | - a\n      | ^"
    )
    assert "found a single value" in message("hello\n")


_junk = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
_keys = ["data", "text", "source", "methods", "directions", "train", "transfer", "report", "seeds", "name", "extends"]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(_keys), st.one_of(_junk, st.dictionaries(st.sampled_from(_keys), _junk, max_size=3)), max_size=5
    )
)
def test_nothing_but_recipe_errors(tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object]) -> None:
    import yaml

    path = tmp_path_factory.getbasetemp() / "junk.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(RecipeError):
        read_recipe(path)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="ab:- {}[]!&*#'\"|>\n\t%?,<~0.e", max_size=30))
def test_any_text_is_a_tree_or_a_recipe_error(text: str) -> None:
    try:
        load(text, Origin("x", text))
    except RecipeError:
        return
