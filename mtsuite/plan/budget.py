"""How much text a run will see, how long its trainings take, and whether a base is pretrained first.

What finished jobs of the store measured comes first; what nothing has measured is estimated ("about") or "?".
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtsuite.data.preview import Sizes
from mtsuite.model.pretrained import CARD, SHIPPED, shipped_for
from mtsuite.plan.graph import Job
from mtsuite.plan.planned import Planned
from mtsuite.recipe.schema import Recipe

# Kind -> what each finished job of that kind says: specification, keys of its inputs, summary, folder.
Finished = Callable[[str], Iterator["Done"]]
_BYTES_PER_TOKEN = 3.5  # of subword vocabularies on text of several languages, roughly
_PROMPT_TOKENS = 20  # of an instruction, roughly
_BATCH = ("tokens_per_batch", "sentences_per_batch", "gradient_accumulation_steps")
_SAMPLE = 100  # generated pairs whose length is measured


@dataclass(frozen=True)
class Done:
    """A finished job."""

    spec: dict[str, Any]
    inputs: dict[str, str]
    summary: dict[str, Any]
    folder: Path


def text_lines(sizes: list[Sizes]) -> list[str]:
    """Pairs by split before cleaning, pairs of languages with equal numbers together."""
    groups: dict[str, list[str]] = {}
    for one in sizes:
        parts = [f"{_number(one.train)} training", f"{_number(one.valid)} validation"]
        tests = {(name, count) for found in one.tests.values() for name, count in found.items()}
        parts += [f"{_number(count)} test ({name})" for name, count in sorted(tests, key=str)]
        told = ", ".join(parts)
        if one.held_out:
            told += f"; {one.held_out:,} lines of training are held out for validation and test sets without files"
        groups.setdefault(told, []).append(one.pair)
    return [f"Pairs before cleaning, {', '.join(pairs)}: {told}" for told, pairs in groups.items()]


def _number(count: int | None) -> str:
    return "?" if count is None else f"{count:,}"


@dataclass(frozen=True)
class Seen:
    """Training pairs that a row sees per direction; ``there`` are those that the text has, where they are counted."""

    pairs: float
    there: float | None
    how: str  # "": measured; "at most" or "about"

    @property
    def epochs(self) -> float | None:
        return self.pairs / self.there if self.there else None

    def __str__(self) -> str:
        text = " ".join(filter(None, [self.how, f"{_rounded(self.pairs):,}"]))
        return f"{text} of {_rounded(self.there):,} ({self.epochs:.2g} epochs)" if self.there else text


def _rounded(pairs: float) -> int:
    return round(pairs) if pairs < 1000 else int(float(f"{pairs:.3g}"))


def pairs_seen(planned: Planned, trained: Sequence[Done]) -> Seen | None:
    """Pairs per direction of the joint training on parallel text; None where nothing tells.

    ``trained`` are the finished trainings of the store.
    """
    train = planned.recipe.train
    batches = train.max_steps * train.gradient_accumulation_steps / len(planned.recipe.directions)
    for done in trained:
        seen, asked = done.summary.get("pairs_by_direction"), done.spec.get("train", {})
        same = all(asked.get(key) == getattr(train, key) for key in _BATCH)
        same = same and done.spec.get("directions") == planned.recipe.directions
        if seen and same and done.inputs.get("corpus") == planned.corpus and done.inputs.get("base") == planned.base:
            each = sum(seen.values()) / (done.summary["updates"] * train.gradient_accumulation_steps)
            there = done.summary["pairs_there"]
            return Seen(batches * each, sum(there.values()) / len(there), "")
    each, how = _pairs_per_batch(planned)
    return None if each is None else Seen(batches * each, _pairs_there(planned), how)


def _pairs_per_batch(planned: Planned) -> tuple[float | None, str]:
    """Pairs of a micro-batch, estimated from the bytes of the text, and whether that is a bound."""
    train, size = planned.recipe.train, _pair_bytes(planned)
    sentences = train.sentences_per_batch
    if size is None:
        return (None, "") if sentences is None else (float(sentences), "at most")
    each = max(1.0, train.tokens_per_batch / (size / _BYTES_PER_TOKEN + _PROMPT_TOKENS))
    return (float(sentences), "at most") if sentences is not None and sentences <= each else (each, "about")


def _pairs_there(planned: Planned) -> float | None:
    """Training pairs of a direction, before cleaning; of a hub's text what the recipe takes at most."""
    text = planned.recipe.data.text
    if text.source == "hub":
        return text.max_train_sentences
    found = [one.train for one in planned.sizes if one.pair in _pairs_of(planned.recipe)]
    known = [count for count in found if count]
    return sum(known) / len(known) if known and len(known) == len(found) else None


def _pairs_of(recipe: Recipe) -> set[str]:
    from mtsuite.data.corpus import pair_name

    return {pair_name(direction.pair) for direction in recipe.parsed_directions()}


def _pair_bytes(planned: Planned) -> float | None:
    """UTF-8 bytes of a training pair, on average over the directions; None where no text is at hand."""
    recipe = planned.recipe
    if recipe.data.text.source == "microworld":
        from mtsuite.data.microworld import generate

        rows = generate("train", _SAMPLE, recipe.data.text.seed)
        sides = [(d.source, d.target) for d in recipe.parsed_directions()]
        return statistics.fmean(len((row[a] + row[b]).encode()) for row in rows for a, b in sides)
    found = [one.pair_bytes for one in planned.sizes if one.pair_bytes and one.pair in _pairs_of(recipe)]
    return statistics.fmean(found) if found else None


