"""A plan by several rules of allocation, for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from gigaplan.report.fitting import Fitting
from gigaplan.report.format import short
from gigaplan.study.rules import RuleComparison

BILLION = 1e9


def rule_comparison(answer: RuleComparison) -> RenderableType:
    """Return whose demand is served by which rule, what that is worth and pays, and the optimum's prices."""
    head = Text.assemble((f"{answer.plan} in {answer.year}", "bold"), ": share of demand that is served, by rule")
    names = [one.rule + (" (plan)" if one.rule == answer.of_plan else "") for one in answer.outcomes]
    served = Fitting(("workload", *names, "optimum"), list(_served(answer)))
    prices = [
        (g, f"{short(p)} USD")
        for g, p in zip(answer.generations, answer.usd_per_gpu_h, strict=True)
        if not math.isnan(p)
    ]
    tail = Text(
        "The optimum gives each workload the systems that suit it best, promises kept; values are the plan's own.",
        style="dim",
    )
    more = Fitting(("system", "one more GPU-hour would bring"), prices)
    below: list[RenderableType] = [Text(), more] if prices else []
    return Group(head, served, tail, *below)


def _served(answer: RuleComparison) -> Iterator[tuple[str, ...]]:
    """Yield the line of each workload, then what all is worth and what is paid."""
    for w, name in enumerate(answer.workloads):
        shares = [*(one.served_share[w] for one in answer.outcomes), answer.best_served_share[w]]
        yield (name, *(f"{share:.0%}" for share in shares))
    worth = [*(one.value_usd for one in answer.outcomes), answer.best_value_usd]
    yield ("worth, billion USD", *(short(v / BILLION) for v in worth))
    paid = [*(one.revenue_usd for one in answer.outcomes), math.nan]
    yield ("paid, billion USD", *(short(v / BILLION) if not math.isnan(v) else "" for v in paid))
