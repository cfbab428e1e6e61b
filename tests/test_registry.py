"""Finding methods, and what is said when one cannot be found."""

from __future__ import annotations

import os
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from mtsuite.methods.landermt import LANDeRMT
from mtsuite.methods.landermt.detection import Detection
from mtsuite.methods.lora import LoRA

import mtsuite.registry as registry
from mtsuite.errors import MethodError
from mtsuite.identity import identity, sources
from mtsuite.method import Method
from mtsuite.registry import configure, find_method, registered

GOOD = '''"""A method."""
from mtsuite.method import Method, MethodConfig, Option, Train


class IdeaConfig(MethodConfig):
    width: int = Option(3, ge=1, description="How wide.")


class Idea(Method):
    """An idea."""

    Config = IdeaConfig

    def phases(self):
        # one phase
        return [Train("idea")]


class Unrelated:
    pass
'''


@pytest.fixture
def idea(tmp_path: Path) -> Path:
    path = tmp_path / "idea.py"
    path.write_text(GOOD)
    return path


def rewrite(path: Path, text: str) -> None:
    """Write a file with a later time stamp, as an editor would."""
    stamp = path.stat().st_mtime_ns
    path.write_text(text)
    os.utime(path, ns=(stamp + 10**9, stamp + 10**9))


# -- by name ----------------------------------------------------------------------------------------

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
OWN = set(tomllib.loads(PYPROJECT.read_text())["project"]["entry-points"]["mtsuite.methods"])


def test_all_own_methods_are_registered_and_load() -> None:
    found = {name: entry for name, entry in registered().items() if entry.distribution == "mtsuite"}
    assert set(found) == OWN
    assert {"zero-shot", "in-context", "full", "lora", "adapter", "landermt", "mix-moe"} <= OWN
    assert list(registered()) == sorted(registered())
    for name in found:
        assert issubclass(find_method(name), Method)
        assert find_method(name).__doc__


def test_unknown_name_gives_the_nearest() -> None:
    with pytest.raises(MethodError, match=r"Unknown method 'landermd'\. Did you mean 'landermt'"):
        find_method("landermd")
    with pytest.raises(MethodError, match=r"Known: adapter, .*zero-shot\."):
        find_method("qqqqq")


class FakeDistribution:
    def __init__(self, name: str) -> None:
        self.name = name


def plugged(monkeypatch: pytest.MonkeyPatch, *entries: tuple[str, str, str]) -> None:
    """Further entry points: name, target, distribution."""
    extra = [registry.Registered(n, t, d, EntryPoint(n, t, registry.GROUP)) for n, t, d in entries]
    real = registry._all
    monkeypatch.setattr(registry, "_all", lambda: [*real(), *extra])


def test_two_distributions_under_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, ("lora", "other:LoRA", "other-dist"), ("new", "a:B", "one"), ("new", "c:D", "two"))
    assert registry.collisions() == {"lora": ["mtsuite", "other-dist"], "new": ["one", "two"]}
    assert registered()["lora"].distribution == "mtsuite"
    for name, both in (("lora", "mtsuite, other-dist"), ("new", "one, two")):
        with pytest.raises(MethodError, match=f"registered by several distributions: {both}"):
            find_method(name)


def test_a_broken_plugin_is_told_with_its_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_plugin_xyz.py").write_text("import os\n\nraise RuntimeError('boom')\n")
    monkeypatch.syspath_prepend(tmp_path)
    plugged(monkeypatch, ("broken", "broken_plugin_xyz:Thing", "broken-dist"))
    with pytest.raises(
        MethodError,
        match=r"'broken' \(broken_plugin_xyz:Thing, distribution broken-dist\) .*xyz\.py:3: RuntimeError: boom",
    ):
        find_method("broken")
    assert find_method("lora") is LoRA  # the others still work
    assert "broken" in registered()


def test_a_plugin_whose_class_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, ("gone", "mtsuite.methods.lora:Gone", "d"), ("nowhere", "no_such_module_xyz:A", "d"))
    with pytest.raises(MethodError, match=r"AttributeError.*Gone"):
        find_method("gone")
    with pytest.raises(MethodError, match="no_such_module_xyz"):
        find_method("nowhere")


def test_an_entry_that_is_no_method(monkeypatch: pytest.MonkeyPatch) -> None:
    plugged(monkeypatch, ("odd", "pathlib:Path", "d"))
    with pytest.raises(MethodError, match=r"expected a class that derives from mtsuite\.method\.Method; found"):
        find_method("odd")


# -- by file ----------------------------------------------------------------------------------------------


