"""Test sets by name, each from a small copy of the layout in which it is published."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from mtsuite.data import benchmarks
from mtsuite.data.benchmarks.codes import resolve
from mtsuite.data.benchmarks.languages import FLORES_200, FLORES_PLUS, NTREX, TICO, WMT24PP
from mtsuite.data.build import build_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.languages import is_language
from mtsuite.data.sources import check_source, source_fingerprint
from mtsuite.data.sources import test_set_names as names_of_sets
from mtsuite.errors import DataError

from .data_helpers import data, moses, put, sentences

EN_DE, DE_EN, EN_FR = Direction("en", "de"), Direction("de", "en"), Direction("en", "fr")
TEXT = {"en": ["one", "two", "three"], "de": ["eins", "zwei", "drei"], "fr": ["un", "deux", "trois"]}
ALPHA3 = {"en": "eng", "de": "deu", "fr": "fra"}


def table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def flores_plus(folder: Path) -> None:
    for code, lines in TEXT.items():
        rows = [
            {"id": n, "iso_639_3": ALPHA3[code], "iso_15924": "Latn", "glottocode": "x", "text": line, "url": "u"}
            for n, line in enumerate(lines)
        ]
        table(folder / "devtest" / f"{ALPHA3[code]}_Latn.parquet", rows[::-1] if code == "de" else rows)


def flores_text(folder: Path) -> None:
    for code, lines in TEXT.items():
        put(folder / "flores200_dataset" / "devtest" / f"{ALPHA3[code]}_Latn.devtest", *lines)


def flores_hub(folder: Path) -> None:
    for code, lines in TEXT.items():
        rows = [{"id": n, "URL": "u", "domain": "d", "sentence": line} for n, line in enumerate(lines, start=1)]
        table(folder / f"{ALPHA3[code]}_Latn" / "devtest" / "0000.parquet", rows)


def wmt24pp(folder: Path) -> None:
    for code, own in (("de", "de_DE"), ("fr", "fr_FR"), ("fr", "fr_CA")):
        rows = [
            {"lp": f"en-{own}", "domain": "news", "document_id": "d", "segment_id": n, "is_bad_source": False,
             "source": source, "target": target, "original_target": "first try"}
            for n, (source, target) in enumerate(zip(TEXT["en"], TEXT[code], strict=True))
        ]  # fmt: skip
        bad = {**rows[0], "domain": "canary", "is_bad_source": True, "source": "canary", "target": "canary"}
        put(folder / f"en-{own}.jsonl", *(json.dumps(row) for row in [bad, *rows]))


def ntrex(folder: Path) -> None:
    put(folder / "NTREX-128" / "newstest2019-src.eng.txt", *TEXT["en"])
    for code in ("de", "fr"):
        put(folder / "NTREX-128" / f"newstest2019-ref.{ALPHA3[code]}.txt", *TEXT[code])
    put(folder / "DOCUMENT_IDS.tsv", "a\tb")


def tico(folder: Path) -> None:
    header = "sourceLang\ttargetLang\tsourceString\ttargetString\tstringID\turl\tlicense\ttranslatorId"
    for code in ("de", "fr"):  # the set has no German; the layout is what counts
        rows = [
            f"en\t{code}\t{source}\t{target}\tCMU_1:{n}\tu\tpublic\t{n}"
            for n, (source, target) in enumerate(zip(TEXT["en"], TEXT[code], strict=True))
        ]
        put(folder / "tico19-testset" / "test" / f"test.en-{code}.tsv", header, *rows)


LAYOUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "flores+": ("flores+", flores_plus),
    "flores-200 text": ("flores-200", flores_text),
    "flores-200 hub": ("flores-200", flores_hub),
    "wmt24++": ("wmt24++", wmt24pp),
    "ntrex-128": ("ntrex-128", ntrex),
    "tico-19": ("tico-19", tico),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_copy_of_each_layout_is_read(tmp_path: Path, layout: str) -> None:
    name, make = LAYOUTS[layout]
    make(tmp_path)
    found = benchmarks.read({name: {"path": "."}}, EN_DE, tmp_path)[name]
    assert found.rows == [("one", "eins"), ("two", "zwei"), ("three", "drei")]
    assert found.files
    assert all(len(digest) == 64 for digest in found.files.values())


@pytest.mark.parametrize("layout", ["flores+", "flores-200 text", "flores-200 hub", "tico-19"])
def test_sets_in_all_languages_serve_every_direction(tmp_path: Path, layout: str) -> None:
    name, make = LAYOUTS[layout]
    make(tmp_path)
    for direction in (DE_EN, Direction("de", "fr")):
        rows = benchmarks.read({name: {"path": "."}}, direction, tmp_path)[name].rows
        assert rows[2] == (TEXT[direction.source][2], TEXT[direction.target][2])


@pytest.mark.parametrize("layout", ["wmt24++", "ntrex-128"])
def test_sets_out_of_english_do_not_serve_the_way_back(tmp_path: Path, layout: str) -> None:
    name, make = LAYOUTS[layout]
    make(tmp_path)
    with pytest.raises(DataError, match=rf"data.benchmarks.{name.replace('+', '.')}.*no de-en.*out of English"):
        benchmarks.check({name: {"path": ".", "directions": ["de-en"]}}, [EN_DE, DE_EN], tmp_path)
    assert benchmarks.names_for({name: {"path": "."}}, DE_EN, tmp_path) == []


def test_bad_sources_are_dropped_and_counted(tmp_path: Path) -> None:
    wmt24pp(tmp_path)
    found = benchmarks.read({"wmt24++": {"path": "."}}, EN_DE, tmp_path)["wmt24++"]
    assert found.dropped == {"bad source": 1}
    assert found.told("wmt24++", EN_DE) == ["test set wmt24++ en-de: 1 segments dropped: bad source"]
    assert found.codes == ("en", "de_DE")


def test_all_references_are_read_and_scored(tmp_path: Path) -> None:
    ntrex(tmp_path)
    put(tmp_path / "NTREX-128" / "newstest2019-ref-2.deu.txt", "ein", "zween", "dreie")
    moses(tmp_path, "train", en=sentences("en", 0, 20), de=sentences("de", 0, 20))
    settings = data(
        {"source": "files", "train": ["train.{lang}"], "valid_sentences": 3}, benchmarks={"ntrex-128": {"path": "."}}
    )
    check_source(settings, ["en-de"], tmp_path)
    corpus = build_corpus(settings, ["en-de"], tmp_path, tmp_path / "corpus")
    assert corpus.test_sets_for(EN_DE) == ["ntrex-128"]
    assert corpus.references(EN_DE, "ntrex-128") == [TEXT["de"], ["ein", "zween", "dreie"]]
    assert "2 references a segment" in " ".join(corpus.notes)
    assert corpus.info["benchmarks"]["ntrex-128"]["en-de"]["references"] == 2


def test_a_segment_that_only_a_further_reference_holds_is_taken_out_of_training(tmp_path: Path) -> None:
    ntrex(tmp_path)
    put(tmp_path / "NTREX-128" / "newstest2019-ref-2.deu.txt", sentences("de", 0, 1)[0], "zween", "dreie")
    moses(tmp_path, "train", en=sentences("en", 0, 20), de=sentences("de", 0, 20))
    settings = data({"source": "files", "train": ["train.{lang}"], "valid_sentences": 3},
                    benchmarks={"ntrex-128": {"path": "."}})  # fmt: skip
    corpus = build_corpus(settings, ["en-de"], tmp_path, tmp_path / "corpus")
    assert len(corpus.pairs("train", EN_DE)) == 16
    assert corpus.info["overlap"]["de-en"]["test"] == 1


def test_several_sets_and_the_sources_own_where_none_serves(tmp_path: Path) -> None:
    wmt24pp(tmp_path / "wmt")
    flores_plus(tmp_path / "flores")
    sets = {"wmt24++": {"path": "wmt"}, "flores+": {"path": "flores", "directions": ["en-de"], "max_sentences": 2}}
    settings = data({"source": "microworld"}, benchmarks=sets)
    named = [names_of_sets(settings, d, tmp_path) for d in (EN_DE, DE_EN, EN_FR)]
    assert named == [["wmt24++", "flores+"], ["microworld"], ["wmt24++"]]


def test_a_list_of_names_is_enough() -> None:
    settings = data({"source": "microworld"}, benchmarks=["flores+", "wmt22"])
    assert list(settings["benchmarks"]) == ["flores+", "wmt22"]


def test_the_fingerprint_follows_the_text_and_not_the_place(tmp_path: Path) -> None:
    wmt24pp(tmp_path / "a")
    wmt24pp(tmp_path / "b")
    one, two = (
        source_fingerprint(data({"source": "microworld"}, benchmarks={"wmt24++": {"path": p}}), tmp_path, [EN_DE])
        for p in ("a", "b")
    )
    assert one == two
    path = tmp_path / "b" / "en-de_DE.jsonl"
    path.write_text(path.read_text().replace("eins", "einz"))
    assert one != source_fingerprint(
        data({"source": "microworld"}, benchmarks={"wmt24++": {"path": "b"}}), tmp_path, [EN_DE]
    )


@pytest.mark.parametrize(
    ("code", "offered", "meant"),
    [
        ("de", FLORES_200, "deu_Latn"), ("zh", FLORES_200, "zho_Hans"), ("zh_Hant", FLORES_200, "zho_Hant"),
        ("zh", FLORES_PLUS, "cmn_Hans"), ("ar", FLORES_200, "arb_Arab"), ("no", FLORES_200, "nob_Latn"),
        ("et", FLORES_PLUS, "ekk_Latn"), ("fa", FLORES_200, "pes_Arab"), ("yue", FLORES_200, "yue_Hant"),
        ("pt", WMT24PP, "pt_BR"), ("pt_PT", WMT24PP, "pt_PT"), ("es", WMT24PP, "es_MX"), ("es_ES", WMT24PP, None),
        ("zh_TW", WMT24PP, "zh_TW"), ("zh", WMT24PP, "zh_CN"), ("fr", WMT24PP, "fr_FR"), ("sw", WMT24PP, "sw_TZ"),
        ("ar", WMT24PP, "ar_EG"), ("no", WMT24PP, "no_NO"), ("nb", WMT24PP, "no_NO"), ("tl", WMT24PP, "fil_PH"),
        ("pt", NTREX, "por"), ("pt_BR", NTREX, "por-BR"), ("zh", NTREX, "zho-CN"), ("sr", NTREX, "srp-Cyrl"),
        ("fr", NTREX, "fra"), ("cy", WMT24PP, None), ("fa", NTREX, "fas"), ("es", NTREX, "spa"),
    ],
)  # fmt: skip
def test_codes_are_mapped(code: str, offered: tuple[str, ...], meant: str | None) -> None:
    assert resolve(code, offered) == meant


def test_all_codes_of_the_sets_are_languages_that_recipes_can_name() -> None:
    for offered in (FLORES_200, FLORES_PLUS, WMT24PP, NTREX, TICO):
        strange = [c for c in offered if not is_language(c)]
        assert not strange


def test_tico_has_spanish_of_latin_america(tmp_path: Path) -> None:
    header = "sourceLang\ttargetLang\tsourceString\ttargetString\tstringID"
    put(tmp_path / "test" / "test.en-es-LA.tsv", header, "en\tes-LA\tone\tuno\t1")
    assert benchmarks.read({"tico-19": {"path": "."}}, Direction("en", "es"), tmp_path)["tico-19"].rows == [
        ("one", "uno")
    ]


def check(name: str, settings: dict[str, Any], folder: Path, offline: bool = False) -> None:
    benchmarks.check({name: settings}, [EN_DE], folder, offline)


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("flores", {}, r"no test set is called 'flores'.*flores\+"),
        ("flores+", {"split": "test", "path": "."}, r"data.benchmarks.flores\+.split.*devtest, dev.*'test'"),
        ("flores+", {"path": "nowhere"}, r"flores\+.path: no such folder"),
        ("wmt24++", {"path": "."}, r"no copy of wmt24\+\+: expected files such as en-.*found other.txt"),
        ("tico-19", {}, "tico-19.path: tico-19 is not on the hub"),
        ("wmt22", {"path": "."}, "wmt22.path: wmt22 comes from sacrebleu.*SACREBLEU"),
        ("wmt21", {"directions": ["en-fr"]}, "wmt21.directions names en-fr, which is not among"),
        ("wmt24", {"directions": ["en-de"], "split": "x"}, "wmt24.split"),
    ],
)
def test_what_cannot_be_read_is_said_before_the_run(
    tmp_path: Path, name: str, settings: dict[str, Any], says: str
) -> None:
    put(tmp_path / "other.txt", "x")
    with pytest.raises(DataError, match=says):
        check(name, settings, tmp_path)


def test_gated_sets_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *a, **k: None)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(DataError, match=r"openlanguagedata/flores_plus is gated.*hf auth login.*flores\+.path"):
        check("flores+", {}, tmp_path)
    with pytest.raises(DataError, match=r"flores\+: cannot load devtest/eng_Latn.parquet.*offline"):
        check("flores+", {}, tmp_path, offline=True)


def test_a_file_that_the_hub_keeps_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx
    from huggingface_hub.errors import GatedRepoError

    def refuse(*args: Any, **options: Any) -> str:
        request = httpx.Request("GET", "https://huggingface.co")
        raise GatedRepoError("403", response=httpx.Response(403, request=request))

    monkeypatch.setattr("huggingface_hub.hf_hub_download", refuse)
    with pytest.raises(DataError, match="is gated and this login has not accepted its conditions"):
        benchmarks.read({"flores+": {}}, EN_DE, tmp_path)


def test_a_set_of_plain_files_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ntrex(tmp_path / "server")
    monkeypatch.setenv("MTSUITE_CACHE", str(tmp_path / "cache"))
    real = benchmarks.SETS["ntrex-128"]
    served = type(real)(**{**vars(real), "repository": "https://nowhere.invalid"})
    monkeypatch.setitem(benchmarks.SETS, "ntrex-128", served)
    import urllib.request

    asked: list[str] = []

    def open_file(address: str, timeout: float) -> Any:
        asked.append(address)
        return (tmp_path / "server" / address.removeprefix("https://nowhere.invalid/")).open("rb")

    monkeypatch.setattr(urllib.request, "urlopen", open_file)
    for _ in range(2):
        assert len(benchmarks.read({"ntrex-128": {}}, EN_DE, tmp_path)["ntrex-128"].rows) == 3
    assert len(asked) == 2
    (tmp_path / "server" / "NTREX-128" / "newstest2019-ref.fra.txt").unlink()
    with pytest.raises(DataError, match=r"ntrex-128: cannot load .*ref.fra.txt: FileNotFound.*ntrex-128.path"):
        benchmarks.read({"ntrex-128": {}}, EN_FR, tmp_path)


def test_damage_names_file_and_place(tmp_path: Path) -> None:
    wmt24pp(tmp_path)
    path = tmp_path / "en-de_DE.jsonl"
    path.write_text('{"source": "a", "target": "b"}\n')
    with pytest.raises(DataError, match=r"en-de_DE.jsonl, row 1: no column 'is_bad_source'"):
        benchmarks.read({"wmt24++": {"path": "."}}, EN_DE, tmp_path)
    path.write_text("nonsense\n")
    with pytest.raises(DataError, match=r"en-de_DE.jsonl, line 1: not JSON"):
        benchmarks.read({"wmt24++": {"path": "."}}, EN_DE, tmp_path)
    ntrex(tmp_path / "n")
    put(tmp_path / "n" / "NTREX-128" / "newstest2019-ref.deu.txt", "eins")
    with pytest.raises(DataError, match=r"different numbers of lines: .*src.eng.txt 3.*ref.deu.txt 1"):
        benchmarks.read({"ntrex-128": {"path": "n"}}, EN_DE, tmp_path)


def test_line_breaks_and_lost_ids_are_counted(tmp_path: Path) -> None:
    put(tmp_path / "devtest" / "eng_Latn.jsonl", '{"id": 1, "text": "one\\ntwo"}', '{"id": 2, "text": "lost"}')
    put(tmp_path / "devtest" / "deu_Latn.jsonl", '{"id": 1, "text": "eins"}')
    found = benchmarks.read({"flores+": {"path": "."}}, EN_DE, tmp_path)["flores+"]
    assert found.rows == [("one two", "eins")]
    assert found.broken_lines == 1
    assert found.dropped == {"no counterpart on the other side": 1}
