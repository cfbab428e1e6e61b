"""Tables, matrices, figures and the page that a results folder is read by; computes no scores, loads no model.

``build_report(Path("results/<recipe>"))`` reads what the suite wrote there and adds ``tables/``,
``matrices/``, ``figures/`` and ``report.html``.  Importing this package imports neither matplotlib nor torch.
"""

from mtsuite.report.build import Report, build_report
from mtsuite.report.render.table import Cell, Column, Note, Row, Table
from mtsuite.report.tables.matrix import Matrix
from mtsuite.results.folder import Results, read_results

__all__ = ["Cell", "Column", "Matrix", "Note", "Report", "Results", "Row", "Table", "build_report", "read_results"]
