"""A few sentences in several languages, and how well a model with a tokenizer predicts them.

The measure is bits per UTF-8 byte: a loss per token cannot be compared between tokenizers that cut text differently.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtsuite.pretrained.layers import embedding_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Plain statements of our own that hold digits, punctuation and accents; the languages span scripts.
SENTENCES = {
    "en": (
        "The train from London arrives at 10:45 in the morning, and we will meet you at the station.",
        "Water boils at one hundred degrees, but on a high mountain it boils earlier.",
    ),
    "de": (
        "Der Zug aus Berlin kommt um 10:45 Uhr an, und wir holen dich am Bahnhof ab.",
        "Wasser kocht bei hundert Grad, aber auf einem hohen Berg kocht es früher.",
    ),
    "fr": (
        "Le train de Paris arrive à 10 h 45 du matin et nous vous attendrons à la gare.",
        "L'eau bout à cent degrés, mais sur une haute montagne elle bout plus tôt.",
    ),
    "it": (
        "Il treno da Roma arriva alle 10:45 del mattino e noi vi aspetteremo alla stazione.",
        "L'acqua bolle a cento gradi, ma su un'alta montagna bolle prima.",
    ),
    "ar": (
        "يصل القطار من القاهرة في الساعة العاشرة صباحا وسوف ننتظرك في المحطة.",
        "يغلي الماء عند مئة درجة، لكنه يغلي قبل ذلك فوق جبل عال.",
    ),
    "zh": (
        "从北京来的火车上午10点45分到达，我们会在车站等你。",
        "水在一百度时沸腾，但在高山上沸腾得更早。",
    ),
}

# Three fifths of the entropy of single letters, in bits per byte (Arabic letters have two bytes, Chinese characters
# three).  A language model is far below in a language that it knows, and above in all of them with a wrong tokenizer.
MOST_BITS = {"en": 2.5, "de": 2.5, "fr": 2.5, "it": 2.5, "ar": 1.4, "zh": 1.8}


@dataclass(frozen=True)
class Fit:
    """How a model predicts the sentences: by language, bits per byte and mean loss per token (nats)."""

    bits: dict[str, float]
    loss: dict[str, float]

    @property
    def mean(self) -> float:
        """Mean bits per byte over the languages."""
        return sum(self.bits.values()) / len(self.bits)

    @property
    def sound(self) -> bool:
        """Whether the model predicts at least one of the languages better than `MOST_BITS`."""
        return any(value <= MOST_BITS[code] for code, value in self.bits.items())

    def text(self) -> str:
        """The numbers for a message: ``en 1.02, de 1.40, … bits per byte``."""
        return ", ".join(f"{code} {value:.2f}" for code, value in self.bits.items()) + " bits per byte"


def sentence_fit(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Fit:
    """Score the sentences, each by itself, after the beginning token where the tokenizer writes one.

    Where it writes none, the first piece of a sentence is not predicted, and its bytes still count.
    A tokenizer that makes ids beyond the model's vocabulary scores infinity.
    """
    import torch

    rows = embedding_of(model).weight.shape[0]
    bits, losses = {}, {}
    for code, sentences in SENTENCES.items():
        nats, tokens, size = 0.0, 0, 0
        for sentence in sentences:
            ids = tokenizer(sentence).input_ids
            size += len(sentence.encode())
            tokens += len(ids) - 1
            if max(ids) >= rows:
                nats = math.inf
                continue
            batch = torch.tensor([ids])
            with torch.inference_mode():
                logits = model(input_ids=batch).logits[0, :-1].float()  # (length - 1, vocabulary)
            nats += float(torch.nn.functional.cross_entropy(logits, batch[0, 1:], reduction="sum"))
        bits[code], losses[code] = nats / math.log(2) / size, nats / max(1, tokens)
    return Fit(bits, losses)
