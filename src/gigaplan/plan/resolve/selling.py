"""What a plan sells: prices of tokens that fill in a workload, and customers who reserve GPUs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Le

from gigaplan.allocation.inputs import Market
from gigaplan.demand.inputs import Workload
from gigaplan.demand.requests import tokens_per_request
from gigaplan.demand.token_prices import sold_by_token, usd_per_request
from gigaplan.finance.customers import Customer
from gigaplan.plan.checks.selling import TIERS, TOKEN_PRICES
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.members import Uncertain

ENTITY = "token_prices"
"""Entity of the catalog whose facts fill in what prices of tokens leave out."""
SHARE = Annotated[Uncertain, Ge(0), Le(1)]


def known_of_prices(filler: Filler, given: Any, path: str) -> Mapping[str, Any]:
    """Return the fields of a workload that follow from its prices of tokens; none where it states no such price.

    Parameters
    ----------
    filler
        Fills inputs and records them.
    given
        What the plan states of the workload.
    path
        Path of the workload in the ledger.
    """
    if all(getattr(given, name, None) is None for name in TOKEN_PRICES):
        return {}
    known: dict[str, Any] = {"revenue_usd_per_request": 0.0}
    if given.value_usd_per_request is None:
        known["value_usd_per_request"] = 0.0  # what its tokens bring, see with_value
    hints = {name: Annotated[Uncertain, Ge(0)] for name in TOKEN_PRICES}
    if given.usd_per_mtok_cached_input is None and given.usd_per_mtok_input is not None:
        name = "usd_per_mtok_input"
        known[name] = filler.state(f"{path}.{name}", given.usd_per_mtok_input, hints[name])
        share = filler.value(f"{path}.cached_price_share", filler.facts.find(ENTITY, "cached_price_share"), SHARE)
        known["usd_per_mtok_cached_input"] = known[name] * share
    for share_of, differs in TIERS.items():
        if getattr(given, share_of) is not None and getattr(given, differs) is None:
            here, fact = f"{path}.{differs}", filler.facts.find(ENTITY, differs)
            known[differs] = filler.value(here, fact, Annotated[Uncertain, Ge(0)])
    return known


def market(filler: Filler, doc: PlanDocument) -> Market:
    """Return the market's inputs, the mix in whose tokens capacity is for sale among them."""
    stated = (doc.market.sale_mix if doc.market is not None else None) or {}
    shares = {name: filler.state(f"market.sale_mix.{name}", share) for name, share in stated.items()}
    mix = tuple(float(shares.get(name, 0.0)) for name in doc.demand.workloads) if shares else ()
    return filler.fill(Market, doc.market, "market", "market", sale_mix=mix)


def customers(filler: Filler, doc: PlanDocument) -> tuple[Customer, ...]:
    """Return the customers who have reserved GPUs."""
    given = doc.customers.items()
    return tuple(filler.fill(Customer, one, "reserved_gpus", f"customers.{name}", name=name) for name, one in given)


def with_value(filler: Filler, given: Any, work: Workload, path: str) -> Workload:
    """Return a workload that is worth to its seller what its tokens bring at the reference date, unless the plan says
    what a request is worth.

    Parameters
    ----------
    filler
        Fills inputs and records them.
    given
        What the plan states of the workload.
    work
        The workload, filled.
    path
        Path of the workload in the ledger.
    """
    if not sold_by_token(work) or given.value_usd_per_request is not None:
        return work
    value = usd_per_request(work, tokens_per_request(work, np.zeros(1)))[:, 0]
    name = "value_usd_per_request"
    fact = Fact(
        id=f"{work.name}.{name}",
        entity=work.name,
        quantity=name,
        value=float(value[0]),
        unit="USD",
        source_title="the plan's prices of tokens",
        evidence=Evidence.ASSUMED,
        note="what the tokens of a request bring at the reference date",
    )
    filler.ledger.read(f"{path}.{name}", fact)
    return replace(work, value_usd_per_request=float(value[0]) if len(value) == 1 else value)
