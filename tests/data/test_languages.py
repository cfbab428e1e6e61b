"""Codes of languages and directions: what they mean, and what is refused."""

from __future__ import annotations

import pytest
from langcodes import Language as Tag

from mtsuite.data.direction import Direction, equal_prompts
from mtsuite.data.languages import LANGUAGES, language, meanings
from mtsuite.data.scripts import count_tokens, foreign_script
from mtsuite.errors import DataError


@pytest.mark.parametrize(
    ("code", "name", "script", "tokenizer"),
    [
        ("zh_Hant", "Chinese (Traditional)", "Han", "zh"),
        ("zh-Hans", "Chinese (Simplified)", "Han", "zh"),
        ("zho_Hans", "Chinese (Simplified)", "Han", "zh"),
        ("cmn", "Chinese", "Han", "zh"),
        ("yue", "Cantonese", "Han", "zh"),
        ("wuu", "Wu Chinese", "Han", "zh"),
        ("lzh", "Literary Chinese", "Han", "zh"),
        ("zho_Latn", "Chinese (Latin)", "Latin", "13a"),
        ("jpn_Jpan", "Japanese", "Japanese", "ja-mecab"),
        ("jpn_Latn", "Japanese (Latin)", "Latin", "13a"),
        ("kor_Hang", "Korean", "Hangul", "ko-mecab"),
        ("pt_BR", "Portuguese (Brazil)", "Latin", "13a"),
        ("es-419", "Spanish (Latin America)", "Latin", "13a"),
        ("sr_Cyrl_RS", "Serbian (Cyrillic, Serbia)", "Cyrillic", "13a"),
        ("sr_Latn", "Serbian (Latin)", "Latin", "13a"),
        ("eng_Latn", "English", "Latin", "13a"),
        ("deu", "German", "Latin", "13a"),
        ("swh", "Swahili", "Latin", "13a"),
        ("arb", "Arabic", "Arabic", "13a"),
        ("bod_Tibt", "Tibetan", "Tibetan", "13a"),
    ],
)
def test_what_a_code_means(code: str, name: str, script: str, tokenizer: str) -> None:
    found = language(code)
    assert (found.code, found.name, found.script, found.bleu_tokenizer) == (code, name, script, tokenizer)


def test_the_pinned_names_are_those_of_the_library() -> None:
    assert {code: entry.name for code, entry in LANGUAGES.items()} == {
        code: Tag.get(code).display_name("en") for code in LANGUAGES
    }


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("xx", "'xx': the language 'xx' is not known"),
        ("qqq", "not known"),
        ("und", "not the code of a language"),
        ("sla", "the language 'sla' is not known"),
        ("en_XX", "the region XX stands for none; write 'en'."),
        ("ja-XX", "write 'ja'."),
        ("zh_Hant_XX", "write 'zh_Hant'."),
        ("fr_ZZ", "write 'fr'."),
        ("ar_QX", "the region 'QX' is not known. Did you mean 'ar'"),
        ("zh_Foob", "the script 'Foob' is not known. Did you mean 'zh'"),
        ("German", "Did you mean 'de'"),
        ("EN", "Did you mean 'en'"),
        ("en\n", "is not a language code"),
        ("", "is not a language code"),
    ],
)
def test_unknown_codes_are_errors(code: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        language(code)


@pytest.mark.parametrize("code", ["tha_Thai", "lao", "khm", "mya", "bo", "dz", "jav_Java"])
def test_languages_without_blanks_and_without_a_tokenizer(code: str) -> None:
    assert language(code).lacks_tokenizer
    assert count_tokens("abc de", code) == 5


def test_family_and_direction_of_writing_go_by_language_and_script() -> None:
    assert language("deu_Latn").family == language("de").family == "Germanic"
    assert language("ars").family == "Semitic"
    assert language("vot").family == "vot"  # a family of its own
    assert language("pes_Arab").right_to_left
    assert not language("arb_Latn").right_to_left
    assert foreign_script("Привет всем", "sr_Latn")
    assert not foreign_script("Привет всем", "srp_Cyrl")
    assert foreign_script("Hello there", "ben")


@pytest.mark.parametrize(
    ("text", "source", "target"),
    [
        ("en-de", "en", "de"),
        ("zh-Hans-en", "zh-Hans", "en"),
        ("en-zh-Hans", "en", "zh-Hans"),
        ("es-419-en", "es-419", "en"),
        ("sr-Cyrl-RS-pt-BR", "sr-Cyrl-RS", "pt-BR"),
        ("eng_Latn-zho_Hans", "eng_Latn", "zho_Hans"),
        ("sr_Cyrl_RS-en", "sr_Cyrl_RS", "en"),
    ],
)
def test_directions_keep_their_codes(text: str, source: str, target: str) -> None:
    direction = Direction.parse(text)
    assert direction == (source, target)
    assert str(direction) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("en-pt-br", "can be read as en-pt_br or en_pt-br"),
        ("en-de-fr", "can be read as"),
        ("en-de\n", "not a language code"),
        ("en-en", "twice the same"),
        ("en-qqq", "'qqq' is not known"),
        ("en", "written with underscores"),
        ("-", "not a language code"),
        ("a-b-c-d", "written with underscores"),
    ],
)
def test_directions_that_are_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Direction.parse(text)


@pytest.mark.parametrize(
    ("directions", "problem"),
    [
        (["en-zh", "en-zho"], "en-zh and en-zho have the same prompts"),
        (["eng_Latn-deu_Latn", "en-de"], "the same prompts"),
        (["de-deu"], "both sides are German"),
        (["en-zh", "zho-en"], "zh in en-zh and zho in zho-en are one language, Chinese: write one code everywhere"),
        (["en-zh_Hant", "zh-Hant-de"], "zh_Hant in en-zh_Hant and zh-Hant in zh-Hant-de are one language"),
        (["de-fr", "fr-eng", "en-fr"], "eng in fr-eng and en in en-fr are one language"),
        (["en-zh", "en-zh_Hant", "en-pt", "en-pt_BR", "zh-en"], None),
    ],
)
def test_directions_that_a_prompt_cannot_tell_apart(directions: list[str], problem: str | None) -> None:
    found = equal_prompts(map(Direction.parse, directions))
    assert found is None if problem is None else problem in str(found)


def test_only_codes_that_are_looked_up_enter_keys() -> None:
    assert meanings(["en", "de", "zh"]) == {}
    assert meanings(["en", "zh_Hant"]) == {"zh_Hant": "zh-Hant: Chinese (Traditional)"}
