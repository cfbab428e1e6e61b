"""LANDeRMT: detecting and routing language-aware neurons (Zhu et al. 2024)."""

from mtsuite.methods.landermt.method import LANDeRMT, LANDeRMTGeneral, LANDeRMTSpecific, Layers

__all__ = ["LANDeRMT", "LANDeRMTGeneral", "LANDeRMTSpecific", "Layers"]
