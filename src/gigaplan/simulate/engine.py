"""The journey of a number: a scenario becomes one labelled result, one named line per stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gigaplan import catalog
from gigaplan._version import __version__
from gigaplan.allocation.merit import allocate
from gigaplan.allocation.outputs import Allocation
from gigaplan.demand.outputs import Demand
from gigaplan.demand.requests import compute_demand
from gigaplan.finance.accounts import accounts
from gigaplan.finance.outputs import Accounts
from gigaplan.fleet.buildout import build
from gigaplan.fleet.inputs import LADDER
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.draw import draw
from gigaplan.power.outputs import PowerDraw
from gigaplan.results.result import Result, Stamp
from gigaplan.simulate import laws
from gigaplan.simulate.assemble import assemble
from gigaplan.simulate.couplings.throughput import Throughput, rates
from gigaplan.simulate.couplings.training import Trained, train
from gigaplan.simulate.gather import Stages, gather, labels, per_request
from gigaplan.simulate.keep import Keep, checked_keep, retain
from gigaplan.simulate.memory import require_memory
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.members import Array, column


def simulate(scenario: Scenario, keep: Keep = "all") -> Result:
    """Run a scenario from demand to money and return the one labelled result.

    Parameters
    ----------
    scenario : Scenario
        The resolved plan.
    keep : str or collection of str
        Which hourly quantities the result holds for every member: ``all``, ``summary`` (none), or their names. The
        others are held for the central member alone. The laws are checked before any number is dropped.

    Returns
    -------
    Result
        Every quantity of the variable table.

    Raises
    ------
    UnknownQuantityError
        If ``keep`` names something that is no hourly quantity.
    MachineError
        If the run takes more memory than is free.
    LawError
        If energy, GPUs, requests or money are not conserved: a bug in gigaplan, never in the plan.
    """
    keep = checked_keep(keep)
    require_memory(labels(scenario), scenario.members)
    wanted = compute_demand(scenario.demand, scenario.axis)
    built = build(scenario.fleet, scenario.axis)
    speed = rates(scenario, wanted.tokens_per_request)
    trained = train(scenario, built)
    served = _allocate(scenario, wanted, built, speed, trained)
    drawn = _draw(scenario, built, served, trained)
    money = _accounts(scenario, built, served, drawn)
    stages = Stages(wanted=wanted, built=built, speed=speed, trained=trained, served=served, drawn=drawn, money=money)
    arrays = assemble(gather(scenario, stages), labels(scenario), scenario.members)
    laws.check(arrays, scenario.axis)
    result = _result(scenario, arrays, speed, trained)
    return replace(result, arrays=retain(result, keep), keep=keep)


def _allocate(scenario: Scenario, wanted: Demand, built: BuildOut, speed: Throughput, trained: Trained) -> Allocation:
    work, axis = scenario.demand.workloads, scenario.axis
    return allocate(
        asked_per_h=wanted.requests_per_h,
        deferrable=np.array([w.deferrable for w in work]),
        guaranteed_share=np.array([w.guaranteed_share for w in work]),
        value_usd_per_request=np.array([w.value_usd_per_request for w in work]),
        requests_per_gpu_h=speed.requests_per_gpu_h[None][..., axis.year_of_month],
        gpus_available=_gpus_on_days(scenario, built),
        reserved_share=trained.reserved_share,
        reference_generation=[g.name for g in scenario.fleet.generations].index(scenario.reference_generation),
    )


def _gpus_on_days(scenario: Scenario, built: BuildOut) -> Array:
    """Return the GPUs that are up at the middle of each day: (member, generation, month, day)."""
    gpus_per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    on_edges = built.racks_producing.sum(axis=2) * gpus_per_rack[:, None]
    return scenario.axis.between(on_edges) * column(scenario.fleet.ladder.availability, 4)


def _draw(scenario: Scenario, built: BuildOut, served: Allocation, trained: Trained) -> PowerDraw:
    """Couple allocation to power: racks draw by how busy the fleet is; training's share always is, its runs by their steps."""
    it_kw = np.array([g.it_kw_per_rack for g in scenario.fleet.generations])
    rated_mw = np.einsum("mgpe,g->mpe", built.racks, it_kw) / 1e3
    return draw(
        rated_it_mw=scenario.axis.between(rated_mw),
        utilisation=served.fleet_share.sum(axis=1) + (served.reserved_share - trained.spared_share)[:, :, None, None],
        facilities=scenario.facilities,
        curve=scenario.draw,
        axis=scenario.axis,
    )


