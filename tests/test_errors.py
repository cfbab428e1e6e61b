"""Where in a method's code an exception came from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mtsuite.data.direction import Direction
from mtsuite.errors import raised_at
from mtsuite.registry import find_method

CODE = """from mtsuite.data.direction import Direction
from mtsuite.method import Method


def helper():
    return 1 / 0


class Mine(Method):
    def note(self):
        return helper()

    def mark(self):
        return Direction.parse("nonsense")
"""


def place(call: Callable[[], object]) -> str:
    try:
        call()
    except Exception as error:
        # The frames of this test stand for the suite, which calls the method.
        return raised_at(error.with_traceback(error.__traceback__.tb_next if error.__traceback__ else None))
    raise AssertionError("it did not raise")


def test_the_line_and_the_hook_of_a_method(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    method = find_method(f"{tmp_path / 'mine.py'}:Mine")()
    assert place(method.note) == "mine.py:6, in helper, called by note"
    assert place(method.mark) == "mine.py:14, in mark", "the suite's own frames below do not count"


def test_code_of_others_has_no_place() -> None:
    for call in (torch.zeros(2).view, json.loads, Direction.parse):
        with pytest.raises(Exception, match=r".") as caught:
            call("x")  # type: ignore[operator]
        assert caught.value.__traceback__ is not None
        below_the_test = caught.value.__traceback__.tb_next
        assert raised_at(caught.value.with_traceback(below_the_test)) == ""
