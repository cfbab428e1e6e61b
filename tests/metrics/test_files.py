"""Scoring files: what the sacrebleu command says, published scores of WMT systems, and everything that can be wrong."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mtsuite.data.direction import Direction
from mtsuite.data.microworld import LANGUAGES_IN_WORLD, generate
from mtsuite.data.microworld.recognise import is_of_microworld
from mtsuite.errors import MetricError
from mtsuite.metrics import register_metric
from mtsuite.metrics.base import Metric, MetricResult
from mtsuite.metrics.failures import failures, measure_kind
from mtsuite.metrics.files import PairedTest, ScoredFiles, score_files
from mtsuite.metrics.segment_files import read_segment_file
from mtsuite.metrics.significance import compare
from mtsuite.report.render.formats import FORMATS
from mtsuite.report.tables.files import files_as, files_table
from mtsuite.report.tables.files_failures import failures_table

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("MTSUITE_DATA", ROOT.parent / "shared" / "data")) / "system_outputs"

REFERENCES = ["Der Hund sieht heute die Katze.", "Er kommt nicht.", "Wir lesen zwei Bücher.", "Das ist alt."]
OTHERS = ["Heute sieht der Hund die Katze.", "Er kommt nicht.", "Zwei Bücher lesen wir.", "Das da ist alt."]
SYSTEM = ["Der Hund sieht die Katze heute.", "Er kommt nicht mehr.", "Wir lesen die Bücher .", "Das ist sehr alt."]
WORSE = ["Der Hund die Katze.", "Er geht nicht.", "Wir Bücher.", "Dies ist alt."]


def put(folder: Path, **files: list[str]) -> dict[str, Path]:
    paths = {}
    for name, lines in files.items():
        paths[name] = folder / f"{name}.txt"
        paths[name].write_bytes("".join(f"{line}\n" for line in lines).encode())
    return paths


def scored(folder: Path, metrics: str = "BLEU,chrF", **options: Any) -> ScoredFiles:
    paths = put(folder, ref=REFERENCES, good=SYSTEM, bad=WORSE)
    hypotheses = options.pop("hypotheses", [paths["good"], paths["bad"]])
    return score_files(hypotheses, paths["ref"], None, "en-de", metrics.split(","), **options)


def sacrebleu_command(*words: str | Path) -> Any:
    command = [sys.executable, "-m", "sacrebleu", *map(str, words), "-w", "14", "-f", "json"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def said(entry: dict[str, Any], result: MetricResult) -> bool:
    same = f"{result.score:.14f}" == f"{entry['score']:.14f}"
    return same and result.signature == entry["signature"]


def test_numbers_and_signatures_are_those_of_the_sacrebleu_command(tmp_path: Path) -> None:
    paths = put(tmp_path, ref=REFERENCES, other=OTHERS, good=SYSTEM)
    told = sacrebleu_command(paths["ref"], paths["other"], "-i", paths["good"], "-m", "bleu", "chrf", "ter")
    found = score_files([paths["good"]], [paths["ref"], paths["other"]], None, "en-de", ["BLEU", "chrF", "TER"])
    assert "nrefs:2" in told[0]["signature"]
    for entry, result in zip(told, found.systems[0].results, strict=True):
        assert said(entry, result), result.metric


def test_lines_are_those_of_the_sacrebleu_command(tmp_path: Path) -> None:
    """CR LF, blanks at the end, U+2028, a form feed, a missing last line feed, empty lines, gzip."""
    hypotheses = "Der Hund\u2028sieht heute die Katze.\r\nEr  kommt\x0cnicht. \t\r\n\r\nDas ist alt."
    references = "Der Hund sieht heute die Katze.\nEr kommt nicht.\nWir lesen zwei Bücher.\nDas ist alt.\n"
    (tmp_path / "hyp.txt").write_bytes(hypotheses.encode())
    with gzip.open(tmp_path / "ref.txt.gz", "wb") as file:
        file.write(references.encode())
    told = sacrebleu_command(tmp_path / "ref.txt.gz", "-i", tmp_path / "hyp.txt", "-m", "bleu", "chrf")
    found = score_files([tmp_path / "hyp.txt"], tmp_path / "ref.txt.gz", None, "en-de", ["BLEU", "chrF"])
    assert all(said(entry, result) for entry, result in zip(told, found.systems[0].results, strict=True))
    assert found.systems[0].file.lines[2] == ""
    assert found.warnings == (f"{tmp_path / 'hyp.txt'}: 1 of 4 hypotheses are empty (line 3).",)


def _published(folder: Path) -> list[tuple[str, str, str, float]]:
    with (folder / "published_scores.tsv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    there = [(row["system"], *row["metric"].partition("-")[::2], float(row["score"])) for row in rows]
    return [row for row in there if row[1] in ("bleu", "chrf")]


@pytest.mark.skipif(not DATA.is_dir(), reason="WMT system outputs are not here (set MTSUITE_DATA)")
# With several references in this order: of those that fit a segment equally well chrF takes the first.
@pytest.mark.parametrize(("pair", "references", "named", "count"), [
    ("wmt21/en-de", ["A"], "A", 6), ("wmt21/en-de", ["C"], "C", 6), ("wmt22/en-zh", ["A"], "A", 6),
    ("wmt22/en-zh", ["B"], "B", 6), ("wmt22/en-zh", ["B", "A"], "all", 6),
])  # fmt: skip
def test_wmt_systems_get_their_published_scores(pair: str, references: list[str], named: str, count: int) -> None:
    folder, direction = DATA / pair, pair.partition("/")[2]
    target = direction.partition("-")[2]
    rows = [row for row in _published(folder) if row[2] == named]
    assert len(rows) == count
    systems = list(dict.fromkeys(row[0] for row in rows))
    found = score_files(
        [folder / f"hyp.{system}.{target}" for system in systems],
        [folder / f"ref.{letter}.{target}" for letter in references],
        folder / "source.en", direction, ["bleu", "chrf"], test=PairedTest(rounds=1),
    )  # fmt: skip
    ours = {(system, result.metric.lower()): result.score
            for system, one in zip(systems, found.systems, strict=True) for result in one.results}  # fmt: skip
    for system, metric, _, score in rows:
        assert ours[system, metric] == pytest.approx(score, abs=1e-10), (system, metric)


def test_several_systems_are_compared_with_the_first_or_the_one_named(tmp_path: Path) -> None:
    found = scored(tmp_path, test=PairedTest(rounds=200, seed=3))
    good, bad = found.systems
    assert found.baseline == "good.txt"
    assert good.comparisons == {}
    assert bad.comparisons["BLEU"] == compare(bad.results[0], good.results[0], rounds=200, seed=3)
    for name in ("bad.txt", "bad", str(tmp_path / "bad.txt")):
        turned = scored(tmp_path, baseline=name, test=PairedTest(rounds=200, seed=3))
        assert turned.baseline == "bad.txt"
        assert turned.systems[0].comparisons["chrF"].p_value == bad.comparisons["chrF"].p_value
    with pytest.raises(MetricError, match=r"--baseline: 'goood.txt' is not among.*Did you mean 'good.txt'"):
        scored(tmp_path, baseline="goood.txt")
    low, high = good.intervals["BLEU"]
    assert low <= good.results[0].score <= high


def test_a_metric_without_segments_has_no_interval(tmp_path: Path) -> None:
    class Length(Metric):
        name = "length-of-files"

        def signature(self, direction: object) -> str:
            return "characters"

        def _score(self, direction: Any, sources: Any, hypotheses: list[str], references: Any) -> MetricResult:
            return MetricResult(self.name, float(sum(map(len, hypotheses))), "characters", len(hypotheses))

    register_metric("length-of-files", Length)
    found = scored(tmp_path, "length-of-files,BLEU")
    assert set(found.systems[1].intervals) == set(found.systems[1].comparisons) == {"BLEU"}
    for kind in FORMATS:
        assert "characters" in files_as(kind, found)
    paths = put(tmp_path, ref=REFERENCES, other=OTHERS, good=SYSTEM)
    with pytest.raises(MetricError, match="length-of-files reads one reference a segment"):
        score_files([paths["good"]], [paths["ref"], paths["other"]], None, "en-de", ["length-of-files"])


def test_every_format_carries_score_signature_and_test(tmp_path: Path) -> None:
    found = scored(tmp_path, "BLEU,TER")
    version = found.systems[0].results[0].signature.rpartition("version:")[2]
    for kind in FORMATS:
        text = files_as(kind, found)
        for result in found.systems[0].results:
            assert f"{result.score:.2f}" in text or str(result.score) in text, kind
            assert f"version:{version}" in text
        assert "smooth:exp" in text
        if kind != "text":
            assert "approximate randomization, 1000 rounds, seed 12345" in text
    table = files_table(found)
    ter = [column.key for column in table.columns].index("TER")
    errors = [system.results[1].score for system in found.systems]
    assert errors[0] > errors[1]
    assert [marks[ter] for marks in table.marks] == ["second", "best"], "of errors the fewer the better"
    plain = json.loads(files_as("json", found))[str(tmp_path / "bad.txt")]
    assert [entry["metric"] for entry in plain] == ["BLEU", "TER"]
    assert plain[0]["comparison"]["baseline"] == "good.txt"
    assert plain[0]["interval"]["low"] <= plain[0]["score"] <= plain[0]["interval"]["high"]
    rows = list(csv.DictReader(io.StringIO(files_as("csv", found))))
    assert [(row["system"], row["metric"]) for row in rows] == [
        ("good.txt", "BLEU"), ("good.txt", "TER"), ("bad.txt", "BLEU"), ("bad.txt", "TER")
    ]  # fmt: skip
    assert rows[0]["delta"] == ""
    assert float(rows[2]["p_value"]) == plain[0]["comparison"]["p_value"]


def fails(folder: Path, match: str, **options: Any) -> None:
    with pytest.raises(MetricError, match=match):
        scored(folder, **options)


def test_wrong_files_are_named_with_their_line(tmp_path: Path) -> None:
    bad = tmp_path / "hyp.txt"
    for data, match in (
        (b"", "hyp.txt: the file is empty"),
        (b"a\nb\n", "hyp.txt has 2 lines, .*ref.txt has 4: .*hyp.txt ends before line 3 of .*ref.txt"),
        (b"a\n" * 6, "hyp.txt has 6 lines, .*ref.txt has 4: .*ref.txt ends before line 5 of .*hyp.txt"),
        ("\n".join(SYSTEM).encode("utf-16"), "hyp.txt, line 1: starts with the byte-order mark of UTF-16.*-f utf-16"),
        ("\n".join(SYSTEM).encode("utf-16-le"), "hyp.txt, line 1: holds zero bytes"),
        ("\n".join(SYSTEM).encode("latin1"), r"hyp.txt, line 3: byte 16 of the line \(0xfc\) is not UTF-8.*-f latin1"),
    ):  # fmt: skip
        bad.write_bytes(data)
        fails(tmp_path, match, hypotheses=[bad])
    fails(tmp_path, r"No such file: .*gone.txt. .* holds", hypotheses=[tmp_path / "gone.txt"])
    fails(tmp_path, "is a folder", hypotheses=[tmp_path])
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a\n" * 4)[:-6])
    fails(tmp_path, "not a complete gzip file", hypotheses=[tmp_path / "cut.gz"])


def test_a_reference_or_a_source_of_another_length_is_named(tmp_path: Path) -> None:
    paths = put(tmp_path, ref=REFERENCES, more=REFERENCES * 2, good=SYSTEM)
    with pytest.raises(MetricError, match=r"Sources and References.*more.txt has 8 lines, .*ref.txt has 4"):
        score_files([paths["good"]], paths["ref"], paths["more"], "en-de", ["BLEU"])
    with pytest.raises(MetricError, match=r"References and References.*more.txt has 8 lines"):
        score_files([paths["good"]], [paths["ref"], paths["more"]], None, "en-de", ["BLEU"])


def test_what_is_asked_for_must_make_sense(tmp_path: Path) -> None:
    paths = put(tmp_path, good=SYSTEM)
    fails(tmp_path, "good.txt is given twice", hypotheses=[paths["good"], paths["good"]])
    (tmp_path / "link.txt").symlink_to(paths["good"])
    fails(tmp_path, r"link.txt is given twice \(as .*good.txt too\)", hypotheses=[paths["good"], tmp_path / "link.txt"])
    fails(tmp_path, "A metric is named twice: BLEU", metrics="BLEU,bleu")
    fails(tmp_path, "No metric is named", metrics=" ,")
    fails(tmp_path, "COMET reads the source text too: give --sources", metrics="COMET")
    fails(tmp_path, "Did you mean 'chrF'", metrics="crhF")
    fails(tmp_path, "Unknown significance test 'boot'", test=PairedTest("boot"))


@pytest.mark.parametrize(
    ("direction", "metric", "notes"),
    [
        ("en-th", "BLEU", 1),
        ("en-tha_Thai", "BLEU-paper", 1),
        ("en-th", "chrF", 0),
        ("en-de", "BLEU", 0),
        ("th-en", "BLEU", 0),
    ],
)
def test_bleu_into_a_language_without_blanks_has_a_note(
    direction: str, metric: str, notes: int, tmp_path: Path
) -> None:
    paths = put(tmp_path, ref=REFERENCES, good=SYSTEM)
    found = score_files([paths["good"]], paths["ref"], None, direction, [metric])
    assert len(found.notes) == notes
    assert all("BLEU means little into Thai" in note for note in found.notes)


REAL = {
    "en": ["The committee published its annual report.", "Nobody knows what happened."],
    "de": ["Der Ausschuss veröffentlichte seinen Jahresbericht.", "Niemand weiß, was geschehen ist."],
    "fr": ["Le comité a publié son rapport annuel.", "Personne ne sait ce qui est arrivé."],
    "it": ["Il comitato ha pubblicato la relazione annuale.", "Nessuno sa che cosa sia successo."],
    "ar": ["نشرت اللجنة تقريرها السنوي.", "لا أحد يعلم ما الذي حدث."],
    "zh": ["委员会发布了年度报告。", "没有人知道发生了什么事情。"],
}


def test_the_embedded_comet_is_for_the_microworld_alone(tmp_path: Path) -> None:
    paths = put(tmp_path, src=REAL["en"] * 2, ref=REFERENCES, good=SYSTEM)
    for direction in ("en-de", "cs-de"):
        with pytest.raises(MetricError, match=r"embedded COMET was made for the microworld.*src\.txt.*--comet"):
            score_files([paths["good"]], paths["ref"], paths["src"], direction, ["COMET"])


@pytest.mark.parametrize("code", LANGUAGES_IN_WORLD)
def test_text_of_the_microworld_is_recognised(code: str) -> None:
    assert is_of_microworld(code, [row[code] for row in generate("test", 60, seed=5)])
    assert not is_of_microworld(code, REAL[code])
    assert not is_of_microworld("cs", ["Pes vidí kočku."])


# -- how they fail --------------------------------------------------------------------------------

ENGLISH = ["The dog sees the cat today.", "He does not come.", "We read two books.", "This is old."]
FAILING = [REFERENCES[0], "He does not come.", "", "Das ist sehr, sehr, sehr alt und auch noch viel älter."]


def failing(folder: Path, *, sources: bool = True, **options: Any) -> ScoredFiles:
    paths = put(folder, src=ENGLISH, ref=REFERENCES, good=SYSTEM, failing=FAILING)
    return score_files(
        [paths["good"], paths["failing"]], paths["ref"], paths["src"] if sources else None, "en-de", ["chrF"],
        test=PairedTest(rounds=20), failure_modes=True, **options,
    )  # fmt: skip


def test_failure_modes_are_those_of_the_lists(tmp_path: Path) -> None:
    found = failing(tmp_path)
    expected = failures(Direction("en", "de"), ENGLISH, FAILING, REFERENCES)
    assert found.systems[1].failures == expected
    assert {m.name: m.count for m in expected.measures if m.segments} == {
        "off-target": 1, "undecided": 1, "copied": 1, "mostly-copied": 1, "too-long": 1, "empty": 1
    }  # fmt: skip
    assert found.systems[1].comparisons, "they take nothing from the scores"
    assert found.notes == ()
    assert failing(tmp_path, languages=["cs"]).systems[0].failures != found.systems[0].failures


@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_carries_failure_modes_with_their_signatures(kind: str, tmp_path: Path) -> None:
    found = failing(tmp_path)
    text = files_as(kind, found)
    before = files_as(kind, replace(found, systems=tuple(replace(one, failures=None) for one in found.systems)))
    assert "off-target" not in before.lower()
    measures = found.systems[1].failures
    assert measures is not None
    for measure in measures.measures:
        shown = measure.name if kind in {"text", "csv", "json"} else measure_kind(measure.name).label
        assert shown in text
        parts = measure.signature.replace("_", r"\_") if kind == "tex" else measure.signature
        assert all(part in text for part in parts.split("|")), measure.name
    if kind in {"text", "md"}:
        assert f"{measures['length-ratio'].value:.2f}" in text


def test_failure_modes_for_programs(tmp_path: Path) -> None:
    found = failing(tmp_path)
    plain = json.loads(files_as("json", found))[str(tmp_path / "failing.txt")]
    by_name = {entry["metric"]: entry for entry in plain}
    assert by_name["off-target"]["segments"] == [1]
    assert (by_name["off-target:en"]["score"], by_name["off-target:en"]["count"]) == (25.0, 1)
    assert "segments" not in by_name["length-ratio"]
    table = csv.DictReader(io.StringIO(files_as("csv", found)))
    rows = {row["metric"]: row for row in table if row["system"] == "failing.txt"}
    assert list(rows) == list(by_name)
    assert (rows["copied"]["score"], rows["copied"]["n"], rows["copied"]["low"]) == ("25.0", "4", "")
    assert rows["copied"]["signature"] == by_name["copied"]["signature"]
    fields = [line.split("\t") for line in files_as("text", found).splitlines()]
    assert [str(tmp_path / "failing.txt"), "empty", "25.00", by_name["empty"]["signature"], "1/4"] in fields


def test_the_table_of_failure_modes(tmp_path: Path) -> None:
    assert failures_table(scored(tmp_path)) is None
    table = failures_table(failing(tmp_path))
    assert table is not None
    assert table.cell("failing.txt", "empty").text == "25.00"
    assert table.cell("good.txt", "off-target:en").text == "0.00"
    assert [marks[-2] for marks in table.marks] == ["best", "second"], "of empty segments the fewer the better"


def test_without_sources_one_note_says_what_is_left_out(tmp_path: Path) -> None:
    found = failing(tmp_path, sources=False)
    assert found.notes == ("copied and mostly-copied are not measured: they need the source text (--sources).",)
    table = failures_table(found)
    assert table is not None
    assert not {"copied", "mostly-copied"} & {column.key for column in table.columns}
    assert found.notes[0] in [one.text for one in table.notes]


def test_failure_modes_read_one_reference_and_codes_of_languages(tmp_path: Path) -> None:
    paths = put(tmp_path, ref=REFERENCES, other=OTHERS, good=SYSTEM)
    with pytest.raises(MetricError, match="Failure modes read one reference a segment; found 2"):
        score_files([paths["good"]], [paths["ref"], paths["other"]], None, "en-de", ["BLEU"], failure_modes=True)
    with pytest.raises(MetricError, match=r"--languages: 'Czech' is not a language code.*Did you mean 'cs'"):
        failing(tmp_path, languages=["cs", "Czech"])


# -- files as they come ---------------------------------------------------------------------------


def test_files_of_one_name_keep_their_folders(tmp_path: Path) -> None:
    paths = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        paths.append(put(tmp_path / folder, out=SYSTEM)["out"])
    found = scored(tmp_path, hypotheses=paths)
    assert [system.name for system in found.systems] == [str(path) for path in paths]
    assert found.warnings == (f"{paths[1]} holds the same lines as {paths[0]}.",)
    assert found.systems[1].comparisons["BLEU"] == (0.0, 1.0, None)


def test_what_is_read_leniently_is_told(tmp_path: Path) -> None:
    path = tmp_path / "hyp.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join(REFERENCES).encode() + b"\n")
    found = scored(tmp_path, hypotheses=[path])
    assert found.systems[0].results[0].score == pytest.approx(100)
    assert found.warnings == (
        f"{path}: a byte-order mark at the start was skipped.",
        f"{path} holds the same lines as the references {tmp_path / 'ref.txt'}.",
    )
    path.write_bytes(b"one\rtwo\nthree\r\n")
    file = read_segment_file(path)
    assert file.lines == ("one\rtwo", "three")
    assert file.warnings == (f"{path}, line 1: a carriage return inside a line does not end it; only line feeds do.",)
