from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from mtsuite.errors import RecipeError
from mtsuite.recipe import read_recipe

Write = Callable[..., Path]
Message = Callable[..., str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, so that messages show short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def write(here: Path) -> Write:
    """Write a file with indentation taken away: ``write(text, "x.yaml")``."""

    def _write(text: str, name: str = "x.yaml") -> Path:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    return _write


@pytest.fixture
def message(write: Write) -> Message:
    """The whole text of the error that a recipe gives."""

    def _message(text: str, *overrides: str) -> str:
        path = write(text)
        with pytest.raises(RecipeError) as caught:
            read_recipe(path, overrides)
        assert caught.value.exit_code == 2
        return str(caught.value)

    return _message


SMALL = """\
directions: [en-de, de-en]
methods:
  zero-shot:
  lora: {config: {rank: 8}}
"""
