"""In-context learning: random examples in front of the sentence, no training (LANDeRMT §4.2, "In-context")."""

from mtsuite.method import Method


class InContext(Method):
    """The base model with ``prompts.shots`` random training pairs of the direction in its prompt.

    Every test segment gets its own examples, drawn by the recipe's seed.
    """

    @property
    def shots(self) -> bool:
        return True
