"""Capital, funding, milestones, and how the money goes round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gigaplan.report.charts import base
from gigaplan.report.charts.base import Chart, Option
from gigaplan.report.charts.cost import LINES
from gigaplan.report.format import DASH, in_dollars, money
from gigaplan.report.tranche_view import BUYS, what_tranches_buy
from gigaplan.report.words import title
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.results.lacking import if_held
from gigaplan.results.quantiles import figure_of, figures
from gigaplan.results.result import Result
from gigaplan.results.spread import of_members, spread
from gigaplan.vocabulary.members import Array

CASH_LINES = ("energy", "operations", "rental", "lease")
NARROW, WIDE = 1.5, 14.0
"""Width of the thinnest and the widest arrow [px]."""


def capital(result: Result) -> Chart:
    """Capital by component and year."""
    data = base.yearly(result, "capital_usd", "component")
    unit = in_dollars(float(data.sum(axis=0).max()))
    names = result.labels["component"]
    series = [base.bar(n, data[c] / unit.size, base.PALETTE[c]) for c, n in enumerate(names)]
    return Chart(
        "capital",
        "Capital spent on owned capacity",
        base.option(series, years(result), f"{unit.name} a year"),
        f"{money(float(data.sum()))} over the horizon; rented capacity costs rent instead.",
        *base.table(names, years(result), data),
        figures="sum over the year",
    )


def book_lives(result: Result) -> Chart:
    """Yearly cost if IT lived 3, 5 or 7 years in the books."""
    data = base.yearly(result, "cost_by_life_usd", "life")
    unit = in_dollars(float(data.max()))
    names = [f"IT lives {n}" for n in result.labels["life"]]
    series = [base.line(n, data[i] / unit.size, base.PALETTE[i % len(base.PALETTE)]) for i, n in enumerate(names)]
    return Chart(
        "lives",
        "Yearly cost, by how long IT lives in the books",
        base.option(series, years(result), f"{unit.name} a year"),
        "Depreciation, energy, operations and rent; the plan's own life is in its costs, the others for comparison.",
        *base.table(names, years(result), data),
        300,
        figures="sum over the year",
    )


def uses_and_sources(result: Result) -> tuple[dict[str, Array], dict[str, Array], Array]:
    """Return what money goes to and comes from by year, and the funding gap (below zero: surplus)."""
    lines = base.yearly(result, "cost_usd", "line")
    label = list(result.labels["line"])
    uses = {"capital": base.yearly(result, "capital_usd")}
    uses |= {LINES[n]: lines[label.index(n)] for n in CASH_LINES}
    if if_held(figures, result, "flow_usd") is not None:
        flows = dict(zip(result.labels["flow"], base.yearly(result, "flow_usd", "flow"), strict=True))
        uses |= {name: flows[name] for name in ("tax", "interest", "repayment")}
        lent = {"loans": flows["loans"]}
    else:  # saved before there were loans
        lent = {}
    sources = {
        "revenue": base.yearly(result, "revenue_usd"),
        "milestone investment": base.yearly(result, "tranche_usd"),
        "equity on dates": base.yearly(result, "equity_paid_usd"),
        **lent,
    }
    return _some(uses), _some(sources), base.yearly(result, "funding_gap_usd")


def _some(flows: dict[str, Array]) -> dict[str, Array]:
    return {n: v for n, v in flows.items() if np.abs(v).max() > 0}


def gap(result: Result) -> Chart:
    """Where money comes from and goes."""
    uses, sources, left = uses_and_sources(result)
    span = years(result)
    unit = in_dollars(max(float(np.abs(v).max()) for v in (*uses.values(), *sources.values(), left)))
    series = [base.bar(n, -v / unit.size, base.PALETTE[i], "flow") for i, (n, v) in enumerate(uses.items())]
    series += [base.bar(n, v / unit.size, base.PALETTE[-1 - i], "flow") for i, (n, v) in enumerate(sources.items())]
    series.append(base.line("funding gap (below zero: surplus)", left / unit.size, base.RED, showSymbol=True))
    series += base.band("funding gap", spread(result, "funding_gap_usd", ["year"]), unit.size, base.RED)
    return Chart(
        "gap",
        "Where the money comes from and goes",
        base.option(series, span, f"{unit.name} a year"),
        f"Funding gap in the years that have one: {money(float(np.maximum(left, 0).sum()))}.",
        *base.table([*uses, *sources, "funding gap"], span, np.array([*uses.values(), *sources.values(), left])),
        figures="sum over the year",
    )


def tranches(result: Result) -> Chart | None:
    """Milestone investment against deployed power."""
    days = [result.day(float(d)) for d in figures(result, "tranche_day")]
    if not days:
        return None
    paid, flow = (base.running(result, n) for n in ("tranche_usd", "vendor_flow_usd"))
    unit = in_dollars(max(float(paid[-1]), float(flow[-1])))
    received = "milestone investment received, running total"
    series = [
        base.line(received, paid / unit.size, base.PALETTE[2], step="end", areaStyle={"opacity": 0.25}),
        base.line("purchases that flow back to the investor, running total", flow / unit.size, base.PALETTE[5]),
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
        base.option(series, result.labels["month"], f"{unit.name}, running total"),
        f"{sum(d is not None for d in days)} of {len(days)} milestones are reached; "
        f"{money(float(flow[-1]))} of purchases go to the investor.",
        ("tranche", "triggered", "pays", *(BUYS if any(bought) else ())),
        rows,
    )


def instruments(result: Result) -> Chart | None:
    """Equity that is tied to dates, and what guarantors stand for."""
    names = result.labels["instrument"]
    paid, guaranteed = base.yearly(result, "equity_paid_usd", "instrument"), base.yearly(result, "guaranteed_usd")
    if not len(names) and not guaranteed.max() > 0:
        return None
    unit = in_dollars(max(float(paid.sum(axis=0).max()) if len(names) else 0.0, float(guaranteed.max())))
    series = [base.bar(n, paid[i] / unit.size, base.PALETTE[i % len(base.PALETTE)]) for i, n in enumerate(names)]
    series.append(
        base.line("guaranteed by others, mean of the year", guaranteed / unit.size, base.GREY, showSymbol=True)
    )
    return Chart(
        "instruments",
        "Equity on dates, and guaranties",
        base.option(series, years(result), unit.name),
        f"{money(float(paid.sum()))} of equity without milestones; guarantors stand for up to "
        f"{money(float(guaranteed.max()))} (mean of a year).",
        *base.table([*names, "guaranteed by others, mean of the year"], years(result), np.vstack([paid, guaranteed])),
        figures="sum over the year",
    )


def parties(result: Result) -> Chart:
    """What each party has put in and got back, and its return."""
    cash = of_members(result, "party_cash_usd", ["party", "month"])
    names = [n for n in result.labels["party"] if n != "others"]
    so_far = figure_of(result, np.cumsum(cash, axis=-1))
    unit = in_dollars(float(np.abs(so_far).max()))
    series = [base.line(n, so_far[k] / unit.size, base.PALETTE[k]) for k, n in enumerate(names)]
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
        base.option(series, result.labels["month"], f"{unit.name}, running total"),
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
    series = [
        base.line(n, v / unit.size, base.PALETTE[i]) for i, (n, v) in enumerate(zip(names, everything, strict=True))
    ]
    for i, (n, v) in enumerate(shown.items()):
        series += base.band(n, spread(result, v, ["edge"]), unit.size, base.PALETTE[i])
    ends = np.vstack([*(base.yearly(result, v) for v in shown.values()), so_far])
    return Chart(
        "books",
        "Owned, promised, and the funding gap",
        base.option(series, [e[:7] for e in result.labels["edge"]], unit.name),
        f"{money(float(data[0].max()))} stand in the books at the peak; {money(float(data[1].max()))} "
        "of rent and lease are promised.",
        *base.table(names, years(result), ends),
        300,
        figures="year end",
    )


@base.one_future
def dollars(result: Result) -> Chart | None:
    """The last year's money from who pays to what it buys."""
    uses, sources, left = ({k: float(v[-1]) for k, v in part.items()} for part in _split(result))
    sources.pop("revenue", None)
    revenue = base.yearly(result, "revenue_by_workload_usd", "workload")[:, -1]
    into = {title(n): float(revenue[w]) for w, n in enumerate(result.labels["workload"])} | sources | left
    into = {n: v for n, v in into.items() if v > 0}
    out = {n: v for n, v in uses.items() if v > 0}
    if not into or not out:
        return None
    when = years(result)[-1]
    middle = f"money of {when}"
    links = [(f"from {n}", middle, v) for n, v in into.items()] + [(middle, f"to {n}", v) for n, v in out.items()]
    words = {f"from {n}": (0, f"{n}\n{money(v)}") for n, v in into.items()} | {middle: (1, money(sum(out.values())))}
    words |= {f"to {n}": (2, f"{n}\n{money(v)}") for n, v in out.items()}
    return Chart(
        "dollars",
        f"From the token to the dollar, {when}",
        base.sankey(links, words),
        f"Revenue by workload, and other money, against what it is spent on in {when}; a surplus is "
        "spent on nothing here.",
        ("flow", "USD"),
        tuple((f"{a} → {b}" if b != middle else a, money(v)) for a, b, v in links),
        460,
        base.WIDE_CHART,
    )


