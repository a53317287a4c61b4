"""The planner's charts, which are the report's."""

from __future__ import annotations

from gigaplan.report.charts import Chart, all_charts
from gigaplan.results.result import Result

LADDER = {"state": "ladder", "place": "power", "generation": "buildout"}
DRAWN = {"demand": "tokens", "cost": "cost", "cash": "gap", "day": "load", "training": "largest"}


def planner_charts(result: Result, other: Result | None = None, colour_by: str = "state") -> dict[str, Chart]:
    """Return the planner's charts by their places on the screen."""
    every = all_charts(result)
    wanted = {"ladder": LADDER[colour_by], **DRAWN}
    return {place: every[name] for place, name in wanted.items() if name in every}
