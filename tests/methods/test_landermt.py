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
from mtsuite.methods.landermt.partition import Partition, load_partitions, save_partitions
from mtsuite.methods.landermt.selection import layer_differences, layer_means, relevance, select_layers
from mtsuite.methods.landermt.splits import Awareness, awareness_of, normalised, split_layers
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
    return {
        "activation.embedding": torch.tensor([[[0.0, 0.0]]]),
        "activation.mlp_out": torch.tensor([[[1.0, 1.0], [4.0, 2.0], [3.5, 2.5]]]),
        "activation.embedding.abs": torch.tensor([[1.0]]),
        "activation.mlp_out.abs": torch.tensor([[2.0, 2.5, 5.5]]),
        "activation.ffn_hidden": torch.tensor([[[7.0], [6.0], [9.0]]]),
        "activation.block_out": torch.tensor([[[0.0, 2.0], [0.0, 4.0], [8.0, 0.0]]]),
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [1.0, 2.0, 0.0]),
        ({"d_owner": "left"}, [2.0, 0.0, 0.0]),
        ({"d_owner": "both"}, [2.0, 2.0, 0.0]),
        ({"reduce": "mean_abs"}, [1.0, 0.5, 3.0]),
        ({"reduce": "mean_abs", "d_owner": "both"}, [1.0, 3.0, 3.0]),
        ({"reduce": "l2_of_mean_vector"}, [2**0.5, 10**0.5, 0.5**0.5]),
        ({"act_site": "ffn_hidden"}, [7.0, 1.0, 3.0]),
        ({"act_site": "block_out"}, [1.0, 1.0, 2.0]),
        ({"act_site": "block_out", "reduce": "l2_of_mean_vector"}, [2.0, 2.0, 80**0.5]),
    ],
)
def test_relevance_by_hand(options: dict[str, Any], expected: list[float]) -> None:
    torch.testing.assert_close(relevance(activations(), config(**options)), torch.tensor([expected]))


def test_means_and_differences_by_hand() -> None:
    torch.testing.assert_close(layer_means(activations(), config()), torch.tensor([[0.0, 1.0, 3.0, 3.0]]))
    torch.testing.assert_close(
        layer_means(activations(), config(reduce="l2_of_mean_vector")),
        torch.tensor([[0.0, 2**0.5, 20**0.5, 18.5**0.5]]),
    )
    torch.testing.assert_close(
        layer_differences(activations(), config(d_owner="left")), torch.tensor([[1.0, 2.0, 0.0]])
    )


@pytest.mark.parametrize(("k", "expected"), [(1, [1]), (2, [0, 1]), (3, [0, 1, 2])])
def test_top_k_layers(k: int, expected: list[int]) -> None:
    assert select_layers(activations(), [EN_DE], config(k=k)) == dict.fromkeys(expected)


def two_directions() -> dict[str, Tensor]:
    """D = 3, 0, 1 for en-de and 0, 5, 2 for en-fr."""
    first, second = torch.tensor([[3.0], [3.0], [4.0]]), torch.tensor([[0.0], [5.0], [7.0]])
    return {"activation.embedding": torch.zeros(2, 1, 1), "activation.mlp_out": torch.stack([first, second])}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"k": 1}, {1: None}),  # the mean is 1.5, 2.5, 1.5
        ({"k": 2}, {0: None, 1: None}),  # the tie goes to the lower layer
        ({"select": "threshold", "threshold": 1.5}, {1: None}),
        ({"select": "all"}, {0: None, 1: None, 2: None}),
        ({"k": 1, "layer_scope": "union"}, {0: None, 1: None}),
        ({"k": 1, "layer_scope": "per_pair"}, {0: {"en-de"}, 1: {"en-fr"}}),
        ({"k": 2, "layer_scope": "per_pair"}, {0: {"en-de"}, 1: {"en-fr"}, 2: {"en-de", "en-fr"}}),
        ({"k": 2, "layer_scope": "vote", "min_pairs": 2}, {2: None}),
        ({"select": "threshold", "threshold": 1.5, "layer_scope": "union"}, {0: None, 1: None, 2: None}),
    ],
)
def test_scopes_by_hand(options: dict[str, Any], expected: dict[int, Any]) -> None:
    assert select_layers(two_directions(), [EN_DE, EN_FR], config(**options)) == expected


