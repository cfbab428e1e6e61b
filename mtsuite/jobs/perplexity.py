"""Perplexity of a model on held-out monolingual text, language by language."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.jobs.assemble import open_base, open_text, open_trained
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.same import SAME, copied, serves_base

BASE = "base"
FILE = "perplexity.json"


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write ``perplexity.json``: by language the sums of `mtsuite.model.perplexity.Likelihood` and what they make.

    ``spec["focus"]`` names for each language the direction whose sub-network reads it, or null; the base has none.
    """
    from mtsuite.model.perplexity import likelihood

    if serves_base(inputs):
        return copied(inputs[SAME], output, FILE)
    text = open_text(spec, inputs, context)
    method, model = (None, None) if spec["identity"] == BASE else open_trained(spec, inputs, context)
    if model is None:
        model = open_base(spec, inputs, context).eval()
    started = time.perf_counter()
    found: dict[str, dict[str, float]] = {}
    for number, code in enumerate(spec["languages"]):
        context.progress(step=number, total=len(spec["languages"]), text=code)
        if method is not None:
            focus = spec["focus"][code]
            method.focus(model, None if focus is None else Direction.parse(focus))
        sentences = text.corpus.monolingual(code, "valid")[: spec["sentences"]]
        measured = likelihood(model, text.tokenizer, sentences, max_length=text.max_length, language=code)
        found[code] = {
            "perplexity": measured.perplexity,
            "bits_per_byte": measured.bits_per_byte,
            "nats": measured.nats,
            "tokens": measured.tokens,
            "bytes": measured.bytes,
            "sentences": measured.sentences,
            "left_out": measured.left_out,
        }
    (output / FILE).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return {
        "seconds": time.perf_counter() - started,
        "tokens": sum(entry["tokens"] for entry in found.values()),
        "perplexity": {code: entry["perplexity"] for code, entry in found.items()},
    }


def perplexity_rows(measured: Sequence[Mapping[str, Any]], inputs: Mapping[str, Path]) -> Iterator[list[Any]]:
    """The rows of perplexity.csv: of every model (method, seed, trained_on, job) whose job has output, by language."""
    for model in measured:
        folder = inputs.get(model["job"])
        if folder is None:
            continue
        for code, entry in json.loads((folder / FILE).read_text(encoding="utf-8")).items():
            yield [model["method"], model["seed"], model["trained_on"], code, f"{entry['perplexity']:.6f}",
                   f"{entry['bits_per_byte']:.6f}", entry["tokens"], entry["sentences"]]  # fmt: skip