def seconds_of(jobs: list[Job], trained: Sequence[Done]) -> float | None:
    """Rough seconds of trainings: measured for these very jobs, else by others of the method on the same base."""
    measured = [(done.spec, done.inputs.get("base"), done.summary) for done in trained]
    total = 0.0
    for job in jobs:
        mine = [
            summary["train_seconds"] / max(1, summary["updates"])
            for spec, base, summary in measured
            if base == job.inputs.get("base")
            and spec.get("_use") == job.spec["_use"]
            and spec.get("phase") == job.spec["phase"]
            and all(spec["train"].get(key) == job.spec["train"][key] for key in _BATCH)
            and "train_seconds" in summary
        ]
        if not mine:
            return None
        total += statistics.median(mine) * job.spec["train"]["steps"]
    return total


def duration(seconds: float | None) -> str:
    """``40 s``, ``12 min``, ``3.5 h``; ``?`` for what is not known."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def pretraining(
    planned: Planned, done: Callable[[Job], bool], finished: Finished, folder: Callable[[Job], Path]
) -> str:
    """What a run says of a base that it pretrains before anything else; empty where none is."""
    recipe = planned.recipe
    job = planned.plan.jobs[planned.base]
    if recipe.model.name_or_path != "pretrain" or done(job) or _is_shipped(planned, done, folder):
        return ""
    settings = recipe.model.pretrain
    tokens = settings.steps * settings.rows_per_batch * settings.row_tokens
    seconds = _pretraining_seconds(planned, tokens, finished)
    return (
        f"The base model is pretrained first, and kept in the store for later runs: {settings.steps:,} steps, "
        f"{tokens / 1e6:,.2f} M tokens, about {duration(seconds)}."
    )


def _is_shipped(planned: Planned, done: Callable[[Job], bool], folder: Callable[[Job], Path]) -> bool:
    """Whether the weights that come with the suite are the base.

    By the text where the corpus is made already, as the job does; before that by the plan: the shipped base is that of
    the recipe ``table1``.
    """
    from mtsuite.data.prompts import Templates
    from mtsuite.jobs.base import pretraining_fingerprint
    from mtsuite.plan.base import base_job
    from mtsuite.plan.corpus import corpus_job
    from mtsuite.recipe import read_recipe

    job, corpus = planned.plan.jobs[planned.base], planned.plan.jobs[planned.corpus]
    if not job.spec["_use_shipped"] or not (SHIPPED / CARD).is_file():
        return False
    if done(corpus):
        return shipped_for(pretraining_fingerprint(job.spec, folder(corpus))) is not None
    known = read_recipe("table1", [])
    first, _ = corpus_job(known.recipe, known.folder)
    made = base_job(known.recipe, known.folder, first.key, {"texts": list(Templates.builtin().texts)}, {})
    return _told(job) == _told(made) and _read_by_base(corpus.spec) == _read_by_base(first.spec)


def _told(base: Job) -> list[Any]:
    """What of a base's specification decides its weights."""
    return [base.spec["model"], base.spec["directions"], base.spec["templates"]["texts"], base.spec["version"]]


def _read_by_base(spec: Mapping[str, Any]) -> str:
    """What of a corpus' specification decides the text that a base reads."""
    text = {key: value for key, value in spec["settings"]["text"].items() if not key.startswith("test")}
    return json.dumps([spec["version"], text, spec["directions"]], sort_keys=True)


def _pretraining_seconds(planned: Planned, tokens: int, finished: Finished) -> float | None:
    """From the speed of pretraining on this machine where there was one, else of the shipped base's; by parameters."""
    from mtsuite.plan.cost import skeleton_of

    card = json.loads((SHIPPED / CARD).read_text(encoding="utf-8"))["summary"] if (SHIPPED / CARD).is_file() else {}
    speeds = [one.summary for one in finished("base") if one.summary.get("made") == "pretrained in this run"]
    known = next((one for one in [*speeds, card] if one.get("tokens_per_second")), None)
    skeleton = skeleton_of(planned)
    if known is None or skeleton is None:
        return None
    parameters = sum(p.numel() for p in skeleton.parameters())
    return float(tokens / known["tokens_per_second"] * parameters / known["parameters"])


def transfer_budget(recipe: Recipe) -> str:
    """Steps of each single-direction training beside a direction's share of the joint one."""
    assert recipe.transfer is not None
    joint, count = recipe.train.max_steps, len(recipe.directions)
    steps = recipe.transfer.max_steps or joint
    told = (
        f"{steps / (joint / count):.3g} times a direction's share of the joint training ({joint / count:g} of {joint})"
    )
    if recipe.transfer.max_steps is None:
        told += "; transfer.max_steps is empty, and LANDeRMT trains 1,250 steps per direction there"
    return told


def rate_of(planned: Planned, name: str) -> tuple[str, str]:
    """The learning rate of a row's main phase, and a remark where the recipe overrides the method's own."""
    from mtsuite.method import main_phase

    recipe = planned.recipe
    phase = main_phase(planned.methods[name].phases())
    if phase is None:
        return "-", ""
    if name in planned.searches:
        return "searched", ""
    own, shared = recipe.methods[name].train.learning_rate, recipe.train.learning_rate
    rate = own or shared or phase.learning_rate
    if not own and shared and shared != phase.learning_rate:
        return f"{rate:g}", f"train.learning_rate overrides the method's own rate, {phase.learning_rate:g}"
    return f"{rate:g}", ""


def trainings_of(planned: Planned, name: str) -> list[Job]:
    """Training jobs of a row under its first seed, those of transfer and sequences aside."""
    seed = planned.recipe.seeds[0]
    keys = [
        key
        for training in planned.trainings
        if (training.method, training.seed, training.transfer) == (name, seed, False)
        for _, key in training.phases
    ]
    return [planned.plan.jobs[key] for key in dict.fromkeys(keys) if planned.plan.jobs[key].kind == "train"]
