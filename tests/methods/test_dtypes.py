"""Every method trains with frozen weights in half precision, without autocast, and translates afterwards."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mtsuite.registry import configure, registered
from mtsuite.testing.lab import Lab

METHODS = [name for name, entry in registered().items() if entry.distribution == "mtsuite"]
TWO_OF_FOUR = ("landermt", "landermt-ls", "landermt-lg", "layers")
CASES = [(name, {"k": 2} if name in TWO_OF_FOUR else {}) for name in METHODS]
CASES.append(("landermt", {"k": 2, "extra_train": "all_block"}))


HALF = [(torch.bfloat16, "bloom"), (torch.float16, "llama")]


@pytest.mark.parametrize(("dtype", "family"), HALF, ids=["bfloat16", "float16"])
@pytest.mark.parametrize(("name", "config"), CASES)
def test_it_trains_and_translates(name: str, config: dict[str, Any], dtype: torch.dtype, family: str) -> None:
    lab = Lab(lambda: configure(name, config), family, dtype=dtype)
    run = lab.run(charts=False)
    for learned in run.learned:
        assert all(torch.isfinite(torch.tensor(learned.result.losses)))
        assert any(not torch.equal(learned.before[n], learned.after[n]) for n in learned.names)
    opened = lab.open(run.method, run.folders, None) if run.learned else run.model
    logits = lab.logits(run.method, opened, lab.text.directions[0])
    assert logits.dtype == dtype
    assert bool(logits.isfinite().all())
