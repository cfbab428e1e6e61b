"""Locks on files that the operating system lets go of when their process dies, and a proof that they lock.

A lock is ``flock`` on an open file.  There is no other kind here: a marker that a dead process leaves behind would be
waited for without end.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import time
import uuid
from pathlib import Path
from typing import Any

from mtsuite.errors import StoreError

POLL = 0.1  # seconds between two tries
_HELD = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK})
_NONE = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})
_ADVICE = "set MTSUITE_HOME to a folder on another disk (docs/clusters.md tells which file systems' locks are good)"


class NoLocksError(StoreError):
    """The file system has no locks, or locks that keep nobody out."""


class Lock:
    """An exclusive lock on a file, held until ``release`` or until the process ends, however it ends.

    The file stays when the lock is let go of (removing it would let two processes hold two files of one name).  While
    the lock is held the file says by whom: ``about`` with host and process.
    """

    def __init__(self, path: Path, about: dict[str, Any] | None = None) -> None:
        self.path, self.about = path, about or {}
        self._descriptor: int | None = None

    def acquire(self, timeout: float = 0.0, *, silent: bool = False) -> bool:
        """Take the lock; False when another holder keeps it for ``timeout`` seconds (for ever, when negative).

        A ``silent`` one leaves what the file says, and does not make the file.  Raises OSError when the file cannot be
        opened, NoLocksError where the file system has no locks.
        """
        import fcntl

        end = time.monotonic() + timeout
        descriptor = os.open(self.path, os.O_RDWR | (0 if silent else os.O_CREAT), 0o666)
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError as error:
                    if error.errno in _NONE:
                        raise NoLocksError(
                            f"{self.path}: the file system has no file locks ({error.strerror}); {_ADVICE}"
                        ) from None
                    if error.errno not in _HELD:
                        raise
                if timeout >= 0 and time.monotonic() >= end:
                    os.close(descriptor)
                    return False
                time.sleep(POLL)
            self._descriptor = descriptor
            if not silent:
                self.write()
        except BaseException:
            self._descriptor = None
            with contextlib.suppress(OSError):
                os.close(descriptor)
            raise
        return True

    def write(self, *, sync: bool = False, **more: Any) -> None:
        """Say in the file who holds the lock, and more; a full disk does not hinder the lock itself.

        With ``sync`` other machines see it at once.
        """
        assert self._descriptor is not None
        text = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), **self.about, **more}) + "\n"
        with contextlib.suppress(OSError):
            os.pwrite(self._descriptor, text.encode(), 0)
            os.ftruncate(self._descriptor, len(text.encode()))
            if sync:
                os.fsync(self._descriptor)

    def there(self) -> bool:
        """Whether the file that is locked is the one that goes by the path (it may have been removed)."""
        assert self._descriptor is not None
        with contextlib.suppress(OSError):
            return os.path.samestat(os.fstat(self._descriptor), os.stat(self.path))
        return False

    def release(self, *, remove: bool = False) -> None:
        """Let go of the lock; with ``remove`` of the file too (only where nobody waits for it)."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            if remove:
                self.path.unlink(missing_ok=True)
            os.close(descriptor)


def holder(path: Path) -> dict[str, Any]:
    """What the file of a lock says of who holds it; empty where it says nothing."""
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def holder_text(path: Path) -> str:
    """``process 123 on node7``, or ``another process``."""
    said = holder(path)
    return f"process {said['pid']} on {said['host']}" if {"pid", "host"} <= set(said) else "another process"


def prove(folder: Path) -> None:
    """Raise NoLocksError unless a lock on a file in ``folder`` keeps a second one out."""
    path = folder / f".probe-{uuid.uuid4().hex[:8]}.lock"
    first, second = Lock(path), Lock(path)
    try:
        if not first.acquire() or second.acquire():
            raise NoLocksError(
                f"{folder}: the file system's locks keep nobody out (a file was locked twice at once), so that two "
                f"runs would make one job at the same time; {_ADVICE}"
            )
    finally:
        second.release()
        first.release()
        path.unlink(missing_ok=True)
