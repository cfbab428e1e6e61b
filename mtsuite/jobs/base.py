"""The base model: opened from a folder or the hub, or pretrained on the recipe's own text."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mtsuite.data.direction import Direction
from mtsuite.jobs.context import JobContext
from mtsuite.model.card import CARD, model_label
from mtsuite.train.precision import held_text

if TYPE_CHECKING:
    from mtsuite.data.batches import Batch

_FILES = ("config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
          "special_tokens_map.json")  # fmt: skip


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    """Write the base model and its tokenizer into ``output`` as a Hugging Face folder."""
    model = spec["model"]
    if model["name_or_path"] != "pretrain":
        return _opened(model, output, context)
    from mtsuite.model.pretrained import shipped_for

    fingerprint = pretraining_fingerprint(spec, inputs["corpus"])
    shipped = shipped_for(fingerprint) if spec["_use_shipped"] else None
    if shipped is not None:
        for name in _FILES:
            if (shipped / name).is_file():
                shutil.copyfile(shipped / name, output / name)
        card = json.loads((shipped / "base.json").read_text())
        return {**card["summary"], "made": "shipped with the suite, from these very settings"}
    summary = _pretrained(spec, inputs, output, context)
    (output / "base.json").write_text(
        json.dumps({"fingerprint": fingerprint, "spec": model["pretrain"], "summary": summary}, indent=2) + "\n"
    )
    return {**summary, "made": "pretrained in this run"}


def pretraining_fingerprint(spec: dict[str, Any], corpus: Path) -> str:
    """What decides the weights: the settings and the text that is read."""
    from mtsuite.data.corpus import Corpus

    opened = Corpus.open(corpus)
    read = [opened.fingerprint_of(Direction.parse(d)) for d in spec["directions"]]
    text = json.dumps(
        [spec["model"]["pretrain"], spec["directions"], spec["templates"]["texts"], spec["version"], read]
    )
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _opened(model: dict[str, Any], output: Path, context: JobContext) -> dict[str, Any]:
    from mtsuite.model.load import load_model, load_tokenizer
    from mtsuite.model.weights import check_vocabulary

    options = {"revision": model["revision"], "trust_remote_code": model["trust_remote_code"]}
    loaded = load_model(model["name_or_path"], dtype=model["dtype"], offline=context.offline, **options)
    tokenizer = load_tokenizer(model["name_or_path"], offline=context.offline, **options)
    check_vocabulary(model["name_or_path"], loaded, tokenizer)
    loaded.save_pretrained(output)
    tokenizer.save_pretrained(output)
    held = held_text("auto") if model["dtype"] == "auto" else ""
    card = Path(model["name_or_path"]) / CARD
    if card.is_file():
        shutil.copyfile(card, output / CARD)
    return {
        "parameters": sum(p.numel() for p in loaded.parameters()),
        "made": ", ".join(filter(None, [f"opened from {model_label(model['name_or_path'])}", held])),
    }


class _Documents:
    """Updates of packed rows of pretraining documents."""

    def __init__(self, rows: Iterator[list[int]], rows_per_batch: int) -> None:
        self._rows, self._count = rows, rows_per_batch

    def update(self) -> list[Batch]:
        import torch

        from mtsuite.data.batches import Batch

        ids = torch.tensor([next(self._rows) for _ in range(self._count)])
        return [Batch(ids, torch.ones_like(ids), ids.clone(), None, "mixed")]


class _LanguageModel:
    """Plain language modelling: the learner of pretraining."""

    def focus(self, model: Any, direction: Any) -> None: ...

    def loss(self, model: Any, batch: Batch) -> Any:
        from mtsuite.model.likelihood import cross_entropy

        return cross_entropy(model, batch)


def _pretrained(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> dict[str, Any]:
    import itertools

    import torch

    from mtsuite.data.batches import packed
    from mtsuite.data.corpus import Corpus
    from mtsuite.data.pretraining import documents
    from mtsuite.model.pretrained import new_model, train_tokenizer
    from mtsuite.train.loop import LoopSettings, fit, make_accelerator
    from mtsuite.train.optim import OptimizerSettings
    from mtsuite.train.track import TrainingLog

    settings = spec["model"]["pretrain"]
    corpus = Corpus.open(inputs["corpus"])
    directions = tuple(Direction.parse(d) for d in spec["directions"])

    def text() -> Iterator[str]:
        return documents(
            corpus,
            directions,
            bilingual_share=settings["bilingual_share"],
            labelled_share=settings["labelled_share"],
            seed=settings["seed"],
        )

    context.progress(step=0, total=settings["steps"], text="training the tokenizer")
    # The instructions' words get entries of their own; the model still never reads an instruction.
    tokenizer = train_tokenizer(
        itertools.chain(spec["templates"]["texts"] * 50, itertools.islice(text(), 30_000)), settings["vocabulary"]
    )
    model = new_model(settings, tokenizer, settings["seed"])
    accelerator = make_accelerator("auto")
    model = model.to(accelerator.device)
    torch.manual_seed(settings["seed"])
    with TrainingLog(output) if accelerator.is_main_process else contextlib.nullcontext() as log:
        result = fit(
            _LanguageModel(),
            model,
            _Documents(packed(text(), tokenizer, settings["row_tokens"]), settings["rows_per_batch"]),
            LoopSettings(
                steps=settings["steps"],
                optimizer=OptimizerSettings(
                    name="muon",
                    learning_rate=settings["adamw_learning_rate"],
                    matrix_learning_rate=settings["muon_learning_rate"],
                ),
                warmup_steps=settings["warmup_steps"],
                checkpoint_seconds=spec["_checkpoint_seconds"],
            ),
            accelerator,
            checkpoint=output / "checkpoint",
            progress=context.progress,
            log=log,
        )
    model = model.to("cpu")
    with torch.no_grad():
        for parameter in model.parameters():  # held in half the space, and the same whether shipped or made
            parameter.copy_(parameter.to(torch.bfloat16))
    model.to(torch.bfloat16).save_pretrained(output)
    tokenizer.save_pretrained(output)
    shutil.rmtree(output / "checkpoint", ignore_errors=True)
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "tokens": result.tokens,
        "updates": len(result.losses),
        "final_loss": sum(result.losses[-20:]) / max(1, len(result.losses[-20:])),
        "train_seconds": result.seconds,
        "tokens_per_second": result.tokens / max(1e-9, result.seconds),
    }
