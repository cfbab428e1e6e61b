"""The paper's figures as data, from a run of the phases on a tiny model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.landermt import LANDeRMT, Layers
from mtsuite.methods.landermt.charts import output_charts
from mtsuite.methods.landermt.selection import layer_differences, layer_means
from mtsuite.methods.landermt.splits import awareness_of, split_layers
from mtsuite.methods.lape import LAPE
from mtsuite.methods.na_mnmt import NAMNMT
from safetensors.torch import load_file, save_file

from mtsuite.chart import Chart, check
from mtsuite.method import Artefacts, Method, MethodError, Train
from mtsuite.testing import Lab, tiny_model


@pytest.fixture(scope="module")
def labs() -> Iterator[dict[str, tuple[Method, Artefacts]]]:
    made: dict[str, tuple[type[Method], dict[str, Any]]] = {
        "landermt": (LANDeRMT, {"k": 2, "epsilon": 0.6, "preset": "landermt_safe"}),
        "pairs": (LANDeRMT, {"k": 2, "epsilon": 0.6, "awareness": "pair_mt", "detector": "random"}),
        "layers": (Layers, {"k": 2}),
        "na-mnmt": (NAMNMT, {}),
        "lape": (LAPE, {"share": 0.1}),
    }
    kept = []  # a Lab's folders go with it
    found = {}
    for name, (cls, options) in made.items():
        lab = Lab(lambda cls=cls, options=options: cls(cls.Config.model_validate(options)), "bloom")  # type: ignore[misc]
        kept.append(lab)
        found[name] = (lab.first.method, Artefacts(lab.first.folders))
    yield found
    kept.clear()


def charts_of(pair: tuple[Method, Artefacts]) -> dict[str, Chart]:
    method, artefacts = pair
    charts = list(method.charts(artefacts))
    for chart in charts:
        check(chart)
    assert len({chart.name for chart in charts}) == len(charts)
    return {chart.name: chart for chart in charts}


LAYERS = ["activation", "activation-change"]
AWARENESS = ["awareness-general", "awareness-specific", "awareness"]
CLUSTERS = ["clusters-general", "clusters-specific"]


def test_figures_of_every_row(labs: dict[str, tuple[Method, Artefacts]]) -> None:
    found = {name: list(charts_of(pair)) for name, pair in labs.items()}
    assert found["landermt"] == [*LAYERS, *AWARENESS, "start", *CLUSTERS, "car"]
    assert found["pairs"] == [*LAYERS, *AWARENESS, "start", *CLUSTERS, "car"]
    assert found["layers"] == [*LAYERS, *AWARENESS]
    assert found["na-mnmt"] == [*LAYERS, *AWARENESS, "start", *CLUSTERS]
    assert found["lape"] == [*LAYERS, *AWARENESS, *CLUSTERS]  # nothing masked, nothing scaled: the start is the base


def test_figures_4_and_5_have_a_line_a_direction(labs: dict[str, tuple[Method, Artefacts]]) -> None:
    charts, tensors = charts_of(labs["landermt"]), labs["landermt"][1].tensors("detection")
    config: Any = LANDeRMT.Config(k=2)
    for name, values, first in (("activation", layer_means, 0), ("activation-change", layer_differences, 1)):
        chart = charts[name]
        assert [s.name for s in chart.series] == ["en-de", "de-en", "en-fr", "fr-en"]
        assert chart.series[0].x == tuple(float(i) for i in range(first, 5))
        torch.testing.assert_close(torch.tensor([s.y for s in chart.series]), values(tensors, config))


def test_figures_6_to_8_are_means_of_phi(labs: dict[str, tuple[Method, Artefacts]]) -> None:
    charts, tensors = charts_of(labs["landermt"]), labs["landermt"][1].tensors("detection")
    phi = tensors["phi.mean_abs"]
    for row, series in enumerate(charts["awareness"].series):
        assert series.name == ("en", "de", "fr")[row]
        torch.testing.assert_close(torch.tensor(series.y), phi[row].mean(-1))
    method, artefacts = labs["landermt"]
    measured = awareness_of(tensors, artefacts.directions("detection"), method.config)
    parts = split_layers(measured, range(4), method.config)
    for row in range(3):
        general, specific = (charts[f"awareness-{part}"].series[row] for part in ("general", "specific"))
        for layer in range(4):
            values = phi[row, layer]
            assert general.y[layer] == pytest.approx(float(values[parts[layer].general].mean()))
            assert specific.y[layer] == pytest.approx(float(values[parts[layer].members[row]].mean()))
    by_direction = charts_of(labs["pairs"])["awareness-specific"]
    assert [s.name for s in by_direction.series] == ["en-de", "de-en", "en-fr", "fr-en"]
    assert "a draw of its own" in by_direction.about


def test_a_language_without_neurons_leaves_a_gap(labs: dict[str, tuple[Method, Artefacts]]) -> None:
    method, artefacts = labs["lape"]
    specific = charts_of((method, artefacts))["awareness-specific"]
    lengths = [len(series.x) for series in specific.series]
    assert any(length < 4 for length in lengths)
    assert all(x in (1.0, 2.0, 3.0, 4.0) for series in specific.series for x in series.x)


def test_figures_12_and_13_have_a_point_a_sentence(labs: dict[str, tuple[Method, Artefacts]]) -> None:
    method, artefacts = labs["landermt"]
    charts, tensors = charts_of((method, artefacts)), artefacts.tensors("neuron-outputs")
    for part in ("general", "specific"):
        chart = charts[f"clusters-{part}"]
        assert chart.kind == "points"
        assert [s.name for s in chart.series] == ["en", "de", "fr"]
        assert sum(len(s.x) for s in chart.series) == len(tensors["language"])
        assert "PCA" in chart.about
    car = charts["car"]
    assert len(car.series) == 2
    assert car.series[0].x == ("en-de", "de-en", "en-fr", "fr-en")
    assert all(0 < y < 1 for series in car.series for y in series.y)
    assert "as trained" in car.about


def test_the_layer_of_the_largest_change_is_shown() -> None:
    outputs = {f"{i}.general": torch.full((2, 2), float(i)) for i in (1, 3)}
    outputs |= {"language": torch.tensor([0, 1]), "aligned": torch.tensor(1)}
    means = torch.tensor([[[1.0], [2.0], [2.0], [9.0]]])
    detected = {"activation.embedding": torch.zeros(1, 1, 1), "activation.mlp_out": means}
    direction: Any = ("en", "de")
    (chart,) = output_charts(outputs, detected, [direction], LANDeRMT.Config(k=2))
    assert chart.title == "Outputs of general neurons, layer 4"
    assert chart.series[0].x == (3.0,)


def test_the_layer_of_figures_12_and_13_can_be_chosen(labs: dict[str, tuple[Method, Artefacts]]) -> None:
    method, artefacts = labs["landermt"]
    tensors, outputs = artefacts.tensors("detection"), artefacts.tensors("neuron-outputs")
    routed = sorted({int(name.split(".")[0]) for name in outputs if name.endswith(".general")})
    config = method.config.model_dump()
    for layer in routed:
        chosen = LANDeRMT.Config.model_validate({**config, "cluster_layer": layer + 1})
        charts = output_charts(outputs, tensors, artefacts.directions("detection"), chosen)
        assert charts[0].title.endswith(f"layer {layer + 1}")
        assert charts[0].series[0].y == tuple(outputs[f"{layer}.general"][outputs["language"] == 0][:, 1].tolist())
    other = next(i for i in range(4) if i not in routed)
    chosen = LANDeRMT.Config.model_validate({**config, "cluster_layer": other + 1})
    charts = output_charts(outputs, tensors, artefacts.directions("detection"), chosen)
    assert charts[0].title == charts_of((method, artefacts))["clusters-general"].title
    assert f"for layer {other + 1}, which cluster_layer names, is not selected" in charts[0].about
    with pytest.raises(MethodError, match="the model has 4"):
        LANDeRMT(LANDeRMT.Config.model_validate({"k": 2, "cluster_layer": 5})).check(4, [])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "by Phi;"),
        ({"car_mode": "learned"}, "as trained"),
        ({"car_mode": "token"}, "each token's own share starts"),
        ({"car_mode": "token_act"}, None),
        ({"car_mode": "half"}, None),
        ({"car_mode": "off"}, None),
    ],
)
def test_shares_are_drawn_where_a_layer_has_one(options: dict[str, Any], says: str | None) -> None:
    outputs = {"1.share": torch.tensor([0.25]), "language": torch.tensor([0, 1]), "aligned": torch.tensor(1)}
    direction: Any = ("en", "de")
    charts = output_charts(outputs, {}, [direction], LANDeRMT.Config(k=2, **options))
    assert [chart.name for chart in charts] == ["car"] * (says is not None)
    assert says is None or says in charts[0].about


def test_what_only_figures_read_trains_nothing_anew() -> None:
    plain, told = (
        [phase for phase in LANDeRMT(LANDeRMT.Config.model_validate(values)).phases() if isinstance(phase, Train)]
        for values in ({}, {"cluster_layer": 3, "preset": "landermt_swapped"})
    )
    assert plain == told
    assert plain[0].settings is not None
    assert {"cluster_layer", "preset"} == set(LANDeRMT.Config.model_fields) - set(plain[0].settings)


def test_points_are_those_of_a_loop(labs: dict[str, tuple[Method, Artefacts]], tmp_path: Path) -> None:
    """Distances between the general points of a layer, against activations computed sentence by sentence."""
    from mtsuite.methods.landermt.neuron_outputs import NeuronOutputs, two_dimensions

    from mtsuite.model.blocks import feed_forward_blocks
    from mtsuite.testing import tiny_text

    method = LANDeRMT(LANDeRMT.Config(k=4, epsilon=0.5, car_mode="off"))
    detection = labs["landermt"][1].folders["detection"]
    save_file(load_file(detection / "tensors.safetensors"), tmp_path / "tensors.safetensors")
    (tmp_path / "seen.json").write_text(json.dumps(json.loads((detection / "seen.json").read_text())))
    text = tiny_text(tmp_path / "corpus")
    model = method.attach(tiny_model("bloom"), Artefacts({"detection": tmp_path}), "translation")
    found = NeuronOutputs(sentences=4).run(model, text)
    general = [m.partition.general for m in model.modules() if hasattr(m, "partition") and hasattr(m, "car")][1]
    base, points = tiny_model("bloom"), []
    seen: list[torch.Tensor] = []
    feed_forward_blocks(base)[1].on_neurons(seen.append)
    for code in text.languages:
        for batch in text.monolingual(code, limit=4):
            for ids, mask in zip(batch.input_ids, batch.attention_mask.bool(), strict=True):
                base(input_ids=ids[mask].unsqueeze(0))
                points.append(seen.pop().reshape(int(mask.sum()), -1)[:, general].mean(0).detach())
    expected = two_dimensions(torch.stack(points))
    torch.testing.assert_close(
        torch.cdist(found["1.general"], found["1.general"]), torch.cdist(expected, expected), atol=1e-4, rtol=1e-3
    )
    assert found["language"].tolist() == [0] * 4 + [1] * 4 + [2] * 4
