"""Made-up results folders, written the way the suite writes them."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.results.folder import COST_COLUMNS, SCORE_COLUMNS, SIGNIFICANCE_COLUMNS
from mtsuite.results.segments import Segments, write_segments

SIGNATURE = "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.5.1"
SIGNATURE_ZH = SIGNATURE.replace("13a", "zh")

Line = dict[str, Any]
Numbers = Mapping[str, Mapping[str, float | tuple[float, ...]]]


def write_csv(path: Path, columns: tuple[str, ...], lines: list[Line]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def write_folder(
    folder: Path,
    scores: list[Line],
    info: dict[str, Any],
    costs: list[Line] | None = None,
    significance: list[Line] | None = None,
) -> Path:
    """A results folder; what a score line leaves out is filled in."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {"seed": 1, "trained_on": "all", "testset": "toy", "metric": "BLEU", "signature": SIGNATURE, "n": 100}
    write_csv(folder / "scores.csv", SCORE_COLUMNS, [plain | line for line in scores])
    write_csv(folder / "costs.csv", COST_COLUMNS, costs or [])
    if significance is not None:
        write_csv(folder / "significance.csv", SIGNIFICANCE_COLUMNS, significance)
    (folder / "report.json").write_text(json.dumps({"schema": 1, **info}), encoding="utf-8")
    return folder


def grid(numbers: Numbers, **common: Any) -> list[Line]:
    """Score lines of {method: {direction: score, or one score a seed}}."""
    lines = []
    for method, row in numbers.items():
        for direction, value in row.items():
            for seed, score in enumerate(value if isinstance(value, tuple) else (value,), start=1):
                lines.append({"method": method, "direction": direction, "seed": seed, "score": score, **common})
    return lines


def small(folder: Path) -> Path:
    """Two methods and the floor row on two directions; one seed; the numbers are easy to follow by hand."""
    numbers = {
        "full": {"en-de": 20.0, "de-en": 30.0},
        "lora": {"en-de": 21.5, "de-en": 28.0},
        "source-copy": {"en-de": 40.0, "de-en": 50.0},
    }
    info = {
        "title": "Toy",
        "methods": ["full", "lora"],
        "labels": {"full": "Full", "lora": "LoRA"},
        "directions": ["en-de", "de-en"],
        "trained_methods": ["full", "lora"],
        "metrics": ["BLEU"],
    }
    costs = [
        {"method": "full", "seed": 1, "trainable_params": 1_200_000, "total_params": 1_200_000, "train_seconds": 75},
        {"method": "lora", "seed": 1, "trainable_params": 24_000, "total_params": 1_224_000, "train_seconds": 42.4},
    ]
    return write_folder(folder, grid(numbers), info, costs)


DIRECTIONS = ["en-de", "de-en", "en-fr", "fr-en", "en-it", "it-en", "en-ar", "ar-en", "en-zh", "zh-en"]
LABELS = {
    "zero-shot": "Zero-shot",
    "few-shot": "5-shot",
    "full": "Full fine-tuning",
    "lora": "LoRA (r = 8)",
    "adapter": "Adapter",
    "adapter-lora": "Adapter-LoRA",
    "landermt": "LANDeRMT",
    "landermt-la": "LANDeRMT w/o LA",
    "mix-moe": "Mix-MoE",
    "random-subset": "Random subset",
}
PARAMS = {
    "zero-shot": 0,
    "few-shot": 0,
    "full": 4_120_000,
    "lora": 82_000,
    "adapter": 104_000,
    "adapter-lora": 131_000,
    "landermt": 655_000,
    "landermt-la": 655_000,
    "mix-moe": 2_460_000,
    "random-subset": 655_000,
}
_QUALITY = dict(zip(LABELS, (4.1, 9.6, 33.2, 28.4, 29.9, 30.1, 34.0, 32.7, 34.3, 29.0), strict=True))
_TEXTS = {
    "de": "Der alte Mann liest das Buch im Garten.",
    "en": "The old man reads the book in the garden.",
    "fr": "Le vieil homme lit le livre dans le jardin.",
    "it": "Il vecchio uomo legge il libro nel giardino.",
    "ar": "يقرأ الرجل العجوز الكتاب في الحديقة.",
    "zh": "那位老人在花园里看书。",
}


