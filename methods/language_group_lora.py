"""A low-rank module for every group of languages (X-ALMA: Xu et al. 2025, arXiv 2410.03115).

    W x  becomes  W x + (alpha / r) B_g A_g x,      g the group of the direction's language beside English

Groups share the frozen base and nothing else, so languages of different groups cannot interfere.  Text without
a direction, and directions without a group, pass through the base alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from mtsuite.methods.low_rank import LowRank, add_update, linear_maps, low_rank_parameters, sizes
from pydantic import StringConstraints, model_validator
from torch import Tensor, nn

from mtsuite.data.batches import Text
from mtsuite.data.languages import language
from mtsuite.method import Artefacts, Direction, Method, MethodConfig, MethodError, Option, Phase, Probe, Train
from mtsuite.model.blocks import decoder_layers

ENGLISH = "en"  # belongs to every group, and so decides for none

X_ALMA = {  # the eight groups of the release
    "x-alma-1": ("da", "nl", "de", "is", "no", "sv", "af"),
    "x-alma-2": ("ca", "ro", "gl", "it", "pt", "es"),
    "x-alma-3": ("bg", "mk", "sr", "uk", "ru"),
    "x-alma-4": ("id", "ms", "th", "vi", "mg", "fr"),
    "x-alma-5": ("hu", "el", "cs", "pl", "lt", "lv"),
    "x-alma-6": ("ka", "zh", "ja", "ko", "fi", "et"),
    "x-alma-7": ("gu", "hi", "mr", "ne", "ur"),
    "x-alma-8": ("az", "kk", "ky", "tr", "uz", "ar", "he", "fa"),
}


GroupName = Annotated[str, StringConstraints(pattern=r"^[\w-]+$")]


class LanguageGroupLoRAConfig(MethodConfig):
    groups: (
        Literal["family", "x-alma", "language"]
        | dict[Annotated[str, StringConstraints(pattern=r"^[\w-]+$")], list[str]]
    ) = Option(
        "family",
        description="Groups of languages: `family` (the suite's table of languages), `x-alma` (the paper's eight), "
        "`language` (one each), or names with their language codes, such as {west: [de, fr], east: [zh]}. English "
        "belongs to all. Our choice: family, which does for every language.",
    )
    rank: int = Option(16, ge=1, description="Rank r of each group's module. Our choice: that of the lora row.")
    alpha: float = Option(32.0, gt=0, description="Scale alpha; an update counts alpha / r. Our choice: 2 r, as lora.")
    dropout: float = Option(0.0, ge=0, lt=1, description="Dropout before A. Our choice: none, as in the other rows.")

    @model_validator(mode="after")
    def _each_language_once(self) -> LanguageGroupLoRAConfig:
        codes = [code for group in self.groups.values() for code in group] if isinstance(self.groups, dict) else []
        twice = sorted({code for code in codes if codes.count(code) > 1})
        if twice:
            raise ValueError(f"groups: {', '.join(twice)} stands in two groups; name each language once")
        if ENGLISH in codes:
            raise ValueError("groups: English belongs to every group; leave en out")
        return self


class SeenLanguages(Probe):
    """Looks at nothing: the suite notes which directions it was shown, and they decide which groups there are."""

    name: ClassVar[str] = "languages"

    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """No tensors: an empty dictionary, whatever the shapes (rows, length) of the text."""
        return {}


class LanguageGroupLoRA(Method):
    """Low-rank updates of all linear maps of the layers, one set a language group."""

    Config = LanguageGroupLoRAConfig

    def phases(self) -> Sequence[Phase]:
        return [SeenLanguages(), Train("translation", learning_rate=2e-4)]  # as the lora row

    def check(self, layers: int, directions: Sequence[Direction]) -> None:
        """Raises MethodError when a direction has no group."""
        for direction in directions:
            if not self._groups([direction]):
                raise MethodError(
                    f"config.groups: no group holds a language of {direction}, so nothing would learn it; "
                    f"add {' or '.join(code for code in direction if code != ENGLISH)} to a group."
                )

    def planned_parameters(self, model: nn.Module, directions: Sequence[Direction]) -> int | None:
        maps = [linear for layer in decoder_layers(model) for linear in linear_maps(layer)]
        return len(self._groups(directions)) * sum(self.config.rank * sum(sizes(linear)) for linear in maps)

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        config: LanguageGroupLoRAConfig = self.config
        directions = artefacts.directions(SeenLanguages.name)
        self.check(0, directions)
        for layer in decoder_layers(model):
            for linear in linear_maps(layer):
                update = {
                    group: LowRank(*sizes(linear), config.rank, config.alpha, config.dropout)
                    for group in self._groups(directions)
                }
                add_update(linear, GroupedUpdate(update))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        return low_rank_parameters(model.modules())

    def focus(self, model: nn.Module, direction: Direction | None) -> None:
        for update in _updates(model):
            update.active = next((g for g in self._candidates(direction) if g in update), None)

    def active_parameters(self, model: nn.Module) -> int:
        """All but the modules of the groups outside the focused direction."""
        return super().active_parameters(model) - sum(update.idle_parameters() for update in _updates(model))

    def _groups(self, directions: Iterable[Direction]) -> list[str]:
        """Groups that some direction uses, in order of first appearance."""
        first = [next(iter(self._candidates(direction)), None) for direction in directions]
        return [group for group in dict.fromkeys(first) if group is not None]

    def _candidates(self, direction: Direction | None) -> list[str]:
        """The groups of a direction: the target's before the source's, English having none."""
        codes = () if direction is None else (direction.target, direction.source)
        return [group for code in codes if (group := self._group_of(code)) is not None]

    def _group_of(self, code: str) -> str | None:
        base = language(code).base  # zh_Hant and zho_Hans are Chinese
        if base == ENGLISH:
            return None
        groups = self.config.groups
        if groups == "family":
            return language(code).family
        if groups == "language":
            return base
        table: Mapping[str, Sequence[str]] = X_ALMA if groups == "x-alma" else groups
        return next((name for name, codes in table.items() if code in codes or base in codes), None)


class GroupedUpdate(nn.Module):
    """The updates of one map by group, of which one is active, or none: then forward gives None."""

    def __init__(self, groups: Mapping[str, LowRank]) -> None:
        super().__init__()
        # A group may be called like an attribute of a module ("to" is Tongan): the prefix keeps them apart.
        self.groups = nn.ModuleDict({f"group-{name}": update for name, update in groups.items()})
        self.active: str | None = None

    def __contains__(self, group: str) -> bool:
        return f"group-{group}" in self.groups

    def forward(self, x: Tensor) -> Tensor | None:
        """The active group's change of the output, (..., out) for x (..., in); None without an active group."""
        return None if self.active is None else self.groups[f"group-{self.active}"](x)

    def idle_parameters(self) -> int:
        return sum(
            p.numel()
            for name, update in self.groups.items()
            if name != f"group-{self.active}"
            for p in update.parameters()
        )


def _updates(model: nn.Module) -> list[GroupedUpdate]:
    return [m for m in model.modules() if isinstance(m, GroupedUpdate)]
