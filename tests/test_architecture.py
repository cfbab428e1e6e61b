"""The floors of the house: imports go down, never in a circle; methods see the public contract alone."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import mtsuite.method

ROOT = Path(__file__).resolve().parents[1]
SUITE = sorted((ROOT / "mtsuite").rglob("*.py"))
METHODS = sorted((ROOT / "methods").rglob("*.py"))

# From the bottom.  Rooms of one floor do not import one another, but for what NEIGHBOURS allows.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "chart", "identity", "names", "meter", "plugins", "units", ""}),
    frozenset({"data", "metrics", "model", "results"}),
    frozenset({"train", "translate", "report", "method", "pretrained"}),
    frozenset({"jobs", "registry", "testing"}),
    frozenset({"recipe", "scaffold", "scaffold_metric"}),
    frozenset({"plan", "catalogue", "compare"}),
    frozenset({"run"}),
    frozenset({"cli", "__main__"}),
)
NEIGHBOURS = {
    ("results", "data"),  # a result is of a direction
    ("model", "data"),  # a likelihood is of a batch
    ("metrics", "data"),  # a metric is of a direction
    ("jobs", "registry"),  # a job finds its method
    ("scaffold_metric", "scaffold"),  # one way of writing a start
    ("plugins", "errors"),  # what a plug-in raises becomes an error of the suite
    ("meter", "units"),  # memory is measured in MB
}


def floor(room: str) -> int:
    found = [number for number, rooms in enumerate(FLOORS) if room in rooms]
    assert found, f"mtsuite/{room} has no floor; add it to FLOORS and to docs/design.md"
    return found[0]


def imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """Modules that a file imports, at its top or inside functions: name, line, whether importing the file does it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    later = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno, id(node) not in later
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            module = node.module or ""
            for alias in node.names:
                dotted = f"{module}.{alias.name}"
                yield (dotted if is_module(dotted) else module), node.lineno, id(node) not in later


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def room_of(path: Path) -> str:
    first = path.relative_to(ROOT / "mtsuite").parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def own(module: str) -> str | None:
    """The room of a module of the suite; None for others."""
    parts = module.split(".")
    if parts[0] != "mtsuite":
        return None
    return parts[1] if len(parts) > 1 and is_module(".".join(parts[:2])) else ""


@pytest.mark.parametrize("path", SUITE, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    here = room_of(path)
    for module, line, _ in imports(path):
        there = own(module)
        if there is None or there == here or (here, there) in NEIGHBOURS:
            continue
        assert floor(there) < floor(here), (
            f"{path.relative_to(ROOT)}:{line}: {here} imports {module}, which is not below it"
        )


@pytest.mark.parametrize("path", SUITE, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_suite_names_no_method(path: Path) -> None:
    for module, line, _ in imports(path):
        assert not module.startswith(("mtsuite.methods", "methods")), (
            f"{path.relative_to(ROOT)}:{line} imports {module}"
        )


REPORT = ("render", "tables", "figures", "page", "")  # data flow one way; "" is what puts a report together
REPORT_FILES = sorted((ROOT / "mtsuite" / "report").rglob("*.py"))


@pytest.mark.parametrize("path", REPORT_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_packages_of_the_report_import_downwards(path: Path) -> None:
    """Also inside functions and under TYPE_CHECKING."""
    parts = path.relative_to(ROOT / "mtsuite" / "report").parts
    here = parts[0] if len(parts) > 1 else ""
    for module, line, _ in imports(path):
        if module.startswith("mtsuite.report."):
            second = module.split(".")[2]
            there = second if second in REPORT else ""
            assert REPORT.index(there) <= REPORT.index(here), f"{path.relative_to(ROOT)}:{line} imports {module}"


def test_no_circle_of_modules() -> None:
    """Module by module, over what importing does; between rooms, test_imports_go_down looks into functions too."""
    graph: dict[str, set[str]] = {}
    for path in SUITE:
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        used = {m for m, _, at_once in imports(path) if at_once and m.startswith("mtsuite.") and is_module(m)}
        graph[name] = used - {name}
    done: set[str] = set()

    def walk(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, "a circle of imports: " + " -> ".join([*above[above.index(module) :], module])
        if module in done:
            return
        for other in sorted(graph.get(module, ())):
            walk(other, (*above, module))
        done.add(module)

    for module in graph:
        walk(module, ())


PUBLIC = ("mtsuite.method", "mtsuite.chart", "mtsuite.model", "mtsuite.data")


@pytest.mark.parametrize("path", METHODS, ids=lambda p: str(p.relative_to(ROOT)))
def test_methods_use_the_contract_alone(path: Path) -> None:
    for module, line, _ in imports(path):
        where = f"{path.relative_to(ROOT)}:{line}"
        if not module.startswith("mtsuite"):
            continue
        allowed = any(module == room or module.startswith(room + ".") for room in (*PUBLIC, "mtsuite.methods"))
        assert allowed, f"{where} imports {module}; methods import {', '.join(PUBLIC)} and one another"


@pytest.mark.parametrize("path", METHODS, ids=lambda p: str(p.relative_to(ROOT)))
def test_methods_use_no_private_name(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mtsuite"):
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            assert not private, (
                f"{path.relative_to(ROOT)}:{node.lineno} imports {', '.join(private)} from {node.module}"
            )


def test_the_contract_is_documented() -> None:
    """Every public class and every hook of the contract has a docstring; so has every phase's field in one."""
    bare = []
    for name in mtsuite.method.__all__:
        thing = getattr(mtsuite.method, name)
        if not (inspect.isclass(thing) and thing.__module__ == "mtsuite.method"):
            continue
        if not thing.__doc__:
            bare.append(name)
        for attribute, value in vars(thing).items():
            function = value.fget if isinstance(value, property) else value
            if inspect.isfunction(function) and not attribute.startswith("_") and not function.__doc__:
                bare.append(f"{name}.{attribute}")
    assert not bare


def test_the_contract_is_light() -> None:
    """Reading a recipe and listing methods need no torch."""
    heavy = {"torch", "transformers", "peft", "accelerate"}
    for path in (
        ROOT / "mtsuite" / "method.py",
        ROOT / "mtsuite" / "registry.py",
        *(ROOT / "mtsuite" / "recipe").glob("*.py"),
    ):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:  # the top level alone
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not heavy & {n.split(".")[0] for n in names}, f"{path.relative_to(ROOT)} imports {names}"


def test_all_packages_are_shipped() -> None:
    """Every package is listed in pyproject.toml: setuptools does not look for them itself."""
    import tomllib

    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    there = {".".join(p.parent.relative_to(ROOT).parts) for p in SUITE if p.name == "__init__.py"}
    there |= {"mtsuite." + ".".join(p.parent.relative_to(ROOT).parts) for p in METHODS if p.name == "__init__.py"}
    assert there <= listed
    assert all(
        ROOT.joinpath(*name.split(".")).is_dir() or (ROOT / name.split(".")[1]).is_dir() for name in listed - there
    )
