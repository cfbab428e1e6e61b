"""The two layers of a model that hold its vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


def embedding_of(model: PreTrainedModel) -> nn.Embedding:
    """The input embedding; its weight is (vocabulary, hidden)."""
    return cast("nn.Embedding", model.get_input_embeddings())


def output_of(model: PreTrainedModel) -> nn.Linear | None:
    """The output layer; its weight is (vocabulary, hidden), the embedding's own where they are tied."""
    return cast("nn.Linear | None", model.get_output_embeddings())
