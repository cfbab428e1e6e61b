"""Full fine-tuning of the feed-forward blocks alone: where LANDeRMT looks for neurons, without looking for any."""

from collections.abc import Iterable, Sequence

from torch import nn

from mtsuite.method import Method, Phase, Train
from mtsuite.model.blocks import feed_forward_blocks


class FeedForwardOnly(Method):
    """All feed-forward blocks are trained on all directions at once; attention, norms and embeddings are frozen."""

    def phases(self) -> Sequence[Phase]:
        return [Train("translation")]

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        return [p for block in feed_forward_blocks(model) for p in block.parameters()]

    def merge(self, model: nn.Module) -> nn.Module:
        return model
