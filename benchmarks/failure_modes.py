"""Failure modes of given outputs, and what measuring them costs: the numbers of docs/failures.md.

    python benchmarks/failure_modes.py FOLDER ...

A folder is named after its direction (en-de) and holds source.en, ref.<name>.de and hyp.<system>.de, one line a
segment.  Every system, and every other reference, is measured against every reference: good translations hardly fail.
Then 10 methods x 10 directions x 200 sentences of the microworld, half of their words lost, are measured for the time.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

from mtsuite.data.direction import Direction
from mtsuite.data.microworld import LANGUAGES_IN_WORLD, generate
from mtsuite.metrics.failures import failures


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").removesuffix("\n").split("\n")


def outputs(folder: Path) -> None:
    direction = Direction.parse(folder.name)
    sources = lines(folder / f"source.{direction.source}")
    references = sorted(folder.glob(f"ref.*.{direction.target}"))
    for reference in references:
        for system in [*sorted(folder.glob(f"hyp.*.{direction.target}")), *references]:
            if system != reference:
                found = failures(direction, sources, lines(system), lines(reference))
                told = ", ".join(f"{m.name} {m.value:.2f}" for m in found.measures)
                print(f"{folder.parent.name} {direction} | {reference.name} | {system.name} | {told}", flush=True)


def cost(methods: int = 10, sentences: int = 200) -> None:
    rows = generate("test", sentences)
    chance = random.Random(1)
    pairs = [
        Direction(*pair) for other in LANGUAGES_IN_WORLD if other != "en" for pair in (("en", other), (other, "en"))
    ]
    started, slowest = time.process_time(), 0.0
    for _ in range(methods):
        for direction in pairs:
            references = [row[direction.target] for row in rows]
            hypotheses = [" ".join(w for w in text.split() if chance.random() < 0.5) or text for text in references]
            before = time.process_time()
            failures(direction, [row[direction.source] for row in rows], hypotheses, references)
            slowest = max(slowest, time.process_time() - before)
    total = time.process_time() - started
    print(f"{methods} methods x {len(pairs)} directions x {sentences} segments: {total:.1f} s of processor time, "
          f"of which the slowest file {slowest:.2f} s (the first opens the identifier)")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="folders with source, references and outputs")
    for folder in parser.parse_args().folders:
        outputs(folder)
    cost()


if __name__ == "__main__":
    main()
