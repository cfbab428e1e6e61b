"""Rows that cannot be planned because their method's own code fails before anything runs."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

from mtsuite.errors import PluginError
from mtsuite.plan.graph import Job


@dataclass(frozen=True)
class BrokenRow:
    """A row with the phase in which its method failed: ``import``, ``configuration``, ``phases``, ``check`` …"""

    name: str
    use: str
    phase: str
    error: str
    traceback: str

    @classmethod
    def of(cls, name: str, use: str, error: PluginError) -> BrokenRow:
        cause = error.__cause__ or error
        trace = "".join(traceback.format_exception(cause, chain=cause is not error))
        return cls(name, use, error.phase, str(error), trace)

    @property
    def job(self) -> Job:
        """What stands for the row among the failures; it is in no plan."""
        return planning_job(self.name, self.use, self.phase)


def planning_job(name: str, use: str, phase: str = "") -> Job:
    """The job under whose key a failure to plan this row is kept, whatever the phase."""
    return Job("plan", f"{name}: {phase}", {"row": name, "use": use})
