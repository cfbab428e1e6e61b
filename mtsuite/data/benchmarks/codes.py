"""Which of a test set's own codes is meant by a code of the recipe."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from mtsuite.data.languages import is_language

_SAME = {"nb": "no"}  # Norwegian is written as Bokmål unless it says Nynorsk


def resolve(code: str, offered: Iterable[str]) -> str | None:
    """The offered code of the same language and script; None where there is none.

    ``de`` is ``deu_Latn`` and ``de_DE``, ``zh`` is ``zho_Hans`` rather than ``zho_Hant``.  A region that the recipe
    names must be the set's.  Where it names none, a code without region comes first, then the region where most
    speakers live (``pt`` is ``pt_BR`` before ``pt_PT``), then the first by name.
    """
    offered = list(offered)
    if code in offered:
        return code
    if not is_language(code):
        return None
    base, script, region, likely = _parts(code)
    found = []
    for other in sorted(offered):
        if not is_language(other) or _parts(other)[:2] != (base, script):
            continue
        place = _parts(other)[2]
        if region is not None and place not in (region, None):
            continue
        rank = 0 if place == region else 1 if place is None or place == likely else 2
        found.append((rank, other))
    return min(found)[1] if found else None


@cache
def _parts(code: str) -> tuple[str, str | None, str | None, str | None]:
    """Language, script (the likely one where none is named), region as named, likely region."""
    import langcodes

    tag = langcodes.get(code).prefer_macrolanguage()
    whole = tag.maximize()
    variant = "".join(f"-{part}" for part in tag.variants or [])
    base = str(whole.language)
    return _SAME.get(base, base) + variant, whole.script, tag.territory, whole.territory
