"""LANDeRMT's equations on numbers small enough to check by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mtsuite.methods.landermt import LANDeRMT
from mtsuite.methods.landermt.config import LANDeRMTConfig
from mtsuite.methods.landermt.layer import RoutedFeedForward
from mtsuite.methods.landermt.selection import (
    GENERAL,
    Partition,
    awareness_of,
    layer_differences,
    select_layers,
    split_neurons,
)
from torch import Tensor, nn

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError
from mtsuite.model.blocks import FeedForwardBlock, feed_forward_blocks
from mtsuite.testing import tiny_model

torch.set_num_threads(1)  # tiny models: threads would only wait for one another

EN_DE, EN_FR = Direction("en", "de"), Direction("en", "fr")


def config(**options: Any) -> LANDeRMTConfig:
    return LANDeRMTConfig.model_validate(options)


# -- Eqs. 1 and 2: layers ---------------------------------------------------------------------------


def activations() -> dict[str, Tensor]:
    """One direction, what enters the first layer and three layers, two units: means 0, 1, 3, 3."""
    mean = torch.tensor([[[0.0, 0.0], [1.0, 1.0], [4.0, 2.0], [3.5, 2.5]]])
    return {"activation.mean": mean, "activation.mean_abs": torch.tensor([[1.0, 2.0, 2.5, 5.5]])}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1.0, 2.0, 0.0]),
        ({"d_owner": "left"}, [2.0, 0.0, 0.0]),
        ({"reduce": "mean_abs"}, [1.0, 0.5, 3.0]),
        ({"reduce": "l2_of_mean_vector"}, [2**0.5, 10**0.5, 0.5**0.5]),
    ],
)
def test_differences_by_hand(options: dict[str, Any], expected: list[float]) -> None:
    found = layer_differences(activations(), config(**options))
    torch.testing.assert_close(found, torch.tensor([expected]))


@pytest.mark.parametrize(("k", "expected"), [(1, [1]), (2, [0, 1]), (3, [0, 1, 2])])
def test_top_k_layers(k: int, expected: list[int]) -> None:
    assert select_layers(activations(), config(k=k)) == expected


def test_layers_are_chosen_by_the_mean_over_directions() -> None:
    first = torch.tensor([[0.0], [3.0], [3.0], [4.0]])  # D = 3, 0, 1
    second = torch.tensor([[0.0], [0.0], [5.0], [7.0]])  # D = 0, 5, 2
    tensors = {"activation.mean": torch.stack([first, second])}
    assert select_layers(tensors, config(k=1)) == [1]
    assert select_layers(tensors, config(k=2)) == [0, 1]  # 1.5, 2.5, 1.5: the tie goes to the lower layer


def test_too_many_layers_are_refused() -> None:
    with pytest.raises(MethodError, match=r"config\.k: 4 layers are to be selected, but the model has 3"):
        LANDeRMT().check(3, [])


# -- Eq. 5: neurons -----------------------------------------------------------------------------------

# Phi of ten neurons for two languages; the variances are 0, .25, 1, 2.25 … = (difference / 2)^2.
PHI = torch.tensor([[5.0] * 10, [5.0, 4.0, 7.0, 2.0, 9.0, 0.0, 11.0, -2.0, 13.0, -4.0]])
NAMES = ("en", "de")


@pytest.mark.parametrize(
    ("options", "owners"),
    [
        # ascending: the two of the largest variance, neurons 8 (13 > 5: de) and 9 (5 > -4: en), are specific
        ({"epsilon": 0.8}, [-1] * 8 + [1, 0]),
        ({"epsilon": 0.5}, [-1] * 5 + [0, 1, 0, 1, 0]),
        # descending, Eq. 5 to the letter: the two of the smallest variance are specific
        ({"epsilon": 0.8, "sort": "desc"}, [0, 0] + [-1] * 8),
        ({"epsilon": 1.0}, [-1] * 10),
        ({"epsilon": 0.0}, [0, 0, 1, 0, 1, 0, 1, 0, 1, 0]),
        ({"epsilon": 0.89}, [-1] * 8 + [1, 0]),  # floor(8.9)
    ],
)
def test_split_by_hand(options: dict[str, Any], owners: list[int]) -> None:
    assert split_neurons(PHI, NAMES, config(**options)).owner.tolist() == owners


def test_dispersions_by_hand() -> None:
    # Variances 1, 4, 0; means 1, 8, 4; coefficients of variation 1, 1/4, 0.
    phi = torch.tensor([[0.0, 6.0, 4.0], [2.0, 10.0, 4.0]])
    assert split_neurons(phi, NAMES, config(epsilon=0.67)).owner.tolist() == [-1, 1, -1]
    assert split_neurons(phi, NAMES, config(epsilon=0.67, dispersion="cv")).owner.tolist() == [1, -1, -1]
    # Shares (0, 1), (3/8, 5/8), (1/2, 1/2): the first has no entropy.
    assert split_neurons(phi, NAMES, config(epsilon=0.67, dispersion="entropy")).owner.tolist() == [1, -1, -1]


@settings(max_examples=40, deadline=None)
@given(
    neurons=st.integers(1, 40),
    languages=st.integers(1, 6),
    epsilon=st.floats(0, 1),
    sort=st.sampled_from(["asc", "desc"]),
    detector=st.sampled_from(["taylor", "random"]),
    seed=st.integers(0, 100),
)
def test_every_neuron_has_one_owner(
    neurons: int, languages: int, epsilon: float, sort: str, detector: str, seed: int
) -> None:
    phi = torch.rand(languages, neurons, generator=torch.Generator().manual_seed(seed))
    names = tuple(f"l{i}" for i in range(languages))
    made = split_neurons(phi, names, config(epsilon=epsilon, sort=sort, detector=detector), seed)
    parts = [made.neurons(i) for i in (GENERAL, *range(languages))]
    assert sorted(torch.cat(parts).tolist()) == list(range(neurons))
    assert len(parts[0]) == int(epsilon * neurons + 1e-9)
    assert not made.awareness.requires_grad


def test_random_detector_keeps_all_counts() -> None:
    phi = torch.rand(3, 200, generator=torch.Generator().manual_seed(1))
    by_score = split_neurons(phi, ("a", "b", "c"), config(epsilon=0.7)).owner
    by_chance = split_neurons(phi, ("a", "b", "c"), config(epsilon=0.7, detector="random"), seed=3).owner
    assert torch.equal((by_score + 1).bincount(), (by_chance + 1).bincount())
    assert not torch.equal(by_score, by_chance)
    assert torch.equal(
        by_chance, split_neurons(phi, ("a", "b", "c"), config(epsilon=0.7, detector="random"), seed=3).owner
    )


def test_awareness_rows_and_scales() -> None:
    directions = [EN_DE, Direction("de", "en"), EN_FR]
    by_direction = {"phi.mean_abs": torch.tensor([[[1.0, 3.0]], [[3.0, 5.0]], [[5.0, 7.0]]])}
    languages = ["en", "de", "fr"]
    phi, names = awareness_of(by_direction, 0, languages, directions, config(awareness="lang_mt", phi_norm="none"))
    assert names == ("en", "de", "fr")
    torch.testing.assert_close(phi, torch.tensor([[3.0, 5.0], [2.0, 4.0], [5.0, 7.0]]))
    phi, names = awareness_of(
        by_direction, 0, languages, directions, config(awareness="pair_mt", phi_norm="layer_mean")
    )
    assert names == ("en-de", "de-en", "en-fr")
    torch.testing.assert_close(phi[0], torch.tensor([0.5, 1.5]))
    phi, _ = awareness_of(by_direction, 0, languages, directions, config(awareness="pair_mt", phi_norm="layer_sum"))
    torch.testing.assert_close(phi[0], torch.tensor([0.25, 0.75]))
    phi, _ = awareness_of(by_direction, 0, languages, directions, config(awareness="pair_mt", phi_norm="rank"))
    torch.testing.assert_close(phi[0], torch.tensor([0.0, 0.5]))


# -- Eq. 6: conditional awareness ---------------------------------------------------------------------

# Three general neurons, one of en, one of de, one of fr.
SHARED = Partition(
    torch.tensor([-1, -1, -1, 0, 1, 2]),
    ("en", "de", "fr"),
    torch.tensor([[1.0, 2.0, 3.0, 3.0, 0.5, 9.0], [3.0, 2.0, 1.0, 1.0, 1.5, 9.0], [9.0] * 6]),
)


@pytest.mark.parametrize(
    ("options", "share"),
    [
        # Phi averaged over en and de: 2 2 2 | 2 | 1 | .  Sums: general 6, specific 3: CAR = 1/3.
        ({"car_assign": "literal"}, 1 / 3),
        ({"car_assign": "swapped"}, 2 / 3),
        # Means: general 2, specific 1.5: CAR = 3/7.
        ({"car_assign": "literal", "car_mass": "mean"}, 3 / 7),
        ({"car_assign": "swapped", "car_mass": "mean"}, 4 / 7),
    ],
)
def test_general_share_by_hand(options: dict[str, Any], share: float) -> None:
    assert SHARED.general_share(EN_DE, config(**options)) == pytest.approx(share)
    assert SHARED.general_share(EN_DE.reversed, config(**options)) == pytest.approx(share)


def test_active_owners() -> None:
    assert SHARED.active(EN_DE) == (0, 1)
    assert SHARED.active(Direction("de", "fr")) == (1, 2)  # also when nobody trained it
    assert SHARED.active(Direction("en", "it")) == (0,)
    assert SHARED.active(None) == (0, 1, 2)
    by_direction = Partition(SHARED.owner, ("en-de", "de-en", "en-fr"), SHARED.awareness)
    assert by_direction.active(EN_FR) == (2,)


# -- Eq. 7: the routed layer ----------------------------------------------------------------------------


def block_of(family: str, seed: int = 0) -> FeedForwardBlock:
    return feed_forward_blocks(tiny_model(family, seed))[1]


def partition_of(block: FeedForwardBlock, owners: Sequence[int] = (-1, -1, 0, -1, 1, -1, 2, -1)) -> Partition:
    owner = torch.tensor(owners).repeat(block.neurons)[: block.neurons]
    awareness = torch.rand(3, block.neurons, generator=torch.Generator().manual_seed(5))
    return Partition(owner, ("en", "de", "fr"), awareness)


def loop_over_neurons(
    block: FeedForwardBlock, x: Tensor, owner: Tensor, scales: dict[int, float], *, at_input: bool
) -> Tensor:
    """The layer, one neuron after another; ``scales`` maps the owners that take part to their factor."""
    w = block.weights()
    y = torch.zeros_like(x)
    for n, who in enumerate(owner.tolist()):
        if who not in scales:
            continue
        inside = x * scales[who] if at_input else x
        up = inside @ w.up[n] + (0.0 if w.up_bias is None else w.up_bias[n])
        a = block.activation(up) if w.gate is None else block.activation(inside @ w.gate[n]) * up
        y = y + (1.0 if at_input else scales[who]) * a.unsqueeze(-1) * w.down[:, n]
    return y if w.down_bias is None else y + w.down_bias


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("site", ["output", "input"])
@pytest.mark.parametrize("assign", ["swapped", "literal"])
def test_routed_layer_against_the_loop(family: str, site: str, assign: str) -> None:
    block, chosen = block_of(family), config(car_site=site, car_assign=assign)
    partition = partition_of(block)
    layer = RoutedFeedForward(block, partition, [EN_DE], chosen)
    layer.focus(EN_DE)
    x = torch.randn(2, 3, block.hidden_size)
    share = partition.general_share(EN_DE, chosen)
    scales = {GENERAL: share, 0: 1 - share, 1: 1 - share}
    expected = loop_over_neurons(block, x, partition.owner, scales, at_input=site == "input")
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_gain_two_doubles_both_parts(family: str) -> None:
    block = block_of(family)
    partition = partition_of(block)
    layer = RoutedFeedForward(block, partition, [EN_DE], config(car_gain="two"))
    layer.focus(EN_DE)
    x, share = torch.randn(2, 3, block.hidden_size), partition.general_share(EN_DE, config())
    scales = {GENERAL: 2 * share, 0: 2 - 2 * share, 1: 2 - 2 * share}
    torch.testing.assert_close(
        layer(x), loop_over_neurons(block, x, partition.owner, scales, at_input=False), atol=1e-5, rtol=1e-4
    )


def original(block: FeedForwardBlock, x: Tensor) -> Tensor:
    everyone = dict.fromkeys(range(-1, 3), 1.0)
    return loop_over_neurons(block, x, partition_of(block).owner, everyone, at_input=False)


IDENTITIES: list[dict[str, Any]] = [
    {"car_mode": "off"},
    {"car_mode": "learned", "car_gain": "anchored"},
    {"car_mode": "token", "car_gain": "anchored"},
    {"car_mode": "static", "car_gain": "anchored", "car_site": "input"},
]


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("options", IDENTITIES)
@pytest.mark.parametrize("owners", [(-1, 0, 1, 2), (-1,)])
def test_starts_from_the_base(family: str, options: dict[str, Any], owners: tuple[int, ...]) -> None:
    block = block_of(family)
    layer = RoutedFeedForward(block, partition_of(block, owners), [EN_DE], config(forward_mask=False, **options))
    x = torch.randn(2, 3, block.hidden_size)
    for direction in (EN_DE, EN_FR, Direction("en", "it")):
        layer.focus(direction)
        torch.testing.assert_close(layer(x), original(block, x), atol=1e-5, rtol=1e-4)


def test_without_a_direction_everything_counts_fully() -> None:
    block = block_of("llama")
    layer = RoutedFeedForward(block, partition_of(block), [EN_DE], config())
    layer.focus(None)
    x = torch.randn(2, 3, block.hidden_size)
    torch.testing.assert_close(layer(x), original(block, x), atol=1e-5, rtol=1e-4)
    assert layer.startup_error(x, original(block, x)) < 1e-5


def test_learned_share_is_trained_by_its_direction_alone() -> None:
    block = block_of("bloom")
    layer = RoutedFeedForward(block, partition_of(block), [EN_DE, EN_FR], config(car_mode="learned"))
    layer.focus(EN_DE)
    layer(torch.randn(2, 3, block.hidden_size)).sum().backward()
    assert layer.share_logit["en-de"].grad is not None
    assert layer.share_logit["en-fr"].grad is None


@pytest.mark.parametrize("mask", [True, False])
def test_only_active_groups_get_gradients(mask: bool) -> None:
    block = block_of("llama")
    layer = RoutedFeedForward(block, partition_of(block), [EN_DE], config(forward_mask=mask))
    layer.focus(EN_DE)
    x = torch.randn(2, 3, block.hidden_size, requires_grad=True)
    layer(x).sum().backward()
    groups: list[nn.Module] = [layer.general, *layer.specific]
    touched = [any(p.grad is not None for p in group.parameters()) for group in groups]
    assert touched == [True, True, True, False]  # general, en, de; not fr
    assert x.grad is not None
