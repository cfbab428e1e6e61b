"""The report job of a plan: what its tables, matrices and notes are made from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mtsuite.identity import identity
from mtsuite.plan.comet import comet_settings
from mtsuite.plan.graph import Job, Plan
from mtsuite.plan.interference import interference_pairs
from mtsuite.plan.keys import VERSIONS
from mtsuite.plan.metrics import metric_columns, own_metrics
from mtsuite.plan.planned import FLOOR, MEMORY, Planned
from mtsuite.plan.sequence import stage_steps
from mtsuite.plan.untrained import left_out
from mtsuite.recipe.schema import Recipe
from mtsuite.recipe.write import resolved_yaml

SCHEMA = 1


def report_plan(
    planned: Planned,
    available: Collection[str],
    failed: Sequence[dict[str, str]],
    *,
    results: Path,
    environment: dict[str, Any],
    command: str,
    incomplete: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """The jobs that have output (``available``, keys) and one report over them.

    The inputs of the report are the keys themselves as roles; a job that failed is not among them and
    leaves a hole, with its reason in ``failed`` (job, error).  ``incomplete`` are the available ones that
    will be made again, with the reason: a report over them is not the one over the whole.
    """
    recipe = planned.recipe
    plan = Plan()
    for job in planned.plan:
        if job.key in available:
            plan.add(job)
    inputs = {key: key for key in plan.jobs}
    inputs |= {"corpus": planned.corpus, "base": planned.base}
    if planned.untrained in plan.jobs:
        inputs["untrained"] = planned.untrained
    spec = {
        "version": VERSIONS["report"],
        "methods": [*recipe.methods, *recipe.external],
        "metrics": metric_columns(recipe),
        "comet": planned.comet,
        **own_metrics(recipe),
        "external": list(recipe.external),
        "incomplete": dict(incomplete),
        "seeds": recipe.seeds,
        "directions": recipe.directions,
        "test_sets": list(dict.fromkeys(line.test_set for line in planned.lines)),
        "baseline": recipe.report.baseline,
        "significance": recipe.significance.model_dump(mode="json"),
        "lines": [asdict(line) for line in planned.lines],
        "trainings": [{**asdict(t), "phases": [list(phase) for phase in t.phases]} for t in planned.trainings],
        "perplexities": [asdict(p) for p in planned.perplexities],
        **({"searches": {name: found.choice for name, found in planned.searches.items()}} if planned.searches else {}),
        **({"near": planned.near, "similarity": recipe.leakage.similarity} if planned.near else {}),
        "starts": [[s.method, s.seed, s.job] for s in planned.starts],
        # Trackers belong to this machine: whoever reads the folder elsewhere need not have them.
        "recipe_yaml": resolved_yaml(recipe.model_copy(update={"tracking": []}), results),
        "report": _page(planned, command),
        "page": recipe.report.page,
        "charts": {name: _method(planned, name) for name in dict.fromkeys(t.method for t in planned.trainings)},
        "_failed": list(failed),
        "_environment": environment,
        "embedded_comet": [
            name
            for name, comet in comet_settings(recipe).items()
            if (comet.checkpoint, comet.scores) == ("embedded", None) and plan.jobs[planned.comet[name]].spec["texts"]
        ],
    }
    plan.add(Job("report", "report", spec, inputs, cost=10.0))
    return plan


def _page(planned: Planned, command: str) -> dict[str, Any]:
    """What report.json says besides numbers."""
    recipe = planned.recipe
    floor = [FLOOR] if recipe.report.floor else []
    floor += [MEMORY] if recipe.leakage.translation_memory else []
    decoding = "greedy" if recipe.translate.num_beams == 1 else f"beam {recipe.translate.num_beams}"
    return {
        "schema": SCHEMA,
        "title": recipe.heading,
        "methods": [*floor, *recipe.methods, *recipe.external],
        "external": list(recipe.external),
        "labels": {name: _label(planned, name) for name in recipe.methods}
        | {name: row.label or name for name, row in recipe.external.items()},
        "sweeps": _sweeps(recipe),
        "directions": recipe.directions,
        "trained_methods": list(dict.fromkeys(t.method for t in planned.trainings)),
        "baseline": recipe.report.baseline,
        "columns": list(dict.fromkeys(recipe.report.columns)),
        "metrics": metric_columns(recipe),
        "notes": _about_bleu(recipe),
        "method_notes": {name: note for name in recipe.methods if (note := _note(planned, name))} | planned.outside,
        "transfer": _transfer(recipe),
        "sequence": _sequence(recipe),
        "forgetting": _forgetting(planned),
        "interference": interference_pairs(recipe, planned.methods),
        "decoding": f"{decoding}, at most {recipe.translate.max_new_tokens} new tokens",
        "data": recipe.data.text.source,
        "command": command,
        "significance_alpha": recipe.significance.alpha,
    }


def _method(planned: Planned, name: str) -> dict[str, Any]:
    """What the report needs of a method to ask it for charts."""
    method = planned.methods[name]
    config = method.config.model_dump(mode="json")
    return {"_use": planned.recipe.methods[name].use or name, "config": config, "identity": identity(type(method))}


def _sweeps(recipe: Recipe) -> list[dict[str, Any]]:
    """Rows that a sweep made, in groups: what was swept, and each row with its value."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for name, row in recipe.methods.items():
        if row.swept is not None:
            group = groups.setdefault(
                (row.swept.row, row.swept.key),
                {"row": row.swept.row, "label": row.swept.label, "key": row.swept.key, "points": []},
            )
            group["points"].append([row.swept.value, name])
    return list(groups.values())


