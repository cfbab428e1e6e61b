"""A trained (or untrained) method's translations of one test set in one direction."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.batches import Text
from mtsuite.data.direction import Direction
from mtsuite.jobs.assemble import open_text, open_trained, prompts_told
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.near import read_near
from mtsuite.jobs.same import SAME, copied, serves_base
from mtsuite.method import Method
from mtsuite.translate.decode import Decoding, translate
from mtsuite.translate.settings import not_followed


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write ``hypotheses.txt``, one line a segment."""
    direction = Direction.parse(spec["direction"])
    text = open_text(spec, inputs, context)
    pairs = text.corpus.test(direction, spec["test_set"])
    sources = [source for source, _ in pairs]
    if spec["_use"] == "source-copy":  # the floor: what copying the input would score
        (output / "hypotheses.txt").write_text("".join(line + "\n" for line in sources), encoding="utf-8")
        return {"segments": len(sources)}
    if spec["_use"] == "translation-memory":  # what looking the source up in training text would score
        answers = read_near(inputs["translation-memory"])[spec["test_set"]][spec["direction"]]["memory"]
        (output / "hypotheses.txt").write_text("".join(line + "\n" for line in answers), encoding="utf-8")
        return {"segments": len(answers), "empty": sum(not line for line in answers)}
    if serves_base(inputs):
        return copied(inputs[SAME], output, "hypotheses.txt")
    method, model = open_trained(spec, inputs, context)
    started = time.perf_counter()
    result = _decoded(spec, text, method, model, direction, sources, context)
    seconds = time.perf_counter() - started
    (output / "hypotheses.txt").write_text("".join(line + "\n" for line in result.lines), encoding="utf-8")
    return {
        "segments": len(sources),
        "translate_seconds": seconds,
        "segments_per_second": len(sources) / max(1e-9, seconds),
        "new_tokens": result.new_tokens,
        "stopped_at_limit": result.stopped_at_limit,
        "empty": sum(not line for line in result.lines),
        "total_parameters": sum(p.numel() for p in model.parameters()),
        "active_parameters": method.active_parameters(model),
        "not_followed": not_followed(model),
        **prompts_told(spec, text),
    }


def translate_text(
    spec: dict[str, Any], inputs: Mapping[str, Path], lines: Sequence[str], context: JobContext
) -> list[str]:
    """Any lines instead of a test set's, with the model of a translate job."""
    text = open_text(spec, inputs, context)
    method, model = open_trained(spec, inputs, context)
    return _decoded(spec, text, method, model, Direction.parse(spec["direction"]), list(lines), context).lines


def _decoded(
    spec: dict[str, Any],
    text: Text,
    method: Method,
    model: Any,
    direction: Direction,
    sources: list[str],
    context: JobContext,
) -> Decoding:
    method.focus(model, direction)
    settings = spec["translate"]
    return translate(
        model,
        text.tokenizer,
        _prompts(spec, text, direction, sources, method.shots),
        batch_size=settings["batch_size"],
        num_beams=settings["num_beams"],
        max_new_tokens=settings["max_new_tokens"],
        end=text.end,
        progress=context.progress,
    )


def _prompts(
    spec: dict[str, Any], text: Text, direction: Direction, sources: list[str], in_context: bool
) -> list[list[int]]:
    template = spec["evaluation_template"]
    if not in_context:
        return text.prompts(direction, sources, template)
    pool = text.corpus.pairs("train", direction)
    prompts = []
    for number, source in enumerate(sources):
        chance = random.Random(f"shots:{spec['seed']}:{direction}:{number}")
        shots = [chance.choice(pool) for _ in range(spec["shots"])]
        prompts.append(text.in_context(direction, shots, source, template))
    return prompts
