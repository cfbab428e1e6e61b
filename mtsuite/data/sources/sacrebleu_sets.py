"""Test sets that sacrebleu knows by name, out of its own cache (``~/.sacrebleu`` or ``$SACREBLEU``)."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from mtsuite.data.direction import Direction
from mtsuite.data.text import one_line
from mtsuite.errors import DataError, did_you_mean

Sets = Mapping[str, Sequence[str]]


def parse(sets: Sets) -> dict[str, list[Direction]]:
    """The recipe's ``data.sacrebleu.sets`` with parsed directions."""
    return {name: [Direction.parse(text) for text in directions] for name, directions in sets.items()}


def covered(sets: Sets) -> set[Direction]:
    """Directions whose test sets come from sacrebleu instead of the source."""
    return {direction for directions in parse(sets).values() for direction in directions}


def check(sets: Sets) -> None:
    """Raises DataError for a set that sacrebleu does not know, or a direction that the set has not."""
    for name, directions in parse(sets).items():
        known = _dataset(name).langpairs
        for direction in directions:
            if str(direction) not in known:
                near = [other for other in known if direction.target in other.split("-")]
                raise DataError(
                    f"data.sacrebleu.sets: {name} has no {direction}; it has {', '.join(near or known)}"
                    f"{' into or out of that language' if near else ''}."
                )


def fingerprint(sets: Sets) -> dict[str, Any]:
    """Name, directions and sacrebleu's own checksums of every set."""
    return {
        name: {"directions": sorted(map(str, directions)), "md5": checksums(name)}
        for name, directions in parse(sets).items()
    }


def read(name: str, direction: Direction, offline: bool = False) -> list[tuple[str, str]]:
    """``(source, reference)`` segments; the first reference of several.

    Raises DataError when the set is not cached and cannot be downloaded, or when the download is damaged.
    """
    return [(source, first) for source, first, *_ in read_all(name, direction, offline)]


def read_all(name: str, direction: Direction, offline: bool = False) -> list[tuple[str, ...]]:
    """``(source, reference, …)`` segments with all references that every segment has.  Raises DataError as `read`."""
    check({name: [str(direction)]})
    data_set = _dataset(name)
    try:
        with _no_network() if offline else _as_is():
            sources = [one_line(text) for text in data_set.source(str(direction))]
            references = [[one_line(text or "") for text in row] for row in data_set.references(str(direction))]
    except (SystemExit, Exception) as error:  # sacrebleu leaves with SystemExit on a wrong checksum
        state = "the run is offline" if offline else "the download failed"
        command = f"sacrebleu -t {name} -l {direction} --echo src"
        raise DataError(
            f"Test set {name} {direction} is not in sacrebleu's cache ({_cache()}) and {state}: "
            f"{type(error).__name__}: {error}. Run `{command}` where there is a network, copy the folder "
            f"{_cache()}/{name} here, or set SACREBLEU to the folder that holds it."
        ) from None
    if len(sources) != len(references) or not sources:
        raise DataError(
            f"Test set {name} {direction}: {len(sources)} sources and {len(references)} references in "
            f"{_cache()}/{name}; delete that folder and download it again."
        )
    whole = [column for column in zip(*references, strict=False) if all(column)] or [tuple(r[0] for r in references)]
    return list(zip(sources, *whole, strict=True))


def directions(name: str) -> list[str]:
    """The directions of a set, as sacrebleu writes them.  Raises DataError for an unknown set."""
    return list(_dataset(name).langpairs)


def checksums(name: str) -> list[str]:
    """sacrebleu's own MD5 sums of what the set is downloaded from."""
    return list(getattr(_dataset(name), "md5", None) or [])


def _dataset(name: str) -> Any:
    from sacrebleu.dataset import DATASETS

    if name not in DATASETS:
        raise DataError(
            f"data.sacrebleu.sets: sacrebleu has no test set {name!r}. {did_you_mean(name, DATASETS)} "
            f"`sacrebleu --list` shows all."
        )
    return DATASETS[name]


def _cache() -> str:
    from sacrebleu.utils import SACREBLEU_DIR

    return str(SACREBLEU_DIR)


@contextmanager
def _as_is() -> Iterator[None]:
    yield


@contextmanager
def _no_network() -> Iterator[None]:
    """sacrebleu has no offline switch: while this holds, its downloads fail before they reach out."""

    def refuse(*args: Any, **options: Any) -> NoReturn:
        raise urllib.error.URLError("offline")

    before = urllib.request.urlopen
    urllib.request.urlopen = refuse
    try:
        yield
    finally:
        urllib.request.urlopen = before
