"""Muon in float32: against torch's own, and against what it is to compute."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mtsuite.train.muon import Float32Muon, orthogonalised

SHAPES = [(16, 48), (48, 16), (24, 24)]


def cosine(one: Tensor, two: Tensor) -> float:
    return float(nn.functional.cosine_similarity(one.flatten().float(), two.flatten().float(), dim=0))


@settings(max_examples=20, deadline=None)
@given(
    rows=st.integers(2, 40),
    columns=st.integers(2, 40),
    seed=st.integers(0, 99),
    scale=st.sampled_from([1e-4, 1.0, 1e4]),
)
def test_singular_values_end_near_one_and_the_vectors_stay(rows: int, columns: int, seed: int, scale: float) -> None:
    """U S V^T with S in [0.1, 1] becomes U S' V^T with S' around one, whatever the matrix' size."""
    least = min(rows, columns)
    generator = torch.Generator().manual_seed(seed)
    u = torch.linalg.qr(torch.randn(rows, least, generator=generator))[0]
    v = torch.linalg.qr(torch.randn(columns, least, generator=generator))[0]
    s = torch.linspace(0.1, 1.0, least)
    y = u.T @ orthogonalised(scale * (u * s) @ v.T) @ v
    found = y.diagonal()
    torch.testing.assert_close(y, torch.diag(found), atol=1e-3, rtol=0)
    assert float(found.min()) > 0.3
    assert float(found.max()) < 1.4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("nesterov", [True, False])
def test_steps_are_those_of_torch(shape: tuple[int, int], nesterov: bool) -> None:
    torch.manual_seed(0)
    ours = nn.Parameter(torch.randn(shape))
    theirs = copy.deepcopy(ours)
    options = {"lr": 0.02, "weight_decay": 0.1, "nesterov": nesterov}
    one, two = Float32Muon([ours], **options), torch.optim.Muon([theirs], **options)
    for _ in range(4):
        before = ours.detach().clone()
        theirs.data.copy_(before)
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        one.step()
        two.step()
        assert cosine(ours.detach() - before, theirs.detach() - before) > 0.999  # theirs in bf16
        assert float((ours.detach() - before).norm() / (theirs.detach() - before).norm()) == pytest.approx(
            1.0, abs=0.01
        )
        torch.testing.assert_close(one.state[ours], two.state[theirs])


def test_a_checkpoint_of_one_continues_in_the_other() -> None:
    parameter = nn.Parameter(torch.randn(4, 6))
    other = torch.optim.Muon([parameter], lr=0.1)
    parameter.grad = torch.randn(4, 6)
    other.step()
    ours = Float32Muon([parameter], lr=0.2)
    ours.load_state_dict(other.state_dict())
    assert ours.param_groups[0]["lr"] == 0.1
    torch.testing.assert_close(ours.state[parameter], other.state[parameter])


def test_what_has_no_gradient_stays() -> None:
    used, idle = nn.Parameter(torch.ones(2, 2)), nn.Parameter(torch.ones(2, 2))
    made = Float32Muon([used, idle], lr=0.1, weight_decay=0.5)
    used.grad = torch.eye(2)
    assert made.step(lambda: 3.0) == 3.0
    assert torch.equal(idle, torch.ones(2, 2))
    assert not torch.equal(used, torch.ones(2, 2))
    assert idle not in made.state


def test_other_scalings_of_the_rate_are_refused() -> None:
    with pytest.raises(ValueError, match="match_rms_adamw"):
        Float32Muon([nn.Parameter(torch.ones(2, 2))], adjust_lr_fn="match_rms_adamw")
