"""The packed form of a results folder: what version control keeps of it.

Records, recipe, environment and Markdown tables stay loose.  Translations, segments, curves and every record above
``LARGE`` bytes go into one archive, from which ``mtsuite report`` makes all that is left out.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from mtsuite.results.files import Files

LARGE = 500_000  # bytes
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
    with tarfile.open(fileobj=whole, mode="w:xz", format=tarfile.PAX_FORMAT, preset=9) as packed:
        for name in inside:
            content = files.entry(name).read()
            member = tarfile.TarInfo(name)  # time 0, nobody's, mode 644
            member.size = len(content)
            packed.addfile(member, io.BytesIO(content))
    return whole.getvalue(), inside


def is_packed(name: str) -> bool:
    """Whether a file that the report makes stays in the packed form: its Markdown tables do."""
    return name.startswith("tables/") and name.endswith(".md")


def _archived(files: Files, name: str) -> bool:
    return name.startswith(_BULKY) or (name in _RECORDS and len(files.entry(name).read()) > LARGE)
