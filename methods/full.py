"""Full fine-tuning: every parameter is trained on all directions at once (LANDeRMT Table 1, "Full finetuning")."""

from collections.abc import Sequence

from torch import nn

from mtsuite.method import Method, Phase, Train


class FullFineTuning(Method):
    """The classical upper bound, and the case of interference: all directions move all parameters."""

    def phases(self) -> Sequence[Phase]:
        return [Train("translation")]

    def merge(self, model: nn.Module) -> nn.Module:
        return model
