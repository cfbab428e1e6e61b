"""The mixed mixture-of-experts block: LM experts, MT experts, and the router that joins them.

    u = [x ; phi(x)],   r = W u + b,   p = softmax(r),   y = c sum_{j in TopK(p)} p~_j E_j(x)

An LM expert is a slice of the pretrained block, E_j(x) = sum_{n in S_j} a_n(x) w_n + b_down / n_lm, so the
slices sum to the block.  Experts are not looped over: scaling the activation of each neuron by its
expert's weight before the one down projection gives the same sum.
"""

from __future__ import annotations

import torch
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.features import SpectralFeatures
from torch import Tensor, nn

from mtsuite.model.blocks import FeedForwardBlock, Weights


class ExpertGroup(nn.Module):
    """Experts of one group, held as one block with the experts' neurons one after another.

    up (n w, d), gate likewise or None, down (d, n w) for n experts of width w.
    """

    def __init__(self, weights: Weights, experts: int, activation: nn.Module) -> None:
        super().__init__()
        self.up, self.up_bias = _parameter(weights.up), _parameter(weights.up_bias)
        self.gate, self.gate_bias = _parameter(weights.gate), _parameter(weights.gate_bias)
        self.down, self.down_bias = _parameter(weights.down), _parameter(weights.down_bias)
        neurons = weights.up.shape[0]
        width = -(-neurons // experts)  # the last slice is the shorter one when the width does not divide
        self.register_buffer("expert", torch.arange(neurons, device=weights.up.device) // width, persistent=False)
        self.experts = experts
        self._activation = [activation]  # belongs to the base model

    def forward(self, x: Tensor, weights: Tensor) -> Tensor:
        """sum_j weights_j E_j(x) for x (..., d) and weights (..., n)."""
        act = self._activation[0]
        if self.gate is None:
            a = act(nn.functional.linear(x, self.up, self.up_bias))  # type: ignore[arg-type]
        else:
            a = act(nn.functional.linear(x, self.gate, self.gate_bias)) * nn.functional.linear(x, self.up, self.up_bias)  # type: ignore[arg-type]
        weights = weights.to(a.dtype)
        y = nn.functional.linear(a * weights[..., self.expert], self.down)  # type: ignore[index,arg-type]
        if self.down_bias is not None:
            y = y + weights.sum(-1, keepdim=True) * (self.down_bias / self.experts)
        return y


class Router(nn.Module):
    """Logits of one group's experts from x and phi(x); float32 whatever the rest is."""

    def __init__(self, hidden: int, features: int, experts: int, config: MixMoEConfig, bias: float | None) -> None:
        super().__init__()
        self.from_x = nn.Linear(hidden, experts, bias=False)
        self.from_features = nn.Linear(features, experts, bias=False) if features else None
        self.bias = None if bias is None else nn.Parameter(torch.full((experts,), bias))
        for linear in (self.from_x, self.from_features):
            if linear is not None:
                (nn.init.zeros_ if config.router_init == "zeros" else nn.init.xavier_normal_)(linear.weight)

    def forward(self, x: Tensor, features: Tensor | None) -> Tensor:
        logits = nn.functional.linear(x.float(), self.from_x.weight.float())
        if self.from_features is not None and features is not None:
            logits = logits + nn.functional.linear(features, self.from_features.weight.float())
        return logits if self.bias is None else logits + self.bias


class MixedFeedForward(nn.Module):
    """The layer.  Without MT experts (stage 1) only the LM group routes."""

    def __init__(self, block: FeedForwardBlock, config: MixMoEConfig, layer: int, *, with_mt: bool) -> None:
        super().__init__()
        self.config = config
        weights, act = block.weights(), block.activation
        hidden, neurons, device = block.hidden_size, block.neurons, weights.up.device
        self.features = SpectralFeatures(hidden, config.transform, config.part, config.bins).to(device)
        self.lm = ExpertGroup(_sliced(weights, config, layer), config.lm_experts, act)  # type: ignore[arg-type]
        self.router_lm = Router(hidden, self.features.size, config.lm_experts, config, None).to(device)
        self.mt: ExpertGroup | None = None
        self.router_mt: Router | None = None
        if with_mt:
            width = config.mt_width or max(1, neurons // config.mt_experts)
            self.mt = ExpertGroup(_translation_weights(weights, config, width), config.mt_experts, act)  # type: ignore[arg-type]
            self.router_mt = Router(hidden, self.features.size, config.mt_experts, config, config.mt_logit_bias).to(
                device
            )
        self.mask: Tensor | None = None  # (batch, length), set by the method while it trains
        self.balance = torch.zeros(())
        self._mass = torch.zeros(config.lm_experts + (config.mt_experts if with_mt else 0), dtype=torch.float64)
        self._tokens = 0

    def forward(self, x: Tensor) -> Tensor:
        gates = self.gates(x)
        y = self.lm(x, gates[..., : self.config.lm_experts])
        if self.mt is not None:
            y = y + self.mt(x, gates[..., self.config.lm_experts :])
        return y.to(x.dtype)

    def gates(self, x: Tensor) -> Tensor:
        """Weight of every expert for x (..., d): (..., n_lm + n_mt), rescaled, zero where not chosen; float32."""
        config = self.config
        with torch.autocast(x.device.type, enabled=False):
            features = self.features(x) if self.features.size else None
            logits = [self.router_lm(x, features)]
            if self.router_mt is not None:
                logits.append(self.router_mt(x, features))
            p = torch.softmax(torch.cat(logits, dim=-1), dim=-1)
            if config.gate_mode == "joint":
                chosen = _top(p, config.top_k)
            else:
                used = (config.top_k, config.mt_top_k or config.top_k)
                parts = p.split([g.shape[-1] for g in logits], dim=-1)
                chosen = torch.cat([_top(part, k) for part, k in zip(parts, used, strict=False)], -1)
            if self.training and config.balance:
                self.balance = self._balance(p, chosen)
            if not torch.is_grad_enabled():
                self._mass += p.detach().reshape(-1, p.shape[-1]).sum(0).double().cpu()
                self._tokens += p[..., 0].numel()
            gates = p * chosen
            if config.renormalise:
                gates = self._renormalised(gates, p, [g.shape[-1] for g in logits])
            return gates * (config.rescale if config.rescale is not None else config.lm_experts)

    def _renormalised(self, gates: Tensor, p: Tensor, sizes: list[int]) -> Tensor:
        """Chosen weights sum to one; with per_group each group keeps its mass rho = sum of its p.

        The joint softmax factorises as p_j = rho_G p_j^G with rho the softmax over the groups'
        log-sum-exp, so keeping a group's mass is the per-group gate.
        """
        if self.config.gate_mode == "joint":
            return gates / gates.sum(-1, keepdim=True)
        parts = []
        for gate, full in zip(gates.split(sizes, dim=-1), p.split(sizes, dim=-1), strict=True):
            parts.append(gate / gate.sum(-1, keepdim=True).clamp_min(1e-12) * full.sum(-1, keepdim=True))
        return torch.cat(parts, dim=-1)

    def _balance(self, p: Tensor, chosen: Tensor) -> Tensor:
        """Switch balance loss E sum_i F_i P_i over non-padding tokens; k when perfectly balanced."""
        flat_p, flat_f = p.reshape(-1, p.shape[-1]), chosen.reshape(-1, p.shape[-1]).float()
        if self.mask is not None and self.mask.numel() == flat_p.shape[0]:
            keep = self.mask.reshape(-1).bool()
            flat_p, flat_f = flat_p[keep], flat_f[keep]
        return p.shape[-1] * (flat_f.mean(0) * flat_p.mean(0)).sum()

    def mean_weights(self) -> Tensor:
        """Mean routing probability of every expert since the last call, and a fresh start."""
        mean = (self._mass / max(1, self._tokens)).float()
        self._mass.zero_()
        self._tokens = 0
        return mean


def _top(p: Tensor, k: int | str) -> Tensor:
    """Indicator of the k largest along the last axis; ones for ``all``."""
    if k == "all" or int(k) >= p.shape[-1]:
        return torch.ones_like(p)
    return torch.zeros_like(p).scatter(-1, p.topk(int(k), dim=-1).indices, 1.0)


def _sliced(weights: Weights, config: MixMoEConfig, layer: int) -> Weights:
    """The block's neurons in the order in which they are dealt into slices."""
    if config.slices == "contiguous":
        return weights
    neurons = weights.up.shape[0]
    order = torch.randperm(neurons, generator=torch.Generator().manual_seed(layer)).to(weights.up.device)

    def rows(value: Tensor | None) -> Tensor | None:
        return None if value is None else value[order]

    return Weights(
        weights.up[order],
        rows(weights.up_bias),
        rows(weights.gate),
        rows(weights.gate_bias),
        weights.down[:, order],
        weights.down_bias,
    )


def _translation_weights(weights: Weights, config: MixMoEConfig, width: int) -> Weights:
    """Start of the MT experts: random, or copies of the slices."""
    neurons, hidden = width * config.mt_experts, weights.up.shape[1]
    if config.mt_init == "slices":
        index = torch.arange(neurons, device=weights.up.device) % weights.up.shape[0]
        return Weights(
            weights.up[index],
            None if weights.up_bias is None else weights.up_bias[index],
            None if weights.gate is None else weights.gate[index],
            None if weights.gate_bias is None else weights.gate_bias[index],
            weights.down[:, index],
            None,
        )

    def normal(*shape: int) -> Tensor:
        return (torch.randn(*shape) * config.init_std).to(weights.up)

    down = weights.up.new_zeros(hidden, neurons) if config.mt_down_init == "zero" else normal(hidden, neurons)
    bias = None if weights.up_bias is None else weights.up.new_zeros(neurons)
    gate = None if weights.gate is None else normal(neurons, hidden)
    return Weights(normal(neurons, hidden), bias, gate, None, down, None)


def _parameter(value: Tensor | None) -> nn.Parameter | None:
    return None if value is None else nn.Parameter(value.clone())
