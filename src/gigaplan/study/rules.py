"""One plan by several rules of allocation: the same demand, GPUs and prices, and who is served of them.

The plan is simulated once; a rule then shares out each hour of a year anew. The most that could be served is the linear
programme's, which gives every workload the generation that suits it best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from gigaplan import plan as plans
from gigaplan.allocation.inputs import AllocationRule
from gigaplan.allocation.merit import allocate
from gigaplan.allocation.optimum import best_day
from gigaplan.plan.load import load_sources
from gigaplan.plan.scenario import Scenario
from gigaplan.results.result import Result
from gigaplan.simulate.couplings.allocation import reference_index
from gigaplan.simulate.couplings.money import per_request
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.errors import Place, PlanError, Problem, nearest_text
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.progress import Progress, report
from gigaplan.vocabulary.show import Brief, BriefRows
from gigaplan.vocabulary.time import HOURS, MONTHS_PER_YEAR, SECONDS_PER_HOUR

RULES: tuple[AllocationRule, ...] = get_args(AllocationRule)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RuleOutcome(Brief):
    """What a rule makes of a year.

    Attributes
    ----------
    rule : str
        The rule, as ``market.allocation`` states it.
    served_share : tuple of float
        Share of the year's demand that is served, by workload.
    value_usd : float
        What is served is worth in the year, in the plan's stated values [USD].
    revenue_usd : float
        What is paid for it at the plan's prices [USD].
    """

    rule: str
    served_share: tuple[float, ...]
    value_usd: float
    revenue_usd: float

    def brief_line(self) -> str:
        """Return the rule with its value and revenue."""
        return f"{self.rule}: worth {self.value_usd / 1e9:.4g}, paid {self.revenue_usd / 1e9:.4g} billion USD"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RuleComparison(Brief):
    """A plan's year by several rules, and by the optimum.

    Attributes
    ----------
    plan : str
        The plan's name.
    year : int
        The year that is compared.
    workloads : tuple of str
        Workloads, in the plan's order.
    of_plan : str
        The plan's own rule.
    outcomes : tuple of RuleOutcome
        What each rule makes of the year.
    best_value_usd : float
        The most that what is served could be worth in the year, promises kept [USD].
    best_served_share : tuple of float
        Share of demand that is served then, by workload.
    generations : tuple of str
        Systems, in the plan's order.
    usd_per_gpu_h : tuple of float
        What one more hour of a system's GPU would then bring, mean over the year's hours in which the plan has any
        [USD/GPU/h]; nan where it has none.
    """

    plan: str
    year: int
    workloads: tuple[str, ...]
    of_plan: str
    outcomes: tuple[RuleOutcome, ...]
    best_value_usd: float
    best_served_share: tuple[float, ...]
    generations: tuple[str, ...]
    usd_per_gpu_h: tuple[float, ...]

    def brief_title(self) -> str:
        """Return the plan and the year."""
        return f"{self.plan}: whose demand is served in {self.year}, by which rule"

    def brief_rows(self) -> BriefRows:
        """Return what each rule serves."""
        yield from ((one.rule, one.brief_line().partition(": ")[2]) for one in self.outcomes)
        yield "optimum", f"worth {self.best_value_usd / 1e9:.4g} billion USD"


def compare_rules(
    sources: plans.Sources, rules: Sequence[str] = (), year: int | None = None, progress: Progress | None = None
) -> RuleComparison:
    """Return what rules of allocation make of a year of a plan's central future.

    Parameters
    ----------
    sources : Sources
        The plan, its overlays and its changes.
    rules : sequence of str
        Rules as ``market.allocation`` states them; none stands for all.
    year : int, optional
        A calendar year of the horizon (default: the one in which the least of demand is served).
    progress : callable, optional
        Called with (steps done, steps, what comes next); False cancels.

    Returns
    -------
    RuleComparison
        By rule and workload; with the optimum of the same demand, GPUs and promises.

    Raises
    ------
    PlanError
        With every problem of the plan at once, or if a rule or the year isn't known.
    Cancelled
        If ``progress`` returns False.
    """
    chosen = _known(rules)
    steps = len(chosen) + MONTHS_PER_YEAR + 1
    report(progress, 0, steps, "the plan")
    loaded = load_sources(replace(sources, changes=(*sources.changes, "uncertainty.members=1")))
    scenario = plans.resolve(loaded)
    result = simulate(scenario)
    months = _months(result, year)
    given = _given(scenario, result, months)
    outcomes = []
    for done, rule in enumerate(chosen):
        report(progress, done + 1, steps, rule)
        outcomes.append(_outcome(result, given, months, rule))
    value, served, price = _optimum(result, given, months, progress, steps)
    demand = _demand(result, given, months)
    return RuleComparison(
        plan=result.stamp.plan,
        year=result.axis.years[result.axis.year_of_month[months[0]]],
        workloads=tuple(result.labels["workload"]),
        of_plan=scenario.market.allocation,
        outcomes=tuple(outcomes),
        best_value_usd=value,
        best_served_share=tuple(_shares(served, demand)),
        generations=tuple(result.labels["generation"]),
        usd_per_gpu_h=tuple(map(float, price)),
    )


def _known(rules: Sequence[str]) -> tuple[AllocationRule, ...]:
    """Return the rules that are named, all where none is."""
    wrong = [rule for rule in rules if rule not in RULES]
    if wrong:
        raise PlanError(
            [
                Problem(
                    "there is no such rule",
                    Place("--rules"),
                    value=rule,
                    allowed=", ".join(RULES),
                    nearest=nearest_text(rule, RULES),
                    remedy="name one of these, or several with commas between them",
                )
                for rule in wrong
            ]
        )
    return tuple(rule for rule in RULES if not rules or rule in rules)


def _months(result: Result, year: int | None) -> list[int]:
    """Return the months of a year, or of that in which the least of demand is served."""
    years = np.array(result.axis.years)[result.axis.year_of_month]
    if year is None:
        unserved = result["requests_refused_per_day"][0] / np.maximum(result["requests_asked_per_day"][0], 1e-300)
        mean = {int(y): float(unserved[:, years == y].mean()) for y in np.unique(years)}
        year = max(mean, key=lambda y: mean[y])
    found = np.flatnonzero(years == year)
    if not found.size:
        remedy = f"give a year from {years[0]} to {years[-1]}"
        raise PlanError([Problem("the plan has no such year", Place("--year"), value=str(year), remedy=remedy)])
    return [int(m) for m in found]


def _given(scenario: Scenario, result: Result, months: list[int]) -> dict[str, Any]:
    """Return what :func:`~gigaplan.allocation.merit.allocate` takes, of some months of the central future."""
    year, k = scenario.axis.year_of_month[months], reference_index(scenario)
    overhead = column(scenario.software.overhead, 4)[:1]
    worth = result["worth_as_served_share"][:1, :, k][..., year]
    return {
        "demand_per_h": result["requests_asked_per_h"][:1, :, months],
        "deferrable": np.array([w.deferrable for w in scenario.demand.workloads]),
        "guaranteed_share": per_request(scenario, "guaranteed_share")[:1],
        "value_usd_per_request": per_request(scenario, "value_usd_per_request")[:1, :, None] * worth,
        "requests_per_gpu_h": result["requests_per_gpu_s"][:1][..., year] * SECONDS_PER_HOUR / overhead,
        "gpus_available": result["gpus_unreserved"][:1, :, months],
        "reserved_share": result["training_share"][:1, months],
        "reference_generation": k,
    }


def _outcome(result: Result, given: dict[str, Any], months: list[int], rule: AllocationRule) -> RuleOutcome:
    paid = result["price_per_request_usd"][:1, :, months]
    by_rule = given | ({"value_usd_per_request": paid} if rule == "revenue" else {})
    served = _of_days(allocate(**by_rule, rule=rule), result, months)
    return RuleOutcome(
        rule=rule,
        served_share=tuple(_shares(served.sum(axis=-1), _demand(result, given, months))),
        value_usd=float((served * given["value_usd_per_request"][0]).sum()),
        revenue_usd=float((served * paid[0]).sum()),
    )


def _demand(result: Result, given: dict[str, Any], months: list[int]) -> Array:
    """Return the year's demand: (W,)."""
    of_day = given["demand_per_h"][0].sum(axis=-1)
    return np.asarray((of_day * result.axis.day_counts[months]).sum(axis=(-1, -2)))


