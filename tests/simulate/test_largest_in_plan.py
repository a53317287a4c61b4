"""The largest run inside a whole plan: GPUs, share, sites and their size never make it smaller."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import plan
from gigaplan.fleet.buildout import build
from gigaplan.plan.scenario import Scenario
from gigaplan.results.result import Result
from gigaplan.simulate.couplings.capability import capability_reached
from gigaplan.simulate.couplings.largest_run import REFERENCE_GPUS, largest_run
from gigaplan.simulate.engine import simulate
from gigaplan.training.trend import trend_flop
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS

PLAN = """
gigaplan: 1
name: sites
title: Sites of one size
horizon: {start: 2026-01, end: 2029-01}
announced: {power: 1 GW it}
fleet:
  generations: [gb300_nvl72, vr_nvl72]
  reference_generation: vr_nvl72
  profile: max_q
  systems:
    vr_nvl72: {supply_start_racks_per_month: 100000 racks/month, supply_cap_racks_per_month: 1000000 racks/month}
  sites:
    First:
      region: miso
      announced: 2026-01-01
      phases:
        all: {power: 300 MW it, energised: 2027-03-01}
    Second:
      region: us
      announced: 2026-01-01
      phases:
        all: {power: 200 MW it, energised: 2027-03-01}
demand:
  workloads:
    chat: {driver: users, model: gpt_oss_120b}
training: {share: {'2026-01': 40 %}}
finance: {}
uncertainty: {members: 1}
"""
SECOND = PLAN[PLAN.index("    Second:") : PLAN.index("demand:")]
ALONE = "the first site alone"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the plan as a file."""
    path = tmp_path_factory.mktemp("plans") / "sites.yaml"
    path.write_text(PLAN)
    return path


@cache
def went(file: Path, *changes: str) -> tuple[Scenario, Result]:
    """Return the plan with some changes, resolved and simulated."""
    if ALONE in changes:
        file = file.with_name("alone.yaml")
        file.write_text(PLAN.replace(SECOND, ""))
        changes = tuple(c for c in changes if c != ALONE)
    scenario = plan.resolve(plan.load(str(file), list(changes)))
    return scenario, simulate(scenario)


def largest(file: Path, *changes: str) -> Array:
    return went(file, *changes)[1].central("largest_run_flop")


def held(scenario: Scenario, factor: float = 1.0) -> Array:
    """Return GPUs held by generation, place and month: some times those that produce."""
    built = build(scenario.fleet, scenario.axis)
    per_rack = np.array([g.gpus_per_rack for g in scenario.fleet.generations], dtype=float)
    return np.asarray(built.racks_producing[..., 1:] * per_rack[:, None, None] * factor)


def test_the_whole_fleet_by_hand(file: Path) -> None:
    """Where nothing fails, all that is held trains all the time at the speed of its size."""
    safe = (
        "training.reliability={interruptions_per_gpu_day: 1e-9 1/day}",
        "training.recovery={domain_failures_per_gpu_day: 0 1/day, outages_per_day: 0 1/day, "
        "slow_spells_per_server_day: 0 1/day}",
        "training.mfu_share=30 %",
    )
    scenario, result = went(file, ALONE, *safe)
    peak = scenario.devices["vr_nvl72"].peak_bf16_flops_per_s
    speed = result.central("largest_run_flops_per_gpu")[1]
    np.testing.assert_allclose(speed, 0.3 * peak)
    gpus = 0.4 * result.central("gpus_available").sum(axis=0)
    daily = np.repeat(gpus * 0.3 * peak * HOURS * 3600, (result.axis.hours / HOURS).astype(int))
    window, ends = int(scenario.training.run_days), result.axis.edge_days[1:].astype(int)
    brute = np.array([daily[max(e - window, 0) : e].sum() for e in ends])
    one, together, whole = result.central("largest_run_flop")
    np.testing.assert_allclose(whole, brute, rtol=1e-3)
    np.testing.assert_allclose(one, whole, rtol=1e-9)
    np.testing.assert_allclose(together, whole, rtol=1e-9)


def test_no_scope_is_below_a_narrower_one(file: Path) -> None:
    one, together, whole = largest(file)
    assert (one <= together * (1 + 1e-12)).all() and (together <= whole * (1 + 1e-12)).all()
    assert together[-1] > one[-1]


