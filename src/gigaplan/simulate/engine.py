"""The journey of a number: a scenario becomes one labelled result, one named line per stage."""

from __future__ import annotations

import numpy as np

from gigaplan import catalog
from gigaplan._version import __version__
from gigaplan.allocation.merit import allot
from gigaplan.allocation.outputs import Allotment
from gigaplan.demand.inputs import TOKENS
from gigaplan.demand.outputs import Asked
from gigaplan.demand.requests import asked
from gigaplan.finance.accounts import accounts
from gigaplan.finance.cost import cost_per_mtok
from gigaplan.finance.outputs import COMPONENTS, COST_LINES, Accounts
from gigaplan.finance.tranches import amounts_usd
from gigaplan.fleet.buildout import build
from gigaplan.fleet.inputs import LADDER, LIMITS
from gigaplan.fleet.outputs import BuildOut
from gigaplan.plan.scenario import Scenario
from gigaplan.power.draw import draw
from gigaplan.power.inputs import Draw
from gigaplan.simulate import laws
from gigaplan.simulate.assemble import assemble
from gigaplan.simulate.claims import check_claims
from gigaplan.simulate.result import Result, Stamp
from gigaplan.simulate.throughput import Throughput, rates
from gigaplan.vocabulary.bases import PowerBasis
from gigaplan.vocabulary.members import Array, column
from gigaplan.vocabulary.time import DAY_TYPES, HOURS


def simulate(scenario: Scenario) -> Result:
    """Run a scenario from demand to money and return the one labelled result.

    Raises
    ------
    LawError
        If energy, GPUs, requests or money are not conserved: a fault of gigaplan, never of the plan.
    """
    wanted = asked(scenario.demand, scenario.axis)
    built = build(scenario.fleet, scenario.axis)
    speed = rates(scenario)
    served = _allot(scenario, wanted, built, speed)
    drawn = _draw(scenario, built, served)
    money = _accounts(scenario, built, served, drawn)
    arrays = assemble(
        _arrays(scenario, wanted, built, speed, served, drawn, money), _labels(scenario), scenario.members
    )
    laws.check(arrays, scenario.axis)
    return _result(scenario, arrays, speed)


def _allot(scenario: Scenario, wanted: Asked, built: BuildOut, speed: Throughput) -> Allotment:
    work = scenario.demand.workloads
    return allot(
        asked_per_h=wanted.requests_per_h,
        deferrable=np.array([w.deferrable for w in work]),
        guaranteed_share=np.array([w.guaranteed_share for w in work]),
        value_usd_per_request=np.array([w.value_usd_per_request for w in work]),
        requests_per_gpu_h=speed.requests_per_gpu_h[None],
        gpus_available=built.gpus_available,
        reserved_share=scenario.training.share[None],
        reference_generation=[g.name for g in scenario.fleet.generations].index(scenario.reference_generation),
    )


def _draw(scenario: Scenario, built: BuildOut, served: Allotment) -> Draw:
    """Couple allocation to power: racks draw by how busy the fleet is, training's share always."""
    it_kw = np.array([g.it_kw_per_rack for g in scenario.fleet.generations])
    rated_mw = np.einsum("mgpe,g->mpe", built.racks, it_kw) / 1e3
    return draw(
        rated_it_mw=_mean(rated_mw),
        utilisation=served.fleet_share.sum(axis=1) + served.reserved_share[:, :, None, None],
        facilities=scenario.facilities,
        curve=scenario.draw,
        axis=scenario.axis,
    )


