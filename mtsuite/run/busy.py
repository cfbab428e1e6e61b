"""Jobs that another run is making: they are not waited for, but asked for again from time to time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

_FIRST, _LONGEST = 0.3, 3.0  # seconds until a job is asked for again: at first, and at most


class Busy:
    """When each of the jobs is due again.  A job that is found busy again is due after a longer time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._due: dict[str, float] = {}
        self._pause: dict[str, float] = {}

    def __bool__(self) -> bool:
        return bool(self._due)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._due))

    def given_back(self, key: str) -> bool:
        """A worker found the job busy; tell whether for the first time."""
        first = key not in self._pause
        self._pause[key] = _FIRST if first else min(_LONGEST, 1.5 * self._pause[key])
        self._due[key] = self.clock() + self._pause[key]
        return first

    def due(self) -> list[str]:
        """Jobs whose time has come; they no longer count as busy."""
        now = self.clock()
        keys = [key for key, moment in self._due.items() if moment <= now]
        for key in keys:
            del self._due[key]
        return keys

    def settled(self, key: str) -> None:
        """The job is done elsewhere."""
        self._due.pop(key, None)