@pytest.mark.parametrize(
    "options", [{"select": "threshold", "threshold": 9.0}, {"k": 1, "layer_scope": "vote", "min_pairs": 2}]
)
def test_no_layer_is_an_error(options: dict[str, Any]) -> None:
    with pytest.raises(MethodError, match=r"none selected: the largest D is 5"):
        select_layers(two_directions(), [EN_DE, EN_FR], config(**options))


def test_too_many_layers_or_votes_are_refused() -> None:
    with pytest.raises(MethodError, match=r"config\.k: 4 layers are to be selected, but the model has 3"):
        LANDeRMT().check(3, [])
    with pytest.raises(MethodError, match=r"config\.min_pairs: 3 directions are to agree on a layer, but there are 2"):
        LANDeRMT(config(k=2, layer_scope="vote", min_pairs=3)).check(3, [EN_DE, EN_FR])


# -- Eq. 5: neurons -----------------------------------------------------------------------------------

# Phi of ten neurons for two languages; the variances are 0, .25, 1, 2.25 … = (difference / 2)^2.
PHI = torch.tensor([[5.0] * 10, [5.0, 4.0, 7.0, 2.0, 9.0, 0.0, 11.0, -2.0, 13.0, -4.0]])
NAMES = ("en", "de")
GENERAL, IDLE = "general", "idle"


def split(
    phi: Tensor,
    names: tuple[str, ...],
    chosen: LANDeRMTConfig,
    generator: torch.Generator | None = None,
    firing: Tensor | None = None,
) -> Partition:
    """The partition of one layer from its Phi (G, f), taken as it is."""
    fires = None if firing is None else firing.unsqueeze(1)
    literal = chosen.model_copy(update={"phi_norm": "none"})
    return split_layers(Awareness(names, phi.unsqueeze(1), fires, None), [0], literal, generator)[0]


def owners_of(partition: Partition) -> list[Any]:
    """Who owns each neuron: general, idle, an owner's index, or several."""
    found: list[Any] = [GENERAL if g else IDLE for g in partition.general.tolist()]
    for owners, neurons in partition.owner_sets:
        for n in neurons.tolist():
            assert found[n] == IDLE
            found[n] = owners[0] if len(owners) == 1 else owners
    return found


G = GENERAL


@pytest.mark.parametrize(
    ("options", "owners"),
    [
        # ascending: the two of the largest variance, neurons 8 (13 > 5: de) and 9 (5 > -4: en), are specific
        ({"epsilon": 0.8}, [G] * 8 + [1, 0]),
        ({"epsilon": 0.5}, [G] * 5 + [0, 1, 0, 1, 0]),
        # descending, Eq. 5 to the letter: lambda stands at place 8 of 10, what is not above it is general: two neurons
        ({"epsilon": 0.8, "sort": "desc"}, [G, G, 1, 0, 1, 0, 1, 0, 1, 0]),
        ({"epsilon": 1.0}, [G] * 10),
        ({"epsilon": 0.0}, [0, 0, 1, 0, 1, 0, 1, 0, 1, 0]),
        ({"epsilon": 0.89}, [G] * 8 + [1, 0]),  # floor(8.9)
        # within a half of the larger one: neurons 1 (5, 4), 2 (5, 7), 4 (5, 9) belong to both, 6 (5, 11) to de
        ({"epsilon": 0.0, "multi_assign": 0.5}, [(0, 1), (0, 1), (0, 1), 0, (0, 1), 0, 1, 0, 1, 0]),
        ({"epsilon": 0.8, "multi_assign": 0.5}, [G] * 8 + [1, 0]),
        # the largest sum is general: 18, 16 and 14 at 8, 6 and 4
        ({"detector": "namnmt", "epsilon": 0.3, "multi_assign": 0.5},
         [(0, 1), (0, 1), (0, 1), 0, G, 0, G, 0, G, 0]),
    ],
)  # fmt: skip
def test_split_by_hand(options: dict[str, Any], owners: list[Any]) -> None:
    assert owners_of(split(PHI, NAMES, config(**options))) == owners


def test_dead_neurons_are_idle() -> None:
    """The largest Phi are 5, 1, 2, 8, 3: below the 0.4 quantile (3) lie neurons 1 and 2; epsilon counts the living."""
    phi = torch.tensor([[5.0, 1.0, 2.0, 1.0, 3.0], [1.0, 0.0, 2.0, 8.0, 3.0]])
    found = owners_of(split(phi, NAMES, config(dead_threshold=0.4, epsilon=0.34)))
    assert found == [0, IDLE, IDLE, 1, G]
    assert owners_of(split(phi, NAMES, config(dead_threshold=0.0, epsilon=0.4))) == [0, 0, G, 1, G]


