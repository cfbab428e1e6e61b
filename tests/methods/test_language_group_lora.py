"""Language-group LoRA: which group a direction uses, and that the others stay as they are to the bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.language_group_lora import X_ALMA, GroupedUpdate, LanguageGroupLoRA, SeenLanguages
from mtsuite.methods.low_rank import low_rank_parameters
from pydantic import ValidationError
from torch import nn

from mtsuite.data.languages import LANGUAGES
from mtsuite.method import Artefacts, Direction, MethodError, Train
from mtsuite.testing import TRAINED, UNTRAINED, Lab, check_method, tiny_batch, tiny_model, tiny_text

EN_DE, DE_EN, EN_FR, FR_EN = TRAINED


def make(**options: Any) -> LanguageGroupLoRA:
    return LanguageGroupLoRA(LanguageGroupLoRA.Config.model_validate(options))


def seen(folder: Path, *directions: str) -> Artefacts:
    (folder / "seen.json").write_text(json.dumps({"directions": directions}))
    return Artefacts({SeenLanguages.name: folder})


def disturb(model: nn.Module) -> None:
    for parameter in low_rank_parameters(model.modules()):
        nn.init.normal_(parameter, std=0.2)


def used(method: LanguageGroupLoRA, model: nn.Module, direction: str | None) -> str | None:
    method.focus(model, None if direction is None else Direction.parse(direction))
    (active,) = {m.active for m in model.modules() if isinstance(m, GroupedUpdate)}
    return active


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


# -- groups -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ("family", ["Germanic", "Romance", "Sinitic"]),
        ("language", ["de", "it", "fr", "zh"]),
        ("x-alma", ["x-alma-1", "x-alma-2", "x-alma-4", "x-alma-6"]),
        ({"west": ["de", "fr", "it"], "east": ["zh"]}, ["west", "east"]),
    ],
)
def test_groups_are_those_of_the_directions_seen(groups: Any, expected: list[str], tmp_path: Path) -> None:
    method = make(groups=groups)
    directions = ["en-de", "de-en", "en-it", "fr-en", "en-zh_Hant"]
    model = method.attach(tiny_model("llama"), seen(tmp_path, *directions), "translation")
    update = next(m for m in model.modules() if isinstance(m, GroupedUpdate))
    assert [name.removeprefix("group-") for name in update.groups] == expected


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("en-de", "Germanic"),
        ("de-en", "Germanic"),
        ("en-it", "Romance"),  # not seen itself, but its family was
        ("en-zh", None),  # its family was not seen: the base alone
        ("de-fr", "Romance"),  # the target's
        ("fr-de", "Germanic"),
        ("fr-zh", "Romance"),  # the source's, where the target has none
        ("zh-ar", None),
        ("en-ain", None),
        (None, None),
    ],
)
def test_a_direction_uses_one_group(direction: str | None, expected: str | None, tmp_path: Path) -> None:
    method = make()
    model = method.attach(tiny_model("llama"), seen(tmp_path, "en-de", "fr-en"), "translation")
    assert used(method, model, direction) == expected


def test_groups_may_be_called_like_attributes_of_modules(tmp_path: Path) -> None:
    method = make(groups={"to": ["de"], "train": ["fr"]})
    model = method.attach(tiny_model("llama"), seen(tmp_path, "en-de", "en-fr"), "translation")
    assert used(method, model, "en-fr") == "train"


def test_the_groups_of_x_alma() -> None:
    codes = [code for group in X_ALMA.values() for code in group]
    assert len(X_ALMA) == 8
    assert len(codes) == len(set(codes)) == 49  # with English: fifty languages
    assert set(LANGUAGES) - set(codes) == {"en", "sk", "sl"}


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ({"a": ["de"], "b": ["fr", "de"]}, "de stands in two groups"),
        ({"a": ["de", "en"]}, "leave en out"),
        ({"a.b": ["de"]}, "match pattern"),
    ],
)
def test_groups_that_cannot_be_are_refused(groups: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        make(groups=groups)


def test_a_direction_that_nothing_would_learn_is_refused() -> None:
    method = make(groups={"west": ["de", "fr"]})
    method.check(4, [Direction("en", "de"), Direction("zh", "fr")])
    with pytest.raises(MethodError, match=r"no group holds a language of en-zh, .*add zh to a group"):
        method.check(4, [Direction("en", "de"), Direction("en", "zh")])


# -- training -----------------------------------------------------------------------------------------------


def test_other_groups_have_no_gradient(text: Any, tmp_path: Path) -> None:
    method = make(rank=2)
    model = method.attach(tiny_model("bloom").requires_grad_(False), seen(tmp_path, *map(str, TRAINED)), "translation")
    disturb(model)
    method.focus(model, EN_DE)
    method.loss(model.train(), tiny_batch(text, EN_DE)).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert all(gradients[name] is None for name in gradients if "group-Germanic" not in name)
    assert all(grad.any() for name, grad in gradients.items() if "group-Germanic" in name)


def test_training_one_group_leaves_the_others_to_the_bit(text: Any, tmp_path: Path) -> None:
    """As a user would see it: AdamW with decay, first French, then German; French stays as it was."""
    method = make(rank=2)
    model = method.attach(tiny_model("llama").requires_grad_(False), seen(tmp_path, *map(str, TRAINED)), "translation")
    chosen = list(method.trainable(model, Train("translation")))
    for parameter in chosen:
        parameter.requires_grad_(True)
    optimizer = torch.optim.AdamW(chosen, lr=0.01, weight_decay=0.1)
    kept: dict[str, torch.Tensor] = {}
    for direction in (EN_FR, FR_EN, EN_DE, DE_EN):
        if direction == EN_DE:
            kept = {n: p.detach().clone() for n, p in model.named_parameters() if "group-Romance" in n}
        method.focus(model, direction)
        method.loss(model.train(), tiny_batch(text, direction)).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    parameters = dict(model.named_parameters())
    assert kept
    assert all(torch.equal(parameters[name], value) for name, value in kept.items())


def test_text_without_a_direction_moves_nothing(text: Any, tmp_path: Path) -> None:
    """Replayed monolingual text is the base's alone: its loss depends on nothing that is trained."""
    method = make(rank=2)
    base = tiny_model("bloom").requires_grad_(False)
    batch = replace(tiny_batch(text, EN_DE), direction=None)
    expected = method.loss(base.train(), batch).detach()
    model = method.attach(base, seen(tmp_path, *map(str, TRAINED)), "translation")
    disturb(model)
    method.focus(model, None)
    loss = method.loss(model.train(), batch)
    assert torch.equal(loss, expected)
    assert not loss.requires_grad


