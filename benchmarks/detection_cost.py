"""What LANDeRMT's detection costs, as a ratio to one forward and one backward pass over the same text.

    python benchmarks/detection_cost.py                  # the embedded base, held-out text of the microworld
    python benchmarks/detection_cost.py --sentences 100 --rounds 9
    python benchmarks/detection_cost.py --random 2048 24    # a random BLOOM, as wide and deep as a real one, for a GPU

Two yardsticks over the text that the detection reads (every language's sentences and every direction's prompts): a pass
with the gradients of all parameters, as training makes it, and one with the gradients of activations alone.  Detection
and yardsticks take turns within a round; the figures are medians over rounds.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from mtsuite.methods.landermt.detection import Detection
from torch import nn

from mtsuite.data.batches import Batch, Text
from mtsuite.data.build import build_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.prompts import Templates
from mtsuite.model.fused import fuse_activations
from mtsuite.model.load import load_model, load_tokenizer
from mtsuite.model.pretrained import SHIPPED
from mtsuite.recipe.schema import Data

DIRECTIONS = [f"{a}-{b}" for code in ("de", "it", "fr", "ar", "zh") for a, b in (("en", code), (code, "en"))]


def passes(model: nn.Module, batches: list[Batch]) -> None:
    """One forward and one backward pass over every batch, loss on all tokens."""
    for batch in batches:
        kept = batch.attention_mask.bool()
        logits = model(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
        loss = nn.functional.cross_entropy(logits[:, :-1][kept[:, 1:]], batch.input_ids[:, 1:][kept[:, 1:]])
        loss.backward()  # type: ignore[no-untyped-call]
        model.zero_grad(set_to_none=True)


def activations_only(model: nn.Module, batches: list[Batch]) -> None:
    model.requires_grad_(False)
    embeddings = model.get_input_embeddings()  # type: ignore[operator]
    handle = embeddings.register_forward_hook(lambda _m, _a, output: output.requires_grad_(True))
    try:
        passes(model, batches)
    finally:
        handle.remove()


def everything(model: nn.Module, batches: list[Batch]) -> None:
    model.requires_grad_(True)
    passes(model, batches)


def random_bloom(width: int, layers: int) -> nn.Module:
    """With the embedded base's vocabulary; what it computes is noise, at a real model's cost."""
    from transformers import AutoModelForCausalLM, BloomConfig

    vocabulary = len(load_tokenizer(SHIPPED))
    config = BloomConfig(vocab_size=vocabulary, hidden_size=width, n_layer=layers, n_head=max(1, width // 64))
    model: nn.Module = AutoModelForCausalLM.from_config(config)
    fuse_activations(model)
    return model


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=200, help="a language and a direction")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--random", type=int, nargs=2, metavar=("WIDTH", "LAYERS"), help="instead of the embedded base")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    sizes = {"train_sentences": 50, "mono_sentences": 0, "valid_sentences": arguments.sentences, "test_sentences": 10}
    data = Data.model_validate({"text": {"source": "microworld", **sizes}}).model_dump(mode="json")
    corpus = build_corpus(data, DIRECTIONS, folder, folder / "corpus")
    directions = tuple(Direction.parse(d) for d in DIRECTIONS)
    text = Text(corpus, load_tokenizer(SHIPPED), Templates.builtin(), directions)
    model = random_bloom(*arguments.random) if arguments.random else load_model(SHIPPED)
    model = model.to(arguments.device).eval()
    batches = [b for code in text.languages for b in text.monolingual(code, limit=arguments.sentences)]
    batches += [b for d in directions for b in text.batches(d, limit=arguments.sentences, target=False)]
    batches = [b.to(arguments.device) for b in batches]
    detection = Detection(samples=arguments.sentences)
    ratios: dict[str, list[float]] = {"all parameters' gradients": [], "activations' gradients alone": []}
    for turn in range(arguments.rounds + 1):
        model.requires_grad_(False)
        cost = timed(lambda: detection.run(model, text))
        yardsticks = (timed(lambda: everything(model, batches)), timed(lambda: activations_only(model, batches)))
        if turn:  # the first round warms up
            for name, yardstick in zip(ratios, yardsticks, strict=True):
                ratios[name].append(cost / yardstick)
    size = sum(p.numel() for p in model.parameters())
    where = f"{size:,} parameters, {arguments.device}, {torch.get_num_threads()} threads"
    print(f"{arguments.sentences} sentences a language and a direction, {where}")
    for name, values in ratios.items():
        print(f"detection / one forward and backward pass with {name}: {statistics.median(values):.2f} "
              f"({min(values):.2f} to {max(values):.2f} over {len(values)} rounds)")  # fmt: skip


if __name__ == "__main__":
    main()
