"""What one more GPU-hour would be worth."""

from __future__ import annotations

import numpy as np

from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart
from gigaplan.report.events import weekday
from gigaplan.report.format import short
from gigaplan.results.coordinates import years
from gigaplan.results.result import Result


def shadow(result: Result) -> Chart | None:
    """What one more GPU-hour would be worth, by month and hour of the day."""
    price = weekday(result, "shadow_price_usd_per_gpu_h")
    months, hours = result.labels["month"], [f"{h}:00" for h in result.labels["hour"]]
    cells = [(m, h, round(float(v), 3)) for (m, h), v in np.ndenumerate(price) if v > 0]
    if not cells:
        return None
    top = float(price.max())
    value = f"At the peak {short(top)} USD for an hour of one GPU of the reference generation"
    columns, rows = base.table(
        ["USD per GPU-hour", "USD per IT megawatt and year"],
        years(result),
        np.stack([base.yearly(result, f"shadow_price_usd_per_{n}") for n in ("gpu_h", "mw_year")]),
    )
    return Chart(
        "shadow",
        "What one more GPU-hour would be worth",
        base.heat_option(cells, months, hours, round(top, 3), "USD per GPU-hour"),
        f"{value}, by the plan's own values of requests; weekdays, hours in UTC. Empty: all demand is served.",
        columns,
        rows,
        400,
        figures="mean of the year",
    )
