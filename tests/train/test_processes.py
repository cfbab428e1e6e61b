"""Two processes train as one: same losses, same parameters, same fingerprint of the stream.

On CPUs ``accelerate launch --num_processes 2`` starts a single process unless MPI is there, so the two are
started by torch's own launcher, the one that accelerate uses for GPUs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = Path(__file__).with_name("two_processes.py")


def launched(out: Path, *before: str) -> list[dict[str, Any]]:
    out.mkdir()
    environment = {**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, *before, str(SCRIPT), str(out)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]


@pytest.mark.skipif(not torch.distributed.is_gloo_available(), reason="torch was built without gloo")
def test_two_processes_equal_one(tmp_path: Path) -> None:
    [one] = launched(tmp_path / "one")
    two = launched(tmp_path / "two", "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
    assert (one["processes"], [report["processes"] for report in two]) == (1, [2, 2])
    for report in two:
        assert report["fingerprint"] == one["fingerprint"]
        assert report["losses"] == pytest.approx(one["losses"], abs=1e-4)
        assert report["sums"] == pytest.approx(one["sums"], abs=1e-2)
    assert two[0]["sums"] == two[1]["sums"]
