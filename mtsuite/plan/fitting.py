"""Which methods fit a model: each method's own check and its surgery, on the model without numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError, MTSuiteError, PluginError
from mtsuite.method import Method, main_phase
from mtsuite.plan.cost import trained_parameters
from mtsuite.registry import code_of, configure, registered

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Fitting:
    """A method with its defaults against one model.

    ``trained``: parameters, None where they are not known; ``remark``: why it does not fit, or why they are not known.
    """

    method: str
    fits: bool
    trained: int | None
    remark: str


def fitting_methods(skeleton: nn.Module, layers: int, directions: Sequence[Direction]) -> list[Fitting]:
    """Every registered method in the order of its name; ``skeleton`` is the model on the meta device."""
    parameters = sum(p.numel() for p in skeleton.parameters())
    return [_fitting(name, skeleton, parameters, layers, list(directions)) for name in sorted(registered())]


def _fitting(name: str, skeleton: nn.Module, parameters: int, layers: int, directions: list[Direction]) -> Fitting:
    try:
        method: Method = configure(name, {})
        with code_of(name, "check", f"Method {name!r}: check() failed"):
            method.check(layers, directions)
            phase = main_phase(method.phases())
    except MTSuiteError as error:
        return Fitting(name, False, None, str(error))
    if phase is None:
        return Fitting(name, True, 0, "")
    try:
        trained, _ = trained_parameters(method, name, skeleton, parameters, directions)
    except MethodError as error:  # known after a look at the model
        return Fitting(name, not isinstance(error, PluginError), None, str(error))
    except MTSuiteError as error:
        return Fitting(name, False, None, str(error))
    return Fitting(name, True, trained, "")
