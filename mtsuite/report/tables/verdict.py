"""The one meaning of † and ‡: the verdict of a test, and the sentence that explains it under a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from mtsuite.report.render.table import Table
from mtsuite.report.render.text import listed, one_line
from mtsuite.results.folder import AVERAGE, Comparison, Results

BETTER_SYMBOL, WORSE_SYMBOL = "†", "‡"


def symbol(delta: float, p_value: float, alpha: float, *, lower_is_better: bool) -> str:
    """† where a difference is a significant gain, ‡ where it is a significant loss, else nothing."""
    if p_value >= alpha or delta == 0:
        return ""
    return BETTER_SYMBOL if (delta < 0) == lower_is_better else WORSE_SYMBOL


def symbols_mean(better: str, worse: str) -> str:
    """What the two symbols say in a table: ``† better, ‡ worse``."""
    return f"{BETTER_SYMBOL} {better}, {WORSE_SYMBOL} {worse}"


def p_text(p: float) -> str:
    """``p 0.012``; below a thousandth ``p <0.001``."""
    return "p <0.001" if p < 0.001 else f"p {p:.3f}"


def symbol_of(results: Results, c: Comparison) -> str:
    """The symbol of a row of significance.csv."""
    return symbol(c.delta, c.p_value, results.alpha, lower_is_better=results.lower_is_better(c.metric))


def significance_notes(results: Results, tests: Sequence[Comparison], table: Table) -> list[str]:
    """What † and ‡ in ``table`` are, in a sentence; nothing where nothing was tested."""
    if not tests:
        return []
    baselines = [results.label(b) for b in dict.fromkeys(c.baseline for c in tests)]
    text = (
        f"{symbols_mean('significantly better', f'significantly worse than {listed(baselines)}')} "
        f"({how_tested(results, tests)})."
    )
    if not any(cell.symbol for row in table.rows for cell in row.cells):
        text += " No difference is significant."
    return [text]


def how_tested(results: Results, tests: Sequence[Comparison]) -> str:
    """What stands in brackets behind †: level, correction, test, rounds, seed, n, and what is asked of seeds."""
    single = [c for c in tests if c.direction != AVERAGE]
    average = [c for c in tests if c.direction == AVERAGE]
    families: dict[str, dict[str, None]] = defaultdict(dict)  # a test to the sizes of Holm's families
    for c in single:
        test, _, size = one_line(c.test).partition(", Holm over ")
        families[test].setdefault(size)
    kinds = listed([f"{k}, Holm over {listed(list(n))}" if all(n) else k for k, n in families.items()])
    sizes = listed(list(dict.fromkeys(c.n for c in single if c.n)))
    parts = [f"p < {results.alpha:g} after correction" if single else f"p < {results.alpha:g}"]
    parts += [f"{kinds}{f'; n = {sizes}' if sizes else ''}"] if single else []
    if average:
        shared = next((c.test.partition(", Holm")[0] for c in single), "")
        kinds = listed([one_line(k.removeprefix(f"{shared}, ")) for k in dict.fromkeys(c.test for c in average)])
        parts.append(f"the average, which is not of Holm's family: {kinds}")
    counted = list(dict.fromkeys(c.seeds for c in tests if c.p_seeds is not None))
    if counted:
        sides = [one.split("/") for one in counted]
        seeds = listed([ours if ours == theirs else f"{ours} against {theirs}" for ours, theirs in sides])
        parts.append(
            f"where trainings vary, the difference must exceed their variation too: Welch's t-test over {seeds} "
            f"training seeds, p < {results.alpha:g}, not corrected"
        )
    elif any(c.seeds == "1/1" for c in tests):
        parts.append("one training seed: variation between trainings is not tested")
    return "; ".join(parts)
