"""Jobs that found too little memory beside others on their accelerator: each gets one more try there, alone."""

from __future__ import annotations

from collections.abc import Collection


class Crowded:
    """Which devices take no new job, and what waits for them to be empty.

    A device is named as the pool names it.  From the failure on it takes no new job until the one that failed has
    had its second try, so that what still runs there ends first; other devices are not concerned.
    """

    def __init__(self) -> None:
        self._tried: set[str] = set()
        self._waiting: dict[str, list[str]] = {}
        self._alone: dict[str, str] = {}  # device -> job that has it for itself

    def turned_away(self, key: str, device: str) -> bool:
        """The job found no memory on ``device`` beside others: tell whether it may try once more."""
        if key in self._tried:
            return False
        self._tried.add(key)
        self._waiting.setdefault(device, []).append(key)
        return True

    def closed(self) -> Collection[str]:
        """Devices that take no new job."""
        return {*self._alone, *(device for device, keys in self._waiting.items() if keys)}

    def next(self, busy: Collection[str]) -> tuple[str, str] | None:
        """A job whose device has run empty, and the device; the job is no longer waiting, the device is its own."""
        for device, keys in self._waiting.items():
            if keys and device not in busy:
                self._alone[device] = keys[0]
                return keys.pop(0), device
        return None

    def settled(self, key: str) -> None:
        """The job has ended, one way or another."""
        self._alone = {device: alone for device, alone in self._alone.items() if alone != key}
