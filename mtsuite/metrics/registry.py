"""Metrics by name.

``make_metric("chrF")`` gives a metric; the module behind a name is imported only then, so that
``import mtsuite.metrics`` costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from mtsuite.errors import MetricError, did_you_mean
from mtsuite.metrics.base import Metric
from mtsuite.plugins import is_file_class, names

Factory = Callable[..., Metric]
GROUP = "mtsuite.metrics"  # entry points of other packages

# name -> ("module:factory", options that the name fixes)
_BUILT_IN: dict[str, tuple[str, dict[str, Any]]] = {
    "BLEU": ("mtsuite.metrics.surface:Bleu", {}),
    "BLEU-paper": ("mtsuite.metrics.surface:Bleu", {"name": "BLEU-paper", "profile": "paper"}),
    "spBLEU": ("mtsuite.metrics.surface:SpBleu", {}),
    "chrF": ("mtsuite.metrics.surface:Chrf", {}),
    "chrF++": ("mtsuite.metrics.surface:Chrf", {"name": "chrF++", "word_order": 2}),
    "TER": ("mtsuite.metrics.surface:Ter", {}),
    "COMET": ("mtsuite.metrics.comet:Comet", {}),
}
_ADDED: dict[str, Factory] = {}


def metric_names() -> list[str]:
    """The known names, the suite's own first, those of other packages last."""
    return [*_BUILT_IN, *_ADDED, *(name for name in names(GROUP) if name not in _BUILT_IN)]


def column_of(use: str) -> str:
    """The heading under which a metric of a recipe stands: its name, where the recipe names a file.

    Raises MetricError for a metric of one's own that cannot be used.
    """
    if not is_file_class(use):
        return use
    from mtsuite.metrics.own import find_metric

    return find_metric(use).name


def register_metric(name: str, factory: Factory) -> None:
    """Make ``factory(**options)`` known under ``name``.  Raises MetricError when the name is taken."""
    if name in metric_names():
        raise MetricError(f"There is a metric called {name!r} already; choose another name.")
    _ADDED[name] = factory


def make_metric(name: str, options: Mapping[str, Any] | None = None) -> Metric:
    """The metric ``name`` with its options (see the class behind it).

    Raises MetricError for an unknown name, with the nearest ones, and for options that the metric
    does not have.
    """
    given = dict(options or {})
    factory: Factory
    if name in _BUILT_IN:
        target, fixed = _BUILT_IN[name]
        module, attribute = target.split(":")
        factory = getattr(import_module(module), attribute)
        for option in set(given) & set(fixed):
            raise MetricError(f"{name} fixes {option} to {fixed[option]!r}; leave that option out or use another name.")
        given |= fixed
    elif name in _ADDED:
        factory = _ADDED[name]
    elif is_file_class(name) or name in names(GROUP):
        from mtsuite.metrics.own import Guarded

        return Guarded(name, given)
    else:
        raise MetricError(f"Unknown metric {name!r}. {did_you_mean(name, metric_names())}")
    try:
        return factory(**given)
    except TypeError as error:
        raise MetricError(f"{name} does not take these options: {error}.") from error


def make_metrics(names: Sequence[str], profile: str = "auto", comet: Mapping[str, Any] | None = None) -> list[Metric]:
    """The metrics of a recipe, in its order: ``profile`` goes to BLEU, ``comet`` to COMET."""
    settings: dict[str, Mapping[str, Any]] = {"BLEU": {"profile": profile}, "COMET": comet or {}}
    return [make_metric(name, settings.get(name)) for name in names]
