"""Locks lock, or the run is refused before its first job."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mtsuite.errors import StoreError
from mtsuite.run import presence
from mtsuite.run.locks import Lock, NoLocksError, holder, holder_text, prove
from mtsuite.run.presence import present
from mtsuite.run.scheduler import Outcome
from mtsuite.run.store import Store, StoreBusyError

from .conftest import job, plan_of, until


def test_a_lock_keeps_others_out_and_says_who_has_it(tmp_path: Path) -> None:
    first, second = Lock(tmp_path / "a"), Lock(tmp_path / "a")
    assert first.acquire()
    assert not second.acquire()
    assert not second.acquire(timeout=0.15)
    assert holder(tmp_path / "a")["pid"] > 1
    assert holder_text(tmp_path / "a").startswith("process ")
    first.release()
    assert second.acquire()
    second.release(remove=True)
    assert list(tmp_path.iterdir()) == []


def test_a_lock_goes_with_its_process(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from mtsuite.run.locks import Lock;"
        "lock = Lock(Path(sys.argv[1])); lock.acquire(); print('held', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        mine = Lock(tmp_path / "a")
        assert not mine.acquire()
        assert holder(tmp_path / "a")["pid"] == other.pid
    finally:
        other.kill()
        other.communicate()
    assert mine.acquire()
    mine.release()


def refusing(number: int) -> Callable[[int, int], None]:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(number, "no locks")

    return flock


@pytest.mark.parametrize(
    ("flock", "said"),
    [
        (lambda descriptor, operation: None, "locks keep nobody out"),
        (refusing(errno.ENOSYS), "has no file locks"),
        (refusing(errno.ENOLCK), "has no file locks"),
        (refusing(errno.EOPNOTSUPP), "has no file locks"),
    ],
)
def test_file_system_whose_locks_do_not_lock_is_refused_before_the_first_job(
    store: Store,
    run: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    flock: Callable[[int, int], None],
    said: str,
) -> None:
    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(NoLocksError, match=rf"{said}.*MTSUITE_HOME.*docs/clusters\.md"):
        run(plan_of(job("a")))
    assert not (store.root / "train").exists()
    assert not list((store.root / "locks").glob(".probe*"))


def test_locks_that_lock_are_proven_without_a_trace(tmp_path: Path) -> None:
    prove(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_busy_job_names_its_holder(store: Store) -> None:
    one = job("a")
    with (
        store.lock(one),
        pytest.raises(StoreBusyError, match=r"a is still being made by another run \(process \d+ on"),
        Store(store.root).lock(one, timeout=0),
    ):
        pass


def test_runs_see_one_another(tmp_path: Path) -> None:
    with present(tmp_path) as nobody:
        assert nobody == []
        (mine,) = (tmp_path / "runs").iterdir()
        with present(tmp_path) as others:
            assert others == [holder(mine)["host"]]
    assert list((tmp_path / "runs").iterdir()) == []


def test_file_of_a_killed_run_is_removed(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "gone-1-x").write_text(f'{{"machine": "{presence.machine()}", "count": 3}}')
    with present(tmp_path) as others:
        assert others == []
        assert len(list((tmp_path / "runs").iterdir())) == 1


def test_killed_run_of_another_machine_is_told_from_one_that_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "WATCHED", 0.4)
    far = tmp_path / "runs" / "far-1-x"
    far.parent.mkdir()
    text = '{"machine": "another", "host": "far", "pid": 7, "count": %d}'
    far.write_text(text % 0)
    with present(tmp_path) as others:  # it can be locked, and nobody counts: it was killed
        assert others == []
        assert not far.exists()

    stop = threading.Event()

    def count() -> None:  # as a run whose lock does not reach this machine
        number = 0
        while not stop.wait(0.02):
            number += 1
            far.write_text(text % number)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        assert until(far.exists)
        said = r"on far \(process 7\).*do not reach from one machine to the other"
        with pytest.raises(StoreError, match=said), present(tmp_path):
            pass
    finally:
        stop.set()
        thread.join()
    assert [path.name for path in far.parent.iterdir()] == ["far-1-x"]


def test_a_run_counts_while_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "BEAT", 0.02)
    with present(tmp_path):
        (mine,) = (tmp_path / "runs").iterdir()
        assert until(lambda: holder(mine).get("count", 0) > 2)
        begun = time.monotonic()
    assert time.monotonic() - begun < 2
