"""The embedded COMET: known degradations, training in miniature, and the checkpoint that ships."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from mtsuite.data.direction import Direction
from mtsuite.errors import MetricError
from mtsuite.metrics import make_metric
from mtsuite.metrics.comet import EMBEDDED
from mtsuite.metrics.comet_embedded.degrade import ACCIDENTS, KINDS, WEIGHTS, Degrader, join_units, split_units

from . import world

MEANING = {
    "en": "The dog sees the cat today.",
    "de": "Der Hund sieht den Kater heute.",
    "fr": "Le chien voit le chat aujourd'hui.",
    "it": "Il cane vede il gatto oggi.",
    "ar": "يرى كلب قط اليوم.",
    "zh": "狗今天看见猫。",
}
OTHER = world.generate("test", 1, 9)[0]
LANGUAGES = sorted(MEANING)


def degrade(kind: str, target: str = "de", seed: int = 1, source: str = "en"):  # type: ignore[no-untyped-def]
    return Degrader(world).degrade(random.Random(seed), kind, MEANING, OTHER, source, target)


def test_an_untouched_translation_has_no_severity() -> None:
    result = degrade("perfect")
    assert (result.text, result.severity) == (MEANING["de"], 0.0)


@pytest.mark.parametrize("target", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_degradations_are_deterministic_and_bounded(kind: str, target: str) -> None:
    source = "en" if target != "en" else "de"
    for seed in range(20):
        result = degrade(kind, target, seed, source)
        assert result == degrade(kind, target, seed, source)
        assert 0.0 <= result.severity <= 1.0
        assert (result.text == MEANING[target]) == (result.kind == "perfect") == (result.severity == 0.0)


def test_dropping_costs_the_fraction_dropped() -> None:
    for seed in range(20):
        result = degrade("drop", seed=seed)
        gone = 6 - len(result.text.split())
        assert gone >= 1
        assert result.severity == pytest.approx(gone / 6, abs=1e-4)


def test_a_wrong_word_is_of_the_same_category_and_keeps_its_punctuation() -> None:
    wrong = {degrade("replace", seed=seed).text for seed in range(60)}
    one_noun = [line for line in wrong if line in {f"Der {noun} sieht den Kater heute." for noun in world.NOUNS["de"]}]
    assert one_noun
    assert degrade("replace", seed=1).severity >= WEIGHTS["replace"] / 6 - 1e-4


def test_wrong_inflections_are_small_faults() -> None:
    result = degrade("inflect", seed=3)
    assert set(result.text.split()) - set(MEANING["de"].split()) <= {"Hunden", "Kateren"}
    assert result.severity <= WEIGHTS["inflect"] * 2 / 6 + 1e-4
    assert degrade("inflect", "zh").kind == "perfect"  # nothing inflects there


def test_chinese_is_edited_by_characters_and_its_words_are_found() -> None:
    dropped = degrade("drop", "zh")
    assert " " not in dropped.text
    assert dropped.severity == pytest.approx((7 - len(dropped.text)) / 7, abs=1e-4)
    assert any("看见" not in degrade("replace", "zh", seed).text for seed in range(40))
    assert split_units("zh", "狗 看见。") == ["狗", "看", "见", "。"]
    assert join_units("zh", ["狗", "。"]) == "狗。"


def test_accidents() -> None:
    assert degrade("copy").text == MEANING["en"]
    assert degrade("empty").text == ""
    assert degrade("unrelated").text == OTHER["de"]
    assert degrade("wrong_language").text in {MEANING[code] for code in ("ar", "fr", "it", "zh")}
    assert all(degrade(kind).severity == severity for kind, severity in ACCIDENTS.items())


def test_training_makes_a_comet_checkpoint_again_and_again(tmp_path: Path) -> None:
    pytest.importorskip("comet", reason="unbabel-comet is not installed")
    import torch

    from mtsuite.metrics.comet_embedded.train import Settings, train_embedded_comet

    settings = Settings(
        seed=2, meanings=60, steps=12, batch_size=8, vocabulary=200, hidden=32, layers=1, estimator=(8,), heldout=60
    )
    threads = torch.get_num_threads()
    first = train_embedded_comet(tmp_path / "a", settings=settings, world=world)
    second = train_embedded_comet(tmp_path / "b", settings=settings, world=world)
    assert torch.get_num_threads() == threads
    cards = [json.loads((tmp_path / x / "card.json").read_text(encoding="utf-8")) for x in "ab"]
    assert cards[0] == cards[1]
    assert first == second
    a, b = (torch.load(tmp_path / x / "checkpoints" / "model.ckpt", weights_only=True) for x in "ab")
    assert all(torch.equal(a["state_dict"][name], b["state_dict"][name]) for name in b["state_dict"])
    assert first["microworld_version"] == "toy-1"
    train_embedded_comet(tmp_path / "b", settings=settings, world=world)  # its own folder is replaced
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(MetricError, match="is not an embedded COMET"):
        train_embedded_comet(tmp_path / "mine", settings=settings, world=world)


@pytest.mark.skipif(not (EMBEDDED / "card.json").is_file(), reason="the embedded checkpoint is not built")
class TestShipped:
    """The artefact in the package."""

    def test_it_is_small_and_knows_no_place(self) -> None:
        files = [file for file in EMBEDDED.rglob("*") if file.is_file()]
        assert sum(file.stat().st_size for file in files) < 3_000_000
        for file in files:
            content = file.read_bytes()
            assert b"/work" not in content
            assert b"/home/" not in content
            assert b"/tmp" not in content

    def test_its_weights_load_without_pickle(self) -> None:
        torch = pytest.importorskip("torch")
        state = torch.load(EMBEDDED / "checkpoints" / "model.ckpt", weights_only=True)
        assert state["hyper_parameters"]["pretrained_model"] == "encoder"

    def test_its_card_is_whole(self) -> None:
        card = json.loads((EMBEDDED / "card.json").read_text(encoding="utf-8"))
        assert card["agreement"]["tau"] > 0.6
        assert sorted(card["agreement"]["tau_by_target"]) == LANGUAGES
        assert {"command", "settings", "severities", "versions", "microworld_version"} <= set(card)

    def test_it_orders_translations_sensibly(self) -> None:
        pytest.importorskip("comet", reason="unbabel-comet is not installed")
        microworld = pytest.importorskip("mtsuite.data.microworld")
        meanings = list(microworld.generate("test", 60, 99))
        metric = make_metric("COMET", {"device": "cpu"})
        for target in LANGUAGES:
            source = "en" if target != "en" else "de"
            sources, references = [m[source] for m in meanings], [m[target] for m in meanings]
            half = [join_units(target, split_units(target, r)[: len(split_units(target, r)) // 2]) for r in references]
            ladder = [references, half, references[1:] + references[:1], sources, [""] * 60]
            direction = Direction(source, target)
            perfect, halved, shuffled, copied, empty = (
                metric.score(direction, sources, hypotheses, references).score for hypotheses in ladder
            )
            assert perfect > 90
            assert perfect > halved + 15 > shuffled
            assert max(shuffled, copied, empty) < 35
        assert metric.signature(Direction("en", "de")).startswith("COMET-embedded (unbabel-comet 2")
