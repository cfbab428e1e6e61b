"""Whether a template's prompts can be continued: their ids must begin the ids of prompt and target together."""

from __future__ import annotations

from collections.abc import Sequence

from mtsuite.data.direction import Direction
from mtsuite.data.encode import Encoder
from mtsuite.data.prompts import Templates
from mtsuite.errors import DataError

SAMPLE = 20  # pairs that every template is tried on


def check_joins(encoder: Encoder, templates: Templates, direction: Direction, pairs: Sequence[tuple[str, str]]) -> None:
    """Raises DataError for a template under which half of the pairs or more have a piece across the cut.

    Decoding begins with the prompt's own pieces and could never write such a piece.
    """
    for index, template in enumerate(templates.texts):
        asked = [
            (templates.parts(direction, source, index), templates.completion(target, index))
            for source, target in pairs[:SAMPLE]
        ]
        found = [pair for pair, ids in zip(asked, encoder.pairs(asked, 0), strict=True) if ids is None]
        if found and 2 * len(found) >= len(asked):
            target = found[0][1]
            raise DataError(
                f"Template {index}, {direction}: expected a prompt whose tokens stay as they are when the translation "
                f"follows; found that this tokenizer joins its end with the translation's beginning "
                f"({template[-12:] + target[:12]!r}), which decoding could never write. End the template in ':' or in "
                f"a line break rather than in a blank, or change its last characters: {template!r}"
            )
