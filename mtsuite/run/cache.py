"""What a worker keeps between jobs, with a bound on how many large things."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LIMITS = {"model:": 2}


class BoundedCache(dict[str, Any]):
    """A dict that keeps, for each prefix in ``limits``, only the entries used last.

    ``BoundedCache({"model:": 2})`` holds at most two entries whose key starts with ``model:``; a
    third pushes out the one that was read or written longest ago.  Other keys are kept without bound.
    """

    def __init__(self, limits: Mapping[str, int] | None = None) -> None:
        super().__init__()
        self.limits = dict(LIMITS if limits is None else limits)

    def __getitem__(self, key: str) -> Any:
        value = super().__getitem__(key)
        self._touch(key, value)
        return value

    def get(self, key: str, default: Any = None) -> Any:
        if key not in self:
            return default
        return self[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._touch(key, value)
        for prefix, most in self.limits.items():
            if key.startswith(prefix):
                for old in [name for name in self if name.startswith(prefix)][: -most or None]:
                    del self[old]

    def setdefault(self, key: str, default: Any = None) -> Any:
        if key not in self:
            self[key] = default
        return self.get(key, default)

    def update(self, *others: Any, **more: Any) -> None:
        for key, value in dict(*others, **more).items():
            self[key] = value

    def _touch(self, key: str, value: Any) -> None:
        super().pop(key, None)
        super().__setitem__(key, value)
