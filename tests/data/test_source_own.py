"""Sources of text of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mtsuite.data.build import build_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.sources import check_source, source_fingerprint
from mtsuite.errors import DataError

from .data_helpers import data

SOURCE = """from mtsuite.data.sources import Source


class Ours(Source):
    has_valid = False

    def check(self, tested):
        pass

    def fingerprint(self):
        return {"release": self.settings["options"]["release"]}

    def train(self, pair):
        for n in range(20):
            yield f"{pair[0]} sentence {n}", f"{pair[1]} satz {n}"

    def valid(self, pair):
        return iter(())

    def tests(self, direction):
        return {"ours": [("one", "eins"), ("two", "zwei")]}

    def test_names(self, direction):
        return ["ours"]
"""
EN_DE = Direction("en", "de")


def settings(tmp_path: Path, text: str = SOURCE, release: int = 1) -> dict[str, object]:
    (tmp_path / "ours.py").write_text(text)
    use = f"{tmp_path / 'ours.py'}:Ours"
    return data({"source": "plugin", "use": use, "options": {"release": release}, "valid_sentences": 3})


def test_text_comes_from_it(tmp_path: Path) -> None:
    given = settings(tmp_path)
    check_source(given, ["en-de"], tmp_path)
    corpus = build_corpus(given, ["en-de"], tmp_path, tmp_path / "corpus")
    assert len(corpus.pairs("train", EN_DE)) == 17
    assert corpus.test(EN_DE, "ours") == [("one", "eins"), ("two", "zwei")]


def test_the_fingerprint_is_its_own_and_its_codes(tmp_path: Path) -> None:
    one = source_fingerprint(settings(tmp_path), tmp_path)
    assert one != source_fingerprint(settings(tmp_path, release=2), tmp_path)
    assert one != source_fingerprint(settings(tmp_path, SOURCE.replace("satz", "zeile")), tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("class Ours(Source)", "class Theirs(Source)", r"data.text.use: .*no class 'Ours'.*Theirs"),
        (
            "        pass",
            "        raise OSError('server down')",
            r"check failed: ours.py:8, in check: OSError: server down",
        ),
        ("class Ours", "import nothing_of_this_name\n\n\nclass Ours", r"cannot be imported.*nothing_of_this_name"),
    ],
)
def test_what_is_wrong_is_said_before_the_run(tmp_path: Path, old: str, new: str, says: str) -> None:
    given = settings(tmp_path, SOURCE.replace(old, new))
    with pytest.raises(DataError, match=says):
        check_source(given, ["en-de"], tmp_path)


def test_a_row_that_is_none(tmp_path: Path) -> None:
    given = settings(tmp_path, SOURCE.replace('f"{pair[1]} satz {n}"', "n"))
    with pytest.raises(DataError, match="train, row 1: expected two texts"):
        build_corpus(given, ["en-de"], tmp_path, tmp_path / "corpus")
