"""Scores: BLEU, chrF, COMET and whether a difference between two systems is one.

``make_metric(name, options).score(direction, sources, hypotheses, references)`` gives a
``MetricResult``; ``mtsuite.metrics.significance.compare`` tests two of them.  Importing this
package imports neither sacrebleu nor torch.
"""

from mtsuite.metrics.base import Metric, MetricResult
from mtsuite.metrics.registry import make_metric, make_metrics, metric_names, register_metric

__all__ = ["Metric", "MetricResult", "make_metric", "make_metrics", "metric_names", "register_metric"]