def test_dispersions_by_hand() -> None:
    # Variances 1, 4, 0; means 1, 8, 4; coefficients of variation 1, 1/4, 0.
    phi = torch.tensor([[0.0, 6.0, 4.0], [2.0, 10.0, 4.0]])
    assert owners_of(split(phi, NAMES, config(epsilon=0.67))) == [G, 1, G]
    assert owners_of(split(phi, NAMES, config(epsilon=0.67, dispersion="cv"))) == [1, G, G]
    # Shares (0, 1), (3/8, 5/8), (1/2, 1/2): the first has no entropy.
    assert owners_of(split(phi, NAMES, config(epsilon=0.67, dispersion="entropy"))) == [1, G, G]


@settings(max_examples=60, deadline=None)
@given(
    neurons=st.integers(1, 40),
    languages=st.integers(1, 6),
    epsilon=st.floats(0, 1),
    options=st.sampled_from(
        [
            {},
            {"sort": "desc"},
            {"detector": "random"},
            {"detector": "random", "multi_assign": 0.8},
            {"detector": "namnmt", "multi_assign": 0.5},
            {"detector": "lape"},
            {"dead_threshold": 0.3},
            {"dead_threshold": 0.3, "detector": "random"},
        ]
    ),
    seed=st.integers(0, 100),
)
def test_every_neuron_is_held_once(
    neurons: int, languages: int, epsilon: float, options: dict[str, Any], seed: int
) -> None:
    chance = torch.Generator().manual_seed(seed)
    phi, firing = torch.rand(2, languages, neurons, generator=chance)
    names = tuple(f"l{i}" for i in range(languages))
    made = split(phi, names, config(epsilon=epsilon, **options), chance, firing)
    parts = [made.general_neurons, made.idle_neurons, *(n for _, n in made.owner_sets)]
    assert sorted(torch.cat(parts).tolist()) == list(range(neurons))
    assert len({owners for owners, _ in made.owner_sets}) == len(made.owner_sets)
    if options.get("detector") == "lape":
        assert len(made.general_neurons) >= neurons - round((1 - epsilon) * neurons)
    elif not options.get("dead_threshold"):
        assert len(made.idle_neurons) == 0
        place = int(epsilon * neurons + 1e-9)
        assert len(made.general_neurons) == (neurons - place if options.get("sort") == "desc" else place)


@pytest.mark.parametrize("more", [{}, {"multi_assign": 0.8}, {"dead_threshold": 0.2}])
def test_random_detector_keeps_all_counts(more: dict[str, Any]) -> None:
    phi = torch.rand(3, 200, generator=torch.Generator().manual_seed(1))
    by_score = split(phi, ("a", "b", "c"), config(epsilon=0.7, **more))
    drawn = [
        split(phi, ("a", "b", "c"), config(epsilon=0.7, detector="random", **more), torch.Generator().manual_seed(s))
        for s in (3, 3, 4)
    ]
    for by_chance in drawn:
        assert [(o, len(n)) for o, n in by_score.owner_sets] == [(o, len(n)) for o, n in by_chance.owner_sets]
        assert len(by_score.general_neurons) == len(by_chance.general_neurons)
        assert torch.equal(by_chance.awareness, by_score.awareness), "CAR weighs the neurons that were drawn"
    assert owners_of(drawn[0]) == owners_of(drawn[1]) != owners_of(by_score)
    assert owners_of(drawn[0]) != owners_of(drawn[2])


def test_without_a_generator_chance_is_torchs_own() -> None:
    phi = torch.rand(2, 50)
    found = []
    for seed in (5, 5, 6):
        torch.manual_seed(seed)
        found.append(owners_of(split(phi, NAMES, config(detector="random", epsilon=0.5))))
    assert found[0] == found[1] != found[2]


