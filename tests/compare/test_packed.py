"""The packed form: small, equal bytes for equal files, and everything that was left out made again from it."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from mtsuite.compare.output import compare_results, compared_as
from mtsuite.errors import StoreError
from mtsuite.metrics.files import PairedTest
from mtsuite.report.build import build_report, pack_report
from mtsuite.results import pack
from mtsuite.results.files import ARCHIVE, Files
from mtsuite.results.folder import read_results
from mtsuite.results.writing import MANIFEST

from .worlds import world


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = world(tmp_path / "here", {"full": 0.1, "lora": 0.4}, seeds=2)
    (made / "metrics.jsonl").write_text('{"step": 1}\n')
    return made


def contents(folder: Path) -> dict[str, bytes]:
    files = Files(folder)
    return {name: files.entry(name).read() for name in files.names() if name not in (ARCHIVE, MANIFEST)}


def test_what_was_left_out_is_made_again(folder: Path) -> None:
    build_report(folder, page=False)
    before = contents(folder)
    pack_report(folder)
    loose = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"scores.csv", "report.json", ARCHIVE, "tables/bleu.md"} <= loose
    assert not any(
        name.startswith(("translations/", "segments/")) or name.endswith((".tex", ".html")) for name in loose
    )
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"tables"}, "no empty folder is left"
    assert read_results(folder).segments
    build_report(folder, page=False)
    assert contents(folder) == before


def test_equal_files_make_an_equal_archive(folder: Path, tmp_path: Path) -> None:
    other = shutil.copytree(folder, tmp_path / "there")
    for path in other.rglob("*"):
        os.utime(path, (1, 1))
        path.chmod(0o755)
    for one in (folder, other):
        pack_report(one)
    first = (folder / ARCHIVE).read_bytes()
    assert first == (other / ARCHIVE).read_bytes()
    pack_report(folder)
    assert (folder / ARCHIVE).read_bytes() == first, "packing twice changes nothing"


def test_a_large_record_goes_into_the_archive(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores = read_results(folder).scores
    monkeypatch.setattr(pack, "LARGE", 100)
    pack_report(folder)
    assert not (folder / "scores.csv").exists()
    assert read_results(folder).scores == scores


def test_tables_of_later_metrics_leave_first() -> None:
    names = {f"tables/{name}" for name in ("bleu.md", "comet.md", "costs.md", "perplexity.md")}
    of = {
        metric: {f"tables/{name}-{metric}.md" for name in ("transfer", "significance")}
        for metric in ("bleu", "chrf", "comet")
    }
    made = {*names, *of["bleu"], *of["chrf"], *of["comet"], "tables/bleu.tex", "report.html"}
    metrics = ["bleu", "chrf", "comet"]
    assert pack.packed_tables(made, metrics, pack.MOST - 10) == {*names, *of["bleu"], *of["chrf"], *of["comet"]}
    assert pack.packed_tables(made, metrics, pack.MOST - 9) == {*names, *of["bleu"], *of["chrf"]}
    assert pack.packed_tables(made, metrics, pack.MOST) == {*names, *of["bleu"]}, "the first metric's tables stay"


def test_a_packed_folder_has_few_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack_report(folder)
    before = {path.name for path in folder.rglob("*")}
    monkeypatch.setattr(pack, "MOST", 0)
    pack_report(folder)
    assert {path.name for path in folder.rglob("*")} == {
        name for name in before if not name.endswith(("-chrf.md", "-comet.md"))
    }


def test_a_loose_file_comes_first(folder: Path) -> None:
    pack_report(folder)
    place = folder / "translations/lora/1/all/en-de.txt"
    place.parent.mkdir(parents=True)
    place.write_text("new\n")
    assert Files(folder).entry("translations/lora/1/all/en-de.txt").read() == b"new\n"
    pack_report(folder)
    assert Files(folder).entry("translations/lora/1/all/en-de.txt").read() == b"new\n", "it is in the archive now"


def test_packed_folders_are_compared(folder: Path) -> None:
    test = PairedTest("approximate_randomization", 50, 1)
    loose = compared_as("json", compare_results([str(folder)], ["full,lora"], test), 100, False)
    pack_report(folder)
    packed = compared_as("json", compare_results([str(folder)], ["full,lora"], test), 100, False)
    assert packed == loose
    assert '"p_value"' in packed


def test_messages_name_the_archive(folder: Path) -> None:
    path = folder / "segments/en-de.json"
    path.write_text("{}")
    (folder / ARCHIVE).write_bytes(pack.archive(folder)[0])
    path.unlink()
    with pytest.raises(StoreError, match=rf"{ARCHIVE}/segments/en-de\.json is not a file of segments"):
        read_results(folder)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\xfd7zXZ\x00\x00"])
def test_a_damaged_archive_is_named(folder: Path, content: bytes) -> None:
    pack_report(folder)
    (folder / ARCHIVE).write_bytes(content)
    with pytest.raises(StoreError, match=rf"{ARCHIVE}: expected the archive of a results folder"):
        read_results(folder)


def test_a_cut_archive_is_named(folder: Path) -> None:
    pack_report(folder)
    whole = (folder / ARCHIVE).read_bytes()
    (folder / ARCHIVE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError, match="damaged"):
        read_results(folder)


def test_only_plain_files_of_an_archive_are_read(folder: Path) -> None:
    with tarfile.open(folder / ARCHIVE, "w:xz") as archive:
        link = tarfile.TarInfo("perplexity.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert "perplexity.csv" not in Files(folder).names()
