"""What a training phase may change, on a model of two layers."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch
from torch import nn

from mtsuite.errors import MethodError
from mtsuite.jobs.watch import Watch, bits


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1)).requires_grad_(True)


def watched(model: nn.Module, named: Iterable[object]) -> Watch:
    watch = Watch(model, named, "mine: phase 'translation'")  # type: ignore[arg-type]
    watch.begin()
    return watch


def test_only_what_is_named_learns(model: nn.Sequential) -> None:
    told: list[int] = []
    watch = watched(model, (p for p in model[1].parameters()))
    assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]
    model[1].weight.data.add_(1.0)
    watch.over(lambda **values: told.append(values["step"]))(step=3)
    watch.end()
    assert told == [3]


def test_what_a_method_frees_while_it_names_is_frozen(model: nn.Sequential) -> None:
    def named() -> Iterable[nn.Parameter]:
        model.requires_grad_(True)
        yield model[1].bias

    watched(model, named()).end()
    assert [p.requires_grad for p in model.parameters()] == [False, False, False, True]


def test_a_change_of_what_is_frozen(model: nn.Sequential) -> None:
    watch = watched(model, [model[1].bias])
    model[0].weight.data[0, 0] = torch.nextafter(model[0].weight.data[0, 0], torch.tensor(9.0))  # one bit
    with pytest.raises(
        MethodError, match=r"mine: phase 'translation': 0\.weight changed, but trainable\(\) does not name"
    ):
        watch.end()


@pytest.mark.parametrize(("layer", "wanted"), [(0, True), (1, False)])
def test_a_change_of_what_learns(layer: int, wanted: bool, model: nn.Sequential) -> None:
    watch = watched(model, model[1].parameters())
    model[layer].weight.requires_grad_(wanted)
    with pytest.raises(MethodError, match=rf"changed \({layer}\.weight\): a method must not set requires_grad"):
        watch.over(lambda **_: None)(step=1)


def test_weights_that_are_no_numbers(model: nn.Sequential) -> None:
    watch = watched(model, model[1].parameters())
    model[1].weight.data[0, 1] = float("nan")
    with pytest.raises(MethodError, match=r"after training 1\.weight holds NaN or infinite values"):
        watch.end()


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (["0.weight"], r"trainable\(\) gave '0\.weight'; expected parameters of the model, not their names"),
        ([nn.Parameter(torch.zeros(4, 5))], r"a parameter of shape \(4, 5\) that the model from attach\(\) has not"),
    ],
)
def test_what_cannot_be_trained(named: list[object], message: str, model: nn.Sequential) -> None:
    with pytest.raises(MethodError, match=message):
        watched(model, named)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_bits_are_those_of_the_numbers(dtype: torch.dtype) -> None:
    one = torch.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=dtype)
    assert bits(one) == bits(one.clone())
    assert bits(one) != bits(one * (1 + torch.finfo(dtype).eps))
    assert bits(torch.zeros(3, dtype=dtype)) == 0
    assert bits(one.t()) == bits(one), "also of a view that is not contiguous"