def test_awareness_rows_and_scales() -> None:
    directions = [EN_DE, Direction("de", "en"), EN_FR]
    by_direction = {
        "phi.mean_abs": torch.tensor([[[1.0, 3.0]], [[3.0, 5.0]], [[5.0, 7.0]]]),
        "firing.product": torch.tensor([[[0.1, 0.3]], [[0.3, 0.5]], [[0.5, 0.7]]]),
        "firing.gate": torch.tensor([[[0.9, 0.9]], [[0.9, 0.9]], [[0.9, 0.9]]]),
        "gradient": torch.ones(3, 1, 2),
    }
    found = awareness_of(by_direction, directions, config(awareness="lang_mt"))
    assert found.owners == ("en", "de", "fr")
    torch.testing.assert_close(found.phi[:, 0], torch.tensor([[3.0, 5.0], [2.0, 4.0], [5.0, 7.0]]))
    assert found.firing is not None
    torch.testing.assert_close(found.firing[1, 0], torch.tensor([0.2, 0.4]))
    assert found.sensitivity is None
    found = awareness_of(by_direction, directions, config(awareness="pair_mt", car_mode="token_act"))
    assert found.owners == ("en-de", "de-en", "en-fr")
    assert found.sensitivity is not None
    gate = awareness_of(by_direction, directions, config(awareness="pair_mt", swiglu_site="gate_act")).firing
    assert gate is not None
    assert float(gate.min()) == pytest.approx(0.9)
    row = found.phi[:1, 0]
    torch.testing.assert_close(normalised(row, "layer_mean"), torch.tensor([[0.5, 1.5]]))
    torch.testing.assert_close(normalised(row, "layer_sum"), torch.tensor([[0.25, 0.75]]))
    torch.testing.assert_close(normalised(row, "rank"), torch.tensor([[0.0, 0.5]]))
    torch.testing.assert_close(normalised(row, "none"), row)


# -- Eq. 6: conditional awareness ---------------------------------------------------------------------


def test_shares_are_of_phi_as_measured() -> None:
    """The split normalises Phi, Eq. 6 does not: German's loss, ten times the English one, weighs ten times as much."""
    phi = torch.tensor([[4.0, 1.0, 1.0, 2.0], [20.0, 10.0, 10.0, 40.0]])  # means 2 and 20
    awareness = Awareness(("en", "de"), phi.unsqueeze(1), None, None)
    # over their means: 2 .5 .5 1 and 1 .5 .5 2; neurons 1 and 2 do not vary, 0 is English, 3 German
    raw = split_layers(awareness, [0], config(epsilon=0.5))[0]
    scaled = split_layers(awareness, [0], config(epsilon=0.5, car_phi="normalised"))[0]
    assert owners_of(raw) == owners_of(scaled) == [0, G, G, 1]
    assert raw.general_share(EN_DE) == pytest.approx((1 + 10 + 1 + 10) / 88)
    assert scaled.general_share(EN_DE) == pytest.approx((0.5 + 0.5 + 0.5 + 0.5) / 8)


def partition(owners: Sequence[Any], names: tuple[str, ...], awareness: Tensor, **more: Any) -> Partition:
    """A partition from who owns each neuron: -1 general, None idle, an owner's index or several."""
    general = torch.tensor([who == -1 for who in owners])
    sets = [() if who in (-1, None) else who if isinstance(who, tuple) else (who,) for who in owners]
    members = torch.tensor([[i in who for who in sets] for i in range(len(names))])
    return Partition(names, general, members, awareness, **more)


# Three general neurons, one of en, one of de, one of fr.
SHARED = partition(
    [-1, -1, -1, 0, 1, 2],
    ("en", "de", "fr"),
    torch.tensor([[1.0, 2.0, 3.0, 3.0, 0.5, 9.0], [3.0, 2.0, 1.0, 1.0, 1.5, 9.0], [9.0] * 6]),
)


@pytest.mark.parametrize(
    ("assign", "mass", "share"),
    [
        # Phi averaged over en and de: 2 2 2 | 2 | 1 | .  Sums: general 6, specific 3: CAR = 1/3.
        ("literal", "sum", 1 / 3),
        ("swapped", "sum", 2 / 3),
        # Means: general 2, specific 1.5: CAR = 3/7.
        ("literal", "mean", 3 / 7),
        ("swapped", "mean", 4 / 7),
    ],
)
def test_general_share_by_hand(assign: str, mass: str, share: float) -> None:
    assert SHARED.general_share(EN_DE, mass=mass, assign=assign) == pytest.approx(share)
    assert SHARED.general_share(EN_DE.reversed, mass=mass, assign=assign) == pytest.approx(share)


def test_a_neuron_of_both_languages_weighs_once() -> None:
    """Phi 1 each: two general, one of en and de, one of fr: s_G = 2 / 3 for en-de."""
    both = partition([-1, -1, (0, 1), 2], ("en", "de", "fr"), torch.ones(3, 4))
    assert both.general_share(EN_DE) == pytest.approx(2 / 3)


