"""What the suite knows about a language: its English name, family, script and BLEU tokenizer.

A code may be written as in BCP 47 (``pt-BR``, ``zh-Hant``, ``es-419``), with underscores (``pt_BR``), with three
letters (``deu``) or as in FLORES and NLLB (``zho_Hans``).  It stays as the user wrote it in directions, files and
columns; what it means is looked up in ``langcodes`` (IANA's registry of language tags, CLDR's names and scripts).

The table below is of the codes that need no look-up.  It pins their names, which fill the prompts: a new release of
CLDR cannot change what a model was trained on.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from mtsuite.data.families import FAMILIES
from mtsuite.errors import DataError

# Language (lower case, two or three letters), then script, region and variants, each led in by one separator.
CODE = (
    r"[a-z]{2,3}(?:[-_][A-Za-z]{4})?(?:[-_](?:[A-Za-z]{2}|[0-9]{3}))?(?:[-_](?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
)
_CODE = re.compile(CODE)

_RIGHT_TO_LEFT = {"Arabic", "Hebrew", "Syriac", "Thaana", "N’Ko", "Adlam", "Mandaean", "Samaritan", "Hanifi"}
# Scripts that mark no words, or mark them not by blanks.
UNSPACED_SCRIPTS = frozenset(
    {"Han", "Japanese", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Javanese", "Balinese", "Lanna", "Tai Viet",
     "New Tai Lue"}
)  # fmt: skip


@dataclass(frozen=True)
class Language:
    """A code and what it means.

    ``code`` is as it was written.  ``base`` is the language alone in its shortest form (``zh`` of ``zho_Hans`` and
    ``cmn``), ``tag`` the whole code in the form of BCP 47.  ``script`` is ``unknown`` where no source knows it.
    """

    code: str
    name: str
    family: str
    script: str
    base: str
    tag: str

    @property
    def right_to_left(self) -> bool:
        return self.script in _RIGHT_TO_LEFT

    @property
    def unspaced(self) -> bool:
        """Whether it is written without blanks between words."""
        return self.script in UNSPACED_SCRIPTS

    @property
    def bleu_tokenizer(self) -> str:
        """sacrebleu's name of the tokenizer for this language in this script."""
        if self.script == "Han":
            return "zh"
        if self.script == "Japanese" and self.base == "ja":
            return "ja-mecab"
        return "ko-mecab" if self.script == "Hangul" and self.base == "ko" else "13a"

    @property
    def lacks_tokenizer(self) -> bool:
        """Whether words are not parted by blanks and sacrebleu has no tokenizer that parts them."""
        return self.unspaced and self.bleu_tokenizer == "13a"


_PINNED = """
ar Arabic Semitic Arabic
bg Bulgarian Slavic Cyrillic
ca Catalan Romance Latin
cs Czech Slavic Latin
da Danish Germanic Latin
de German Germanic Latin
el Greek Hellenic Greek
en English Germanic Latin
es Spanish Romance Latin
et Estonian Uralic Latin
fa Persian Iranian Arabic
fi Finnish Uralic Latin
fr French Romance Latin
he Hebrew Semitic Hebrew
hi Hindi Indo-Aryan Devanagari
hu Hungarian Uralic Latin
id Indonesian Austronesian Latin
is Icelandic Germanic Latin
it Italian Romance Latin
ja Japanese Japonic Japanese
ko Korean Koreanic Hangul
lt Lithuanian Baltic Latin
lv Latvian Baltic Latin
nl Dutch Germanic Latin
no Norwegian Germanic Latin
pl Polish Slavic Latin
pt Portuguese Romance Latin
ro Romanian Romance Latin
ru Russian Slavic Cyrillic
sk Slovak Slavic Latin
sl Slovenian Slavic Latin
sv Swedish Germanic Latin
th Thai Kra-Dai Thai
tr Turkish Turkic Latin
uk Ukrainian Slavic Cyrillic
ur Urdu Indo-Aryan Arabic
vi Vietnamese Austroasiatic Latin
zh Chinese Sinitic Han
"""

LANGUAGES: dict[str, Language] = {
    code: Language(code, name, family, script, code, code)
    for code, name, family, script in (line.split() for line in _PINNED.strip().splitlines())
}

_NO_REGION = ("XX", "ZZ")  # mBART's en_XX; what CLDR calls an unknown region

# ISO 15924 codes of scripts that are one writing system here, or that CLDR names after a language.
_SCRIPTS = {
    "Hans": "Han", "Hant": "Han", "Hani": "Han", "Hanb": "Han", "Jpan": "Japanese", "Hrkt": "Japanese",
    "Hira": "Japanese", "Kana": "Japanese", "Kore": "Hangul", "Hang": "Hangul", "Beng": "Bengali",
}  # fmt: skip
_DEFAULT_SCRIPTS = {"ja": {"Jpan"}, "ko": {"Kore", "Hang"}}  # where several codes mean the language's own script


@cache
def language(code: str) -> Language:
    """What a code means.

    Raises DataError, with the nearest codes, for what is no language code or names no language, script or region that
    IANA's registry has.
    """
    return LANGUAGES.get(code) or _looked_up(code)


def is_language(code: str) -> bool:
    """Whether a text is the code of a language that is known."""
    try:
        language(code)
    except DataError:
        return False
    return True


def is_usual(code: str) -> bool:
    """Whether a text is the code of a language of which the suite knows more than its registered name."""
    return is_language(code) and (is_pinned(language(code).base) or language(code).base in FAMILIES)


