"""What the suite knows about a language: its English name, family, script and BLEU tokenizer.

Families and scripts group the transfer matrices; names fill the prompts; the tokenizer is the one
of sacrebleu's ``auto`` profile.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    code: str
    name: str
    family: str
    script: str
    bleu_tokenizer: str = "13a"

    @property
    def right_to_left(self) -> bool:
        return self.script in {"Arabic", "Hebrew"}


_TABLE = """
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
ja Japanese Japonic Japanese ja-mecab
ko Korean Koreanic Hangul ko-mecab
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
zh Chinese Sinitic Han zh
"""

LANGUAGES: dict[str, Language] = {
    fields[0]: Language(*fields) for fields in (line.split() for line in _TABLE.strip().splitlines())
}


def language(code: str) -> Language:
    """The entry for a code; region or script suffixes (``zh_Hant``) fall back to the language.

    A code outside the table is its own name, in a family of its own: an unknown language still
    runs, it is merely not grouped with relatives.
    """
    base = code.split("_")[0]
    return LANGUAGES.get(base, Language(code, code, code, "unknown"))
