"""Writing systems by Unicode range, and whether a text is mostly in a foreign one."""

from __future__ import annotations

import re
from functools import cache

from mtsuite.data.languages import language

RANGES: dict[str, str] = {
    "Latin": "A-Za-z\u00aa\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02af\u1e00-\u1eff\ufb00-\ufb06"
    "\uff21-\uff3a\uff41-\uff5a",
    "Greek": "\u0370-\u03ff\u1f00-\u1fff",
    "Cyrillic": "\u0400-\u052f\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f",
    "Hebrew": "\u0590-\u05ff\ufb1d-\ufb4f",
    "Arabic": "\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc",
    "Devanagari": "\u0900-\u097f\ua8e0-\ua8ff",
    "Thai": "\u0e00-\u0e7f",
    "Hangul": "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af",
    "Han": "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af",
    "Armenian": "\u0530-\u058f\ufb13-\ufb17",
    "Syriac": "\u0700-\u074f",
    "Thaana": "\u0780-\u07bf",
    "N’Ko": "\u07c0-\u07ff",
    "Bengali": "\u0980-\u09ff",
    "Gurmukhi": "\u0a00-\u0a7f",
    "Gujarati": "\u0a80-\u0aff",
    "Odia": "\u0b00-\u0b7f",
    "Tamil": "\u0b80-\u0bff",
    "Telugu": "\u0c00-\u0c7f",
    "Kannada": "\u0c80-\u0cff",
    "Malayalam": "\u0d00-\u0d7f",
    "Sinhala": "\u0d80-\u0dff",
    "Lao": "\u0e80-\u0eff",
    "Tibetan": "\u0f00-\u0fff",
    "Myanmar": "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f",
    "Georgian": "\u10a0-\u10ff\u1c90-\u1cbf\u2d00-\u2d2f",
    "Ethiopic": "\u1200-\u139f\u2d80-\u2ddf\uab00-\uab2f",
    "Cherokee": "\u13a0-\u13ff\uab70-\uabbf",
    "Khmer": "\u1780-\u17ff",
    "Mongolian": "\u1800-\u18af",
    "Ol Chiki": "\u1c50-\u1c7f",
    "Balinese": "\u1b00-\u1b7f",
    "Tifinagh": "\u2d30-\u2d7f",
    "Javanese": "\ua980-\ua9df",
    "Meitei Mayek": "\uaae0-\uaaff\uabc0-\uabff",
    "Kana": "\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f",
}
UNSPACED = (  # written without blanks between words: a character is counted as one
    "Han", "Kana", "Thai", "Lao", "Tibetan", "Myanmar", "Khmer", "Javanese", "Balinese",
)  # fmt: skip
_OWN = {"Japanese": ("Han", "Kana")}


@cache
def script_of(code: str) -> str:
    """Name of the language's script, as in `mtsuite.data.languages`."""
    return language(code).script


def is_unspaced(code: str) -> bool:
    """Whether the language is written without blanks between words (Chinese, Japanese, Thai, Khmer, …)."""
    return language(code).unspaced


def count_tokens(text: str, code: str) -> int:
    """Whitespace words, or characters other than blanks for languages without blanks."""
    words = text.split()
    return sum(map(len, words)) if is_unspaced(code) else len(words)


@cache
def _patterns(script: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str] | None] | None:
    own = _OWN.get(script, (script,))
    if any(name not in RANGES for name in own):
        return None
    ranges = "".join(RANGES[name] for name in own)
    unspaced = "".join(RANGES[name] for name in UNSPACED)
    other_unspaced = "".join(RANGES[name] for name in UNSPACED if name not in own)
    mine = re.compile(f"[{ranges}]" if own[0] in UNSPACED else f"[{ranges}]+")
    foreign_words = re.compile(rf"[^\W\d_{ranges}{unspaced}]+")
    return mine, foreign_words, re.compile(f"[{other_unspaced}]") if other_unspaced else None


def foreign_script(text: str, code: str) -> bool:
    """Whether most of the text's words are in another script than the language's.

    A word is a run of letters of one kind, or a single Han, Kana or Thai character, so that
    ``用 Firefox 打开 GitHub`` is Chinese.  Text without letters, and languages whose script the suite
    does not know, are never foreign.
    """
    script = script_of(code)
    if script == "Latin" and text.isascii():
        return False
    patterns = _patterns(script)
    if patterns is None:
        return False
    mine, foreign_words, foreign_characters = patterns
    own = len(mine.findall(text))
    foreign = len(foreign_words.findall(text))
    if foreign_characters is not None:
        foreign += len(foreign_characters.findall(text))
    return foreign > own
