"""Rows of scores.csv: as many digits as do not depend on what else was scored."""

from __future__ import annotations

from mtsuite.jobs.report import _score_rows


def test_comet_scores_do_not_show_the_rounding_of_a_batch() -> None:
    line = ("full", 1, "all", "en-de", "test")
    spec = {"metrics": ["BLEU", "COMET"], "comet": {"COMET": "key"}}

    def row(comet: float) -> list[str]:
        entry = {"signature": "s", "n": 2}
        scores = {line: {"BLEU": {"score": 12.3456789, **entry}, "COMET": {"score": comet, **entry}}}
        return [found[6] for found in _score_rows(spec, scores)]

    assert row(34.7101161) == row(34.7101174) == ["12.345679", "34.710"]
