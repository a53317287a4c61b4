"""Claims about money: A5, A9 and A13."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from gigaplan.claims.reader import ANNOUNCED, Reader
from gigaplan.results.headlines import MONTHS, SERVED
from gigaplan.results.verdicts import Claim, Figure, Verdict, judge
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS_PER_YEAR


def investment(r: Reader) -> Claim:
    """A5: up to $100 billion, progressively, as each gigawatt is deployed."""
    total, each = (r.number("A5", ANNOUNCED, q) for q in ("investment_total_usd", "tranche_usd"))
    if not r.result.labels["tranche"]:
        return _without_milestones(r, total)
    paid = r.result.central("tranche_paid_usd")
    dates = [r.result.day(float(d)) for d in r.result.central("tranche_day")]
    given = [(d, float(usd)) for d, usd in zip(dates, paid, strict=True) if d]
    released = float(paid.sum())
    sums = [
        Figure(
            name="investment released",
            value=released / 1e9,
            unit="billion USD",
            basis="contract",
            holds=released >= total * SERVED,
        ),
        Figure(name="tranches released", value=len(given), unit="tranches", basis="contract"),
        Figure(name="first tranche", value=str(given[0][0]) if given else "never", unit="date", basis="contract"),
        Figure(name="last tranche", value=str(given[-1][0]) if given else "never", unit="date", basis="contract"),
    ]
    if given:
        least = min(usd for _, usd in given)
        sums.append(
            Figure(
                name="least that a met milestone pays",
                value=least / 1e9,
                unit="billion USD",
                basis="contract, for each milestone",
                holds=least >= each * SERVED,
            )
        )
    because = f"{len(given)} of {len(dates)} milestones are met within the horizon and release {released / 1e9:.0f} billion USD."
    return judge("A5", because, sums, _triggers_and_flows(r, released))


def _without_milestones(r: Reader, total: float) -> Claim:
    """A5 of a plan whose investment is equity on dates."""
    equity = float(r.result.central("equity_paid_usd").sum())
    figures = (
        Figure(name="tranches tied to gigawatts", value=0, unit="tranches", basis="contract", holds=False),
        Figure(
            name="equity paid within the horizon",
            value=equity / 1e9,
            unit="billion USD",
            basis="contract",
            holds=equity >= total * SERVED,
        ),
    )
    because = (
        f"The plan ties no money to gigawatts: {equity / 1e9:.0f} billion USD of equity is paid on dates, of the up to "
        f"{total / 1e9:.0f} announced."
    )
    return judge("A5", because, figures, _triggers_and_flows(r, equity))


def _triggers_and_flows(r: Reader, released_usd: float) -> list[Figure]:
    """Return what triggers a tranche, what flows back to the vendor, and the ratio if anything was released."""
    spent, landlords = (float(r.result.central(f"vendor_flow{n}_usd").sum()) for n in ("", "_landlords"))
    figures = [
        Figure(
            name="flows back to the vendor as purchases over the horizon",
            value=spent / 1e9,
            unit="billion USD",
            basis="contract",
        ),
        Figure(
            name="the same by owners of rented capacity", value=landlords / 1e9, unit="billion USD", basis="contract"
        ),
    ]
    if released_usd > 0:
        ratio = spent / released_usd
        figures.append(Figure(name="purchases per invested dollar", value=ratio, unit="USD/USD", basis="contract"))
    state, milestone = (r.stated(f"finance.tranches.{name}") for name in ("trigger_state", "milestone"))
    if state and milestone:
        each = f"every {milestone} {state.replace('_', ' ')}"
        figures.append(Figure(name="a tranche is triggered by", value=each, unit="", basis="as the plan states"))
    return figures


def falling_cost(r: Reader) -> Claim:
    """A9: the cost per unit of intelligence keeps falling: here, cost per million generated tokens."""
    axis = r.result.axis
    first, last = slice(0, MONTHS), slice(axis.months - MONTHS, axis.months)
    if axis.months < 2 * MONTHS:
        because = "The horizon is shorter than two years."
        return Claim(id="A9", says=CLAIMS["A9"], verdict=Verdict.UNKNOWN, because=because)
    busy = [_used_cost(r, s) for s in (first, last)]
    if busy[0] is None or busy[1] is None:
        because = "In the first year or the last no token is served, so that there is no cost to compare."
        return Claim(id="A9", says=CLAIMS["A9"], verdict=Verdict.UNKNOWN, because=because)
    ends = (
        Figure(
            name="all serving, first year", value=busy[0], unit="USD/Mtok", basis="generated tokens, GPUs in use only"
        ),
        Figure(
            name="all serving, last year",
            value=busy[1],
            unit="USD/Mtok",
            basis="generated tokens, GPUs in use only",
            holds=busy[1] < busy[0],
        ),
    )
    steps = _steps_up(r)
    risen = [int(f.value) for f in steps]
    steadily = (
        "It falls every year" if not any(risen) else "Years in which it rises: {} ({} with idle GPUs)".format(*risen)
    )
    because = (
        f"Over all serving a million generated tokens cost {busy[0]:.2f} USD in the first year and {busy[1]:.2f} in the last, counting the "
        f"GPUs in use. {steadily}. Cost, not price; the models are held fixed in it."
    )
    constant = _constant_capability(r)
    if constant:
        because += f" At constant capability a task costs {constant[0].value:.2g} of what it did (by the stated gain of models)."
    return judge("A9", because, (*_by_workload(r, first, last), *ends, *steps), (*constant, *_list_prices(r)))


def _constant_capability(r: Reader) -> tuple[Figure, ...]:
    """Return what a task of the first serving month costs at the end of the horizon, done as well, and what drives it."""
    fall = r.result.central("cost_fall_log")
    if not np.isfinite(fall[:, -1]).all():
        return ()
    whole = float(fall[:, -1].sum())
    drivers = tuple(
        Figure(
            name=f"of which {driver.replace('_', ' ')}",
            value=float(np.exp(-part)),
            unit="USD/USD",
            basis="factor on cost since the first serving month",
        )
        for driver, part in zip(r.result.labels["driver"], fall[:, -1], strict=True)
    )
    first = Figure(
        name="a task at constant capability, last month over first",
        value=float(np.exp(-whole)),
        unit="USD/USD",
        basis="constant capability, best model for the task",
        holds=whole > 0,
    )
    return (first, *drivers)


def _list_prices(r: Reader) -> tuple[Figure, ...]:
    """Return list prices of a lab's best model over time: prices, which did not fall."""
    best = [e for e in r.facts.entities("price_tier") if r.facts.find(e, "price_tier").value == "best"]
    dated = sorted((f for e in best for f in r.facts.series(e, "output_price_usd_per_mtok")), key=lambda f: f.date)
    return tuple(
        Figure(
            name=f"list price of output, {fact.entity.removeprefix('api_')}, {fact.date}",
            unit="USD/Mtok",
            basis="list",
            value=r.fact("A9", fact.entity, fact.quantity, date=fact.date).number,
        )
        for fact in (dated[:1] + dated[-1:] if len(dated) > 1 else dated)
    )


