"""A COMET checkpoint made from nothing: tokenizer, tiny XLM-R, RegressionMetric, and COMET's file layout.

The result is an ordinary COMET checkpoint; the ``comet-score`` command reads it too::

    checkpoint/
      hparams.yaml            class_identifier and hyper-parameters; the encoder's path is relative
      checkpoints/model.ckpt  weights in half precision (cast back on loading) and hyper-parameters
      encoder/                config.json and tokenizer files, no weights
"""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mtsuite.metrics.comet_worker import import_comet, quiet

ENCODER = "encoder"
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def make_tokenizer(sentences: list[str], folder: Path, vocabulary: int) -> None:
    """Train a Unigram tokenizer of XLM-R's shape on ``sentences`` and save it in ``folder``."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import XLMRobertaTokenizerFast

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=vocabulary, special_tokens=list(SPECIAL), unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(sentences, trainer)
    pieces = _scored(json.loads(tokenizer.to_str())["model"]["vocab"][len(SPECIAL) :], tokenizer, sentences)
    tokenizer.model = models.Unigram([(token, 0.0) for token in SPECIAL] + pieces, unk_id=SPECIAL.index("<unk>"))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair="<s> $A </s> </s> $B </s>",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("<s>", "</s>")],
    )
    folder.mkdir(parents=True, exist_ok=True)
    with quiet():
        XLMRobertaTokenizerFast(tokenizer_object=tokenizer, model_max_length=256).save_pretrained(folder)


def _scored(vocabulary: list[list[Any]], tokenizer: Any, sentences: list[str]) -> list[tuple[str, float]]:
    """The trainer's pieces with scores from whole numbers: log of how often a piece is seen in the words.

    The trainer adds up probabilities in several threads, so its own scores differ in their last
    digits from run to run, and with them some segmentations; the set of pieces does not.
    """
    words = Counter(
        word
        for sentence in sentences
        for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(sentence))
    )
    known = {piece for piece, _ in vocabulary}
    longest = max(map(len, known))
    counts: Counter[str] = Counter()
    for word, times in words.items():
        for start in range(len(word)):
            for stop in range(start + 1, min(len(word), start + longest) + 1):
                if word[start:stop] in known:
                    counts[word[start:stop]] += times
    total = sum(counts.values())
    scored = [(piece, round(math.log(max(1, counts[piece]) / total), 4)) for piece in known]
    return sorted(scored, key=lambda item: (-item[1], item[0]))


def make_encoder(sentences: list[str], folder: Path, vocabulary: int, hidden: int, layers: int) -> None:
    """Write an encoder folder: the tokenizer and the configuration of a tiny XLM-R, without weights."""
    from transformers import AutoTokenizer, XLMRobertaConfig

    make_tokenizer(sentences, folder, vocabulary)
    with quiet():
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 32),
        intermediate_size=2 * hidden,
        max_position_embeddings=130,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        type_vocab_size=1,
        bos_token_id=tokenizer.bos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    ).save_pretrained(folder)


def make_model(folder: Path, hidden_sizes: list[int], learning_rate: float) -> Any:
    """A RegressionMetric with random weights around the encoder in ``folder/encoder``.

    The scores are kept in [0, 1] by a sigmoid.
    """
    models = import_comet()
    with quiet(), _inside(folder):
        return models.RegressionMetric(
            nr_frozen_epochs=0,
            keep_embeddings_frozen=False,
            encoder_learning_rate=learning_rate,
            learning_rate=learning_rate,
            layerwise_decay=1.0,
            encoder_model="XLM-RoBERTa",
            pretrained_model=ENCODER,
            pool="avg",
            layer="mix",
            layer_transformation="softmax",
            layer_norm=False,
            loss="mse",
            dropout=0.0,
            batch_size=64,
            hidden_sizes=hidden_sizes,
            activations="Tanh",
            final_activation="Sigmoid",
            load_pretrained_weights=False,
            local_files_only=True,
        )


def save_checkpoint(model: Any, folder: Path) -> Path:
    """Write ``hparams.yaml`` and ``checkpoints/model.ckpt`` beside the encoder; return the latter's path."""
    import pytorch_lightning
    import torch
    import yaml

    hparams = {key: value for key, value in dict(model.hparams).items() if not isinstance(value, Path)}
    (folder / "hparams.yaml").write_text(yaml.safe_dump(hparams, sort_keys=True), encoding="utf-8")
    file = folder / "checkpoints" / "model.ckpt"
    file.parent.mkdir(parents=True, exist_ok=True)
    state = {
        name: tensor.detach().cpu().half() if tensor.is_floating_point() else tensor.detach().cpu()
        for name, tensor in model.state_dict().items()
    }
    torch.save(
        {"state_dict": state, "hyper_parameters": hparams, "pytorch-lightning_version": pytorch_lightning.__version__},
        file,
    )
    return file
