"""Milestones, what each party gets, what stands in the books, and who pays whom."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gigaplan.report.charts import base, over_time, palette
from gigaplan.report.charts.base import Chart
from gigaplan.report.charts.cost import LINES
from gigaplan.report.format import DASH, in_dollars, money
from gigaplan.report.tranche_view import BUYS, what_tranches_buy
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, figures
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members, spread


def tranches(result: Result) -> Chart | None:
    """Milestone investment against deployed power."""
    days = [result.day(float(d)) for d in figures(result, "tranche_day")]
    if not days:
        return None
    paid, flow = (base.running(result, n) for n in ("tranche_usd", "vendor_flow_usd"))
    unit = in_dollars(max(float(paid[-1]), float(flow[-1])))
    received = "milestone investment received, running total"
    months = over_time.months(result)
    style = {"step": "end", "areaStyle": {"opacity": 0.25}}
    series = [
        over_time.line(received, months, paid / unit.size, palette.GREEN, **style),
        over_time.line("purchases that flow back, running total", months, flow / unit.size, palette.WINE),
    ]
    amounts = figures(result, "tranche_paid_usd")
    bought: tuple[tuple[str, ...], ...] = if_held(what_tranches_buy, result) or tuple(() for _ in days)
    rows = tuple(
        (str(k + 1), str(d) if d else "not reached", money(float(a)), *buys)
        for k, (d, a, buys) in enumerate(zip(days, amounts, bought, strict=True))
    )
    return Chart(
        "tranches",
        "Milestone tranches, and what flows back",
        over_time.option(result, series, f"{unit.name}, running total"),
        f"{sum(d is not None for d in days)} of {len(days)} milestones are reached; "
        f"{money(float(flow[-1]))} of purchases go to the investor.",
        ("tranche", "triggered", "pays", *(BUYS if any(bought) else ())),
        rows,
    )


def parties(result: Result) -> Chart:
    """What each party has put in and got back, and its return."""
    cash = of_members(result, "party_cash_usd", ["party", "month"])
    names = [n for n in result.labels["party"] if n != "others"]
    so_far = figure_of(result, np.cumsum(cash, axis=-1))
    unit = in_dollars(float(np.abs(so_far).max()))
    months = over_time.months(result)
    series = [over_time.line(n, months, so_far[k] / unit.size, base.PALETTE[k]) for k, n in enumerate(names)]
    npv, irr, payback, peak = (
        figures(result, f"party_{n}") for n in ("npv_usd", "irr", "payback_day", "peak_funding_usd")
    )
    rows = tuple(
        (
            n,
            money(float(npv[k])) if np.isfinite(npv[k]) else DASH,
            f"{irr[k]:.1%}" if np.isfinite(irr[k]) else DASH,
            f"{day:%Y-%m}" if (day := result.day(float(payback[k]))) else DASH,
            money(float(peak[k])),
        )
        for k, n in enumerate(names)
    )
    return Chart(
        "parties",
        "What each party puts in and gets back",
        over_time.option(result, series, f"{unit.name}, running total"),
        "Cash received less cash paid since the horizon began. Returns count what is owned at the start and at the end "
        "at book value; the plan's are those of all its shareholders together.",
        ("party", "net present value", "internal rate of return", "paid back", "most put in"),
        rows,
    )


def books(result: Result) -> Chart:
    """What is owned, what paid for it, and what is promised."""
    shown = {
        "book value of what is owned": "book_value_usd",
        "rent and lease promised for the rest of their terms": "commitment_usd",
    }
    data = np.array([figures(result, v) for v in shown.values()])
    found = np.concatenate([[0.0], base.running(result, "funding_gap_usd")])
    everything = np.vstack([data, found])
    so_far = base.running(result, "funding_gap_usd", "year")
    unit = in_dollars(float(np.abs(everything).max()))
    names = [*shown, "funding gap so far (below zero: surplus)"]
    edges, known = result.labels["edge"], [*(spread(result, v, ["edge"]) for v in shown.values()), None]
    series = []
    for i, (n, v) in enumerate(zip(names, everything, strict=True)):
        drawn = over_time.line(n, edges, v / unit.size, base.PALETTE[i])
        series += over_time.ranged(drawn, edges, known[i], unit.size)
    ends = np.vstack([*(base.yearly(result, v) for v in shown.values()), so_far])
    return Chart(
        "books",
        "Owned, promised, and the funding gap",
        over_time.option(result, series, unit.name),
        f"{money(float(data[0].max()))} stand in the books at the peak; {money(float(data[1].max()))} "
        "of rent and lease are promised.",
        *base.table(names, years(result), ends),
        300,
        figures="year end",
    )


@base.one_future
def payments(result: Result) -> Chart | None:
    """Return who pays whom over the whole horizon, the largest first."""
    flows = sorted((f for f in _flows(result) if f[2] > 0), key=lambda f: -f[2])
    if not flows:
        return None
    vendor = _vendor(result)
    unit = in_dollars(flows[0][2])
    sent = sum(v for _, b, v, _ in flows if b == vendor)
    given = sum(v for a, _, v, _ in flows if a == vendor)
    received = f"{vendor} receives {money(sent)} of purchases, those by owners of rented capacity included"
    bars = base.bar("paid", [v / unit.size for _, _, v, _ in flows], base.PALETTE[1], None)
    return Chart(
        "payments",
        "Who pays whom, over the whole horizon",
        base.horizontal_bars([bars], [f"{a} to {b}: {what}" for a, b, _, what in flows], unit.name),
        f"{received}, and invests {money(given)}." if given else f"{received}; no investment of its own is counted.",
        ("from", "to", "what", "USD"),
        tuple((a, b, what, money(v)) for a, b, v, what in flows),
        base.LIST_HEIGHT + base.ROW_HEIGHT * len(flows),
    )


PLAN, USERS, LANDLORDS, LENDERS = "the plan", "users", "owners of rented capacity", "lenders"
INVESTORS, ELSEWHERE = "other investors", "other funding"
BOUGHT = {"racks": "other racks", "network": "network", "facility": "buildings"}
"""What owned capacity consists of, as people write it."""
NAMED = 0.01
"""Share of what all suppliers receive from which on a part of it is named."""


def _vendor(result: Result) -> str:
    stated_vendors = [
        e.value for path in ("finance.costs.vendor", "finance.tranches.investor") for e in result.ledger.under(path)
    ]
    return next((v for v in stated_vendors if v), "NVIDIA")


def _flows(result: Result) -> list[tuple[str, str, float, str]]:
    """Return who pays whom how much for what over the horizon."""
    vendor = _vendor(result)

    def total(name: str) -> float:
        return float(aggregate(result, name).values)

    def stated(path: str) -> str:
        return next((e.value for e in result.ledger.under(path)), "")

    equity = dict(
        zip(result.labels["instrument"], aggregate(result, "equity_paid_usd", ["instrument"]).values, strict=True)
    )
    from_vendor = sum(float(v) for n, v in equity.items() if stated(f"finance.equity.{n}.investor") == vendor)
    milestones = total("tranche_usd")
    from_its_tranches = stated("finance.tranches.investor") == vendor
    left = total("funding_gap_usd")
    supplies = _supplies(result)
    return [
        (vendor, PLAN, from_vendor + (milestones if from_its_tranches else 0.0), "invests"),
        (
            INVESTORS,
            PLAN,
            float(sum(equity.values())) - from_vendor + (0.0 if from_its_tranches else milestones),
            "invest",
        ),
        (ELSEWHERE, PLAN, max(left, 0.0), "funding gap"),
        (USERS, PLAN, total("revenue_usd"), "revenue"),
        (PLAN, vendor, total("vendor_flow_usd"), "purchases"),
        (PLAN, LANDLORDS, total("rent_usd"), "rent and lease"),
        (LANDLORDS, vendor, total("vendor_flow_landlords_usd"), "purchases"),
        (PLAN, _suppliers(supplies), sum(supplies.values()), "costs"),
        (PLAN, ELSEWHERE, max(-left, 0.0), "surplus"),
        (LENDERS, PLAN, _paid(result, "loans"), "loans"),
        (PLAN, LENDERS, _paid(result, "interest", "repayment"), "interest and repayment"),
    ]


def _supplies(result: Result) -> dict[str, float]:
    """Return what the plan pays over the horizon for all that the vendor doesn't sell and no one rents out."""
    lines = dict(zip(result.labels["line"], aggregate(result, "cost_usd", ["line"]).values.tolist(), strict=True))
    capital = aggregate(result, "capital_usd", ["component"])
    bought = dict(zip(capital.labels["component"], capital.values.tolist(), strict=True))
    bought["racks"] -= float(aggregate(result, "vendor_flow_usd").values)
    paid = {BOUGHT[n]: v for n, v in bought.items()} | {LINES[n]: lines[n] for n in ("energy", "operations")}
    return paid | {"tax": _paid(result, "tax")}


def _paid(result: Result, *flows: str) -> float:
    """Return what some flows between parties come to over the horizon; nothing in results that hold none."""
    found = if_held(aggregate, result, "flow_usd", ["flow"])
    by_name = {} if found is None else dict(zip(found.labels["flow"], found.values.tolist(), strict=True))
    return sum(float(by_name.get(name, 0.0)) for name in flows)


def _suppliers(supplies: Mapping[str, float]) -> str:
    """Return what suppliers are called: by everything that a good part of the money is for."""
    whole = sum(supplies.values())
    named = [n for n, v in sorted(supplies.items(), key=lambda part: -part[1]) if v >= NAMED * whole and v > 0]
    return ", ".join(named) or "suppliers"
