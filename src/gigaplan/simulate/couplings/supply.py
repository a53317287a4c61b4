"""Coupling of a site's supply to the plan: what limits its power, what GPUs do on less, and what its energy costs.

dates of grid, substations and units --limits_mw--> racks (:mod:`gigaplan.fleet.ladder`)
what all racks would draw, what there is --powered--> clock, and GPUs that stand still --> tokens
what the fleet's work draws, hours of prices and sun --supplied--> energy by source, its cost and carbon
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gigaplan.fleet.ladder import limits_mw
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.draw import most_drawn_share
from gigaplan.power.outputs import PowerDraw
from gigaplan.power.supply.dated import LIMITS, SOURCES, PlannedSupply
from gigaplan.power.supply.merit import Mix
from gigaplan.power.throttle import speed_share
from gigaplan.simulate.couplings.supply_mix import mean_of_edges, mix_of, standing_usd_per_h
from gigaplan.vocabulary.members import Array, column

DECIMALS_MW = 6
"""Limits closer than a watt bind together; buildings come first."""
ROUNDING = 1e-9
"""Shares of a load below which a lack is rounding."""
KW_PER_MW, KG_PER_T = 1e3, 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplied:
    """What the sites that state their supply use of it. Shapes: member M, place P, limit L, source S, month n."""

    limit_mw: Array
    """(M, L, P, edge) IT power that each link of the supply carries [MW], nan where none is stated."""
    binding: Array
    """(M, P, edge) number of the link that carries least, -1 at places without a stated supply."""
    by_source_mwh: Array
    """(M, S, P, n) energy by what gives it [MWh]."""
    unpowered_mwh: Array
    """(M, P, n) energy that racks would have drawn and the supply could not give [MWh]."""
    co2_t: Array
    """(M, P, n) carbon dioxide of the energy, 0 where no supply is stated [t]."""


def sources_of(scenario: Scenario) -> tuple[str, ...]:
    """Return what gives energy at some site of a plan, in one order; nothing where no site states its supply."""
    there = {"grid"} if any(scenario.supplies) else set()
    for supply in filter(None, scenario.supplies):
        there |= {u.kind for u in supply.units} | {"contract" for _ in supply.contracts}
        there |= {"battery" for _ in supply.batteries} | {"diesel" for _ in supply.backup}
    return tuple(s for s in SOURCES if s in there)


def priced(scenario: Scenario) -> Scenario:
    """Return a scenario whose facilities pay what their supply costs: prices, owners and landlords see one price.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    """
    if not any(scenario.supplies):
        return scenario
    facilities = list(scenario.facilities)
    for p, supply in enumerate(scenario.supplies):
        if supply is not None:
            rated_mw = _limits(scenario, p)[0].min(axis=1)
            full_mw = mean_of_edges(rated_mw) * most_drawn_share(facilities[p], scenario.draw, scenario.axis)
            mix = mix_of(supply, scenario.axis, full_mw)
            usd_per_h = mix.usd_per_h + standing_usd_per_h(supply, scenario.axis)
            usd, mwh = ((x * scenario.axis.hours).sum(axis=1) for x in (usd_per_h, full_mw - mix.lacking_mean_mw))
            usd, mwh = np.broadcast_arrays(usd, mwh)
            price = np.where(mwh > 0, usd / np.maximum(mwh, ROUNDING), column(supply.price_usd_per_mwh, 1))
            facilities[p] = replace(facilities[p], power_price_usd_per_mwh=price if len(price) > 1 else float(price[0]))
    return replace(scenario, facilities=tuple(facilities))


def powered(scenario: Scenario, built: BuildOut) -> BuildOut:
    """Return a build-out whose GPUs do what their sites' supply leaves them: on fewer watts the clock falls, and where
    it can fall no further some racks stand still.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    built : BuildOut
        Racks by generation, place and month.
    """
    shares = {}
    for p, supply in enumerate(scenario.supplies):
        if supply is not None:
            mix, full_mw = _at_full_draw(scenario, built, p, supply)
            kept = 1 - mix.lacking_mw / np.maximum(full_mw, ROUNDING)[..., None]
            if kept.min(initial=1.0) < 1 - ROUNDING:
                shares[p] = _work(scenario, kept, mix.weight)
    if not shares:
        return built
    found = np.ones((len(built.racks), *built.racks.shape[1:3], scenario.axis.months))
    for p, share in shares.items():
        found[:, :, p] = share
    built = replace(built, powered_share=found)
    return replace(built, gpus_available=built.gpus_available * built.powered_of_fleet)


def _at_full_draw(scenario: Scenario, built: BuildOut, p: int, supply: PlannedSupply) -> tuple[Mix, Array]:
    """Return what a site's racks are met with where all are busy, and what they would draw: (M, n) [MW]."""
    rated_mw = np.einsum("mge,mg->me", built.racks[:, :, p], scenario.fleet.it_kw_per_rack) / KW_PER_MW
    full_mw = mean_of_edges(rated_mw) * most_drawn_share(scenario.facilities[p], scenario.draw, scenario.axis)
    return mix_of(supply, scenario.axis, full_mw), full_mw


