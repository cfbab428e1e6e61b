"""Text to token ids: the one place where a prompt and a target become what a model reads.

Training examples, decoding prompts, examples in context, probes and perplexity all come through here, so that they
agree piece by piece whatever the tokenizer does:

* The blank between prompt and target belongs to the target.  A target's ids are what follows the prompt's ids in the
  ids of both together; where the prompt's are no prefix of them, a piece reaches across the cut, which decoding could
  never write, and the pair has no encoding.
* What the tokenizer puts before a text (a beginning token, say) stands there once.  What it appends is left away:
  a prompt is to be continued, and a target ends with the one token that the caller names.
* Text is text: the spelling of a special token within a segment becomes ordinary pieces.  Within an instruction it is
  the token, since whoever wrote the instruction meant it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ANCHOR = "x"  # a text that no tokenizer merges with what follows a line break


@dataclass(frozen=True)
class Part:
    """A stretch of a prompt; special tokens are meant as such where it is of an ``instruction``."""

    text: str
    instruction: bool = False


Prompt = Sequence[Part]


def spelled(prompt: Prompt) -> str:
    """The prompt as a string."""
    return "".join(part.text for part in prompt)


class Encoder:
    """A tokenizer's ids of texts, prompts and pairs.

    ``before`` are the ids that the tokenizer puts before a text, ``special`` the ids of its special tokens by their
    spelling (the unknown token aside, which stands for ordinary text).
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        known = {str(token): i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
        named = {str(token): tokenizer.convert_tokens_to_ids(str(token)) for token in tokenizer.all_special_tokens}
        known |= {token: int(i) for token, i in named.items() if i is not None}
        # GPT-2's unknown token is its end token as well; an unknown token alone stands for ordinary text.
        ends = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id}
        self.special = {t: i for t, i in known.items() if t and (i != tokenizer.unk_token_id or i in ends)}
        spellings = sorted(map(re.escape, self.special), key=len, reverse=True)
        self._special = re.compile("(" + "|".join(spellings) + ")") if spellings else None
        self.before = self._written_before()

    # -- texts --------------------------------------------------------------------------------------

    def plain(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of texts alone: nothing put around them, special tokens in them split into ordinary pieces."""
        if not texts:
            return []
        found = [list(ids) for ids in self._raw(texts)]
        # A vocabulary may list a special token among its ordinary pieces, and then its spelling is not split.
        forbidden = set(self.special.values())
        for number, text in enumerate(texts):
            if not forbidden.isdisjoint(found[number]):
                found[number] = self._in_halves(text)
        return found

    def _raw(self, texts: Sequence[str]) -> list[list[int]]:
        if self.tokenizer.is_fast:
            encoded: list[list[int]] = self.tokenizer(
                list(texts), add_special_tokens=False, split_special_tokens=True, return_attention_mask=False
            ).input_ids
            return encoded
        return [  # tokenizers written in Python split special tokens in single texts only
            self.tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids for text in texts
        ]

    def _in_halves(self, text: str) -> list[int]:
        """Ids of a text whose special tokens are cut after their first character, so that none is found whole."""
        if self._special is None:
            return self._raw([text])[0]
        cuts = [0, *(match.start() + 1 for match in self._special.finditer(text)), len(text)]
        first, *rest = [text[start:end] for start, end in itertools.pairwise(cuts)]
        ids = list(self._raw([first])[0])
        for piece in rest:
            ids += self.following(_ANCHOR, piece)
        forbidden = set(self.special.values())
        return [i for i in ids if i not in forbidden]

    def following(self, text: str, more: str) -> list[int]:
        """Ids of ``more`` as they stand behind ``text``; by themselves where a piece reaches across."""
        [alone, both, single] = self._raw([text, text + more, more])
        return list(both[len(alone) :] if both[: len(alone)] == alone else single)

    # -- prompts ------------------------------------------------------------------------------------

    def prompts(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Ids of prompts as decoding begins with them: what the tokenizer puts before, no end behind."""
        return [self._begun(ids) for ids in self._parts(prompts)]

    def in_context(self, examples: Sequence[tuple[Prompt, str]], prompt: Prompt, separator: str) -> list[int]:
        """Ids of examples (prompt, target), each followed by ``separator``, and the prompt to be continued.

        The ids of every example and of the prompt are those that they have alone.
        """
        texts = [[*shown, Part(target)] for shown, target in examples]
        *blocks, last = self._parts([*texts, prompt])
        joined: list[Part] = []
        for text in texts:
            joined += [*text, Part(separator)]
        [whole] = self._parts([[*joined, *prompt]])
        if not _pieces_agree(whole, [*blocks, last]):
            whole = []
            for text, block in zip(texts, blocks, strict=True):
                whole += block + self.following(spelled(text)[-1:] or _ANCHOR, separator)
            whole += last
        return self._begun(whole)

    # -- pairs --------------------------------------------------------------------------------------

    def pairs(self, pairs: Sequence[tuple[Prompt, str]], end: int) -> list[tuple[list[int], list[int]] | None]:
        """Ids of prompts and of the targets behind them, which end with ``end`` once.

        None for a pair with a piece that reaches across the cut.
        """
        prompts = self._parts([prompt for prompt, _ in pairs])
        wholes = self._parts([[*prompt, Part(target)] for prompt, target in pairs])
        return [
            (self._begun(prompt), [*whole[len(prompt) :], end]) if whole[: len(prompt)] == prompt else None
            for prompt, whole in zip(prompts, wholes, strict=True)
        ]

    # -- inside -------------------------------------------------------------------------------------

    def _parts(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Ids of prompts without what the tokenizer puts before: texts are encoded between their special tokens."""
        runs = [list(self.runs(prompt)) for prompt in prompts]
        encoded = iter(self.plain([run for row in runs for run in row if isinstance(run, str)]))
        return [[i for run in row for i in (next(encoded) if isinstance(run, str) else [run])] for row in runs]

    def runs(self, prompt: Prompt) -> Iterator[str | int]:
        """Texts between special tokens, and the ids of the special tokens that an instruction writes."""
        text = ""
        for part in prompt:
            if not part.instruction or self._special is None or not self._special.search(part.text):
                text += part.text
                continue
            for piece in self._special.split(part.text):
                if piece in self.special:
                    if text:
                        yield text
                    yield self.special[piece]
                    text = ""
                else:
                    text += piece
        if text:
            yield text

    def _begun(self, ids: list[int]) -> list[int]:
        """Behind what the tokenizer puts before a text, unless the text begins with it already."""
        return ids if self.before and ids[: len(self.before)] == self.before else [*self.before, *ids]

    def _written_before(self) -> list[int]:
        """What the tokenizer puts before a text, seen on one."""
        around = list(self.tokenizer(_ANCHOR).input_ids)
        [alone] = self._raw([_ANCHOR])
        for start in range(len(around) - len(alone) + 1):
            if around[start : start + len(alone)] == alone:
                return around[:start]
        special = set(self.special.values())
        return around[: next((n for n, i in enumerate(around) if i not in special), 0)]


def _pieces_agree(whole: list[int], pieces: list[list[int]]) -> bool:
    """Whether the pieces stand in ``whole`` one after another, the first at its start and the last at its end."""
    place = 0
    for number, piece in enumerate(pieces):
        if number == len(pieces) - 1:
            return len(whole) - len(piece) >= place and whole[len(whole) - len(piece) :] == piece
        starts = range(place, len(whole) - len(piece) + 1) if number else range(1)
        found = next((start for start in starts if whole[start : start + len(piece)] == piece), None)
        if found is None:
            return False
        place = found + len(piece)
    return False
