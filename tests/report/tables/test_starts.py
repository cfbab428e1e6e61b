"""Changes against a method's own start and against the base, by hand: surgery that harms, training that repairs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mtsuite.report import build_report
from mtsuite.report.render.table import Table
from mtsuite.report.tables.forgetting import topic
from mtsuite.report.tables.matrix import transfer_matrices
from mtsuite.report.tables.transfer import transfer
from mtsuite.results.folder import PERPLEXITY_COLUMNS, read_results

from ..folders import Line, grid, write_csv, write_folder

INFO: dict[str, Any] = {
    "title": "Toy",
    "methods": ["zero-shot", "mask", "lora"],
    "labels": {"zero-shot": "Zero-shot", "mask": "Mask", "lora": "LoRA"},
    "trained_methods": ["mask", "lora"],
    "directions": ["en-de", "en-fr"],
    "metrics": ["BLEU"],
    "transfer": {"methods": ["mask", "lora"], "base": "zero-shot", "directions": ["en-de", "en-fr"]},
    "forgetting": {"zero_shot_directions": ["de-fr"], "base": "zero-shot", "focus": {}, "left_out": {}},
    "sequence": {"methods": ["mask"], "directions": ["en-de", "en-fr"], "base": "zero-shot", "max_steps": 7},
}
BASE = {"en-de": 10.0, "en-fr": 20.0, "de-fr": 8.0}
# The mask takes 6, 6 and 5 points; training brings most of it back, so others end above the start and below the base.
MASK = {"en-de": 4.0, "en-fr": 14.0, "de-fr": 3.0}


def folder(place: Path, *, starts: bool = True) -> Path:
    scores: list[Line] = grid({"zero-shot": BASE, "mask": {"en-de": 30.0, "en-fr": 40.0, "de-fr": 7.0},
                               "lora": {"en-de": 31.0, "en-fr": 41.0, "de-fr": 6.0}})  # fmt: skip
    scores += grid({"mask": {"en-de": 29.0, "en-fr": 17.0}, "lora": {"en-de": 30.0, "en-fr": 19.0}}, trained_on="en-de")
    scores += grid({"mask": {"en-de": 8.0, "en-fr": 38.0}, "lora": {"en-de": 12.0, "en-fr": 39.0}}, trained_on="en-fr")
    scores += grid({"mask": {"en-de": 25.0, "en-fr": 36.0}}, trained_on="en-de+en-fr")
    bits = [("base", "all", 2.0), ("mask", "all", 2.1), ("lora", "all", 2.3)]
    bits += [("mask", "en-de", 2.2), ("mask", "en-de+en-fr", 2.4)]
    if starts:
        scores += grid({"mask": MASK, "lora": BASE}, trained_on="start")
        bits += [("mask", "start", 2.5), ("lora", "start", 2.0)]
    write_folder(place, scores, INFO)
    lines = [
        {"method": m, "seed": 0 if m == "base" else 1, "trained_on": on, "language": "en", "perplexity": 10 * value,
         "bits_per_byte": value, "tokens": 50, "sentences": 4}
        for m, on, value in bits
    ]  # fmt: skip
    write_csv(place / "perplexity.csv", PERPLEXITY_COLUMNS, lines)
    return place


def tables(place: Path) -> dict[str, Table]:
    results = read_results(place)
    made = topic(results)
    assert made is not None
    return {t.name: t for t in [*made.tables, *(t for _, t in transfer(results).tables)]}


def shown(table: Table, row: str) -> dict[str, str]:
    line = next(r for r in table.rows if r.key == row)
    return {c.key: str(cell) for c, cell in zip(table.columns, line.cells, strict=True)}


def test_transfer_turns_its_sign(tmp_path: Path) -> None:
    found = tables(folder(tmp_path))
    start, base = found["transfer-bleu"], found["transfer-from-base-bleu"]
    # Mask: own 29 - 4 and 38 - 14; others 17 - 14 and 8 - 4. Against the base 19, 18; -3, -2.
    mask = shown(start, "mask")
    assert (mask["diagonal"], mask["off_diagonal"], mask["percent_worse"]) == ("+24.50", "+3.50", "0.0")
    assert mask["start_change"] == "-6.00"
    mask = shown(base, "mask")
    assert (mask["diagonal"], mask["off_diagonal"], mask["percent_worse"]) == ("+18.50", "-2.50", "100.0")
    assert shown(start, "lora") == {**shown(base, "lora"), "start_change": "0.00"}
    assert start.title.endswith("change against its own start")
    assert base.title.endswith("change against Zero-shot")


def test_matrices_are_against_the_start_and_the_other_stands_beside(tmp_path: Path) -> None:
    results = read_results(folder(tmp_path))
    mask, lora = transfer_matrices(results)
    assert mask.changes == ((25.0, 3.0), (4.0, 24.0))
    assert mask.against_base().changes == ((19.0, -3.0), (-2.0, 18.0))
    assert (mask.surgery, lora.surgery) == (-6.0, 0.0)
    views = {view.name: view for view in transfer(results).views}
    assert list(views) == [
        "mask-bleu-change", "mask-bleu-change-from-base", "lora-bleu-change", "lora-minus-mask-bleu-difference",
        "mask-bleu-scores", "lora-bleu-scores",
    ], "where the start is the base, one change is enough"  # fmt: skip
    assert "change against its own start" in views["mask-bleu-change"].title
    assert "change against Zero-shot" in views["mask-bleu-change-from-base"].title
    assert any("scores as Zero-shot" in line for line in views["lora-bleu-change"].reading)
    assert views["lora-minus-mask-bleu-difference"].values == ((1.0, 2.0), (4.0, 1.0)), "of scores, not of changes"
    assert views["mask-bleu-change"].tips[0][1].endswith("Mask 17.00; its own start 14.00")


def test_directions_not_trained_on(tmp_path: Path) -> None:
    found = tables(folder(tmp_path))
    start, base = found["zero-shot-directions-bleu-change"], found["zero-shot-directions-bleu-change-from-base"]
    assert (shown(start, "mask")["de-fr"], shown(base, "mask")["de-fr"]) == ("+4.00", "-1.00")
    assert shown(start, "lora")["de-fr"] == shown(base, "lora")["de-fr"] == "-2.00"
    assert start.title.endswith("against its own start")
    assert base.title.endswith("against Zero-shot")


def test_perplexity(tmp_path: Path) -> None:
    found = tables(folder(tmp_path))
    mask, lora = (shown(found["bits-per-byte"], m) for m in ("mask", "lora"))
    assert (mask["change_from_start"], mask["change_from_base"]) == ("-0.400", "+0.100")
    assert lora["change_from_start"] == lora["change_from_base"] == "+0.300"
    stages = found["bits-per-byte-sequence"]
    assert [row.label for row in stages.rows] == ["Base model", "Mask: own start", "Mask: en-de", "Mask: + en-fr"]
    assert [(shown(stages, row.key)["change_from_start"], shown(stages, row.key)["change_from_base"])
            for row in stages.rows[2:]] == [("-0.300", "+0.200"), ("-0.100", "+0.400")]  # fmt: skip


def test_sequence(tmp_path: Path) -> None:
    found = tables(folder(tmp_path))
    summary = shown(found["sequence-bleu"], "mask")
    # Before its own stage en-fr had 17: the start has 14, the base 20.
    assert (summary["forward"], summary["forward_from_base"]) == ("+3.00", "-3.00")
    assert (summary["start"], summary["base"]) == ("9.00", "15.00")
    assert (summary["backward"], summary["forgetting"]) == ("-4.00", "+4.00")
    rows = found["sequence-bleu-stages"].rows
    assert [row.label for row in rows] == ["Zero-shot", "Mask: own start", "Mask: en-de", "Mask: + en-fr"]
    assert [str(cell) for cell in rows[1].cells] == ["4.00", "14.00", "9.00"]


def test_every_format_names_both_changes(tmp_path: Path) -> None:
    build_report(folder(tmp_path), page=False)
    for stem in ("transfer{}-bleu", "zero-shot-directions-bleu-change{}"):
        for ending in ("md", "tex", "html"):
            texts = [(tmp_path / "tables" / f"{stem.format(more)}.{ending}").read_text() for more in ("", "-from-base")]
            assert "against its own start" in texts[0], (stem, ending)
            assert "against Zero-shot" in texts[1], (stem, ending)
    assert "change_from_start" in (tmp_path / "tables" / "bits-per-byte.csv").read_text().splitlines()[0]
    assert (tmp_path / "matrices" / "mask-bleu-scores.csv").read_text().splitlines()[1:3] == [
        "base,10,20",
        "start,4,14",
    ]


def test_a_folder_without_starts_shows_the_change_against_the_base_alone(tmp_path: Path) -> None:
    found = tables(folder(tmp_path, starts=False))
    assert not [name for name in found if "from-base" in name]
    assert shown(found["transfer-bleu"], "mask")["off_diagonal"] == "-2.50"
    assert found["transfer-bleu"].title.endswith("change against Zero-shot")
    assert shown(found["zero-shot-directions-bleu-change"], "mask")["de-fr"] == "-1.00"
    assert "change_from_start" not in shown(found["bits-per-byte"], "mask")
    assert "forward" not in shown(found["sequence-bleu"], "mask")


def test_a_start_that_failed_leaves_holes_and_no_other_reference(tmp_path: Path) -> None:
    place = folder(tmp_path)
    for name in ("scores.csv", "perplexity.csv"):
        lines = (place / name).read_text().splitlines()
        (place / name).write_text("\n".join(x for x in lines if not x.startswith("mask,1,start")) + "\n")
    found = tables(place)
    assert shown(found["transfer-bleu"], "mask")["off_diagonal"] == "—"
    assert shown(found["transfer-from-base-bleu"], "mask")["off_diagonal"] == "-2.50"
    assert shown(found["bits-per-byte"], "mask")["change_from_start"] == "—"
    assert shown(found["zero-shot-directions-bleu-change"], "mask")["de-fr"] == "—"
    assert shown(found["sequence-bleu"], "mask")["forward"] == "—"


def test_seeds_are_paired_with_their_own_start(tmp_path: Path) -> None:
    info = {**INFO, "methods": ["zero-shot", "mask"], "trained_methods": ["mask"], "sequence": None}
    info["transfer"] = {"methods": ["mask"], "base": "zero-shot", "directions": ["en-de"]}
    scores = grid({"zero-shot": {"en-de": 10.0, "en-fr": 20.0}})
    scores += grid({"mask": {"en-de": (4.0, 6.0), "en-fr": (10.0, 16.0)}}, trained_on="start")
    scores += grid({"mask": {"en-de": (29.0, 31.0), "en-fr": (13.0, 19.0)}}, trained_on="en-de")
    scores += grid({"mask": {"en-de": 1.0, "en-fr": 1.0}})
    (matrix,) = transfer_matrices(read_results(write_folder(tmp_path, scores, info)))
    assert [one.changes for one in matrix.by_seed] == [((25.0, 3.0),), ((25.0, 3.0),)]
    assert [one.surgery for one in matrix.by_seed] == pytest.approx([-8.0, -4.0])
