"""Print what following members by elasticities leaves in error against a search of each member's serving rates.

python benchmarks/member_speeds.py [PLAN] [MEMBERS] [YEARS]: first and last YEARS of the plan's horizon are compared.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from gigaplan.demand.requests import compute_demand
from gigaplan.inference.frontier import choice, precision_for
from gigaplan.plan.load import load
from gigaplan.plan.resolve import resolve
from gigaplan.simulate.couplings.member_speeds import member_factors, searched_alone
from gigaplan.simulate.couplings.slowness import speed_alone
from gigaplan.simulate.couplings.throughput import models_by_year, questions


def main(plan: str = "announced-2025-09", members: str = "64", years: str = "2") -> None:
    """Print the errors of each workload, and the spread that they are to be compared with."""
    scenario = resolve(load(plan, [f"uncertainty.members={members}"]))
    scenario = replace(scenario, serving_error={})
    tokens = compute_demand(scenario.demand, scenario.axis).tokens_per_request
    models, asked = models_by_year(scenario), questions(scenario, tokens)

    def search(q):  # type: ignore[no-untyped-def]
        model = scenario.architectures[models[q.workload][q.year]]
        constants = scenario.efficiency, scenario.engine
        found = choice(q.device, model, precision_for(q.device), q.request, *constants, percentile=q.percentile)
        price = scenario.demand.workloads[q.workload].slowness_elasticity
        return speed_alone(found, float(np.ravel(price)[0]))[:1]

    (factors,) = member_factors(scenario, tokens, models, asked, search, figures=1)
    chosen = np.unique(np.linspace(0, len(scenario.axis.years) - 1, int(years)).astype(int))
    every = []
    heads = f"{'unserved':>9} {'found':>6} {'wrongly':>8}"
    print(f"{'workload':16} {'median error':>13} {'90 % below':>11} {'bias':>7} {'spread':>7} {heads}")
    for w, work in enumerate(scenario.demand.workloads):
        errors, spread, unserved, found, wrongly = [], [], 0, 0, 0
        for g, row in enumerate(asked[w]):
            for y in chosen:
                (central,) = search(row[y])
                for m in range(1, scenario.members):
                    (full,) = search(searched_alone(scenario, tokens, m, row[y]))
                    followed = factors[m, w, g, y]
                    if not (full and central and followed):
                        unserved += bool(central) and not full
                        found += bool(central) and not full and not followed
                        wrongly += bool(full and central)
                        continue
                    errors.append(np.log(followed * central / full))
                    spread.append(np.log(full / central))
        every += errors
        print(_line(work.name, np.array(errors), f"{np.std(spread):7.0%} {unserved:9,} {found:6,} {wrongly:8,}"))
    print(_line("all", np.array(every), ""))


def _line(name: str, errors: np.ndarray, rest: str) -> str:  # type: ignore[type-arg]
    size = np.abs(errors)
    return f"{name:16} {np.median(size):13.1%} {np.quantile(size, 0.9):11.1%} {errors.mean():7.1%} {rest}"


if __name__ == "__main__":
    main(*sys.argv[1:])
