"""The report: numbers of many jobs put into a results folder, then tables, matrices and figures from it.

It reads translations, scores and summaries; it never loads a model.
"""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from mtsuite.chart import Chart, check
from mtsuite.data.corpus import Corpus
from mtsuite.data.direction import Direction
from mtsuite.jobs.choose import choice_told, read_choice
from mtsuite.jobs.comet import read_results
from mtsuite.jobs.context import JobContext
from mtsuite.jobs.courses import courses, kept_notes
from mtsuite.jobs.failure_modes import FailureModes
from mtsuite.jobs.fairness import told_fairness
from mtsuite.jobs.far_scores import FAR_COLUMNS, NEAR_COLUMNS, far_rows, near_notes, near_rows
from mtsuite.jobs.near import read_near
from mtsuite.jobs.perplexity import perplexity_rows
from mtsuite.jobs.same import read_start
from mtsuite.jobs.statistics import Look, interval_rows, significance_rows
from mtsuite.jobs.text_notes import text_notes
from mtsuite.jobs.training_metrics import write_training_metrics
from mtsuite.method import Artefacts
from mtsuite.metrics.base import MetricResult
from mtsuite.metrics.registry import make_metric
from mtsuite.names import safe_name
from mtsuite.registry import configure
from mtsuite.results.folder import (
    COST_COLUMNS,
    FAILURE_COLUMNS,
    INTERVAL_COLUMNS,
    PERPLEXITY_COLUMNS,
    SCORE_COLUMNS,
    SIGNIFICANCE_COLUMNS,
    SIGNIFICANCE_MORE,
    TABLE,
)
from mtsuite.results.segments import Segments, file_name, write_segments
from mtsuite.train.track import METRICS

