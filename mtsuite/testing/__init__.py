"""The conformance kit for authors of methods.

    from mtsuite.testing import check_method, parametrize_with_checks

    check_method(MyMethod)                          # raises MethodError naming every check that failed

    @parametrize_with_checks(MyMethod)              # or one pytest case a check
    def test_my_method(check):
        check()

Every check runs the method on tiny random models built in the process, in the way in which the suite's
jobs run it: probes first, then each training phase on a fresh base, saved, and opened again.
"""

from mtsuite.testing.checks import Check, CheckResult, check_method, checks, parametrize_with_checks
from mtsuite.testing.lab import Lab, Run
from mtsuite.testing.models import FAMILIES, VOCABULARY, tiny_model
from mtsuite.testing.text import TRAINED, UNTRAINED, tiny_batch, tiny_text, tiny_tokenizer

__all__ = [
    "FAMILIES",
    "TRAINED",
    "UNTRAINED",
    "VOCABULARY",
    "Check",
    "CheckResult",
    "Lab",
    "Run",
    "check_method",
    "checks",
    "parametrize_with_checks",
    "tiny_batch",
    "tiny_model",
    "tiny_text",
    "tiny_tokenizer",
]