@pytest.mark.parametrize(
    "steps",
    [
        [(f"training.share={{'2026-01': {s} %}}",) for s in (5, 20, 40, 70, 100)],
        [
            (ALONE, f"fleet.sites.First.phases.all.power={p} it")
            for p in ("300 MW", "1 GW", "2 GW", "3 GW", "6 GW", "12 GW")
        ],
        [(ALONE,), ()],
        [("fleet.sites.Second.phases.all.power=50 MW it",), (), ("fleet.sites.Second.phases.all.power=2 GW it",)],
        [(f"training.run_days={d} days",) for d in (30, 100, 200)],
    ],
    ids=["share", "site size", "sites", "size of another site", "days"],
)
def test_law_more_never_trains_less(file: Path, steps: list[tuple[str, ...]]) -> None:
    """With the last month, when all sites stand: before it, a site more takes its part of what can be built."""
    runs = [largest(file, *changes)[:, -1] for changes in steps]
    for before, after in pairwise(runs):
        assert (after >= before * (1 - 1e-9)).all()
        assert after[-1] > before[-1]  # the whole fleet's grows
    assert runs[-1][1] > runs[0][1]


@settings(max_examples=15)
@given(st.floats(1e-4, 100), st.floats(1, 30))
def test_law_more_gpus_never_train_less(factor: float, more: float) -> None:
    scenario = _scenario()
    gpus = held(scenario, factor)
    few, many = (largest_run(scenario, g).flop for g in (gpus, gpus * more))
    assert (many >= few * (1 - 1e-12)).all()


def test_law_more_sites_never_train_less() -> None:
    """One place after the other joins."""
    scenario = _scenario()
    gpus = held(scenario, 0.4)
    before = np.zeros((1, 3, scenario.axis.months))
    for places in range(1, gpus.shape[2] + 1):
        some = gpus * (np.arange(gpus.shape[2]) < places)[:, None]
        now = largest_run(scenario, some).flop
        assert (now >= before * (1 - 1e-12)).all()
        before = now
    assert before[0, 1, -1] > before[0, 0, -1]


def test_members_are_as_each_alone() -> None:
    """Many members at once give what each gives alone: the central member is that of one member."""
    few = plan.resolve(plan.load("announced-2025-09", ["uncertainty.members=1"]))
    many = plan.resolve(plan.load("announced-2025-09", ["uncertainty.members=5"]))
    gpus = held(few, 0.4)
    one, five = largest_run(few, gpus), largest_run(many, np.broadcast_to(gpus, (5, *gpus.shape[1:])))
    np.testing.assert_allclose(five.flop[0], one.flop[0], rtol=1e-12)
    np.testing.assert_allclose(five.flops_per_gpu[0], one.flops_per_gpu[0], rtol=1e-12)
    assert np.ptp(five.flop[:, 0, -1]) > 0


def test_who_trains_is_held(file: Path) -> None:
    """No more GPUs train than one site holds for it; a large site is several learners."""
    big = "fleet.sites.First.phases.all.power=12 GW it"
    for changes in ((), (ALONE, big)):
        _, result = went(file, *changes)
        gpus, learners = result.central("largest_run_gpus"), result.central("largest_run_learners")
        whole = 0.4 * result.central("gpus_available").max(axis=0)
        assert (gpus <= whole * (1 + 1e-9)).all() and gpus[-1] > 0
        assert set(learners) <= {0.0, 1.0, 2.0, 4.0, 8.0}
    assert learners[-1] > 1
    before = went(file, ALONE, big, "training.recovery={learners_since: 2035-01-01}")[1]
    assert before.central("largest_run_learners")[-1] == 1
    assert before.central("largest_run_flop")[0, -1] < result.central("largest_run_flop")[0, -1]


