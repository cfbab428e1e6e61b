"""COMET over a whole results folder: every text by itself on two workers, against one batch with equal segments once.

    python benchmarks/comet_batch.py results/table1

Reads ``translations/`` of a results folder whose test set is multi-parallel and which has the source-copy row: the
sources of de-en are the references of en-de.  Prints seconds from the start of the processes to the last score; the
first way is how score jobs did it before COMET had a job of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mtsuite.metrics.comet import Comet
from mtsuite.metrics.comet_batch import Segments, Text, score_segments
from mtsuite.metrics.segment_cache import SegmentCache


def texts_of(results: Path) -> dict[str, Text]:
    """Every file of translations with its sources and references."""
    folder = results / "translations"
    sources = {path.stem: _lines(path) for path in (folder / "source-copy").rglob("*.txt")}
    found = {}
    for path in sorted(folder.rglob("*.txt")):
        source, _, target = path.stem.partition("-")
        found[str(path.relative_to(folder))] = Text(sources[path.stem], _lines(path), sources[f"{target}-{source}"])
    return found


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def each(results: Path, checkpoint: str, part: int, parts: int) -> None:
    """Score every ``parts``-th text by itself, as a worker of score jobs did."""
    scorer = Comet(checkpoint).scorer()
    for text in list(texts_of(results).values())[part::parts]:
        scorer.score(list(text.sources), list(text.hypotheses), list(text.references), 64)


def together(results: Path, checkpoint: str, cache: Path) -> None:
    """Score all texts at once and print how many segments there were."""
    scorer = Comet(checkpoint).scorer()
    texts = texts_of(results)
    segments = Segments.of(texts, references=True)
    with SegmentCache(cache, "benchmark", {"checkpoint": checkpoint}) as known:
        scored = score_segments(segments, scorer, known)
    count = sum(len(text.sources) for text in texts.values())
    print(json.dumps({"texts": len(texts), "segments": count, "distinct": len(segments.by_key), "scored": scored}))


def _seconds(*commands: list[str]) -> float:
    began = time.perf_counter()
    for process in [subprocess.Popen([sys.executable, __file__, *command]) for command in commands]:
        if process.wait():
            raise SystemExit(process.returncode)
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    parser.add_argument("--checkpoint", default="embedded")
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--part", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    common = [str(given.results), "--checkpoint", given.checkpoint]
    if given.part is not None:
        import torch

        torch.set_num_threads(1)
        each(given.results, given.checkpoint, given.part, 2)
    elif given.cache is not None:
        together(given.results, given.checkpoint, given.cache)
    else:
        with tempfile.TemporaryDirectory() as cache:
            halves = [[*common, "--part", part] for part in ("0", "1")]
            print(f"each text by itself, 2 processes: {_seconds(*halves):.1f} s")
            print(f"one batch: {_seconds([*common, '--cache', cache]):.1f} s")
            print(f"again, all known (the checkpoint is loaded): {_seconds([*common, '--cache', cache]):.1f} s")


if __name__ == "__main__":
    main()
