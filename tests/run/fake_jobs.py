"""Jobs for the tests of the scheduler: the specification says what to do."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.errors import DataError
from mtsuite.jobs.context import JobContext


class OutOfMemoryError(RuntimeError):
    """As torch's."""


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Do what ``spec["do"]`` says and write what was seen into ``output/result.txt``."""
    journal = spec.get("journal")
    if journal:
        with open(journal, "a") as file:
            file.write(f"{spec['name']} start {time.monotonic()} {os.getpid()} {context.threads}\n")
    if "once_there" in spec:  # what another job writes when it starts
        while not Path(spec["once_there"]).exists():
            time.sleep(0.01)
    what = spec.get("do", "write")
    if what == "steps":
        steps(spec, output, context)
    elif what == "fail":
        print("about to fail")
        raise RuntimeError("it broke\nsecond line")
    elif what == "user-fail":
        raise DataError("no such corpus; look again")
    elif what == "fail-once":
        flag = Path(spec["flag"])
        if not flag.exists():
            flag.touch()
            raise RuntimeError("first time")
    elif what == "exit":
        sys.exit(3)
    elif what == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif what == "abort":
        os._exit(7)
    elif what == "sleep":
        time.sleep(spec["seconds"])
    elif what == "print":
        noisy()
    elif what == "full":
        raise OSError(errno.ENOSPC, "No space left on device")
    elif what == "crowded":  # finds no memory the first time, beside a job that it waits for
        tried, other = Path(spec["tried"]), Path(spec["other"])
        while not tried.exists() and not other.exists():
            time.sleep(0.01)
        tried.touch()
        if other.exists():
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 24.00 MiB. GPU 0 has 79 GiB. Try something")
    elif what == "no-memory":
        raise OutOfMemoryError("CUDA out of memory. Tried to allocate 24.00 MiB. GPU 0 has 79 GiB. Try something")
    elif what == "crowded-again":  # finds no memory the first time; then another device's job must still run
        tried, other, flag = Path(spec["tried"]), Path(spec["other"]), Path(spec["flag"])
        while not other.exists() or (not tried.exists() and not flag.exists()):
            time.sleep(0.01)
        if not tried.exists():
            tried.touch()
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        assert not flag.exists(), "the neighbour on the same device still runs"
        Path(spec["done"]).touch()
    elif what == "until":
        Path(spec["flag"]).touch()
        begun = time.monotonic()
        while not Path(spec["end"]).exists():
            assert time.monotonic() - begun < 60, f"{spec['end']} never came"
            time.sleep(0.01)
    elif what == "busy":
        flag = Path(spec["flag"])
        flag.touch()
        time.sleep(spec["seconds"])
        flag.unlink()
    elif what == "stdin":
        print("stdin gave", repr(sys.stdin.read()))
    elif what == "child":
        subprocess.Popen(["sleep", "60"])
    elif what == "cache":
        context.cache["model:x"] = context.cache.get("model:x", 0) + 1
    lines = [f"{role}={(Path(folder) / 'result.txt').read_text().splitlines()[0]}" for role, folder in inputs.items()]
    (output / "result.txt").write_text(spec["name"] + "\n" + "\n".join(lines), encoding="utf-8")
    if journal:
        with open(journal, "a") as file:
            file.write(f"{spec['name']} end {time.monotonic()} {os.getpid()} {context.threads}\n")
    return {
        "name": spec["name"],
        "roles": sorted(inputs),
        "keys": dict(context.keys),
        "offline": context.offline,
        "cached": context.cache.get("model:x"),
        "pid": os.getpid(),
        "gpu": os.environ.get("CUDA_VISIBLE_DEVICES"),
        "ratio": float("nan"),
    }


def steps(spec: dict[str, Any], output: Path, context: JobContext) -> None:
    """Count up, with a checkpoint after each step."""
    checkpoint = output / "checkpoint"
    first = int(checkpoint.read_text()) if checkpoint.exists() else 0
    print(f"from step {first}")
    if spec.get("pids"):
        child = subprocess.Popen(["sleep", "60"])
        Path(spec["pids"]).write_text(f"{os.getpid()} {child.pid}")
    for step in range(first, spec["total"]):
        time.sleep(spec["pause"])
        checkpoint.with_suffix(".new").write_text(str(step + 1))
        checkpoint.with_suffix(".new").replace(checkpoint)
        context.progress(step=step + 1, total=spec["total"], loss=1.0 / (step + 1), tokens_per_second=1234.5)
        if spec.get("slow_from") == step + 1 and first == 0:
            time.sleep(60)
    (output / "first.txt").write_text(str(first))


def noisy() -> None:
    """Print through Python, the descriptor, and a child process."""
    print('{"event": "done", "key": "forged"}', flush=True)
    os.write(1, b"raw \xff bytes\n")
    os.write(2, b"raw error\n")
    subprocess.run(["echo", "child says Grüße"], check=True)
    print("no newline at the end", end="")