def _of_days(allocated: Any, result: Result, months: list[int]) -> Array:
    """Return the requests that are served in each month: (W, n)."""
    of_day = (allocated.served_now + allocated.deferred)[0].sum(axis=-1)
    return np.asarray((of_day * result.axis.day_counts[months]).sum(axis=-1))


def _optimum(
    result: Result, given: dict[str, Any], months: list[int], progress: Progress | None, steps: int
) -> tuple[float, Array, Array]:
    """Return the year's most value, the requests served by workload, and the mean price of a GPU-hour by generation."""
    share = given["guaranteed_share"]
    promised = {"demand_per_h": given["demand_per_h"] * share[..., None, None, None], "guaranteed_share": 0 * share}
    kept = allocate(**given | promised)
    floor = (kept.served_now + kept.deferred)[0].sum(axis=-1)  # (W, n, D)
    counts = result.axis.day_counts[months]
    value, served, price = 0.0, np.zeros(len(result.labels["workload"])), np.zeros(len(result.labels["generation"]))
    hours = np.zeros_like(price)
    for n in range(len(months)):
        report(progress, steps - MONTHS_PER_YEAR + min(n, MONTHS_PER_YEAR - 1), steps, "optimum")
        gpus = given["gpus_available"][0, :, n] * (1 - given["reserved_share"][0, n])
        for d, days in enumerate(counts[n]):
            best = best_day(
                demand_per_h=given["demand_per_h"][0, :, n, d],
                deferrable=given["deferrable"],
                promised=floor[:, n, d],
                value_usd_per_request=given["value_usd_per_request"][0, :, n],
                requests_per_gpu_h=given["requests_per_gpu_h"][0, :, :, n],
                gpus=gpus,
            )
            value, served = value + days * best.value_usd, served + days * best.served
            price = price + days * best.usd_per_gpu_h.sum(axis=-1)
            hours = hours + days * HOURS * (gpus > 0)
    return value, served, np.divide(price, hours, out=np.full_like(price, np.nan), where=hours > 0)


def _shares(served: Array, demand: Array) -> list[float]:
    return [float(s) for s in np.divide(served, demand, out=np.ones_like(served), where=demand > 0)]
