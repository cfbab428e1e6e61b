"""A row's model before its first training step: is it still the base?

Surgery may change what a model computes (masks, scaled outputs, removed parts) or leave it alone (adapters whose output
is zero).  Which of the two is measured, on logits; translations of a start that equals the base are the base's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.data.batches import Text
from mtsuite.data.direction import Direction
from mtsuite.jobs.assemble import keep_start, open_adapted, open_base, open_method, open_text
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.same import FILE
from mtsuite.method import Method

if TYPE_CHECKING:
    from torch import Tensor, nn

SENTENCES = 8  # held-out sentences per direction


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write ``start.json``: whether the start computes what the base does, and the largest relative difference.

    Compared are the logits on held-out sentences of every direction, as prompts with the direction in focus (and as
    plain text without one where perplexity reads it so).  The difference is the norm of logits minus base's logits over
    the norm of the base's, each token's logits less their mean, since softmax does not see that.
    """
    import torch

    text = open_text(spec, inputs, context)
    model: nn.Module = open_base(spec, inputs, context).eval()
    device = next(model.parameters()).device
    asked = list(_asked(spec, text))
    with torch.inference_mode():
        before = [_logits(model, ids.to(device)) for _, ids in asked]
    method = open_method(spec)
    model, _ = open_adapted(method, model, inputs, spec["start"], seed=spec["seed"])
    model.to(device).eval().requires_grad_(False)
    keep_start(spec, context, method, model)
    difference = 0.0
    for number, ((direction, ids), base) in enumerate(zip(asked, before, strict=True)):
        context.progress(step=number, total=len(asked), text=str(direction or "plain text"))
        difference = max(difference, _difference(method, model, direction, ids.to(device), base))
    tolerance = max(1e-5, 2 * torch.finfo(before[0].dtype).eps)  # rounding: a copy may add in another order
    found = {"same": difference <= tolerance, "difference": min(difference, 1e9), "texts": len(asked)}
    (output / FILE).write_text(json.dumps(found) + "\n", encoding="utf-8")
    return found


def _asked(spec: Mapping[str, Any], text: Text) -> Iterator[tuple[Direction | None, Tensor]]:
    """(direction in focus, ids (1, tokens)) of everything that both models read."""
    import torch

    for name in spec["directions"]:
        direction = Direction.parse(name)
        for sentence in text.corpus.monolingual(direction.source, "valid")[:SENTENCES]:
            prompt = text.templates.prompt(direction, sentence, spec["evaluation_template"])
            for focus, read in [(direction, prompt), *([(None, sentence)] if spec["plain_text"] else [])]:
                ids = text.tokenizer(read)["input_ids"][: text.max_length]
                if ids:
                    yield focus, torch.tensor([ids])


def _logits(model: nn.Module, ids: Tensor) -> Tensor:
    logits: Tensor = model(input_ids=ids, use_cache=False).logits
    return logits - logits.mean(-1, keepdim=True)


def _difference(method: Method, model: nn.Module, direction: Direction | None, ids: Tensor, base: Tensor) -> float:
    """Relative difference from the base's logits; infinite where shapes differ or a number is none."""
    import torch

    with torch.inference_mode():
        method.focus(model, direction)
        logits = _logits(model, ids)
        if logits.shape != base.shape:
            return float("inf")
        found = float((logits - base).float().norm() / base.float().norm().clamp_min(1e-30))
    return found if found == found else float("inf")  # NaN is no equality
