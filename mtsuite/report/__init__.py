"""Tables, matrices, figures and the page that a results folder is read by; computes no scores, loads no model.

``build_report(Path("results/<recipe>"))`` reads what the suite wrote there and adds ``tables/``,
``matrices/``, ``figures/`` and ``report.html``.  Importing this package imports neither matplotlib nor torch.
"""

from mtsuite.report.build import Report, build_report
from mtsuite.report.matrix import Matrix
from mtsuite.report.results import Results, read_results
from mtsuite.report.table import Cell, Column, Note, Row, Table

__all__ = ["Cell", "Column", "Matrix", "Note", "Report", "Results", "Row", "Table", "build_report", "read_results"]
