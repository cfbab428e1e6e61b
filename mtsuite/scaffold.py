"""Starting points for a method of one's own: one commented file, or a package with an entry point.

What is written passes the conformance kit as it is: it is a small method that works.
"""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

import mtsuite
from mtsuite.errors import MTSuiteError
from mtsuite.registry import GROUP, registered


class ScaffoldError(MTSuiteError):
    """What was asked for cannot be written: a name that is none, a file that is there already."""

    exit_code = 2


class Name:
    """A method's name in its three spellings: ``my-idea`` (recipes), ``my_idea`` (module), ``MyIdea`` (class).

    Raises ScaffoldError for a name that is none, or that Python cannot import.
    """

    def __init__(self, text: str) -> None:
        words = re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", text).lower())
        self.slug, self.module = "-".join(words), "_".join(words)
        self.cls = "".join(word[:1].upper() + word[1:] for word in words)
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9 _-]*", text) or not words:
            raise ScaffoldError(f"A method's name is letters, digits and hyphens, such as my-idea; found {text!r}.")
        if keyword.iskeyword(self.module) or self.module in sys.stdlib_module_names or self.module in _TAKEN:
            raise ScaffoldError(
                f"{text!r} would be the module {self.module}, which is Python's or a library's; choose another."
            )


_TAKEN = frozenset({"mtsuite", "torch", "transformers", "peft", "accelerate", "datasets", "numpy", "pytest", "method"})


def write_file(text: str, folder: Path) -> Path:
    """Write ``folder/my_idea.py`` and return its path.  Raises ScaffoldError when it is there already."""
    name = Name(text)
    path = folder / f"{name.module}.py"
    _write({path: _filled(METHOD, name)})
    return path


def write_package(text: str, folder: Path) -> Path:
    """Write a distribution into ``folder/my-idea`` and return that folder.

    Raises ScaffoldError when the folder is there already, or the name is a registered method's.
    """
    name = Name(text)
    if name.slug in registered():
        raise ScaffoldError(
            f"{name.slug!r} is registered already, by {registered()[name.slug].distribution}; two distributions under "
            "one name could not both be used. Choose another."
        )
    root = folder / name.slug
    if root.exists():
        raise ScaffoldError(f"{root} exists already; choose another name or folder.")
    _write(
        {
            root / "pyproject.toml": _filled(PYPROJECT, name),
            root / "README.md": _filled(README, name),
            root / "src" / f"{name.module}.py": _filled(METHOD, name),
            root / "tests" / f"test_{name.module}.py": _filled(TEST, name),
        }
    )
    return root


def _filled(template: str, name: Name) -> str:
    values = {
        "slug": name.slug,
        "module": name.module,
        "class": name.cls,
        "group": GROUP,
        "version": mtsuite.__version__,
    }
    return re.sub(r"@(\w+)@", lambda found: values[found[1]], template)


def _write(files: dict[Path, str]) -> None:
    for path in files:
        if path.exists():
            raise ScaffoldError(f"{path} exists already; choose another name or folder.")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ScaffoldError(f"{path} cannot be written: {error.strerror or error}.") from error


METHOD = '''"""@slug@: one sentence on the idea, and where it comes from (Author et al. 2026, arXiv 0000.00000).

    y  becomes  gain * y        the formula of the paper, with its section
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from mtsuite.method import Artefacts, Method, MethodConfig, Option, Phase, Train
from mtsuite.model.blocks import feed_forward_blocks


class @class@Config(MethodConfig):
    # Every key of the row's `config:` is a field here.  Say what it means, its unit, and where the default comes from.
    first_layer: int = Option(0, ge=0, description="First layer that is changed. Our choice: all layers are.")


class Gain(nn.Module):
    """A learned factor for every number of a block's output."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(size))  # one at the start: training begins from the base model

    def forward(self, y: Tensor) -> Tensor:  # (batch, length, hidden)
        return y * self.gain.to(y.dtype)  # the model may be bfloat16, what is trained is float32


class @class@(Method):
    """A learned gain behind every feed-forward block; the base model stays frozen."""

    Config = @class@Config

    def phases(self) -> Sequence[Phase]:
        # What happens, in order.  `Train(name)` learns from the recipe's parallel text, `Train(name, "monolingual",
        # "all")` from monolingual text; a subclass of `Probe` looks at the model.  No phases: nothing is trained.
        return [Train("translation", learning_rate=1e-3)]

    def attach(self, model: nn.Module, artefacts: Artefacts, phase: str) -> nn.Module:
        # The surgery: turn the base model into this method's.  Called on a fresh base before every training phase and
        # before translation, so it must do the same each time; what was trained is loaded afterwards by name.
        for block in feed_forward_blocks(model)[self.config.first_layer :]:
            gain = Gain(block.hidden_size).to(block.down.weight.device)
            block.holder.add_module("@module@_gain", gain)
            block.down.register_forward_hook(lambda module, inputs, output, gain=gain: gain(output))
        return model

    def trainable(self, model: nn.Module, phase: Train) -> Iterable[nn.Parameter]:
        # What learns.  The suite freezes everything else, and saves what is named here.
        return [parameter for name, parameter in model.named_parameters() if "@module@_gain" in name]

    # More hooks, all with defaults that work (docs/add-a-method.md):
    #   check(layers, directions)   raise MethodError when the configuration cannot fit
    #   focus(model, direction)     which direction comes next, for methods that route by it
    #   loss(model, batch)          cross-entropy, plus what your method adds
    #   active_parameters(model)    parameters that one token meets, for methods that route
    #   merge(model)                the model as a plain one again, for `mtsuite export`
    #   charts(artefacts)           figures made from what probes saw
'''

PYPROJECT = """[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "@slug@"
version = "0.1.0"
description = "@class@, a method for mtsuite"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["mtsuite"]

[project.optional-dependencies]
dev = ["pytest"]

[project.entry-points."@group@"]
@slug@ = "@module@:@class@"

[tool.setuptools]
package-dir = { "" = "src" }
py-modules = ["@module@"]
"""

README = """# @slug@

A method for mtsuite (begun with version @version@). In one sentence: …

```
pip install -e .
mtsuite methods list                                     # it is there
mtsuite methods check @slug@
mtsuite run table1 --set methods.@slug@={} --only @slug@,lora,full
pytest
```
"""

TEST = '''"""The conformance kit, one case a check."""

from @module@ import @class@
from mtsuite.testing import Check, parametrize_with_checks


@parametrize_with_checks(@class@)
def test_conformance(check: Check) -> None:
    check()
'''
