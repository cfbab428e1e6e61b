"""What a job is given, and how it is found by its kind.

A kind of job is a module of this package with one function,

    run(spec, inputs, output, context) -> summary

``spec`` is the job's canonical specification (plain JSON values), ``inputs`` maps roles to the
finished folders of other jobs, ``output`` is the folder to write; it survives a kill, so that what a
job leaves in ``output/checkpoint`` is there when it is started again.  The summary (plain JSON
values) goes into ``status.json``.  With an entry ``INCOMPLETE`` (the reason, one line) it says that the
output can be used but lacks something for want of a package or a network, say: the next run makes it again.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KINDS = (
    "corpus", "base", "probe", "start", "train", "choose", "chosen", "translate", "external", "score", "comet",
    "perplexity", "near", "report",
)  # fmt: skip
INCOMPLETE = "incomplete"


@dataclass
class JobContext:
    """Services of the worker that runs a job.

    ``cache`` lives as long as the worker: loaded models, tokenizers and metrics are kept there under
    the key of what they were made from.  ``progress`` takes ``step``, ``total`` and any of ``loss``,
    ``tokens_per_second``, ``text``; calls are cheap and may be made at every step.
    """

    cache: dict[str, Any] = field(default_factory=dict)
    progress: Callable[..., None] = lambda **values: None
    keys: Mapping[str, str] = field(default_factory=dict)  # role -> content key of the input
    threads: int = 1
    offline: bool = False
    shared: Path = Path(".mtsuite")  # a folder for what several runs share beside finished jobs: the store's


Summary = dict[str, Any]
JobFunction = Callable[[dict[str, Any], Mapping[str, Path], Path, JobContext], Summary | None]


def job_function(kind: str) -> JobFunction:
    """The function of a kind; imported on first use, so that a worker pays only for what it runs.

    Raises ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown kind of job {kind!r}; kinds: {', '.join(KINDS)}")
    function: JobFunction = importlib.import_module(f"mtsuite.jobs.{kind}").run
    return function
