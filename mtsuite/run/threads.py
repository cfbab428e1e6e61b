"""The number of threads a job computes with.

Sums over several threads round differently from sums over one, so the number must depend on the job
and the machine only, never on what the worker happened to run before.  ``ThreadCount.set`` tells
torch at once where it is imported, and else tells it right after its import.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "MTSUITE_THREADS")


class ThreadCount(importlib.abc.MetaPathFinder):
    """Sets the threads of torch before each job, whether torch is imported yet or not."""

    def __init__(self) -> None:
        self.threads = 1
        self._searching = False

    def install(self) -> None:
        """Watch for the import of torch."""
        sys.meta_path.insert(0, self)

    def set(self, threads: int) -> None:
        """Use ``threads`` threads from now on."""
        self.threads = max(1, threads)
        for name in VARIABLES:
            os.environ[name] = str(self.threads)
        torch = sys.modules.get("torch")
        if torch is not None:
            self.apply(torch)

    def apply(self, torch: Any) -> None:
        """Tell an imported torch."""
        if hasattr(torch, "set_num_threads"):
            torch.set_num_threads(self.threads)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Let the others find torch and add a step behind its import; everything else is not for us."""
        if fullname != "torch" or self._searching:
            return None
        self._searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_apply(module: ModuleType) -> None:
                load(module)
                self.apply(module)

            spec.loader.exec_module = load_and_apply  # type: ignore[method-assign]
        return spec
