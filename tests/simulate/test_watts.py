"""Watts, clock, speed, draw in a whole plan: laws of the cap, and what the clock does to members."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.compute.device import Device
from gigaplan.demand.requests import compute_demand
from gigaplan.inference.frontier import best, precision_for
from gigaplan.plan import resolve
from gigaplan.plan.load import load
from gigaplan.results.result import Result
from gigaplan.simulate.couplings.clock import clock_factor, clock_ratio
from gigaplan.simulate.couplings.member_speeds import searched_alone
from gigaplan.simulate.couplings.throughput import questions, rates
from gigaplan.training.utilisation import SIZES, speed_by_size
from gigaplan.vocabulary.members import Array

CAPS = {"h200_hgx": (400, 500, 600, 700), "b300_hgx": (600, 750, 900, 1100)}


@cache
def run(step: int) -> Result:
    """A megawatt whose GPUs are capped, the last step at full power."""
    caps = {f"fleet.systems.{g}.gpu_power_cap_w": f"{watts[step]} W" for g, watts in CAPS.items()}
    return gp.run("lab-1mw", caps, keep="summary")


def test_full_power_is_no_cap_to_the_digit() -> None:
    free, full = gp.run("lab-1mw", keep="summary"), run(3)
    for name in ("requests_per_gpu_s", "ttft_ms", "gpu_hour_cost_usd", "facility_energy_mwh", "racks_accepted"):
        np.testing.assert_array_equal(free[name], full[name])
    assert (full["gpu_clock_share"] == 1).all()


@pytest.mark.parametrize("step", range(3))
def test_more_watts_are_never_slower(step: int) -> None:
    less, more = run(step), run(step + 1)
    assert (less["gpu_clock_share"] < more["gpu_clock_share"]).all()
    for name in ("requests_per_gpu_s", "largest_run_flops_per_gpu"):
        assert (less[name] <= more[name] * (1 + 1e-9)).all(), name
    assert (less["requests_per_gpu_s"] < more["requests_per_gpu_s"]).any()


@pytest.mark.parametrize("step", range(3))
def test_fewer_watts_are_more_gpus_in_the_same_megawatts(step: int) -> None:
    less, more = run(step), run(step + 1)
    last = less["gpus_available"][0].sum(axis=0)[-1], more["gpus_available"][0].sum(axis=0)[-1]
    assert last[0] > last[1]
    kw = {g: next(float(e.value) for e in less.ledger.under(f"fleet.generations.{g}.capped_rack_kw")) for g in CAPS}
    mw = sum(
        less["racks_accepted"][0, i].sum(axis=0)[-1] * kw[g] / 1e3 for i, g in enumerate(less.labels["generation"])
    )
    ratio = next(float(e.value) for e in less.ledger.under("fleet.generations.it_per_rack_power"))
    assert 0.9 < mw * ratio / 1.0931 <= 1 + 1e-9


def test_joules_of_a_token_do_not_rise_as_watts_fall_a_little() -> None:
    """Rated watts of a GPU over its tokens: serving is bound by memory for the most part."""
    full, less = run(3), run(2)
    for g, watts in CAPS.items():
        i = full.labels["generation"].index(g)
        slower = less["generated_tokens_per_gpu_s"][0, :, i] / full["generated_tokens_per_gpu_s"][0, :, i]
        assert np.nanmin(slower) > watts[2] / watts[3]


def test_members_rates_follow_their_clock_as_full_searches_do() -> None:
    """The elasticity to the clock next to a search at each member's own clock: within 2 %."""
    changes = ["uncertainty.members=6", "demand.software.gain_per_year=0 1/year"]
    changes += ["demand.workloads.chat.hard_limits=true", "demand.workloads.chat.within_share=0 %"]
    of = resolve(load("lab-1mw", [*changes, "fleet.systems.h200_hgx.gpu_power_cap_w=450 W"]))
    only = {("clock_share",): of.device_ratios["h200_hgx"]["clock_share",]}
    assert np.ptp(np.asarray(only["clock_share",])) > 0.02
    of = replace(of, device_ratios={"h200_hgx": only}, serving_error={})
    tokens = np.repeat(compute_demand(of.demand, of.axis).tokens_per_request[:1], 6, axis=0)
    found = rates(of, tokens).requests_per_gpu_s
    chat = questions(of, tokens)[0][0][0]
    for member in range(1, 6):
        q = searched_alone(of, tokens, member, chat)
        model = of.architectures[of.demand.workloads[0].model]
        alone, central = (
            best(x.device, model, precision_for(x.device), x.request, of.efficiency, of.engine).requests_per_gpu_s
            for x in (q, chat)
        )
        assert found[member, 0, 0, 0] / found[0, 0, 0, 0] == pytest.approx(alone / central, rel=0.03)


def test_announced_runs_below_the_rated_power(announced: Result) -> None:
    i = announced.labels["generation"].index("vr_nvl72")
    clock = announced["gpu_clock_share"]
    assert clock[0, i] == pytest.approx(0.93, abs=0.01)
    assert (np.delete(clock[0], i) == 1).all()
    full = gp.run("announced-2025-09", {"fleet.profile": "max_p"}, keep="summary")
    ratio = announced["requests_per_gpu_s"][0, :, i] / full["requests_per_gpu_s"][0, :, i]
    assert (ratio <= 1 + 1e-9).all()
    assert 0.9 < np.nanmedian(ratio) < 0.99


def test_training_of_members_follows_their_clock_at_most() -> None:
    """A faster clock trains faster, by no more than itself; without an uncertain clock nothing changes."""
    of = resolve(load("announced-2025-09", ["uncertainty.members=8"]))
    precision, sizes = "fp8", np.array(SIZES)

    def speed(device: Device) -> Array:
        large = of.training.largest
        return speed_by_size(device, large.model, precision, True, of.training.efficiency, large.large).flops_per_s

    ratio = np.asarray(clock_ratio(of, "vr_nvl72"))[:, None]
    factor = clock_factor(of, "vr_nvl72", speed, 2)
    assert factor.shape == (8, len(sizes))
    assert (factor[ratio[:, 0] >= 1] >= 1).all()
    assert (np.abs(np.log(factor)) <= np.abs(np.log(ratio)) + 1e-12).all()
    assert factor.max() > 1.01
    assert clock_factor(of, "gb200_nvl72", speed, 2).tolist() == [[1.0]]


def test_a_gigawatt_serves_more_at_max_q_and_a_rack_at_max_p_which_is_cheaper() -> None:
    """What docs/decisions/0031 says of both: a rack costs the same, so that most work costs less at Max-P."""
    few = {"uncertainty.members": 1}
    q, p = (gp.run("announced-2025-09", few | {"fleet.profile": f"max_{x}"}, keep="summary") for x in "qp")
    at, year = q.index("generation", "vr_nvl72"), q.index("year", "2031")
    per_gpu = p.central("requests_per_gpu_s")[:, at, year] / q.central("requests_per_gpu_s")[:, at, year]
    gpus_of_a_gw = 3.0083 / 3.4833  # IT kilowatts of a GPU with its share of the rack
    assert ((per_gpu > 1) & (per_gpu * gpus_of_a_gw < 0.95)).all()
    costs = [np.nanmean(r.central("cost_per_request_usd")[:, -12:], axis=1) for r in (q, p)]
    assert 0.95 < np.median(costs[1] / costs[0]) < 1
    served = [r.central("tokens_served_per_day")[..., -12:].sum() for r in (q, p)]
    assert served[1] < served[0]
