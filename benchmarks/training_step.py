"""A training step and the optimizer's memory of each method, as ratios to full fine-tuning.

    python benchmarks/training_step.py                                  # all methods, 12 layers, on this machine
    python benchmarks/training_step.py --methods landermt lora --layers 12 --hidden 512

All methods take turns on the same batches of one random model, so that what else the machine does hits all of them
alike; the figure is the median over rounds of (step of the method / step of full fine-tuning in the same round).
LANDeRMT selects 2 of 12 layers by default, near the paper's 4 of 30.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
import warnings
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from mtsuite.data.batches import Batch, Text
from mtsuite.method import Artefacts, Method, Probe, Train
from mtsuite.registry import configure, find_method, registered
from mtsuite.testing import TRAINED, VOCABULARY, tiny_model, tiny_text
from mtsuite.train.optim import Optimizers, OptimizerSettings, build_optimizers
from mtsuite.train.precision import bf16_gains

SELECTED = {"landermt", "landermt-ls", "landermt-lg", "layers"}  # methods that select k layers


class Candidate:
    """A method on its own copy of the model, at its last training phase."""

    def __init__(self, name: str, config: dict[str, object], arguments: argparse.Namespace, text: Text) -> None:
        self.name, self.device = name, arguments.device
        self.method: Method = configure(name, config)
        phases = list(self.method.phases())
        self.phase = [phase for phase in phases if isinstance(phase, Train)][-1]
        model: nn.Module = tiny_model("bloom", hidden=arguments.hidden, layers=arguments.layers)
        model.requires_grad_(False)
        folders = {}
        for probe in phases:
            if isinstance(probe, Probe) and probe.looks_at == "base":
                folders[probe.name] = Path(tempfile.mkdtemp())
                found = probe.run(model, text)
                save_file(
                    {n: t.detach().contiguous() for n, t in found.items()}, folders[probe.name] / "tensors.safetensors"
                )
                seen = {"directions": [str(d) for d in text.directions]}
                (folders[probe.name] / "seen.json").write_text(json.dumps(seen))
        torch.manual_seed(0)
        self.model = self.method.attach(model, Artefacts(folders), self.phase.name).to(self.device)
        self.model.requires_grad_(False)
        for parameter in self.method.trainable(self.model, self.phase):
            parameter.requires_grad_(True)
        self.model.train()
        named = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        self.trained = sum(p.numel() for _, p in named)
        self.optimizers: Optimizers = build_optimizers(named, OptimizerSettings(learning_rate=1e-4))

    def step(self, batch: Batch) -> float:
        """Seconds of one forward pass, backward pass and update."""
        self._wait()
        started = time.perf_counter()
        self.method.focus(self.model, batch.direction)
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=bf16_gains()):
            loss = self.method.loss(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for p in self.model.parameters() if p.requires_grad], 1.0)
        self.optimizers.step()
        self.optimizers.zero_grad()
        self._wait()
        return time.perf_counter() - started

    def optimizer_bytes(self) -> int:
        """What the optimizers keep for the parameters, after steps in all directions."""
        states = [state for member in self.optimizers.members for state in member.state.values()]
        return sum(t.numel() * t.element_size() for s in states for t in s.values() if isinstance(t, torch.Tensor))

    def _wait(self) -> None:
        if self.device != "cpu":
            torch.cuda.synchronize()


def trained_methods() -> list[str]:
    return [n for n in registered() if any(isinstance(phase, Train) for phase in find_method(n)().phases())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", metavar="NAME", help="default: all that train")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--selected", type=int, default=2, help="layers that LANDeRMT selects")
    parser.add_argument("--hidden", type=int, default=384)
    parser.add_argument("--rows", type=int, default=8, help="rows of a batch")
    parser.add_argument("--length", type=int, default=128, help="tokens of a row")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    text = tiny_text(Path(tempfile.mkdtemp()))
    candidates = []
    for name in dict.fromkeys(["full", *(arguments.methods or trained_methods())]):
        config: dict[str, object] = {"k": arguments.selected} if name in SELECTED else {}
        candidates.append(Candidate(name, config, arguments, text))
    ids = torch.randint(4, VOCABULARY, (arguments.rows, arguments.length), generator=torch.Generator().manual_seed(0))
    labels = ids.clone()
    labels[:, : arguments.length // 2] = -100  # the prompt
    times: dict[str, list[float]] = {c.name: [] for c in candidates}
    for turn in range(arguments.rounds + 2):
        direction = TRAINED[turn % len(TRAINED)]
        batch = Batch(ids, torch.ones_like(ids), labels, direction, direction.target).to(arguments.device)
        for candidate in candidates:
            seconds = candidate.step(batch)
            if turn >= 2:  # the first rounds allocate
                times[candidate.name].append(seconds)
    full = candidates[0]
    where = f"{arguments.device}, {torch.get_num_threads()} threads, bf16 {bf16_gains()}"
    print(f"{arguments.layers} layers of width {arguments.hidden}, {ids.numel()} tokens a step, {where}")
    step, memory = statistics.median(times["full"]), full.optimizer_bytes()
    print(f"full fine-tuning: {step * 1e3:.0f} ms a step, optimizer {memory / 1e6:.1f} MB")
    print(f"{'method':22}{'time':>8}{'optimizer memory':>19}{'trained parameters':>21}   (ratios to full)")
    for candidate in candidates:
        ratio = statistics.median(a / b for a, b in zip(times[candidate.name], times["full"], strict=True))
        memory = candidate.optimizer_bytes() / full.optimizer_bytes()
        print(f"{candidate.name:22}{ratio:8.2f}{memory:19.3f}{candidate.trained / full.trained:21.3f}")


if __name__ == "__main__":
    main()