def test_narrow_formats_come_when_they_were_published() -> None:
    """FP8 on Hopper from DeepSeek-V3 on, FP4 on Blackwell from Nemotron 3 on; Hopper has no FP4."""
    scenario, result = _scenario(), simulate(_scenario())
    speed = result.central("largest_run_flops_per_gpu")
    names, months = result.labels["generation"], result.labels["month"]
    at = {m: months.index(m) for m in ("2024-06", "2025-06", "2026-11")}
    hopper, blackwell = speed[names.index("h100_hgx")], speed[names.index("gb200_nvl72")]
    assert hopper[at["2024-06"]] < hopper[at["2025-06"]] == hopper[at["2026-11"]]
    assert blackwell[at["2024-06"]] < blackwell[at["2025-06"]] < blackwell[at["2026-11"]]
    for g, device in scenario.devices.items():
        share = speed[names.index(g)] / device.peak_bf16_flops_per_s
        assert ((share > 0.1) & (share < 1.3)).all()
    assert REFERENCE_GPUS == 16_384


def test_recovery_of_groups_and_mature_systems_make_larger_runs(file: Path) -> None:
    base = largest(file, "fleet.sites.First.phases.all.power=6 GW it")[0, -1]
    later = largest(file, "fleet.sites.First.phases.all.power=6 GW it", "training.recovery={groups_since: 2035-01-01}")
    failing = largest(
        file, "fleet.sites.First.phases.all.power=6 GW it", "training.recovery={rate_fall_per_year: 0 1/year}"
    )
    assert later[0, -1] < 0.8 * base
    assert base * 0.7 < failing[0, -1] < base


def test_the_trend_is_beside_the_run_and_nothing_is_fitted_to_it() -> None:
    scenario, result = _scenario(), simulate(_scenario())
    years = (result.axis.edge_days[-1] - scenario.axis.days_since_start(scenario.trend.reference_date)) / 365.2425
    trend = result.central("trend_run_flop")
    assert trend[-1] == pytest.approx(float(trend_flop(years, scenario.trend)))
    np.testing.assert_allclose(result.central("largest_run_over_trend") * trend, result.central("largest_run_flop"))


def test_capability_rests_on_the_runs_that_are_trained() -> None:
    """By hand: it stays where later runs are smaller than time makes up for, and where nobody trains any more."""
    scenario = _scenario()
    n = scenario.axis.months
    c, years = scenario.capability, 1 / 12.0
    flop = np.zeros((1, n))
    flop[0, 3:20] = 1e26
    flop[0, 10] = 1e27
    got = capability_reached(scenario, flop)
    assert np.isnan(got.eci[0, :, :3]).all()
    assert got.from_compute[0, 9] == 0
    assert got.from_compute[0, 10] == pytest.approx(float(c.eci_per_decade_flop))
    np.testing.assert_array_equal(got.eci[0, :, 19:], np.broadcast_to(got.eci[0, :, 19:20], (3, n - 19)))
    assert got.from_methods[0, 9] == pytest.approx(6 * years * float(c.eci_per_year), rel=0.02)
    rise = got.eci[0, 1] - got.eci[0, 1, 3]
    np.testing.assert_allclose((got.from_compute + got.from_methods)[0, 3:], rise[3:], atol=1e-9)
    # the large run of month 10 is the best until time makes up for a tenth of its compute
    overtaken = 10 + float(c.eci_per_decade_flop) / float(c.eci_per_year) * 12
    assert (np.diff(got.eci[0, 1, 10:20]) == 0).sum() == min(int(overtaken) - 10, 9)


@cache
def _scenario() -> Scenario:
    return plan.resolve(plan.load("announced-2025-09", ["uncertainty.members=1"]))


def test_where_runs_do_not_grow_the_claim_fails_and_says_what_is_left(file: Path) -> None:
    """Less and less is held for training: the frontier moves by methods alone, which no plan brings."""
    changes = ["training.share={'2028-01': 60 %, '2032-01': 5 %}", "claims=[A10]"]
    shrinking = gp.run(file, changes=[*changes, "horizon.start=2028-01", "horizon.end=2032-01"])
    (claim,) = shrinking.claims
    assert str(claim.verdict) == "does not hold"
    assert "nothing in the plan brings them" in claim.because
    compute = shrinking.central("capability_from_compute_eci")
    assert compute[-1] < compute[11]
    assert shrinking.central("capability_eci")[1, -1] > shrinking.central("capability_eci")[1, 11]
    (grown,) = gp.run(file, changes=["claims=[A10]", "horizon.end=2028-01"]).claims
    assert str(grown.verdict) != "does not hold"
