"""Whether an exported folder is the model that was scored: its logits, opened anew, against the row's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
from mtsuite.method import Method

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import PreTrainedTokenizerBase

Prompts = Sequence[tuple[Direction, str]]
# Largest difference of a logit, as a part of the largest logit: float32 rounds in the order of sums, weights of
# 16 bits are rounded once more when updates are merged into them.
TOLERANCE = {"float32": 1e-3, "float16": 2e-2, "bfloat16": 5e-2}


def logits(
    method: Method | None, model: nn.Module, tokenizer: PreTrainedTokenizerBase, prompts: Prompts
) -> list[Tensor]:
    """Logits (1, tokens, vocabulary) in float32 of each prompt, as ``method`` focuses on its direction."""
    import torch

    found = []
    with torch.no_grad():
        for direction, prompt in prompts:
            if method is not None:
                method.focus(model, direction)
            ids = torch.tensor([tokenizer.encode(prompt, add_special_tokens=False)])
            found.append(model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float())
    return found


def check_equal(row: str, own: list[Tensor], exported: list[Tensor], dtype: str) -> None:
    """Compare the row's own logits with the exported model's, lists of (1, length, vocabulary).

    Raises MethodError when they differ by more than rounding.
    """
    worst = max(
        float((a - b).abs().max()) / max(1e-9, float(a.abs().max())) for a, b in zip(own, exported, strict=True)
    )
    if not worst <= TOLERANCE[dtype]:  # a NaN is no equality either
        raise MethodError(
            f"{row} cannot be exported: reloaded, the folder computes other logits than the model that was scored "
            f"(they differ by {worst:.2g} of the largest; rounding explains {TOLERANCE[dtype]:.0e}). Nothing was "
            "written. The method's merge() gives another model than it trained; `mtsuite translate` uses the row."
        )


def untie(model: nn.Module) -> bool:
    """Give the output layer a copy of its weight where it shares that of the embeddings; tell whether it did.

    What is merged into one of the two would otherwise change the other one as well.
    """
    from torch import nn

    inside, outside = _ends(model)
    if inside is None or outside is None or inside.weight is not outside.weight:
        return False
    outside.weight = nn.Parameter(outside.weight.detach().clone(), requires_grad=False)
    return True


def tie_again(model: Any) -> None:
    """Share the weight again where merging changed neither; else the configuration says that there are two."""
    import torch

    inside, outside = _ends(model)
    shared = inside is not None and outside is not None and torch.equal(inside.weight, outside.weight)
    if shared:
        outside.weight = inside.weight
    for config in {id(c): c for c in (model.config, model.config.get_text_config())}.values():
        config.tie_word_embeddings = shared  # PEFT sets it to false wherever the two were apart


def _ends(model: Any) -> tuple[Any, Any]:
    """The modules that hold the weights of embeddings and output layer, below what PEFT wraps around them."""
    ends = model.get_input_embeddings(), model.get_output_embeddings()
    found = [getattr(end, "base_layer", end) for end in ends]
    found = [end if getattr(end, "weight", None) is not None else None for end in found]
    return found[0], found[1]
