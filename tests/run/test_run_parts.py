"""The small parts: order, crowded devices, cache, threads, machine, full disks in disguise."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtsuite.run import disk, machine
from mtsuite.run.cache import BoundedCache
from mtsuite.run.crowded import Crowded
from mtsuite.run.order import choose, critical_paths, wanted
from mtsuite.run.scheduler import how_it_ended
from mtsuite.run.worker import Throttle

from .conftest import job, plan_of

A = job("a", cost=1.0)
B = job("b", {"in": A.key}, cost=5.0)
C = job("c", {"in": A.key}, cost=2.0)
D = job("d", {"one": B.key, "two": C.key}, cost=1.0)
PLAN = plan_of(A, B, C, D)


def test_critical_paths() -> None:
    assert critical_paths(PLAN, set(PLAN.jobs)) == {A.key: 7.0, B.key: 6.0, C.key: 3.0, D.key: 1.0}
    assert critical_paths(PLAN, {C.key, D.key}) == {C.key: 3.0, D.key: 1.0}


def test_longest_chain_first_then_shared_inputs() -> None:
    length = {B.key: 6.0, C.key: 3.0}
    assert choose([C.key, B.key], [], PLAN.jobs, length) == (B.key, None)
    assert choose([C.key, B.key], [set(), {A.key}], PLAN.jobs, length) == (B.key, 1)
    other = job("e", cost=4.0)
    jobs = {**PLAN.jobs, other.key: other}
    assert choose([other.key, C.key], [{A.key}], jobs, {other.key: 4.0, C.key: 3.0}) == (C.key, 0)
    assert choose([other.key, C.key], [{A.key}], jobs, {other.key: 7.0, C.key: 3.0}) == (other.key, 0)


def test_wanted_stops_at_what_is_done() -> None:
    assert wanted(PLAN, None, set()) == list(PLAN.jobs)
    assert wanted(PLAN, [C.key], set()) == [A.key, C.key]
    assert wanted(PLAN, [D.key], {B.key, C.key}) == [B.key, C.key, D.key]


def test_cache_keeps_the_models_used_last() -> None:
    cache = BoundedCache({"model:": 2})
    cache["other"] = 0
    for name in "ab":
        cache[f"model:{name}"] = name
    assert cache["model:a"] == "a"
    cache["model:c"] = "c"
    assert sorted(cache) == ["model:a", "model:c", "other"]
    assert cache.get("model:b") is None
    assert cache.setdefault("model:d", "d") == "d"
    assert sorted(cache) == ["model:c", "model:d", "other"]
    cache.update({"model:e": 1}, x=2)
    assert sorted(cache) == ["model:d", "model:e", "other", "x"]


@given(st.lists(st.sampled_from(["model:a", "model:b", "model:c", "x", "y"]), max_size=30))
def test_cache_never_holds_more_models_than_allowed(keys: list[str]) -> None:
    cache = BoundedCache()
    for key in keys:
        cache.setdefault(key, key)
        assert key in cache
        assert sum(name.startswith("model:") for name in cache) <= 2


def test_threads_are_set_before_and_after_the_import_of_torch(tmp_path: object) -> None:
    (tmp_path / "torch.py").write_text("count = 0\ndef set_num_threads(n):\n    global count\n    count = n\n")  # type: ignore[operator]
    program = (
        "from mtsuite.run.threads import ThreadCount\nt = ThreadCount(); t.install(); t.set(3)\n"
        "import torch, os; a = torch.count\nt.set(1); print(a, torch.count, os.environ['OMP_NUM_THREADS'])"
    )
    root = str(machine.__file__).rsplit("/mtsuite/", 1)[0]
    answer = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": f"{tmp_path}:{root}"}, capture_output=True, text=True
    )
    assert answer.stdout == "3 1 1\n", answer.stderr


def test_parent_imports_no_torch() -> None:
    program = (
        "import sys, mtsuite.run.scheduler, mtsuite.run.store, mtsuite.run.live, mtsuite.run.worker\n"
        "print([m for m in ('torch', 'numpy', 'transformers') if m in sys.modules])"
    )
    root = str(machine.__file__).rsplit("/mtsuite/", 1)[0]
    answer = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": root}, capture_output=True, text=True)
    assert answer.stdout == "[]\n", answer.stderr


def test_gpu_list() -> None:
    text = (
        "GPU 0: NVIDIA H200 (UUID: GPU-11-aa)\n  MIG 1g.18gb Device 0: (UUID: MIG-x)\n"
        "  MIG 1g.18gb Device 1: (UUID: MIG-y)\nGPU 1: NVIDIA H200 (UUID: GPU-22-bb)\n"
    )
    assert machine.parse_gpu_list(text) == ["MIG-x", "MIG-y", "GPU-22-bb"]
    assert machine.parse_gpu_list("No devices were found") == []


def test_visible_gpus_follow_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    for value, expected in (("", []), ("-1", []), ("0, 2", ["0", "2"])):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
        assert machine.visible_gpus() == expected
    assert machine.default_workers(["a", "b", "c"]) == 3
    assert 1 <= machine.default_workers([]) <= 8


def test_full_disk_in_disguise() -> None:
    assert disk.is_full(RuntimeError("I/O error: No space left on device (os error 28)"))
    assert not disk.is_full(RuntimeError("CUDA out of memory"))


def test_signals_in_words() -> None:
    assert how_it_ended(-11) == "worker was killed by signal 11 (SIGSEGV)"
    assert how_it_ended(2) == "worker ended with exit code 2"


def test_throttle_passes_the_first_and_the_last_step() -> None:
    sent: list[dict[str, int]] = []

    class Channel:
        def send(self, event: str, key: str, values: dict[str, int]) -> None:
            sent.append(values)

    throttle = Throttle(Channel(), "key")  # type: ignore[arg-type]
    for step in range(1, 1001):
        throttle(step, 1000)
    assert sent[0] == {"step": 1, "total": 1000}
    assert sent[-1] == {"step": 1000, "total": 1000}
    assert len(sent) < 100


def test_crowded_devices() -> None:
    crowded = Crowded()
    assert crowded.next(()) is None
    assert crowded.turned_away("a", "0")
    assert crowded.turned_away("b", "0")
    assert set(crowded.closed()) == {"0"}
    assert crowded.next({"0", "1"}) is None
    assert crowded.next({"1"}) == ("a", "0")
    assert crowded.next({"0", "1"}) is None
    crowded.settled("a")
    assert set(crowded.closed()) == {"0"}
    assert crowded.next(()) == ("b", "0")
    crowded.settled("b")
    assert set(crowded.closed()) == set()
    assert not crowded.turned_away("a", "1")
