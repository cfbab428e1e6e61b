"""Train the embedded COMET on the microworld and write it as a COMET checkpoint.

    python -m mtsuite.metrics.comet_embedded.train --output FOLDER

A few minutes on one core.  The result depends on the seed, the microworld's version and the
versions of the libraries, all of which ``card.json`` records together with the agreement (Kendall's
τ-b) of the scores with the known severities on held-out sentences.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mtsuite.metrics.comet_embedded.build import ENCODER, make_encoder, make_model, save_checkpoint
from mtsuite.metrics.comet_embedded.degrade import ACCIDENTS, WEIGHTS, Degrader

# How often each kind of degradation is shown.
SHARES: dict[str, float] = (
    {"perfect": 0.10, "several": 0.30} | dict.fromkeys(WEIGHTS, 0.06) | dict.fromkeys(ACCIDENTS, 0.03)
)
MODULE = "mtsuite.metrics.comet_embedded.train"


@dataclass(frozen=True)
class Settings:
    """Everything that decides the checkpoint, beside the microworld itself."""

    seed: int = 1
    meanings: int = 40_000  # sentences drawn from the microworld's training split
    steps: int = 3_500
    batch_size: int = 64
    learning_rate: float = 3e-3
    vocabulary: int = 4_000
    hidden: int = 64
    layers: int = 2
    estimator: tuple[int, ...] = (128, 32)
    heldout: int = 3_000  # held-out examples behind the agreement in the card


@dataclass(frozen=True)
class Example:
    """One training triple; ``score`` is 1 − severity."""

    src: str
    mt: str
    ref: str
    score: float
    kind: str
    source: str
    target: str


def make_examples(world: Any, meanings: list[dict[str, str]], count: int, seed: int) -> Iterator[Example]:
    """``count`` degraded translations of ``meanings``, all directions alike, deterministic from the seed."""
    degrader = Degrader(world)
    kinds, weights = list(SHARES), list(SHARES.values())
    rng = random.Random(seed)
    languages = sorted(meanings[0])
    for _ in range(count):
        meaning, other = rng.choice(meanings), rng.choice(meanings)
        source, target = rng.sample(languages, 2)
        kind = rng.choices(kinds, weights)[0]
        worse = degrader.degrade(rng, kind, meaning, other, source, target)
        score = round(1.0 - worse.severity, 4)
        yield Example(meaning[source], worse.text, meaning[target], score, worse.kind, source, target)


def fit(model: Any, examples: Iterator[Example], settings: Settings, report: Callable[[str], None]) -> None:
    """Fit the model to the scores: AdamW, mean squared error, linear warm-up and decay."""
    import torch

    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.01)
    warmup = max(1, settings.steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warmup, max(0.0, 1 - step / settings.steps))
    )
    model.train()
    total = 0.0
    for step in range(1, settings.steps + 1):
        batch = [asdict(next(examples)) for _ in range(settings.batch_size)]
        samples = [{key: row[key] for key in ("src", "mt", "ref", "score")} for row in batch]
        inputs, targets = model.prepare_sample(samples, stage="fit")
        loss = model.compute_loss(model(**inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        total += float(loss.detach())
        if step % 250 == 0:
            report(f"step {step}/{settings.steps}  loss {total / 250:.4f}")
            total = 0.0
    model.eval()


def agreement(checkpoint: Path, examples: list[Example]) -> dict[str, Any]:
    """Kendall's τ-b between COMET's scores and the known ones: overall, by target language, and chrF's for scale."""
    from scipy.stats import kendalltau

    from mtsuite.data.direction import Direction
    from mtsuite.metrics.comet_worker import CometEngine
    from mtsuite.metrics.registry import make_metric

    sources, hypotheses = [e.src for e in examples], [e.mt for e in examples]
    references = [e.ref for e in examples]
    scores = CometEngine(str(checkpoint), device="cpu").score(sources, hypotheses, references)
    chrf = make_metric("chrF").score(Direction("en", "de"), sources, hypotheses, references).segments or []
    known = [example.score for example in examples]

    def tau(values: list[float], target: str | None = None) -> float:
        rows = [(a, b) for a, b, e in zip(values, known, examples, strict=True) if target in (None, e.target)]
        return round(float(kendalltau(*zip(*rows, strict=True)).statistic), 4)

    def mean(kind: str) -> dict[str, float]:
        rows = [(s, k) for s, k, e in zip(scores, known, examples, strict=True) if e.kind == kind]
        return {
            "comet": round(100 * sum(s for s, _ in rows) / max(1, len(rows)), 1),
            "known": round(100 * sum(k for _, k in rows) / max(1, len(rows)), 1),
        }

    languages = sorted({example.target for example in examples})
    return {
        "sentences": len(examples),
        "tau": tau(scores),
        "tau_by_target": {code: tau(scores, code) for code in languages},
        "tau_of_chrf": tau(chrf),
        "mean_score_by_kind": {kind: mean(kind) for kind in sorted({e.kind for e in examples})},
    }


