"""The named checks, and ways to run them."""

from __future__ import annotations

import inspect
import math
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mtsuite.chart import check as check_chart
from mtsuite.data.direction import Direction
from mtsuite.errors import MethodError, MTSuiteError, raised_at
from mtsuite.method import Artefacts, Method, MethodConfig, Train
from mtsuite.testing.lab import Lab
from mtsuite.testing.models import VOCABULARY
from mtsuite.testing.text import TRAINED, UNTRAINED, shared_batch

_CHECKS: dict[str, Callable[[Lab], None]] = {}


def _check(function: Callable[[Lab], None]) -> Callable[[Lab], None]:
    _CHECKS[function.__name__.removeprefix("_").replace("_", " ")] = function
    return function


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise AssertionError(message)


@_check
def _constructs_with_defaults(lab: Lab) -> None:
    cls = type(lab.make())
    cls()
    cls.Config.model_validate(cls.Config().model_dump(mode="json"))


@_check
def _every_option_is_described(lab: Lab) -> None:
    bare = [n for n, option in type(lab.make()).Config.model_fields.items() if not option.description]
    _expect(not bare, f"expected Option(…, description=…) for every field; without one: {', '.join(bare)}")


@_check
def _phases_have_unique_names(lab: Lab) -> None:
    names = [phase.name for phase in lab.make().phases()]
    _expect(len(set(names)) == len(names), f"two phases share a name: {names}")


@_check
def _phases_name_known_settings(lab: Lab) -> None:
    method = lab.make()
    known = set(type(method).Config.model_fields)
    unknown = {n for p in method.phases() if isinstance(p, Train) for n in p.settings or ()} - known
    _expect(not unknown, f"Train.settings names fields that the configuration has not: {', '.join(sorted(unknown))}")


@_check
def _attaches(lab: Lab) -> None:
    _expect(isinstance(lab.first.model, nn.Module), f"attach returned {type(lab.first.model).__name__}, not a module")


@_check
def _trains_only_what_it_says(lab: Lab) -> None:
    for learned in lab.first.learned:
        frozen = learned.before.keys() - learned.names
        moved = [n for n in sorted(frozen) if not torch.equal(learned.before[n], learned.after[n])]
        _expect(
            not moved, f"phase {learned.phase.name!r} changed what trainable() did not name: {', '.join(moved[:5])}"
        )


@_check
def _training_changes_something(lab: Lab) -> None:
    for learned in lab.first.learned:
        moved = any(not torch.equal(learned.before[n], learned.after[n]) for n in learned.names)
        _expect(moved, f"phase {learned.phase.name!r} left every trained parameter as it was")


@_check
def _counts_what_it_trains(lab: Lab) -> None:
    for learned in lab.first.learned:
        said = sum(learned.before[n].numel() for n in learned.names)
        held = learned.result.trained_parameters
        _expect(
            0 < held <= said,
            f"phase {learned.phase.name!r}: trainable() names {said} numbers, of which {held} had a gradient",
        )


@_check
def _active_is_at_most_total(lab: Lab) -> None:
    run = lab.first
    total = sum(p.numel() for p in run.model.parameters())
    for direction in (*TRAINED, UNTRAINED, None):
        run.method.focus(run.model, direction)
        active = run.method.active_parameters(run.model)
        _expect(0 < active <= total, f"active_parameters is {active} of {total} for {direction}")


@_check
def _saves_and_loads_to_the_same_logits(lab: Lab) -> None:
    run, method = lab.first, lab.make()
    opened = lab.open(method, run.folders, None)
    for direction in (*TRAINED, None):
        error = float((lab.first_logits(direction) - lab.logits(method, opened, direction)).abs().max())
        _expect(error < 1e-5, f"logits for {direction} differ by {error:.3g} after saving and loading")


