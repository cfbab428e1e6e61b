"""Runs on one store, as they see one another: each holds a file locked under ``runs/`` and counts up in it.

A file that counts up while it can be locked from another machine shows that locks do not reach from one machine to the
other (NFS with ``local_lock``, Lustre with ``localflock``, sshfs).  Both would then make the same jobs at once, so such
a run is refused at its start.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from mtsuite.run.disk import disk_errors
from mtsuite.run.locks import Lock, NoLocksError, holder

BEAT = 2.0  # seconds between two counts
WATCHED = 8.0  # seconds for which a file that can be locked is watched for a count
FRESH = 60.0  # seconds since its last count after which a run is gone, by the file system's own clock


def machine() -> str:
    """A name that no other machine has: that of this start of the operating system."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


@contextlib.contextmanager
def present(root: Path) -> Iterator[list[str]]:
    """Be seen by other runs on the store; gives the hosts of those that are there, one entry per run.

    Raises NoLocksError when a run of another machine is there whose lock does not hold here.
    """
    folder = root / "runs"
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        mine = _enter(folder)
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(mine, stop), name="presence", daemon=True)
    thread.start()
    try:
        yield _others(folder, mine.path)
    finally:
        stop.set()
        thread.join()
        with contextlib.suppress(OSError):
            mine.release(remove=True)


def _enter(folder: Path) -> Lock:
    while True:
        lock = Lock(folder / f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}", {"machine": machine()})
        if lock.acquire():
            if lock.there():
                return lock
            lock.release()  # another run took it for one that a dead run left, and removed it


def _beat(lock: Lock, stop: threading.Event) -> None:
    count = 0
    while not stop.wait(BEAT):
        count += 1
        lock.write(sync=True, count=count)


def _others(folder: Path, mine: Path) -> list[str]:
    now = mine.stat().st_mtime
    hosts = []
    for path in sorted(folder.iterdir()):
        if path == mine:
            continue
        said = holder(path)
        lock = Lock(path)
        with contextlib.suppress(OSError):
            free = lock.acquire(silent=True)
            lock.release()
            if not free:
                hosts.append(str(said.get("host", "another machine")))
            elif said.get("machine") == machine() or now - path.stat().st_mtime > FRESH or not _counts(path):
                path.unlink(missing_ok=True)  # of a run that was killed
            else:
                raise NoLocksError(
                    f"{folder.parent}: another run is at work on this store on {said.get('host')} (process "
                    f"{said.get('pid')}), but its lock does not hold on this machine: the file system's locks do not "
                    "reach from one machine to the other. Mount it with locks that do, or give each machine a store of "
                    "its own with MTSUITE_HOME (docs/clusters.md tells which file systems' locks are good)."
                )
    return hosts


def _counts(path: Path) -> bool:
    first, end = holder(path).get("count"), time.monotonic() + WATCHED
    while time.monotonic() < end:
        time.sleep(min(0.25, WATCHED / 4))
        if holder(path).get("count") != first:
            return path.exists()
    return False
