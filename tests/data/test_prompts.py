"""Instruction templates."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mtsuite.data.direction import Direction
from mtsuite.data.prompts import BUILTIN, Templates, completion
from mtsuite.errors import DataError

EN_DE = Direction("en", "de")


def test_ten_compact_templates_that_end_in_a_colon() -> None:
    assert len(set(BUILTIN)) == 10
    for template in Templates.builtin().texts:
        assert template.endswith(":")
        assert len(template.split()) <= 25


def test_the_evaluation_prompt() -> None:
    templates = Templates.builtin()
    prompt = templates.prompt(EN_DE, "A dog.", 0)
    assert prompt == "Translate from English to German.\nEnglish: A dog.\nGerman:"
    assert prompt + templates.completion("Ein Hund.") == (
        "Translate from English to German.\nEnglish: A dog.\nGerman: Ein Hund."
    )
    for index in range(10):
        assert "{not a field}" in templates.prompt(EN_DE, "{not a field}", index)
    assert templates.prompt(EN_DE, "two\nlines").count("\n") == 2


def test_completion_joins_by_the_prompts_end() -> None:
    assert completion("Ein\nHund") == " Ein Hund"
    assert completion("Hund", "German:\n") == "Hund"


def test_in_context() -> None:
    templates = Templates(("{target_language} for {source}:",))
    text = templates.in_context_prompt(EN_DE, [("one", "eins"), ("two", "zwei")], "three", 0)
    assert text == "German for one: eins\n\nGerman for two: zwei\n\nGerman for three:"
    assert templates.in_context_prompt(EN_DE, [], "three", 0) == templates.prompt(EN_DE, "three", 0)


def test_assignment_is_stable_even_and_depends_on_all_three() -> None:
    templates = Templates.builtin()
    drawn = [templates.assign(1, EN_DE, n) for n in range(5000)]
    assert drawn[:8] == [templates.assign(1, EN_DE, n) for n in range(8)]
    counts = Counter(drawn)
    assert sorted(counts) == list(range(10))
    assert all(400 < count < 600 for count in counts.values())
    assert drawn != [templates.assign(2, EN_DE, n) for n in range(5000)]
    assert drawn != [templates.assign(1, EN_DE.reversed, n) for n in range(5000)]


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text('templates:\n  - "{source} in {target_language}:"\n  - "{{x}} {source} > {target_language}="\n')
    templates = Templates.load("mine.yaml", tmp_path)
    assert len(templates) == 2
    assert templates.prompt(EN_DE, "dog", 1) == "{x} dog > German="
    assert templates.fingerprint != Templates.load("builtin").fingerprint
    with pytest.raises(DataError, match="no template 2; the list has 2"):
        templates.prompt(EN_DE, "dog", 2)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('templates: ["{source} to German:"]', r"templates\[0\]: the template lacks {target_language}"),
        ('templates: ["to {target_language}:"]', r"lacks {source}"),
        ('templates: ["{sorce} {target_language}:"]', r"unknown field {sorce}\. Did you mean 'source'"),
        ('templates: ["{source} { {target_language}:"]', r"A brace that is text is doubled"),
        ('templates: ["{source} {source} {target_language}:"]', r"contains \{source\} once; here it is there 2 times"),
        ("templates: [3]", r"templates\[0\]: expected a text; found 3"),
        ("prompts: [a]", r"expected a list under `templates:`; found keys prompts"),
        ("- a", r"found list"),
        ("templates: [", r"is not a YAML file"),
    ],
)
def test_files_that_are_not_templates(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(content)
    with pytest.raises(DataError, match=message):
        Templates.read(path)


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "prompts.yaml").write_text("")
    with pytest.raises(DataError, match=r"no such file.*prompt\.yaml.*prompts\.yaml"):
        Templates.load("prompt.yaml", tmp_path)
