"""The router: which experts a token uses, and how much of each.

    r = W_x x + W_phi phi + b,    p = softmax(r),    K = TopK(p),    p~_j = p_j / sum_{i in K} p_i

in float32.  The joint softmax factorises as p_j = rho_G p^G_j, with p^G the softmax inside the group G and rho the
softmax of the groups' log-sum-exp; ``per_group`` takes the top-k inside each group instead.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from mtsuite.methods.experts import largest
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.features import make_features
from mtsuite.methods.mix_moe.reading import Reading
from torch import Tensor, nn

from mtsuite.method import MethodError


class Share(NamedTuple):
    """What n tokens take of the experts ``first`` to ``last``.

    ``chosen`` (n, k) counts from ``first``; None stands for all.  ``weights`` (n, k).
    """

    first: int
    last: int
    chosen: Tensor | None
    weights: Tensor


class Routes(NamedTuple):
    """What was decided for n tokens; ``p`` (n, experts), LM experts first, before any were left out."""

    p: Tensor
    shares: tuple[Share, ...]

    def used(self) -> Tensor:
        """Ones where a token uses an expert, (n, experts)."""
        parts = []
        for first, last, chosen, weights in self.shares:
            ones = torch.ones_like(weights)
            parts.append(ones if chosen is None else ones.new_zeros(len(ones), last - first).scatter(1, chosen, ones))
        return torch.cat(parts, dim=-1)

    def gates(self) -> Tensor:
        """Weight of every expert, zero where it is not used, (n, experts)."""
        parts = []
        for first, last, chosen, weights in self.shares:
            zeros = weights.new_zeros(len(weights), last - first)
            parts.append(weights if chosen is None else zeros.scatter(1, chosen, weights))
        return torch.cat(parts, dim=-1)


class Columns(nn.Module):
    """The part of the router that belongs to one group: what its logits take from x and from phi."""

    def __init__(self, hidden: int, features: int, outputs: int, config: MixMoEConfig, bias: Tensor | None) -> None:
        super().__init__()
        from_x = config.fuse != "replace"
        self.from_x = _initial(outputs, hidden, config) if from_x else None
        self.from_features = _initial(outputs, features, config) if features else None
        self.bias = None if bias is None else nn.Parameter(bias)


class Router(nn.Module):
    """Routes of the LM group alone (stage 1, ``mt`` = 0), or of both groups."""

    def __init__(self, hidden: int, lm: int, mt: int, config: MixMoEConfig, layer: int, reading: Reading) -> None:
        super().__init__()
        self.config, self.layer, self.reading = config, layer, reading
        self.sizes = (lm, mt) if mt else (lm,)
        self.features = make_features(hidden, config, layer)
        self.lm: Columns | None = None
        self.mt: Columns | None = None
        self.rho: Columns | None = None
        self.feature_gate: nn.Parameter | None = None
        if config.router == "random":
            return
        size = 0 if self.features is None else self.features.size
        self.lm = Columns(hidden, size, lm, config, None)
        if mt:
            learned = config.rho_mode == "learned"  # then the bias belongs to the group
            self.mt = Columns(hidden, size, mt, config, None if learned else torch.full((mt,), config.mt_logit_bias))
            if learned:
                self.rho = Columns(hidden, size, 2, config, torch.tensor([0.0, config.mt_logit_bias]))
        if config.fuse == "gated":
            self.feature_gate = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor) -> Routes:
        """Routes of x (rows, length, d) or (n, d), token by token."""
        with torch.autocast(x.device.type, enabled=False):
            if self.config.router == "random":
                return self._routes(torch.zeros(x[..., 0].numel(), sum(self.sizes), device=x.device), None)
            columns = [self.lm, self.mt] if self.rho is None else [self.lm, self.mt, self.rho]
            logits = self._logits(x, [part for part in columns if part is not None])
            experts = sum(self.sizes)
            return self._routes(logits[:, :experts], None if self.rho is None else logits[:, experts:])

    def _logits(self, x: Tensor, columns: list[Columns]) -> Tensor:
        """r of all columns together: one product with x and one with phi."""
        flat = x.reshape(-1, x.shape[-1]).float()
        biases = [c.bias if c.bias is not None else flat.new_zeros(_outputs(c)) for c in columns]
        logits = torch.cat(biases).float()
        if self.config.fuse != "replace":
            logits = nn.functional.linear(flat, _joined([c.from_x for c in columns]), logits)
        if self.features is not None:
            source = self.reading.sources.pop(self.layer, x)
            phi = self.features(self.reading.shaped(source), self.reading).flatten(0, 1)
            heard = nn.functional.linear(phi, _joined([c.from_features for c in columns]))
            if self.feature_gate is not None:
                heard = torch.sigmoid(flat @ self.feature_gate.float()).unsqueeze(-1) * heard
            logits = logits + heard
        return logits

    def _routes(self, logits: Tensor, rho_logits: Tensor | None) -> Routes:
        config, experts = self.config, sum(self.sizes)
        if config.gate_mode == "joint" or len(self.sizes) == 1:
            p = torch.softmax(logits, dim=-1)
            return Routes(p, (self._share(p, None, 0, experts, config.top_k),))
        groups = logits.split(self.sizes, dim=-1)
        rho = self._rho(groups, rho_logits)
        inside = [torch.softmax(group, dim=-1) for group in groups]
        shares, first = [], 0
        for number, (p, k) in enumerate(zip(inside, config.used, strict=True)):
            shares.append(self._share(p, rho[:, number : number + 1], first, first + p.shape[-1], k))
            first += p.shape[-1]
        return Routes(torch.cat([p * rho[:, i : i + 1] for i, p in enumerate(inside)], dim=-1), tuple(shares))

    def _rho(self, groups: tuple[Tensor, ...], logits: Tensor | None) -> Tensor:
        """Shares of the two groups, (n, 2)."""
        if self.config.rho_mode == "logsumexp":
            logits = torch.stack([group.logsumexp(-1) for group in groups], dim=-1)
        if logits is not None:
            return torch.softmax(logits, dim=-1)
        return groups[0].new_full((len(groups[0]), 2), 0.5 if self.config.rho_mode == "fixed" else 1.0)

    def _share(self, p: Tensor, rho: Tensor | None, first: int, last: int, k: int | str) -> Share:
        """The top k of p (n, last - first), weighed: c rho p~."""
        chosen: Tensor | None = None
        weights = p
        if k != "all" and int(k) < last - first:
            chosen = largest(self._lottery(p, first) if self.config.router == "random" else p, int(k))
            weights = p.gather(1, chosen)
            if self.config.renormalise:
                weights = weights / weights.sum(-1, keepdim=True)
        scale = self.config.factor if rho is None else self.config.factor * rho
        return Share(first, last, chosen, weights * scale)

    def _lottery(self, p: Tensor, first: int) -> Tensor:
        """Numbers as good as random for every token, (n, experts): a hash of token, position, layer and expert."""
        tokens, positions = self.reading.tokens, self.reading.positions
        if tokens is None or positions is None or tokens.numel() != len(p):
            raise MethodError("Mix-MoE: router: random needs input_ids; found a call without them.")
        experts = torch.arange(first, first + p.shape[-1], device=p.device)
        state = tokens.flatten().unsqueeze(1)
        for word in (positions.flatten().unsqueeze(1), torch.full_like(experts, self.layer), experts):
            state = _scrambled(state) + word
        return _scrambled(_scrambled(state))


def _scrambled(state: Tensor) -> Tensor:
    """A bijection of 64-bit integers without visible pattern (the mixing steps of splitmix64, Steele et al. 2014)."""
    state = state + -7046029254386353131
    state = (state ^ _shifted(state, 30)) * -4658895280553007687
    state = (state ^ _shifted(state, 27)) * -7723592293110705685
    return state ^ _shifted(state, 31)


def _shifted(state: Tensor, by: int) -> Tensor:
    return (state >> by) & ((1 << (64 - by)) - 1)  # torch shifts the sign in


def _initial(rows: int, columns: int, config: MixMoEConfig) -> nn.Parameter:
    weight = torch.zeros(rows, columns)
    if config.router_init == "xavier":
        nn.init.xavier_normal_(weight)
    elif config.router_init == "normal":
        nn.init.normal_(weight, std=config.init_std)
    return nn.Parameter(weight)


def _joined(parts: list[nn.Parameter | None]) -> Tensor:
    return torch.cat([part for part in parts if part is not None]).float()


def _outputs(columns: Columns) -> int:
    weight = columns.from_x if columns.from_x is not None else columns.from_features
    assert weight is not None
    return len(weight)
