"""The packed form of a results folder: what version control keeps of it.

Records, recipe, environment and Markdown tables stay loose.  Translations, segments, curves and every record above
``LARGE`` bytes go into one archive, from which ``mtsuite report`` makes all that is left out.  A packed folder has at
most ``MOST`` files where leaving out the tables of later metrics makes that possible.
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from mtsuite.results.files import Files

LARGE = 500_000  # bytes
MOST = 40  # files
_BULKY = ("translations/", "segments/", "metrics.jsonl")
_RECORDS = frozenset({"charts.json", "costs.csv", "failures.csv", "intervals.csv", "perplexity.csv", "scores.csv",
                      "near_duplicates.csv", "far_scores.csv",
                      "significance.csv"})  # fmt: skip


def archive(folder: Path) -> tuple[bytes, list[str]]:
    """The archive of a results folder, and the names of the files that are in it.

    Equal files make equal bytes.  An archive that is there gives what does not lie loose.
    """
    files = Files(folder)
    inside = [name for name in files.names() if _archived(files, name)]
    whole = io.BytesIO()
    with (
        lzma.open(whole, "wb", preset=9 | lzma.PRESET_EXTREME) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as packed,
    ):
        for name in inside:
            content = files.entry(name).read()
            member = tarfile.TarInfo(name)  # time 0, nobody's, mode 644
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return whole.getvalue(), inside


def packed_tables(made: Iterable[str], metrics: Sequence[str], others: int) -> set[str]:
    """The files of the report that stay in the packed form, beside ``others`` that are no part of it.

    Its Markdown tables do.  Where the folder would hold more than ``MOST`` files, those of single metrics leave
    (``-comet.md``), the last metric's first; ``metrics`` are as file names have them, in the report's order.
    """
    tables = {name for name in made if name.startswith("tables/") and name.endswith(".md")}
    for metric in reversed(metrics[1:]):
        if len(tables) + others <= MOST:
            break
        tables = {name for name in tables if not name.endswith(f"-{metric}.md")}
    return tables


def _archived(files: Files, name: str) -> bool:
    return name.startswith(_BULKY) or (name in _RECORDS and len(files.entry(name).read()) > LARGE)
