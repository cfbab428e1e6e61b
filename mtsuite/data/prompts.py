"""Instructions around a sentence pair.

A prompt is a filled template; the completion is what the model shall write after it.  The two join as
``prompt + completion``: a prompt that ends in a blank or a line break is followed by the bare target,
any other (all the built-in ones end in a colon) by a blank and the target, so that a byte-level BPE
sees a word boundary exactly where the prompt ends.  A target is one line; what follows it is the
end-of-sequence token or a line break.
"""

from __future__ import annotations

import hashlib
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mtsuite.data.direction import Direction
from mtsuite.data.encode import Part, spelled
from mtsuite.data.languages import language
from mtsuite.data.text import missing_file, one_line
from mtsuite.errors import DataError, did_you_mean

FIELDS = ("source_language", "target_language", "source")
REQUIRED = ("target_language", "source")
BETWEEN = "\n\n"  # examples in context

BUILTIN: tuple[str, ...] = (
    "Translate from {source_language} to {target_language}.\n{source_language}: {source}\n{target_language}:",
    "Translate this {source_language} sentence into {target_language}.\n{source}\nTranslation:",
    "{source_language} text: {source}\nThe same text in {target_language}:",
    "How would a speaker of {target_language} say this?\n{source_language}: {source}\n{target_language}:",
    'What does "{source}" mean in {target_language}? {target_language}:',
    "Read the {source_language} line, then write it in {target_language}.\nLine: {source}\n{target_language} line:",
    "Task: {source_language} to {target_language} translation.\nInput: {source}\nOutput:",
    "Here is a sentence in {source_language}: {source}\nPut into {target_language}, it reads:",
    "Keep the meaning and change the language from {source_language} to {target_language}.\n"
    "Original: {source}\nTranslation:",
    "{source}\nThe line above is {source_language}. Its {target_language} translation:",
)


def check_template(template: str, where: str) -> None:
    """Raises DataError when a template has unknown fields, lacks a required one, or does not parse."""
    try:
        found = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        hint = "A brace that is text is doubled: {{ or }}."
        raise DataError(f"{where}: {error}. {hint} Template: {template!r}") from None
    for name in found:
        if name not in FIELDS:
            raise DataError(f"{where}: unknown field {{{name}}}. {did_you_mean(name, FIELDS)} Template: {template!r}")
    lacking = [name for name in REQUIRED if name not in found]
    if lacking:
        names = " and ".join("{" + name + "}" for name in lacking)
        raise DataError(f"{where}: the template lacks {names}; it reads {template!r}.")
    if (times := found.count("source")) != 1:
        raise DataError(f"{where}: a template contains {{source}} once; here it is there {times} times: {template!r}")


@dataclass(frozen=True)
class Templates:
    """An ordered list of instruction templates with the fields of `FIELDS`."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        for number, template in enumerate(self.texts):
            check_template(template, f"template {number}")

    @classmethod
    def builtin(cls) -> Templates:
        """The ten that come with the suite; number 0 is the short, label-like one used in translation."""
        return cls(BUILTIN)

    @classmethod
    def read(cls, path: Path) -> Templates:
        """Read a YAML file with a list under ``templates:``.

        Raises DataError for a missing file, anything else than a list of texts, or a template that
        lacks ``{source}`` or ``{target_language}`` or has an unknown field.
        """
        import yaml

        path = Path(path)
        if not path.is_file():
            raise missing_file(path, "prompts.templates")
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise DataError(f"{path} is not a YAML file: {error}") from None
        texts = content.get("templates") if isinstance(content, dict) else None
        if not isinstance(texts, list) or not texts:
            found = f"keys {', '.join(map(str, content))}" if isinstance(content, dict) else type(content).__name__
            raise DataError(f"{path}: expected a list under `templates:`; found {found}.")
        for number, template in enumerate(texts):
            if not isinstance(template, str):
                raise DataError(f"{path}, templates[{number}]: expected a text; found {template!r}. Quote it.")
            check_template(template, f"{path}, templates[{number}]")
        return cls(tuple(texts))

    @classmethod
    def load(cls, name: str, folder: Path | str = ".") -> Templates:
        """``builtin``, or a YAML file whose path is relative to ``folder`` (the recipe's)."""
        return cls.builtin() if name == "builtin" else cls.read(Path(folder) / Path(name).expanduser())

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the templates."""
        return hashlib.sha256("\0".join(self.texts).encode()).hexdigest()

    def check_index(self, index: int) -> None:
        """Raises DataError when there is no such template."""
        if not 0 <= index < len(self.texts):
            raise DataError(f"There is no template {index}; the list has {len(self.texts)}, numbered from 0.")

    def prompt(self, direction: Direction, source: str, index: int = 0) -> str:
        """Template ``index`` filled with the English names of the languages and the source segment."""
        return spelled(self.parts(direction, source, index))

    def parts(self, direction: Direction, source: str, index: int = 0) -> list[Part]:
        """The same, with the segment apart from the instruction around it."""
        self.check_index(index)
        names = {
            "source_language": language(direction.source).name,
            "target_language": language(direction.target).name,
        }
        made: list[Part] = []
        for literal, field, form, conversion in string.Formatter().parse(self.texts[index]):
            text = literal
            if field is not None and field != "source":
                wanted = "{x" + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "") + "}"
                text += wanted.format(x=names[field])
            made.append(Part(text, instruction=True))
            if field == "source":
                made.append(Part(one_line(source)))
        return made

    def completion(self, target: str, index: int = 0) -> str:
        """What follows ``prompt(…, index)``: the target, with a blank before it unless the prompt ends in one."""
        self.check_index(index)
        return completion(target, self.texts[index])

    def in_context_prompt(
        self, direction: Direction, examples: Sequence[tuple[str, str]], source: str, index: int = 0
    ) -> str:
        """Examples ``(source, target)`` as filled templates with translations, then the prompt; blank lines between."""
        blocks = [self.prompt(direction, s, index) + self.completion(t, index) for s, t in examples]
        return BETWEEN.join([*blocks, self.prompt(direction, source, index)])

    def assign(self, seed: int, direction: Direction, pair_index: int) -> int:
        """The template of one training pair: drawn evenly by a hash, whatever the order of asking."""
        digest = hashlib.blake2b(f"{seed}|{direction}|{pair_index}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % len(self.texts)


def completion(target: str, prompt: str = ":") -> str:
    """The target as it joins a prompt; with the built-in templates, a blank and the target on one line."""
    return one_line(target) if prompt[-1:].isspace() else " " + one_line(target)
