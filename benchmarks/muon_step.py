"""Muon's orthogonalisation in float32 against torch's in bf16, as a ratio of whole pretraining steps.

    python benchmarks/muon_step.py                 # one thread, a BLOOM of the embedded base's width and depth

Both take turns on the same batch, step by step, so that what else the machine does hits both alike; the figure is the
median over rounds of (step with ``Float32Muon`` / step with ``torch.optim.Muon``).  Below one: this machine has no bf16
products in hardware, and the suite takes float32 there.
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch import Tensor, nn

from mtsuite.testing import VOCABULARY, tiny_model
from mtsuite.train.muon import Float32Muon
from mtsuite.train.precision import bf16_gains


def seconds(model: nn.Module, optimizer: torch.optim.Optimizer, ids: Tensor) -> float:
    started = time.perf_counter()
    model(input_ids=ids, labels=ids).loss.backward()
    optimizer.step()
    model.zero_grad(set_to_none=True)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ids = torch.randint(4, VOCABULARY, (16, 128), generator=torch.Generator().manual_seed(0))
    pairs = []
    for kind in (Float32Muon, torch.optim.Muon):
        model = tiny_model("bloom", hidden=arguments.hidden, layers=arguments.layers)
        matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "embed" not in name]
        pairs.append((model, kind(matrices, lr=0.02)))
    rounds = [[seconds(model, optimizer, ids) for model, optimizer in pairs] for _ in range(arguments.rounds + 1)][1:]
    ratio = statistics.median(ours / theirs for ours, theirs in rounds)
    print(
        f"{arguments.layers} layers of width {arguments.hidden}, {ids.numel()} tokens, {arguments.threads} threads, ",
        end="",
    )
    print(f"bf16 in hardware: {bf16_gains()}")
    print(f"step with float32 / step with torch.optim.Muon: {ratio:.2f}")


if __name__ == "__main__":
    main()
