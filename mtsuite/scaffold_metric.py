"""Starting point for a metric of one's own: one commented file that works as it is."""

from __future__ import annotations

from pathlib import Path

from mtsuite.scaffold import Name, _filled, _write


def write_metric(text: str, folder: Path) -> Path:
    """Write ``folder/my_score.py`` and return its path.  Raises ScaffoldError when it is there, or for no name."""
    name = Name(text)
    path = folder / f"{name.module}.py"
    _write({path: _filled(METRIC, name)})
    return path


METRIC = '''"""@slug@: one sentence on what it measures, and where it comes from."""

from collections.abc import Sequence

from mtsuite.data.direction import Direction
from mtsuite.metrics.own import SegmentMetric


class @class@(SegmentMetric):
    """The share of the reference's words that the translation has, in percent."""

    name = "@slug@"  # the heading of its column
    lower_is_better = False  # must be said: marks, averages and colours follow it
    version = "1"  # stands in the signature; raise it when scores change

    def segments(
        self, direction: Direction, sources: Sequence[str], hypotheses: Sequence[str], references: Sequence[str]
    ) -> list[float]:
        return [score(hypothesis, reference) for hypothesis, reference in zip(hypotheses, references, strict=True)]


def score(hypothesis: str, reference: str) -> float:
    wanted = set(reference.lower().split())
    return 100 * len(wanted & set(hypothesis.lower().split())) / max(1, len(wanted))
'''
