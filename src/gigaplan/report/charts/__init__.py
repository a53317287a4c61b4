"""Every chart of the report, in the order of the journey."""

from __future__ import annotations

from gigaplan.report.charts import build, cost, flow, money, serve, train
from gigaplan.report.charts.base import Chart
from gigaplan.results.lacking import if_held
from gigaplan.results.result import Result

__all__ = ["Chart", "all_charts"]

MAKERS = (
    flow.watts,
    money.dollars,
    build.buildout,
    build.power,
    build.power_states,
    build.gantt,
    build.limits,
    serve.tokens,
    serve.regions,
    serve.load,
    serve.waits,
    serve.waits_by_hour,
    serve.shadow,
    train.runs,
    train.largest,
    train.size,
    train.capability,
    cost.cost,
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


def all_charts(result: Result) -> dict[str, Chart]:
    """Return every chart that a result has something to show in, by id; one that needs what it lacks is left out."""
    drawn = (if_held(make, result) for make in MAKERS)
    return {chart.id: chart for chart in drawn if chart}
