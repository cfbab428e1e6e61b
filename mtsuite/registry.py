"""Finding methods: by registered name, or by ``path/to/file.py:ClassName``.

Methods are registered under the entry-point group ``mtsuite.methods``, the suite's own like everyone
else's.  A plug-in that cannot be imported never stops the others: it is listed with its reason.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.util
import inspect
import sys
import traceback
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import ValidationError

from mtsuite.errors import MethodError, did_you_mean
from mtsuite.method import Method

GROUP = "mtsuite.methods"
_OWN = "mtsuite"


@dataclass(frozen=True)
class Registered:
    """An entry point: its name, where it points, and the distribution it came from."""

    name: str
    target: str
    distribution: str
    point: EntryPoint


def registered() -> dict[str, Registered]:
    """All registered methods by name, the suite's own winning over others of the same name."""
    found: dict[str, Registered] = {}
    for entry in _all():
        if entry.name not in found or entry.distribution == _OWN:
            found[entry.name] = entry
    return dict(sorted(found.items()))


def collisions() -> dict[str, list[str]]:
    """Names that more than one distribution registers, with the distributions."""
    names: dict[str, set[str]] = {}
    for entry in _all():
        names.setdefault(entry.name, set()).add(entry.distribution)
    return {name: sorted(distributions) for name, distributions in names.items() if len(distributions) > 1}


def _all() -> list[Registered]:
    return [
        Registered(p.name, p.value, p.dist.name if p.dist is not None else "unknown", p)
        for p in entry_points(group=GROUP)
    ]


def find_method(use: str) -> type[Method]:
    """The class behind a name or ``file.py:ClassName``.

    Raises MethodError: unknown name (with the nearest), two distributions under one name, a plug-in
    that cannot be imported (with the line where it failed), a class that is no Method.
    """
    if ".py" in use:
        return _from_file(use)
    if use in (doubled := collisions()):
        raise MethodError(
            f"Method {use!r} is registered by several distributions: {', '.join(doubled[use])}. "
            "Uninstall one, or name the file: path/to/file.py:ClassName."
        )
    entry = registered().get(use)
    if entry is None:
        raise MethodError(
            f"Unknown method {use!r}. {did_you_mean(use, registered())} "
            "`mtsuite methods list` shows all; a file is named as path/to/file.py:ClassName."
        )
    try:
        cls = entry.point.load()
    except Exception as error:
        raise MethodError(
            f"Method {use!r} ({entry.target}, distribution {entry.distribution}) cannot be imported: {_where(error)}"
        ) from error
    return _checked(cls, use)


@functools.lru_cache(maxsize=64)
def _module_from_file(path: Path, _stamp: tuple[int, int]) -> ModuleType:
    name = "mtsuite_plugin_" + hashlib.sha256(str(path).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _from_file(use: str) -> type[Method]:
    file, _, name = use.rpartition(":")
    if not file or not name.isidentifier():
        raise MethodError(f"A method in a file is named as path/to/file.py:ClassName; found {use!r}.")
    path = Path(file).resolve()
    if not path.is_file():
        raise MethodError(f"{use}: there is no file {file}. {_near_files(path)}")
    stat = path.stat()
    try:
        module = _module_from_file(path, (stat.st_mtime_ns, stat.st_size))
    except Exception as error:
        raise MethodError(f"{use}: the file cannot be imported: {_where(error)}") from error
    if not hasattr(module, name):
        own = [n for n, v in vars(module).items() if inspect.isclass(v) and issubclass(v, Method) and v is not Method]
        raise MethodError(f"{use}: the file has no class {name!r}. {did_you_mean(name, own)}")
    return _checked(getattr(module, name), use)


def _near_files(path: Path) -> str:
    if not path.parent.is_dir():
        return f"The folder {path.parent.name}/ does not exist either."
    return did_you_mean(path.name, [p.name for p in path.parent.glob("*.py")])


def _checked(cls: Any, use: str) -> type[Method]:
    if not (inspect.isclass(cls) and issubclass(cls, Method)):
        raise MethodError(f"{use}: expected a class that derives from mtsuite.method.Method; found {cls!r}.")
    return cls


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "importlib" not in f.filename]
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or '').name}:{error.lineno}: {error.msg}"
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}: " if own else ""
    return f"{place}{type(error).__name__}: {error}"


def configure(use: str, config: dict[str, Any]) -> Method:
    """An instance with a checked configuration.  Raises MethodError naming every wrong field."""
    cls = find_method(use)
    try:
        return cls(cls.Config.model_validate(config))
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "extra_forbidden":
                lines.append(f"config.{key}: unknown key. {did_you_mean(key, cls.Config.model_fields)}")
            elif problem["type"] == "missing":
                lines.append(f"config.{key}: missing.")
            else:
                lines.append(f"config.{key}: {problem['msg']}; found {problem['input']!r}.")
        raise MethodError(f"Method {use!r}: " + " ".join(lines)) from error


def identity(cls: type) -> str:
    """What a method *is*, for content keys: its qualified name and a hash of its source code.

    The source is that of the class's own modules and of the modules of the same plug-in that they
    use; comments, formatting and docstrings do not count.  Editing a method therefore runs it again,
    and nothing else.
    """
    files = sorted(_sources(cls))
    digest = hashlib.sha256()
    for file in files:
        stat = file.stat()
        digest.update(_normalised(file, (stat.st_mtime_ns, stat.st_size)).encode())
    return f"{cls.__qualname__}:{digest.hexdigest()[:16]}"


def _sources(cls: type) -> set[Path]:
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
        for value in vars(module).values():
            other = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if isinstance(other, str):
                queue.append(other)
    return files


def _is_plugin(name: str, cls: type) -> bool:
    if name.startswith("mtsuite.methods."):
        return True
    return name.split(".")[0] == cls.__module__.split(".")[0] and not name.startswith("mtsuite.")


@functools.lru_cache(maxsize=256)
def _normalised(file: Path, _stamp: tuple[int, int]) -> str:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