def test_active_owners() -> None:
    assert SHARED.active(EN_DE) == (0, 1)
    assert SHARED.active(Direction("de", "fr")) == (1, 2)  # also when nobody trained it
    assert SHARED.active(Direction("en", "it")) == (0,)
    assert SHARED.active(None) == (0, 1, 2)
    assert SHARED.speaking("de") == (1,)
    by_direction = Partition(("en-de", "de-en", "en-fr"), SHARED.general, SHARED.members, SHARED.awareness)
    assert by_direction.active(EN_FR) == (2,)
    assert by_direction.active(Direction("de", "fr")) == ()
    assert by_direction.speaking("de") == (0, 1)


def test_partitions_are_saved_and_opened(tmp_path: Any) -> None:
    other = partition([-1, None, (0, 1)], ("en-de", "en-fr"), torch.rand(2, 3), sensitivity=torch.rand(2, 3))
    shares = {1: {"en-de": 1 / 3}, 7: {"en-de": 0.1, "en-fr": 0.2}}
    save_partitions(tmp_path / "file", {1: SHARED, 7: other}, shares)
    found, found_shares = load_partitions(tmp_path / "file")
    assert found_shares == shares
    for layer, expected in ((1, SHARED), (7, other)):
        assert found[layer].owners == expected.owners
        for name in ("general", "members", "awareness"):
            assert torch.equal(getattr(found[layer], name), getattr(expected, name))
    assert found[1].sensitivity is None
    assert torch.equal(found[7].sensitivity, other.sensitivity)


# -- Eq. 7: the routed layer ----------------------------------------------------------------------------

OWNERS: tuple[Any, ...] = (-1, -1, 0, -1, 1, -1, 2, None, (0, 2))


def block_of(family: str, seed: int = 0) -> FeedForwardBlock:
    return feed_forward_blocks(tiny_model(family, seed))[1]


def pattern(count: int, owners: Sequence[Any] = OWNERS) -> list[Any]:
    return [owners[n % len(owners)] for n in range(count)]


def routed(
    block: FeedForwardBlock,
    chosen: LANDeRMTConfig,
    *,
    owners: Sequence[Any] = OWNERS,
    directions: Sequence[Direction] = (EN_DE,),
    **more: Any,
) -> RoutedFeedForward:
    chance = torch.Generator().manual_seed(5)
    awareness, sensitivity = torch.rand(2, 3, block.neurons, generator=chance)
    made = partition(pattern(block.neurons, owners), ("en", "de", "fr"), awareness, sensitivity=sensitivity)
    shares = {str(d): made.general_share(d, mass=chosen.car_mass, assign=chosen.car_assign) for d in directions}
    return RoutedFeedForward(block, made, shares, chosen, **more)


def loop_over_neurons(
    block: FeedForwardBlock,
    x: Tensor,
    factors: Sequence[float],
    *,
    at_input: bool = False,
    rows: Sequence[bool] | None = None,
) -> Tensor:
    """The layer, a neuron at a time; ``factors`` (f) scale them, zero leaves one out; ``rows`` keeps outputs."""
    w = block.weights()
    y = torch.zeros_like(x)
    for n, factor in enumerate(factors):
        if factor == 0.0:
            continue
        inside = x * factor if at_input else x
        up = inside @ w.up[n] + (0.0 if w.up_bias is None else w.up_bias[n])
        a = block.activation(up) if w.gate is None else block.activation(inside @ w.gate[n]) * up
        y = y + (1.0 if at_input else factor) * a.unsqueeze(-1) * w.down[:, n]
    y = y if w.down_bias is None else y + w.down_bias
    return y if rows is None else y * torch.tensor(rows)


