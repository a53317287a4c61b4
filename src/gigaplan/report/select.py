"""What the terminal and the page both show: the result's own numbers, summed to years by their kind."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gigaplan.results.result import Result
from gigaplan.vocabulary.facts import Evidence
from gigaplan.vocabulary.members import Array

GENERATED = ("reasoning", "output")
SERVED = 0.999
CENT = 0.01
BASES = {
    "it": "IT",
    "facility": "at the meter",
    "rack_tdp": "rated racks",
    "rack_peak": "racks at their peak",
    "gpu_tgp": "GPUs alone",
}
"""Bases of power as people write them."""
WORDS = {
    "vr": "Vera Rubin",
    "trainium2": "Trainium 2",
    "trainium3": "Trainium 3",
    "hgx": "",
    "oam8": "",
    "pcie": "PCIe",
}
"""Parts of systems' names that people write in another way."""
SHORTS = ("dgx", "rtx", "tpu", "cpx", "us")
SMALL = ("rest", "of", "the", "and")


def title(name: str) -> str:
    """Return a label as people write it."""
    return name.replace("_", " ")


def system(name: str) -> str:
    """Return a system's name as people write it: ``rubin_ultra_nvl144`` is Rubin Ultra NVL144."""
    return " ".join(word for part in name.split("_") if (word := WORDS.get(part, _capital(part))))


def region(name: str) -> str:
    """Return a region's name as people write it: ``region_rest_of_asia`` is rest of Asia."""
    return " ".join(w if w in SMALL else _capital(w) for w in name.removeprefix("region_").split("_"))


def _capital(word: str) -> str:
    """Return a word with a capital, in capitals if it is short for something or has a number, 'v5p' as it is."""
    if re.fullmatch(r"v\d\w?", word):
        return word
    return word.upper() if word in SHORTS or any(c.isdigit() for c in word) else word.capitalize()


READABLE = 0.5
"""A unit of power is taken from half of one on: 0.6 GW, but 400 MW."""


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit in which the largest of some numbers is easily read."""

    size: float
    name: str

    def of(self, value: float) -> str:
        """Return a value in this unit ('3.96 million GPUs')."""
        return f"{_digits(value / self.size, 3)} {self.name}"


def in_watts(largest_mw: float) -> Scale:
    """Return the unit for power that is given in MW."""
    return _scale(largest_mw / READABLE, ((1e3, "GW"), (1.0, "MW"), (1e-3, "kW")))


def in_dollars(largest_usd: float) -> Scale:
    """Return the unit for money."""
    return _scale(largest_usd, ((1e9, "billion USD"), (1e6, "million USD"), (1e3, "thousand USD"), (1.0, "USD")))


def counted(largest: float, what: str) -> Scale:
    """Return the unit for a count."""
    sizes = ((1e12, "trillion "), (1e9, "billion "), (1e6, "million "), (1e3, "thousand "), (1.0, ""))
    return _scale(largest, tuple((size, f"{word}{what}") for size, word in sizes))


def _scale(largest: float, sizes: tuple[tuple[float, str], ...]) -> Scale:
    return next((Scale(size, name) for size, name in sizes if abs(largest) >= size), Scale(*sizes[-1]))


def short(value: float, unit: str = "", digits: int = 3) -> str:
    """Return a number in a few digits with k, M, B or T ('3.4 M'); a number that doesn't exist is a dash."""
    if math.isnan(value):
        return "–"
    for size, letter in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.9995:
            return f"{_digits(value / size, digits)} {letter}{unit and ' ' + unit}"
    return f"{_digits(value, digits)}{unit and ' ' + unit}"


def money(value: float) -> str:
    """Return dollars in a few digits ('$412 B'); less than a cent is none."""
    value = 0.0 if abs(value) < CENT else value
    return "–" if math.isnan(value) else ("-" if value < 0 else "") + "$" + short(abs(value))


