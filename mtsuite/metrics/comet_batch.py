"""Many texts scored by one COMET checkpoint at once: equal segments once, the others sorted by length.

A table's rows share sources and references and often translations too, so what is left to score is less than its cells
suggest; in batches of like length little of it is padding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mtsuite.errors import MetricError
from mtsuite.metrics.comet import Scorer
from mtsuite.metrics.segment_cache import SegmentCache, segment_key

CHUNK_SECONDS = 5.0  # about what a kill costs
MOST_BATCHES = 64  # of a chunk


@dataclass(frozen=True)
class Text:
    """One text: sources, hypotheses and references, a segment each, in the same order."""

    sources: Sequence[str]
    hypotheses: Sequence[str]
    references: Sequence[str]


@dataclass(frozen=True)
class Scored:
    """Scores as COMET gives them (about 0 to 1), by text.

    ``distinct`` segments are in the texts; ``scored`` of them were scored now, the others were known.
    """

    scores: dict[str, list[float]]
    distinct: int
    scored: int


def score_texts(
    texts: Mapping[str, Text],
    scorer: Scorer,
    cache: SegmentCache,
    *,
    batch_size: int = 64,
    progress: Callable[..., None] = lambda **_: None,
) -> Scored:
    """Score all texts; what the cache knows is not scored, what is scored goes into it chunk by chunk.

    Raises MetricError when a text's parts differ in length, or when the checkpoint gives no number for a segment.
    """
    reads_references = bool(scorer.describe()["references"])
    keys: dict[str, list[str]] = {}
    segments: dict[str, tuple[str, str, str]] = {}
    for name, text in texts.items():
        keys[name] = []
        try:
            lines = list(zip(text.sources, text.hypotheses, text.references, strict=True))
        except ValueError:
            counts = (
                f"{len(text.sources)} sources, {len(text.hypotheses)} hypotheses, {len(text.references)} references"
            )
            raise MetricError(f"{name}: a text needs the same number of each; found {counts}.") from None
        for source, hypothesis, reference in lines:
            # Stripped as `comet-score` does; what the checkpoint does not read is no part of a segment.
            segment = (source.strip(), hypothesis.strip(), reference.strip() if reads_references else "")
            key = segment_key(*(segment if reads_references else segment[:2]))
            keys[name].append(key)
            segments[key] = segment
    new = [key for key in segments if key not in cache]
    new.sort(key=lambda key: (sum(map(len, segments[key])), segments[key]))
    _score(new, segments, scorer, cache, batch_size, progress)
    return Scored({name: [cache[key] for key in found] for name, found in keys.items()}, len(segments), len(new))


def _score(
    new: Sequence[str],
    segments: Mapping[str, tuple[str, str, str]],
    scorer: Scorer,
    cache: SegmentCache,
    batch_size: int,
    progress: Callable[..., None],
) -> None:
    """Score ``new`` in order, in chunks of whole batches that take about ``CHUNK_SECONDS``."""
    batches, start = 1, 0
    while start < len(new):
        chunk = new[start : start + batches * batch_size]
        sources, hypotheses, references = (list(part) for part in zip(*(segments[key] for key in chunk), strict=True))
        began = time.perf_counter()
        scores = scorer.score(sources, hypotheses, references, batch_size)
        took = (time.perf_counter() - began) / batches
        for key, score in zip(chunk, scores, strict=True):
            if not math.isfinite(score):
                raise MetricError(
                    f"the checkpoint gave {score} for a segment; its hypothesis: {segments[key][1][:200]!r}."
                )
        cache.add(dict(zip(chunk, scores, strict=True)))
        start += len(chunk)
        batches = max(1, min(MOST_BATCHES, round(CHUNK_SECONDS / max(took, 1e-6))))
        progress(step=start, total=len(new), text="segments")
