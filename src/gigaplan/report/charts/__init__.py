"""Every chart of a result: six that the page and the planner share, and more that are one click away."""

from __future__ import annotations

from gigaplan.report.charts import build, cash, cost, demand, flow, ladder, money, serve, train
from gigaplan.report.charts.base import Chart
from gigaplan.report.charts.ladder import ColourBy
from gigaplan.results.lacking import if_held
from gigaplan.results.result import Result

__all__ = ["Chart", "ColourBy", "all_charts", "more_charts", "planner_charts"]

SHARED = (demand.demand, cost.cost, cash.cash, demand.day, train.training)

MORE = (
    flow.watts,
    build.gantt,
    build.limits,
    serve.shadow,
    train.runs,
    cost.waterfall,
    cost.gpu_hour,
    cost.intelligence,
    cost.fall,
    money.tranches,
    money.parties,
    money.books,
    money.payments,
)
"""Charts that are one click away."""


def planner_charts(result: Result, other: Result | None = None, colour_by: ColourBy = "state") -> dict[str, Chart]:
    """Return the six charts that the page and the planner share, by id.

    Parameters
    ----------
    result : Result
        A simulated plan.
    other : Result, optional
        Another one, drawn dashed: plan B.
    colour_by : str
        What the gigawatts are stacked by: ``state``, ``place`` or ``generation``.

    Returns
    -------
    dict of str to Chart
        ``ladder``, ``demand``, ``cost``, ``cash``, ``day`` and ``training``; of a saved result without those that need
        a quantity that it lacks.
    """
    drawn = [if_held(ladder.ladder, result, other, colour_by)]
    drawn += [if_held(make, result, other) for make in SHARED]
    return {chart.id: chart for chart in drawn if chart}


def more_charts(result: Result) -> dict[str, Chart]:
    """Return the charts that are one click away, those that the result has something to show in, by id."""
    drawn = (if_held(make, result) for make in MORE)
    return {chart.id: chart for chart in drawn if chart}


def all_charts(result: Result) -> dict[str, Chart]:
    """Return every chart of a result's page by id; one that needs what the result lacks is left out."""
    return planner_charts(result) | more_charts(result)