def _by_workload(r: Reader, first: slice, last: slice) -> tuple[Figure, ...]:
    """Return each workload's cost per token in the last year over the first, where it is served in both."""
    price = r.result.central("cost_per_mtok_usd")
    ends = [(name, _mean(price[w, first]), _mean(price[w, last])) for w, name in enumerate(r.result.labels["workload"])]
    return tuple(
        Figure(
            name=f"{name}, last year over first",
            value=after / before,
            unit="USD/USD",
            basis="generated tokens, idle GPUs included",
            holds=after < before,
        )
        for name, before, after in ends
        if before is not None and after is not None
    )


def _steps_up(r: Reader) -> tuple[Figure, ...]:
    """Return in how many years (of twelve months, from the first) all serving cost more per token than the year before."""
    years = [slice(k, k + MONTHS) for k in range(0, r.result.axis.months - MONTHS + 1, MONTHS)]
    figures = []
    for cost, basis in ((_used_cost, "GPUs in use only"), (_whole_cost, "idle GPUs included")):
        path = [c for c in (cost(r, year) for year in years) if c is not None]
        risen = sum(after > before for before, after in pairwise(path))
        figures.append(
            Figure(
                name=f"years dearer than the year before, of {len(path) - 1}",
                value=risen,
                unit="years",
                basis=f"generated tokens, {basis}, every year",
                holds=not risen,
            )
        )
    return tuple(figures)


