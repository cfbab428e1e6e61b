"""The index of methods: what each is, where the idea comes from, what it costs.

``python -m mtsuite.catalogue`` prints ``docs/methods/README.md``, ``--write PATH`` writes it; ``mtsuite methods list``
and ``mtsuite methods show`` print the same from the same data.  Everything is read off the methods themselves:
docstrings, phases, configuration, and the surgery done on a model without numbers.
"""

from __future__ import annotations

import argparse
import functools
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mtsuite.data.direction import Direction
from mtsuite.errors import MTSuiteError
from mtsuite.method import Artefacts, Method, Phase, Probe, Train, main_phase
from mtsuite.recipe.reference import type_text
from mtsuite.registry import OWN, examine, find_method, registered

if TYPE_CHECKING:
    from torch import nn

# The model of LANDeRMT's Table 1, for numbers of parameters that can be compared.
REFERENCE = "BLOOM-7b1"
_SHAPE = {"hidden_size": 4096, "n_layer": 30, "n_head": 32, "vocab_size": 250880}
_DIRECTIONS = tuple(
    Direction.parse(f"{a}-{b}") for x in ("de", "it", "fr", "ar", "zh") for a, b in (("en", x), (x, "en"))
)

GROUPS = (
    "Nothing is trained",
    "Trained on parallel text",
    "Analyzed first, then trained",
    "Trained in several phases",
)


@dataclass(frozen=True)
class Entry:
    """One method of the index; ``problem`` says why it cannot be used, and then little else is known."""

    name: str
    distribution: str
    cls: type[Method] | None = None
    problem: str = ""
    group: str = "Cannot be used"
    about: str = ""
    paper: str = ""
    phases: tuple[Phase, ...] = ()
    variants: tuple[Entry, ...] = field(default=())

    @property
    def course(self) -> str:
        """The phases in a word each: ``analyze: detection → train: translation``."""
        return " → ".join(phase_text(phase) for phase in self.phases) or "none"

    @property
    def brief_course(self) -> str:
        """The phases without looks at the method's own model, on which no score depends."""
        shown = [p for p in self.phases if not (isinstance(p, Probe) and p.looks_at != "base")]
        return " → ".join(phase_text(phase) for phase in shown) or "none"


def phase_text(phase: Phase) -> str:
    """A phase with what it does: ``analyze: detection``, ``train: lm-experts (monolingual text)``."""
    if isinstance(phase, Probe):
        where = {"base": "", "start": " (before training)", "trained": " (trained model)"}[phase.looks_at]
        return f"analyze: {phase.name}{where}"
    return f"train: {phase.name}" + (" (monolingual text)" if phase.text == "monolingual" else "")


def catalogue(only: str | None = None) -> list[Entry]:
    """All registered methods (those of one distribution, when named) in the order of ``GROUPS``.

    A method whose class derives from a registered one of the same module is among that one's ``variants``.
    """
    names = [name for name, entry in registered().items() if only in (None, entry.distribution)]
    entries = {name: entry_of(name) for name in names}
    children: dict[str, list[Entry]] = {}
    for entry in entries.values():
        parent = _parent(entry, entries.values())
        if parent is not None:
            children.setdefault(parent.name, []).append(entry)
    below = {entry.name for found in children.values() for entry in found}
    top = [_with_variants(entry, children) for name, entry in entries.items() if name not in below]
    order = (*GROUPS, "Cannot be used")
    return sorted(top, key=lambda entry: (order.index(entry.group), entry.distribution != OWN, entry.name))


def entry_of(name: str) -> Entry:
    """What is known of one method: a registered name, or ``path/to/file.py:ClassName``."""
    known = registered().get(name)
    distribution = known.distribution if known is not None else "file"
    try:
        cls = find_method(name)
        method = cls()
        examine(method, name)
    except MTSuiteError as error:
        return Entry(name, distribution, problem=str(error))
    except Exception as error:  # a configuration without defaults, say: still worth a line
        return Entry(name, distribution, cls, f"{type(error).__name__}: {error}", about=first_line(cls))
    phases = tuple(method.phases())
    return Entry(name, distribution, cls, "", _group(phases), first_line(cls), paper_of(cls), phases)


def _group(phases: Iterable[Phase]) -> str:
    phases = list(phases)
    trains = [phase for phase in phases if isinstance(phase, Train)]
    if not trains:
        return GROUPS[0]
    if len(trains) > 1:
        return GROUPS[3]
    looks = any(isinstance(phase, Probe) and phase.looks_at == "base" for phase in phases)
    return GROUPS[2] if looks else GROUPS[1]


def _parent(entry: Entry, entries: Iterable[Entry]) -> Entry | None:
    """The registered method of the same module from which an entry's class derives."""
    if entry.cls is None:
        return None
    bases = [base for base in entry.cls.__mro__[1:] if base.__module__ == entry.cls.__module__]
    found = [other for base in bases for other in entries if other.cls is base]
    return found[-1] if found else None


def _with_variants(entry: Entry, children: dict[str, list[Entry]]) -> Entry:
    found = tuple(children.get(entry.name, ()))
    return replace(entry, variants=found)


def first_line(cls: type[Method]) -> str:
    """The first paragraph of a class's own docstring."""
    text = " ".join((cls.__dict__.get("__doc__") or "").split("\n\n")[0].split())
    return text.replace("``", "`") or "(no docstring)"