def versions() -> dict[str, str]:
    """Versions of what the checkpoint depends on."""
    from importlib.metadata import version

    return {name: version(name) for name in ("unbabel-comet", "torch", "transformers", "tokenizers", "scipy")}


def train_embedded_comet(
    output: Path,
    seed: int = 1,
    settings: Settings | None = None,
    world: Any = None,
    report: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Make the checkpoint in ``output`` and return its card (also written as ``card.json``).

    ``world`` answers ``generate(split, count, seed)``, ``words_of_same_category`` and ``inflections``; by default it is
    ``mtsuite.data.microworld``.  An existing folder is replaced only when it holds such a checkpoint.  Raises
    MetricError when ``output`` holds anything else.
    """
    import torch

    from mtsuite.errors import MetricError

    if world is None:
        from mtsuite.data import microworld

        world = microworld
    settings = settings or Settings(seed=seed)
    output = Path(output)
    if output.exists():
        if any(output.iterdir()) and not (output / "card.json").is_file():
            raise MetricError(f"{output} exists and is not an embedded COMET; choose another folder.")
        shutil.rmtree(output)
    meanings = list(world.generate("train", settings.meanings, settings.seed))
    heldout = list(world.generate("test", settings.heldout, settings.seed))
    text = [meaning[code] for meaning in meanings[:10_000] for code in sorted(meaning)]
    make_encoder(text, output / ENCODER, settings.vocabulary, settings.hidden, settings.layers)
    torch.manual_seed(settings.seed)
    model = make_model(output, list(settings.estimator), settings.learning_rate)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    report(f"{parameters:,} parameters")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order: the same seed gives the same weights
    try:
        examples = make_examples(world, meanings, settings.steps * settings.batch_size, settings.seed)
        fit(model, examples, settings, report)
    finally:
        torch.set_num_threads(threads)
    save_checkpoint(model, output)
    card = {
        "name": "embedded",
        "about": "A tiny COMET trained by mtsuite on degraded microworld translations; not comparable with others.",
        "command": f"python -m {MODULE} --output FOLDER --seed {settings.seed}",
        "settings": asdict(settings),
        "parameters": parameters,
        "microworld_version": str(getattr(world, "VERSION", "")),
        "severities": {"edits (times the fraction of the sentence)": WEIGHTS, "accidents": ACCIDENTS},
        "shares": SHARES,
        "agreement": agreement(output, list(make_examples(world, heldout, settings.heldout, settings.seed + 1))),
        "versions": versions(),
        "licence": "Apache-2.0",
    }
    (output / "card.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return card


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, required=True, help="folder to write the checkpoint to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    arguments = parser.parse_args()
    settings = Settings(seed=arguments.seed, steps=arguments.steps)
    card = train_embedded_comet(arguments.output, settings=settings, report=lambda line: print(line, flush=True))
    print(json.dumps(card["agreement"], indent=2))


if __name__ == "__main__":
    main()
