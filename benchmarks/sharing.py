"""How much sooner a table is there when two runs share its jobs through one store.

    python benchmarks/sharing.py
    python benchmarks/sharing.py --repeats 3 --seeds 1,2,3,4 --steps 60

A miniature recipe is run from an empty store, alternately by one `mtsuite run --jobs 1` and by two at once, each pinned
to a core of its own and with one thread.  Measured is the wall time until all of them have ended, imports and report
included.  The scores of all runs must be the same.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RECIPE = """\
directions: [en-de, de-en, en-fr, fr-en]
data:
  text: {languages: [en, de, fr], train_sentences: 600, mono_sentences: 100, valid_sentences: 10, test_sentences: 20}
model:
  pretrain: {hidden_size: 64, layers: 2, heads: 2, vocabulary: 400, row_tokens: 64, rows_per_batch: 8, steps: 20,
             warmup_steps: 2}
train: {tokens_per_batch: 2048, warmup_steps: 1, learning_rate: 1e-3, mixed_precision: "no"}
translate: {batch_size: 8, max_new_tokens: 16}
metrics: {names: [BLEU, chrF]}
significance: {rounds: 20}
methods:
  full:
  lora:
  adapter:
  landermt: {config: {k: 1, samples: 10}}
report: {baseline: full, page: false}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--steps", type=int, default=60)
    arguments = parser.parse_args()
    times: dict[int, list[float]] = {1: [], 2: []}
    scores = set()
    for _ in range(arguments.repeats):
        for runs in times:
            seconds, found, jobs = measure(runs, arguments.seeds, arguments.steps)
            times[runs].append(seconds)
            scores |= found
            print(f"{runs} run{'s' * (runs > 1)}: {seconds:.1f} s, jobs made: {' + '.join(map(str, jobs))}", flush=True)
    assert len(scores) == 1, "the runs have other scores"
    one, two = (statistics.median(times[runs]) for runs in times)
    print(f"two runs take {two / one:.2f} of the time of one ({two:.1f} s of {one:.1f} s); all scores are the same")


def measure(runs: int, seeds: str, steps: int) -> tuple[float, set[str], list[int]]:
    """Wall seconds of so many runs on one empty store, their scores, and the jobs that each of them made."""
    folder = Path(tempfile.mkdtemp(prefix="sharing-"))
    (folder / "mini.yaml").write_text(RECIPE)
    cores = sorted(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "mtsuite.cli", "run", "mini.yaml", "--jobs", "1", "--seeds", seeds,
               "--set", f"train.max_steps={steps}"]  # fmt: skip
    environment = {**os.environ, "MTSUITE_HOME": str(folder / "store"), "CUDA_VISIBLE_DEVICES": "", "CI": "1"}
    started = time.perf_counter()
    processes = [
        subprocess.Popen(
            [*command, "-o", f"out{number}"], cwd=folder, env=environment, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, preexec_fn=lambda core=cores[number]: os.sched_setaffinity(0, {core}),
        )
        for number in range(runs)
    ]  # fmt: skip
    said = [process.communicate()[0] for process in processes]
    seconds = time.perf_counter() - started
    assert all(process.returncode == 0 for process in processes), said
    scores = {(folder / f"out{number}" / "scores.csv").read_text() for number in range(runs)}
    jobs = [int(text.split(" jobs run. ")[0].split()[-1]) for text in said]
    for status in (folder / "store").glob("train/*/status.json"):
        assert not json.loads(status.read_text())["resumed"], f"{status} was begun twice"
    shutil.rmtree(folder)
    return seconds, scores, jobs


if __name__ == "__main__":
    main()
