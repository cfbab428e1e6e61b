"""Notes about text and decoding that stand under every table: what the jobs' summaries say, once for all rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mtsuite.jobs.perplexity import FILE


def text_notes(spec: Mapping[str, Any], inputs: Mapping[str, Path]) -> list[str]:
    """Pairs left out per direction, chat or plain prompts, decoding settings not followed, remarks of methods."""
    trained: dict[str, dict[str, int]] = {}
    probed: dict[str, dict[str, int]] = {}
    chats: dict[tuple[bool, str, str], list[str]] = {}
    asked: dict[str, None] = {}
    remarks: dict[str, dict[str, None]] = {}
    longest = 0
    for row, summary in _summaries(spec, inputs):
        counts = probed if "tensors" in summary else trained
        for code, found in (summary.get("left_out") or {}).items():
            longest = max(longest, summary["max_length"])
            kept = counts.setdefault(code, found)
            if found["pairs"] > kept["pairs"]:
                counts[code] = found
        if chat := summary.get("chat"):
            rows = chats.setdefault((chat["on"], chat["mode"], chat["template"]), [])
            if row not in rows:
                rows.append(row)
        asked |= dict.fromkeys(summary.get("not_followed") or [])
        for remark in summary.get("remarks") or []:
            remarks.setdefault(remark, {})[row] = None
    return [
        *_left_out(trained, "Training pairs", longest),
        *_left_out(probed, "Held-out pairs that probes look at", longest),
        *_perplexity(spec, inputs),
        *_chat(chats),
        *_not_followed(list(asked)),
        *(f"{', '.join(rows)}: {remark}." for remark, rows in remarks.items()),
    ]


def _left_out(counts: Mapping[str, Mapping[str, int]], what: str, longest: int) -> Iterator[str]:
    long = [f"{code} {c['too_long']:,} of {c['pairs']:,}" for code, c in counts.items() if c["too_long"]]
    if long:
        yield f"{what} above train.max_length = {longest} tokens, left out of those read: {', '.join(long)}."
    joined = [f"{code} {c['joined']:,} of {c['pairs']:,}" for code, c in counts.items() if c["joined"]]
    if joined:
        yield (
            f"{what} whose prompt and translation share a token, left out because decoding could not write it: "
            f"{', '.join(joined)}."
        )


def _perplexity(spec: Mapping[str, Any], inputs: Mapping[str, Path]) -> Iterator[str]:
    """Held-out sentences that no perplexity was measured on; every model of a run reads the same ones."""
    found: dict[str, str] = {}
    for model in spec["perplexities"]:
        if model["job"] not in inputs:
            continue
        for code, entry in json.loads((inputs[model["job"]] / FILE).read_text(encoding="utf-8")).items():
            if left := entry.get("left_out"):
                found[code] = f"{code} {left:,} of {left + entry['sentences']:,}"
    if found:
        yield f"Held-out sentences above train.max_length, left out of perplexity: {', '.join(found.values())}."


def _chat(chats: Mapping[tuple[bool, str, str], list[str]]) -> Iterator[str]:
    for (on, mode, template), rows in chats.items():
        which = f" (rows: {', '.join(rows)})" if len(chats) > 1 else ""
        what = "turns of the tokenizer's chat template" if on else "plain text, without the tokenizer's chat template"
        yield f"Prompts are {what} {template}; prompts.chat is {mode}{which}."


def _not_followed(asked: list[str]) -> Iterator[str]:
    if asked:
        yield f"The checkpoint asks for other decoding, which is not followed: {', '.join(asked)}."


def _summaries(spec: Mapping[str, Any], inputs: Mapping[str, Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Row and summary of every training, probe and translation that there is."""
    keys = [(t["method"], key) for t in spec["trainings"] for _, key in t["phases"]]
    keys += [(line["method"], line["translations"]) for line in spec["lines"]]
    for row, key in dict.fromkeys(keys):
        if key in inputs:
            yield row, json.loads((inputs[key] / "status.json").read_text(encoding="utf-8"))["summary"] or {}