DIGITS = 6
COMET_DIGITS = 3  # float32: what else stands in a batch moves the sixth decimal, and comet-score prints two of these


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write a whole results folder into ``output``; inputs that are missing (failed jobs) leave holes."""
    from mtsuite.report.build import build_report

    scores = _scores(spec, inputs)
    failure_modes = FailureModes(spec["lines"], inputs)
    _write_csv(output / "scores.csv", SCORE_COLUMNS, _score_rows(spec, scores))
    _write_csv(output / "costs.csv", COST_COLUMNS, _cost_rows(spec, inputs))
    in_table = [line for line in spec["lines"] if line["trained_on"] in TABLE]
    places = list(dict.fromkeys((line["direction"], line["test_set"]) for line in in_table))
    trained = [place for place in places if place[0] in spec["directions"]]
    # Directions that nothing was trained on are in no average of the tables, and a family of their own.
    untrained = [place for place in places if place not in trained]
    look = _look(spec, scores)
    columns = (*SIGNIFICANCE_COLUMNS, *SIGNIFICANCE_MORE)
    tests = chain(significance_rows(spec, trained, look), significance_rows(spec, untrained, look, averages=False))
    _write_csv(output / "significance.csv", columns, tests)
    intervals = chain(interval_rows(spec, trained, look), interval_rows(spec, untrained, look, averages=False))
    _write_csv(output / "intervals.csv", INTERVAL_COLUMNS, intervals)
    if spec.get("near") in inputs:
        found_near = read_near(inputs[spec["near"]])
        _write_csv(output / "near_duplicates.csv", NEAR_COLUMNS, near_rows(found_near))
        _write_csv(output / "far_scores.csv", FAR_COLUMNS, far_rows(found_near, scores))
    perplexities = list(perplexity_rows(spec["perplexities"], inputs))
    if perplexities:
        _write_csv(output / "perplexity.csv", PERPLEXITY_COLUMNS, perplexities)
    _write_csv(output / "failures.csv", FAILURE_COLUMNS, failure_modes.rows())
    several = len(spec["test_sets"]) > 1
    shutil.rmtree(output / "translations", ignore_errors=True)
    for line in spec["lines"]:
        source = inputs.get(line["translations"])
        if source is not None:
            folder = output / "translations" / safe_name(line["method"]) / str(line["seed"]) / line["trained_on"]
            folder.mkdir(parents=True, exist_ok=True)
            name = file_name(line["direction"], line["test_set"], several, ".txt")
            shutil.copyfile(source / "hypotheses.txt", folder / name)
    write_segments(output, _segments(spec, inputs, scores, failure_modes), several=several)
    (output / "recipe.yaml").write_text(spec["recipe_yaml"], encoding="utf-8")
    _write_json(output / "environment.json", {**spec["_environment"], "data": _data(inputs["corpus"])})
    write_training_metrics(output / METRICS, spec["trainings"], inputs)
    charts = _charts(spec, inputs)
    _write_json(output / "charts.json", charts)
    told = _report_json(spec, inputs, scores, charts["problems"])
    _write_json(output / "report.json", {**told, "failure_notes": failure_modes.notes()})
    context.progress(step=1, total=2, text="tables and figures" if spec["page"] else "tables")
    report = build_report(output, page=spec["page"])
    return {"files": len(report.files)}


# -- what the jobs left ---------------------------------------------------------------------------


def _summary(folder: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads((folder / "status.json").read_text(encoding="utf-8"))["summary"]
    return summary


Line = tuple[str, int, str, str, str]  # method, seed, trained_on, direction, test set


def _scores(spec: dict[str, Any], inputs: Mapping[str, Path]) -> dict[Line, dict[str, Any]]:
    """Metric -> result or error, of every line that was scored; a metric that could not be had is absent."""
    found: dict[Line, dict[str, Any]] = {}
    comet = {name: read_results(inputs[key])[0] for name, key in spec["comet"].items() if key in inputs}
    for line in spec["lines"]:
        folder = inputs.get(line["scores"])
        if folder is not None:
            key = (line["method"], line["seed"], line["trained_on"], line["direction"], line["test_set"])
            found[key] = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
            of_comet = {name: results.get(line["translations"]) for name, results in comet.items()}
            found[key] |= {name: result.to_dict() for name, result in of_comet.items() if result is not None}
    return found


def _segments(
    spec: dict[str, Any],
    inputs: Mapping[str, Path],
    scores: Mapping[Line, dict[str, Any]],
    failure_modes: FailureModes,
) -> list[Segments]:
    """Segments of every direction and test set that was translated, with their scores and failure modes."""
    trained = Corpus.open(inputs["corpus"])
    untrained = Corpus.open(inputs["untrained"]) if "untrained" in inputs else trained
    found: dict[tuple[str, str], dict[str, dict[str, dict[str, list[float]]]]] = {}
    for (method, seed, trained_on, direction, test_set), metrics in scores.items():
        if trained_on in TABLE:
            by_metric = found.setdefault((direction, test_set), {})
            for name in spec["metrics"]:
                if metrics.get(name, {}).get("segments") is not None:
                    rows = by_metric.setdefault(name, {})
                    rows.setdefault(method, {})[str(seed)] = metrics[name]["segments"]
    made = []
    for (direction, test_set), by_metric in found.items():
        corpus = trained if direction in spec["directions"] else untrained
        pairs = corpus.test(Direction.parse(direction), test_set)
        sources, references = tuple(s for s, _ in pairs), tuple(t for _, t in pairs)
        flags = failure_modes.flags(direction, test_set, TABLE)
        made.append(Segments(direction, test_set, sources, references, by_metric, flags))
    return made


def _score_rows(spec: dict[str, Any], scores: Mapping[Line, dict[str, Any]]) -> Iterable[list[Any]]:
    for (method, seed, trained_on, direction, test_set), metrics in scores.items():
        for name in spec["metrics"]:
            entry = metrics.get(name, {})
            if "score" in entry:
                score = f"{entry['score']:.{COMET_DIGITS if name in spec['comet'] else DIGITS}f}"
                yield [method, seed, trained_on, direction, test_set, name, score, entry["signature"], entry["n"]]


def _cost_rows(spec: dict[str, Any], inputs: Mapping[str, Path]) -> Iterable[list[Any]]:
    """One row a method and seed, of the table's model, or models where every direction has its own.

    Times and trained parameters are summed over phases and models; memory is the largest.
    """
    decoded: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for line in spec["lines"]:
        of_table = line["trained_on"] in TABLE and line["direction"] in spec["directions"]
        outside = line["method"] in spec["external"]
        if of_table and line["translations"] in inputs and not outside:
            decoded.setdefault((line["method"], line["seed"]), []).append(_summary(inputs[line["translations"]]))
    for (method, seed), translations in decoded.items():
        seconds = sum(t.get("translate_seconds", 0.0) for t in translations)
        segments = sum(t["segments"] for t in translations)
        speed = round(segments / seconds, 2) if seconds else ""
        total, active = (
            _mean([t[name] for t in translations if name in t]) for name in ("total_parameters", "active_parameters")
        )
        models = [
            [_summary(inputs[key]) for _, key in training["phases"] if key in inputs]
            for training in spec["trainings"]
            if (training["method"], training["seed"], training["transfer"]) == (method, seed, False)
        ]
        trains = [[phase for phase in phases if "trainable_parameters" in phase] for phases in models]
        if not any(trains):
            yield [method, seed, 0 if total else "", total, active, "", "", "", speed]
            continue
        time = sum(p.get("train_seconds", p.get("seconds", 0.0)) for phases in models for p in phases)
        flat = [phase for phases in trains for phase in phases]
        rate = sum(p["tokens"] for p in flat) / max(1e-9, sum(p["train_seconds"] for p in flat))
        memory = max(phase["peak_memory_mb"] for phase in flat)
        # What one phase trains may be a part of what another does: the table shows the main phase's.
        trained = sum(_main(phases)["trainable_parameters"] for phases in trains if phases)
        yield [method, seed, trained, total, active, round(time, 2), round(rate, 1), round(memory, 1), speed]


def _main(phases: list[dict[str, Any]]) -> dict[str, Any]:
    """The summary of the phase that counts as the row's: the last on parallel text, else the last."""
    return ([phase for phase in phases if phase["text"] == "parallel"] or phases)[-1]


