"""The contract of a method.

A method is a class with a typed configuration and phases.  A ``Probe`` looks: forward and backward
passes over text, tensors come out.  A ``Train`` learns.  Every phase is a job of its own, so phases
that are equal are run once and shared between rows.

The smallest method::

    class HeadOnly(Method):
        \"\"\"Train the output layer and nothing else.\"\"\"

        def phases(self):
            return [Train("translation")]

        def trainable(self, model, phase):
            return model.get_output_embeddings().parameters()

What the suite does for every method: it freezes everything that ``trainable`` does not name, runs the
same stream of batches through it, saves what was trained, and opens it again for translation.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option

from mtsuite.chart import Chart, Series
from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError, ModelError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from mtsuite.data.batches import Batch, Text

__all__ = [
    "Artefacts",
    "Chart",
    "Direction",
    "Method",
    "MethodConfig",
    "MethodError",
    "ModelError",
    "Option",
    "Phase",
    "Probe",
    "Series",
    "Train",
]


class MethodConfig(BaseModel):
    """Base of a method's configuration: unknown keys are errors.

    Declare every field with ``Option(default, description=...)``; the description gives meaning, unit
    and where the default comes from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


LooksAt = Literal["base", "start", "trained"]


class Probe(BaseModel, ABC):
    """A phase that looks and changes nothing.

    The fields are its settings; together with the class they decide when two rows share the result,
    so keep out of them what only later phases use.

    ``looks_at`` the base model (before any training: attach may use the result), the method's model as its first
    ``Train`` finds it (``start``: it stands before that phase), or the trained one (after the last ``Train``).  The
    results of the last two are for ``Method.charts`` alone: neither training nor translation waits for them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str] = "probe"
    looks_at: ClassVar[LooksAt] = "base"

    @abstractmethod
    def run(self, model: nn.Module, text: Text) -> dict[str, Tensor]:
        """Look at the model (in eval mode, nothing requires gradients) over the text and return named tensors."""


@dataclass(frozen=True)
class Train:
    """A phase that learns.

    ``settings`` names the fields of the configuration on which the phase depends (None: all of them);
    a row whose other fields differ shares the phase.
    """

    name: str
    text: Literal["parallel", "monolingual"] = "parallel"
    loss_on: Literal["target", "all"] = "target"
    learning_rate: float = 5e-5  # LANDeRMT §4.2; a recipe's own value wins
    settings: tuple[str, ...] | None = None


Phase = Probe | Train


def main_phase(phases: Iterable[Phase]) -> Train | None:
    """The phase that a row's own learning rate and trained parameters are of: the last on parallel text, else the last.

    None when nothing learns.
    """
    trains = [phase for phase in phases if isinstance(phase, Train)]
    return ([phase for phase in trains if phase.text == "parallel"] or trains or [None])[-1]  # type: ignore[list-item]


@dataclass(frozen=True)
class Artefacts:
    """What earlier phases left: the folder of each, by the phase's name.

    ``seen`` are the directions of the text of probes that have not run: ``mtsuite plan`` counts parameters so, where
    attach asks for nothing else of them.
    """

    folders: Mapping[str, Path] = field(default_factory=dict)
    seen: Mapping[str, Sequence[Direction]] = field(default_factory=dict)

    def __contains__(self, phase: object) -> bool:
        return phase in self.folders

    def tensors(self, phase: str) -> dict[str, Tensor]:
        """The tensors that an analysis phase returned, by name; each phase says their shapes."""
        from safetensors.torch import load_file

        return load_file(self._folder(phase) / "tensors.safetensors")

    def directions(self, phase: str) -> list[Direction]:
        """The directions of the text that a probe saw, in its order.  Raises MethodError for one that has not run."""
        if phase in self.seen:
            return list(self.seen[phase])
        path = self._folder(phase) / "seen.json"
        if not path.is_file():
            raise MethodError(
                f"Phase {phase!r} trains: only analysis phases (Probe) record the directions of the text."
            )
        spec = json.loads(path.read_text())
        return [Direction.parse(text) for text in spec["directions"]]

    def _folder(self, phase: str) -> Path:
        if phase not in self.folders:
            found = ", ".join(self.folders) or "none"
            raise MethodError(
                f"Expected the result of phase {phase!r}, a Probe among phases() that analyzes the base model; "
                f"found {found}."
            )
        return self.folders[phase]


class Method(ABC):  # noqa: B024 - every hook has a working default: zero-shot overrides none
    """Base of all methods; every hook has a working default."""

    Config: ClassVar[type[MethodConfig]] = MethodConfig

    def __init__(self, config: MethodConfig | None = None) -> None:
        self.config: Any = config if config is not None else self.Config()

    # -- what the suite asks before any model is there ------------------------------------------

    @property
    def shots(self) -> bool:
        """Whether translation shows examples in context."""
        return False

    def phases(self) -> Sequence[Phase]:
        """The phases in order.  None: the base model is used as it is."""
        return ()

    def check(self, layers: int, directions: Sequence[Direction]) -> None:  # noqa: B027 - nothing to check by default
        """Raise MethodError when the configuration cannot fit a model with so many layers or these directions."""

    def note(self) -> str:
        """A few words for the table's notes, when the row needs them (data beyond the others', say)."""
        return ""

    def mark(self) -> str:
        """One word behind the row's label in every table, when its numbers need a warning (``leaky``, say)."""
        return ""

    def planned_parameters(self, model: nn.Module, directions: Sequence[Direction]) -> int | None:
        """Parameters the main phase will train, from shapes alone (``model`` holds no numbers).

        None lets the suite attach the method to find out; a method whose surgery needs a probe's result
        counts by itself.
        """
        return None

    # -- surgery ------------------------------------------------------------------------------------

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        """Turn a base model into this method's model as it is at the start of ``phase``.

        Called before every ``Train`` (and, with the last one's name, before translation).  Parameters
        that earlier ``Train`` phases saved are loaded afterwards by name.
        """
        return model

    def remarks(self, model: nn.Module) -> Sequence[str]:
        """What stands under the table about the model of a training phase as it was attached; half sentences.

        For what depends on a probe's result, and so is known before the training only.
        """
        return ()

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        """The parameters that ``phase`` trains; the suite freezes all others."""
        return model.parameters()

    # -- use ----------------------------------------------------------------------------------------

    def focus(self, model: nn.Module, direction: Direction | None) -> None:  # noqa: B027 - nothing to do by default
        """Called before each batch and each translation; None for monolingual text."""

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """Mean loss over the batch's target tokens, a scalar: cross-entropy unless the method adds a term."""
        from mtsuite.model.likelihood import cross_entropy

        return cross_entropy(model, batch)

    def active_parameters(self, model: nn.Module) -> int:
        """Parameters that take part when one token is computed (all, unless the method routes)."""
        return sum(p.numel() for p in model.parameters())

    def merge(self, model: nn.Module) -> nn.Module | None:
        """The trained model as a plain model of the base's kind, for ``mtsuite export``; ``model`` may be changed.

        None (the default) says that there is no such model, as where the forward pass depends on the direction.
        """
        return None

    # -- what there is to see -----------------------------------------------------------------------

    def charts(self, artefacts: Artefacts) -> Sequence[Chart]:
        """Figures made from the probes' tensors; drawn and written with the report, where no model is loaded."""
        return ()

    # -- saving and loading -------------------------------------------------------------------------

    def save(self, model: nn.Module, folder: Path) -> None:
        """Write what was trained: safetensors beside the configuration as JSON."""
        from safetensors.torch import save_file

        state = {n: p.detach().cpu().contiguous() for n, p in model.named_parameters() if p.requires_grad}
        save_file(state, folder / "trained.safetensors")
        (folder / "method.json").write_text(
            json.dumps({"class": type(self).__qualname__, "config": self.config.model_dump(mode="json")}, indent=2)
            + "\n"
        )

    def load(self, model: nn.Module, folder: Path) -> None:
        """Read what ``save`` wrote into an attached model.  Raises MethodError when the names or shapes differ."""
        from safetensors.torch import load_file

        load_parameters(model, load_file(folder / "trained.safetensors"), str(folder))


def load_parameters(model: nn.Module, state: Mapping[str, Tensor], origin: str) -> None:
    """Copy saved parameters into the model by name.  Raises MethodError when a name or shape does not fit."""
    import torch

    own = dict(model.named_parameters())
    unknown = [name for name in state if name not in own]
    if unknown:
        raise MethodError(
            f"{origin}: the saved parameters do not fit the model: {unknown[0]!r} is not there "
            f"({len(unknown)} of {len(state)} unknown). Was it saved with another configuration or base model?"
        )
    with torch.no_grad():
        for name, value in state.items():
            if own[name].shape != value.shape:
                raise MethodError(
                    f"{origin}: {name} has shape {tuple(value.shape)}, the model expects {tuple(own[name].shape)}."
                )
            own[name].copy_(value)
