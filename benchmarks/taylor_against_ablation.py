"""How well Taylor scores rank neurons: against true ablation, on the embedded base model and held-out microworld text.

    python benchmarks/taylor_against_ablation.py                   # a minute or two
    python benchmarks/taylor_against_ablation.py --language zh --sentences 100 --site pre

Every neuron of every layer is set to zero in turn, and the change of the loss is compared with each aggregation of
|g h| (LANDeRMT §3.2, Eqs. 3-4) by Spearman's rank correlation: by layer, their mean, and over all neurons at once.
"""

from __future__ import annotations

import argparse
import time

import torch
from mtsuite.methods.landermt.taylor import AGGREGATIONS, taylor_scores
from scipy.stats import spearmanr
from torch import Tensor, nn

from mtsuite.data.batches import Batch, collate
from mtsuite.data.microworld import generate
from mtsuite.model.blocks import feed_forward_blocks
from mtsuite.model.likelihood import target_logits
from mtsuite.model.load import load_model, load_tokenizer
from mtsuite.model.pretrained import SHIPPED


def held_out(language: str, sentences: int, seed: int) -> Batch:
    """One batch of validation sentences, each between two ends of sequence."""
    tokenizer = load_tokenizer(SHIPPED)
    eos, pad = int(tokenizer.eos_token_id), int(tokenizer.pad_token_id)
    texts = [row[language] for row in generate("valid", sentences, seed)]
    tokens = tokenizer(texts, add_special_tokens=False).input_ids
    return collate([([eos], [*t, eos]) for t in tokens], pad, None, language, "target")


@torch.inference_mode()
def loss_of(model: nn.Module, batch: Batch) -> float:
    logits, targets = target_logits(model, batch)
    return float(nn.functional.cross_entropy(logits, targets, reduction="sum"))


def ablated(model: nn.Module, batch: Batch) -> Tensor:
    """|L(h_n = 0) - L| of every neuron (layers, neurons)."""
    whole = loss_of(model, batch)
    changes = []
    for block in feed_forward_blocks(model):
        kept = torch.ones(block.neurons)
        handle = block.down.register_forward_pre_hook(lambda _m, arguments, kept=kept: (arguments[0] * kept,))
        for n in range(block.neurons):
            kept[n] = 0.0
            changes.append(abs(loss_of(model, batch) - whole))
            kept[n] = 1.0
        handle.remove()
    return torch.tensor(changes).view(len(feed_forward_blocks(model)), -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--language", default="en", choices=("ar", "de", "en", "fr", "it", "zh"))
    parser.add_argument("--sentences", type=int, default=30)
    parser.add_argument("--site", default="post", choices=("post", "pre"))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    started = time.perf_counter()
    model = load_model(SHIPPED).requires_grad_(False)
    batch = held_out(arguments.language, arguments.sentences, arguments.seed)
    truth = ablated(model, batch)
    scores = taylor_scores(model, [batch], site=arguments.site)
    print(
        f"Spearman correlation with zero-ablation; {arguments.language}, {arguments.sentences} sentences, "
        f"{batch.target_tokens} tokens, {arguments.site}-activation, {time.perf_counter() - started:.0f} s"
    )
    layers = range(len(truth))
    print(f"{'aggregation':<16}" + "".join(f"{f'layer {i + 1}':>9}" for i in layers) + f"{'mean':>9}{'all':>9}")
    for name in AGGREGATIONS:
        score = scores[f"phi.{name}"]
        ranks = [float(spearmanr(score[i], truth[i]).statistic) for i in layers]
        overall = float(spearmanr(score.flatten(), truth.flatten()).statistic)
        print(f"{name:<16}" + "".join(f"{r:>9.2f}" for r in ranks) + f"{sum(ranks) / len(ranks):>9.2f}{overall:>9.2f}")


if __name__ == "__main__":
    main()
