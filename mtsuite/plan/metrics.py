"""The metrics of a recipe as columns, and what keys need of those from outside of the suite."""

from __future__ import annotations

from typing import Any

from mtsuite.recipe.schema import Recipe


def metric_columns(recipe: Recipe) -> list[str]:
    """Headings of the metrics, in the recipe's order."""
    from mtsuite.metrics.registry import column_of

    return [column_of(use) for use in recipe.metrics.names]


def own_metrics(recipe: Recipe) -> dict[str, Any]:
    """For the specification of a job: identities of the metrics from outside by heading, and where they are.

    Empty where the recipe has none, so that its keys are what they always were.
    """
    from mtsuite.metrics.own import is_own, metric_identity
    from mtsuite.metrics.registry import column_of

    own = {column_of(use): use for use in recipe.metrics.names if is_own(use)}
    if not own:
        return {}
    return {"own_metrics": {name: metric_identity(use) for name, use in own.items()}, "_own_metrics": own}
