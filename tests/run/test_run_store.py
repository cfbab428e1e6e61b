"""The store trusts only what is whole."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtsuite.errors import StoreError
from mtsuite.plan.graph import Job
from mtsuite.run import disk
from mtsuite.run.store import Store

from .conftest import job

JOB = job("a", number=1)


def finish(store: Store, one: Job = JOB, **more: object) -> Path:
    with store.lock(one):
        partial = store.open_partial(one)
        (partial / "result.txt").write_text("there")
        return store.finish(one, {"x": 1}, 2.5, **more)  # type: ignore[arg-type]


def test_default_root_is_beside_the_results_or_where_the_variable_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MTSUITE_HOME", raising=False)
    assert Store.default_root(tmp_path) == tmp_path / ".mtsuite"
    monkeypatch.setenv("MTSUITE_HOME", str(tmp_path / "elsewhere"))
    assert Store.default_root(tmp_path) == tmp_path / "elsewhere"


def test_finished_folder_holds_spec_and_status(store: Store) -> None:
    assert store.state(JOB) == "absent"
    folder = finish(store, peak_memory_mb=12.5)
    assert folder == store.root / "train" / JOB.key == store.path(JOB)
    assert store.is_done(JOB.key, "train")
    assert store.state(JOB) == "done"
    assert json.loads((folder / "spec.json").read_text()) == {
        "kind": "train",
        "label": "a",
        "spec": {"name": "a", "number": 1},
        "inputs": {},
    }
    status = store.status(JOB)
    assert status is not None
    assert (status["schema"], status["state"], status["seconds"]) == (1, "done", 2.5)
    assert status["summary"] == {"x": 1}
    assert status["peak_memory_mb"] == 12.5
    assert not store.partial_path(JOB).exists()
    assert store.size() > 0


def test_partial_folder_survives_and_is_not_done(store: Store) -> None:
    with store.lock(JOB):
        (store.open_partial(JOB) / "checkpoint").write_text("7")
    assert store.state(JOB) == "partial"
    with store.lock(JOB):
        assert (store.open_partial(JOB) / "checkpoint").read_text() == "7"


@pytest.mark.parametrize(
    "text", [None, "", '{"schema": 1, "state": "do', "[]", '{"schema": 99, "state": "done"}', '{"schema": 1}', "\xff"]
)
def test_half_written_or_foreign_folder_is_moved_aside(store: Store, text: str | None) -> None:
    folder = store.path(JOB)
    folder.mkdir(parents=True)
    if text is not None:
        (folder / "status.json").write_bytes(text.encode("latin-1"))
    assert not store.is_done(JOB.key, JOB.kind)
    assert not store.has_output(JOB)
    assert store.problem(JOB)
    finish(store)
    assert store.is_done(JOB.key, JOB.kind)
    assert store.problem(JOB) is None
    assert len(list((store.root / "aside").iterdir())) == 1


def test_file_in_the_place_of_the_folder_is_moved_aside(store: Store) -> None:
    store.path(JOB).parent.mkdir(parents=True)
    store.path(JOB).write_text("a file")
    assert not store.is_done(JOB.key, JOB.kind)
    finish(store)
    assert store.is_done(JOB.key, JOB.kind)


def test_failure_is_kept_and_removed_by_success(store: Store) -> None:
    with store.lock(JOB):
        (store.open_partial(JOB) / "log.txt").write_text("before the end")
        folder = store.fail(JOB, "broke", error_class="ValueError", traceback="Traceback: …")
    assert store.state(JOB) == "failed"
    assert (folder / "log.txt").read_text() == "before the end"
    assert (folder / "traceback.txt").read_text() == "Traceback: …"
    status = store.status(JOB)
    assert status is not None
    assert (status["error"], status["error_class"], status["user_error"]) == ("broke", "ValueError", False)
    finish(store)
    assert not folder.exists()
    assert store.state(JOB) == "done"


def test_folder_finished_by_another_run_stays(store: Store) -> None:
    with store.lock(JOB):
        partial = store.open_partial(JOB)
        other = store.path(JOB)
        other.mkdir()
        (other / "status.json").write_text('{"schema": 1, "state": "done", "seconds": 1, "summary": {}}')
        (other / "mine").write_text("first")
        assert store.finish(JOB, {}, 1.0) == other
    assert (other / "mine").read_text() == "first"
    assert not partial.exists()


def test_job_with_holes_has_output_but_is_not_done(store: Store) -> None:
    finish(store, holes=["b"])
    assert store.has_output(JOB)
    assert not store.is_done(JOB.key, JOB.kind)
    assert store.state(JOB) == "holes"
    finish(store)
    assert store.state(JOB) == "done"
    assert not list((store.root / "aside").iterdir())


def test_numbers_that_json_cannot_hold(store: Store) -> None:
    numpy = pytest.importorskip("numpy")
    with store.lock(JOB):
        store.open_partial(JOB)
        store.finish(JOB, {"loss": float("nan"), "n": numpy.int64(3), "path": Path("x"), "5": (1, 2)}, 1.0)
    status = store.status(JOB)
    assert status is not None
    assert status["summary"] == {"loss": None, "n": 3, "path": "x", "5": [1, 2]}


def test_lock_tells_that_it_waits(store: Store) -> None:
    waited: list[int] = []
    with (
        store.lock(JOB),
        pytest.raises(StoreError, match="another run"),
        Store(store.root).lock(JOB, on_wait=lambda: waited.append(1), timeout=0.2),
    ):
        pass
    assert waited == [1]


def test_full_disk(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with store.lock(JOB):
        store.open_partial(JOB)
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(
            StoreError, match=r"no space left on /.*needed more than the .* free; .*MTSUITE_HOME.*is kept"
        ):
            store.finish(JOB, {}, 1.0)
    monkeypatch.undo()
    assert not store.is_done(JOB.key, JOB.kind)
    assert [path.name for path in store.partial_path(JOB).iterdir()] == ["spec.json"]


def test_full_disk_message_has_the_need_where_it_is_known(tmp_path: Path) -> None:
    text = str(disk.store_error(OSError(errno.EDQUOT, "quota"), tmp_path / "not" / "there", needed=2_500_000_000))
    assert "needed 2.5 GB, free " in text
    assert str(disk.mount_point(tmp_path)) in text


def test_store_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file, not a folder"):
        Store(tmp_path / "file" / "store").prepare()

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", forbidden)
    with pytest.raises(StoreError, match=r"cannot write to .*Permission denied.*MTSUITE_HOME"):
        Store(tmp_path / "store").prepare()


def test_looking_writes_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "none")
    assert not store.is_done(JOB.key, JOB.kind)
    assert store.state(JOB) == "absent"
    assert store.status(JOB) is None
    assert store.size() == 0
    assert not store.root.exists()


def test_looking_at_many_finished_jobs_is_quick(store: Store) -> None:
    jobs = [job(f"j{number}", number=number) for number in range(400)]
    for one in jobs:
        folder = store.path(one)
        folder.mkdir(parents=True)
        (folder / "status.json").write_text('{"schema": 1, "state": "done", "seconds": 1, "summary": {}}')
    begun = time.process_time()
    assert all(store.is_done(one.key, one.kind) for one in jobs)
    assert time.process_time() - begun < 2  # a bound against rereading whole folders, not a measurement


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: (f / "result.txt").write_text("thera"), "result.txt was changed"),
        (lambda f: (f / "result.txt").write_text("th"), "result.txt has 2 bytes, it was written with 5"),
        (lambda f: (f / "result.txt").unlink(), "result.txt is missing"),
        (lambda f: (f / "more.txt").write_text("new"), "more.txt was added"),
        (lambda f: (f / "deep" / "one").write_text("eno"), "deep/one was changed"),
        (lambda f: (f / "spec.json").write_text("{}"), "spec.json has 2 bytes"),
        (lambda f: edit_status(f, summary={"x": 2}), "its status.json was changed"),
        (lambda f: edit_status(f, files={}), "its status.json was changed"),
    ],
)
def test_damaged_folder_is_not_trusted(store: Store, change: Callable[[Path], object], said: str) -> None:
    folder = finish_deep(store)
    assert store.is_done(JOB.key, JOB.kind)
    change(folder)
    assert not store.is_done(JOB.key, JOB.kind)
    assert not store.has_output(JOB)
    assert said in (store.problem(JOB) or "")
    assert said in (store.set_aside(JOB) or "")
    assert store.state(JOB) == "absent"
    (kept,) = (store.root / "aside").iterdir()
    assert (kept / "status.json").is_file()
    assert store.set_aside(JOB) is None


def edit_status(folder: Path, **values: object) -> None:
    status = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps({**status, **values}))


def finish_deep(store: Store) -> Path:
    with store.lock(JOB):
        partial = store.open_partial(JOB)
        (partial / "deep").mkdir()
        (partial / "deep" / "one").write_text("one")
        (partial / "result.txt").write_text("there")
        return store.finish(JOB, {"x": 1.1, "ü": float("nan"), "n": 3}, 2.5)


def test_what_is_no_result_may_change(store: Store) -> None:
    folder = finish_deep(store)
    (folder / "log.txt").write_text("cut")
    (folder / ".DS_Store").write_text("a file browser was here")
    (folder / "result.txt").touch()
    assert store.problem(JOB) is None
    assert store.is_done(JOB.key, JOB.kind)


def test_folder_of_an_older_version_is_taken_as_it_is(store: Store) -> None:
    folder = finish_deep(store)
    status = json.loads((folder / "status.json").read_text())
    del status["files"], status["seal"]
    (folder / "status.json").write_text(json.dumps(status))
    (folder / "result.txt").write_text("other")
    assert store.is_done(JOB.key, JOB.kind)


def test_each_file_is_read_once_and_by_workers_never(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finish_deep(store)
    read: list[str] = []
    digest = hashlib.file_digest

    def counted(file: Any, name: str) -> Any:
        read.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert Store(store.root, check=False).is_done(JOB.key, JOB.kind)
    assert read == []
    fresh = Store(store.root)
    fresh.look_through([JOB])
    assert fresh.is_done(JOB.key, JOB.kind)
    assert fresh.state(JOB) == "done"
    assert sorted(read) == sorted(map(str, (folder / "deep/one", folder / "result.txt", folder / "spec.json")))


def test_folder_that_another_run_is_making_is_left_to_it(store: Store) -> None:
    folder = finish_deep(store)
    (folder / "result.txt").unlink()
    with store.lock(JOB):
        assert Store(store.root).set_aside(JOB) is None
    assert folder.is_dir()
