"""Which jobs run code that is not the suite's: it may change anything in its process, so it gets one of its own."""

from __future__ import annotations

from mtsuite.plan.graph import Job
from mtsuite.registry import OWN, registered


def outside_code(job: Job) -> str:
    """Empty for a job that runs nothing but the suite and its libraries; else the row that a worker may serve with it.

    From outside come methods that are named by a file or that another distribution registers, and the code that a
    model brings along (``model.trust_remote_code``).
    """
    use = str(job.spec.get("_use", ""))
    entry = registered().get(use)
    model = job.spec.get("model")
    remote = isinstance(model, dict) and bool(model.get("trust_remote_code"))
    foreign = ".py" in use or bool(job.spec.get("own_metrics")) or (entry is not None and entry.distribution != OWN)
    return f"{job.label.partition(':')[0]}: {use}" if foreign or remote else ""