def _label(planned: Planned, name: str) -> str:
    label = planned.recipe.methods[name].label or name
    mark = planned.methods[name].mark() if name in planned.methods else ""
    return f"{label} ({mark})" if mark else label


def _transfer(recipe: Recipe) -> dict[str, Any] | None:
    transfer = recipe.transfer
    if transfer is None:
        return None
    return {
        "methods": transfer.methods,
        "base": transfer.base,
        "directions": transfer.directions or recipe.directions,
        "steps": transfer.max_steps or recipe.train.max_steps,
        "joint_steps": recipe.train.max_steps,
    }


def _sequence(recipe: Recipe) -> dict[str, Any] | None:
    sequence = recipe.sequence
    return None if sequence is None else {**sequence.model_dump(mode="json"), "max_steps": stage_steps(recipe)}


def _forgetting(planned: Planned) -> dict[str, Any]:
    """The recipe's block, with what was in focus for each language and the rows that cannot do without training."""
    recipe = planned.recipe
    asked = recipe.forgetting
    jobs = [planned.plan.jobs[p.job].spec for p in planned.perplexities]
    reasons = {name: left_out(recipe, name, method) for name, method in planned.methods.items()}
    return {
        **asked.model_dump(mode="json", exclude={"perplexity", "focus"}),
        "focus": next((spec["focus"] for spec in jobs if "focus" in spec), {}),
        "left_out": {name: reason for name, reason in reasons.items() if reason and asked.zero_shot_directions},
    }


def _note(planned: Planned, name: str) -> str:
    """How a row was trained, as its training jobs have it, and what the method itself wants known."""
    training = next((t for t in planned.trainings if t.method == name), None)
    jobs = [planned.plan.jobs[key] for _, key in training.phases] if training is not None else []
    trains = [job.spec for job in jobs if job.kind in ("train", "chosen")]
    parts = []
    for spec in trains:
        which = f" ({spec['phase']})" if len(trains) > 1 else ""
        rate = spec["train"]["learning_rate"]  # none: it is searched, and the choice tells
        parts.append(f"{spec['train']['optimizer']}{'' if rate is None else f' {rate:g}'}{which}")
    told = [", ".join(parts), planned.methods[name].note() if name in planned.methods else ""]
    replayed = max((spec["train"].get("monolingual_replay", 0.0) for spec in trains), default=0.0)
    if replayed:
        told.append(f"{replayed:.0%} of the tokens are monolingual text on top of the parallel text")
    if planned.recipe.methods[name].one_model_per_direction and trains:
        told.append(f"one model per direction, {trains[-1]['train']['steps']} steps each; parameters are all models'")
    return "; ".join(text for text in told if text)


def _about_bleu(recipe: Recipe) -> list[str]:
    """Where BLEU's numbers mean little, if it is a column of the tables."""
    from mtsuite.metrics.surface import untokenized

    if not {"BLEU", "BLEU-paper"} & set(recipe.metrics.names):
        return []
    found = untokenized(direction.target for direction in recipe.parsed_directions())
    return [found] if found else []
