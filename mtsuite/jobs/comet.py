"""COMET over all translations of a recipe: one checkpoint, loaded once, or scores from files.

One job a column.  Its key changes with every row, so what was scored is kept by segment in a cache that all runs share
(``comet-cache/`` in the store): a table with one more row scores that row's new segments only.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.jobs.context import INCOMPLETE, JobContext
from mtsuite.metrics.base import MetricResult
from mtsuite.metrics.comet import Comet
from mtsuite.metrics.comet_batch import Segments, Text, score_segments
from mtsuite.metrics.comet_files import ScoreFile, read_scores, text_hash
from mtsuite.metrics.segment_cache import SegmentCache, write_whole

CACHE = "comet-cache"
SCORES = "scores.json"


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write ``scores.json``: the scores of every text's segments (0–100) by the key of its translate job.

    Where the specification has a ``problem``, some texts are none of this checkpoint's, and it is written beside the
    scores.  A COMET that cannot run (missing package, unreadable checkpoint, no network) is no failure: its reason is
    written instead, and the summary asks for another try in the next run.  A file of scores that is wrong is one:
    MetricError.
    """
    written: dict[str, Any] = {"signature": "", "texts": {}}
    summary: dict[str, Any] = {"texts": 0}
    if "files" in spec:
        written, summary = _from_files(spec, _texts(spec, inputs))
    elif spec["texts"]:
        for name in [name for name in context.cache if name.startswith("model:")]:
            del context.cache[name]  # the memory of translation models is the checkpoint's now
        try:
            written, summary = _computed(spec, _texts(spec, inputs), context)
        except MetricError as error:
            written, summary = {"problem": str(error)}, {INCOMPLETE: str(error)}
    if "problem" in spec:
        written["problem"] = ". ".join(filter(None, [written.get("problem", ""), spec["problem"]]))
    (output / SCORES).write_text(json.dumps({"metric": spec["metric"], **written}) + "\n", encoding="utf-8")
    return summary


def read_results(folder: Path) -> tuple[dict[str, MetricResult], str]:
    """What the job left: results by the key of the translate job, and why there are none or fewer, or ""."""
    value = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    results = {
        key: MetricResult(value["metric"], fmean(segments), value["signature"], len(segments), segments)
        for key, segments in value.get("texts", {}).items()
    }
    return results, value.get("problem", "")


def _texts(spec: dict[str, Any], inputs: Mapping[str, Path]) -> dict[str, Text]:
    """The texts that are there, by the key of their translate job; failed translations are holes."""
    trained = Corpus.open(inputs["corpus"])
    untrained = Corpus.open(inputs["untrained"]) if "untrained" in inputs else trained
    texts = {}
    sides: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for key, (direction, test_set) in spec["texts"].items():
        if key not in inputs:
            continue
        if (direction, test_set) not in sides:
            corpus = untrained if direction in spec["untrained"] else trained
            pairs = corpus.test(Direction.parse(direction), test_set)
            sides[direction, test_set] = [source for source, _ in pairs], [target for _, target in pairs]
        sources, references = sides[direction, test_set]
        hypotheses = (inputs[key] / "hypotheses.txt").read_text(encoding="utf-8").split("\n")[:-1]
        texts[key] = Text(sources, hypotheses, references)
    return texts


