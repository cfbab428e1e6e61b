"""LaTeX tables of a large report, with labels full of special characters, through a TeX engine where there is one."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mtsuite.report import build_report
from mtsuite.report.render.latex import escape

from ..folders import LABELS, large

ENGINES = [name for name in ("pdflatex", "xelatex", "tectonic") if shutil.which(name)]
EVIL = r'50% a_b & c #1 ~ ^ \x {y} $z$ † ‡ ± é ø Đ « “q” "p" < > | − ε 中文 عربي'


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = large(tmp_path_factory.mktemp("latex"), seeds=2, fair=False)
    info = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    info |= {"title": EVIL, "labels": {name: f"{label} {EVIL[:20]}" for name, label in LABELS.items()}}
    info["labels"]["full"] = EVIL
    info["labels"]["lora"] = "[x] LoRA"
    info["notes"] = [EVIL]
    (folder / "report.json").write_text(json.dumps(info), encoding="utf-8")
    build_report(folder, page=False)
    return folder / "tables"


@pytest.mark.skipif(not ENGINES, reason="no TeX engine")
@pytest.mark.parametrize("engine", ENGINES)
def test_every_table_compiles_and_fits(engine: str, tables: Path, tmp_path: Path) -> None:
    files = sorted(tables.glob("*.tex"))
    assert len(files) >= 10
    inputs = "\n".join(f"\\input{{{path}}}\\clearpage" for path in files)
    head = "\\documentclass{article}\n\\usepackage{booktabs,graphicx}\n\\begin{document}\n"
    (tmp_path / "all.tex").write_text(f"{head}{inputs}\n\\end{{document}}\n", encoding="utf-8")
    options = [] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    done = subprocess.run([engine, *options, "all.tex"], cwd=tmp_path, capture_output=True, timeout=240, check=False)
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, said[-3000:]
    assert (tmp_path / "all.pdf").stat().st_size > 10_000
    too_wide = [float(points) for points in re.findall(r"Overfull \\hbox \(([\d.]+)pt too wide\)", said)]
    assert max(too_wide, default=0.0) < 5, "a table is wider than the text"


def test_files_say_how_they_are_used(tables: Path) -> None:
    wide = (tables / "bleu.tex").read_text(encoding="utf-8").splitlines()
    assert wide[0] == r"% \input{bleu.tex} it, or paste it in; needs \usepackage{booktabs,graphicx} in the preamble."
    assert any("sidewaystable" in line for line in wide[:3])
    assert any("XeLaTeX or LuaLaTeX" in line for line in wide[:5])


def test_other_scripts_are_code_points_where_the_engine_knows_no_unicode() -> None:
    assert escape("LoRA 中文 é") == r"LoRA {\ifdefined\Umathcode 中文\else [U+4E2D U+6587]\fi} é"
    assert escape("Đ") == r"{\ifdefined\Umathcode Đ\else [U+0110]\fi}"
    assert escape("a\x08b") == "ab", "control characters stop TeX"
