"""Notes on test sets that say the same of several directions, as one."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from mtsuite.report.render.text import listed

_OF_A_SET = re.compile(r"^test set (\S+) (\S+-\S+): (.+)$")  # as mtsuite.data writes them


def joined_notes(notes: Iterable[str], directions: Sequence[str]) -> list[str]:
    """``notes`` in order; "test set tatoeba en-de: …" and the like become one where what they say is the same."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    order: dict[object, str] = {}
    for note in notes:
        match = _OF_A_SET.match(note)
        if match is None:
            order.setdefault(note, note)
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
