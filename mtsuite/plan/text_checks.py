"""What of prompts can be known to fail before anything runs: chat templates, and templates that a tokenizer joins.

Both need the tokenizer, and so are known early for a checkpoint in a folder only; for others the jobs say the same.
"""

from __future__ import annotations

from pathlib import Path

from mtsuite.data.direction import Direction
from mtsuite.data.languages import language
from mtsuite.data.prompts import Templates
from mtsuite.errors import DataError, ModelError
from mtsuite.plan.place import ErrorAt
from mtsuite.plan.prompts import TemplateSpec
from mtsuite.recipe.schema import Recipe

# For text that is not on this machine: beginnings of translations, of words, of a number and of quotation marks, by
# language; the last are everybody else's.
_TARGETS = {
    "zh": ("一只狗。", "我们看见房子。", "“是的”", "12 公里"),
    "ja": ("犬です。", "これは家です。", "「はい」", "12 キロ"),
    "ko": ("개입니다.", "이것은 집입니다.", "“예”", "12 킬로"),
    "ar": ("كلب.", "هذا بيت.", "«نعم»", "12 كم"),
    "ru": ("Собака.", "это дом.", "«Да»", "12 км"),
    "": ("Ein Hund.", "der alte Mann", "The house is old.", "12 km"),
}


def check_prompts(prompts: TemplateSpec, error: ErrorAt) -> None:
    """Raises RecipeError for a chat template or an instruction that cannot be used with the recipe's tokenizer."""
    recipe, folder = prompts.recipe, prompts.folder / prompts.recipe.model.name_or_path
    chats = {row: prompts.mode(row) for row in recipe.methods}
    if recipe.model.name_or_path == "pretrain":
        for row, mode in chats.items():
            if mode == "on":
                message = "`on` needs a tokenizer with a chat template; the suite's own base has none. Set it to `off`."
                raise error(_keys(recipe, row), message)
    elif folder.is_dir():
        _check_folder(recipe, prompts.folder, prompts.templates, chats, error)


def _keys(recipe: Recipe, row: str) -> tuple[str, ...]:
    own = recipe.methods[row].prompts.chat is not None
    return ("methods", row, "prompts", "chat") if own else ("prompts", "chat")


def _check_folder(
    recipe: Recipe, recipe_folder: Path, templates: Templates, chats: dict[str, str], error: ErrorAt
) -> None:
    from mtsuite.data.chat import speaks
    from mtsuite.data.encode import Encoder
    from mtsuite.data.joins import check_joins
    from mtsuite.jobs.assemble import ends_in
    from mtsuite.model.load import load_tokenizer

    folder = recipe_folder / recipe.model.name_or_path
    try:
        tokenizer = load_tokenizer(folder, trust_remote_code=recipe.model.trust_remote_code, offline=True)
    except ModelError:
        return  # said where the model is opened, with all that is wrong with it
    plain = False
    for row, mode in chats.items():
        try:
            plain |= speaks(tokenizer, ends_in(folder), mode) is None
        except DataError as failure:
            raise error(_keys(recipe, row), str(failure).removeprefix("prompts.chat: ")) from failure
    if not plain:
        return
    encoder = Encoder(tokenizer)
    for direction in recipe.parsed_directions():
        try:
            check_joins(encoder, templates, direction, _pairs(recipe, recipe_folder, direction))
        except DataError as failure:
            raise error(("prompts", "templates"), str(failure)) from failure


def _pairs(recipe: Recipe, folder: Path, direction: Direction) -> list[tuple[str, str]]:
    """Pairs that every template is tried on: the recipe's own first ones, else beginnings that are usual."""
    from mtsuite.data.joins import SAMPLE
    from mtsuite.data.preview import first_pairs

    try:
        found = first_pairs(recipe.data.model_dump(mode="json"), direction, folder, count=SAMPLE)
    except DataError:  # told where the text is checked, with all that is wrong with it
        found = []
    return found or [("A dog.", text) for text in _TARGETS.get(language(direction.target).base, _TARGETS[""])]
