"""Groups of jobs as tasks of a Ray cluster."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from mtsuite.errors import ExecutorError
from mtsuite.run.executors.base import Group, State
from mtsuite.run.executors.group import run_group


class RayCluster:
    """Submits to a cluster that runs already (``ray start --head`` on one machine, ``--address`` on the others)."""

    interval: ClassVar[float] = 1.0
    options: ClassVar[Mapping[str, str]] = {
        "address": "of the cluster, such as 10.0.0.1:6379; default RAY_ADDRESS, else the one that runs on this machine",
    }

    def __init__(self, options: Mapping[str, str], folder: Path) -> None:
        try:
            import ray
        except ImportError:
            raise ExecutorError(
                "--executor ray needs the package ray, which is not installed: pip install 'mtsuite[ray]'."
            ) from None
        self._ray: Any = ray
        if not ray.is_initialized():
            address = options.get("address", "auto")
            try:
                with contextlib.redirect_stdout(None):
                    ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, configure_logging=False)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise ExecutorError(
                    f"--executor ray: no cluster can be reached at {address!r} ({_first(error)}). Start one with "
                    "`ray start --head` on one machine and `ray start --address=HOST:6379` on the others, or name one "
                    "with --executor-option address=HOST:6379."
                ) from None
        self._tasks: dict[str, Any] = {}

    def has_devices(self) -> bool:
        return bool(self._ray.cluster_resources().get("GPU"))

    def submit(self, group: Group) -> str:
        asked = group.resources
        task = self._ray.remote(run_group).options(
            name=group.name, num_cpus=asked.cpus, num_gpus=asked.devices, memory=asked.memory_mb * 1_000_000,
            max_retries=0,
        )  # fmt: skip
        reference = task.remote(str(group.path))
        name = str(reference.hex())[:12]
        self._tasks[name] = reference
        return name

    def poll(self, names: Collection[str]) -> Mapping[str, State]:
        tasks = {self._tasks[name]: name for name in names}
        ready, _ = self._ray.wait(list(tasks), num_returns=len(tasks), timeout=0, fetch_local=False)
        ended = {tasks[reference]: State("ended", self._why(reference)) for reference in ready}
        return {name: ended.get(name, State("running")) for name in names}

    def _why(self, reference: Any) -> str:
        try:
            self._ray.get(reference)
        except Exception as error:  # of the task, of its worker, or of its node
            return f"{type(error).__name__}: {_first(error)}"
        return ""

    def cancel(self, names: Collection[str]) -> None:
        for name in names:
            with contextlib.suppress(Exception):  # it has ended meanwhile
                self._ray.cancel(self._tasks[name], force=True)


def _first(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
