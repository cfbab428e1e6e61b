"""What the suite promises of its own speed, measured on this machine.

    python benchmarks/targets.py            # everything; about a quarter of an hour on two cores
    python benchmarks/targets.py --quick    # without the full run of table1

It prints one line a promise: what was measured, the promise, and whether it was kept.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
MTSUITE = [sys.executable, "-m", "mtsuite.cli"]


def timed(command: list[str], **options: object) -> tuple[float, subprocess.CompletedProcess[str]]:
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=True, **options)  # type: ignore[call-overload]
    return time.perf_counter() - started, done


def least_user_seconds(command: list[str], rounds: int = 5) -> float:
    """Processor time in user mode, the least of some rounds: other programs can only add to it."""
    found = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        timed(command)
        found.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before)
    return min(found)


def say(what: str, measured: float, promised: float, unit: str) -> None:
    kept = "kept" if measured <= promised else "MISSED"
    print(f"{what}: {measured:.2f} {unit} (promised {promised:g} {unit}): {kept}", flush=True)


class Memory:
    """Peak of the summed resident memory of a process and all that it starts, sampled four times a second."""

    def __init__(self, root: int) -> None:
        self.root, self.peak = root, 0

    def sample(self) -> None:
        total, family = 0, {self.root}
        stats = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parts = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                stats[int(entry.name)] = (int(parts[1]), int(parts[21]))
        for pid in sorted(stats):
            if stats[pid][0] in family:
                family.add(pid)
        for pid in family & set(stats):
            total += stats[pid][1]
        self.peak = max(self.peak, total * resource.getpagesize())


def full_run(folder: Path) -> None:
    environment = {**os.environ, "MTSUITE_HOME": str(folder / "store")}
    command = [*MTSUITE, "run", str(ROOT / "recipes" / "table1.yaml"), "-o", str(folder / "results" / "table1")]
    started = time.perf_counter()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        memory = Memory(process.pid)
        while process.poll() is None:
            memory.sample()
            time.sleep(0.25)
    seconds = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"table1 failed:\n{(folder / 'log').read_text()[-2000:]}")
    say("table1 from an empty store", seconds / 60, 12, "min")
    say("peak memory of that run, all processes", memory.peak / 1e9, 4, "GB")
    again, done = timed(command, env=environment)
    assert "0 jobs run" in done.stdout, done.stdout[-500:]
    say("table1 again, no job run", again, 10, "s")
    shares = [
        json.loads(path.read_text())["summary"]["padding_share"]
        for path in (folder / "store" / "train").glob("*/status.json")
    ]
    say("largest share of padding in a training job", 100 * max(shares), 5, "% of tokens")
    report, _ = timed([*MTSUITE, "report", str(folder / "results" / "table1")])
    say("the report of table1 rebuilt", report, 20, "s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the full run of table1")
    arguments = parser.parse_args()
    timed([*MTSUITE, "--help"])  # once for the file cache
    say("mtsuite --help, median of five", sorted(timed([*MTSUITE, "--help"])[0] for _ in range(5))[2], 0.5, "s")
    table1 = ROOT / "recipes" / "table1.yaml"
    torch = least_user_seconds([sys.executable, "-c", "import torch"])
    ratio = least_user_seconds([*MTSUITE, "validate", str(table1)]) / torch
    say("mtsuite validate table1, processor time over that of `import torch`", ratio, 1.6, "times")
    if not arguments.quick:
        with tempfile.TemporaryDirectory() as folder:
            full_run(Path(folder))


if __name__ == "__main__":
    main()
