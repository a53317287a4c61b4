"""The page of a Monte Carlo study: a fan for each main quantity, and every headline with how sure it is."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup

from gigaplan._version import __version__
from gigaplan.report import html as page
from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart
from gigaplan.report.format import DASH, counted, in_dollars, in_watts
from gigaplan.report.page import style_sheet, template
from gigaplan.report.study_view import error_text
from gigaplan.results.spread import RANGE, Spread
from gigaplan.study.montecarlo import Fan, Figure, MonteCarlo

WORDS = {
    "power_state_mw": "IT power producing",
    "gpus_producing": "GPUs producing",
    "tokens_asked_per_day": "Generated tokens a day, demand",
    "tokens_served_per_day": "Generated tokens a day, served",
    "cost_per_mtok_all_usd": "Cost per million generated tokens, without cost of capital",
    "full_cost_per_mtok_all_usd": "Cost per million generated tokens, cost of capital included",
    "revenue_usd": "Revenue",
    "cost_usd": "Cost, accrued",
    "capital_usd": "Capital",
    "funding_gap_usd": "Funding gap",
    "facility_energy_mwh": "Energy at the meter",
}
"""Headings of fans by quantity."""


def html(answer: MonteCarlo) -> str:
    """Return the page of a study; the same study gives the same bytes."""
    drawn = [_chart(f, _yearly(answer, f.quantity)) for f in answer.fans if f.period == "month"]
    missing = f" {answer.members - answer.done:,} could not be computed." if answer.done < answer.members else ""
    return (
        template("tables.html.j2").render(
            title=f"{answer.plan}: {answer.done:,} futures",
            kicker="study",
            intro=f"Plan {answer.plan_hash[:8]}, seed {answer.seed}. Between the dotted lines lie {RANGE} of the "
            f"futures; the central member has every input at its central value.{missing}",
            tables_heading="Every headline",
            style=Markup(style_sheet()),
            charts=drawn,
            tables=[_headlines(answer)],
            options=page.script({c.id: c.option for c in drawn}),
            echarts=Markup(page.echarts()),
            draw=Markup(page.draw()),
            version=__version__,
        )
        + "\n"
    )


def _yearly(answer: MonteCarlo, quantity: str) -> Fan | None:
    return next((f for f in answer.fans if f.quantity == quantity and f.period == "year"), None)


def _chart(fan: Fan, yearly: Fan | None) -> Chart:
    """Return the fan of a quantity by month, its numbers by year."""
    largest = float(np.nanmax(np.abs(fan.high), initial=0.0))
    scales = {"MW": in_watts, "USD": in_dollars}
    unit = scales[fan.unit](largest) if fan.unit in scales else counted(largest, fan.unit)
    spread = Spread(fan.low, fan.median, fan.high, np.zeros(len(fan.low)), 2)
    color = base.PALETTE[0]
    series = [
        base.line("median", fan.median / unit.size, color),
        *base.band("median", spread, unit.size, color),
        base.line("central member", fan.central / unit.size, base.GREY, lineStyle={"width": 1, "type": "dashed"}),
    ]
    of = yearly or fan
    values = np.stack([of.low, of.median, of.high, of.central])
    names = ("10 % lie below", "median", "10 % lie above", "central member")
    return Chart(
        fan.quantity.replace("_", "-"),
        WORDS.get(fan.quantity, fan.quantity),
        base.option(series, fan.labels, unit.name),
        f"{fan.quantity}, by month; the table is by {of.period}.",
        *base.table(names, of.labels, values),
    )


def _headlines(answer: MonteCarlo) -> tuple[str, tuple[str, ...], list[tuple[str, ...]], str]:
    columns = ("headline", "central", "10 % lie below", "±", "median", "±", "10 % lie above", "±", "half the futures")
    words = (
        "±: standard error of the quantile, at most: that of independent futures. The last column is the median of the "
        "first half of the futures."
    )
    ordered = sorted(answer.headlines, key=lambda f: -f.headline.weight)
    return f"{answer.done:,} futures", columns, [_row(f) for f in ordered], words


def _row(figure: Figure) -> tuple[str, ...]:
    h, q = figure.headline, figure.over
    ends = ((q.low, q.low_error), (q.median, q.median_error), (q.high, q.high_error))
    cells = (text for value, error in ends for text in (h.text_of(value), error_text(h, error)))
    half = h.text_of(q.settled[-1].median) if q.settled else DASH
    return (h.name, h.text_of(h.value), *cells, half)
