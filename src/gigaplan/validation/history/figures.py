"""What a run says of a published figure: users, messages, tokens, revenue, spend, power, GPUs and rents, by date."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gigaplan import catalog
from gigaplan.catalog.history import REVENUE, TOKENS, USERS, Published
from gigaplan.catalog.prices import price_level
from gigaplan.demand.inputs import GENERATED
from gigaplan.plan.checks.knowledge import API
from gigaplan.plan.resolver import meant_in_table
from gigaplan.results.result import Result
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS

ACTUAL, ANNOUNCED = "actual-2026-11", "announced-2025-09"
"""The plans of the lab: of what happened, and of the announcement."""
NOT_MESSAGES = ("agents", API, "science")
"""Workloads whose requests are no messages that people send: steps of a program, calls, and jobs."""
MW_PER_GW = 1e3
RANGE_ENDS = (0.1, 0.9)
"""Quantiles between which 80 % of the members lie."""


class BeyondError(Exception):
    """The run's months don't hold what a figure is about."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How a plan's run answers a published quantity."""

    name: str
    """As tables show it."""
    quantity: str
    entity: str
    """Pattern of the entities that it is of."""
    of_run: Callable[[Result, Published], Array]
    """The members' values at the figure's date, in its unit."""
    known_from: dt.date = dt.date.min
    """Day since which what sets its level in a plan was public; for an earlier origin it is hindsight."""
    stated: tuple[str, ...] = ()
    """Plans whose own lines state it."""


def require(result: Result, held: object) -> None:
    """Raise BeyondError unless a run's months hold what is asked of them."""
    if not held:
        raise BeyondError(f"outside the plan's months ({result.axis.labels[0]} to {result.axis.labels[-1]})")


def at(result: Result, series: Array, day: dt.date) -> Array:
    """Return each member's value of a monthly level at a day, its logarithm linear between the months' middles.

    Parameters
    ----------
    result
        A run.
    series
        (member, month) positive levels or rates.
    day
        The day.

    Raises
    ------
    BeyondError
        If the horizon's months don't surround it.
    """
    mids, when = result.axis.mid_days, result.axis.days_since_start(day)
    require(result, 0 <= when <= result.axis.edge_days[-1])
    logs = np.log(np.maximum(series, np.finfo(float).tiny))
    return np.exp([np.interp(when, mids, row) for row in np.atleast_2d(logs)])


def over(result: Result, amounts: Array, last: dt.date, months: int) -> Array:
    """Return each member's sum of a monthly amount over whole months up to a day.

    Parameters
    ----------
    result
        A run.
    amounts
        (member, month) amounts.
    last
        Last day of the period.
    months
        Months of the period.

    Raises
    ------
    BeyondError
        If the horizon doesn't hold all of them.
    """
    end = result.axis.month_of(last) + 1
    require(result, months <= end <= result.axis.months)
    return np.asarray(np.atleast_2d(amounts)[:, end - months : end].sum(axis=1))


def _users(result: Result, row: Published) -> Array:
    return at(result, result["weekly_users"], row.date)


def _messages(result: Result, row: Published) -> Array:
    works = [k for k, name in enumerate(result.labels["workload"]) if name not in NOT_MESSAGES]
    demanded = result["requests_asked_per_day"] + result["requests_on_devices_per_day"]
    return at(result, demanded[:, works].sum(axis=1), row.date)


def _api_tokens(result: Result, row: Published) -> Array:
    work = result.labels["workload"].index(API)
    return at(result, result["tokens_served_per_day"][:, work].sum(axis=1), row.date)


def _all_tokens(result: Result, row: Published) -> Array:
    return at(result, result["tokens_served_per_day"].sum(axis=(1, 2)), row.date)


def _generated_tokens(result: Result, row: Published) -> Array:
    kinds = [result.labels["token"].index(kind) for kind in GENERATED]
    return at(result, result["tokens_served_per_day"][:, :, kinds].sum(axis=(1, 2)), row.date)


def _revenue_rate(result: Result, row: Published) -> Array:
    return at(result, result["revenue_usd"] * (DAYS_PER_YEAR * HOURS / result.axis.hours), row.date)


