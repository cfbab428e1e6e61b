"""What report.json holds, so that a file edited by hand is refused where it is wrong and not where it is drawn.

The model checks types alone: keys that other versions write are let through, and all but three may be missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from mtsuite.errors import StoreError, shortened, unprintable
from mtsuite.results.files import Entry


def _name(text: str) -> str:
    if unprintable(text) is not None or not text.strip():
        raise ValueError("expected a name without control characters")
    return text


def _once(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError(f"{shortened(next(n for n in names if names.count(n) > 1))!r} is there twice")
    return names


Name = Annotated[str, AfterValidator(_name)]
Names = Annotated[list[Name], AfterValidator(_once)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class _Transfer(_Block):
    methods: Names | None = None
    directions: Names | None = None
    base: Name = "zero-shot"
    steps: int | None = None
    joint_steps: int | None = None


class _Sequence(_Block):
    methods: Names
    directions: Names
    base: Name
    max_steps: int


class _Forgetting(_Block):
    languages: Names | None = None
    zero_shot_directions: Names | None = None
    base: Name
    focus: dict[str, str | None] | None = None  # None: what the method does without a direction
    left_out: dict[str, str] | None = None


class _Stream(_Block):
    method: str | None = None
    target_tokens: int = 0
    updates: int = 0
    target_tokens_by_direction: dict[str, int] | None = None


class _Fairness(_Block):
    streams: list[_Stream] | None = None


class _Sweep(_Block):
    label: str
    key: str
    points: list[tuple[bool | int | float | str | None, Name]]


class _Pair(_Block):
    joint: str
    alone: str


class _Failed(_Block):
    job: str
    error: str


class _Measured(_Block):
    points: list[tuple[float, float]]
    directions: dict[str, list[tuple[float, float]]] = {}
    kept: int | None = None


class _Epochs(_Block):
    steps: int
    pairs: int
    epochs: float


class Info(_Block):
    """The keys that the report reads, with what each may be."""

    methods: Names = Field(min_length=1)
    directions: Names = Field(min_length=1)
    metrics: Names = Field(min_length=1)
    title: str | None = None
    external: Names = []
    labels: dict[str, str] = {}
    sweeps: list[_Sweep] | None = None
    trained_methods: Names | None = None
    baseline: str | None = None
    columns: Names | None = None
    notes: list[str] | None = None
    method_notes: dict[str, str] | None = None
    metric_notes: dict[str, str] = {}
    untrained_notes: list[str] | None = None
    failure_notes: list[str] | None = None
    lower_is_better: Names = []
    transfer: _Transfer | None = None
    sequence: _Sequence | None = None
    forgetting: _Forgetting | None = None
    interference: list[_Pair] | None = None
    fairness: _Fairness | None = None
    failed: list[_Failed] | None = None
    learning_curves: dict[str, list[tuple[float, float]]] | None = None
    validation_curves: dict[str, _Measured] = {}
    epochs: dict[str, _Epochs] = {}
    significance_alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05


def check_info(path: Entry, info: Mapping[str, Any]) -> None:
    """Raise StoreError, naming the key, for a report.json that is not as the suite writes it."""
    try:
        Info.model_validate(info, strict=False)
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
        key = ".".join(map(str, first["loc"]))
        found = "" if first["type"] == "missing" else f", found {shortened(repr(first['input']), 60)}"
        more = f" ({len(others)} more like it)" if others else ""
        said = first["msg"].removeprefix("Value error, ")
        raise StoreError(
            f"{path}: {key!r}: {said[:1].lower()}{said[1:]}{found}{more}. The file was changed after mtsuite wrote it: "
            "run the recipe again to have it written anew (what is in the store is not computed anew)."
        ) from None
