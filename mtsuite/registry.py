"""Finding methods: by registered name, or by ``path/to/file.py:ClassName``.

Methods are registered under the entry-point group ``mtsuite.methods``, the suite's own like everyone
else's.  A plug-in that cannot be imported, or that raises when it is asked for its phases, never stops the
others: that is a ``PluginError`` of its own, and what it prints is told with its name.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mtsuite.errors import MethodError, MTSuiteError, PluginError, did_you_mean
from mtsuite.identity import identity
from mtsuite.method import Method, MethodConfig, Probe, Train
from mtsuite.plugins import module_from_file, told

GROUP = "mtsuite.methods"
OWN = "mtsuite"  # the suite's own distribution
log = logging.getLogger(__name__)


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
        if entry.name not in found or entry.distribution == OWN:
            found[entry.name] = entry
    return dict(sorted(found.items()))


def collisions() -> dict[str, list[str]]:
    """Names that more than one distribution registers, with the distributions."""
    names: dict[str, set[str]] = {}
    for entry in _all():
        names.setdefault(entry.name, set()).add(entry.distribution)
    return {name: sorted(distributions) for name, distributions in names.items() if len(distributions) > 1}


def _all() -> tuple[Registered, ...]:
    return _scanned(tuple((place, _modified(place)) for place in sys.path))


@functools.lru_cache(maxsize=4)
def _scanned(_places: tuple[tuple[str, int], ...]) -> tuple[Registered, ...]:
    """What is installed in these places as they are now: reading it takes longer than finding a method in it."""
    return tuple(
        Registered(p.name, p.value, p.dist.name if p.dist is not None else "unknown", p)
        for p in entry_points(group=GROUP)
    )


def _modified(place: str) -> int:
    try:
        return os.stat(place or os.curdir).st_mtime_ns
    except OSError:
        return 0


def find_method(use: str) -> type[Method]:
    """The class behind a name or ``file.py:ClassName``.

    Raises MethodError: unknown name (with the nearest), two distributions under one name, a class that is
    no Method; PluginError: a plug-in that cannot be imported (with the line where it failed).
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
    with code_of(
        use, "import", f"Method {use!r} ({entry.target}, distribution {entry.distribution}) cannot be imported"
    ):
        cls = entry.point.load()
    return _checked(cls, use)


@contextlib.contextmanager
def code_of(use: str, phase: str, failure: str) -> Iterator[None]:
    """Run code of a method: what it raises becomes a PluginError, what it prints a warning with its name."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            yield
    except MTSuiteError:
        raise
    except (Exception, SystemExit) as error:  # a script without a guard may call sys.exit when it is imported
        raise PluginError(f"{failure}: {told(error)}", phase) from error
    finally:
        if text := printed.getvalue().strip():
            log.warning("warning: method %s printed %r (%s)", use, text.splitlines()[0][:200], phase)


def _from_file(use: str) -> type[Method]:
    file, _, name = use.rpartition(":")
    if not file or not name.isidentifier():
        raise MethodError(f"A method in a file is named as path/to/file.py:ClassName; found {use!r}.")
    path = Path(file).resolve()
    if not path.is_file():
        raise MethodError(f"{use}: there is no file {file}. {_near_files(path)}")
    with code_of(use, "import", f"{use}: the file cannot be imported"):
        module = module_from_file(path)
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
    if not (inspect.isclass(cls.Config) and issubclass(cls.Config, MethodConfig)):
        raise MethodError(
            f"{use}: expected Config to derive from mtsuite.method.MethodConfig; found {cls.Config!r}. "
            "Write `class Config(MethodConfig):` with a field `name: type = Option(default, description=…)` a setting."
        )
    return cls


def configure(use: str, config: dict[str, Any]) -> Method:
    """An instance with a checked configuration.

    Raises MethodError naming every wrong field, PluginError when the class raises anything else.
    """
    cls = find_method(use)
    with code_of(use, "configuration", f"Method {use!r} cannot be configured"):
        try:
            settings = cls.Config.model_validate(config)
        except ValidationError as error:
            raise _mistyped(use, cls, error) from error
        return cls(settings)


def _mistyped(use: str, cls: type[Method], error: ValidationError) -> MethodError:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"config.{key}: unknown key. {did_you_mean(key, cls.Config.model_fields)}")
        elif problem["type"] == "missing":
            lines.append(f"config.{key}: missing.")
        else:
            lines.append(f"config.{key}: {problem['msg']}; found {problem['input']!r}.")
    return MethodError(f"Method {use!r}: " + " ".join(lines))


def examine(method: Method, use: str) -> None:
    """Ask a method what every plan and report asks of it, so that what raises there fails its row alone.

    Raises PluginError, with the hook as its phase.
    """

    def asking(what: str) -> contextlib.AbstractContextManager[None]:
        return code_of(use, what.removesuffix("()"), f"Method {use!r}: {what} failed")

    with asking("phases()"):
        _check_phases(method, use)
    with asking("configuration"):
        told = [p.model_dump(mode="json") for p in (method.config, *method.phases()) if isinstance(p, BaseModel)]
        json.dumps(told, allow_nan=False)  # content keys are made of it
    with asking("source"):
        for cls in (type(method), *(type(phase) for phase in method.phases() if isinstance(phase, Probe))):
            identity(cls)
    with asking("note()"):
        method.note()
    with asking("mark()"):
        method.mark()
    with asking("shots"):
        bool(method.shots)


def _check_phases(method: Method, use: str) -> None:
    phases = method.phases()
    if not isinstance(phases, list | tuple) or not all(isinstance(phase, Probe | Train) for phase in phases):
        raise PluginError(f"Method {use!r}: phases() gave {phases!r}; expected a list of Probe and Train.", "phases")
    names = [phase.name for phase in phases]
    if len(set(names)) < len(names):
        raise PluginError(f"Method {use!r}: two phases have one name: {', '.join(names)}.", "phases")
    known = type(method).Config.model_fields
    for phase in phases:
        unknown = sorted(set((phase.settings if isinstance(phase, Train) else None) or ()) - set(known))
        if unknown:
            raise PluginError(
                f"Method {use!r}: phase {phase.name!r} names settings that the configuration has not: "
                f"{', '.join(unknown)}. {did_you_mean(unknown[0], known)}",
                "phases",
            )