@_check
def _goes_on_from_its_own_weights(lab: Lab) -> None:
    """Training in sequence: what a phase saved loads into the model that the phase starts from, to be trained again."""
    run = lab.first
    for learned in run.learned:
        method = lab.make()
        names = [phase.name for phase in method.phases()]
        ahead = {name: run.folders[name] for name in names[: names.index(learned.phase.name)]}
        model = lab.open(method, ahead, learned.phase.name)
        method.load(model, run.folders[learned.phase.name])
        chosen = {id(p) for p in method.trainable(model, learned.phase)}
        found = {name: p for name, p in model.named_parameters() if id(p) in chosen}
        other = sorted(set(found) ^ learned.names)
        _expect(not other, f"after load() trainable() names other parameters in {learned.phase.name!r}: {other[:3]}")
        lost = [name for name, p in found.items() if not torch.equal(p.detach(), learned.after[name])]
        _expect(not lost, f"load() does not bring back what {learned.phase.name!r} trained: {', '.join(lost[:3])}")


@_check
def _merges_to_the_same_logits(lab: Lab) -> None:
    from transformers import AutoModelForCausalLM

    run, method = lab.first, lab.make()
    if type(method).merge is Method.merge:
        return  # nothing to export
    merged: Any = method.merge(lab.open(method, run.folders, None).requires_grad_(False))
    if merged is None:
        return
    plain = AutoModelForCausalLM.from_config(merged.config).eval()
    plain.load_state_dict(merged.state_dict())  # a part that merge left beside the model's own has no place here
    for direction in TRAINED:
        batch = shared_batch(direction)
        with torch.inference_mode():
            found = plain(input_ids=batch.input_ids, attention_mask=batch.attention_mask, use_cache=False).logits
        error = float((lab.first_logits(direction) - found * batch.attention_mask.unsqueeze(-1)).abs().max())
        _expect(error < 1e-4, f"logits for {direction} differ by {error:.3g} after merging into a plain model")


@_check
def _is_deterministic_under_a_seed(lab: Lab) -> None:
    again = lab.run(charts=False)
    for one, two in zip(lab.first.learned, again.learned, strict=True):
        differing = [n for n in one.after if not torch.equal(one.after[n], two.after[n])]
        _expect(not differing, f"two runs of phase {one.phase.name!r} differ in {', '.join(differing[:5])}")


@_check
def _losses_are_numbers(lab: Lab) -> None:
    for learned in lab.first.learned:
        bad = [n for n, value in learned.after.items() if not bool(torch.isfinite(value.float()).all())]
        _expect(not bad, f"after phase {learned.phase.name!r} there are NaN or infinite values in {', '.join(bad[:5])}")
    for direction in (*TRAINED, None):
        _expect(bool(torch.isfinite(lab.first_logits(direction)).all()), f"logits of {direction} are NaN")


@_check
def _cached_decoding_equals_uncached(lab: Lab) -> None:
    run = lab.first
    batch = shared_batch(TRAINED[0])
    ids, mask = batch.input_ids[:, :8], batch.attention_mask[:, :8]
    run.method.focus(run.model, TRAINED[0])
    made = [_greedy(run.model, ids, mask, cache) for cache in (True, False)]
    steps = zip(made[0].logits, made[1].logits, strict=True)
    error = max(float((a - b).abs().max()) for a, b in steps)
    _expect(error < 1e-3, f"logits with and without the key-value cache differ by {error:.3g}")
    _expect(torch.equal(made[0].sequences, made[1].sequences), "greedy tokens differ with the key-value cache")