def _sum(name: str, months: int, *dims: int) -> Callable[[Result, Published], Array]:
    """Return what adds up a monthly quantity over so many months, summed over further axes."""
    return lambda result, row: over(result, result[name].sum(axis=dims) if dims else result[name], row.date, months)


def _at_end(result: Result, stock: Array, day: dt.date) -> Array:
    """Return each member's value of a stock on edges at the end of a day."""
    when = result.axis.days_since_start(day) + 1
    require(result, 0 <= when <= result.axis.edge_days[-1])
    return np.array([np.interp(when, result.axis.edge_days, row) for row in np.atleast_2d(stock)])


def _gw(result: Result, row: Published) -> Array:
    producing = result["power_state_mw"][:, result.index("state", "producing")].sum(axis=1)  # (member, edge)
    return _at_end(result, producing, row.date) / MW_PER_GW


def _h100_equivalents(result: Result, row: Published) -> Array:
    facts = catalog.load()
    peaks = [
        facts.find(g, "peak_bf16_flops_per_s", flops_basis="bf16_dense").number
        for g in (*result.labels["generation"], "h100_hgx")
    ]
    weight = np.array(peaks[:-1]) / peaks[-1]
    return _at_end(result, np.einsum("mgse,g->me", result["gpus_in_production"], weight), row.date)


def _equity(result: Result, row: Published) -> Array:
    when = result.axis.month_of(row.date) + 1
    require(result, 0 < when <= result.axis.months)
    dated = np.zeros(result.axis.months)
    if result.labels["instrument"]:
        of = [k for k, name in enumerate(result.labels["instrument"]) if "NVIDIA" in name]
        dated = np.atleast_2d(result["equity_paid_usd"])[of].sum(axis=0)
    return np.asarray((np.atleast_2d(result["tranche_usd"]) + dated)[:, :when].sum(axis=1))


NBER, ANNOUNCEMENT = dt.date(2025, 9, 15), dt.date(2025, 9, 22)
"""Days of the study of messages, and of the announcement."""
API_STATED, POWER_STATED = dt.date(2025, 10, 6), dt.date(2026, 1, 18)
"""Days of the first statement of the API's tokens, and of the lab's statement of its power."""
LAB = r"OpenAI\b.*"
FIGURES: Sequence[Figure] = (
    Figure("weekly users", USERS, r"OpenAI/ChatGPT", _users),
    Figure("messages a day", "messages_per_day", r"OpenAI/ChatGPT", _messages, NBER),
    Figure("tokens a day of the API", TOKENS, r"OpenAI API", _api_tokens, API_STATED),
    Figure("tokens a day, generated", TOKENS, r"OpenAI \(all products\)", _generated_tokens, API_STATED),
    Figure("tokens a day, processed", TOKENS, r"OpenAI \(all, third-party\)", _all_tokens, API_STATED),
    Figure("revenue, annualised", REVENUE, r"OpenAI", _revenue_rate),
    Figure("revenue of a year", "revenue_year", r"OpenAI", _sum("revenue_usd", 12)),
    Figure("revenue of a half-year", "revenue_half", r"OpenAI", _sum("revenue_usd", 6)),
    Figure("revenue of a quarter", "revenue_quarter", r"OpenAI", _sum("revenue_usd", 3)),
    Figure("inference spend", "inference_spend_year", r"OpenAI", _sum("workload_cost_usd", 12, 1), POWER_STATED),
    Figure("inference spend", "inference_spend_9months", r"OpenAI", _sum("workload_cost_usd", 9, 1), POWER_STATED),
    Figure("inference spend", "inference_spend_half", r"OpenAI", _sum("workload_cost_usd", 6, 1), POWER_STATED),
    Figure("research spend", "rd_compute_spend_year", r"OpenAI", _sum("training_cost_usd", 12), POWER_STATED),
    Figure("compute spend", "compute_spend_year", r"OpenAI", _sum("cost_usd", 12, 1), POWER_STATED),
    Figure("GW in use", "compute_gw_year_end", r"OpenAI", _gw, POWER_STATED, (ACTUAL, ANNOUNCED)),
    Figure("H100-equivalents", "h100e_in_use", r"OpenAI", _h100_equivalents, POWER_STATED),
    Figure("NVIDIA's equity", "equity_closed", r"NVIDIA-OpenAI", _equity, ANNOUNCEMENT, (ACTUAL,)),
)
"""Published quantities of the lab, and what a run says of them."""
RENT = "gpu_rental_price"
CONTRACT = re.compile(r"contract|\bterm\b|1-y|reserved", re.IGNORECASE)
"""Bases of rents that a plan's contracts have."""
SAME_STATEMENT: Mapping[str, str] = {
    "api_tokens_per_minute": "the same statement as its tokens a day",
    "messages_per_weekly_user_per_day": "the quotient of two other figures",
    "gpt5_bundle_cost": "one product of many",
    "gpt5_bundle_revenue": "one product of many",
    "revenue_product_line": "one product of many",
    "codex_weekly_users": "one product of many",
}
"""Why some figures of the lab are not compared."""


