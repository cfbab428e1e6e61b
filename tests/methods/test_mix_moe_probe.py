"""The look at a trained Mix-MoE, and the charts made from it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.mix_moe import MixMoE
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.layer import layers_of, watched
from mtsuite.methods.mix_moe.probe import KINDS, RoutingProbe, frequency_weights
from safetensors.torch import save_file

from mtsuite.chart import check
from mtsuite.data.batches import IGNORED, Text
from mtsuite.method import Artefacts, Chart
from mtsuite.testing import TRAINED, tiny_model, tiny_text

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Text:
    return tiny_text(Path(tmp_path_factory.mktemp("corpus")))


def attached(**options: Any) -> tuple[MixMoE, Any]:
    method = MixMoE(MixMoEConfig.model_validate(options))
    torch.manual_seed(0)
    return method, method.attach(tiny_model("llama"), Artefacts(), "mt-experts").eval().requires_grad_(False)


def test_it_stands_last_and_looks_at_the_trained_model() -> None:
    phases = MixMoE(MixMoEConfig(probe_samples=7)).phases()
    assert phases[-1] == RoutingProbe(samples=7)
    assert RoutingProbe.looks_at == "trained"
    assert [p.name for p in MixMoE(MixMoEConfig(probe_samples=0)).phases()] == ["lm-experts", "mt-experts"]


def test_masses_against_a_loop(text: Text) -> None:
    """Every mean over the tokens of its kind, one sentence at a time, so that there is no padding."""
    _, model = attached(preset="mixmoe_paper", init_std=0.3)
    found = RoutingProbe(samples=5).run(model, text)
    languages = list(text.languages)
    for name, shape in (("mass", ()), ("load", (4,)), ("probability", (4,)), ("entropy", ())):
        assert found[name].shape == (3, 3, 4, *shape)
    totals = torch.zeros(3, 3, 4, 6)  # mass, entropy, load of 4
    tokens = torch.zeros(3, 3)
    batches = [(text.monolingual(code, limit=5), "monolingual", code) for code in languages]
    batches += [(text.batches(d, limit=5), "parallel", d.target) for d in TRAINED]
    for stream, kind, code in batches:
        for batch in stream:
            for row in range(len(batch.input_ids)):
                length = int(batch.attention_mask[row].sum())
                with torch.inference_mode(), watched(model) as routes:
                    model(input_ids=batch.input_ids[row : row + 1, :length], use_cache=False)
                for place in range(length):
                    target = bool(batch.labels[row, place] != IGNORED)
                    which = 0 if kind == "monolingual" else 2 if target else 1
                    tokens[which, languages.index(code)] += 1
                    for layer, route in enumerate(routes):
                        p = route.p[place]
                        values = [float(p[:2].sum()), float(-(p * p.log()).sum()), *route.used()[place].tolist()]
                        totals[which, languages.index(code), layer] += torch.tensor(values)
    expected = totals / tokens.view(3, 3, 1, 1)
    assert torch.equal(found["tokens"].float(), tokens)
    torch.testing.assert_close(found["mass"], expected[..., 0], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found["entropy"], expected[..., 1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found["load"], expected[..., 2:], atol=0.02, rtol=0.02)  # a tie may fall elsewhere
    torch.testing.assert_close(found["load"].sum(-1), torch.full((3, 3, 4), 2.0))
    torch.testing.assert_close(found["probability"].sum(-1), torch.ones(3, 3, 4))


def test_a_language_that_is_no_target_has_no_numbers(text: Text) -> None:
    _, model = attached()
    one = Text(text.corpus, text.tokenizer, text.templates, TRAINED[:1], text.max_length)
    found = RoutingProbe(samples=3).run(model, one)
    assert found["tokens"][1:, 0].tolist() == [0, 0]  # en
    assert bool(found["mass"][1:, 0].isnan().all())
    assert bool(found["mass"][1:, 1].isfinite().all())


def test_frequency_weights_by_hand() -> None:
    _, model = attached()
    layer = layers_of(model)[0]
    with torch.no_grad():
        layer.router.lm.from_features.zero_()[0, 3] = 3.0
        layer.router.mt.from_features.zero_()[1, 3] = 4.0
    weights = frequency_weights([layer])["frequency"]
    assert weights.tolist() == [[0.0, 0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0]]
    for options in ({"transform": "none"}, {"axis": "prompt"}, {"router": "random", "top_k": 1}):
        assert frequency_weights(layers_of(attached(**options)[1])) == {}
    _, windowed = attached(axis="causal_window", window=6, window_rank=5, router_init="normal")
    router = layers_of(windowed)[0].router
    columns = torch.cat([router.lm.from_features, router.mt.from_features]).view(4, 5, 4)
    expected = columns.square().sum((0, 1)).sqrt()
    torch.testing.assert_close(frequency_weights(layers_of(windowed))["frequency"][0], expected)


def charts_of(text: Text, folder: Path, **options: Any) -> dict[str, Chart]:
    method, model = attached(**options)
    save_file({n: t.contiguous() for n, t in RoutingProbe(samples=3).run(model, text).items()},
              folder / "tensors.safetensors")  # fmt: skip
    (folder / "seen.json").write_text(json.dumps({"directions": [str(d) for d in text.directions]}))
    assert method.charts(Artefacts()) == ()
    charts = method.charts(Artefacts({"routing": folder}))
    for chart in charts:
        check(chart)
    return {chart.name: chart for chart in charts}


def test_charts(text: Text, tmp_path: Path) -> None:
    charts = charts_of(text, tmp_path, preset="mixmoe_paper")
    assert set(charts) == {
        "expert-probability", "lm-group-mass", "lm-group-mass-by-language", "expert-load", "router-entropy",
        "frequency-weights",
    }  # fmt: skip
    mass = charts["lm-group-mass"]
    assert [(s.name, s.x) for s in mass.series] == [
        (name, (1.0, 2.0, 3.0, 4.0)) for name in ("monolingual text", "prompts", "targets")
    ]
    assert len(charts["lm-group-mass-by-language"].series) == 3 * len(KINDS)
    assert charts["expert-load"].series[0].x == ("LM 1", "LM 2", "MT 1", "MT 2")
    assert charts["frequency-weights"].series[0].x == tuple(map(float, range(9)))


def test_charts_of_what_there_is(text: Text, tmp_path: Path) -> None:
    single = charts_of(text, tmp_path, groups="single", layers=[0, 2])
    assert set(single) == {"expert-probability", "router-entropy", "frequency-weights"}
    assert [s.name for s in single["expert-probability"].series] == ["layer 1", "layer 3"]
    one = Text(text.corpus, text.tokenizer, text.templates, TRAINED[:1], text.max_length)
    few = charts_of(one, tmp_path, transform="none")
    rows = [s.name for s in few["lm-group-mass-by-language"].series]
    assert rows == ["en, monolingual text", "de, monolingual text", "de, prompts", "de, targets"]
