"""A SLURM of two nodes on this machine: its daemons in one folder, started and ended by the tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from .conftest import until

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "squeue", "sinfo", "scancel", "scontrol")
CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
SlurmctldPort={ports[0]}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
SlurmdTimeout=60
InactiveLimit=0
KillWait=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2,bf_interval=2
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cores} RealMemory=2000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cores} RealMemory=2000
PartitionName=main Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Why no SLURM can be started here; empty when it can."""
    if os.geteuid() != 0:
        return "SLURM's daemons are started as root"
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    return f"not installed: {', '.join(lacking)} (Debian: slurm-wlm, munge)" if lacking else ""


class Slurm:
    """The daemons; ``environment`` is what the commands of SLURM need."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def start(self, *nodes: str) -> None:
        """Start the controller and these nodes, and wait until they are idle."""
        self.folder.mkdir(mode=0o700)
        (self.folder / "state").mkdir()
        host = socket.gethostname().partition(".")[0]
        text = CONF.format(host=host, folder=self.folder, ports=free_ports(3), cores=os.cpu_count())
        (self.folder / "slurm.conf").write_text(text)
        (self.folder / "munge.key").write_bytes(os.urandom(1024))
        (self.folder / "munge.key").chmod(0o400)
        files = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
        self.run("munged", "--force", *(f"--{option}={self.folder}/munge.{end}" for option, end in files.items()))
        self.run("slurmctld", "-c")
        for node in nodes:
            self.start_node(node)

    def start_node(self, node: str) -> None:
        self.run("slurmd", "-N", node)
        ready = until(lambda: self.run("sinfo", "-h", "-n", node, "-o", "%T").strip() == "idle", seconds=30)
        assert ready, (self.folder / "slurmctld.log").read_text()[-2000:]

    def kill_node(self, node: str) -> None:
        """End a node as a power cut would: its daemon and all that it started."""
        daemon = int((self.folder / f"slurmd.{node}.pid").read_text())
        found = [pid for pid in processes() if f"SLURMD_NODENAME={node}" in told(pid, "environ") and self.ours(pid)]
        parents = {parent_of(pid) for pid in found}
        for pid in [daemon, *(p for p in parents if "slurmstepd" in " ".join(told(p, "cmdline"))), *found]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def bring_back(self, node: str) -> None:
        """Tell the controller that a node is down, and let its jobs start anew at once.

        It would find out by itself, after SlurmdTimeout, and start them after another two minutes.
        """
        self.run("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=power")
        for job in self.run("squeue", "-h", "-t", "PENDING", "-o", "%i").split():
            self.run("scontrol", "update", f"JobId={job}", "StartTime=now")

    def ours(self, pid: int) -> bool:
        return f"SLURM_CONF={self.folder / 'slurm.conf'}" in told(pid, "environ")

    def run(self, *command: str) -> str:
        answer = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=60, check=True
        )
        return answer.stdout

    def stop(self) -> None:
        """End the daemons by their pid files, and what jobs left behind."""
        pids = [int(path.read_text()) for path in self.folder.glob("*.pid") if path.read_text().strip()]
        for pid in [*pids, *(pid for pid in processes() if pid != os.getpid() and self.ours(pid))]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in found:
            one.bind(("", 0))
        return [one.getsockname()[1] for one in found]


def processes() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def told(pid: int, name: str) -> list[str]:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []


def parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0
