"""The terminal's view of costs: published and predicted figures, with and without cost of capital, and the error."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.report.format import DASH
from gigaplan.validation.costs import CostValidation, inside_count

COLUMNS = ("cost", "nominal", "year", "real", "range", "predicted", "error", "no capital")
SHORT = {"billion USD/year": "$B/year", "billion USD": "$B", "USD/h": "$/h"}
"""Units as a narrow table has them."""


def cost_validation(answer: CostValidation) -> RenderableType:
    """Return the median errors, and every published cost, nominal and in its year's prices, with its prediction."""
    inside, known = inside_count(answer.rows)
    head = Text(
        f"median error {answer.median_error:.1%} with a cost of capital of {answer.cost_of_capital_per_year:.0%} a "
        f"year less {answer.inflation_per_year:.1%} inflation, "
        f"{answer.median_without_capital:.1%} without; {inside} of {known} lie in a published range",
        style="bold",
    )
    rows = [
        (
            f"{r.name}, {SHORT.get(r.unit, r.unit)}",
            f"{r.nominal:.2f}",
            str(r.price_year),
            f"{r.published:.2f}",
            DASH if r.low is None or r.high is None else f"{r.low:.2f}–{r.high:.2f}",
            f"{r.predicted:.2f}",
            f"{r.error:+.0%}",
            f"{r.without_capital:.2f}",
        )
        for r in answer.rows
    ]
    return Group(head, Fitting(COLUMNS, rows, (0,)), Text("\n".join(answer.notes), style="dim"))