def _split(result: Result) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
    """Return uses, sources and the funding gap, a surplus counted among the uses."""
    uses, sources, left = uses_and_sources(result)
    uses["surplus"] = np.maximum(-left, 0)
    return uses, sources, {"funding gap": np.maximum(left, 0)}


@base.one_future
def money_flow(result: Result) -> Chart | None:
    """How money goes round between investors, the plan, its landlords, suppliers and users."""
    flows = [f for f in _flows(result) if f[2] > 0]
    if not flows:
        return None
    vendor = _vendor(result)
    there = {n for a, b, _, _ in flows for n in (a, b)}
    spots = {PLAN: (110.0, 50.0), vendor: (10.0, 50.0), USERS: (210.0, 50.0), LANDLORDS: (45.0, 96.0)}
    spots |= {_suppliers(_supplies(result)): (175.0, 96.0), INVESTORS: (45.0, 4.0), ELSEWHERE: (175.0, 4.0)}
    spots |= {LENDERS: (110.0, 4.0)}
    most = max(v for _, _, v, _ in flows)
    edges: list[Any] = [
        {
            "source": a,
            "target": b,
            "value": float(f"{v:.6g}"),
            "label": {"show": True, "formatter": f"{what} {money(v)}"},
            "lineStyle": {"width": round(NARROW + (WIDE - NARROW) * float(np.sqrt(v / most)), 2)},
        }
        for a, b, v, what in flows
    ]
    nodes = [
        {"name": n, "x": x, "y": y, "symbolSize": 44 if n == PLAN else 30} for n, (x, y) in spots.items() if n in there
    ]
    graph = _graph(nodes, edges)
    sent = sum(v for a, b, v, _ in flows if b == vendor)
    given = sum(v for a, b, v, _ in flows if a == vendor)
    returned = (
        f"{vendor} invests {money(given)} and receives {money(sent)} of purchases, "
        "those by its customers' landlords included."
    )
    return Chart(
        "circle",
        "How the money goes round, over the whole horizon",
        {"animation": False, "aria": {"enabled": True}, "series": [graph]},
        returned
        if given
        else f"{vendor} receives {money(sent)} of purchases, landlords' included; he invests nothing here.",
        ("from", "to", "what", "USD"),
        tuple((a, b, what, money(v)) for a, b, v, what in flows),
        430,
        base.WIDE_CHART,
    )


def _graph(nodes: list[Option], edges: list[Option]) -> Option:
    """Return nodes at fixed places with labelled arrows between them."""
    return {
        "type": "graph",
        "layout": "none",
        "preserveAspect": "contain",
        "roam": False,
        "left": 60,
        "right": 60,
        "top": 40,
        "bottom": 40,
        "data": nodes,
        "links": edges,
        "edgeSymbol": ["none", "arrow"],
        "edgeSymbolSize": 9,
        "lineStyle": {"curveness": 0.16, "color": "source", "opacity": 0.6},
        "label": {"show": True, "fontSize": 11, "fontWeight": "bold", "position": "bottom"},
        "edgeLabel": {
            "fontSize": 11,
            "opacity": 1,
            "color": "#fff",
            "backgroundColor": "#3b4652",
            "padding": [2, 4],
            "borderRadius": 3,
        },
        "itemStyle": {"color": base.PALETTE[0]},
    }


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