def _digits(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return "–"
    if value == round(value) and abs(value) < 1000:
        return f"{value:.0f}"
    value = float(f"{value:.{digits}g}")  # 0.9996 has the digits of 1.00
    places = max(digits - 1 - int(np.floor(np.log10(abs(value)) + 1e-12)), 0)
    return f"{value:,.{min(places, 4)}f}"


def years(result: Result) -> list[str]:
    """Return the calendar years of the horizon."""
    return list(dict.fromkeys(m[:4] for m in result.labels["month"]))


def by_year(result: Result, name: str) -> Array:
    """Return a monthly variable of the central member by calendar year (last axis), as its kind resamples:
    amounts add up; rates, levels and shares are averaged over time; prices over the months that have one."""
    variable = result.variable(name)
    array = result.central(name)
    months = np.array([m[:4] for m in result.labels["month"]])
    rows = []
    for year in years(result):
        part = array[..., months == year]
        if variable.kind == "amount":
            rows.append(part.sum(axis=-1))
        elif variable.kind == "price":
            rows.append(_mean_where(part))
        else:
            hours = result.axis.hours[months == year]
            rows.append((part * hours).sum(axis=-1) / hours.sum())
    return np.asarray(np.stack(rows, axis=-1))


def _mean_where(part: Array) -> Array:
    """Return the mean over the months in which there is a price; nan where there is none."""
    there = np.isfinite(part)
    count = there.sum(axis=-1)
    total = np.where(there, part, 0).sum(axis=-1)
    mean: Array = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean


def over_years(result: Result, monthly: Array) -> Array:
    """Return the mean of monthly values (last axis) over each calendar year's hours."""
    months, hours = np.array([m[:4] for m in result.labels["month"]]), result.axis.hours
    parts = [months == year for year in years(result)]
    return np.stack([(monthly[..., p] * hours[p]).sum(axis=-1) / hours[p].sum() for p in parts], axis=-1)


def last_of_years(result: Result, monthly: Array) -> Array:
    """Return monthly values (last axis) in each calendar year's last month."""
    months = result.labels["month"]
    return np.asarray(monthly[..., [max(i for i, m in enumerate(months) if m[:4] == y) for y in years(result)]])


def last_year(result: Result) -> list[int]:
    """Return the months of the last calendar year."""
    return [i for i, m in enumerate(result.labels["month"]) if m[:4] == years(result)[-1]]


def weekday(result: Result, name: str) -> Array:
    """Return an hourly variable of the central member on the mean weekday of each month: (..., month, hour)."""
    array, axis = result.central(name), result.axis
    weight = axis.day_counts * (1 - axis.weekend(0))
    return np.asarray(np.einsum("...ndh,nd->...nh", array, weight / weight.sum(axis=1, keepdims=True)))


def as_year(day: dt.date | None) -> float:
    """Return a day as a calendar year with its fraction; nan for none."""
    return math.nan if day is None else day.year + (day.timetuple().tm_yday - 1) / 366


def span(low: float, high: float) -> str:
    """Return a range in one unit ('0.7-1.9T'); none is a dash."""
    if not high > 0:
        return "–"
    size, letter = next(((s, n) for s, n in ((1e12, "T"), (1e9, "B"), (1e6, "M")) if high >= s), (1.0, ""))
    return f"{_digits(low / size, 2)}-{_digits(high / size, 2)}{letter}"


def scientific(value: float) -> str:
    """Return a large number as people write it in text ('2.1e26'); none is a dash."""
    return f"{value:.1e}".replace("e+", "e") if value > 0 else "–"


def at_year_end(result: Result, name: str) -> Array:
    """Return a variable on edges at each year's end (last axis)."""
    return at_year_ends(result, result.central(name))


def at_year_ends(result: Result, on_edges: Array) -> Array:
    """Return values on edges (last axis) at each year's end."""
    edges = result.labels["edge"]
    ends = [max(i for i, e in enumerate(edges) if e <= f"{int(year) + 1}-01-01") for year in years(result)]
    return np.asarray(on_edges[..., ends])


def sites(result: Result) -> list[int]:
    """Return the places of the announced sites (the opening fleet left out)."""
    return result.new_sites()


def producing_mw(result: Result) -> tuple[Array, Array]:
    """Return IT power producing at each year's end [MW]: of the announced sites, of the opening fleet."""
    power = at_year_end(result, "power_state_mw")[result.labels["state"].index("producing")]
    ours = sites(result)
    others = [i for i in range(len(power)) if i not in ours]
    return power[ours].sum(axis=0), power[others].sum(axis=0)


@dataclass(frozen=True, slots=True)
class Site:
    """A site's way to its first token."""

    name: str
    first_token: dt.date | None
    power_mw: float


def first_tokens(result: Result) -> list[Site]:
    """Return the announced sites by date of first token."""
    days = result.central("first_token_day")
    power = result.central("power_state_mw").sum(axis=0).max(axis=-1)
    found = [Site(result.labels["site"][i], result.day(float(days[i])), float(power[i])) for i in sites(result)]
    return sorted(found, key=lambda s: s.first_token or dt.date.max)


def limit_spans(result: Result) -> list[tuple[str, str, str]]:
    """Return which limit binds from when to when, by the quarter: (limit, first month, last month)."""
    codes = result.central("binding_limit").astype(int).copy()
    quarters = [codes[i : i + 3] for i in range(0, len(codes), 3)]
    merged: list[tuple[str, str, str]] = []
    for q, part in enumerate(quarters):
        bound = part[part >= 0]
        if not len(bound):
            continue
        name = result.labels["limit"][int(np.bincount(bound).argmax())]
        name = "site dates" if name == "power" else name
        first, last = result.labels["month"][3 * q], result.labels["month"][min(3 * q + 2, len(codes) - 1)]
        if merged and merged[-1][0] == name:
            merged[-1] = (name, merged[-1][1], last)
        else:
            merged.append((name, first, last))
    return merged


@dataclass(frozen=True, slots=True)
class Waiting:
    """One workload that isn't served in full."""

    workload: str
    months: int
    first: str
    last: str
    worst_share: float
    refused_requests: float


def waiting(result: Result) -> list[Waiting]:
    """Return who waits, worst first."""
    share = result.central("served_share")
    refused = result.central("requests_refused_per_day") * result.axis.hours / 24
    found = []
    for w, name in enumerate(result.labels["workload"]):
        short_of = np.flatnonzero(share[w] < SERVED)
        if len(short_of):
            months = result.labels["month"]
            found.append(
                Waiting(
                    name,
                    len(short_of),
                    months[int(short_of[0])],
                    months[int(short_of[-1])],
                    float(share[w].min()),
                    float(refused[w].sum()),
                )
            )
    return sorted(found, key=lambda w: -w.months)


def nobody_waits_from(result: Result) -> str:
    """Return the first month from which on everyone is served, or '' if there is none."""
    short_of = np.flatnonzero((result.central("served_share") < SERVED).any(axis=0))
    months = result.labels["month"]
    if not len(short_of):
        return months[0]
    return months[int(short_of[-1]) + 1] if short_of[-1] + 1 < len(months) else ""


def generated_per_day(result: Result, name: str) -> Array:
    """Return generated tokens per day by workload and year."""
    tokens = [result.labels["token"].index(t) for t in GENERATED]
    return np.asarray(by_year(result, name)[:, tokens].sum(axis=1))


def idle_share(result: Result) -> Array:
    """Return the share of the available GPU-hours that nobody used, by year."""
    idle, held = (by_year(result, n).sum(axis=0) for n in ("idle_gpu_hours", "training_gpu_hours"))
    whole = idle + held + by_year(result, "gpu_hours").sum(axis=(0, 1))
    return np.asarray(np.divide(idle, whole, out=np.zeros_like(whole), where=whole > 0))


@dataclass(frozen=True, slots=True)
class Card:
    """One headline figure."""

    name: str
    value: str
    detail: str
    evidence: Evidence


def cards(result: Result) -> list[Card]:
    """Return the six figures that answer the plan's question."""
    places = first_tokens(result)
    first = next((s for s in places if s.first_token), None)
    producing = result.central("gpus_producing").sum(axis=0)
    peak = int(np.argmax(producing))
    served = generated_per_day(result, "tokens_served_per_day").sum(axis=0)
    price = by_year(result, "cost_per_mtok_all_usd")
    last = years(result)
    paid = float(result.central("tranche_paid_usd").sum())
    equity = float(result.central("equity_paid_usd").sum())
    reached = int(np.isfinite(result.central("tranche_day")).sum())
    capital = money(float(result.central("capital_usd").sum()))
    free = nobody_waits_from(result)
    e = result.evidence
    return [
        Card(
            "First tokens of the announced sites",
            f"{first.first_token:%B %Y}" if first else "never",
            f"{first.name}, resolved to the month" if first else "within the horizon",
            e("first_token_day"),
        ),
        Card(
            "GPUs producing at the height",
            short(float(producing[peak]), "GPUs"),
            f"packages, {result.labels['month'][peak]}, opening fleet included",
            e("gpus_producing"),
        ),
        Card(
            "Generated tokens a day",
            short(float(served[-1])),
            f"served in {last[-1]}, reasoning and output ({short(float(served[0]))} in {last[0]})",
            e("tokens_served_per_day"),
        ),
        Card(
            "Cost per million generated tokens",
            f"${_digits(float(price[-1]), 3)}",
            f"{last[-1]}, all serving, idle GPUs included (${_digits(float(price[0]), 3)} in {last[0]})",
            e("cost_per_mtok_all_usd"),
        ),
        Card(
            "Nobody waits from",
            free or "never",
            "every workload served in full, on these assumptions",
            e("served_share"),
        ),
        Card(
            "Milestone investment released" if result.labels["tranche"] else "Equity on dates",
            money(paid if result.labels["tranche"] else equity),
            f"{reached} tranches, {money(equity)} of equity on dates; {capital} of capital over the horizon",
            e("tranche_paid_usd" if result.labels["tranche"] else "equity_paid_usd"),
        ),
    ]


def answer(result: Result) -> str:
    """Return the plan's answer in one sentence."""
    first = next((s for s in first_tokens(result) if s.first_token), None)
    begin = (
        f"make their first tokens in {first.first_token:%B %Y} at {first.name}"
        if first and first.first_token
        else "make no token yet"
    )
    free = nobody_waits_from(result)
    wait = f"from {free} on nobody waits" if free else "someone waits to the end"
    wait = wait if waiting(result) else "nobody waits"
    height = float(result.central("gpus_producing").sum(axis=0).max())
    power = f"{_plain_power(result.announced.value)} ({BASES[result.announced.basis]})"
    return f"{power} {begin}, grow to {short(height, 'GPUs')}, and {wait}."


def runs(result: Result) -> list[tuple[str, str, str, bool]]:
    """Return the training runs: name, first and last month in words, whether a deadline is missed."""
    days = {w: [result.day(float(d)) for d in result.central(f"run_{w}_day")] for w in ("start", "done", "deadline")}
    return [
        (
            title(name),
            f"{start:%Y-%m}" if start else "not begun",
            f"{done:%Y-%m}" if done else "after the horizon",
            deadline is not None and (done is None or done > deadline),
        )
        for name, start, done, deadline in zip(result.labels["run"], *days.values(), strict=True)
    ]


def missed(result: Result) -> list[str]:
    """Return a sentence for each deadline and milestone of a training run that is missed: by how much, and what would meet it."""
    return [*_late_runs(result), *_late_milestones(result)]


def _late_runs(result: Result) -> list[str]:
    told = []
    tokens, asked = result.central("run_tokens_asked"), result.central("run_gpus_asked")
    by_then, late = result.central("run_tokens_by_deadline"), result.central("run_late_days")
    needed, start_by = result.central("run_gpus_needed"), result.central("run_latest_start_day")
    begun, done = result.central("run_start_day"), result.central("run_done_day")
    for k, name in enumerate(result.labels["run"]):
        if not late[k] > 0:
            continue
        deadline = result.day(float(result.central("run_deadline_day")[k]))
        if math.isnan(begun[k]):
            told.append(
                f"{title(name)} never begins, its deadline is {deadline}: {short(asked[k])} GPUs never stand free at its site "
                "or none of its layouts fits."
            )
            continue
        end = f"done {result.day(float(done[k]))}" if not math.isnan(done[k]) else "not done within the horizon"
        least = "" if not math.isnan(done[k]) else "at least "
        ways = []
        if start_by[k] >= 0:  # a day of the horizon
            ways.append(f"a start by {result.day(float(start_by[k]))}")
        ways.append(f"{short(by_then[k])} tokens instead of {short(tokens[k])}")
        if not math.isnan(needed[k]):
            ways.insert(0, f"{short(needed[k])} GPUs instead of {short(asked[k])}")
        more = "" if not math.isnan(needed[k]) else "; no more GPUs that stand at its site in time would do"
        told.append(
            f"{title(name)} misses its deadline {deadline} by {least}{late[k]:,.0f} days ({end}, {by_then[k] / tokens[k]:.0%} of its tokens by "
            f"then). It would meet it with {' or '.join(ways)}{more}."
        )
    return told


def _late_milestones(result: Result) -> list[str]:
    share, done = result.central("milestone_share"), result.central("milestone_done_share")
    late, days = result.central("milestone_late_days"), result.central("milestone_day")
    begun = dict(zip(result.labels["run"], result.central("run_start_day"), strict=True))
    end = float(result.axis.edge_days[-1])
    told = []
    for k, name in enumerate(result.labels["milestone"]):
        run = name.rpartition(" ")[0]
        if not late[k] > 0 or math.isnan(begun[run]):
            continue
        when = f"{late[k]:,.0f} days late" if days[k] + late[k] < end else "the rest not within the horizon"
        told.append(
            f"{title(run)} misses its milestone of {share[k]:.0%} by {result.day(float(days[k]))}: {done[k]:.0%} done by then, {when}."
        )
    return told


def _plain_power(mw: float) -> str:
    unit = in_watts(mw)
    return f"{mw / unit.size:.3g} {unit.name}"


def summary(result: Result) -> dict[str, Any]:
    """Return the summary as plain data, for ``--json``."""
    last = years(result)

    def table(name: str) -> Mapping[str, Any]:
        return {
            "unit": result.variable(name).unit,
            "evidence": result.evidence(name),
            "years": dict(zip(last, by_year(result, name).T.tolist(), strict=True)),
        }

    names = (
        "gpus_producing",
        "cost_per_mtok_usd",
        "cost_per_mtok_all_usd",
        "served_share",
        "requests_asked_per_day",
        "requests_served_per_day",
        "cost_usd",
        "revenue_usd",
        "capital_usd",
        "tranche_usd",
        "funding_gap_usd",
    )
    return {
        "stamp": {k: getattr(result.stamp, k) for k in result.stamp.__slots__},
        "answer": answer(result),
        "labels": {k: list(result.labels[k]) for k in ("generation", "workload", "component", "line")},
        "first_tokens": [
            {"site": s.name, "date": str(s.first_token), "it_gw": s.power_mw / 1e3} for s in first_tokens(result)
        ],
        "limits": [{"limit": a, "from": b, "to": c} for a, b, c in limit_spans(result)],
        "waiting": [{k: getattr(w, k) for k in w.__slots__} for w in waiting(result)],
        "tranches": [
            None if d is None else str(d) for d in (result.day(float(x)) for x in result.central("tranche_day"))
        ],
        "claims": [{"id": c.id, "says": c.says, "verdict": c.verdict, "because": c.because} for c in result.claims],
        "tables": {name: table(name) for name in names},
        "training": {
            "runs": [
                {"run": name, "from": start, "to": done, "late": late} for name, start, done, late in runs(result)
            ],
            "missed": missed(result),
        },
        "warnings": list(result.warnings),
    }
