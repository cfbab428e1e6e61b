"""Sources of text of one's own: a class that derives from `Source`, by registered name or ``file.py:ClassName``.

What it raises becomes a DataError with its place, before the run where its ``check`` says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mtsuite.data.direction import Direction
from mtsuite.data.sources.base import Pair, Source
from mtsuite.data.text import checked
from mtsuite.errors import DataError, MTSuiteError
from mtsuite.identity import identity
from mtsuite.plugins import find_class, told

GROUP = "mtsuite.sources"


def open_own(text: Mapping[str, Any], directions: Sequence[Direction], folder: Path, offline: bool) -> Source:
    """The source behind ``text["use"]``, guarded.  Raises DataError where it cannot be found or made."""
    use = text["use"]
    try:
        cls = find_class(use, GROUP, Source, "source of text")  # type: ignore[type-abstract]
    except MTSuiteError as error:
        raise DataError(f"data.text.use: {error}") from error
    try:
        inner = cls(text, directions, folder, offline)
    except MTSuiteError:
        raise
    except Exception as error:
        raise DataError(f"data.text.use: {use} cannot be made: {told(error)}") from error
    return _Guarded(inner, use, text, directions, folder, offline)


class _Guarded(Source):
    def __init__(self, inner: Source, use: str, *given: Any) -> None:
        super().__init__(*given)
        self.inner, self.use = inner, use
        self.has_valid, self.has_tests = bool(inner.has_valid), bool(inner.has_tests)

    def _asked(self, what: str, *given: Any) -> Any:
        try:
            return getattr(self.inner, what)(*given)
        except MTSuiteError:
            raise
        except (Exception, SystemExit) as error:
            raise DataError(f"{self.use}: {what} failed: {told(error)}") from error

    def _rows(self, what: str, *given: Any) -> Iterator[tuple[str, str]]:
        number = 0
        try:
            for number, row in enumerate(getattr(self.inner, what)(*given), start=1):
                if not (isinstance(row, tuple | list) and len(row) == 2 and all(isinstance(s, str) for s in row)):
                    raise DataError(f"{self.use}: {what}, row {number}: expected two texts; found {row!r:.80}.")
                first, second = (checked(side, f"{self.use}: {what}, row {number}") for side in row)
                yield first, second
        except MTSuiteError:
            raise
        except (Exception, SystemExit) as error:
            raise DataError(f"{self.use}: {what} failed after row {number}: {told(error)}") from error

    def check(self, tested: Sequence[Direction]) -> None:
        self._asked("check", tested)

    def check_tests(self, tested: Sequence[Direction]) -> None:
        self._asked("check_tests", tested)

    def fingerprint(self) -> dict[str, Any]:
        return {"plugin": identity(type(self.inner)), "text": self._asked("fingerprint")}

    def train(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._rows("train", pair)

    def valid(self, pair: Pair) -> Iterator[tuple[str, str]]:
        return self._rows("valid", pair)

    def tests(self, direction: Direction) -> dict[str, list[tuple[str, str]]]:
        found = self._asked("tests", direction)
        return {str(name): [(str(a), str(b)) for a, b in rows] for name, rows in found.items()}

    def test_names(self, direction: Direction) -> list[str]:
        return list(self._asked("test_names", direction))

    def mono(self, language: str) -> Iterator[str] | None:
        found: Iterator[str] | None = self._asked("mono", language)
        return found