def _computed(
    spec: dict[str, Any], texts: Mapping[str, Text], context: JobContext
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Score what the cache lacks; where it has everything, the checkpoint is not even loaded."""
    settings = {key: value for key, value in spec["_comet"].items() if key != "scores"}
    metric = Comet(name=spec["metric"], **settings)
    root = context.shared / CACHE
    whose = json.dumps([spec["checkpoint"], spec["software"], spec["precision"]])
    card = root / "described" / f"{hashlib.sha256(whose.encode()).hexdigest()[:16]}.json"
    if card.is_file():
        about = json.loads(card.read_text(encoding="utf-8"))
        segments = Segments.of(texts, references=about["references"])
        with _cache(root, metric, spec, about) as cache:
            if not segments.unknown(cache):
                return _written(metric.signature_of(about), segments.scores(cache), len(segments.by_key), 0)
    context.progress(step=0, text=f"loading {metric.label()}")
    scorer = metric.scorer()
    about = scorer.describe()
    segments = Segments.of(texts, references=about["references"])
    with _cache(root, metric, spec, about) as cache:
        count = score_segments(segments, scorer, cache, batch_size=metric.batch_size, progress=context.progress)
        write_whole(card, json.dumps(about) + "\n")
        return _written(metric.signature_of(about), segments.scores(cache), len(segments.by_key), count)


def _cache(root: Path, metric: Comet, spec: dict[str, Any], about: Mapping[str, Any]) -> SegmentCache:
    """Scores of this checkpoint by this software; numbers of a CPU and of a CUDA device differ in the last digits."""
    whose = {
        "checkpoint": str(spec["checkpoint"]),
        "revision": str(about["revision"]),
        "unbabel-comet": str(about["version"]),
        "precision": metric.precision,
        "device": str(about["device"]).partition(":")[0],
    }
    return SegmentCache(root, metric.label().removeprefix("COMET-"), whose)


def _written(
    signature: str, scores: Mapping[str, list[float]], distinct: int, scored: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    segments = {key: [100.0 * score for score in found] for key, found in scores.items()}
    summary = {
        "texts": len(segments),
        "segments": sum(map(len, segments.values())),
        "distinct": distinct,
        "scored": scored,
        "signature": signature,
    }
    return {"signature": signature, "texts": segments}, summary


def _from_files(spec: dict[str, Any], texts: Mapping[str, Text]) -> tuple[dict[str, Any], dict[str, Any]]:
    read: list[ScoreFile] = []
    segments: dict[str, list[float]] = {}
    missing: list[str] = []
    sure = True
    for key, text in texts.items():
        path = Path(spec["_files"][key])
        if spec["files"][key] is None:
            missing.append(str(path))
            continue
        found = read_scores(path)
        direction, test_set = spec["texts"][key]
        hashes = {
            "direction": direction,
            "testset": test_set,
            "hypotheses": text_hash(text.hypotheses),
            "sources": text_hash(text.sources),
            "references": text_hash(text.references),
        }
        sure = found.matches(text, hashes) and sure
        _check_same(spec, read, found)
        read.append(found)
        segments[key] = [100.0 * score for score in found.scores]
    problem = ""
    if missing:
        problem = f"{len(missing)} of {len(texts)} files of scores are not there, the first: {missing[0]}"
    signature = _signature(read[0].about, sure) if read else ""
    summary = {"texts": len(segments), "segments": sum(map(len, segments.values())), "missing": len(missing)}
    return {"signature": signature, "texts": segments, "problem": problem}, {**summary, "signature": signature}


def _check_same(spec: dict[str, Any], read: list[ScoreFile], found: ScoreFile) -> None:
    """All files of a column are of one checkpoint and version, and of the checkpoint that the recipe names."""
    for key in ("checkpoint", "version"):
        if read and read[0].about.get(key) != found.about.get(key):
            told = [f"{one.path} says {one.about.get(key) or 'nothing'}" for one in (read[0], found)]
            raise MetricError(f"The files of one column must be of one {key}: {', '.join(told)}.")
    wanted, said = spec["checkpoint"], found.about.get("checkpoint")
    if wanted is not None and said is not None and Path(said).name != Path(wanted).name:
        raise MetricError(f"{found.path} says its checkpoint is {said}, the recipe names {wanted}.")


def _signature(about: Mapping[str, str], sure: bool) -> str:
    checkpoint = Comet(about["checkpoint"]).label() if "checkpoint" in about else "COMET of a checkpoint not told"
    version = about.get("version", "version not told")
    checked = "checked against the translations" if sure else "not all files say which translations they are of"
    return f"{checkpoint} (scores from files; {version}; {checked})"