def _accounts(scenario: Scenario, built: BuildOut, served: Allotment, drawn: Draw) -> Accounts:
    """Couple the build-out, service and energy to money."""
    sites = len(scenario.fleet.sites)
    rented = np.array([s.rented for s in scenario.fleet.sites] + [b.rented for b in scenario.fleet.opening])
    gpus_per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations])
    it_kw = np.array([g.it_kw_per_rack for g in scenario.fleet.generations])
    rented_gpus = np.einsum("mgpn,g,p->mgn", _mean(built.racks_producing), gpus_per_rack, rented)
    usable = built.power_state_mw[:, LADDER.index("ready") :].sum(axis=1)
    return accounts(
        racks_delivered=built.racks_delivered,
        ready_mw_added=np.maximum(np.diff(usable, axis=-1), 0),
        rented_share=rented,
        producing_gpu_h_rented=rented_gpus * scenario.axis.hours,
        accepted_it_mw=np.einsum("mgpn,g,p->mpn", _mean(built.racks), it_kw, 1 - rented) / 1e3,
        energy_cost_usd=drawn.energy_cost_usd,
        revenue_usd=_per_request(scenario, served, "revenue_usd_per_request").sum(axis=1),
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


def _per_request(scenario: Scenario, served: Allotment, name: str) -> Array:
    """Return the month's sum of something that every served request brings: (member, workload, month)."""
    each = np.stack(np.broadcast_arrays(*[column(getattr(w, name), 1) for w in scenario.demand.workloads]), axis=1)
    return np.asarray(scenario.axis.month_total(served.run) * each[:, :, None])


def _mean(on_edges: Array) -> Array:
    """Return the mean over each interval of what stands on edges."""
    return (on_edges[..., :-1] + on_edges[..., 1:]) / 2


def _arrays(
    scenario: Scenario,
    wanted: Asked,
    built: BuildOut,
    speed: Throughput,
    served: Allotment,
    drawn: Draw,
    money: Accounts,
) -> dict[str, Array]:
    """Gather every stage's arrays under the names of the variable table."""
    axis = scenario.axis
    days = axis.hours / HOURS
    gpu_h = built.gpus_available * axis.hours
    used = axis.month_mean(served.fleet_share)
    gpu_hours = used[:, :, None] * gpu_h[:, None]
    training_h = served.reserved_share[:, None] * gpu_h
    per_day = {n: axis.month_total(getattr(served, n)) / days for n in ("served_now", "deferred", "refused")}
    served_per_day = per_day["served_now"] + per_day["deferred"]
    generated = wanted.tokens_per_request[:, [TOKENS.index("reasoning"), TOKENS.index("output")]].sum(axis=1)
    peaks = np.array([scenario.devices[g.name].peak_bf16_flops_per_s for g in scenario.fleet.generations])
    cost = cost_per_mtok(
        cost_usd=money.cost_usd,
        gpu_hours=gpu_hours,
        training_gpu_hours=training_h,
        gpu_hours_available=gpu_h,
        it_kw_per_gpu=np.array([g.it_kw_per_rack / g.gpus_per_rack for g in scenario.fleet.generations]),
        generated_tokens=served_per_day * days * generated[:, None],
    )
    it_mwh, loss_mwh, overhead_mwh = (
        axis.month_total(getattr(drawn, n)) for n in ("it_mw", "losses_mw", "overhead_mw")
    )
    return {
        "weekly_users": wanted.weekly_users,
        "tokens_per_request": wanted.tokens_per_request,
        "requests_asked_per_day": wanted.requests_per_day,
        "requests_asked_per_h": wanted.requests_per_h,
        "tokens_asked_per_day": wanted.requests_per_day[:, :, None] * wanted.tokens_per_request[:, :, None],
        "power_state_mw": built.power_state_mw,
        "racks_accepted": built.racks,
        "racks_delivered": built.racks_delivered,
        "racks_retired": built.racks_retired,
        "gpus_producing": built.gpus_producing,
        "gpus_available": built.gpus_available,
        "limit_mw": built.limit_mw,
        "binding_limit": built.binding.astype(float),
        "first_token_day": built.first_token_days,
        "it_power_drawn_mw": it_mwh / axis.hours,
        "it_energy_mwh": it_mwh,
        "loss_energy_mwh": loss_mwh,
        "overhead_energy_mwh": overhead_mwh,
        "facility_energy_mwh": drawn.energy_mwh,
        "facility_power_mw": drawn.facility_mw.sum(axis=1),
        "energy_cost_usd": drawn.energy_cost_usd,
        "requests_per_gpu_s": speed.requests_per_gpu_s,
        "generated_tokens_per_gpu_s": speed.requests_per_gpu_s * generated[:, None],
        "ttft_ms": speed.ttft_ms,
        "tpot_ms": speed.tpot_ms,
        "replica_gpus": speed.replica_gpus,
        "replica_batch": speed.replica_batch,
        "training_share": served.reserved_share,
        "fleet_share": served.fleet_share,
        "requests_served_per_day": served_per_day,
        "requests_deferred_per_day": per_day["deferred"],
        "requests_refused_per_day": per_day["refused"],
        "requests_refused_per_h": served.refused,
        "served_share": _share(served_per_day, wanted.requests_per_day),
        "tokens_served_per_day": served_per_day[:, :, None] * wanted.tokens_per_request[:, :, None],
        "gpu_hours": gpu_hours,
        "training_gpu_hours": training_h,
        "idle_gpu_hours": gpu_h - gpu_hours.sum(axis=1) - training_h,
        "training_flop": (training_h * peaks[:, None]).sum(axis=1) * 3600 * scenario.training.mfu_share,
        "value_served_usd": _per_request(scenario, served, "value_usd_per_request"),
        "capital_usd": money.capital_usd,
        "cost_usd": money.cost_usd,
        "revenue_usd": money.revenue_usd,
        "tranche_usd": money.tranche_usd,
        "tranche_day": money.tranche_days,
        "tranche_paid_usd": money.tranche_paid_usd,
        "vendor_flow_usd": money.vendor_flow_usd,
        "funding_gap_usd": money.funding_gap_usd,
        "book_value_usd": money.book_value_usd,
        "equity_usd": money.equity_usd,
        "cost_by_life_usd": money.cost_by_life_usd,
        "workload_cost_usd": cost.workload_usd,
        "cost_per_mtok_usd": cost.workload_usd_per_mtok,
        "cost_per_mtok_all_usd": cost.serving_usd_per_mtok,
        "training_cost_usd": cost.training_usd,
    }


def _share(part: Array, whole: Array) -> Array:
    """Return part over whole; where nothing is asked, all of it is served."""
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)


