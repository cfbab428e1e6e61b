"""Run by test_processes.py under ``accelerate launch``: train a tiny model and write its losses.

Methods that leave parameters without gradient are the hard case, so LANDeRMT's groups are among them.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import torch
from mtsuite.methods.landermt import LANDeRMT
from mtsuite.methods.landermt.detection import Detection

from mtsuite.data.batches import ParallelStream
from mtsuite.method import Artefacts, Train
from mtsuite.testing import tiny_model, tiny_text
from mtsuite.train.loop import LoopSettings, fit, make_accelerator
from mtsuite.train.optim import OptimizerSettings


def main(out: Path) -> None:
    from safetensors.torch import save_file

    torch.set_num_threads(1)
    accelerator = make_accelerator("no")
    method = LANDeRMT(LANDeRMT.Config(k=2, epsilon=0.5))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = tiny_text(folder / "corpus")
        save_file(
            Detection(samples=4).run(tiny_model("bloom").requires_grad_(False), text), folder / "tensors.safetensors"
        )
        (folder / "seen.json").write_text(json.dumps({"directions": [str(d) for d in text.directions]}))
        model = method.attach(tiny_model("bloom"), Artefacts({"detection": folder}), "translation").requires_grad_(
            False
        )
        for parameter in method.trainable(model, Train("translation")):
            parameter.requires_grad_(True)
        # One direction an update, at times one row a batch: a process may have nothing to do.
        stream = ParallelStream(text, seed=0, tokens_per_batch=100)
        result = fit(
            method, model, stream, LoopSettings(6, OptimizerSettings(learning_rate=1e-2), warmup_steps=0), accelerator
        )
    digest = [float(p.detach().double().sum()) for p in model.parameters()]
    report = {"losses": result.losses, "sums": digest, "processes": accelerator.num_processes,
              "fingerprint": result.fingerprint}  # fmt: skip
    (out / f"{accelerator.process_index}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
