"""Writing into a results folder: only what the suite wrote is replaced or removed; one process writes at a time."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from mtsuite.errors import RecipeError, StoreError
from mtsuite.results.writing import MANIFEST, check_folder, is_output, is_report, write_files

FIRST = {"scores.csv": b"1\n", "tables/bleu.tex": b"a", "translations/lora/1/all/en-de.txt": b"x\n"}
SECOND = {"scores.csv": b"2\n", "tables/bleu.tex": b"b"}


def contents(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: content for name, content in found.items() if name != MANIFEST}


def test_own_files_are_replaced_and_removed(tmp_path: Path) -> None:
    write_files(tmp_path, FIRST, is_output)
    assert contents(tmp_path) == FIRST
    write_files(tmp_path, SECOND, is_output)
    assert contents(tmp_path) == SECOND
    assert not (tmp_path / "translations").exists(), "empty folders go too"


def test_files_of_the_user_stay(tmp_path: Path) -> None:
    write_files(tmp_path, FIRST, is_output)
    mine = {
        "tables/mine.tex": b"mine",
        "translations/notes.txt": b"mine",
        "figures/photo.png": b"mine",
        "a.md": b"mine",
    }
    for name, content in mine.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    write_files(tmp_path, SECOND, is_output)
    assert contents(tmp_path) == {**SECOND, **mine}


def test_what_the_user_changed_is_kept_beside(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_files(tmp_path, FIRST, is_output)
    (tmp_path / "tables/bleu.tex").write_bytes(b"edited")
    (tmp_path / "translations/lora/1/all/en-de.txt").write_bytes(b"edited")
    write_files(tmp_path, SECOND, is_output)
    assert contents(tmp_path) == {**SECOND, "tables/bleu.tex.orig": b"edited",
                                  "translations/lora/1/all/en-de.txt": b"edited"}  # fmt: skip
    assert "bleu.tex is not as mtsuite left it: it is kept as bleu.tex.orig" in caplog.text
    (tmp_path / "tables/bleu.tex").write_bytes(b"again")
    write_files(tmp_path, SECOND, is_output)
    assert (tmp_path / "tables/bleu.tex.orig").read_bytes() == b"edited"
    assert (tmp_path / "tables/bleu.tex.orig2").read_bytes() == b"again"


def test_a_file_in_the_way_is_kept_beside(tmp_path: Path) -> None:
    write_files(tmp_path, {"scores.csv": b"1\n"}, is_output)
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/bleu.tex").write_bytes(b"mine")
    (tmp_path / "outside").write_bytes(b"outside")
    (tmp_path / "report.html").symlink_to("outside")
    write_files(tmp_path, {"tables/bleu.tex": b"b", "report.html": b"page"}, is_report)
    assert (tmp_path / "tables/bleu.tex.orig").read_bytes() == b"mine"
    assert (tmp_path / "outside").read_bytes() == b"outside"
    assert (tmp_path / "report.html.orig").is_symlink()


def test_a_folder_that_is_a_link_is_not_written_into(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = tmp_path / "results"
    write_files(folder, {"scores.csv": b"1\n"}, is_output)
    (folder / "tables").symlink_to(elsewhere)
    with pytest.raises(StoreError, match="tables: expected a folder of the results, found a link"):
        write_files(folder, SECOND, is_output)
    assert list(elsewhere.iterdir()) == []


def test_the_report_touches_no_record(tmp_path: Path) -> None:
    write_files(tmp_path, FIRST, is_output)
    write_files(tmp_path, {"tables/chrf.tex": b"c"}, is_report)
    assert contents(tmp_path) == {"scores.csv": b"1\n", "translations/lora/1/all/en-de.txt": b"x\n",
                                  "tables/chrf.tex": b"c"}  # fmt: skip


def older(folder: Path) -> dict[str, bytes]:
    """A folder of a version without manifests, with a file of the user's in each folder."""
    scores = "method,seed,trained_on,direction,testset\nlora,1,all,en-de,test\nfull,1,all,en-de,test\n"
    files = {
        "report.json": b'{"schema": 1, "methods": ["lora", "full"]}',
        "scores.csv": scores.encode(),
        "translations/lora/1/all/en-de.txt": b"x\n",
        "translations/full/1/all/en-de.txt": b"y\n",
        "segments/en-de.json": b"{}",
        "tables/bleu.tex": b"a",
        "report.html": b"page",
    }
    mine = {"tables/mine.tex": b"mine", "translations/mine/1/all/en-de.txt": b"mine", "segments/mine.json": b"mine"}
    for name, content in {**files, **mine}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return mine


def test_folders_of_earlier_versions_are_taken_over(tmp_path: Path) -> None:
    mine = older(tmp_path)
    check_folder(tmp_path)
    new = {
        "report.json": b"{}",
        "scores.csv": b"2\n",
        "tables/bleu.tex": b"b",
        "translations/lora/1/all/en-de.txt": b"z\n",
    }
    write_files(tmp_path, new, is_output)
    assert contents(tmp_path) == {**new, **mine}


def test_a_manifest_of_something_else_is_kept(tmp_path: Path) -> None:
    older(tmp_path)
    (tmp_path / MANIFEST).write_text('{"files": ["mine"]}')
    write_files(tmp_path, {"tables/bleu.tex": b"b"}, is_report)
    assert (tmp_path / f"{MANIFEST}.orig").read_text() == '{"files": ["mine"]}'


def test_a_manifest_names_no_file_outside(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    write_files(folder, {"scores.csv": b"1\n"}, is_output)
    (tmp_path / "mine").write_bytes(b"1\n")
    text = (folder / MANIFEST).read_text()
    (folder / MANIFEST).write_text(text.replace('"scores.csv"', '"tables/../../mine"'))
    write_files(folder, {}, is_output)
    assert (tmp_path / "mine").exists()


@pytest.mark.parametrize("name", ["figures/photo.png", "recipe.yaml", "report.json"])
def test_a_folder_of_the_user_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{}")
    with pytest.raises(RecipeError, match=rf"found {name.split('/')[0]} in .*Nothing was changed; choose another"):
        check_folder(tmp_path)


def test_places_that_can_be_written(tmp_path: Path) -> None:
    check_folder(tmp_path)  # empty
    check_folder(tmp_path / "a" / "b")  # not there yet
    (tmp_path / ".gitkeep").touch()
    check_folder(tmp_path)
    write_files(tmp_path, FIRST, is_output)
    check_folder(tmp_path)


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(RecipeError, match="expected a folder, found the file"):
            check_folder(place)
    (tmp_path / "lost").symlink_to(tmp_path / "nowhere")
    with pytest.raises(RecipeError, match="a link to what does not exist"):
        check_folder(tmp_path / "lost")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(RecipeError, match="cannot be written"):
        check_folder(tmp_path / "new")


def publish(folder: Path, number: int, rounds: int) -> None:
    for _ in range(rounds):
        write_files(folder, state(number), is_output)


def state(number: int) -> dict[str, bytes]:
    text = f"{number}\n".encode()
    names = [
        "scores.csv",
        "recipe.yaml",
        *(f"tables/{i}.md" for i in range(5)),
        f"translations/row-{number}/1/all/en-de.txt",
    ]
    return dict.fromkeys(names, text)


def test_runs_that_publish_at_once_leave_one_of_their_states(tmp_path: Path) -> None:
    folder = tmp_path / "results"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=publish, args=(folder, number, 10)) for number in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 8
    assert contents(folder) in [state(number) for number in range(8)]