def _labels(scenario: Scenario) -> dict[str, tuple[str, ...]]:
    count = len(amounts_usd(scenario.finance.tranches))
    return {
        "month": tuple(scenario.axis.labels),
        "edge": tuple(e.isoformat() for e in scenario.axis.edges),
        "day": DAY_TYPES,
        "hour": tuple(f"{h:02d}" for h in range(HOURS)),
        "workload": tuple(w.name for w in scenario.demand.workloads),
        "generation": tuple(g.name for g in scenario.fleet.generations),
        "site": (*(s.name for s in scenario.fleet.sites), *(f"opening {b.name}" for b in scenario.fleet.opening)),
        "state": LADDER,
        "limit": LIMITS,
        "component": COMPONENTS,
        "line": COST_LINES,
        "tranche": tuple(str(k + 1) for k in range(count)),
        "token": TOKENS,
        "life": tuple(f"{life:g} years" for life in scenario.finance.costs.lives_compared_years),
    }


def _result(scenario: Scenario, arrays: dict[str, Array], speed: Throughput) -> Result:
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
    warnings = (*scenario.warnings, *(f"cannot be served: {reason}" for reason in speed.reasons))
    result = Result(
        stamp=stamp,
        axis=scenario.axis,
        labels=_labels(scenario),
        arrays=arrays,
        ledger=scenario.ledger,
        notes=scenario.notes,
        warnings=warnings,
        assumptions=scenario.assumptions,
        announced=scenario.announced,
    )
    return result.with_claims(check_claims(result, facts, scenario.claims))
