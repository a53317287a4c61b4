"""Every chart of the report, in the order of the journey."""

from __future__ import annotations

from gigaplan.report.charts import build, cash, cost, demand, flow, ladder, money, serve, train
from gigaplan.report.charts.base import Chart
from gigaplan.report.charts.ladder import ColourBy
from gigaplan.results.lacking import if_held
from gigaplan.results.result import Result

__all__ = ["Chart", "ColourBy", "all_charts", "planner_charts"]

SHARED = (demand.demand, cost.cost, cash.cash, demand.day, train.training)

MAKERS = (
    flow.watts,
    money.dollars,
    build.gantt,
    build.limits,
    serve.shadow,
    train.runs,
    cost.gpu_hour,
    cost.waterfall,
    cost.intelligence,
    cost.fall,
    money.capital,
    money.gap,
    money.tranches,
    money.instruments,
    money.money_flow,
    money.books,
    money.parties,
    money.book_lives,
)


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


def all_charts(result: Result) -> dict[str, Chart]:
    """Return every chart that a result has something to show in, by id; one that needs what it lacks is left out."""
    drawn = (if_held(make, result) for make in MAKERS)
    return {chart.id: chart for chart in drawn if chart}
