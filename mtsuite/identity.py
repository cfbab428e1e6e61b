"""What a method *is*, for content keys: its name and a hash of the code that decides its numbers.

Editing a method runs it again, and nothing else.  Prose and looks do not count: comments, formatting, docstrings,
descriptions of options, and the hooks that only tell or show something.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import sys
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# Hooks of the contract that change no trained weight and no translation.
_TELLING = frozenset({"charts", "check", "mark", "merge", "note", "planned_parameters", "remarks"})


@dataclass(frozen=True)
class _Code:
    """A file's code without prose and telling hooks, as text, and the names that it uses."""

    text: str
    names: frozenset[str]


@dataclass(frozen=True)
class _Known:
    """An identity and its files as they were: a plan asks for every row's a hundred times."""

    identity: str
    stamps: dict[Path, tuple[int, int]]


_KNOWN: weakref.WeakKeyDictionary[type, _Known] = weakref.WeakKeyDictionary()


def identity(cls: type) -> str:
    """The class's qualified name and a hash of its source.

    The source is that of the class's own modules and of those modules of the same plug-in that they use for more than
    telling.
    """
    known = _KNOWN.get(cls)
    if known is not None and all(_stamp(file) == stamp for file, stamp in known.stamps.items()):
        return known.identity
    files = sources(cls)
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(_code(file).text.encode())
    found = f"{cls.__qualname__}:{digest.hexdigest()[:16]}"
    _KNOWN[cls] = _Known(found, {file: _stamp(file) for file in files})
    return found


def sources(cls: type) -> set[Path]:
    """The files that decide what a class computes."""
    seen: set[str] = set()
    files: set[Path] = set()
    queue = [m for base in cls.__mro__ if (m := base.__module__) not in ("builtins", "abc", "mtsuite.method")]
    while queue:
        name = queue.pop()
        module = sys.modules.get(name)
        file = getattr(module, "__file__", None)
        if name in seen or file is None or not _is_plugin(name, cls):
            continue
        seen.add(name)
        files.add(Path(file))
        used = _code(Path(file)).names
        for value in (value for key, value in vars(module).items() if key in used):
            other = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(other, str):
                queue.append(other)
    return files


def _is_plugin(name: str, cls: type) -> bool:
    if name.startswith("mtsuite.methods."):
        return True
    return name.split(".")[0] == cls.__module__.split(".")[0] and not name.startswith("mtsuite.")


def _code(file: Path) -> _Code:
    return _parsed(file, _stamp(file))


def _stamp(file: Path) -> tuple[int, int]:
    stat = file.stat()
    return stat.st_mtime_ns, stat.st_size


@functools.lru_cache(maxsize=256)
def _parsed(file: Path, _stamp: tuple[int, int]) -> _Code:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found: set[str] = set()
    todo: list[ast.AST] = [tree]
    while todo:  # one way through the tree: what a node loses is gone before its children's turn comes
        node = todo.pop()
        if isinstance(node, ast.Name):
            found.add(node.id)
            continue
        if isinstance(node, _WITH_DOCSTRING):
            _without_docstring(node)
        if isinstance(node, ast.ClassDef):
            node.body = [s for s in node.body if not (isinstance(s, ast.FunctionDef) and s.name in _TELLING)]
        elif isinstance(node, ast.Call):
            node.keywords = [k for k in node.keywords if k.arg != "description"]
        todo += ast.iter_child_nodes(node)
    names = frozenset(found)
    tree.body = [s for s in tree.body if not _idle_import(s, names)]
    return _Code(ast.dump(tree), names)


def _without_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        node.body = node.body[1:] or [ast.Pass()]


def _idle_import(statement: ast.stmt, names: frozenset[str]) -> bool:
    """Whether an import serves nothing that is left; of one that serves partly, the rest of its names is dropped."""
    if not isinstance(statement, ast.Import | ast.ImportFrom):
        return False
    statement.names = [a for a in statement.names if (a.asname or a.name).split(".")[0] in names]
    return not statement.names
