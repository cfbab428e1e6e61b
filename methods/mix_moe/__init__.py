"""Mix-MoE: mixed mixture-of-experts for multilingual translation (Li et al. 2026)."""

from mtsuite.methods.mix_moe.method import MixMoE

__all__ = ["MixMoE"]
