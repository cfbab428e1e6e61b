"""Which keys of a recipe are paths, and what a relative one is relative to.

In a file it is relative to the folder of that file, also when another file extends it; in an
override it is relative to the working directory.  A path that starts with ``$`` is left for the data
floor, but in ``model.name_or_path``: ``${NAME:-other}`` is the value of the environment variable, or ``other`` where it
is not set.  Hub names are left alone: of ``model.name_or_path`` and ``metrics.comet.checkpoint`` only what
starts with ``/``, ``./``, ``../`` or ``~``, ends in ``.ckpt``, or is there as a folder, is a path.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mtsuite.errors import RecipeError
from mtsuite.recipe.tree import Listing, Mapping, Node, Scalar

LONGEST_NAME, _LONGEST_PATH = 255, 4095  # bytes, of Linux and most others
_FILE_CLASS = re.compile(r"^(?P<path>.+\.py)(?P<tail>:[^:/\\]+)$")


_WITH_DEFAULT = re.compile(r"^\$\{(?P<name>\w+):-(?P<default>[^}]*)\}$")


def _from_environment(text: str) -> str:
    """A folder that a variable names belongs to the working directory; what is no folder is a hub name."""
    path = os.path.abspath(os.path.expanduser(text))
    return path if os.path.isdir(path) or text.startswith((".", "/", "~")) else text


def _is_folder(text: str, folder: Path) -> bool:
    if text == "pretrain" or text == "embedded":
        return False
    explicit = text.startswith(("/", "./", "../", "~")) or text in (".", "..") or os.path.isabs(text)
    return explicit or text.endswith(".ckpt") or os.path.isdir(folder / text)


def _is_program(text: str, folder: Path) -> bool:
    return "/" in text or os.sep in text or text.startswith("~")


# Keys (`*` stands for any), and whether a text there is a path at all.
_PATHS: tuple[tuple[tuple[str, ...], Callable[[str, Path], bool]], ...] = (
    (("data", "text", "train", "*"), lambda text, folder: True),
    (("data", "text", "valid", "*"), lambda text, folder: True),
    (("data", "text", "test", "*", "*"), lambda text, folder: True),
    (("data", "text", "mono", "*", "*"), lambda text, folder: True),
    (("methods", "*", "use"), lambda text, folder: _FILE_CLASS.match(text) is not None),
    (("metrics", "names", "*"), lambda text, folder: _FILE_CLASS.match(text) is not None),
    (("data", "text", "use"), lambda text, folder: _FILE_CLASS.match(text) is not None),
    (("data", "benchmarks", "*", "path"), lambda text, folder: True),
    (("external", "*", "translations"), lambda text, folder: True),
    (("prompts", "templates"), lambda text, folder: text != "builtin"),
    (("model", "name_or_path"), _is_folder),
    (("metrics", "comet", "checkpoint"), _is_folder),
    (("metrics", "comet", "python"), _is_program),
    (("metrics", "comet", "scores"), lambda text, folder: True),
    (("metrics", "more_comet", "*", "checkpoint"), _is_folder),
    (("metrics", "more_comet", "*", "python"), _is_program),
    (("metrics", "more_comet", "*", "scores"), lambda text, folder: True),
)

_CLASSES = (("methods", "*", "use"), ("metrics", "names", "*"), ("data", "text", "use"))


def make_absolute(tree: Node, folder: Path) -> None:
    """Resolve every relative path of the tree against ``folder``, in place.

    Raises RecipeError when a path names a variable that is not set.
    """
    for scalar in _matching(tree, ("model", "name_or_path")):
        if isinstance(scalar.value, str) and (match := _WITH_DEFAULT.match(scalar.value)):
            named = os.environ.get(match["name"])
            scalar.value = _from_environment(named) if named else match["default"]
    for scalar, text, tail, _ in _paths(tree, folder):
        path = os.path.normpath(folder / os.path.expanduser(text))
        if problem := path_problem(path):
            raise RecipeError(scalar.place.describe(problem))
        scalar.value = path + tail


def path_problem(path: str | Path) -> str | None:
    """Why no file can have this path, or None: a name in it, or the whole, is longer than file systems take."""
    text = os.fsencode(path)
    longest = max(text.split(os.sep.encode()), key=len)
    if len(longest) > LONGEST_NAME:
        return f"a file's name has at most {LONGEST_NAME} bytes, found one of {len(longest):,}"
    if len(text) > _LONGEST_PATH:
        return f"a path has at most {_LONGEST_PATH:,} bytes, found one of {len(text):,}"
    return None


def make_relative(tree: Node, folder: Path) -> None:
    """The reverse: write every absolute path of the tree relative to ``folder``, in place."""
    for scalar, text, tail, is_data in _paths(tree, folder):
        if not os.path.isabs(text):
            continue
        try:
            path = Path(os.path.relpath(text, folder)).as_posix()
        except ValueError:  # another drive
            continue
        # `./` keeps a name from being taken for something else: a hub name, a variable, a program.
        if not path.startswith("../") and (not is_data or path.startswith(("$", "~"))):
            path = f"./{path}"
        scalar.value = path + tail


def _paths(tree: Node, folder: Path) -> Iterator[tuple[Scalar, str, str, bool]]:
    for pattern, is_path in _PATHS:
        for scalar in _matching(tree, pattern):
            text, tail = scalar.value, ""
            if not isinstance(text, str) or not text or text.startswith("$") or not is_path(text, folder):
                continue
            if pattern in _CLASSES and (match := _FILE_CLASS.match(text)):
                text, tail = match["path"], match["tail"]
            yield scalar, text, tail, pattern[0] == "data" and pattern not in _CLASSES


def _matching(node: Node, pattern: tuple[str, ...]) -> Iterator[Scalar]:
    if not pattern:
        if isinstance(node, Scalar):
            yield node
        return
    key, rest = pattern[0], pattern[1:]
    if isinstance(node, Mapping):
        for name, entry in node.entries.items():
            if key in ("*", name):
                yield from _matching(entry.node, rest)
    elif isinstance(node, Listing) and key == "*":
        for item in node.items:
            yield from _matching(item, rest)
