"""Folders and files that are no results, no text or half of it, given to every verb that reads results or text."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from compare.worlds import world
from conftest import Answer

from mtsuite.report.build import build_report

Verb = Callable[..., Answer]
NUL = b"\0\1\2\xff\xfe" * 40


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)

    return change


def a_folder_called(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return change


def nothing_left(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def a_file_instead(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_bytes(b"text\n")


def cut(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes((folder / name).read_bytes()[:-9])

    return change


FOLDERS: dict[str, Callable[[Path], None]] = {
    "empty": nothing_left,
    "a file": a_file_instead,
    "missing": shutil.rmtree,
    "report.json is a list": write("report.json", b"[]"),
    "report.json is empty": write("report.json", b""),
    "report.json is binary": write("report.json", NUL),
    "report.json is a folder": a_folder_called("report.json"),
    "report.json is cut": cut("report.json"),
    "scores.csv is binary": write("scores.csv", NUL),
    "scores.csv is empty": write("scores.csv", b""),
    "scores.csv has other columns": write("scores.csv", b"a,b\n1,2\n"),
    "scores.csv is a folder": a_folder_called("scores.csv"),
    "scores.csv has an open quote": write("scores.csv", b'method,seed\n"full,1\n'),
    "scores.csv is UTF-16": write("scores.csv", "method,seed\nfull,1\n".encode("utf-16")),
    "segments are binary": write("segments/en-de.json", NUL),
    "segments are a list": write("segments/en-de.json", b"[1]"),
    "costs.csv is binary": write("costs.csv", NUL),
    "charts.json is binary": write("charts.json", NUL),
    "an archive that is none": write("details.tar.xz", NUL),
}  # fmt: skip
VERBS: dict[str, tuple[str, ...]] = {
    "report": ("report", "junk"),
    "compare": ("compare", "good", "junk"),
    "compare bases": ("compare", "good", "junk", "--bases"),
    "merge": ("merge", "good", "junk", "--output-dir", "out"),
    "score": ("score", "junk", "--metrics", "TER"),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = world(tmp_path_factory.mktemp("junk") / "good", {"full": 0.2, "lora": 0.4}, directions=("en-de",))
    build_report(folder, page=False)
    return folder


@pytest.mark.parametrize("word", VERBS)
@pytest.mark.parametrize("case", FOLDERS)
def test_folders(case: str, word: str, whole: Path, here: Path, verb: Verb) -> None:
    for name in ("good", "junk"):
        shutil.copytree(whole, here / name)
    FOLDERS[case](here / "junk")
    answer = verb(*VERBS[word])
    assert answer.code in (1, 2), answer.text
    assert "junk" in answer.text, "which folder"
    assert "Traceback" not in answer.text
    assert "a bug of mtsuite" not in answer.text
    assert not (here / "out").exists()


FILES: dict[str, tuple[bytes | None, str]] = {
    "nothing": (b"", "expected"),
    "binary": (NUL, "junk.txt"),
    "Latin-1": ("Müller\nMüller\n".encode("latin-1"), "not UTF-8"),
    "UTF-16": ("eins\nzwei\n".encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": ("eins\nzwei\n".encode("utf-16-le"), "zero"),
    "carriage returns": (b"eins\rzwei\rdrei\r", "carriage returns"),
    "a line too few": (b"eins\n", "junk.txt ends before line 2"),
    "half an archive": (None, "not a complete gzip file"),
}


@pytest.mark.parametrize("role", ["--hypotheses", "--references"])
@pytest.mark.parametrize("case", FILES)
def test_files(case: str, role: str, here: Path, verb: Verb) -> None:
    content, part = FILES[case]
    name = "junk.txt" if content is not None else "junk.txt.gz"
    (here / name).write_bytes(gzip.compress(b"eins\nzwei\n")[:-5] if content is None else content)
    (here / "good.txt").write_text("eins\nzwei\n")
    other = "--references" if role == "--hypotheses" else "--hypotheses"
    answer = verb("score", role, name, other, "good.txt", "--direction", "en-de", "--metrics", "chrF")
    assert answer.code in (1, 2), answer.text
    assert part in answer.text
    assert "junk.txt" in answer.text
    assert "Traceback" not in answer.text
    assert "a bug of mtsuite" not in answer.text


@pytest.mark.parametrize("role", ["--hypotheses", "--references", "--sources"])
def test_a_file_that_is_read_is_not_written(role: str, here: Path, verb: Verb) -> None:
    files = {"--hypotheses": "h.txt", "--references": "r.txt", "--sources": "s.txt"}
    for name in files.values():
        (here / name).write_text(f"eins {name}\n")
    (here / "link.txt").symlink_to(files[role])
    words = [word for pair in files.items() for word in pair]
    for output in (files[role], f"./{files[role]}", "link.txt"):
        answer = verb("score", *words, "--direction", "en-de", "--metrics", "chrF", "--output", output)
        assert (answer.code, "it is read from" in answer.text) == (2, True), answer.text
        assert (here / files[role]).read_text() == f"eins {files[role]}\n"
