"""Finding classes of others: by a name of an entry-point group, or by ``path/to/file.py:ClassName``.

Metrics and sources of text are found here; methods, of which more is asked, in `mtsuite.registry`, which imports
files through here too.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from mtsuite.errors import PluginError, did_you_mean, raised_at

T = TypeVar("T")


def names(group: str) -> list[str]:
    """What distributions have registered under a group."""
    return sorted(_points(group))


def is_file_class(use: str) -> bool:
    """Whether a text names a class in a file."""
    return ".py:" in use


def find_class(use: str, group: str, base: type[T], what: str) -> type[T]:
    """The class behind a name of the group or ``file.py:ClassName``; ``what`` is what it is called in messages.

    Raises PluginError for an unknown name (with the nearest), a file that is not there or cannot be imported (with
    the line where it failed), and a class that does not derive from ``base``.
    """
    try:
        found = _from_file(use, base, what) if is_file_class(use) else _registered(use, group, what)
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what} {use} cannot be imported: {told(error)}", "import") from error
    if not (inspect.isclass(found) and issubclass(found, base)):
        raise PluginError(
            f"{use}: expected a class that derives from {base.__module__}.{base.__name__}; found {found!r}.", "import"
        )
    return found


def told(error: BaseException) -> str:
    """An exception with its place in the plug-in's code."""
    if isinstance(error, SyntaxError):
        return f"{Path(error.filename or '').name}:{error.lineno}: {error.msg}"
    place = raised_at(error)
    text = f"{type(error).__name__}: {error}".removesuffix(": ")
    return f"{place}: {text}" if place else text


def _points(group: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=group)}


def _registered(use: str, group: str, what: str) -> Any:
    points = _points(group)
    if use not in points:
        raise PluginError(
            f"Unknown {what} {use!r}. {did_you_mean(use, points)} One in a file is named as path/to/file.py:ClassName.",
            "import",
        )
    return points[use].load()


def _from_file(use: str, base: type, what: str) -> Any:
    file, _, name = use.rpartition(":")
    if not name.isidentifier():
        raise PluginError(f"{what} in a file is named as path/to/file.py:ClassName; found {use!r}.", "import")
    path = Path(file).resolve()
    if not path.is_file():
        near = did_you_mean(path.name, [p.name for p in path.parent.glob("*.py")]) if path.parent.is_dir() else ""
        raise PluginError(f"{use}: there is no file {file}. {near}".rstrip(), "import")
    module = module_from_file(path)
    if not hasattr(module, name):
        own = [n for n, v in vars(module).items() if inspect.isclass(v) and issubclass(v, base) and v is not base]
        raise PluginError(f"{use}: the file has no class {name!r}. {did_you_mean(name, own)}", "import")
    return getattr(module, name)


def module_from_file(path: Path) -> ModuleType:
    """The module in a file, imported once as long as the file stays as it is.  Raises whatever its code raises."""
    stat = path.stat()
    return _module(path, (stat.st_mtime_ns, stat.st_size))


@functools.lru_cache(maxsize=64)
def _module(path: Path, _stamp: tuple[int, int]) -> ModuleType:
    name = "mtsuite_plugin_" + hashlib.sha256(str(path).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with _no_sudden_end():
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextlib.contextmanager
def _no_sudden_end() -> Iterator[None]:
    """``os._exit`` in a file that is imported is an error of that file; else the command would end without a word."""

    def refuse(status: int) -> NoReturn:
        raise SystemExit(f"os._exit({status})")

    ends = os._exit
    os._exit = refuse
    try:
        yield
    finally:
        os._exit = ends
