"""The packed form of a results folder: what version control keeps of it.

Records, recipe, environment and Markdown tables stay loose.  Translations, segments, curves and every record above
``LARGE`` bytes go into one archive, from which ``mtsuite report`` makes all that is left out.
"""

from __future__ import annotations

import io
import os
import tarfile
import uuid
from collections.abc import Iterable
from pathlib import Path

from mtsuite.errors import StoreError
from mtsuite.results.files import ARCHIVE, Files

LARGE = 500_000  # bytes
_BULKY = ("translations/", "segments/", "metrics.jsonl")
_RECORDS = frozenset({"charts.json", "costs.csv", "failures.csv", "intervals.csv", "perplexity.csv", "scores.csv",
                      "significance.csv"})  # fmt: skip


def write_archive(folder: Path) -> list[str]:
    """Write the archive of a results folder and return the names of the files that are in it now.

    Equal files make equal bytes.  An archive that is there gives what does not lie loose.  Raises StoreError when it
    cannot be written; the old archive is then still there.
    """
    files = Files(folder)
    inside = [name for name in files.names() if _archived(files, name)]
    draft = folder / f".{ARCHIVE}.{uuid.uuid4().hex[:8]}"
    try:
        with tarfile.open(draft, "x:xz", format=tarfile.PAX_FORMAT, preset=9) as archive:
            for name in inside:
                content = files.entry(name).read()
                member = tarfile.TarInfo(name)  # time 0, nobody's, mode 644
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        os.replace(draft, folder / ARCHIVE)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreError(f"{folder / ARCHIVE}: cannot be written: {error.strerror or error}.") from error
    return inside


def is_packed(name: str) -> bool:
    """Whether a file that the report makes stays in the packed form: its Markdown tables do."""
    return name.startswith("tables/") and name.endswith(".md")


def remove_files(folder: Path, names: Iterable[str]) -> None:
    """Remove files of a results folder, and the folders in it that are empty then."""
    for name in names:
        path = folder / name
        path.unlink(missing_ok=True)
        for above in path.parents:
            if above == folder or not above.is_dir() or any(above.iterdir()):
                break
            above.rmdir()


def _archived(files: Files, name: str) -> bool:
    return name.startswith(_BULKY) or (name in _RECORDS and len(files.entry(name).read()) > LARGE)