def large(folder: Path, seeds: int = 3, fair: bool = True, failure: bool = True) -> Path:
    """Ten methods, ten directions, three metrics, transfer of two methods, translations and all else."""
    draw = random.Random(7)
    methods = list(LABELS)
    scores, costs, tests = [], [], []
    for metric, scale, shift in (("BLEU", 1.0, 0.0), ("chrF", 1.1, 18.0), ("COMET", 0.9, 45.0)):
        for method in [*methods, "source-copy"]:
            runs = 1 if method in ("zero-shot", "few-shot", "source-copy") else seeds
            for direction in DIRECTIONS:
                if failure and method == "adapter-lora" and direction == "en-ar":
                    continue
                drop = -6 if "ar" in direction or "zh" in direction else 0
                level = 3.0 if method == "source-copy" else max(1.0, _QUALITY[method] + drop)
                level = (level + draw.uniform(-2, 2)) * scale + shift
                signature = SIGNATURE_ZH if direction == "en-zh" else SIGNATURE
                for seed in range(1, runs + 1):
                    scores.append(
                        {
                            "method": method, "seed": seed, "trained_on": "all", "direction": direction,
                            "testset": "microworld", "metric": metric, "score": level + draw.gauss(0, 0.3),
                            "signature": signature if metric == "BLEU" else f"{metric}|version:2.5.1", "n": 100,
                        }
                    )  # fmt: skip
        for method in ("full", "landermt"):
            for trained in DIRECTIONS:
                for tested in DIRECTIONS:
                    gain = 18.0 if trained == tested else 5.0 if trained.split("-")[1] == tested.split("-")[1] else -1.5
                    gain += (1.5 if method == "landermt" else 0.0) + draw.gauss(0, 1.5)
                    scores.append(
                        {
                            "method": method, "seed": 1, "trained_on": trained, "direction": tested,
                            "testset": "microworld", "metric": metric, "score": max(0, 4.0 + gain) * scale + shift,
                            "signature": SIGNATURE, "n": 100,
                        }
                    )  # fmt: skip
        for method in methods:
            if method != "full":
                for direction in DIRECTIONS:
                    tests.append(
                        {
                            "metric": metric, "direction": direction, "method": method, "baseline": "full",
                            "delta": _QUALITY[method] - 33.2, "p_value": draw.choice([0.0004, 0.012, 0.3]),
                            "test": "paired approximate randomisation, 1000 rounds, seed 12345, Holm", "n": 100,
                        }
                    )  # fmt: skip
    for method in methods:
        trains = PARAMS[method] > 0
        for seed in range(1, (seeds if trains else 1) + 1):
            costs.append(
                {
                    "method": method, "seed": seed, "trainable_params": PARAMS[method],
                    "total_params": 4_120_000 + (PARAMS[method] if method in ("lora", "adapter", "mix-moe") else 0),
                    "active_params_per_token": 4_120_000, "peak_memory_mb": 900 + PARAMS[method] / 4000,
                    "train_seconds": 110 + draw.uniform(0, 60) if trains else "",
                    "train_tokens_per_second": 5400 if trains else "", "translate_segments_per_second": 47.3,
                }
            )  # fmt: skip
    costs.append({"method": "source-copy", "seed": 1})
    streams = [
        {"method": m, "seed": s, "trained_on": "all", "target_tokens": 512_000, "updates": 250,
         "fingerprint": "9f3c21aa04" if fair or m != "mix-moe" else "77b0e1d2c3"}
        for m in methods if PARAMS[m] for s in range(1, seeds + 1)
    ]  # fmt: skip
    info = {
        "title": "Microworld: ways to adapt a small BLOOM",
        "methods": methods,
        "labels": LABELS,
        "directions": DIRECTIONS,
        "trained_methods": [m for m in methods if PARAMS[m]],
        "baseline": "full",
        "metrics": ["BLEU", "chrF", "COMET"],
        "notes": ["Numbers are of a tiny model in a tiny world; only their order is of interest."],
        "method_notes": {m: "lr 1e-3, AdamW" for m in methods if PARAMS[m]}
        | {"mix-moe": "lr 1e-3; reads monolingual text too"},
        "transfer": {"methods": ["full", "landermt"], "base": "zero-shot", "directions": DIRECTIONS},
        "fairness": {
            "consistent": fair,
            "streams": streams,
            "message": "all methods consumed the same stream of 512,000 target tokens."
            if fair
            else "Mix-MoE consumed another stream than the other methods.",
        },
        "failed": [{"job": "translate adapter-lora en-ar", "error": "RuntimeError: out of memory"}] if failure else [],
        "decoding": "greedy, at most 64 new tokens",
        "model": "pretrained here, BLOOM architecture, 4 layers of width 160, 4.1 M parameters",
        "data": "microworld, 20,000 meanings in 6 languages",
        "command": "mtsuite run recipes/microworld.yaml",
        "learning_curves": {
            m: [[s, 1.2 + 5 / (1 + s / 20) + 0.1 * i + draw.gauss(0, 0.05)] for s in range(1, 251)]
            for i, m in enumerate(m for m in methods if PARAMS[m])
        },
        "significance_alpha": 0.05,
        "metric_notes": {"COMET": "Embedded checkpoint (tiny), unbabel-comet 2.2.7; Kendall τ 0.41 on held-out pairs."},
    }  # fmt: skip
    write_folder(folder, scores, info, costs, tests)
    (folder / "recipe.yaml").write_text("name: microworld\nseeds: [1, 2, 3]\n", encoding="utf-8")
    environment = {"mtsuite": "0.1.0", "packages": {"torch": "2.9.1"}, "hardware": {"cores": 2, "gpu": None}}
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    segments = []
    for direction in DIRECTIONS:
        source, target = direction.split("-")
        sources = tuple(f"{_TEXTS[source]} ({i})" for i in range(100))
        references = tuple(f"{_TEXTS[target]} ({i})" for i in range(100))
        comet = {m: {"1": [round(draw.uniform(20, 90), 2) for _ in range(100)]} for m in methods}
        segments.append(Segments(direction, "toy", sources, references, {"COMET": comet}))
        for method in methods:
            path = folder / "translations" / method / "1" / "all" / f"{direction}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            tail = "" if method in ("full", "landermt") else " …"
            path.write_text("".join(f"{_TEXTS[target]} ({i}){tail}\n" for i in range(100)), encoding="utf-8")
    write_segments(folder, segments, several=False)
    return folder