def _accounts(scenario: Scenario, built: BuildOut, served: Allocation, drawn: PowerDraw) -> Accounts:
    """Couple the build-out, service and energy to money."""
    sites = len(scenario.fleet.sites)
    rented = np.array([s.rented for s in scenario.fleet.sites] + [b.rented for b in scenario.fleet.opening])
    gpus_per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations])
    it_kw = np.array([g.it_kw_per_rack for g in scenario.fleet.generations])
    usable = built.power_state_mw[:, LADDER.index("ready") :].sum(axis=1)
    return accounts(
        racks_delivered=built.racks_delivered,
        ready_mw_added=np.maximum(np.diff(usable, axis=-1), 0),
        rented_share=rented,
        producing_gpu_h=_mean(built.racks_producing) * gpus_per_rack[:, None, None] * scenario.axis.hours,
        accepted_it_mw=np.einsum("mgpn,g->mpn", _mean(built.racks), it_kw) / 1e3,
        energy_cost_usd=drawn.energy_cost_usd,
        revenue_usd=per_request(scenario, served.run, "revenue_usd_per_request").sum(axis=1),
        deployed_mw=_deployed_mw(scenario, built.power_state_mw[:, :, :sites]),
        axis=scenario.axis,
        inputs=scenario.finance,
    )


def _deployed_mw(scenario: Scenario, power_state_mw: Array) -> Array:
    """Return the announced sites' power in the trigger state or beyond, on the milestone's basis: (member, edge)."""
    terms = scenario.finance.tranches
    per_site = power_state_mw[:, LADDER.index(terms.trigger_state) :].sum(axis=1)
    if terms.milestone.basis == PowerBasis.FACILITY:
        ratio = [f.facility_to_it_peak for f in scenario.facilities[: per_site.shape[1]]]
        per_site = per_site * np.array(ratio)[:, None]
    return np.asarray(per_site.sum(axis=1))


def _mean(on_edges: Array) -> Array:
    """Return the mean over each interval of what stands on edges."""
    return (on_edges[..., :-1] + on_edges[..., 1:]) / 2


def _result(scenario: Scenario, arrays: dict[str, Array], speed: Throughput, trained: Trained) -> Result:
    facts = catalog.load()
    stamp = Stamp(
        plan=scenario.name,
        title=scenario.title,
        plan_hash=scenario.plan_hash,
        version=__version__,
        catalog_vintage=facts.vintage,
        seed=scenario.seed,
        members=scenario.members,
    )
    untrained = (
        f"cannot be trained: {run.name} on {run.gpus:,} {run.generation}: {layout.reason}"
        for run, layout in zip(scenario.training.runs, trained.layouts, strict=True)
        if layout.reason
    )
    warnings = (*scenario.warnings, *(f"cannot be served: {reason}" for reason in speed.reasons), *untrained)
    return Result(
        stamp=stamp,
        axis=scenario.axis,
        labels=labels(scenario),
        arrays=arrays,
        ledger=scenario.ledger,
        notes=scenario.notes,
        warnings=warnings,
        assumptions=scenario.assumptions,
        announced=scenario.announced,
        existing=(*(False for _ in scenario.fleet.sites), *(True for _ in scenario.fleet.opening)),
    )
