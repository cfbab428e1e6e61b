"""The interface of metrics: checks of its input, names, and results that survive JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics import Metric, MetricResult, make_metric, make_metrics, metric_names, register_metric
from mtsuite.metrics import registry as registry_module

EN_DE = Direction("en", "de")


class Exact(Metric):
    """Percentage of hypotheses equal to their reference."""

    name = "exact"

    def signature(self, direction: Direction) -> str:
        return "exact"

    def _score(
        self, direction: Direction, sources: list[str], hypotheses: list[str], references: list[str]
    ) -> MetricResult:
        segments = [100.0 * (a == b) for a, b in zip(hypotheses, references, strict=True)]
        return MetricResult("exact", sum(segments) / len(segments), "exact", len(segments), segments)


def test_different_numbers_of_lines_are_counted_in_the_message() -> None:
    with pytest.raises(MetricError, match=r"en-de.*3 sources, 2 hypotheses and 1 references"):
        make_metric("BLEU").score(EN_DE, ["a", "b", "c"], ["a", "b"], ["a"])


def test_empty_lists_are_refused() -> None:
    with pytest.raises(MetricError, match="nothing to score"):
        make_metric("chrF").score(EN_DE, [], [], [])


def test_an_unknown_metric_names_the_nearest() -> None:
    with pytest.raises(MetricError, match=r"Unknown metric 'BLUE'.*'BLEU'"):
        make_metric("BLUE")


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(MetricError, match=r"chrF does not take these options.*sharpness"):
        make_metric("chrF", {"sharpness": 2})


def test_a_name_that_fixes_an_option_says_so() -> None:
    with pytest.raises(MetricError, match="BLEU-paper fixes profile"):
        make_metric("BLEU-paper", {"profile": "auto"})


@pytest.mark.parametrize("name", metric_names())
def test_every_name_makes_a_metric_called_so(name: str) -> None:
    assert make_metric(name).name == name


def test_a_recipe_profile_reaches_bleu_and_its_settings_reach_comet() -> None:
    bleu, paper, chrf, comet = make_metrics(
        ["BLEU", "BLEU-paper", "chrF", "COMET"], profile="paper", comet={"batch_size": 7}
    )
    assert "smooth:none" in bleu.signature(EN_DE)
    assert [bleu.name, paper.name, chrf.name] == ["BLEU", "BLEU-paper", "chrF"]
    assert comet.batch_size == 7  # type: ignore[attr-defined]


def test_a_metric_can_be_added_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_ADDED", {})
    register_metric("exact", Exact)
    assert make_metric("exact").score(EN_DE, ["a", "b"], ["x", "y"], ["x", "z"]).score == 50.0
    with pytest.raises(MetricError, match="already"):
        register_metric("BLEU", Exact)


def test_a_result_survives_json() -> None:
    result = make_metric("chrF").score(EN_DE, ["a b"], ["ein Haus"], ["das Haus"])
    assert MetricResult.from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_a_strange_result_is_refused() -> None:
    with pytest.raises(MetricError, match="keys"):
        MetricResult.from_dict({"metric": "BLEU", "score": 1.0})


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = (
        "import sys, mtsuite.metrics, mtsuite.metrics.comet, mtsuite.metrics.surface, mtsuite.metrics.significance;"
        "print([m for m in ('torch', 'comet', 'sacrebleu', 'transformers', 'numpy', 'scipy') if m in sys.modules])"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
