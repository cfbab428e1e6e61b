"""Rows that other systems fill: files of translations that are scored beside the methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from mtsuite.data.text import count_lines
from mtsuite.plan.graph import Job
from mtsuite.plan.keys import VERSIONS, file_digest
from mtsuite.plan.pattern import fill, of_text, told_apart
from mtsuite.plan.place import ErrorAt
from mtsuite.recipe.schema import External

OUTSIDE = "made outside of this comparison: model, data and budget are its own"


def external_jobs(
    name: str,
    row: External,
    texts: Mapping[tuple[str, str], int | None],
    corpus: str,
    folder: Path,
    error: ErrorAt,
) -> tuple[dict[tuple[str, str], Job], list[Path]]:
    """A job for every (direction, test set) whose file is there, and the files that are not.

    ``texts`` says how many segments each has, where that is known.  Raises RecipeError when no file is there at all,
    for a file of another number of lines, for a placeholder that does not exist, and for a pattern that names one file
    for several texts.
    """
    keys = ("external", name, "translations")
    jobs: dict[tuple[str, str], Job] = {}
    missing: list[Path] = []
    seen: dict[Path, tuple[str, str]] = {}
    for direction, test_set in texts:
        try:
            path = folder / fill(row.translations, of_text(direction, test_set))
        except ValueError as problem:
            raise error(keys, str(problem)) from None
        if path in seen:
            first = seen[path]
            differs = [
                name
                for name, a, b in zip(("direction", "testset"), first, (direction, test_set), strict=True)
                if a != b
            ]
            told = [" ".join(text) if "testset" in differs else text[0] for text in (first, (direction, test_set))]
            both = " and ".join(told)
            raise error(keys, f"{path.name} would be read for {both}: {told_apart(row.translations, differs)}")
        seen[path] = (direction, test_set)
        if not path.is_file():
            missing.append(path)
            continue
        spec = {
            "version": VERSIONS["external"],
            "direction": direction,
            "test_set": test_set,
            "digest": file_digest(path),
            "_file": str(path),
        }
        label = f"{name}: read {direction}"
        jobs[direction, test_set] = Job("external", label, spec, {"corpus": corpus}, cost=0.2)
    if not jobs:
        raise error(keys, f"no such file: {missing[0]}, nor one for another direction of the recipe")
    for (direction, test_set), job in jobs.items():
        expected, found = texts[direction, test_set], count_lines(Path(job.spec["_file"]))
        if expected is not None and found != expected:
            raise error(
                keys,
                f"{job.spec['_file']}: expected {expected} lines, one for each segment of the test set {test_set!r} of "
                f"{direction}; found {found}. Translate the test set line by line, in its order.",
            )
    return jobs, missing


def external_note(row: External, missing: Sequence[Path]) -> str:
    """What stands under the tables about the row."""
    told = [OUTSIDE, row.note or ""]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        told.append(f"no file {', '.join(path.name for path in missing[:3])}{more}")
    return "; ".join(text for text in told if text)
