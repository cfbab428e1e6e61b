"""Writing into a results folder.  What the suite has not written there is never changed or removed.

``manifest.json`` names every file that the suite has written, with its hash.  Of these alone files are replaced and
removed.  A file that was changed since, or that is in the way and not of the suite, is kept as ``NAME.orig``.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from mtsuite.errors import RecipeError, StoreError
from mtsuite.results.files import ARCHIVE

MANIFEST = "manifest.json"
RECORDS = ("recipe.yaml", "environment.json", "report.json", "charts.json", "scores.csv", "costs.csv",
           "significance.csv", "intervals.csv", "failures.csv", "perplexity.csv", "near_duplicates.csv",
           "far_scores.csv", "metrics.jsonl")  # fmt: skip
REPORT = ("tables/", "matrices/", "figures/", "report.html")  # what is made from the others
_FOLDERS = ("segments/", "translations/", *REPORT[:3])
_SCHEMA = 1

log = logging.getLogger(__name__)


def is_output(name: str) -> bool:
    """Whether the suite has a file of this name in results folders."""
    return name in RECORDS or name in (ARCHIVE, "report.html") or name.startswith(_FOLDERS)


def is_report(name: str) -> bool:
    """Whether a file is made from the others of its folder."""
    return name.startswith(REPORT)


def is_ours(folder: Path) -> bool:
    """Whether the suite wrote this results folder: it has a manifest, or report and scores as versions before it."""
    if _manifest(folder) is not None:
        return True
    report = _json(folder / "report.json")
    return (
        report is not None
        and "methods" in report
        and ((folder / "scores.csv").is_file() or (folder / ARCHIVE).is_file())
    )


def check_folder(folder: Path) -> None:
    """Refuse a place for results in which something of the user's lies, or that cannot be written.

    Raises RecipeError, which says what was found and what to do.
    """
    advice = "choose another folder with --output-dir"
    if folder.is_symlink() and not folder.exists():
        raise RecipeError(f"--output-dir: {folder} is a link to what does not exist; {advice}.")
    for place in (folder, *folder.parents):
        if place.exists():
            if not place.is_dir():
                raise RecipeError(f"--output-dir: expected a folder, found the file {place}; {advice}.")
            if not os.access(place, os.W_OK | os.X_OK):
                raise RecipeError(f"--output-dir: {place} cannot be written (no permission); {advice}.")
            break
    if not folder.is_dir() or is_ours(folder):
        return
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    if found:
        shown = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
        raise RecipeError(
            f"--output-dir: expected an empty folder or the results of an earlier run, found {shown} in {folder}, "
            f"which mtsuite has not written. Nothing was changed; {advice}."
        )


def write_files(folder: Path, files: Mapping[str, bytes | Path], scope: Callable[[str], bool]) -> None:
    """Write files, by their names in the folder, and remove those of the suite in ``scope`` that have no successor.

    Each file is there whole or not at all, and one process writes at a time.  A file that is not as the suite left it
    is kept as ``NAME.orig``, with a warning.  Raises StoreError when the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            _write(folder, files, scope)
    except OSError as error:
        raise StoreError(
            f"{folder}: the results cannot be written: {error.strerror or error}. Everything is kept in the store; "
            "free some space or choose another folder with --output-dir and run again."
        ) from error


def _write(folder: Path, files: Mapping[str, bytes | Path], scope: Callable[[str], bool]) -> None:
    known = _known(folder, files)
    hashes = {name: _hash(content) for name, content in files.items()}
    kept = {name: known[name] for name in known if not scope(name) and name not in files}
    # Both states are ours while one turns into the other: a process that is killed here leaves nothing unknown.
    _write_manifest(folder, {**kept, **{name: [*known.get(name, []), digest] for name, digest in hashes.items()},
                             **{name: known[name] for name in known if scope(name) and name not in files}})  # fmt: skip
    for name in known:
        if scope(name) and name not in files and (folder / name).is_file():
            if _unchanged(folder / name, known[name]):
                _remove(folder, name)
            else:
                log.warning("%s was changed since mtsuite wrote it: it stays, and is yours now", folder / name)
    for name, content in files.items():
        _refuse_links(folder, name)
        path = folder / name
        if os.path.lexists(path) and not _unchanged(path, [*known.get(name, []), hashes[name]]):
            _keep(path)
        _put(path, content)
    _write_manifest(folder, {**kept, **{name: [digest] for name, digest in hashes.items()}})


