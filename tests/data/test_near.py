"""Near-duplicates of test segments in training text."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from mtsuite.data.corpus import write_corpus
from mtsuite.data.direction import Direction
from mtsuite.data.near import NEAR, NearIndex
from mtsuite.data.near_tests import near_tests
from mtsuite.errors import RecipeError
from mtsuite.jobs.far_scores import far_rows, far_score, near_notes, near_rows
from mtsuite.metrics import make_metric

ROOT = Path(__file__).parents[2]
EN_DE, DE_EN = Direction("en", "de"), Direction("de", "en")
TEXT = "The ministers discussed seventeen proposals about fishing quotas in the northern harbours yesterday evening."
OTHER = "A painter from the village repaired an old violin while children were dancing between apple trees."


def bench() -> Any:
    spec = importlib.util.spec_from_file_location("near_bench", ROOT / "benchmarks" / "near_duplicates.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_planted_ones_are_found_and_others_are_not() -> None:
    shares = bench().recall(segments=200, lines=2000)
    alarms = shares.pop("false alarms")
    assert alarms <= 0.01
    assert sum(shares.values()) / len(shares) >= 0.95
    assert min(shares.values()) >= 0.9


@pytest.mark.parametrize(
    ("code", "text", "near"),
    [
        ("en", TEXT, TEXT.upper().replace("SEVENTEEN", "forty")),
        ("de", "Am 12. Mai 2019 kamen 300 Gäste in das Rathaus.", "Am 3. Mai 2021 kamen 45 Gäste in das Rathaus!"),
        ("zh", "昨天晚上部长们讨论了北方港口的捕鱼配额。", "昨天晚上部长们讨论了南方港口的捕鱼配额。"),
        ("ar", "ناقش الوزراء مساء أمس حصص الصيد في الموانئ الشمالية", "مساء أمس ناقش الوزراء حصص الصيد في الموانئ"),
        ("ru", "Министры обсудили вчера вечером квоты на рыбу", "Вчера вечером министры обсудили квоты на рыбу."),
    ],
)
def test_in_every_script(code: str, text: str, near: str) -> None:
    (match,) = NearIndex(code, [text], [OTHER]).search([OTHER, near, OTHER])
    assert match is not None
    assert match.line == 1
    assert match.similarity >= NEAR


def test_the_similarity_is_the_weighted_jaccard_of_n_grams() -> None:
    """Against sets and sums in plain Python."""
    lines = [OTHER, TEXT.replace("fishing", "hunting"), "Nothing is like this."]
    index = NearIndex("en", [TEXT], lines)
    (match,) = index.search(lines)
    assert match is not None
    (_, a), (_, b) = (index._grams([text]) for text in (TEXT, lines[1]))
    weight = index._weight
    both, either = set(a) & set(b), set(a) | set(b)
    assert match.line == 1
    assert match.similarity == pytest.approx(sum(weight[g] for g in both) / sum(weight[g] for g in either), rel=1e-5)


def test_equal_text_is_one_and_texts_without_words_are_none() -> None:
    matches = NearIndex("en", [TEXT, "!!!", ""], [OTHER]).search([OTHER, TEXT])
    assert matches[0] is not None
    assert matches[0].similarity == pytest.approx(1)
    assert matches[1:] == [None, None]


def test_batches_do_not_change_where_duplicates_are(monkeypatch: pytest.MonkeyPatch) -> None:
    words = bench().Words(3, 500)
    import random

    chance = random.Random(0)
    lines = [words.sentence(chance) for _ in range(60)]
    whole = NearIndex("en", lines[:10], lines).search(lines[5:])
    monkeypatch.setattr("mtsuite.data.near.BATCH", 7)
    parts = NearIndex("en", lines[:10], lines).search(lines[5:])
    assert [m and m.line for m in parts][5:] == [0, 1, 2, 3, 4]
    assert [m and m.line for m in whole][5:] == [0, 1, 2, 3, 4]


def corpus(tmp_path: Path) -> Any:
    near_en, near_de = (
        TEXT.replace("seventeen", "eighteen"),
        "Ein Satz, der sonst nirgends steht, über Schiffe im Nebel.",
    )
    train = {
        ("de", "en"): [("die andere Seite", near_en), ("Etwas ganz anderes.", OTHER)],
        ("de", "fr"): [(near_de.replace("Nebel", "Regen"), "autre chose entièrement")],
    }
    tests = {
        "a": {EN_DE: [(TEXT, "ganz neuer Text"), ("Brand new words entirely.", "Blaue Elefanten tanzen Walzer.")],
              DE_EN: [(near_de, "Purple mountains never sleep."), ("Grüne Ideen schlafen.", "Green ideas sleep.")]},
    }  # fmt: skip
    valid = {pair: [("x", "y")] for pair in train}
    return write_corpus(
        tmp_path / "corpus", directions=[EN_DE, DE_EN, Direction("de", "fr")], train=train, valid=valid, tests=tests
    )


def test_any_pair_and_side_of_training_text_counts(tmp_path: Path) -> None:
    made = corpus(tmp_path)
    found = near_tests(made, made, NEAR)["a"]
    assert found[EN_DE].source == [True, False]
    assert found[EN_DE].target == [False, False]
    assert found[DE_EN].near == [True, False]  # met in the text of another pair
    assert found[EN_DE].memory == ["die andere Seite", ""]
    assert found[DE_EN].memory == ["", ""]  # a memory knows its own pair alone


def test_counts_notes_and_scores_of_the_far_part() -> None:
    entry = {"source": [1, 0, 0], "target": [0, 0, 1], "memory": ["", "", ""]}
    found = {"a": {"en-de": entry}}
    assert list(near_rows(found)) == [["a", "en-de", 3, 2, 1, 1]]
    assert "en-de 2 of 3" in near_notes(found, 0.4)[0]
    hypotheses, references = ["ein Haus am See", "der alte Mann", "x"], ["ein Haus am See", "der junge Mann", "y z"]
    for name in ("BLEU", "chrF", "TER"):
        metric = make_metric(name)
        whole = metric.score(EN_DE, references, hypotheses, references)
        alone = metric.score(EN_DE, references[1:2], hypotheses[1:2], references[1:2])
        assert far_score(whole, [False, True, False]) == pytest.approx(alone.score)
        lines = {("m", 1, "all", "en-de", "a"): {name: whole.to_dict(), "COMET": {"error": "none"}}}
        (row,) = far_rows(found, lines)
        assert row[:6] == ["m", 1, "all", "en-de", "a", name]
        assert float(row[7]) == pytest.approx(alone.score, abs=1e-4)
        assert row[8:] == [3, 1]
    assert far_score(whole, [False, False, False]) is None


def test_the_plan_searches_where_it_is_asked(tmp_path: Path) -> None:
    from mtsuite.plan.build import make_plan
    from mtsuite.recipe import read_recipe

    path = tmp_path / "r.yaml"
    path.write_text("directions: [en-de]\nmethods: {zero-shot: }\nleakage: {translation_memory: true}\n")
    planned = make_plan(read_recipe(str(path)))
    (near,) = [job for job in planned.plan if job.kind == "near"]
    (memory,) = [line for line in planned.lines if line.method == "translation-memory"]
    assert planned.plan.jobs[memory.translations].inputs["translation-memory"] == near.key
    path.write_text(path.read_text() + "data: {evaluate_on: validation}\n")
    with pytest.raises(RecipeError, match="near-duplicates are sought for test sets"):
        read_recipe(str(path))
