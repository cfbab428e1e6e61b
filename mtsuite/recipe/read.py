"""Reading a recipe: files with ``extends:``, overrides, validation; every error with its place."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, PrivateAttr, ValidationError

from mtsuite.errors import RecipeError
from mtsuite.recipe.checks import FOLDER_NAME, check, is_folder_name
from mtsuite.recipe.coerce import validate
from mtsuite.recipe.explain import locate, pointed, problems_of, raise_all, told_errors
from mtsuite.recipe.find import find_recipe, recipe_name
from mtsuite.recipe.load import Origin, load
from mtsuite.recipe.merge import fill_source, merge
from mtsuite.recipe.overrides import apply_overrides
from mtsuite.recipe.paths import make_absolute
from mtsuite.recipe.schema import ReadRecipe, Recipe
from mtsuite.recipe.sweep import expand_sweeps
from mtsuite.recipe.tree import Entry, Listing, Mapping, Place, Problem, Scalar, dotted, shown

_LARGEST = 4 << 20  # bytes of a file
_LONGEST_CHAIN = 50  # files that extend one another


class LocatedRecipe(ReadRecipe):
    """A recipe that still knows where each key was written, for errors that later stages find."""

    _tree: Mapping = PrivateAttr()

    def error(self, keys: Sequence[str | int], message: str) -> RecipeError:
        """A RecipeError at the place of these keys, or of the nearest ones above that were written."""
        _, node, place = locate(self._tree, keys)
        at = pointed(node, place) if isinstance(node, Scalar) else place
        return RecipeError(at.describe(f"{dotted(keys)}: {message}"))

    def explain(self, error: ValidationError, keys: Sequence[str | int], model: type[BaseModel]) -> RecipeError:
        """pydantic's errors about the block at ``keys``, which was validated as ``model``, as one RecipeError.

        For a method's own configuration ``keys`` are ``("methods", "lora", "config")`` and ``model`` its Config.
        """
        try:
            raise_all(problems_of(error, self._tree, model, tuple(keys)))
        except RecipeError as explained:
            return explained
        return RecipeError(str(error))  # pragma: no cover - a ValidationError always has errors


def read_recipe(path: Path | str, overrides: Sequence[str] = ()) -> LocatedRecipe:
    """Read a recipe file, or a built-in recipe by its name, with ``a.b=value`` overrides laid over it.

    Relative paths in a file are resolved against that file's folder, those in an override against the working
    directory; the recipe that comes back holds absolute paths.  Raises RecipeError with all problems at once.
    """
    main = find_recipe(path)
    tree, problems = _read_with_parents(main)
    tree = apply_overrides(tree, overrides, Path.cwd(), problems)
    fill_source(tree)
    expand_sweeps(tree, problems)
    name = tree.get("name")
    if name is None or (isinstance(name, Scalar) and name.value in ("", None)):
        start = Place(shown(main))
        file_name = recipe_name(main)
        if not is_folder_name(file_name):
            problems.append(
                Problem(
                    start,
                    f"the results folder is named after this file, and {file_name!r} is no name for it: expected "
                    f"{FOLDER_NAME}. Rename the file, or write such a name: as name: in it",
                )
            )
            file_name = "recipe"
        tree.entries["name"] = Entry(start, Scalar(start, file_name, file_name))
    recipe = _validated(tree, problems)
    located = LocatedRecipe(recipe=recipe, path=main, folder=main.parent)
    located._tree = tree
    return located


def _validated(tree: Mapping, problems: list[Problem]) -> Recipe:
    recipe: Recipe | None = None
    try:
        recipe = validate(Recipe, tree)
    except ValidationError as error:
        errors = problems_of(error, tree, Recipe)
        own = check(tree)
        # Where our own check found something, the schema's word on the same keys says less.
        about = {keys[0] for keys, _ in own}
        kept = [
            problem
            for details, problem in zip(told_errors(error), errors, strict=True)
            if details["type"] != "value_error" or not (about and (not details["loc"] or details["loc"][0] in about))
        ]
        errors = [*kept, *(problem for _, problem in own)]
    else:
        errors = [problem for _, problem in check(tree)]
    raise_all([*problems, *errors])
    assert recipe is not None
    return recipe


def _read_with_parents(main: Path) -> tuple[Mapping, list[Problem]]:
    """All files that ``main`` extends, and ``main`` over them.

    A file that is reached twice counts once, where it came first, so that two parents may share theirs.
    """
    layers: list[tuple[Path, Mapping]] = []
    _collect(main, [], layers)
    problems: list[Problem] = []
    whole = Mapping(layers[-1][1].place)
    for path, tree in layers:
        if path != main:
            tree.entries.pop("name", None)  # or two recipes would write to one results folder
        merged = merge(whole, tree, problems)
        assert isinstance(merged, Mapping)
        whole = merged
    whole.place = layers[-1][1].place
    return whole, problems


def _collect(path: Path, chain: list[Path], layers: list[tuple[Path, Mapping]]) -> None:
    if any(path == done for done, _ in layers):
        return
    tree = read_tree(path)
    extends = tree.entries.pop("extends", None)
    for scalar in _parents(extends):
        try:
            parent = find_recipe(str(scalar.value), path.parent)
        except RecipeError as error:
            raise RecipeError(scalar.place.describe(f"extends: {error}")) from None
        if parent in (loop := [*chain, path]):
            shape = " → ".join(shown(p) for p in [*loop[loop.index(parent) :], parent])
            raise RecipeError(scalar.place.describe(f"extends: goes round in a circle: {shape}"))
        if len(chain) >= _LONGEST_CHAIN:
            raise RecipeError(scalar.place.describe(f"extends: a chain of more than {_LONGEST_CHAIN} files"))
        _collect(parent, [*chain, path], layers)
    layers.append((path, tree))


def _parents(extends: Entry | None) -> list[Scalar]:
    if extends is None:
        return []
    node = extends.node
    parents = node.items if isinstance(node, Listing) else [node]
    texts = [p for p in parents if isinstance(p, Scalar) and isinstance(p.value, str) and p.value]
    if len(texts) != len(parents):
        raise RecipeError(extends.place.describe("extends: expected a path or a list of paths"))
    return texts


def read_tree(path: Path) -> Mapping:
    """One file as a tree, paths resolved against its folder, ``extends:`` still in it.

    Raises RecipeError when it cannot be read as a recipe.
    """
    name = shown(path)
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise RecipeError(f"{name}: cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise RecipeError(f"{name}: not a recipe: it is larger than {_LARGEST >> 20} MB; give the YAML file itself.")
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raise RecipeError(f"{name}: not UTF-8 but UTF-16. Save the file as UTF-8.")
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        where = f"byte 0x{data[error.start]:02x} at offset {error.start} (line {line})"
        raise RecipeError(f"{name}: not UTF-8: {where}. Save the file as UTF-8.") from None
    tree = load(text, Origin(name, text))
    if tree is None or (isinstance(tree, Scalar) and tree.value is None):
        raise RecipeError(f"{name}: the file is empty; a recipe needs at least directions: and methods:")
    if not isinstance(tree, Mapping):
        what = "a list" if isinstance(tree, Listing) else "a single value"
        raise RecipeError(tree.place.describe(f"expected a mapping of keys at the top, found {what}"))
    make_absolute(tree, path.parent)
    return tree
