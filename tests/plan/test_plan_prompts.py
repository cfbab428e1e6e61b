"""Templates are tried on the recipe's own text, where it is on this machine, before anything runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mtsuite.data.prompts import Templates
from mtsuite.errors import RecipeError
from mtsuite.plan.place import errors_of
from mtsuite.plan.prompts import TemplateSpec
from mtsuite.plan.text_checks import check_prompts
from mtsuite.recipe import read_recipe

FILES = "data: {text: {source: files, train: ['train.{lang}'], valid: ['train.{lang}'], test: {t: ['train.{lang}']}}}\n"
HUB = "data: {text: {source: hub, name: owner/name}}\n"
TEMPLATE = "{source_language}: {source}\n{target_language}:\n"  # the bare target stands behind the line break


def joining(folder: Path, *beginnings: str) -> None:
    """A model folder whose tokenizer writes characters, and a line break with one of ``beginnings`` as one piece."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    characters = sorted({chr(c) for c in range(32, 127)} | {"\n", "ä"} | set(beginnings))
    pieces = ["</s>", "<unk>", *characters, *(f"\n{one}" for one in beginnings)]
    model = models.BPE({p: i for i, p in enumerate(pieces)}, [("\n", one) for one in beginnings], unk_token="<unk>")
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model), eos_token="</s>", unk_token="<unk>")
    made.save_pretrained(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))


def checked(folder: Path, data: str, direction: str = "en-de") -> None:
    (folder / "r.yaml").write_text(
        f"directions: [{direction}]\nmethods: {{zero-shot: }}\nmodel: {{name_or_path: ./m}}\n{data}"
    )
    read = read_recipe(folder / "r.yaml")
    check_prompts(TemplateSpec(read.recipe, read.folder, Templates((TEMPLATE,))), errors_of(read))


def lines(folder: Path, **sides: str) -> None:
    for code, beginning in sides.items():
        (folder / f"train.{code}").write_text("".join(f"{beginning} line {n}\n" for n in range(30)))


def test_text_of_the_recipe_decides_and_not_what_is_usual(tmp_path: Path) -> None:
    joining(tmp_path / "m", "#")
    lines(tmp_path, en="A", de="#")
    with pytest.raises(RecipeError, match=r"prompts.templates.*Template 0, en-de: .*joins its end"):
        checked(tmp_path, FILES)
    checked(tmp_path, FILES, "de-en")
    checked(tmp_path, HUB)
    lines(tmp_path, de="Q")
    checked(tmp_path, FILES)


def test_without_text_what_is_usual_in_the_language_decides(tmp_path: Path) -> None:
    joining(tmp_path / "m", "E", "d", "T", "1", "一", "我", "“")
    lines(tmp_path, en="A", de="Q")
    checked(tmp_path, FILES)
    for data in (HUB, FILES.replace("'train.", "'lost.")):  # lost files are told where the text is checked
        with pytest.raises(RecipeError, match="joins its end"):
            checked(tmp_path, data)
    joining(tmp_path / "m", "一", "我", "“", "1")
    checked(tmp_path, HUB)
    for chinese in ("zh", "zho_Hans", "zh-Hant", "cmn"):
        with pytest.raises(RecipeError, match="joins its end"):
            checked(tmp_path, HUB, f"en-{chinese}")


def test_the_microworlds_own_text(tmp_path: Path) -> None:
    joining(tmp_path / "m", "D", "E", "I", "H", "W", "S", "A", "M", "Z")
    with pytest.raises(RecipeError, match="joins its end"):
        checked(tmp_path, "data: {text: {valid_sentences: 20}}\n")
