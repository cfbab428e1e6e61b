"""Docstrings of public functions: shapes where tensors go in or out, "Raises" where something is raised."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from mtsuite.methods.adapter import Bottleneck
from mtsuite.methods.dispatch import Dispatch
from mtsuite.methods.experts import chosen, largest, sliced
from mtsuite.methods.landermt.neuron_outputs import two_dimensions
from mtsuite.methods.llama_moe import LLaMAMoEConfig, NoisyTopKGate, balanced_kmeans, cv_squared, load_probability
from mtsuite.methods.low_rank import LowRank
from mtsuite.methods.mix_moe.config import MixMoEConfig
from mtsuite.methods.mix_moe.features import Spectrum, dct, part_of
from torch import Tensor

from mtsuite.model.blocks import feed_forward_blocks
from mtsuite.testing.models import tiny_model
from mtsuite.train.muon import orthogonalised

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "mtsuite").rglob("*.py"), *(ROOT / "methods").rglob("*.py")])

# A shape: names, numbers and products of them in parentheses, such as (n k, d) or (..., 2); not P(x, i).
_DIMENSION = r"(?:\.\.\.|\w[\w' /*+-]*)"
SHAPE = re.compile(rf"(?<!\w)\((?:{_DIMENSION},(?: {_DIMENSION}(?:, {_DIMENSION})*,?)?|\w+|\.\.\.)\)")
_SCALAR = re.compile(r"\ba scalar\b|\b(?:in|says?)\s+their\s+shapes\b|\bname or shape\b")


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions and methods of a file whose own name is public, nested functions left out."""

    def walk(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                if not child.name.startswith("_"):
                    yield f"{path.relative_to(ROOT)}:{child.lineno}: {prefix}{child.name}", child
            elif isinstance(child, ast.ClassDef):
                yield from walk(child, f"{child.name}.")

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), "")


