"""Sweeps: one row of the file, several rows of the table."""

from __future__ import annotations

import pytest

from mtsuite.recipe import read_recipe
from mtsuite.recipe.write import resolved_yaml

from .conftest import Message, Write

HEAD = """
directions: [en-de, de-en]
methods:
"""


def test_a_sweep_becomes_one_row_a_value(write: Write) -> None:
    text = (
        HEAD + "  full:\n  mine: {use: landermt, label: Mine, config: {k: 2}, sweep: {epsilon: [0.5, 1.0]}}\n  lora:\n"
    )
    recipe = read_recipe(write(text)).recipe
    assert list(recipe.methods) == ["full", "mine-epsilon-0.5", "mine-epsilon-1.0", "lora"]
    row = recipe.methods["mine-epsilon-0.5"]
    assert (row.use, row.label, row.config) == ("landermt", "Mine, epsilon = 0.5", {"k": 2, "epsilon": 0.5})
    assert row.swept is not None
    assert (row.swept.row, row.swept.label, row.swept.key, row.swept.value) == ("mine", "Mine", "epsilon", 0.5)
    assert recipe.methods["full"].swept is None


def test_a_row_names_its_method_unless_it_says_so(write: Write) -> None:
    recipe = read_recipe(write(HEAD + "  landermt: {sweep: {k: [1, 2]}}\n")).recipe
    assert [row.use for row in recipe.methods.values()] == ["landermt", "landermt"]


def test_training_settings_are_swept_by_their_prefix(write: Write) -> None:
    text = HEAD + "  full: {train: {optimizer: muon}, sweep: {train.learning_rate: [1e-3, 1e-2]}}\n"
    recipe = read_recipe(write(text)).recipe
    assert list(recipe.methods) == ["full-learning_rate-0.001", "full-learning_rate-0.01"]
    assert [row.train.learning_rate for row in recipe.methods.values()] == [1e-3, 1e-2]
    assert {row.train.optimizer for row in recipe.methods.values()} == {"muon"}


def test_the_rows_come_back_from_the_resolved_recipe(write: Write) -> None:
    path = write(HEAD + "  landermt: {sweep: {k: [1, 2]}}\n")
    recipe = read_recipe(path).recipe
    again = read_recipe(write(resolved_yaml(recipe, path.parent), "resolved.yaml")).recipe
    assert again.methods == recipe.methods


@pytest.mark.parametrize("sweep", ["{k: 2}", "{k: []}", "{k: [1], epsilon: [1]}", "3", "{k: [{a: 1}]}"])
def test_what_is_no_sweep_is_pointed_at(message: Message, sweep: str) -> None:
    found = message(HEAD + f"  landermt: {{sweep: {sweep}}}\n")
    assert "x.yaml:3:" in found
    assert "methods.landermt.sweep: expected one key of the row's config" in found


def test_references_to_the_row_itself_are_refused(message: Message) -> None:
    text = HEAD + "  landermt: {sweep: {k: [1, 2]}}\nreport: {baseline: landermt}\n"
    assert "report.baseline: 'landermt' is not a row of methods" in message(text)
