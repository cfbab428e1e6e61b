"""The corpus job: text from the recipe's source, cleaned, as one canonical folder.

``spec`` holds ``directions`` (texts such as ``en-de``) and, outside the content key, ``_data`` (the recipe's
section as plain values) and ``_folder`` (the recipe's, for relative paths): what counts is the source's
``fingerprint``, contents instead of places, and the ``settings`` beside the paths.  With ``tests_only`` it is the test
sets of directions that nothing is trained on; the input ``corpus`` is then what the models are trained on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtsuite.data.build import build_corpus
from mtsuite.data.build_tests import build_test_corpus
from mtsuite.data.corpus import Corpus
from mtsuite.jobs.context import JobContext, Summary


def run(spec: dict[str, Any], inputs: Mapping[str, Path], output: Path, context: JobContext) -> Summary:
    """Build the corpus folder ``output``; the summary holds counts, dropped pairs by reason and overlap."""
    if spec.get("tests_only"):
        corpus = build_test_corpus(
            spec["_data"],
            spec["directions"],
            spec["_folder"],
            output,
            trained=Corpus.open(inputs["corpus"]),
            offline=context.offline,
        )
    else:
        corpus = build_corpus(
            spec["_data"],
            spec["directions"],
            spec["_folder"],
            output,
            offline=context.offline,
            progress=context.progress,
        )
    return {
        "fingerprint": corpus.fingerprint,
        "languages": list(corpus.languages),
        "pairs": corpus.info["pairs"],
        "test_sets": {name: entry["directions"] for name, entry in corpus.info["test_sets"].items()},
        "monolingual": corpus.info["monolingual"],
        "dropped": {name: report["dropped"] for name, report in corpus.info["cleaning"].items()},
        "overlap": corpus.info["overlap"],
        "notes": list(corpus.notes),
        **({"benchmarks": corpus.info["benchmarks"]} if "benchmarks" in corpus.info else {}),
    }
