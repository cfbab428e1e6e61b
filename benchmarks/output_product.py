"""Decoding with frozen bf16 weights: contiguous states before the output layer against the model's own.

    python benchmarks/output_product.py [--model FOLDER] [--rounds 3]

Without a folder a random model of Gemma-3-270m's shape decodes random prompts; both sides take turns on one thread.
Prints the ratio of prompts per second (median of rounds, smallest and largest).
"""

from __future__ import annotations

import argparse
import statistics
import time
from contextlib import nullcontext
from typing import Any

import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig

from mtsuite.model.load import load_model
from mtsuite.translate.product import one_product

PROMPTS, LENGTH, NEW = 50, 22, 12


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model")
    options.add_argument("--rounds", type=int, default=3)
    asked = options.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if asked.model:
        model = load_model(asked.model, dtype="bfloat16")
    else:
        shape = Gemma3TextConfig(
            vocab_size=64_000, hidden_size=640, intermediate_size=2048, num_hidden_layers=18, num_attention_heads=4,
            num_key_value_heads=1, head_dim=256,
        )  # fmt: skip
        random: Any = AutoModelForCausalLM.from_config(shape)
        model = random.to(torch.bfloat16).eval()
    model.requires_grad_(False)
    ids = torch.randint(10, model.config.vocab_size, (PROMPTS, LENGTH))

    def speed(contiguous: bool) -> float:
        started = time.perf_counter()
        with torch.inference_mode(), one_product(model) if contiguous else nullcontext():
            model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW, min_new_tokens=NEW,
                do_sample=False, pad_token_id=0,
            )  # fmt: skip
        return PROMPTS / (time.perf_counter() - started)

    speed(True)
    ratios = [speed(True) / speed(False) for _ in range(asked.rounds)]
    print(f"contiguous against as called: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
