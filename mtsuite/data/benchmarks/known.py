"""The sets that are known by name, and where they are when a recipe does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mtsuite.data.benchmarks.base import Benchmark
from mtsuite.data.benchmarks.languages import FLORES_200, FLORES_PLUS, NTREX, TICO, WMT24PP
from mtsuite.data.benchmarks.layouts import Flores200, FloresPlus, Ntrex, Tico, Wmt24pp, _ByFile
from mtsuite.data.benchmarks.places import Hub, Local, Place, Web
from mtsuite.data.benchmarks.sacre import Sacrebleu, SacrebleuPlace
from mtsuite.data.sources.paths import expand
from mtsuite.errors import DataError, did_you_mean


@dataclass(frozen=True)
class Known:
    """A set: how it is read, what is to be said of it, and its home.

    ``repository`` is of the hub, or an address of plain files; empty where only a local copy can be read.
    """

    kind: type[_ByFile]
    languages: tuple[str, ...]
    about: str
    licence: str
    repository: str = ""
    revision: str | None = None
    gated: bool = False
    splits: tuple[str, ...] = ("test",)
    home: str = ""


SETS: dict[str, Known] = {
    "flores+": Known(
        FloresPlus, FLORES_PLUS, "997 + 1012 sentences of Wikimedia text in more than 200 languages", "CC BY-SA 4.0",
        "openlanguagedata/flores_plus", gated=True, splits=("devtest", "dev"),
        home="https://huggingface.co/datasets/openlanguagedata/flores_plus",
    ),
    "flores-200": Known(
        Flores200, FLORES_200, "the same as first released, in 204 languages and scripts", "CC BY-SA 4.0",
        "facebook/flores", "refs/convert/parquet", splits=("devtest", "dev"),
        home="https://huggingface.co/datasets/facebook/flores",
    ),
    "wmt24++": Known(
        Wmt24pp, WMT24PP, "998 English segments of news, literary text, social media and speech, into 55 languages "
        "and dialects; 960 without bad sources", "Apache 2.0", "google/wmt24pp", splits=("train",),
        home="https://huggingface.co/datasets/google/wmt24pp",
    ),
    "ntrex-128": Known(
        Ntrex, NTREX, "1,997 English news sentences in 127 languages and variants", "CC BY-SA 4.0",
        "https://raw.githubusercontent.com/MicrosoftTranslator/NTREX/main",
        home="https://github.com/MicrosoftTranslator/NTREX",
    ),
    "tico-19": Known(
        Tico, TICO, "2,100 test and 971 dev sentences on COVID-19, English with 31 languages", "CC0",
        splits=("test", "dev"), home="https://tico-19.github.io",
    ),
}  # fmt: skip


def known_names() -> list[str]:
    """All names that a recipe may use: the sets of their own layout, then sacrebleu's."""
    from sacrebleu.dataset import DATASETS

    return [*SETS, *(name for name in DATASETS if name not in SETS)]


def open_set(name: str, settings: Mapping[str, Any], folder: Path, offline: bool = False) -> Benchmark:
    """The set ``name`` with its settings (``path``, ``split``, ``revision``).

    Raises DataError for an unknown name or split, and for a folder that is not there.
    """
    key = f"data.benchmarks.{name}"
    if name not in SETS:
        return _of_sacrebleu(name, key, settings, offline)
    known = SETS[name]
    split = settings.get("split") or known.splits[0]
    if split not in known.splits:
        raise DataError(f"{key}.split: {name} has the splits {', '.join(known.splits)}; found {split!r}.")
    made = known.kind(name, key, _place(name, key, known, settings, folder, offline), split)
    made.on_hub = known.languages
    return made


def _place(name: str, key: str, known: Known, settings: Mapping[str, Any], folder: Path, offline: bool) -> Place:
    if settings.get("path"):
        return Local(key, Path(expand(settings["path"], folder, f"{key}.path")))
    if known.repository.startswith("https://"):
        return Web(key, name, known.repository, offline)
    if known.repository:
        return Hub(key, known.repository, settings.get("revision") or known.revision, known.gated, offline)
    raise DataError(
        f"{key}.path: {name} is not on the hub in its own layout. Get it from {known.home} and give its folder."
    )


def _of_sacrebleu(name: str, key: str, settings: Mapping[str, Any], offline: bool) -> Benchmark:
    from sacrebleu.dataset import DATASETS

    if name not in DATASETS:
        raise DataError(
            f"data.benchmarks: no test set is called {name!r}. "
            f"{did_you_mean(name, known_names())} `mtsuite data list` shows all."
        )
    for option in ("path", "split", "revision"):
        if settings.get(option):
            raise DataError(
                f"{key}.{option}: {name} comes from sacrebleu, which has no {option}; set SACREBLEU to "
                "the folder that holds its files."
            )
    return Sacrebleu(name, key, SacrebleuPlace(key, offline), "test")
