"""How long the paired tests and the intervals of a whole table take, beside sacrebleu's own paired test.

    OMP_NUM_THREADS=2 python benchmarks/significance.py
    OMP_NUM_THREADS=2 python benchmarks/significance.py --methods 10 --directions 10 --segments 200 --rounds 1000

Systems are random spoilings of random references.  Scoring is timed apart: a report tests what score jobs have kept.
Measured are (1) every method against a baseline with averages and intervals, as every report does; (2) any two methods;
(3) sacrebleu's PairedTest for one direction of the same size, from stored statistics as far as it allows, times the
number of directions.
"""

from __future__ import annotations

import argparse
import os
import random
import time
from collections.abc import Callable
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.jobs.statistics import interval_rows, significance_rows
from mtsuite.metrics import MetricResult, make_metric

WORDS = [f"{a}{b}{c}" for a in ("ka", "lo", "mi", "ne") for b in ("rt", "s", "nd", "") for c in ("en", "a", "is", "o")]


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", type=int, default=10)
    parser.add_argument("--directions", type=int, default=10)
    parser.add_argument("--segments", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each method")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--metrics", default="BLEU,chrF,COMET", help="COMET stands for random segment scores")
    arguments = parser.parse_args()
    draw = random.Random(1)
    metrics = arguments.metrics.split(",")
    directions = [f"en-x{chr(ord('a') + i)}" for i in range(arguments.directions)]
    methods = [f"m{i}" for i in range(arguments.methods)]
    found: dict[tuple[str, str, str, str], dict[int, MetricResult]] = {}
    texts = {}
    started = time.perf_counter()
    for direction in directions:
        references = [" ".join(draw.choices(WORDS, k=draw.randint(8, 30))) for _ in range(arguments.segments)]
        for place, method in enumerate(methods):
            for seed in range(arguments.seeds):
                rate = 0.3 + 0.005 * place
                lines = [" ".join(draw.choice(WORDS) if draw.random() < rate else w for w in line.split())
                         for line in references]  # fmt: skip
                texts[direction, method, seed] = (lines, references)
                for metric in metrics:
                    if metric == "COMET":
                        segments = [draw.gauss(70, 10) for _ in lines]
                        mean = sum(segments) / len(segments)
                        result = MetricResult("COMET", mean, "random", len(segments), segments)
                    else:
                        result = make_metric(metric).score(Direction.parse(direction), references, lines, references)
                    found.setdefault((method, direction, "test", metric), {})[seed] = result
    size = (f"{arguments.methods} methods x {arguments.directions} directions x {arguments.segments} segments x "
            f"{arguments.seeds} seeds, {arguments.rounds} rounds")  # fmt: skip
    print(f"{size}; {os.cpu_count()} cores, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}")
    print(f"text and scores made in {time.perf_counter() - started:.1f} s", flush=True)

    places = [(direction, "test") for direction in directions]

    def look(*key: str) -> dict[int, MetricResult]:
        return found[key]  # type: ignore[index]

    for metric in metrics:
        for test in ("approximate_randomization", "bootstrap"):
            settings = {"test": test, "rounds": arguments.rounds, "seed": 12345}
            spec: dict[str, Any] = {"metrics": [metric], "methods": methods, "baseline": "m0", "significance": settings}
            seconds, rows = timed(lambda spec=spec: list(significance_rows(spec, places, look)))
            every, more = timed(lambda spec=spec, settings=settings: list(significance_rows(
                {**spec, "baseline": None, "significance": {**settings, "pairs": "all"}}, places, look)))  # fmt: skip
            print(f"{metric} {test}: against the baseline {seconds:.2f} s ({len(rows)} tests), any two {every:.2f} s "
                  f"({len(more)} tests)", flush=True)  # fmt: skip
        seconds, rows = timed(lambda spec=spec: list(interval_rows(spec, places, look)))
        print(f"{metric} intervals: {seconds:.2f} s ({len(rows)})", flush=True)
        if metric not in ("BLEU", "chrF", "TER"):
            continue
        ours = sacrebleus(metric, directions[0], methods, texts, arguments.rounds)
        one = {**spec, "significance": {"test": "approximate_randomization", "rounds": arguments.rounds, "seed": 12345}}
        alone, _ = timed(lambda one=one: list(significance_rows(one, places[:1], look)))
        print(f"{metric}, one direction, against the baseline: sacrebleu {ours:.2f} s without its scoring, here "
              f"{alone:.2f} s, ratio {ours / alone:.1f}", flush=True)  # fmt: skip


def sacrebleus(metric: str, direction: str, methods: list[str], texts: dict[Any, Any], rounds: int) -> float:
    """Seconds of sacrebleu's approximate randomisation of one direction, less what its scoring takes."""
    import sacrebleu
    from sacrebleu.significance import PairedTest

    made = {"BLEU": sacrebleu.BLEU, "chrF": sacrebleu.CHRF, "TER": sacrebleu.TER}[metric]()
    references = texts[direction, methods[0], 0][1]
    systems = [(method, texts[direction, method, 0][0]) for method in methods]
    scoring, _ = timed(lambda: [made._extract_corpus_statistics(lines, [references]) for _, lines in systems])
    whole, _ = timed(lambda: PairedTest(systems, {metric: made}, [references], "ar", n_samples=rounds)())
    return max(0.0, whole - scoring)


if __name__ == "__main__":
    main()
