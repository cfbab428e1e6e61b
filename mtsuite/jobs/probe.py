"""A method's phase that looks: tensors about the base model or the method's own, over held-out text."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.jobs.assemble import open_adapted, open_base, open_method, open_text, prompts_told
from mtsuite.jobs.context import JobContext
from mtsuite.method import Probe, Train

if TYPE_CHECKING:
    from torch import nn


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Run the probe named in ``spec`` and write ``tensors.safetensors``."""
    import torch
    from safetensors.torch import save_file

    method = open_method(spec)
    probe = next(p for p in method.phases() if isinstance(p, Probe) and p.name == spec["phase"])
    text = open_text(spec, inputs, context)
    model: nn.Module = open_base(spec, inputs, context)
    if probe.looks_at != "base":
        device = next(model.parameters()).device
        first = next(phase.name for phase in method.phases() if isinstance(phase, Train))
        at = first if probe.looks_at == "start" else None
        model, _ = open_adapted(method, model, inputs, at, seed=spec["seed"])
        model.to(device).eval()
    model.requires_grad_(False)
    torch.manual_seed(0)
    text.left_out.clear()  # the worker keeps the text, and another job may have read it
    started = time.perf_counter()
    tensors = probe.run(model, text)
    save_file({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, output / "tensors.safetensors")
    (output / "seen.json").write_text(json.dumps({"directions": spec["directions"]}) + "\n")
    return {
        "seconds": time.perf_counter() - started,
        "tensors": {n: list(t.shape) for n, t in tensors.items()},
        "left_out": {code: found.to_dict() for code, found in text.left_out.items()},
        "max_length": text.max_length,
        **prompts_told(spec, text),
    }
