"""Whether the trainings of a table consumed the same text, as their fingerprints say."""

from __future__ import annotations

from typing import Any


def told_fairness(streams: list[dict[str, Any]], missing: list[str], *, trained: bool) -> dict[str, Any]:
    """What report.json says of ``streams``, one for each training phase.

    ``missing`` are rows with a training that failed or is not there, ``trained`` says whether any was planned.
    """
    messages = [told for text in ("parallel", "monolingual") if (told := _compared(streams, text))]
    consistent = all(told[0] for told in messages)
    said = [told[1] for told in messages] or ["No training is there to compare."] * trained
    if missing:
        rows = ", ".join(dict.fromkeys(missing))
        said.append(f"Not compared: {len(missing)} training(s) that failed or are missing ({rows}).")
    return {"consistent": consistent, "streams": streams, "message": " ".join(said)}


def _compared(streams: list[dict[str, Any]], text: str) -> tuple[bool, str] | None:
    """Whether trainings on one kind of text consumed the same stream, and a sentence with what was compared.

    None when there is no such training.
    """
    mine = [stream for stream in streams if stream["text"] == text]
    groups: dict[tuple[int, str, bool, bool, str], list[dict[str, Any]]] = {}
    for stream in mine:
        phase = stream["phase"] if text == "monolingual" else ""
        key = (stream["seed"], stream["trained_on"], stream["transfer"], stream["chat"], phase)
        groups.setdefault(key, []).append(stream)
    if not mine:
        return None
    fellows = [group for group in groups.values() if len(group) > 1]
    if not fellows:
        what = "one training" if len(mine) == 1 else f"{len(mine)} trainings, each on directions or a seed of its own"
        return True, f"{text.capitalize()} text: {what}, so there was nothing to compare."
    compared = [stream for group in fellows for stream in group]
    rows = ", ".join(dict.fromkeys(stream["method"] for stream in compared))
    seeds = ", ".join(str(seed) for seed in sorted({stream["seed"] for stream in compared}))
    of = f"{len(compared)} training phases compared ({rows}; seed{'s' * (',' in seeds)} {seeds})"
    if any(len({stream["fingerprint"] for stream in group}) > 1 for group in fellows):
        return False, (
            f"Rows of this table consumed DIFFERENT streams of {text} text: their scores do not compare methods "
            f"alone. {of}."
        )
    return True, f"All trained rows consumed the same stream of {text} text, batch by batch: {of}."
