"""Checkpoints inside a training job: what is needed to go on as if nothing had happened.

Parameters, optimizer state and random states as safetensors, counters as JSON; written beside the last one and
renamed, so that a kill at any moment leaves a whole checkpoint.  The counters hold the SHA-256 of the tensors' file and
their own, so that a checkpoint that was changed is not gone on from.

The random states are those of the CPU and of the accelerator that the parameters are on.  With several processes they
are the first one's: the others go on from the same state, so dropout then draws other masks than without a stop.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mtsuite.errors import StoreError
from mtsuite.train.optim import Optimizers

SCHEMA = 1


def save_checkpoint(
    folder: Path,
    parameters: dict[str, nn.Parameter],
    optimizers: Optimizers,
    counters: dict[str, Any],
    best: Mapping[str, Tensor] = MappingProxyType({}),
) -> None:
    """Replace the checkpoint in ``folder`` by the present state.  Raises StoreError when it cannot be written.

    ``best`` are the weights of an earlier step that are kept, by the names of ``parameters``.  Tensors are written by
    name and in their shapes.
    """
    fresh = folder.with_name(folder.name + ".new")
    tensors: dict[str, Tensor] = {f"parameter.{n}": p.detach().cpu().contiguous() for n, p in parameters.items()}
    tensors |= {f"best.{n}": value.contiguous() for n, value in best.items()}
    numbers: dict[str, Any] = {}
    names = {id(p): n for n, p in parameters.items()}
    for index, member in enumerate(optimizers.members):
        for parameter, state in member.state.items():
            for key, value in state.items():
                place = f"optimizer.{index}.{key}.{names[id(parameter)]}"
                if isinstance(value, Tensor):
                    tensors[place] = value.detach().cpu().contiguous()
                else:
                    numbers[place] = value
    tensors["rng"] = torch.get_rng_state()
    for device in _accelerators(parameters):
        tensors[f"rng.{device.type}"] = torch.get_device_module(device).get_rng_state(device)
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        save_file(tensors, fresh / "state.safetensors")
        told = {"schema": SCHEMA, "numbers": numbers, **counters, "tensors": _digest(fresh / "state.safetensors")}
        (fresh / "counters.json").write_text(json.dumps({**told, "seal": _seal(told)}))
        old = folder.with_name(folder.name + ".old")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            os.replace(folder, old)
        os.replace(fresh, folder)
        shutil.rmtree(old, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        raise StoreError(f"{folder}: the checkpoint cannot be written: {error}. What is finished is kept.") from error


def load_checkpoint(
    folder: Path,
    parameters: dict[str, nn.Parameter],
    optimizers: Optimizers,
    best: dict[str, Tensor] | None = None,
) -> dict[str, Any] | None:
    """Put a checkpoint's state back and return its counters; None when there is none that is whole.

    ``best`` is filled with the kept weights of an earlier step, if there are any.  Tensors come back by name and in
    their shapes.
    """
    old = folder.with_name(folder.name + ".old")
    if not folder.exists() and old.exists():  # killed between the two renames
        os.replace(old, folder)
    try:
        counters: dict[str, Any] = json.loads((folder / "counters.json").read_text())
        if not _whole(folder, counters):
            print(f"{folder} was changed after it was written: training starts again from its beginning")
            return None
        tensors = load_file(folder / "state.safetensors")
    except (OSError, ValueError, AttributeError, SafetensorError):
        return None  # nothing whole to go on from: the job starts again from its beginning
    saved = {name.removeprefix("parameter.") for name in tensors if name.startswith("parameter.")}
    if counters.get("schema") != SCHEMA or saved != set(parameters):
        return None
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(tensors[f"parameter.{name}"])
    if best is not None:
        best.update({n.removeprefix("best."): value for n, value in tensors.items() if n.startswith("best.")})
    for place, value in [*tensors.items(), *counters.pop("numbers").items()]:
        if place.startswith("optimizer."):
            _, index, key, name = place.split(".", 3)
            parameter = parameters[name]
            if isinstance(value, Tensor):  # fused optimizers keep their step count beside the parameter
                value = value.to(parameter.device)
            optimizers.members[int(index)].state[parameter][key] = value
    torch.set_rng_state(tensors["rng"])
    for device in _accelerators(parameters):
        if (state := tensors.get(f"rng.{device.type}")) is not None:
            torch.get_device_module(device).set_rng_state(state, device)
    return counters


def _accelerators(parameters: dict[str, nn.Parameter]) -> list[torch.device]:
    """The device of the parameters where it is not the CPU: a job has one."""
    return sorted({p.device for p in parameters.values() if p.device.type != "cpu"}, key=str)[:1]


def _whole(folder: Path, counters: dict[str, Any]) -> bool:
    """Whether a checkpoint is as it was written; those of older versions, which do not say, are taken as they are."""
    seal = counters.pop("seal", None)
    if seal is None:
        return True
    return bool(seal == _seal(counters) and counters["tensors"] == _digest(folder / "state.safetensors"))


def _seal(counters: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(counters, sort_keys=True).encode()).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