def _work(scenario: Scenario, kept: Array, weight: Array) -> Array:
    """Return the work of each generation's GPUs on a share of their power, over that at all of it: (M, G, n)."""
    found = [np.einsum("mnk,nk->mn", _speed(scenario, g.name, kept), weight) for g in scenario.fleet.generations]
    return np.stack(found, axis=1)


def _speed(scenario: Scenario, generation: str, kept: Array) -> Array:
    """Return the speed of a generation's racks on a share of their power; those without known GPUs are switched off."""
    node, curve = scenario.nodes.get(generation), scenario.clock
    return kept if node is None or curve is None else speed_share(kept, node, scenario.node_draw, curve)


def supplied(scenario: Scenario, drawn: PowerDraw) -> tuple[PowerDraw, Supplied]:
    """Return what is drawn, at each site no more than its supply gives, at what its energy costs; and from where.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan.
    drawn : PowerDraw
        Power and energy by place and month.
    """
    axis, names, (members, places, months) = scenario.axis, sources_of(scenario), drawn.energy_mwh.shape
    use = Supplied(
        limit_mw=np.full((members, len(LIMITS) if names else 0, places, months + 1), np.nan),
        binding=np.full((members, places, months + 1), -1.0),
        by_source_mwh=np.zeros((members, len(names), places, months)),
        unpowered_mwh=np.zeros(drawn.energy_mwh.shape),
        co2_t=np.zeros(drawn.energy_mwh.shape),
    )
    if not names:
        return drawn, use
    cost, given = drawn.energy_cost_usd.copy(), np.ones(drawn.energy_mwh.shape)
    for p, supply in enumerate(scenario.supplies):
        if supply is None:
            continue
        load_mw = drawn.energy_mwh[:, p] / axis.hours
        mix = mix_of(supply, axis, load_mw)
        cost[:, p] = (mix.usd_per_h + standing_usd_per_h(supply, axis)) * axis.hours
        use.co2_t[:, p] = mix.co2_kg_per_h * axis.hours / KG_PER_T
        for name, mw in mix.power_mw.items():
            use.by_source_mwh[:, names.index(name), p] = mw * axis.hours
        use.unpowered_mwh[:, p] = mix.lacking_mean_mw * axis.hours
        given[:, p] = 1 - np.divide(mix.lacking_mean_mw, load_mw, out=np.zeros_like(load_mw), where=load_mw > 0)
        limits, at = _limits(scenario, p)
        use.limit_mw[:, at, p], use.binding[:, p] = limits, _lowest(limits, at)
    return _within(replace(drawn, energy_cost_usd=cost), given), use


def _within(drawn: PowerDraw, given: Array) -> PowerDraw:
    """Return what is drawn of a share of what racks would draw: (M, P, n)."""
    if (given == 1).all():
        return drawn
    parts = ("it_mwh", "losses_mwh", "overhead_mwh", "energy_mwh", "it_mw", "water_m3")
    less = {name: getattr(drawn, name) * given for name in parts}
    before, after = drawn.energy_mwh.sum(axis=1), less["energy_mwh"].sum(axis=1)
    ratio = np.divide(after, before, out=np.ones_like(before), where=before > 0)
    return replace(drawn, **less, facility_mw=drawn.facility_mw * ratio[..., None, None])


def _limits(scenario: Scenario, site: int) -> tuple[Array, list[int]]:
    """Return the IT power that each stated link of a site's supply carries, its buildings the last, and their numbers:
    (M, link, edge) [MW]."""
    one, axis = scenario.fleet.sites[site], scenario.axis
    halls: Array = np.zeros((1, axis.months + 1))
    for phase in one.phases:
        day = column(axis.days_since_start(phase.energised) + phase.energised_delay_days, 2)
        halls = halls + column(phase.power.value * phase.power_ratio, 2) * (axis.edge_days >= day)
    links = limits_mw(one, axis)
    members = max(len(halls), len(links))
    rows = [np.broadcast_to(a, (members, *a.shape[1:])) for a in (links, halls[:, None])]
    return np.concatenate(rows, axis=1), [*(LIMITS.index(limit.name) for limit in one.power_limits), len(LIMITS) - 1]


def _lowest(limits: Array, numbers: list[int]) -> Array:
    """Return the number of the link that carries least at each edge, buildings first where several do: (M, edge)."""
    backwards = np.round(limits, DECIMALS_MW)[:, ::-1]
    named: Array = np.array(numbers[::-1], dtype=float)
    return np.asarray(named[backwards.argmin(axis=1)])