def is_pinned(code: str) -> bool:
    """Whether the code is of the suite's own table, whose names never change."""
    return code in LANGUAGES


def meanings(codes: Iterable[str]) -> dict[str, str]:
    """Tag and name of the codes that are looked up: what the key of a job needs besides the codes themselves."""
    looked_up = sorted({code for code in codes if not is_pinned(code)})
    return {code: f"{language(code).tag}: {language(code).name}" for code in looked_up}


def _looked_up(code: str) -> Language:
    import langcodes

    if not _CODE.fullmatch(code):
        raise DataError(
            f"{code!r} is not a language code. Expected a language of two or three small letters, with script or "
            f"region where they matter: de, deu, zh_Hant, pt_BR, zho_Hans.{_nearest(code)}"
        )
    found = langcodes.get(code)
    if found.territory in _NO_REGION:
        raise DataError(f"{code!r}: the region {found.territory} stands for none; write {_without_region(code)!r}.")
    parts = (("language", found.language, _known_language), ("script", found.script, _known_script),
             ("region", found.territory, _known_region))  # fmt: skip
    for what, part, known in parts:
        if part is not None and not known(part):
            raise DataError(f"{code!r}: the {what} {part!r} is not known.{_nearest(code)}")
    if found.language is None or not found.is_valid():
        raise DataError(f"{code!r} is not the code of a language in IANA's registry.{_nearest(code)}")
    whole = found.prefer_macrolanguage()  # arb is ar, cmn is zh; yue stays
    base = str(whole.language)
    likely = _likely_script(whole)
    family = FAMILIES.get(base) or FAMILIES.get(str(found.language)) or base
    return Language(code, _name(whole, likely), family, _script_name(whole.script or likely), base, whole.to_tag())


def _known_language(part: str) -> bool:
    import langcodes

    name = langcodes.get(part).display_name("en")
    collective = name.endswith((" languages", "(family)"))  # Slavic languages: no language to write in
    return part not in ("und", "mul", "mis", "zxx") and not collective and not name.startswith("Unknown")


def _known_script(part: str) -> bool:
    import langcodes

    name = langcodes.Language.make(script=part).script_name()
    return part not in ("Zyyy", "Zinh", "Zzzz", "Zxxx", "Zmth", "Zsym", "Zsye") and not name.startswith("Unknown")


def _known_region(part: str) -> bool:
    import langcodes

    return not langcodes.Language.make(territory=part).territory_name().startswith("Unknown")


def _without_region(code: str) -> str:
    return re.sub(rf"[-_](?:{'|'.join(_NO_REGION)})(?![A-Za-z0-9])", "", code, count=1, flags=re.IGNORECASE)


def _likely_script(tag: Any) -> str | None:
    """The script that CLDR expects of a language (in a region): ISO 15924; None where it expects none."""
    from langcodes.data_dicts import DEFAULT_SCRIPTS, LIKELY_SUBTAGS

    entries = (f"{tag.language}-{tag.territory}", tag.language)
    for entry in entries:
        if entry in LIKELY_SUBTAGS:
            return str(LIKELY_SUBTAGS[entry].split("-")[1])
    default = DEFAULT_SCRIPTS.get(tag.language)
    return str(default) if default else None


def _name(tag: Any, likely: str | None) -> str:
    """The English name.  The script is named where the language has several: not that Korean is in Hangul."""
    plain = LANGUAGES.get(tag.language)
    own = {likely} | _DEFAULT_SCRIPTS.get(tag.language, set())
    if tag.script is not None and tag.script in own and not _has_scripts(tag.language):
        tag = _without_script(tag)
    if plain is not None and tag.to_tag() == tag.language:
        return plain.name
    return str(tag.display_name("en"))


def _without_script(tag: Any) -> Any:
    import langcodes

    return langcodes.Language.make(
        language=tag.language, territory=tag.territory, variants=tag.variants, extlangs=tag.extlangs
    )


@cache
def _has_scripts(base: str) -> bool:
    """Whether CLDR expects a language in different scripts in different regions, as Chinese and Serbian."""
    from langcodes.data_dicts import LIKELY_SUBTAGS

    found = {
        likely.split("-")[1]
        for entry, likely in LIKELY_SUBTAGS.items()
        if entry == base or re.fullmatch(rf"{base}-(?:[A-Z]{{2}}|[0-9]{{3}})", entry)
    }
    return len(found) > 1


def _script_name(code: str | None) -> str:
    import langcodes

    if code is None:
        return "unknown"
    return _SCRIPTS.get(code) or str(langcodes.Language.make(script=code).script_name("en"))


def _nearest(code: str) -> str:
    """A sentence with codes that may be meant: of the same language, of a language of that name, or written alike."""
    parts = re.split(r"[-_]", code)
    near = [parts[0].lower()] if parts[0].lower() != code and is_language(parts[0].lower()) else []
    near += [known for known, entry in LANGUAGES.items() if entry.name.lower() == code.lower()]
    near = near or _spelled(parts) or difflib.get_close_matches(parts[0].lower(), LANGUAGES, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(map(repr, dict.fromkeys(near)))}?" if near else ""


def _spelled(parts: list[str]) -> list[str]:
    """The code with its parts in the usual letters, where that makes it one."""
    usual = "_".join([parts[0].lower(), *(p.title() if len(p) == 4 else p.upper() for p in parts[1:])])
    return [usual] if usual != "_".join(parts) and _CODE.fullmatch(usual) and is_language(usual) else []
