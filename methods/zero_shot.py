"""0-shot: the base model under an instruction, untrained (LANDeRMT §4.2, "0-shot")."""

from mtsuite.method import Method


class ZeroShot(Method):
    """The base model as it is; the reference for forgetting and for the change in transfer matrices."""
