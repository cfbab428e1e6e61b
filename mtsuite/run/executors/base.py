"""What an executor is: it takes groups of jobs to other machines, tells how they fare, and can cancel them.

An executor is a class that is registered under the entry-point group ``mtsuite.executors``.  It is made with the
options of the command (``--executor-option``) and a folder on the shared file system for its own files.  A group is
one call of ``run_group(path)`` (or of the command ``group_command(path)``) on a machine that sees the store under the
same path: it makes the jobs of the group, one after the other where they depend on one another, writes what happens
into a file that the run reads, and goes on from checkpoints when it is started again.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, Protocol

GROUP = "mtsuite.executors"


@dataclass(frozen=True)
class Resources:
    """What a group of jobs asks for."""

    devices: int  # accelerators
    cpus: int
    memory_mb: int  # of the host, in units of 10^6 bytes
    minutes: int


@dataclass(frozen=True)
class Group:
    """Jobs that go together: ``path`` is the file that ``run_group`` reads."""

    name: str
    path: Path
    resources: Resources


@dataclass(frozen=True)
class State:
    """How a submitted group fares; ``why`` says more, as the cluster puts it (``NODE_FAIL``)."""

    kind: Literal["waiting", "running", "ended"]
    why: str = ""


class Executor(Protocol):
    """A way to other machines."""

    options: ClassVar[Mapping[str, str]]  # names of the options it knows, each with what it means
    interval: ClassVar[float]  # seconds between two polls

    def __init__(self, options: Mapping[str, str], folder: Path) -> None:
        """Raises ExecutorError when a package, a program or the cluster is missing, or an option cannot be."""

    def has_devices(self) -> bool:
        """Whether machines that can be reached have accelerators."""

    def submit(self, group: Group) -> str:
        """Hand a group over; returns a name that is the executor's own.  Raises ExecutorError when it is refused."""

    def poll(self, names: Collection[str]) -> Mapping[str, State]:
        """How the groups of these names fare; those that cannot be told now are left out."""

    def cancel(self, names: Collection[str]) -> None:
        """End these groups, also those that wait."""


def group_command(path: Path) -> list[str]:
    """The command line that runs a group, for executors that start programs."""
    return [sys.executable, "-P", "-m", "mtsuite.run.executors.group", str(path)]
