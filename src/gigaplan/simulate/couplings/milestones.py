"""Coupling of milestones to what their power serves and earns: what a tranche buys, and when that pays back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.finance.outputs import Accounts
from gigaplan.finance.paybacks import added_between, band_mw, payback_days
from gigaplan.finance.tranches import amounts_usd, trigger_days
from gigaplan.fleet.inputs import LADDER
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.outputs import PowerDraw
from gigaplan.simulate.couplings.allocation import Service
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.members import Array, column, stack
from gigaplan.vocabulary.time import HOURS_PER_YEAR

MONTHS_OF_SERVICE = 12
"""Months after a milestone's power is complete over which the tokens that it serves are averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Milestones:
    """What each milestone's power buys. Shapes: member M, tranche T; nan where it is never complete."""

    producing_days: Array
    """(M, T) day on which its power is complete and produces, since the start of the horizon [day]."""
    it_mw: Array
    """(M, T) its IT power [MW]."""
    gpus: Array
    """(M, T) its GPUs [GPU]."""
    tokens_per_day: Array
    """(M, T) tokens a day, read and made, that its share of the fleet serves in its first year [token/day]."""
    capital_usd: Array
    """(M, T) its racks, network and facility, whoever pays for them [USD]."""
    payback_days: Array
    """(M, T) day by which it has earned that, since the start of the horizon [day]; nan if not within it."""


def milestones_of(
    scenario: Scenario, built: BuildOut, service: Service, money: Accounts, drawn: PowerDraw
) -> Milestones:
    """Return what each milestone's power buys and when that pays back.

    A milestone's share is its power over that of the fleet: it has this share of the revenue and of the tokens, and
    bears its share of its sites' energy and operations. Rent and lease are left out and capital is whoever's it is, so
    that the answer doesn't hang on who owns what.
    """
    terms, axis, finance = scenario.finance.tranches, scenario.axis, scenario.finance
    sites, count, size = len(scenario.fleet.sites), len(amounts_usd(terms)), float(terms.milestone.value)
    it = built.power_state_mw[:, LADDER.index("producing")]  # (M, P, edge)
    on_basis = it[:, :sites]
    if terms.milestone.basis == PowerBasis.FACILITY:
        on_basis = on_basis * stack(f.facility_to_it_peak for f in scenario.facilities[:sites])[..., None]
    power, of_sites, of_all = on_basis.sum(axis=1), it[:, :sites].sum(axis=1), it.sum(axis=1)
    days = trigger_days(power, size, count, axis)
    it_mw = added_between(of_sites, days, axis)
    racks = built.racks_producing[:, :, :sites].sum(axis=2)  # (M, G, edge)
    price = stack(g.rack_price_usd for g in finance.generations)[..., None]
    network = 1 + column(finance.costs.network_share, 2)
    racks_usd = added_between((racks * price).sum(axis=1) * network, days, axis)
    facility_usd = it_mw * column(finance.costs.facility_usd_per_it_mw, 2)
    of_power = _ratio(band_mw(_mean(power), size, count), _mean(power)[:, None])  # (M, T, n), share of the sites
    of_fleet = of_power * _ratio(_mean(of_sites), _mean(of_all))[:, None]
    operations = column(finance.costs.operations_usd_per_it_mw_year, 2) * _mean(of_sites) * axis.hours / HOURS_PER_YEAR
    running = drawn.energy_cost_usd[:, :sites].sum(axis=1) + operations
    earned = money.revenue_usd[:, None] * of_fleet - running[:, None] * of_power
    life = np.mean(np.broadcast_arrays(*[column(g.life_years, 1) for g in scenario.fleet.generations]), axis=0)
    tokens = service.tokens_per_day.sum(axis=(1, 2))[:, None] * of_fleet
    return Milestones(
        producing_days=days,
        it_mw=it_mw,
        gpus=added_between(built.gpus_in_production[:, :, :sites].sum(axis=(1, 2)), days, axis),
        tokens_per_day=_first_year(tokens * axis.hours, axis.hours, axis.edge_days, days),
        capital_usd=racks_usd + facility_usd,
        payback_days=payback_days(earned, racks_usd, facility_usd, days, life, axis),
    )


def _first_year(amount: Array, hours: Array, edge_days: Array, days: Array) -> Array:
    """Return the mean over the first year of service from amounts by month: (M, T, n) and (M, T) -> (M, T)."""
    first = np.minimum(np.searchsorted(edge_days, np.nan_to_num(days)), len(hours) - 1)
    last = np.minimum(first + MONTHS_OF_SERVICE, len(hours))
    running = np.concatenate([np.zeros((*amount.shape[:2], 1)), np.cumsum(amount, axis=-1)], axis=-1)
    whole = np.concatenate([np.zeros(1), np.cumsum(hours)])
    ends = [np.take_along_axis(running, at[..., None], axis=-1)[..., 0] for at in (last, first)]
    mean = (ends[0] - ends[1]) / (whole[last] - whole[first])
    return np.where(np.isfinite(days), mean, np.nan)


def _mean(on_edges: Array) -> Array:
    """Return the mean over each interval of what stands on edges."""
    return (on_edges[..., :-1] + on_edges[..., 1:]) / 2


def _ratio(part: Array, whole: Array) -> Array:
    """Return part over whole, 0 where the whole is nothing."""
    shape = np.broadcast_shapes(part.shape, whole.shape)
    return np.asarray(np.divide(part, whole, out=np.zeros(shape), where=whole > 0))
