"""Results folders with real translations and scores, written the way the suite writes them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.metrics import make_metrics
from mtsuite.results.folder import COST_COLUMNS, SCORE_COLUMNS
from mtsuite.results.segments import Segments, write_segments

WORDS = ["der", "die", "das", "Hund", "Katze", "sieht", "heute", "nicht", "zwei", "Bücher", "liest", "im", "alt"]
RECIPE = """\
name: {name}
seeds: {seeds}
train: {{max_steps: {steps}, learning_rate: 0.001}}
methods:
"""


def world(
    folder: Path,
    rows: Mapping[str, float],
    *,
    directions: Sequence[str] = ("en-de", "en-zh"),
    metrics: Sequence[str] = ("BLEU", "chrF"),
    seeds: int = 1,
    steps: int = 40,
    test_seed: int = 1,
    draw: int = 5,
    labels: Mapping[str, str] | None = None,
    segments: bool = True,
    profile: str = "auto",
) -> Path:
    """A folder whose rows spoil the references at a rate; ``test_seed`` makes the test set, ``draw`` the spoiling."""
    scores, made = [], []
    rng = random.Random(draw)
    for direction in directions:
        text = random.Random(f"{test_seed} {direction}")
        references = [" ".join(text.choices(WORDS, k=text.randint(5, 12))) for _ in range(40)]
        sources = [line.upper() for line in references]
        comet: dict[str, dict[str, list[float]]] = {}
        for row, rate in rows.items():
            for seed in range(1, seeds + 1):
                lines = [" ".join(rng.choice(WORDS) if rng.random() < rate else word for word in line.split())
                         for line in references]  # fmt: skip
                path = folder / "translations" / row / str(seed) / "all" / f"{direction}.txt"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
                common = {"method": row, "seed": seed, "trained_on": "all", "direction": direction, "testset": "toy"}
                surface = [name for name in metrics if name != "COMET"]
                for metric in make_metrics(surface, profile):
                    result = metric.score(Direction.parse(direction), sources, lines, references)
                    scores.append({**common, "metric": metric.name, "score": f"{result.score:.6f}",
                                   "signature": result.signature, "n": result.n})  # fmt: skip
                if "COMET" in metrics:
                    xs = [round(100 - 80 * rate + rng.gauss(0, 5), 4) for _ in lines]
                    comet.setdefault(row, {})[str(seed)] = xs
                    scores.append({**common, "metric": "COMET", "score": f"{sum(xs) / len(xs):.6f}",
                                   "signature": "COMET-x (unbabel-comet 2)", "n": len(xs)})  # fmt: skip
        by_metric = {"COMET": comet} if comet else {}
        made.append(Segments(direction, "toy", tuple(sources), tuple(references), by_metric))
    info: dict[str, Any] = {
        "title": folder.name, "methods": list(rows), "labels": dict(labels or {}), "directions": list(directions),
        "metrics": list(metrics), "trained_methods": list(rows), "model": "4 M parameters",
    }  # fmt: skip
    (folder / "report.json").write_text(json.dumps({"schema": 1, **info}), encoding="utf-8")
    for name, columns, lines in (("scores", SCORE_COLUMNS, scores), ("costs", COST_COLUMNS, [])):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(lines)
    if segments:
        write_segments(folder, made, several=False)
    recipe = RECIPE.format(name=folder.name, seeds=list(range(1, seeds + 1)), steps=steps)
    (folder / "recipe.yaml").write_text(recipe + "".join(f"  {row}: {{label: {row}}}\n" for row in rows))
    environment = {"mtsuite": "0.1.0", "commit": "abc", "packages": {"sacrebleu": "2.6.0"},
                   "data": {"fingerprint": f"f{test_seed}", "pairs": {"de-en": {"train": 300}}}}  # fmt: skip
    (folder / "environment.json").write_text(json.dumps(environment))
    return folder
