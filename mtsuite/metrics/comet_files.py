"""Segment scores of COMET that were computed elsewhere, on a cluster say: reading a file and checking what it is of.

A file holds one score a segment, on COMET's own scale (about 0 to 1), in the order of the test set, in one of
four forms:

- a number a line;
- JSON lines with ``score`` and, where they are there, ``src``, ``mt`` and ``ref``;
- what ``comet-score`` prints (``FILE<tab>Segment 0<tab>score: 0.8123``), for one system;
- what ``comet-score --to_json`` writes, for one system.

The first two may begin with what the file says of itself, as lines ``# key: value`` or as a JSON object without
``score``: ``checkpoint``, ``version``, ``direction``, ``testset``, and ``hypotheses``, ``sources`` or ``references``
with the SHA-256 of the text (as ``sha256sum`` prints it).  All that a file says is checked.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mtsuite.errors import MetricError
from mtsuite.metrics.comet_batch import Text
from mtsuite.metrics.segment_files import read_segment_file

LARGEST = 5.0  # COMET's scores lie around 0 to 1, those of some checkpoints a little beyond -1 and 2
_PRINTED = re.compile(r"^(?P<file>.*)\tSegment (?P<number>\d+)\tscore: (?P<score>\S+)$")
_PRINTED_MEAN = re.compile(r"^(?P<file>.*)\tscore: (?P<score>\S+)$")
_TOLD = re.compile(r"^#\s*(?P<key>[A-Za-z_]+)\s*:\s*(?P<value>.*\S)\s*$")
_PARTS = {"src": "source", "mt": "hypothesis", "ref": "reference"}


@dataclass
class ScoreFile:
    """The scores with their lines in the file (from 1), the texts beside them, and what the file says of itself."""

    path: Path
    scores: list[float] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    texts: list[Mapping[str, str]] = field(default_factory=list)
    about: dict[str, str] = field(default_factory=dict)

    def add(self, line: int, score: Any, texts: Mapping[str, Any] | None = None) -> None:
        """Add one score and the texts beside it.  Raises MetricError when it is no finite number of about 0 to 1."""
        try:
            number = float(score)
        except (TypeError, ValueError):
            raise MetricError(f"{self.path}, line {line}: expected a score, found {str(score)[:80]!r}.") from None
        if isinstance(score, bool) or not math.isfinite(number):
            raise MetricError(f"{self.path}, line {line}: expected a finite number, found {score!r}.")
        if abs(number) > LARGEST:
            raise MetricError(
                f"{self.path}, line {line}: {number:g} is no COMET score: they are expected as COMET gives them, "
                "about 0 to 1, not times 100."
            )
        self.scores.append(number)
        self.lines.append(line)
        given = texts or {}
        self.texts.append({part: given[part] for part in _PARTS if isinstance(given.get(part), str)})

    def matches(self, text: Text, hashes: Mapping[str, str]) -> bool:
        """Check the file against what it should be of; whether it says enough to be sure of the hypotheses.

        ``hashes`` has what the header is compared with: SHA-256 of ``hypotheses``, ``sources``, ``references``, and
        the plain ``direction`` and ``testset``.  Raises MetricError, with the line where there is one, for another
        number of scores and for anything that the file says differently.
        """
        if len(self.scores) != len(text.hypotheses):
            raise MetricError(
                f"{self.path} holds {len(self.scores)} scores, but {hashes['testset']} of {hashes['direction']} has "
                f"{len(text.hypotheses)} segments: scores of another test set, or an unfinished file."
            )
        for key, ours in hashes.items():
            theirs = self.about.get(key)
            if theirs is not None and key in ("direction", "testset") and theirs != ours:
                raise MetricError(f"{self.path} says it is of {key} {theirs!r}; expected {ours!r}.")
            if theirs is not None and key not in ("direction", "testset") and theirs.split()[0].lower() != ours:
                hashed = f"SHA-256 {theirs.split()[0][:12]}… in the file, {ours[:12]}… here"
                raise MetricError(
                    f"{self.path} was made for other {key} ({hashed}): scores of another test set or of other "
                    "translations; score the present ones."
                )
        ours_by_part = {"src": text.sources, "mt": text.hypotheses, "ref": text.references}
        for number, (line, texts) in enumerate(zip(self.lines, self.texts, strict=True)):
            for part, theirs in texts.items():
                expected = ours_by_part[part][number]
                if theirs.strip() != expected.strip():
                    raise MetricError(
                        f"{self.path}, line {line}: the {_PARTS[part]} of segment {number + 1} is {theirs[:60]!r}, "
                        f"but it should be {expected[:60]!r}: scores of another test set or of other translations."
                    )
        return "hypotheses" in self.about or all("mt" in texts for texts in self.texts)


def text_hash(lines: Sequence[str]) -> str:
    """SHA-256 of the lines as a file: UTF-8, a line feed after each; what ``sha256sum`` says of ``translations/``."""
    return hashlib.sha256("".join(line + "\n" for line in lines).encode()).hexdigest()


def read_scores(path: Path) -> ScoreFile:
    """Read a file of scores.  Raises MetricError naming file and line for anything that is not one."""
    lines = read_segment_file(path).lines
    found = ScoreFile(path)
    if lines and lines[0].lstrip().startswith("{") and not _is_object(lines[0]):
        return _whole_json(found, "\n".join(lines))
    system: str | None = None
    for number, line in enumerate(lines, start=1):
        stripped = line.strip()
        if not found.scores and stripped.startswith("#"):
            told = _TOLD.match(stripped)
            if told is not None:
                found.about[told["key"].lower()] = told["value"]
        elif stripped.startswith("{"):
            _json_line(found, number, stripped)
        elif (printed := _PRINTED.match(line)) is not None:
            if system not in (None, printed["file"]) or int(printed["number"]) != len(found.scores):
                raise MetricError(
                    f"{path}, line {number}: expected segment {len(found.scores)} of one system, found segment "
                    f"{printed['number']} of {printed['file']!r}; write one file a system."
                )
            system = printed["file"]
            found.add(number, printed["score"])
        elif system is not None and (line.startswith("Predictions saved in: ") or _is_mean(line, system)):
            continue
        else:
            found.add(number, stripped)
    return found


def _is_mean(line: str, system: str) -> bool:
    printed = _PRINTED_MEAN.match(line)
    return printed is not None and printed["file"] == system


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _json_line(found: ScoreFile, number: int, line: str) -> None:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise MetricError(f"{found.path}, line {number}: not a JSON object: {error}.") from None
    if "score" in value:
        found.add(number, value["score"], value)
    elif not found.scores:
        found.about |= {str(key).lower(): str(told) for key, told in value.items()}
    else:
        raise MetricError(f"{found.path}, line {number}: expected an object with 'score', found {sorted(value)}.")


def _whole_json(found: ScoreFile, text: str) -> ScoreFile:
    """What ``comet-score --to_json`` writes: a file's name, then a list of segments with their score as ``COMET``."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise MetricError(f"{found.path}, line {error.lineno}: not JSON: {error.msg}.") from None
    if len(value) != 1:
        raise MetricError(
            f"{found.path} holds the scores of {len(value)} systems ({', '.join(value)}); write one file each."
        )
    (segments,) = value.values()
    for number, segment in enumerate(segments if isinstance(segments, list) else [segments], start=1):
        if not isinstance(segment, dict) or "COMET" not in segment:
            raise MetricError(f"{found.path}, segment {number}: expected src, mt and COMET, found {str(segment)[:80]}.")
        found.add(number, segment["COMET"], segment)
    return found