def _mean(values: list[float]) -> int | str:
    return round(sum(values) / len(values)) if values else ""


def _look(spec: dict[str, Any], scores: Mapping[Line, dict[str, Any]]) -> Look:
    """Finds a row's results under each seed; each is read once, since every test asks for it again."""
    known: dict[tuple[str, str, str, str], dict[int, MetricResult]] = {}

    def look(method: str, direction: str, test_set: str, metric: str) -> Mapping[int, MetricResult]:
        key = (method, direction, test_set, metric)
        if key not in known:
            known[key] = _results(spec, scores, *key)
        return known[key]

    return look


def _results(
    spec: dict[str, Any], scores: Mapping[Line, dict[str, Any]], method: str, direction: str, test_set: str, metric: str
) -> dict[int, MetricResult]:
    found = {}
    for seed in spec["seeds"]:
        lines = (scores.get((method, seed, on, direction, test_set)) for on in sorted(TABLE))
        entry = next((line for line in lines if line is not None), {}).get(metric)
        if entry is not None and "error" not in entry:
            found[seed] = MetricResult.from_dict(entry)
    return found


# -- what stands around the numbers ---------------------------------------------------------------


def _data(corpus: Path) -> dict[str, Any]:
    opened = Corpus.open(corpus)
    # Counts only: the examples of what was dropped are corpus text, which stays with the corpus.
    cleaning = {
        pair: {key: value for key, value in report.items() if key != "examples"}
        for pair, report in opened.info["cleaning"].items()
    }
    return {"fingerprint": opened.fingerprint, "pairs": opened.info["pairs"], "cleaning": cleaning,
            "overlap": opened.info["overlap"], "notes": list(opened.notes)}  # fmt: skip


def _report_json(
    spec: dict[str, Any], inputs: Mapping[str, Path], scores: Mapping[Line, dict[str, Any]], problems: list[str]
) -> dict[str, Any]:
    corpus = _data(inputs["corpus"])
    errors = {
        f"{name}: {entry[name]['error']}"
        for entry in scores.values()
        for name in spec["metrics"]
        if "error" in entry.get(name, {})
    }
    problems_of_comet = [
        f"{name}: {problem}"
        for name, key in spec["comet"].items()
        if key in inputs and (problem := read_results(inputs[key])[1])
    ]
    base = _summary(inputs["base"])
    return {
        **spec["report"],
        "model": f"{_count(base.get('parameters', 0))} parameters, {base['made']}",
        "notes": [
            *spec["report"]["notes"],
            *corpus["notes"],
            *text_notes(spec, inputs),
            *(near_notes(read_near(inputs[spec["near"]]), spec["similarity"]) if spec.get("near") in inputs else ()),
            *sorted(errors),
            *problems_of_comet,
            *problems,
        ],
        "method_notes": kept_notes(spec, inputs, _method_notes(spec, inputs)),
        "metric_notes": _metric_notes(spec),
        "untrained_notes": list(Corpus.open(inputs["untrained"]).notes) if "untrained" in inputs else [],
        "lower_is_better": _lower_is_better(spec),
        "fairness": _fairness(spec, inputs),
        "starts": [
            {"method": method, "seed": seed, **read_start(inputs[key])}
            for method, seed, key in spec["starts"]
            if key in inputs
        ],
        "failed": spec["_failed"],
        **courses(spec, inputs),
    }