_YEAR = re.compile(r"[^()]*\b(?:19|20)\d\d\b[^()]*")
_ARXIV = re.compile(r"arXiv[ :]*\d{4}\.\d{4,5}")


def paper_of(cls: type[Method]) -> str:
    """Where the idea comes from: the first parenthesis with a year in the docstring of the class or its module.

    A number at arXiv that stands by itself, in the text of the module, is added.
    """
    module = sys.modules[cls.__module__].__doc__ or ""
    for text in (cls.__dict__.get("__doc__") or "", module):
        head = " ".join(text.split("\n\n")[0].split()) if text is not module else " ".join(text.split())
        found = [inner for inner in re.findall(r"\(([^()]*)\)", head) if _YEAR.fullmatch(inner) and "et al" in inner]
        if found:
            arxiv = _ARXIV.search(head)
            return found[0] + (f", {arxiv[0]}" if arxiv is not None and not _ARXIV.search(found[0]) else "")
    cited = re.findall(r"\(([^()]*(?:§|Table|Figure)[^()]*)\)", module.split("\n\n")[0])
    return cited[0] if cited else ""


# -- what it costs ----------------------------------------------------------------------------------


def trained_parameters(cls: type[Method]) -> list[int | None]:
    """Parameters that each training phase trains on a model of ``REFERENCE``'s shape; None where that is not known.

    The model holds no numbers: a method whose surgery needs a probe's result must count by itself.
    """
    method = cls()
    phases = list(method.phases())
    main = main_phase(phases)
    return [_trained(method, phase, main=phase is main) for phase in phases if isinstance(phase, Train)]


def _trained(method: Method, phase: Train, *, main: bool) -> int | None:
    import copy

    import torch

    model = copy.deepcopy(_bloom()).requires_grad_(False)
    try:
        counted = method.planned_parameters(model, _DIRECTIONS) if main else None
        if counted is not None:
            return counted
        with torch.device("meta"):
            model = method.attach(model, Artefacts(), phase.name)
        return sum({id(p): p.numel() for p in method.trainable(model, phase)}.values())
    except Exception:  # whatever a plug-in raises on a model without numbers
        return None


@functools.lru_cache(maxsize=1)
def _bloom() -> nn.Module:
    import torch
    from transformers import AutoModelForCausalLM, BloomConfig

    with torch.device("meta"):
        model: nn.Module = AutoModelForCausalLM.from_config(BloomConfig(**_SHAPE))
    return model


def trained_text(cls: type[Method]) -> str:
    """The numbers of all phases: ``31.5 M``, ``8.05 B → 492 k``, ``0``, with a question mark for what is not known."""
    return " → ".join("?" if count is None else count_text(count) for count in trained_parameters(cls)) or "0"


def count_text(count: int) -> str:
    """A number in three digits: ``31.5 M``, ``7.07 B``, ``0``."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= size:
            return f"{count / size:.3g} {letter}"
    return str(count)


# -- one method's configuration ---------------------------------------------------------------------


@dataclass(frozen=True)
class ConfigKey:
    """One key of a method's configuration; ``meaning`` ends with where the default comes from."""

    key: str
    takes: str
    default: str
    meaning: str


def config_keys(cls: type[Method]) -> list[ConfigKey]:
    """The configuration of a method, field by field."""
    keys = []
    for name, option in cls.Config.model_fields.items():
        default = "required" if option.is_required() else str(option.get_default(call_default_factory=True))
        keys.append(ConfigKey(name, type_text(option).replace("`", ""), default, option.description or ""))
    return keys


# -- docs/methods/README.md -------------------------------------------------------------------------

_HEAD = """# Methods

The methods that come with the suite. `mtsuite methods list` prints this index and any other installed methods.
`mtsuite methods show NAME` describes one: its phases, and every configuration key with the source of its default.

*analyze* is an analysis phase: forward and backward passes that change nothing. *train* is a training phase, on the
recipe's parallel text unless it says otherwise. *trained* is the number of trained parameters per phase, on a model of
BLOOM-7b1's shape ({whole} in all). A question mark means that the number depends on the model's weights. A method under
└ is a variant of the one above. To write one of your own: [a method in twenty lines](../tutorial-method.md).
"""


def markdown() -> str:
    """The text of ``docs/methods/README.md``."""
    lines = [_HEAD.format(whole=count_text(sum(p.numel() for p in _bloom().parameters())))]
    entries = catalogue(OWN)
    for group in dict.fromkeys(entry.group for entry in entries):
        lines += [
            f"## {group}",
            "",
            "| method | what it is | phases | trained | from |",
            "| --- | --- | --- | --- | --- |",
        ]
        for entry in entries:
            if entry.group == group:
                lines += _markdown_rows(entry)
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _markdown_rows(entry: Entry) -> Iterator[str]:
    for one in (entry, *entry.variants):
        name = f"[{one.name}]({entry.name}.md)" if one is entry else f"└ [{one.name}]({entry.name}.md)"
        if one.cls is None:
            yield f"| {name} | {one.problem} | | | |"
            continue
        cells = (name, one.about, one.course, trained_text(one.cls), one.paper)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m mtsuite.catalogue", description=__doc__)
    parser.add_argument("--write", metavar="PATH", type=Path, help="write the text there instead of printing it")
    options = parser.parse_args()
    if options.write:
        options.write.write_text(markdown(), encoding="utf-8")
    else:
        print(markdown(), end="")


if __name__ == "__main__":
    main()
