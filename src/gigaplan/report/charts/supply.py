"""A site that states its supply: what each link of it carries over time, and where its energy comes from by year."""

from __future__ import annotations

import numpy as np

from gigaplan.report.charts import base, over_time
from gigaplan.report.charts.base import Chart
from gigaplan.report.charts.palette import GOLD, GREEN, GREY, INK, NAVY, SKY, VIOLET, WINE
from gigaplan.report.format import digits_of, in_watts, percent
from gigaplan.report.words import place
from gigaplan.results.coordinates import years
from gigaplan.results.quantiles import figure_of
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members

COLORS = {
    "grid": NAVY,
    "contract": SKY,
    "solar": GOLD,
    "wind": GREEN,
    "gas_turbine": WINE,
    "engine": VIOLET,
    "fuel_cell": GREY,
    "diesel": INK,
}
"""Of each source; a battery only loses energy."""
WORDS = {"gas_turbine": "gas turbines", "engine": "gas engines", "fuel_cell": "fuel cells", "diesel": "diesel sets"}
LINKS = (NAVY, GOLD, WINE)
"""Colours of the links: grid and units, substation, buildings."""


def limits(result: Result, name: str) -> Chart | None:
    """Return the IT power that each link of a site's supply carries; None where the site states no supply."""
    site = list(result.labels["site"]).index(name)
    if not result.labels.get("link") or result["binding_supply"][0, site].max() < 0:
        return None
    edges = result.labels["edge"]
    carried = {}
    for link in result.labels["link"]:
        mw = of_members(result, "supply_limit_mw", ["edge"], {"site": name, "link": link})
        if np.isfinite(mw[0]).all():
            carried[link] = np.asarray(figure_of(result, mw))
    drawn = np.asarray(figure_of(result, of_members(result, "it_power_drawn_mw", ["month"], {"site": name})))
    unit = in_watts(float(max(*(mw.max() for mw in carried.values()), drawn.max())))
    series = [
        over_time.line(link, edges, mw / unit.size, color, step="end")
        for (link, mw), color in zip(carried.items(), LINKS, strict=False)
    ]
    series.append(over_time.line("drawn, mean of the month", over_time.months(result), drawn / unit.size, INK))
    last = result.labels["link"][int(result["binding_supply"][0, site, -1])]
    rows = np.array([mw[1:] for mw in carried.values()])
    at = [k for k, month in enumerate(result.labels["month"]) if month.endswith("-12")] or [rows.shape[1] - 1]
    return Chart(
        "supply-limits",
        f"What limits the power of {place(name)}",
        over_time.option(result, series, f"{unit.name} (IT)"),
        f"Each link by what is energised by then; what carries least at the end: {last}.",
        *base.table([*carried], [result.labels["month"][k][:4] for k in at], rows[:, at] / unit.size),
        height=400,
        figures=f"{unit.name} (IT), end of the year",
    )


def sources(result: Result, name: str) -> Chart | None:
    """Return a site's energy by year and source; None where the site states no supply."""
    site = list(result.labels["site"]).index(name)
    if not result.labels.get("source") or result["binding_supply"][0, site].max() < 0:
        return None
    at = {"site": name}
    parts = {
        source: base.yearly(result, "energy_by_source_mwh", at={**at, "source": source})
        for source in result.labels["source"]
        if source in COLORS
    }
    parts = {source: mwh for source, mwh in parts.items() if mwh.max() > 0}
    if not parts:
        return None
    whole = base.yearly(result, "facility_energy_mwh", at=at)
    lacks = base.yearly(result, "unpowered_energy_mwh", at=at)
    co2 = base.yearly(result, "energy_co2_t", at=at)
    size, unit = (1e6, "TWh") if whole.max() >= 1e6 else (1e3, "GWh") if whole.max() >= 1e3 else (1.0, "MWh")
    series = [
        over_time.of_years(WORDS.get(s, s), result, mwh / size, COLORS[s], unit=f"{unit} a year")
        for s, mwh in parts.items()
    ]
    worst = float((lacks / np.maximum(whole + lacks, 1e-9)).max())
    caption = f"{digits_of(float(co2[-1] / max(whole[-1], 1e-9)) * 1e3, 3)} kg of carbon dioxide a megawatt-hour in "
    caption += f"{years(result)[-1]}; the supply lacks {percent(worst)} of what racks would draw in the year of most."
    rows = np.array([*parts.values(), whole, lacks]) / size
    names = [*(WORDS.get(s, s) for s in parts), "at the meter", "lacking"]
    return Chart(
        "supply-sources",
        f"Where the energy of {place(name)} comes from",
        over_time.option(result, series, f"{unit} a year"),
        caption,
        *base.table(names, years(result), rows),
        height=400,
        figures=f"{unit}, sum over the year",
    )
