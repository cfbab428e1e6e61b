"""The suite's own COMET: tiny, trained on the microworld, offline.  ``checkpoint/`` is what ships."""

from __future__ import annotations

import json
from pathlib import Path

CHECKPOINT = Path(__file__).parent / "checkpoint"


def describe_card() -> str:
    """One sentence for under a table: what this COMET is, and how well it agrees with what it was trained to see."""
    card = json.loads((CHECKPOINT / "card.json").read_text(encoding="utf-8"))
    agreement = card["agreement"]
    return (
        f"COMET-embedded is a {card['parameters'] / 1e6:.1f} M-parameter COMET that the suite trained on degraded "
        f"microworld translations (Kendall's tau {agreement['tau']:.2f} with the known severities of "
        f"{agreement['sentences']:,} held-out sentences); it is not comparable with published COMET models."
    )
