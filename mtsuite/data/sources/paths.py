"""Paths of a recipe: environment variables, the recipe's folder, ``{pair}`` and ``{lang}``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mtsuite.data.languages import CODE
from mtsuite.errors import DataError

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_FIELD = re.compile(r"\{(\w*)\}")


def expand(text: str, folder: Path, key: str) -> str:
    """The path with ``$NAME``, ``${NAME}`` and ``~`` replaced, relative ones placed under ``folder``.

    ``key`` is the recipe's dotted key, for the error.  Raises DataError for a variable that is not set
    (naming it, what it should point to and how to set it) and for another field than ``{pair}`` and ``{lang}``.
    """

    def value(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        found = os.environ.get(name)
        if not found:
            rest = text[match.end() :].lstrip("/")
            target = f"the folder that holds {rest}" if rest else "this file"
            whole = re.sub(r"\[\d+\]$", "", key)
            raise DataError(
                f"{key}: {text!r} needs the environment variable {name}, which is "
                f"{'not set' if found is None else 'empty'}. It should point to {target}. "
                f"Set it with `export {name}=/path/to/it`, or give the path itself with `--set '{whole}=[…]'`."
            )
        return found

    expanded = os.path.expanduser(_VARIABLE.sub(value, text))
    for name in _FIELD.findall(_VARIABLE.sub("", text)):
        if name not in ("pair", "lang"):
            raise DataError(f"{key}: {text!r} has {{{name}}}; a path may have {{pair}} and {{lang}}.")
    return os.path.normpath(folder / expanded)


def fill(pattern: str, pair_text: str, code: str = "") -> Path:
    """The pattern with its fields replaced; the ``.gz`` form when only that exists."""
    path = Path(pattern.replace("{pair}", pair_text).replace("{lang}", code))
    packed = path.with_name(path.name + ".gz")
    return packed if not path.exists() and packed.exists() else path


def matches(pattern: str) -> list[tuple[Path, str | None, str | None]]:
    """Files that exist for a pattern: ``(path, pair, language)``, sorted; fields that the pattern lacks are None."""
    code, seen = CODE, set()
    parts = []
    for piece in re.split(r"(\{pair\}|\{lang\})", pattern):
        group = {"{pair}": ("pair", f"{code}-{code}"), "{lang}": ("lang", code)}.get(piece)
        if group is None:
            parts.append(re.escape(piece))
        elif group[0] in seen:
            parts.append(f"(?P={group[0]})")
        else:
            parts.append(f"(?P<{group[0]}>{group[1]})")
            seen.add(group[0])
    regex = re.compile("".join(parts) + r"(?:\.gz)?")
    found = []
    for path in _walk(pattern):
        match = regex.fullmatch(str(path))
        if match is not None and path.is_file():
            groups = match.groupdict()
            found.append((path, groups.get("pair"), groups.get("lang")))
    return sorted(found, key=lambda item: str(item[0]))


def _walk(pattern: str) -> Iterable[Path]:
    """Paths that may match: each part of the pattern that has a field stands for all names in its folder."""
    path = Path(pattern)
    folders: list[Path] = [Path(path.anchor)]
    parts: Sequence[str] = path.parts[1:] if path.anchor else path.parts
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if _FIELD.search(part):
            folders = [child for folder in folders if folder.is_dir() for child in sorted(folder.iterdir())]
        else:
            names = [part, part + ".gz"] if last else [part]
            folders = [folder / name for folder in folders for name in names if (folder / name).exists()]
    return folders
