"""Scores of one file of translations, with what the significance tests need; COMET has a job of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.failure_modes import FILE as FAILURES
from mtsuite.jobs.failure_modes import write_failures
from mtsuite.jobs.same import SAME, copied, serves_base


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write ``scores.json``: metric -> score, signature, n, segment scores and statistics; and ``failures.json``.

    A metric that cannot be computed is written with its reason; the others are there.
    """
    from mtsuite.errors import MetricError
    from mtsuite.metrics import make_metrics

    if serves_base(inputs):
        return copied(inputs[SAME], output, "scores.json", *[FAILURES] * (inputs[SAME] / FAILURES).is_file())
    direction = Direction.parse(spec["direction"])
    corpus_key = f"corpus:{context.keys['corpus']}"
    if corpus_key not in context.cache:
        context.cache[corpus_key] = Corpus.open(inputs["corpus"])
    pairs = context.cache[corpus_key].test(direction, spec["test_set"])
    references = context.cache[corpus_key].references(direction, spec["test_set"])
    hypotheses = (inputs["translations"] / "hypotheses.txt").read_text(encoding="utf-8").split("\n")[:-1]
    own = spec.get("_own_metrics", {})  # heading -> name or file of a metric from outside
    key = f"metrics:{json.dumps([spec['metrics'], spec['profile'], spec.get('own_metrics')])}"
    if key not in context.cache:
        context.cache[key] = make_metrics([own.get(name, name) for name in spec["metrics"]], spec["profile"])
    scores: dict[str, Any] = {}
    for metric in context.cache[key]:
        try:
            used = references if metric.several_references else references[:1]
            result = metric.score(direction, [s for s, _ in pairs], hypotheses, *used)
        except MetricError as error:
            scores[metric.name] = {"error": str(error)}
        else:
            scores[metric.name] = result.to_dict()
    write_failures(output, direction, spec["languages"], pairs, hypotheses, inputs["translations"])
    (output / "scores.json").write_text(json.dumps(scores) + "\n")
    return {name: entry.get("score", entry.get("error")) for name, entry in scores.items()}
