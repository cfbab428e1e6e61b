"""The verb about where the suite runs."""

from __future__ import annotations


def env() -> None:
    """Versions, commit and hardware, as they are recorded with results."""
    import json

    from mtsuite.run.environment import describe_environment

    print(json.dumps(describe_environment(), indent=2))
