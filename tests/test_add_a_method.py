"""The method per language of docs/add-a-method.md, and what a method is told that asks for what there is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
from mtsuite.method import Artefacts
from mtsuite.plan.cost import trained_parameters
from mtsuite.registry import configure, find_method
from mtsuite.testing import check_method, tiny_model

PAGE = Path(__file__).resolve().parents[1] / "docs" / "add-a-method.md"
DIRECTIONS = [Direction.parse(text) for text in ("en-de", "de-en", "en-fr")]


@pytest.fixture
def use(here: Path) -> str:
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (here / "languages.py").write_text(next(text for text in blocks if "class PerLanguage" in text))
    return "languages.py:PerLanguage"


def counted(use: str) -> int:
    model = tiny_model("bloom").to("meta")
    own = sum(p.numel() for p in model.parameters())
    return trained_parameters(configure(use, {}), use, model, own, DIRECTIONS)[0]


def test_it_passes_every_check(use: str) -> None:
    results = check_method(find_method(use), raise_on_failure=False)
    failed = [f"{one.family}: {one.name} {one.message}" for one in results if not one.passed]
    assert failed == []


def test_a_plan_counts_it(use: str) -> None:
    assert counted(use) == 3 * tiny_model("bloom").config.hidden_size, "into de, en and fr"


def test_a_probe_that_is_not_there_is_told(use: str, here: Path) -> None:
    text = (here / "languages.py").read_text()
    (here / "wrong.py").write_text(text.replace("[Seen(), Train", "[Train"))
    wrong = "wrong.py:PerLanguage"
    message = r"Expected the result of phase 'seen', a Probe among phases\(\) that analyzes the base model; found none"
    with pytest.raises(MethodError, match=message):
        counted(wrong)
    results = check_method(find_method(wrong), raise_on_failure=False)
    told = [one.message for one in results if not one.passed]
    assert any("Expected the result of phase 'seen'" in message for message in told)
    assert not any("KeyError" in message for message in told)


def test_a_training_phase_tells_no_directions(tmp_path: Path) -> None:
    with pytest.raises(MethodError, match="Phase 'translation' trains"):
        Artefacts({"translation": tmp_path}).directions("translation")