def _lower_is_better(spec: dict[str, Any]) -> list[str]:
    own = spec.get("_own_metrics", {})
    return [name for name in spec["metrics"] if make_metric(own.get(name, name)).lower_is_better]


def _method_notes(spec: dict[str, Any], inputs: Mapping[str, Path]) -> dict[str, str]:
    """The rows' notes, with what was chosen where a learning rate was searched."""
    notes: dict[str, str] = dict(spec["report"]["method_notes"])
    for name, key in spec.get("searches", {}).items():
        told = choice_told(read_choice(inputs[key])) if key in inputs else "no learning rate was chosen"
        notes[name] = "; ".join(text for text in (notes.get(name, ""), told) if text)
    return notes


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e6 else f"{parameters:,}"


def _metric_notes(spec: dict[str, Any]) -> dict[str, str]:
    if not spec["embedded_comet"]:
        return {}
    from mtsuite.metrics.comet import EMBEDDED

    card = json.loads((EMBEDDED / "card.json").read_text(encoding="utf-8"))
    agreement = card["agreement"]
    note = (
        f"{card['about']} On {agreement['sentences']:,} held-out sentences its Kendall tau with the known "
        f"severity of what was broken is {agreement['tau']:.2f} (chrF's: {agreement['tau_of_chrf']:.2f})."
    )
    return dict.fromkeys(spec["embedded_comet"], note)


def _fairness(spec: dict[str, Any], inputs: Mapping[str, Path]) -> dict[str, Any]:
    """Fingerprints of the text that each training consumed, and what a comparison of them says.

    They are to be equal within a seed, a set of directions and a kind of text (parallel or monolingual).
    """
    streams: list[dict[str, Any]] = []
    missing: list[str] = []
    for training in spec["trainings"]:
        summaries = {name: _summary(inputs[key]) for name, key in training["phases"] if key in inputs}
        learned = {name: summary for name, summary in summaries.items() if "fingerprint" in summary}  # no probes
        if len(summaries) < len(training["phases"]) and "parallel" not in {one["text"] for one in learned.values()}:
            missing.append(training["method"])
        for name, summary in learned.items():
            stream = {
                "method": training["method"],
                "seed": training["seed"],
                "trained_on": training["trained_on"],
                "phase": name,
                "text": summary["text"],
                "fingerprint": summary["fingerprint"],
                "target_tokens": summary["target_tokens"],
                "updates": summary["updates"],
                "transfer": training["transfer"],
                "chat": bool((summary.get("chat") or {}).get("on")),  # the same pairs in other words
            }
            if by_direction := summary.get("target_tokens_by_direction"):  # models of earlier versions lack it
                stream["target_tokens_by_direction"] = by_direction
            streams.append(stream)
    return told_fairness(streams, missing, trained=bool(spec["trainings"]))


def _charts(spec: dict[str, Any], inputs: Mapping[str, Path]) -> dict[str, Any]:
    """What the methods show of their first seed's model; a method that fails at it is noted, the report goes on."""
    charts: list[dict[str, Any]] = []
    shown: list[Chart] = []
    problems: list[str] = []
    for training in spec["trainings"]:
        name = training["method"]
        if training["trained_on"] != "all" or training["transfer"] or training["seed"] != spec["seeds"][0]:
            continue
        folders = {phase: inputs[key] for phase, key in training["phases"] if key in inputs}
        if len(folders) < len(training["phases"]):
            continue
        settings = spec["charts"][name]
        try:
            method = configure(settings["_use"], settings["config"])
            made = list(method.charts(Artefacts(folders)))
            for chart in made:
                check(chart)
        except Exception as error:  # a plug-in's: whatever it raises must not cost the tables
            problems.append(f"The charts of {name} could not be made: {type(error).__name__}: {error}")
            continue
        # Rows that share a probe show the same of it: once is enough.
        charts += [{"method": name, **chart.to_dict()} for chart in made if chart not in shown]
        shown += made
    return {"charts": charts, "problems": problems}


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[list[Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
