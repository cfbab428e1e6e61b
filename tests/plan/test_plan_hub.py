"""Names on the hub: what is told of them before the first job, from a hub that answers in the test."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

from mtsuite.errors import RecipeError
from mtsuite.plan.build import make_plan
from mtsuite.plan.hub import check_hub
from mtsuite.recipe import read_recipe

MODEL = "model: {name_or_path: owner/base, revision: v2}\n"
TEXT = "data: {text: {source: hub, name: owner/text}}\n"
KIWI = "metrics: {names: [chrF, kiwi], more_comet: {kiwi: {checkpoint: owner/kiwi}}}\n"


def answer(error: type[Exception]) -> Exception:
    response: Any = SimpleNamespace(headers={}, request=None, status_code=403)
    return (
        error("no", response=response) if issubclass(error, GatedRepoError | RepositoryNotFoundError) else error("no")
    )


class Hub:
    """A hub of which every repository fails in one way, or is there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **errors: Exception) -> None:
        self.asked: list[str] = []
        card = SimpleNamespace(license="gemma", license_name=None, license_link="https://licence.example/gemma")

        def info(api: Any, name: str, **_: Any) -> Any:
            self.asked.append(name)
            error = errors.get(name.partition("/")[2])
            if error is not None and not isinstance(error, GatedRepoError):
                raise error
            return SimpleNamespace(gated="manual" if error else False, card_data=card)

        def check(api: Any, name: str, **_: Any) -> None:
            raise errors[name.partition("/")[2]]

        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        for word in ("model_info", "dataset_info"):
            monkeypatch.setattr(HfApi, word, info)
        monkeypatch.setattr(HfApi, "auth_check", check)


def told(folder: Path, text: str, *, done: bool = False) -> list[str]:
    (folder / "r.yaml").write_text("directions: [en-de]\nmethods: {zero-shot: }\n" + text)
    read = read_recipe(folder / "r.yaml")
    return check_hub(read, make_plan(read), lambda _: done)


CASES: dict[str, tuple[str, dict[str, Exception], str]] = {
    "a gated model": (
        MODEL, {"base": answer(GatedRepoError)},
        r"r\.yaml:3:23: model.name_or_path: owner/base is a gated model \(licence gemma, https://licence.example/gemma\)"
        r".*Accept it on https://huggingface.co/owner/base, log in",
    ),
    "a gated data set": (TEXT, {"text": answer(GatedRepoError)}, "gated data set.*huggingface.co/datasets/owner/text"),
    "no such model": (MODEL, {"base": answer(RepositoryNotFoundError)}, "the hub has no model owner/base, or it is a"),
    "no such data set": (TEXT, {"text": answer(RepositoryNotFoundError)}, "the hub has no data set owner/text"),
    "no such revision": (MODEL, {"base": answer(RevisionNotFoundError)}, "has no revision 'v2'"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_the_hub_does_not_give_ends_a_run_before_it_begins(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, errors, message = CASES[case]
    hub = Hub(monkeypatch, **errors)
    with pytest.raises(RecipeError, match=message):
        told(tmp_path, text)
    assert len(hub.asked) == 1
    assert told(tmp_path, text, done=True) == [], "what was made of it is there"
    assert len(hub.asked) == 1


def test_what_is_there_and_what_is_on_this_machine_needs_no_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(monkeypatch)
    assert told(tmp_path, MODEL + TEXT + KIWI) == []
    assert hub.asked == ["owner/base", "owner/text", "owner/kiwi"]
    assert told(tmp_path, "") == []
    assert len(hub.asked) == 3
    monkeypatch.setattr("mtsuite.plan.hub.is_cached", lambda *_: True)
    assert told(tmp_path, MODEL + KIWI) == []
    assert len(hub.asked) == 3


def test_a_network_that_is_not_there_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Hub(monkeypatch, base=ConnectionError("no route"), kiwi=answer(GatedRepoError))
    first, second = told(tmp_path, MODEL + KIWI)
    assert first.startswith(
        "model.name_or_path: owner/base is on the hub and was not downloaded yet, and the hub does not"
    )
    assert second.startswith("metrics.more_comet.kiwi.checkpoint: owner/kiwi is a gated model (licence gemma")


def test_libraries_that_were_told_to_use_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = Hub(monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(RecipeError, match="owner/base is on the hub and was not downloaded yet, and HF_HUB_OFFLINE"):
        told(tmp_path, MODEL)
    assert told(tmp_path, TEXT) == [], "its cache cannot be looked through by name"
    assert not hub.asked
