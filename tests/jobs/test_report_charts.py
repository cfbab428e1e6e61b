"""What methods show reaches the results folder once, and one that fails at it costs nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from mtsuite.jobs import report

PLUGIN = '''
from mtsuite.method import Chart, Method, MethodConfig, Option, Probe, Series, Train


class Look(Probe):
    name = "look"

    def run(self, model, text):
        return {}


class ShownConfig(MethodConfig):
    title: str = Option("Norm", description="Heading.")


class Shown(Method):
    """Shows a number of its probe."""

    Config = ShownConfig

    def phases(self):
        return [Look(), Train("translation")]

    def charts(self, artefacts):
        y = tuple(artefacts.tensors("look")["norm"].tolist())
        return [Chart("norm", self.config.title, "lines", "layer", "norm", (Series("all", (1.0, 2.0), y),))]


class Clumsy(Shown):
    """Cannot draw."""

    def charts(self, artefacts):
        raise KeyError("on purpose")
'''


@pytest.fixture
def made(tmp_path: Path) -> Any:
    (tmp_path / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    for key in ("look", "learned"):
        (tmp_path / key).mkdir()
    save_file({"norm": torch.tensor([0.5, 0.25])}, tmp_path / "look" / "tensors.safetensors")

    def go(rows: dict[str, tuple[str, dict[str, Any]]], **changes: Any) -> dict[str, Any]:
        training = {"seed": 1, "trained_on": "all", "transfer": False, **changes}
        training["phases"] = [["look", "look"], ["translation", "learned"]]
        spec = {
            "seeds": [1, 2],
            "trainings": [{"method": name, **training} for name in rows],
            "charts": {
                name: {"_use": f"{tmp_path / 'plugin.py'}:{cls}", "config": config}
                for name, (cls, config) in rows.items()
            },
        }
        return report._charts(spec, {"look": tmp_path / "look", "learned": tmp_path / "learned"})

    return go


def test_a_chart_comes_from_the_probes_tensors(made: Any) -> None:
    found = json.loads(json.dumps(made({"mine": ("Shown", {})})))
    (chart,) = found["charts"]
    assert chart["method"] == "mine"
    assert chart["series"] == [{"name": "all", "x": [1.0, 2.0], "y": [0.5, 0.25]}]
    assert found["problems"] == []


def test_equal_charts_of_rows_that_share_a_probe_are_shown_once(made: Any) -> None:
    found = made({"a": ("Shown", {}), "b": ("Shown", {}), "c": ("Shown", {"title": "Another"})})
    assert [(chart["method"], chart["title"]) for chart in found["charts"]] == [("a", "Norm"), ("c", "Another")]


def test_a_method_that_fails_at_its_charts_is_noted(made: Any) -> None:
    found = made({"bad": ("Clumsy", {}), "good": ("Shown", {})})
    assert [chart["method"] for chart in found["charts"]] == ["good"]
    assert found["problems"] == ["The charts of bad could not be made: KeyError: 'on purpose'"]


@pytest.mark.parametrize("changes", [{"trained_on": "en-de"}, {"transfer": True}, {"seed": 2}])
def test_only_the_tables_first_model_is_shown(made: Any, changes: dict[str, Any]) -> None:
    assert made({"mine": ("Shown", {})}, **changes)["charts"] == []
