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
class Segments:
    """The distinct segments of many texts: by key, and the keys of each text's lines."""

    by_key: dict[str, tuple[str, str, str]]
    keys: dict[str, list[str]]

    @classmethod
    def of(cls, texts: Mapping[str, Text], *, references: bool) -> Segments:
        """Take texts apart; without ``references`` the checkpoint does not read them and they make no difference.

        Raises MetricError when a text's parts differ in length.
        """
        found = cls({}, {})
        for name, text in texts.items():
            counts = [len(part) for part in (text.sources, text.hypotheses, text.references)]
            if len(set(counts)) != 1:
                raise MetricError(
                    f"{name}: expected as many hypotheses and references as sources; found {counts[0]} sources, "
                    f"{counts[1]} hypotheses and {counts[2]} references."
                )
            found.keys[name] = []
            for source, hypothesis, reference in zip(text.sources, text.hypotheses, text.references, strict=True):
                # Stripped as `comet-score` does.
                segment = (source.strip(), hypothesis.strip(), reference.strip() if references else "")
                key = segment_key(*(segment if references else segment[:2]))
                found.by_key[key] = segment
                found.keys[name].append(key)
        return found

    def unknown(self, cache: SegmentCache) -> list[str]:
        """Keys that the cache has not, by length of the segment."""
        new = [key for key in self.by_key if key not in cache]
        return sorted(new, key=lambda key: (sum(map(len, self.by_key[key])), self.by_key[key]))

    def scores(self, cache: SegmentCache) -> dict[str, list[float]]:
        """The scores of each text's lines, all of which the cache has."""
        return {name: [cache[key] for key in keys] for name, keys in self.keys.items()}


def score_segments(
    segments: Segments,
    scorer: Scorer,
    cache: SegmentCache,
    *,
    batch_size: int = 64,
    progress: Callable[..., None] = lambda **_: None,
) -> int:
    """Score what the cache does not know, and keep it there, in chunks of whole batches that take ``CHUNK_SECONDS``.

    Returns how many segments were scored.  Raises MetricError when the checkpoint gives no number for one.
    """
    new = segments.unknown(cache)
    batches, start = 1, 0
    while start < len(new):
        chunk = new[start : start + batches * batch_size]
        parts = zip(*(segments.by_key[key] for key in chunk), strict=True)
        sources, hypotheses, references = (list(part) for part in parts)
        began = time.perf_counter()
        scores = scorer.score(sources, hypotheses, references, batch_size)
        took = (time.perf_counter() - began) / batches
        for key, score in zip(chunk, scores, strict=True):
            if not math.isfinite(score):
                hypothesis = segments.by_key[key][1][:200]
                raise MetricError(f"The checkpoint gave {score} for a segment; its hypothesis: {hypothesis!r}.")
        cache.add(dict(zip(chunk, scores, strict=True)))
        start += len(chunk)
        batches = max(1, min(MOST_BATCHES, round(CHUNK_SECONDS / max(took, 1e-6))))
        progress(step=start, total=len(new), text="segments")
    return len(new)