def _known(folder: Path, files: Collection[str]) -> dict[str, list[str]]:
    """The suite's files in the folder with the hashes that they may have."""
    manifest = _manifest(folder)
    if manifest is not None:
        return {name: found for name, found in manifest.items() if is_output(name) and ".." not in Path(name).parts}
    if not is_ours(folder):
        return {}
    # Of a version without manifests: what it is known to have written, as it is now.
    adopted = {*RECORDS, ARCHIVE, "report.html", *_of_scores(folder), *filter(is_output, files)}
    there = {name: folder / name for name in adopted}
    return {name: [_hash(path)] for name, path in there.items() if path.is_file() and not path.is_symlink()}


def _of_scores(folder: Path) -> Iterator[str]:
    """Translations and segments that a version without manifests wrote, by its scores."""
    try:
        with (folder / "scores.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error):
        return
    for row in rows:
        method, seed, trained_on, direction, testset = (
            str(row.get(column)) for column in ("method", "seed", "trained_on", "direction", "testset")
        )
        for stem in (direction, f"{testset}.{direction}"):
            if not any(part in ("", "..") or "/" in part for part in (method, stem)):
                yield f"translations/{method}/{seed}/{trained_on}/{stem}.txt"
                yield f"segments/{stem}.json"


def _unchanged(path: Path, hashes: Collection[str]) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    return _hash(path) in hashes


def _hash(content: bytes | Path) -> str:
    return hashlib.sha256(content if isinstance(content, bytes) else content.read_bytes()).hexdigest()


def _refuse_links(folder: Path, name: str) -> None:
    """A folder of the user's that a link stands for is not written into."""
    above = folder
    for part in Path(name).parts[:-1]:
        above = above / part
        if above.is_symlink() or (os.path.lexists(above) and not above.is_dir()):
            found = "a link" if above.is_symlink() else "a file"
            raise StoreError(
                f"{above}: expected a folder of the results, found {found}; move it away, "
                "or choose another folder with --output-dir."
            )


def _keep(path: Path) -> None:
    """Move what is in the way to a free name beside it: ``bleu.tex.orig``, then ``bleu.tex.orig2``."""
    number, place = 2, path.with_name(f"{path.name}.orig")
    while os.path.lexists(place):
        place, number = path.with_name(f"{path.name}.orig{number}"), number + 1
    os.rename(path, place)
    log.warning("%s is not as mtsuite left it: it is kept as %s", path, place.name)


def _put(path: Path, content: bytes | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        if isinstance(content, bytes):
            draft.write_bytes(content)
        else:
            shutil.copyfile(content, draft)
        os.replace(draft, path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def _remove(folder: Path, name: str) -> None:
    path = folder / name
    path.unlink(missing_ok=True)
    for above in path.parents:
        if above == folder or above.is_symlink() or any(above.iterdir()):
            break
        above.rmdir()


def _manifest(folder: Path) -> dict[str, list[str]] | None:
    """Name to the hashes of the suite's files; None where there is no manifest of the suite."""
    found = _json(folder / MANIFEST)
    files = found.get("files") if found is not None and found.get("schema") == _SCHEMA else None
    if not isinstance(files, dict):
        return None
    return {name: [str(one) for one in (of if isinstance(of, list) else [of])] for name, of in files.items()}


def _write_manifest(folder: Path, files: Mapping[str, list[str]]) -> None:
    told = {name: found[0] if len(found) == 1 else found for name, found in sorted(files.items())}
    about = "Files that mtsuite wrote here, with their SHA-256; it replaces and removes no others."
    if os.path.lexists(folder / MANIFEST) and _manifest(folder) is None:
        _keep(folder / MANIFEST)
    text = json.dumps({"schema": _SCHEMA, "about": about, "files": told}, indent=1, ensure_ascii=False) + "\n"
    _put(folder / MANIFEST, text.encode())


def _json(path: Path) -> dict[str, object] | None:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder against other processes and threads that write into it.

    The lock is on the folder itself and leaves no file behind; the operating system lets go of it when the process
    dies.  Where there are no such locks (Windows, some network file systems), a lock file is used.
    """
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except ImportError:
        handle = None
    if handle is not None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            os.close(handle)
            handle = None
    if handle is None:
        from filelock import FileLock

        with FileLock(folder / ".lock"):
            yield
        return
    try:
        yield
    finally:
        os.close(handle)