@pytest.mark.parametrize("direction", [None, Direction("zh", "en")])
def test_the_base_alone_where_no_group_is(direction: Direction | None, tmp_path: Path) -> None:
    method = make()
    model = method.attach(tiny_model("gpt2"), seen(tmp_path, "en-de"), "translation")
    disturb(model)
    ids = torch.tensor([[3, 4, 5, 6]])
    with torch.inference_mode():
        expected: Any = tiny_model("gpt2")(input_ids=ids).logits
        method.focus(model, direction)
        assert torch.equal(model(input_ids=ids).logits, expected)
        method.focus(model, EN_DE)
        assert not torch.allclose(model(input_ids=ids).logits, expected)


# -- counts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bloom", "llama"])
def test_counts(family: str, tmp_path: Path) -> None:
    method = make(rank=3)
    planned = method.planned_parameters(tiny_model(family), TRAINED)
    base = sum(p.numel() for p in tiny_model(family).parameters())
    model = method.attach(tiny_model(family), seen(tmp_path, *map(str, TRAINED)), "translation")
    assert sum(p.numel() for p in method.trainable(model, Train("translation"))) == planned
    assert planned is not None
    for direction, active in ((EN_DE, planned // 2), (UNTRAINED, planned // 2), (None, 0)):
        method.focus(model, direction)
        assert method.active_parameters(model) == base + active


def test_kit_with_groups_by_name() -> None:
    check_method(LanguageGroupLoRA, {"groups": {"one": ["de"], "two": ["fr"]}, "dropout": 0.1}, ("bloom",))


def test_groups_learn_different_things() -> None:
    run = Lab(lambda: make(rank=2), "llama").run()
    values = run.learned[0].after
    german = {n.replace("Germanic", "*"): v for n, v in values.items() if "Germanic" in n}
    french = {n.replace("Romance", "*"): v for n, v in values.items() if "Romance" in n}
    assert german.keys() == french.keys()
    assert not any(torch.equal(german[n], french[n]) for n in german)
