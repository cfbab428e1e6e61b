"""Every method before its first training step: it can be asked for every direction, and equals the base or does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mtsuite.method import Probe, Train
from mtsuite.registry import configure, registered
from mtsuite.testing.lab import TRAINED, Lab
from mtsuite.testing.models import tiny_model

CHANGED = {"landermt", "landermt-lg", "landermt-ls", "llama-moe", "na-mnmt"}  # masks, shares, experts that are left out
TRAINS = [use for use in registered() if any(isinstance(p, Train) for p in configure(use, {}).phases())]


@pytest.mark.parametrize("use", TRAINS)
def test_a_start_is_the_base_to_rounding_or_clearly_another_model(use: str, tmp_path: Path) -> None:
    method, lab, folders = configure(use, {}), Lab(lambda: configure(use, {}), "bloom"), {}
    for phase in method.phases():
        if isinstance(phase, Train):
            break
        if isinstance(phase, Probe) and phase.looks_at == "base":
            folders[phase.name] = tmp_path / phase.name
            folders[phase.name].mkdir()
            lab._probe(method, phase, folders, folders[phase.name])
    first = next(p.name for p in method.phases() if isinstance(p, Train))
    model, base, plain = lab.open(method, folders, first), tiny_model("bloom").eval(), configure("zero-shot", {})
    for direction in TRAINED:
        before, after = (lab.logits(m, of, direction) for m, of in ((plain, base), (method, model)))
        norm = (before - before.mean(-1, keepdim=True)).norm()
        difference = float((after - before).norm() / norm)
        assert (difference > 1e-2) if use in CHANGED else (difference < 1e-6), difference
    assert torch.isfinite(lab.logits(method, model, None)).all(), "plain text is read too"
