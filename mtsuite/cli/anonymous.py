"""A word of the command line as it is recorded with results: no folders of the machine, no credentials."""

from __future__ import annotations

import os
import re

from mtsuite.errors import printable

_HIDDEN = "***"
_USER = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@'\"]+@")
_SECRET = re.compile(
    r"(?P<name>(?:[\w-]*(?:token|secret|passw(?:or)?d|passphrase|credential|signature|api[-_]?key|access[-_]?key))|\bsig|\bauth)"
    r"(?P<middle>['\"]?\s*[=:]\s*['\"]?)[^&\s,;'\"}\]]+",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"\b(?:hf_|ghp_|gho_|github_pat_|glpat-|sk-|xox[abp]-|AKIA)[A-Za-z0-9_-]{8,}")
# An absolute path, where a word or a value in it begins; that of a URL follows a letter, a digit or a second slash.
_FOLDER = re.compile(r"(?<![\w/.:~$}-])(?:~[\w.-]*)?/(?:[^\s'\",;\[\]{}:/]+/)*(?P<last>[^\s'\",;\[\]{}:/]*)")


def anonymous(word: str) -> str:
    """The word with absolute paths shortened to their last part, and with ``***`` for users, passwords and tokens.

    Paths are found anywhere in the word: behind ``=``, in lists, before ``:Class``.  Below the working directory they
    become relative to it.
    """
    word = _USER.sub(rf"\g<scheme>{_HIDDEN}@", word)
    word = _SECRET.sub(rf"\g<name>\g<middle>{_HIDDEN}", word)
    word = _TOKEN.sub(_HIDDEN, word)
    if os.path.isabs(word) or word.startswith("~"):
        return printable(_short(word))
    return printable(_FOLDER.sub(lambda found: _short(found[0]), word))


def _short(path: str) -> str:
    here = os.path.join(os.getcwd(), "")
    if path.startswith(here):
        return path[len(here) :] or "."
    return os.path.basename(path.rstrip("/"))
