"""Notes about text and decoding under a table, made of what jobs left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mtsuite.jobs.text_notes import text_notes

CHAT = {"on": True, "mode": "auto", "template": "abc"}


def folder(place: Path, summary: dict[str, Any], **files: Any) -> Path:
    place.mkdir()
    (place / "status.json").write_text(json.dumps({"summary": summary}))
    for name, content in files.items():
        (place / f"{name}.json").write_text(json.dumps(content))
    return place


def notes(tmp_path: Path, perplexities: tuple[dict[str, Any], ...] = (), **summaries: dict[str, Any]) -> list[str]:
    """Notes of a run with one translate job per row, called as the row; perplexities by language, one per model."""
    inputs = {row: folder(tmp_path / row, summary) for row, summary in summaries.items()}
    for number, found in enumerate(perplexities):
        inputs[f"p{number}"] = folder(tmp_path / f"p{number}", {}, perplexity=found)
    spec = {
        "trainings": [],
        "lines": [{"method": row, "translations": row} for row in [*summaries, "failed"]],
        "perplexities": [{"job": f"p{number}"} for number in range(len(perplexities) + 1)],
    }
    return text_notes(spec, inputs)


def test_nothing_to_say(tmp_path: Path) -> None:
    whole = {"de": {"sentences": 8, "left_out": 0}}
    assert notes(tmp_path, (whole,), a={"not_followed": []}) == []


def test_what_was_left_out_is_told_once_per_direction(tmp_path: Path) -> None:
    few = {"max_length": 32, "left_out": {"en-de": {"pairs": 10, "too_long": 1, "joined": 0}}}
    most = {"max_length": 32, "left_out": {"en-de": {"pairs": 2000, "too_long": 1200, "joined": 3}}}
    probe = {"max_length": 32, "tensors": 1, "left_out": {"de-en": {"pairs": 5, "too_long": 2, "joined": 0}}}
    assert notes(tmp_path, a=few, b=most, c=probe) == [
        "Training pairs above train.max_length = 32 tokens, left out of those read: en-de 1,200 of 2,000.",
        "Training pairs whose prompt and translation share a token, left out because decoding could not write it: "
        "en-de 3 of 2,000.",
        "Held-out pairs that probes look at above train.max_length = 32 tokens, left out of those read: de-en 2 of 5.",
    ]


def test_perplexity_counts_what_it_did_not_read(tmp_path: Path) -> None:
    found = {"de": {"sentences": 8, "left_out": 2}, "en": {"sentences": 10, "left_out": 0}}
    assert notes(tmp_path, (found, found)) == [
        "Held-out sentences above train.max_length, left out of perplexity: de 2 of 10."
    ]


def test_rows_are_named_where_their_prompts_differ(tmp_path: Path) -> None:
    plain = {"chat": {**CHAT, "on": False, "mode": "off"}}
    both = notes(tmp_path, a={"chat": CHAT}, b={"chat": CHAT}, c=plain)
    assert both[0].endswith("chat template abc; prompts.chat is auto (rows: a, b).")
    assert both[1].startswith("Prompts are plain text")
    assert both[1].endswith("prompts.chat is off (rows: c).")


def test_settings_that_are_not_followed_are_told_once(tmp_path: Path) -> None:
    asked = {"not_followed": ["repetition_penalty 1.05"]}
    [note] = notes(tmp_path, a=asked, b=asked)
    assert note == "The checkpoint asks for other decoding, which is not followed: repetition_penalty 1.05."
