"""The index of methods, and the page that is made of it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mtsuite.catalogue import (
    GROUPS,
    catalogue,
    config_keys,
    count_text,
    entry_of,
    markdown,
    paper_of,
    trained_parameters,
)
from mtsuite.method import Method
from mtsuite.registry import find_method, registered

DOCS = Path(__file__).resolve().parents[1] / "docs" / "methods"
OWN = [name for name, entry in registered().items() if entry.distribution == "mtsuite"]
# Variants are described with the method that they vary.
PAGES = {one.name: f"{entry.name}.md" for entry in catalogue("mtsuite") for one in (entry, *entry.variants)}


def test_the_index_in_the_docs_is_up_to_date() -> None:
    hint = "run: python -m mtsuite.catalogue --write docs/methods/README.md"
    assert (DOCS / "README.md").read_text(encoding="utf-8") == markdown(), hint


@pytest.mark.parametrize("name", OWN)
def test_every_method_has_its_page(name: str) -> None:
    page = DOCS / PAGES[name]
    assert page.is_file(), f"docs/methods/{page.name} describes {name}"
    assert f"`{name}`" in page.read_text(encoding="utf-8"), f"{page.name} names {name}"


def test_entries_are_grouped_by_what_happens() -> None:
    entries = catalogue("mtsuite")
    groups = [entry.group for entry in entries]
    assert groups == sorted(groups, key=GROUPS.index)
    of = {one.name: entry.group for entry in entries for one in (entry, *entry.variants)}
    assert set(of) == set(OWN)
    assert of["zero-shot"] == of["in-context"] == GROUPS[0]
    assert of["full"] == of["lora"] == GROUPS[1]
    assert of["landermt"] == of["layers"] == GROUPS[2]
    assert of["mix-moe"] == GROUPS[3]
    variants = {entry.name: [one.name for one in entry.variants] for entry in entries if entry.variants}
    assert variants["landermt"] == ["landermt-lg", "landermt-ls", "layers"]


def test_what_an_entry_says() -> None:
    entry = entry_of("landermt")
    assert entry.paper == "Zhu et al. 2024, arXiv 2409.19523"
    assert entry.brief_course == "analyze: detection → train: translation"
    assert entry.about.startswith("Trains the general neurons")
    assert entry_of("mix-moe").brief_course == "train: lm-experts (monolingual text) → train: mt-experts"
    assert entry_of("lora").paper == "Hu et al. 2022"
    assert entry_of("zero-shot").course == "none"
    assert "Unknown method" in entry_of("no-such-method").problem


def test_where_a_paper_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mine(Method):
        """An idea (Doe et al. 2025, §2)."""

    class Other(Method):
        """An idea (of mine)."""

    monkeypatch.setattr(sys.modules[__name__], "__doc__", "Other (Roe et al. 2021) and more, arXiv 2101.00001.")
    assert paper_of(Mine) == "Doe et al. 2025, §2"
    assert paper_of(Other) == "Roe et al. 2021, arXiv 2101.00001"


def test_parameters_are_those_of_the_papers() -> None:
    assert trained_parameters(find_method("zero-shot")) == []
    assert trained_parameters(find_method("full")) == [7_069_016_064]  # BLOOM-7b1
    assert [count_text(n or 0) for n in trained_parameters(find_method("lora"))] == ["31.5 M"]  # LANDeRMT Table 1: 31 M
    assert [count_text(n or 0) for n in trained_parameters(find_method("layers"))] == ["806 M"]  # LANDeRMT Table 1


def test_a_method_that_cannot_be_counted_is_a_question_mark() -> None:
    class Mine(Method):
        def phases(self):  # type: ignore[no-untyped-def]
            return find_method("full")().phases()

        def attach(self, model, artefacts, phase):  # type: ignore[no-untyped-def]
            raise RuntimeError("numbers, please")

    assert trained_parameters(Mine) == [None]


@pytest.mark.parametrize(("count", "text"), [(0, "0"), (999, "999"), (1500, "1.5 k"), (31_457_280, "31.5 M")])
def test_counts_have_three_digits(count: int, text: str) -> None:
    assert count_text(count) == text


def test_configuration_keys_say_what_they_take() -> None:
    keys = {key.key: key for key in config_keys(find_method("lora"))}
    assert (keys["rank"].takes, keys["rank"].default) == ("whole number ≥ 1", "16")
    assert all(key.meaning for key in keys.values())