def test_a_class_in_a_file(idea: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cls = find_method(f"{idea}:Idea")
    assert issubclass(cls, Method)
    assert find_method(f"{idea}:Idea") is cls
    monkeypatch.chdir(idea.parent)
    assert find_method("idea.py:Idea") is cls
    assert configure(f"{idea}:Idea", {"width": 5}).config.width == 5


@pytest.mark.parametrize(
    ("use", "message"),
    [
        ("{folder}/idea.py", "path/to/file.py:ClassName; found"),
        ("{folder}/idea.py:", "path/to/file.py:ClassName; found"),
        ("{folder}/idea.py:Idee", "no class 'Idee'. Did you mean 'Idea'"),
        ("{folder}/ideas.py:Idea", "there is no file .*Did you mean 'idea.py'"),
        ("{folder}/nowhere/idea.py:Idea", "folder nowhere/ does not exist"),
        ("{folder}/idea.py:Unrelated", "derives from mtsuite.method.Method"),
    ],
)
def test_a_file_that_does_not_serve(use: str, message: str, idea: Path) -> None:
    with pytest.raises(MethodError, match=message):
        find_method(use.format(folder=idea.parent))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = 1 / 0\n", r"bad\.py:2: ZeroDivisionError: division by zero"),
        ("x = 1\n\ndef f(:\n", r"bad\.py:3: invalid syntax"),
        ("\nimport no_such_module_xyz\n", r"bad\.py:2: ModuleNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_imported(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text(text)
    before = set(sys.modules)
    with pytest.raises(MethodError, match=message):
        find_method(f"{tmp_path / 'bad.py'}:Bad")
    assert not {n for n in set(sys.modules) - before if n.startswith("mtsuite_plugin_")}


def test_an_edited_file_is_read_again(idea: Path) -> None:
    find_method(f"{idea}:Idea")
    rewrite(idea, GOOD.replace("width", "breadth"))
    assert "breadth" in find_method(f"{idea}:Idea").Config.model_fields


# -- configuration -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"rnk": 4}, r"Method 'lora': config\.rnk: unknown key\. Did you mean 'rank'"),
        ({"rank": "many"}, r"config\.rank: Input should be a valid integer.*found 'many'"),
        (
            {"rank": 0, "alpha": -1},
            r"config\.rank: .*greater than or equal to 1; found 0\. config\.alpha: .*greater than 0",
        ),
    ],
)
def test_a_mistyped_configuration(config: dict[str, Any], message: str) -> None:
    with pytest.raises(MethodError, match=message):
        configure("lora", config)


@pytest.mark.parametrize(
    ("use", "config"), [("mix-moe", {"top_k": 0}), ("adapter", {"bottleneck": 0}), ("landermt", {"k": 0})]
)
def test_counts_start_at_one(use: str, config: dict[str, Any]) -> None:
    with pytest.raises(MethodError, match="greater than or equal to 1"):
        configure(use, config)


def test_a_preset_gives_way_to_what_is_said() -> None:
    config = configure("landermt", {"preset": "landermt_paper", "car_site": "output"}).config
    assert (config.car_assign, config.car_site) == ("literal", "output")
    again = configure("landermt", config.model_dump(mode="json")).config
    assert again == config


# -- identity --------------------------------------------------------------------------------------------------


def test_identity_follows_the_code_and_not_the_prose(idea: Path) -> None:
    def now() -> str:
        return identity(find_method(f"{idea}:Idea"))

    first = now()
    assert first.startswith("Idea:")
    rewrite(
        idea,
        GOOD.replace("# one phase", "# a single phase").replace("An idea.", "A better idea.").replace("\n\n\n", "\n\n"),
    )
    assert now() == first
    rewrite(idea, GOOD.replace('Train("idea")', 'Train("ideas")'))
    assert now() != first
    rewrite(idea, GOOD)
    assert now() == first


def test_what_only_tells_does_not_count(idea: Path, tmp_path: Path) -> None:
    def now() -> str:
        return identity(find_method(f"{idea}:Idea"))

    first = now()
    told = GOOD.rstrip() + '\n\n    def note(self):\n        return "read by nobody else"\n'
    rewrite(idea, told)
    assert now() == first
    rewrite(idea, told + "\n    def focus(self, model, direction):\n        pass\n")
    assert now() != first


def test_charts_are_no_part_of_landermt() -> None:
    names = {path.name for path in sources(LANDeRMT)}
    assert "charts.py" not in names
    assert "neuron_outputs.py" in names, "a phase is code that runs"


def test_identities_differ_by_class_and_cover_the_package() -> None:
    classes = [find_method(name) for name in OWN]
    assert len({identity(cls) for cls in classes}) == len(classes)
    paths = sources(LANDeRMT)
    assert {"config.py", "detection.py", "layer.py", "method.py", "selection.py"} <= {path.name for path in paths}
    assert all(path.parent.name in ("landermt", "methods") for path in paths)
    assert identity(Detection) != identity(LANDeRMT)


def test_the_contract_is_not_part_of_an_identity(idea: Path) -> None:
    files = {path.name for path in sources(find_method(f"{idea}:Idea"))}
    assert files == {"idea.py"}
