"""The terminal's view of costs: published figures, ours with and without cost of capital, and the error."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.report.format import DASH
from gigaplan.validation.costs import CostValidation, inside_count

COLUMNS = ("cost", "unit", "published", "range", "predicted", "error", "without capital")


def cost_validation(answer: CostValidation) -> RenderableType:
    """Return the median errors, and every published cost with its prediction."""
    inside, known = inside_count(answer.rows)
    head = Text(
        f"median error {answer.median_error:.0%} with a cost of capital of {answer.cost_of_capital_per_year:.0%} a year, "
        f"{answer.median_without_capital:.0%} without; {inside} of {known} lie in a published range",
        style="bold",
    )
    rows = [
        (
            r.name,
            r.unit,
            f"{r.published:.2f}",
            DASH if r.low is None or r.high is None else f"{r.low:.2f} to {r.high:.2f}",
            f"{r.predicted:.2f}",
            f"{r.error:+.0%}",
            f"{r.without_capital:.2f}",
        )
        for r in answer.rows
    ]
    return Group(head, Fitting(COLUMNS, rows, (0, 1)), Text("\n".join(answer.notes), style="dim"))
