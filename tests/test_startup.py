"""What a verb imports before it can answer: libraries are counted, for seconds depend on the machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from conftest import environment

ROOT = Path(__file__).resolve().parents[1]
LISTED = """\
import sys
sys.argv = ["mtsuite", *sys.argv[1:]]
from mtsuite.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
print("\\n".join({name.split(".")[0] for name in sys.modules} | {n for n in sys.modules if n.startswith("mtsuite.")}))
"""
MODELS = {"torch", "numpy", "mtsuite.data.batches"}  # what methods that train import themselves
HEAVY = {
    *("transformers", "tokenizers", "peft", "accelerate", "safetensors", "datasets", "pyarrow", "pandas", "scipy"),
    *(
        "sacrebleu",
        "matplotlib",
        "langcodes",
        "huggingface_hub",
        "jinja2",
        "mtsuite.report.build",
        "mtsuite.jobs.assemble",
    ),
}
LIGHT = "directions: [en-de]\nmethods: {zero-shot: , in-context: }\n"


def imported(folder: Path, *words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LISTED, *words],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return set(done.stdout.splitlines())


def test_help_imports_the_command_line_alone(tmp_path: Path) -> None:
    assert not imported(tmp_path, "--help") & (MODELS | HEAVY | {"pydantic", "yaml", "mtsuite.recipe", "mtsuite.plan"})


def test_validating_a_recipe_imports_no_model_library_of_its_own_accord(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(LIGHT)
    assert not imported(tmp_path, "validate", "x.yaml") & (MODELS | HEAVY)


def test_a_table_of_trained_rows_imports_what_its_methods_do() -> None:
    found = imported(ROOT, "validate", "recipes/table1.yaml")
    assert "torch" in found, "methods are modules of torch"
    assert not found & HEAVY