def has_tensor(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    told = [a.annotation for a in arguments if a.annotation is not None]
    told += [function.returns] if function.returns is not None else []
    return any(re.search(r"\bTensor\b", ast.unparse(annotation)) for annotation in told)


def raised(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """Classes of errors that the function itself raises, not those of functions that it calls or defines."""
    found = []
    inner = {
        id(n) for d in ast.walk(function) if isinstance(d, ast.FunctionDef) and d is not function for n in ast.walk(d)
    }
    for node in ast.walk(function):
        if isinstance(node, ast.Raise) and node.exc is not None and id(node) not in inner:
            name = ast.unparse(node.exc.func if isinstance(node.exc, ast.Call) else node.exc).split(".")[-1]
            found += [name] if name[0].isupper() else []
    return found


def test_functions_with_tensors_say_shapes() -> None:
    bare = [
        name
        for path in FILES
        for name, function in functions(path)
        if has_tensor(function) and not (SHAPE.search(doc := ast.get_docstring(function) or "") or _SCALAR.search(doc))
    ]
    assert bare == []


def test_functions_that_raise_say_so() -> None:
    """Commands of ``mtsuite.cli`` are left out: their docstrings are help texts, their errors exit codes."""
    bare = [
        f"{name}: {', '.join(errors)}"
        for path in FILES
        if ROOT / "mtsuite/cli" not in path.parents
        for name, function in functions(path)
        if (errors := raised(function))
        and not re.search(r"\b[Rr]aise[sd]?\b|Error\b", ast.get_docstring(function) or "")
    ]
    assert bare == []


def test_a_bare_function_is_found() -> None:
    told = "def f(x: Tensor) -> Tensor:\n    '''{}'''\n    raise ValueError('no')\n"
    for doc, shaped in (
        ("Nothing (that helps).", False),
        ("(n, d) of it.", True),
        ("x (...,) of it.", True),
        ("", False),
    ):
        function = ast.parse(told.format(doc)).body[0]
        assert isinstance(function, ast.FunctionDef)
        assert has_tensor(function)
        assert raised(function) == ["ValueError"]
        assert bool(SHAPE.search(ast.get_docstring(function) or "")) is shaped


# -- shapes as they are said ----------------------------------------------------------------------------------

SIZES = {"n": 6, "d": 8, "k": 2, "E": 4, "experts": 4, "in": 8, "out": 5, "r": 3, "P": 7, "rows": 3, "columns": 5}
LEADING = (2, 3)  # what ... stands for


def size(said: str, sizes: dict[str, int]) -> tuple[int, ...]:
    """A shape in parentheses as numbers; factors stand side by side, as in (n k, d)."""
    found: list[int] = []
    for dimension in filter(None, map(str.strip, said.strip("()").split(","))):
        if dimension == "...":
            found += LEADING
            continue
        product = 1
        for factor in dimension.split():
            product *= int(factor) if factor.isdigit() else sizes[factor]
        found.append(product)
    return tuple(found)


def x(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


DISPATCH = Dispatch(torch.tensor([[0, 1], [2, 3], [1, 0], [3, 3], [0, 2], [1, 2]]), 4)
BLOCK = feed_forward_blocks(tiny_model("bloom", hidden=8, layers=1))[0]
SPECTRUM = Spectrum(8, MixMoEConfig(bins="all"))
GATE = NoisyTopKGate(8, LLaMAMoEConfig(experts=4, top_k=2))
LOGITS = x(*LEADING, 4)

# function, its result, which of the shapes in its docstring is the result's, sizes beside SIZES
CASES: list[tuple[Callable[..., Any], Callable[[], Tensor], int, dict[str, int]]] = [
    (Bottleneck.forward, lambda: Bottleneck(8, 3)(x(*LEADING, 8)), -1, {}),
    (Dispatch.rows, lambda: DISPATCH.rows(x(6, 8)), -1, {}),
    (Dispatch.back, lambda: DISPATCH.back(x(12, 8), x(6, 2)), -1, {}),
    (Dispatch.out, lambda: torch.cat(DISPATCH.out(x(6, 8))), 0, {"n": 12}),
    (Dispatch.split, lambda: torch.cat(DISPATCH.split(x(12, 2, 3))), 0, {}),
    (chosen, lambda: chosen(largest(LOGITS, 2), 4), -1, {}),
    (largest, lambda: largest(LOGITS, 2), 0, {}),
    (type(sliced(BLOCK, [torch.arange(4)])[0]).forward, lambda: sliced(BLOCK, [torch.arange(4)])[0](x(6, 8)), -1, {}),
    (LowRank.forward, lambda: LowRank(8, 5, rank=3, alpha=6, dropout=0.0)(x(*LEADING, 8)), 0, {}),
    (Spectrum.forward, lambda: SPECTRUM(x(*LEADING, 8)), 0, {"size": 5}),
    (part_of, lambda: part_of(torch.fft.rfft(x(*LEADING, 8)), "magnitude"), 1, {"k": 5}),
    (part_of, lambda: part_of(torch.fft.rfft(x(*LEADING, 8)), "real_imag"), 2, {"k": 5}),
    (dct, lambda: dct(x(*LEADING, 8)), 1, {}),
    (cv_squared, lambda: cv_squared(x(*LEADING, 6)), 1, {}),
    (load_probability, lambda: load_probability(LOGITS, LOGITS, LOGITS.exp(), largest(LOGITS, 2)), 0, {}),
    (NoisyTopKGate.forward, lambda: GATE(x(*LEADING, 8)).numbers, 0, {}),
    (NoisyTopKGate.forward, lambda: GATE(x(*LEADING, 8)).weights, 1, {}),
    (balanced_kmeans, lambda: balanced_kmeans(x(6, 8), 2, torch.Generator().manual_seed(1)), 0, {}),
    (two_dimensions, lambda: two_dimensions(x(7, 6)), 1, {}),
    (orthogonalised, lambda: orthogonalised(x(3, 5)), 0, {}),
    (feed_forward_blocks, lambda: BLOCK.activation(x(*LEADING, 16)), 0, {"neurons": 16}),
]


@pytest.mark.parametrize(("function", "result", "which", "sizes"), CASES)
def test_shapes_are_as_said(
    function: Callable[..., Any], result: Callable[[], Tensor], which: int, sizes: dict[str, int]
) -> None:
    doc = function.__doc__ if function is not feed_forward_blocks else type(BLOCK).activation.__doc__
    said = [match.group() for match in SHAPE.finditer(doc or "")]
    with torch.no_grad():
        assert tuple(result().shape) == size(said[which], SIZES | sizes), f"{function.__qualname__}: {said}"