@dataclass(frozen=True, slots=True)
class Rent:
    """What a run says of a published rent."""

    system: str
    members: Array
    """Rent in each future, or the catalog's with its two ends where the plan has no such system, in the money of the
    published figure's year [USD/h]."""
    known: str
    """Date of the catalog's rent."""
    of_plan: bool
    """Whether the plan has the system."""
    stated: bool
    """Whether the published figure is the one that the catalog's rent is."""


def rent(result: Result, row: Published) -> Rent:
    """Return what a run says of a published rent: the plan's of that month, or the catalog's of a system that it lacks.

    Parameters
    ----------
    result
        A run, whose months must hold the rent's date.
    row
        A published rent.

    Raises
    ------
    BeyondError
        If it is no contract's or of another time, or the catalog knows no such system or no rent of it.
    """
    if not CONTRACT.search(row.basis):
        raise BeyondError("a price on demand or on the spot, and a plan rents by contract")
    require(result, 0 <= result.axis.days_since_start(row.date) <= result.axis.edge_days[-1])
    try:
        system = meant_in_table("system", row.entity.split(" (")[0])
    except UnsupportedError as error:
        raise BeyondError(str(error)) from None
    facts = [f for f in catalog.load().all(system, "rental_usd_per_gpu_h") if f.chosen]
    if not facts:
        raise BeyondError(f"no rent of {system} in the catalog")
    fact = facts[0]
    stated = row.value == fact.number
    if system not in result.labels["generation"]:
        ends = (fact.number if end is None else end for end in (fact.low, fact.high))
        return Rent(system, np.array([fact.number, *ends]), fact.date, of_plan=False, stated=stated)
    month = min(result.axis.month_of(row.date), result.axis.months - 1)
    paid = result["generation_rent_usd_per_gpu_h"][:, result.index("generation", system), month]
    return Rent(system, paid * _price_ratio(result, row.date.year), fact.date, of_plan=True, stated=stated)


def _price_ratio(result: Result, year: int) -> float:
    """Return consumer prices of a year over those of the year in whose money the plan is, 1 if it names none."""
    stated = next((str(e.value) for e in result.ledger.under("price_year") if e.path == "price_year"), "")
    if not stated.isdigit():
        return 1.0
    then, now = (price_level(catalog.load(), y) for y in (year, int(stated)))
    return 1.0 if then is None or now is None else then.number / now.number


def figure_of(row: Published) -> Figure | None:
    """Return how a run answers a published figure, None if it doesn't."""
    of = (f for f in FIGURES if f.quantity == row.quantity and re.fullmatch(f.entity, row.entity))
    return next(of, None)


def reason_against(row: Published) -> str:
    """Return why a published figure has no counterpart in a plan of the lab."""
    if row.quantity in SAME_STATEMENT and row.lab == "openai":
        return SAME_STATEMENT[row.quantity]
    if row.lab == "openai":
        return "a plan computes no such quantity"
    return "of others: no built-in plan is theirs"
