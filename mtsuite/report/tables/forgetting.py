"""The report's topic on forgetting: monolingual text, directions not trained on, directions trained in sequence."""

from __future__ import annotations

from mtsuite.report.tables.perplexity import perplexity_charts, perplexity_tables
from mtsuite.report.tables.sequence import sequence_charts, sequence_tables
from mtsuite.report.tables.topic import Topic
from mtsuite.report.tables.untrained import untrained_charts, untrained_tables
from mtsuite.results.folder import Results


def topic(results: Results) -> Topic | None:
    """All that the folder holds on forgetting; None when it holds nothing."""
    parts = [
        (perplexity_tables(results), "how well models still predict monolingual text that nothing was trained on"),
        (untrained_tables(results), "how well they translate directions that they were not trained on"),
        (sequence_tables(results), "what training on one direction after another leaves of the earlier ones"),
    ]
    tables = [table for found, _ in parts for table in found]
    if not tables:
        return None
    said = [text for found, text in parts if found]
    charts = [*perplexity_charts(results), *untrained_charts(results), *sequence_charts(results)]
    return Topic(
        anchor="forgetting",
        short="Forgetting",
        heading="What training makes the models forget",
        about=f"Measured: {'; '.join(said)}. The base model or an untrained row is what they are compared with.",
        tables=tuple(tables),
        charts=tuple(charts),
    )