def _used_cost(r: Reader, months: slice) -> float | None:
    """Return cost per million generated tokens of the GPU-hours in use, at the fleet's cost per GPU-hour [USD/Mtok]."""
    used, tokens = r.year("gpu_hours", months), r.generated(months)
    whole = used + r.year("training_gpu_hours", months) + r.year("idle_gpu_hours", months)
    return r.year("cost_usd", months) * used / whole / tokens * 1e6 if tokens > 0 and whole > 0 else None


def _whole_cost(r: Reader, months: slice) -> float | None:
    """Return cost per million generated tokens with the idle GPU-hours that serving bears [USD/Mtok]."""
    tokens = r.generated(months)
    return r.year("workload_cost_usd", months) / tokens * 1e6 if tokens > 0 else None


def _mean(values: Array) -> float | None:
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else None


def fuel_of_revenue(r: Reader) -> Claim:
    """A13: compute is the fuel that grows revenue: what the next gigawatt brings, and what is lost without it."""
    axis, revenue = r.result.axis, r.result.central("revenue_usd")
    years = [slice(k, k + MONTHS) for k in range(0, axis.months - MONTHS + 1, MONTHS)]
    if len(years) < 2:
        because = "The horizon is shorter than two years."
        return Claim(id="A13", says=CLAIMS["A13"], verdict=Verdict.UNKNOWN, because=because)
    by_year = [float(revenue[y].sum()) for y in years]
    rising = sum(after > before for before, after in pairwise(by_year))
    grows = (
        Figure(name="revenue, first year", value=by_year[0] / 1e9, unit="billion USD", basis="contract"),
        Figure(
            name="revenue, last year",
            value=by_year[-1] / 1e9,
            unit="billion USD",
            basis="contract",
            holds=by_year[-1] > by_year[0],
        ),
        Figure(name=f"years of growth, of {len(years) - 1}", value=rising, unit="years", basis="contract"),
    )
    lost = float(r.result.central("revenue_lost_usd").sum())
    marginal, cost = r.result.central("marginal_revenue_usd_per_gw_year"), _cost_per_gw_year(r)
    short = np.flatnonzero(marginal > 0)
    pays = (
        Figure(name="revenue lost to missing compute", value=lost / 1e9, unit="billion USD", basis="over the horizon"),
        Figure(
            name="months in which one more gigawatt brings revenue",
            value=len(short),
            unit="months",
            basis="while somebody waits",
            holds=len(short) > 0,
        ),
        *(
            Figure(
                name=f"revenue of one more gigawatt, {axis.labels[int(m)]}",
                value=float(marginal[m]) / 1e9,
                unit="billion USD/GW/year",
                basis=f"it, at the margin; a gigawatt costs {cost[m] / 1e9:.1f}",
            )
            for m in ([short[int(np.argmax(marginal[short]))], short[-1]] if len(short) else [])
        ),
    )
    because = (
        f"Revenue goes from {by_year[0] / 1e9:.0f} to {by_year[-1] / 1e9:.0f} billion USD a year; {lost / 1e9:.1f} billion are lost where "
        f"compute is missing, in {len(short)} months, after which users and not gigawatts limit it."
    )
    return judge("A13", because, grows, pays)


def _cost_per_gw_year(r: Reader) -> Array:
    """Return the fleet's cost per IT gigawatt in use and year, by month [USD/GW/year]; nan without a fleet."""
    states = r.result.labels["state"]
    accepted = r.result.central("power_state_mw")[states.index("accepted") :].sum(axis=(0, 1))
    gw = (accepted[:-1] + accepted[1:]) / 2 / 1e3
    yearly = r.result.central("cost_usd").sum(axis=0) / r.result.axis.hours * HOURS_PER_YEAR
    return np.asarray(np.divide(yearly, gw, out=np.full_like(yearly, np.nan), where=gw > 0))