def factors_for(owners: Sequence[Any], direction: Direction, share: float, *, others: bool = False) -> list[float]:
    """What each neuron counts: general s_G, the direction's 1 - s_G, idle 1, others nothing or 1 - s_G."""
    mine = {("en", "de", "fr").index(code) for code in direction if code in ("en", "de", "fr")}

    def factor(who: Any) -> float:
        if who == -1:
            return share
        if who is None:
            return 1.0
        return 1 - share if others or set(who if isinstance(who, tuple) else (who,)) & mine else 0.0

    return [factor(who) for who in owners]


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("site", ["output", "input"])
@pytest.mark.parametrize("assign", ["swapped", "literal"])
@pytest.mark.parametrize("mask", [True, False])
def test_routed_layer_against_the_loop(family: str, site: str, assign: str, mask: bool) -> None:
    block = block_of(family)
    layer = routed(block, config(car_site=site, car_assign=assign, forward_mask=mask))
    layer.focus(EN_DE)
    x = torch.randn(2, 3, block.hidden_size)
    share = layer.partition.general_share(EN_DE, assign=assign)
    factors = factors_for(pattern(block.neurons), EN_DE, share, others=not mask)
    expected = loop_over_neurons(block, x, factors, at_input=site == "input")
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("mask", [True, False])
def test_routed_outputs_against_the_loop(family: str, mask: bool) -> None:
    """``both_outputs``: the outputs of W_down are neurons as well; those of other languages are zero under the mask."""
    block, chosen = block_of(family), config(neuron_unit="both_outputs", forward_mask=mask)
    rows = pattern(block.hidden_size, (0, 2, -1, None, 1))
    outputs = partition(rows, ("en", "de", "fr"), torch.rand(3, block.hidden_size))
    layer = routed(block, chosen, outputs=outputs)
    layer.focus(EN_DE)
    x = torch.randn(2, 3, block.hidden_size, requires_grad=True)
    factors = factors_for(pattern(block.neurons), EN_DE, layer.car.static["en-de"], others=not mask)
    expected = loop_over_neurons(block, x, factors, rows=[not mask or who != 2 for who in rows])
    found = layer(x)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    found.sum().backward()
    assert layer.outer is not None
    touched = {tuple(sorted(who)): group.down.grad is not None
               for who, group in zip(layer.outer.sets, layer.outer.specific, strict=True)}  # fmt: skip
    assert touched == {(0,): True, (1,): True, (2,): False}
    torch.testing.assert_close(layer.whole().down, block.weights().down)


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_gain_two_doubles_both_parts(family: str) -> None:
    block = block_of(family)
    layer = routed(block, config(car_gain="two"), owners=(-1, 0, 1, 2))
    layer.focus(EN_DE)
    x, share = torch.randn(2, 3, block.hidden_size), layer.car.static["en-de"]
    factors = [2 * f for f in factors_for(pattern(block.neurons, (-1, 0, 1, 2)), EN_DE, share)]
    torch.testing.assert_close(layer(x), loop_over_neurons(block, x, factors), atol=1e-5, rtol=1e-4)


def test_share_from_activations_by_hand() -> None:
    """token_act: the general mass of a token is the sum of |a_n| times mean |gradient|, of en and de averaged."""
    block = block_of("bloom")
    layer = routed(block, config(car_mode="token_act"), owners=(-1, 0, 1, 2))
    layer.focus(EN_DE)
    x = torch.randn(1, 2, block.hidden_size)
    owners, w = pattern(block.neurons, (-1, 0, 1, 2)), block.weights()
    a = block.activation(nn.functional.linear(x, w.up, w.up_bias))
    assert layer.partition.sensitivity is not None
    weighed = a.abs() * layer.partition.sensitivity[:2].mean(0)
    general = weighed[..., [who == -1 for who in owners]].sum(-1)
    specific = weighed[..., [who in (0, 1) for who in owners]].sum(-1)
    for token in range(2):
        share = float(general[0, token] / (general + specific)[0, token])
        expected = loop_over_neurons(block, x[:, token], factors_for(owners, EN_DE, share))
        torch.testing.assert_close(layer(x)[:, token], expected, atol=1e-5, rtol=1e-4)


def original(block: FeedForwardBlock, x: Tensor) -> Tensor:
    return loop_over_neurons(block, x, [1.0] * block.neurons)


IDENTITIES: list[dict[str, Any]] = [
    {"car_mode": "off"},
    {"car_mode": "learned", "car_gain": "anchored"},
    {"car_mode": "token", "car_gain": "anchored"},
    {"car_mode": "learned", "car_gain": "anchored", "car_site": "input"},
]


@pytest.mark.parametrize("family", ["bloom", "llama"])
@pytest.mark.parametrize("options", IDENTITIES)
@pytest.mark.parametrize("owners", [OWNERS, (-1,), (0, 1)])
def test_starts_from_the_base(family: str, options: dict[str, Any], owners: tuple[Any, ...]) -> None:
    block = block_of(family)
    layer = routed(block, config(forward_mask=False, **options), owners=owners)
    x = torch.randn(2, 3, block.hidden_size)
    for direction in (EN_DE, EN_FR, Direction("en", "it")):
        layer.focus(direction)
        torch.testing.assert_close(layer(x), original(block, x), atol=1e-5, rtol=1e-4)