def _greedy(model: nn.Module, ids: Tensor, mask: Tensor, cache: bool) -> Any:
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.generate(  # type: ignore[operator]
            input_ids=ids, attention_mask=mask, use_cache=cache, max_new_tokens=5, min_new_tokens=5, do_sample=False,
            pad_token_id=0, output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip


@_check
def _later_tokens_do_not_change_earlier_logits(lab: Lab) -> None:
    run, batch = lab.first, shared_batch(TRAINED[0])
    run.method.focus(run.model, TRAINED[0])
    other = batch.input_ids.clone()
    other[:, 6:] = (other[:, 6:] + 1) % VOCABULARY
    with torch.inference_mode():
        one, two = (run.model(input_ids=i, use_cache=False).logits[:, :6] for i in (batch.input_ids, other))
    error = float((one - two).abs().max())
    _expect(error < 1e-4, f"changing later tokens moves earlier logits by {error:.3g}: training would see the target")


@_check
def _translates_untrained_directions(lab: Lab) -> None:
    run = lab.first
    for direction in (UNTRAINED, Direction("en", "it")):
        try:
            logits = lab.logits(run.method, run.model, direction)
        except MTSuiteError:
            continue  # a clear refusal will do
        _expect(bool(torch.isfinite(logits).all()), f"logits of the untrained direction {direction} are not numbers")


@_check
def _charts_can_be_drawn(lab: Lab) -> None:
    run = lab.first
    for chart in run.method.charts(Artefacts(run.folders)):
        check_chart(chart)
        bad = [series.name for series in chart.series if not all(map(math.isfinite, series.y))]
        _expect(not bad, f"chart {chart.name!r} has NaN or infinite values in {', '.join(bad[:5])}")


@_check
def _runs_in_bfloat16(lab: Lab) -> None:
    run, method = lab.first, lab.make()
    opened = lab.open(method, run.folders, None, torch.bfloat16)
    _expect(
        bool(torch.isfinite(lab.logits(method, opened, TRAINED[0])).all()), "logits of a bfloat16 model are not numbers"
    )


@_check
def _fails_clearly_on_unknown_blocks(lab: Lab) -> None:
    try:
        Lab(lab.make, "opaque").run()
    except MTSuiteError as error:
        _expect(bool(str(error)), "the error for an unsupported model is empty")


@_check
def _prints_nothing(lab: Lab) -> None:
    _expect(not lab.first.printed, f"the method printed {lab.first.printed[:200]!r}; return it, or make a chart of it")


# -- running the checks -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Check:
    """One named check of one method on one family; calling it raises when the check fails."""

    name: str
    family: str
    lab: Lab = field(repr=False, compare=False)

    def __call__(self) -> None:
        _CHECKS[self.name](self.lab)

    def __str__(self) -> str:
        return f"{self.family}: {self.name}"


@dataclass(frozen=True)
class CheckResult:
    name: str
    family: str
    passed: bool
    message: str = ""
    traceback: str = field(default="", repr=False, compare=False)


Config = MethodConfig | Mapping[str, Any] | None


def checks(
    method: type[Method] | Callable[[], Method], config: Config = None, families: Sequence[str] = ("bloom", "llama")
) -> list[Check]:
    """The checks of a method (a class, or a function that makes one) on tiny models of some families."""

    def make() -> Method:
        if not (inspect.isclass(method) and issubclass(method, Method)):
            return method()  # type: ignore[return-value]
        return method(config if isinstance(config, MethodConfig) else method.Config.model_validate(dict(config or {})))

    return [Check(name, family, lab) for family in families for lab in [Lab(make, family)] for name in _CHECKS]


def check_method(
    method: type[Method] | Callable[[], Method],
    config: Config = None,
    families: Sequence[str] = ("bloom", "llama"),
    *,
    raise_on_failure: bool = True,
) -> list[CheckResult]:
    """Run all checks.  Raises MethodError naming those that failed, unless told not to."""
    results = [_result(check) for check in checks(method, config, families)]
    failed = [r for r in results if not r.passed]
    if failed and raise_on_failure:
        lines = "\n".join(f"  {r.family}: {r.name}: {r.message}" for r in failed)
        raise MethodError(f"{len(failed)} of {len(results)} checks failed:\n{lines}")
    return results


def _result(check: Check) -> CheckResult:
    try:
        check()
    except Exception as error:
        message = str(error)
        if not isinstance(error, AssertionError | MTSuiteError):
            place = raised_at(error)
            message = f"{type(error).__name__}: {error}" + (f" ({place})" if place else "")
        return CheckResult(check.name, check.family, False, message, traceback.format_exc())
    return CheckResult(check.name, check.family, True)


def parametrize_with_checks(
    method: type[Method] | Callable[[], Method], config: Config = None, families: Sequence[str] = ("bloom", "llama")
) -> Any:
    """A pytest decorator: one case a check, given to the test as ``check``."""
    import pytest

    return pytest.mark.parametrize("check", checks(method, config, families), ids=str)
