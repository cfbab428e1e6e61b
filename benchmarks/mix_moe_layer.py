"""What Mix-MoE's layer costs beside a plain feed-forward block of equal active width.

    python benchmarks/mix_moe_layer.py                 # one thread; on the GPU if there is one
    python benchmarks/mix_moe_layer.py --threads 2 --pairs 15
    python benchmarks/mix_moe_layer.py --bf16 --tokens 16384 --sizes 4096/16384     # a real model's size, for a GPU

Forward and backward over 2048 tokens, unless told otherwise.  Layer and block take turns, pass by pass, so that what
else the machine does hits both alike; the printed ratio is the median over pairs of (tokens a second of the layer) /
(of the block).  Promised: 0.8 or more.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.layer import MixedFeedForward
from mtsuite.methods.mix_moe.reading import Reading
from torch import Tensor, nn

from mtsuite.model.blocks import FeedForwardBlock

TOKENS = 2048
SIZES = ("512/2048", "1024/4096")
CASES: dict[str, dict[str, object]] = {
    "all of 2 + 2": {"preset": "mixmoe_safe", "router_init": "normal", "mt_down_init": "normal"},
    "top-2 of 2 + 2": {"preset": "mixmoe_paper"},
    "top-1 of 2 + 2": {"preset": "mixmoe_paper", "top_k": 1, "renormalise": False},
    "2 LM, 1 of 2 MT": {"preset": "mixmoe_pergroup", "mt_down_init": "normal"},
}


class Block(nn.Module):
    """A plain feed-forward block with the parts that the suite looks for."""

    def __init__(self, hidden: int, neurons: int) -> None:
        super().__init__()
        self.fc_in, self.act, self.fc_out = nn.Linear(hidden, neurons), nn.GELU(), nn.Linear(neurons, hidden)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.fc_out(self.act(self.fc_in(x)))
        return y


def layer_of(hidden: int, neurons: int, options: dict[str, object]) -> tuple[MixedFeedForward, int]:
    """A layer and how many of its neurons a token uses."""
    config = MixMoEConfig.model_validate(options)
    block = FeedForwardBlock(0, "block", Block(hidden, neurons), ("fc_in", None, "fc_out"), inline=False)
    layer = MixedFeedForward(block, config, Reading(), with_mt=True).train()
    counts = [config.lm_experts, config.mt_experts]
    used = config.used if config.gate_mode == "per_group" else (config.top_k,)
    groups = counts if config.gate_mode == "per_group" else [sum(counts)]
    experts = sum(n if k == "all" else min(k, n) for k, n in zip(used, groups, strict=True))
    return layer, experts * neurons // config.lm_experts


def seconds(module: nn.Module, x: Tensor, dtype: torch.dtype) -> float:
    finish: Callable[[], None] = torch.cuda.synchronize if x.is_cuda else lambda: None
    module.zero_grad(set_to_none=True)
    x.grad = None
    finish()
    started = time.perf_counter()
    with torch.autocast(x.device.type, dtype, enabled=dtype != torch.float32):
        y = module(x)
    y.backward(torch.ones_like(y))
    finish()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--bf16", action="store_true", help="under autocast, as training with bf16 does")
    parser.add_argument("--tokens", type=int, default=TOKENS, help="a pass, in 8 rows")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="WIDTH/NEURONS", help="of the block")
    chosen = parser.parse_args()
    tokens = chosen.tokens
    torch.set_num_threads(chosen.threads)
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if chosen.bf16 else torch.float32
    where = torch.cuda.get_device_name() if device.type == "cuda" else f"{chosen.threads} thread(s)"
    print(f"{where}, {dtype}, {tokens} tokens, forward and backward, median of {chosen.pairs} pairs")
    for hidden, neurons in ([int(number) for number in size.split("/")] for size in chosen.sizes):
        for name, options in CASES.items():
            layer, width = layer_of(hidden, neurons, options)
            layer, dense = layer.to(device), Block(hidden, width).to(device)
            x = torch.randn(8, tokens // 8, hidden, device=device, requires_grad=True)
            for module in (layer, dense):
                seconds(module, x, dtype)
            pairs = [(seconds(layer, x, dtype), seconds(dense, x, dtype)) for _ in range(chosen.pairs)]
            ratio = statistics.median(plain / mixed for mixed, plain in pairs)
            rate = statistics.median(tokens / mixed for mixed, _ in pairs)
            shown = f"{hidden}/{neurons}  {name:16}  active width {width:5}  {rate:9,.0f} tokens/s  ratio {ratio:.2f}"
            print(shown, "kept" if ratio >= 0.8 else "MISSED", flush=True)


if __name__ == "__main__":
    main()
