"""Footnotes: what stands under tables, whatever they show."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mtsuite.report.render.table import Note, note
from mtsuite.report.render.text import listed, one_line
from mtsuite.report.tables.query import Panel, panel_scores
from mtsuite.results.folder import Results

SKIPPED = "an input of it failed"  # the error of a job that could not run
LONGEST_ERROR = 240  # characters
_OF_A_SET = re.compile(r"^test set (\S+) (\S+-\S+): (.+)$")  # as mtsuite.data writes them


def common_notes(results: Results) -> list[Note]:
    """What stands under every table: fairness, model, data, decoding, notes of methods and of the recipe, failures."""
    info = results.info
    fairness = info.get("fairness") or {}
    found = []
    if fairness.get("message"):
        found.append(note(f"Fairness: {fairness['message']}", alarm=not fairness.get("consistent", False)))
    elif fairness and not fairness.get("consistent", False):
        found.append(note("Fairness: the methods consumed different training streams.", alarm=True))
    for key in ("model", "data", "decoding"):
        if info.get(key):
            found.append(note(f"{key.capitalize()}: {info[key]}"))
    alike: dict[str, list[str]] = defaultdict(list)
    for method, text in (info.get("method_notes") or {}).items():
        alike[one_line(str(text))].append(results.label(method))
    found += [note(f"{listed(labels)}: {text}") for text, labels in alike.items()]
    found += [note(text) for text in joined_notes(map(str, info.get("notes") or []), results.directions)]
    return found + failed_jobs(info.get("failed") or [])


def signature_notes(results: Results, metric: str, panel: Panel) -> list[str]:
    """Each distinct signature with the directions it covers, and the number of segments."""
    rows = panel_scores(results, metric, panel)
    covered: dict[str, list[str]] = defaultdict(list)
    sizes: dict[str, list[str]] = defaultdict(list)
    for direction, testset in panel.columns:
        for s in rows:
            if (s.direction, s.testset) == (direction, testset):
                if s.signature and direction not in covered[s.signature]:
                    covered[s.signature].append(direction)
                if s.n and direction not in sizes[s.n]:
                    sizes[s.n].append(direction)
    notes = []
    for signature, directions in covered.items():
        where = "" if len(covered) == 1 else f" for {listed(directions)}"
        notes.append(f"{metric} signature{where}: {signature}")
    if sizes:
        parts = [n if len(sizes) == 1 else f"{n} ({listed(directions)})" for n, directions in sizes.items()]
        notes.append(f"n = {'; '.join(parts)} segments a direction.")
    return notes


def failed_jobs(failed: Sequence[Mapping[str, Any]]) -> list[Note]:
    """A line for each job that failed, and one for all that could then not run; report.json has every word."""
    behind: dict[str, int] = defaultdict(int)
    found = []
    for failure in failed:
        job, error = str(failure.get("job", "?")), str(failure.get("error", ""))
        if error == SKIPPED:
            behind[job.partition(":")[0]] += 1
        else:
            found.append(note(f"Failed: {job}: {_shortened(error)}", alarm=True))
    if behind:
        rows = listed([f"{row} ({count} job{'s' * (count > 1)})" for row, count in behind.items()])
        found.append(note(f"Not run, because {SKIPPED}: {rows}", alarm=True))
    return found


def _shortened(error: str) -> str:
    """The beginning of a long message, whole sentences where there are any."""
    if len(error) <= LONGEST_ERROR:
        return error
    sentences = error[:LONGEST_ERROR].rpartition(". ")[0]
    return f"{sentences}." if sentences else error[: LONGEST_ERROR - 1] + "…"


def joined_notes(notes: Iterable[str], directions: Sequence[str]) -> list[str]:
    """``notes`` in order; "test set tatoeba en-de: …" and the like become one where what they say is the same."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    order: dict[object, str] = {}
    for text in notes:
        match = _OF_A_SET.match(text)
        if match is None:
            order.setdefault(text, text)
            continue
        name, direction, said = match.groups()
        found[name, said].append(direction)
        order.setdefault((name, said), "")
    texts = []
    for key, text in order.items():
        if isinstance(key, tuple):
            name, said = key
            of = found[name, said]
            every = len(of) > 1 and set(of) >= set(directions)
            text = f"test set {name}, {'every direction' if every else listed(of)}: {said}"
        texts.append(text)
    return texts
