"""Finding an executor by its name, and reading its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from mtsuite.errors import ExecutorError, MTSuiteError, did_you_mean, shortened
from mtsuite.run.executors.base import GROUP, Executor
from mtsuite.run.executors.needs import OPTIONS, told

LOCAL = "local"  # this machine: the scheduler itself, no executor


@dataclass(frozen=True)
class Chosen:
    """An executor as the command names it."""

    cls: Any
    options: Mapping[str, str]

    def make(self, folder: Path) -> Executor:
        """The executor with its own options.  Raises ExecutorError."""
        own = {name: value for name, value in self.options.items() if name in self.cls.options}
        executor: Executor = self.cls(own, folder)
        return executor


def executor_names() -> list[str]:
    """All names that ``--executor`` knows."""
    return sorted({LOCAL, *(point.name for point in entry_points(group=GROUP))})


def read_options(texts: Sequence[str]) -> dict[str, str]:
    """``KEY=VALUE`` as they are typed.  Raises ExecutorError."""
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals and value):
            raise ExecutorError(f"--executor-option: expected KEY=VALUE, found {shortened(text)!r}.")
        if name in found:
            raise ExecutorError(f"--executor-option {name}: given twice.")
        found[name] = value
    return found


def choose_executor(name: str, options: Mapping[str, str]) -> Chosen | None:
    """The executor of a name, or None for this machine.

    Raises ExecutorError for an unknown name or option, one that cannot be imported, and a value that cannot be.
    """
    if name == LOCAL:
        if options:
            raise ExecutorError("--executor-option: this machine has none; name another one with --executor.")
        return None
    points = [point for point in entry_points(group=GROUP) if point.name == name]
    if not points:
        raise ExecutorError(f"--executor: unknown executor {shortened(name)!r}. {did_you_mean(name, executor_names())}")
    try:
        cls = points[0].load()
    except MTSuiteError:
        raise
    except Exception as error:
        raise ExecutorError(
            f"--executor {name}: {points[0].value} cannot be imported ({type(error).__name__}: {error})."
        ) from error
    known = {**OPTIONS, **cls.options}
    for option in options:
        if option not in known:
            raise ExecutorError(
                f"--executor-option {shortened(option)}: {name} has no such option. {did_you_mean(option, known)}"
            )
    told(options)
    return Chosen(cls, dict(options))