def test_without_a_direction_everything_counts_fully() -> None:
    block = block_of("llama")
    layer = routed(block, config())
    x = torch.randn(2, 3, block.hidden_size)
    for language in (None, "en", "it"):
        layer.focus(None, language)
        torch.testing.assert_close(layer(x), original(block, x), atol=1e-5, rtol=1e-4)


def test_a_layer_of_other_directions_is_as_in_the_base() -> None:
    """``per_pair``: what a layer does not serve passes it unrouted and untrained; what was not measured is routed."""
    block = block_of("llama")
    layer = routed(block, config(), serves=frozenset({"en-de"}), seen=frozenset({"en-de", "en-fr"}))
    x = torch.randn(2, 3, block.hidden_size, requires_grad=True)
    layer.focus(EN_FR)
    y = layer(x)
    torch.testing.assert_close(y, original(block, x), atol=1e-5, rtol=1e-4)
    y.sum().backward()
    assert all(p.grad is None for p in layer.parameters())
    for direction in (EN_DE, Direction("de", "fr")):
        layer.focus(direction)
        assert not torch.allclose(layer(x), y, atol=1e-3)


def test_learned_share_is_trained_by_its_direction_alone() -> None:
    block = block_of("bloom")
    layer = routed(block, config(car_mode="learned"), directions=[EN_DE, EN_FR])
    assert layer.car.share("en-de") == pytest.approx(layer.car.static["en-de"], abs=1e-6)
    layer.focus(EN_DE)
    layer(torch.randn(2, 3, block.hidden_size)).sum().backward()
    assert layer.car.logit["en-de"].grad is not None
    assert layer.car.logit["en-fr"].grad is None


@pytest.mark.parametrize(
    ("direction", "language", "expected"),
    [
        (EN_DE, None, {"general", (0,), (1,), (0, 2)}),
        (EN_FR, None, {"general", (0,), (2,), (0, 2)}),
        (Direction("en", "it"), None, {"general", (0,), (0, 2)}),
        (None, "de", {"general", (1,)}),  # replayed text
        (None, "fr", {"general", (2,), (0, 2)}),
        (None, None, {"general", (0,), (1,), (2,), (0, 2)}),
    ],
)
@pytest.mark.parametrize("mask", [True, False])
def test_only_active_groups_get_gradients(
    direction: Direction | None, language: str | None, expected: set[Any], mask: bool
) -> None:
    block = block_of("llama")
    layer = routed(block, config(forward_mask=mask))
    layer.focus(direction, language)
    x = torch.randn(2, 3, block.hidden_size, requires_grad=True)
    layer(x).sum().backward()
    assert layer.inner.idle is not None
    groups: dict[Any, nn.Module] = {"general": layer.inner.general, "idle": layer.inner.idle}
    groups |= {tuple(sorted(who)): g for who, g in zip(layer.inner.sets, layer.inner.specific, strict=True)}
    touched = {who for who, g in groups.items() if any(p.grad is not None for p in g.parameters())}
    assert touched == expected
    assert x.grad is not None


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_regrouped_neurons_compute_the_same(family: str) -> None:
    block = block_of(family)
    layer = routed(block, config())
    x = torch.randn(2, 3, block.hidden_size)
    before = layer(x)
    other = partition(pattern(block.neurons, (1, -1, (1, 2), 0)), ("en", "de", "fr"), torch.rand(3, block.neurons))
    layer.regroup(other, {"en-de": 0.25})
    layer.focus(None)
    torch.testing.assert_close(layer(x), before, atol=1e-6, rtol=1e-5)
    w, whole = block.weights(), layer.whole()
    for name in ("up", "up_bias", "gate", "gate_bias", "down", "down_bias"):
        expected, found = getattr(w, name), getattr(whole, name)
        assert (expected is None and found is None) or torch.equal(expected, found)
    layer.focus(EN_DE)
    factors = factors_for(pattern(block.neurons, (1, -1, (1, 2), 0)), EN_DE, 0.25)
    torch.testing.assert_close(layer(x), loop_over_neurons(block, x, factors), atol=1e-5, rtol=1e-4)
