"""Groups of jobs as jobs of SLURM, through submitit.

A group that reaches its time limit is put back into the queue by submitit and goes on from its checkpoints; so is one
whose node fails, by SLURM itself or by the run.  States are asked of ``squeue``, which needs no accounting database.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, ClassVar

from mtsuite.errors import ExecutorError, shortened
from mtsuite.run.executors.base import Group, State
from mtsuite.run.executors.group import GroupCall

_RUNNING = frozenset({"RUNNING", "COMPLETING", "CONFIGURING", "STAGE_OUT", "SIGNALING", "SUSPENDED", "RESIZING"})
_WAITING = frozenset({"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"})
_GONE = "SLURM does not know it any more"


class Slurm:
    """Submits with ``sbatch``, from any machine that has it."""

    interval: ClassVar[float] = 5.0
    options: ClassVar[Mapping[str, str]] = {
        "partition": "sbatch --partition",
        "account": "sbatch --account",
        "qos": "sbatch --qos",
        "constraint": "sbatch --constraint, such as a kind of accelerator",
        "gres": "sbatch --gres instead of --gpus-per-node, such as gpu:a100:1",
        "nodelist": "sbatch --nodelist",
        "exclude": "sbatch --exclude",
        "setup": "a shell command that each job runs first, such as 'module load cuda'",
        "max_requeues": "how often a group may reach its time limit; default 20",
    }

    def __init__(self, options: Mapping[str, str], folder: Path) -> None:
        try:
            import submitit
        except ImportError:
            raise ExecutorError(
                "--executor slurm needs the package submitit, which is not installed: pip install 'mtsuite[slurm]'."
            ) from None
        lacking = [name for name in ("sbatch", "srun", "squeue", "scancel") if shutil.which(name) is None]
        if lacking:
            raise ExecutorError(
                f"--executor slurm needs the programs of SLURM, but {', '.join(lacking)} cannot be found: "
                "run this command on a login node of the cluster."
            )
        requeues = options.get("max_requeues", "20")
        if not requeues.isdigit():
            raise ExecutorError(f"--executor-option max_requeues: expected a whole number, found {requeues!r}.")
        self._options = dict(options)
        self._submitit: Any = submitit.SlurmExecutor(folder=folder / "slurm", max_num_timeout=int(requeues))

    def has_devices(self) -> bool:
        """Whether a node of the partition has a GPU among its generic resources."""
        partition = ["--partition", self._options["partition"]] if "partition" in self._options else []
        said = _ask("sinfo", "--noheader", "--format=%G", *partition)
        return said is not None and "gpu" in said

    def submit(self, group: Group) -> str:
        """The number of the job.  Raises ExecutorError with what sbatch said when it takes no job."""
        asked = group.resources
        plain = ("partition", "account", "qos", "constraint", "exclude")
        named: dict[str, Any] = {name: self._options[name] for name in plain if name in self._options}
        more = {"nodelist": self._options["nodelist"]} if "nodelist" in self._options else {}
        if asked.devices:
            if "gres" in self._options:
                named["gres"] = self._options["gres"]
            else:
                more["gpus_per_node"] = str(asked.devices)
        if "setup" in self._options:
            named["setup"] = [self._options["setup"]]
        self._submitit.update_parameters(
            job_name=_safe(group.name), time=asked.minutes, mem=f"{asked.memory_mb}M", cpus_per_task=asked.cpus,
            nodes=1, ntasks_per_node=1, signal_delay_s=min(120, 20 * asked.minutes), stderr_to_stdout=True,
            additional_parameters={"requeue": True, **more}, **named,
        )  # fmt: skip
        try:
            return str(self._submitit.submit(GroupCall(str(group.path))).job_id)
        except Exception as error:  # submitit raises its own kind with all that sbatch said
            said = next((line for line in str(error).splitlines()[::-1] if "error:" in line), str(error))
            raise ExecutorError(
                f"SLURM refused {group.name} ({asked}): {shortened(said.strip(), 300)}. What it is asked for can be "
                "changed with --executor-option partition, devices, cpus, memory, time."
            ) from error

    def poll(self, names: Collection[str]) -> Mapping[str, State]:
        said = _ask("squeue", "--noheader", "--states=all", "--format=%i %T %r", f"--jobs={','.join(names)}")
        if said is None:
            return {}
        found = {}
        for line in said.splitlines():
            name, state, *reason = line.split(maxsplit=2)
            found[name] = _state(state, " ".join(reason))
        return {name: found.get(name, State("ended", _GONE)) for name in names}

    def cancel(self, names: Collection[str]) -> None:
        _ask("scancel", *names)


def _ask(*command: str) -> str | None:
    """What a program of SLURM prints; empty where it knows none of the jobs, None where it cannot be asked now."""
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode == 0:
        return answer.stdout
    return answer.stdout if "Invalid job id" in answer.stderr else None


def _state(state: str, reason: str) -> State:
    if state in _WAITING:
        return State("waiting", "" if reason == "None" else reason)
    return State("running") if state in _RUNNING else State("ended", state)


def _safe(name: str) -> str:
    """A name as SLURM's tools can show it in one column."""
    return "mtsuite-" + "".join(mark if mark.isalnum() and mark.isascii() else "-" for mark in name)[:60]
