"""File names made of names that a user chose: rows, test sets, metrics.

Whatever a row or a test set is called, its files have short, readable names that every file system takes, lie inside
of the folder they belong to, and are never those of another row or test set.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_PLAIN = re.compile(r"[a-z0-9_][a-z0-9_.+=@-]{0,79}")
_MARKED = re.compile(r".*-[0-9a-f]{8}")
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # of Windows, with any ending
_READABLE = 40  # characters


def safe_name(name: str) -> str:
    """The name as a file or folder is called: itself where that is safe, else a readable form and a mark.

    Safe are small letters and digits of ASCII and ``_ . + = @ -`` inside: ``mine`` stays ``mine``, and ``Mine!`` is
    ``mine-`` with eight digits of its hash.  Different names give different file names, also where a file system does
    not tell large letters from small ones.
    """
    if _PLAIN.fullmatch(name) and not (name.endswith(".") or _DEVICE.fullmatch(name) or _MARKED.fullmatch(name)):
        return name
    letters = re.sub(r"[^\w.]+|_{2,}", "-", unicodedata.normalize("NFKC", name).lower())
    readable = unicodedata.normalize("NFC", letters)[:_READABLE].strip("-._") or "name"
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{_within(readable, 120)}-{mark}"


class Names:
    """File names of one folder that are composed of several names: no two of them meet.

    ``a-b`` with ``c`` and ``a`` with ``b-c`` are both ``a-b-c``.  The first keeps the name; a later one, also one that
    only letter case or normal form tells from an earlier one, gets a number behind it.
    """

    def __init__(self) -> None:
        self._used: set[str] = set()

    def free(self, name: str) -> str:
        """The name, or the first numbered form of it that is not in use; it is in use from now on."""
        found, number = name, 1
        while _folded(found) in self._used:
            number += 1
            found = f"{name}-{number}"
        self._used.add(_folded(found))
        return found


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _within(text: str, limit: int) -> str:
    """The text cut to so many bytes of UTF-8."""
    return text.encode("utf-8", "ignore")[:limit].decode("utf-8", "ignore")
