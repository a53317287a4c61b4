"""Claims held against a small result made by hand, so that every verdict can be reached and every figure checked."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.claims.check import check_claims
from gigaplan.results.result import Result, Stamp
from gigaplan.results.verdicts import Claim, Figure, Verdict
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.claims import CLAIMS
from gigaplan.vocabulary.facts import Evidence, Ledger
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2025, 1, 1), dt.date(2028, 1, 1))
N = AXIS.months
FACTS = catalog.load()
LABELS: dict[str, tuple[str, ...]] = {
    "month": tuple(AXIS.labels),
    "edge": tuple(e.isoformat() for e in AXIS.edges),
    "workload": ("chat", "agents"),
    "generation": ("h100_hgx", "vr_nvl72"),
    "site": ("East", "West", "opening halls"),
    "state": ("announced", "accepted", "producing"),
    "token": ("fresh_input", "cached_input", "media", "reasoning", "output"),
    "year": ("2025", "2026", "2027"),
    "instrument": (),
    "run": ("next",),
    "driver": ("hardware", "software", "model"),
    "tranche": tuple(str(k) for k in range(1, 11)),
    "line": ("all",),
}


def world(labels: dict[str, tuple[str, ...]] | None = None, **changes: Any) -> Result:
    """Return a plan on which every line of the announcement holds as far as the model can tell.

    East and West take 6 and 5 GW; the opening halls, which don't count as announced, 3 GW from the start. Serving costs
    100, 50 and 25 USD per million tokens in the three years.
    """
    power = np.zeros((1, 3, 3, N + 1))
    power[0, 2, 0, 20:], power[0, 2, 1, 24:], power[0, 2, 2, :] = 6000, 5000, 3000
    gpus = np.zeros((1, 2, N))
    gpus[0, 0], gpus[0, 1, 20:] = 1e6, 4e6
    tokens = np.zeros((1, 2, 5, N))
    tokens[:, :, 3:] = 1e12
    shapes = np.zeros((2, 5, 3))
    shapes[0, :, :], shapes[1, :, :] = (
        np.array([[500], [700], [200], [100], [300]]),
        np.array([[2e3], [18e3], [0], [900], [400]]),
    )
    hours = np.zeros((1, 2, 2, N))
    hours[:, :, 0] = 30.0
    per_mtok = np.repeat([100.0, 50.0, 25.0], 12)
    month_tokens = tokens[0, :, 3:].sum(axis=(0, 1)) * AXIS.hours / 24
    serving = per_mtok * month_tokens / 1e6
    arrays: dict[str, Any] = {
        "power_state_mw": power,
        "gpus_producing": gpus,
        "first_token_day": np.array([[AXIS.days_since_start(dt.date(2026, 8, 1)), 730.0, 0.0]]),
        "tranche_paid_usd": np.full((1, 10), 10e9),
        "tranche_day": np.linspace(500, 1000, 10)[None],
        "vendor_flow_usd": np.full((1, N), 250e9 / N),
        "vendor_flow_landlords_usd": np.zeros((1, N)),
        "equity_paid_usd": np.zeros((0, N)),
        "tokens_per_request": shapes,
        "requests_asked_per_day": np.full((1, 2, N), 100.0),
        "requests_on_devices_per_day": np.broadcast_to(np.linspace(0, 30, N), (1, 2, N)),
        "sessions_per_day": np.broadcast_to(np.array([[40.0], [5.0]]), (1, 2, N)),
        "largest_run_flop": np.stack([np.geomspace(k * 1e26, k * 1e28, N) for k in (1, 1.5, 2)])[None],
        "capability_eci": np.stack([np.linspace(140, 180, N) + d for d in (-10, 0, 10)])[None],
        "cost_fall_log": np.stack([np.linspace(0, d, N) for d in (1.0, 0.3, 2.0)])[None],
        "run_done_day": np.array([[400.0]]),
        "shadow_price_usd_per_gpu_h": np.zeros((1, N, 2, 24)),
        "shadow_price_usd_per_mw_year": np.zeros((1, N)),
        "marginal_revenue_usd_per_gw_year": np.where(np.arange(N) == 5, 20e9, 0.0)[None],
        "revenue_usd": np.linspace(1e9, 2e9, N)[None],
        "revenue_lost_usd": np.zeros((1, 2, N)),
        "served_share": np.ones((1, 2, N)),
        "training_share": np.full((1, N), 0.4),
        "gpu_hours": hours,
        "training_gpu_hours": np.full((1, 2, N), 20.0),
        "idle_gpu_hours": np.zeros((1, 2, N)),
        "weekly_users": np.full((1, N), 720e6),
        "tokens_served_per_day": tokens,
        "workload_cost_usd": np.broadcast_to(serving / 2, (1, 2, N)),
        "cost_per_mtok_usd": np.broadcast_to(per_mtok, (1, 2, N)),
        "cost_usd": (serving * 100 / 60)[None, None],
    }
    ledger = Ledger()
    ledger.plan("finance.tranches.trigger_state", "accepted", Evidence.ANNOUNCED)
    ledger.plan("finance.tranches.milestone", "1000 MW (it)", Evidence.ANNOUNCED)
    stamp = Stamp(plan="p", title="t", plan_hash="0", version="0", catalog_vintage="0", seed=0, members=1)
    return Result(
        stamp=stamp,
        axis=AXIS,
        labels=labels or LABELS,
        arrays={**arrays, **changes},
        ledger=ledger,
        announced=Based(10_000, "MW", PowerBasis.IT),
        existing=tuple(name == "opening halls" for name in (labels or LABELS)["site"]),
    )


def claim(id_: str, result: Result | None = None, **changes: Any) -> Claim:
    return check_claims(result or world(**changes), FACTS, [id_])[0]


def figure(held: Claim, name: str, basis: str = "") -> Figure:
    found = [f for f in held.figures if f.name.startswith(name) and basis in f.basis]
    assert len(found) == 1, [f.name for f in held.figures]
    return found[0]


def verdicts(result: Result) -> dict[str, Verdict]:
    return {c.id: c.verdict for c in check_claims(result, FACTS, tuple(CLAIMS))}


def sites(**mw: float) -> Any:
    """Return power accepted from the start at East, West and the opening halls."""
    power = np.zeros((1, 3, 3, N + 1))
    for i, name in enumerate(("east", "west", "opening")):
        power[0, 1, i] = mw.get(name, 0.0)
    return power


def test_a_plan_that_does_it_all() -> None:
    assert verdicts(world()) == {
        "A1": Verdict.HOLDS,
        "A2": Verdict.ON_BASIS,
        "A3": Verdict.HOLDS,
        "A4": Verdict.HOLDS,
        "A5": Verdict.HOLDS,
        "A6": Verdict.HOLDS,
        "A7": Verdict.HOLDS,
        "A8": Verdict.HOLDS,
        "A9": Verdict.HOLDS,
        "A10": Verdict.HOLDS,
        "A11": Verdict.HOLDS,
        "A12": Verdict.ON_BASIS,
        "A13": Verdict.HOLDS,
        "A14": Verdict.HOLDS,
        "A15": Verdict.HOLDS,
    }


def test_every_claim_says_why_in_plain_numbers() -> None:
    for held in check_claims(world(), FACTS, tuple(CLAIMS)):
        assert held.because.endswith(".")
        assert held.says == CLAIMS[held.id]
        json.dumps(asdict(held), allow_nan=False)  # no nan, no infinity


def test_every_verdict_can_be_reached() -> None:
    outside = claim("A7", world(LABELS | {"month": tuple(f"20{y}-01" for y in range(30, 66))}))
    assert outside.because == "2025-09 lies outside the horizon."
    nothing_built = claim("A1", power_state_mw=sites())
    assert {*verdicts(world()).values(), nothing_built.verdict, outside.verdict} == set(Verdict)


def test_ten_gigawatts_without_a_large_site_or_on_one_basis_only() -> None:
    """The opening fleet never counts; facility over IT power is what lifts 9 GW to 10."""
    assert claim("A1", power_state_mw=sites(east=9000, opening=5000)).verdict == Verdict.ON_BASIS
    small = claim("A1", power_state_mw=sites(east=1999, west=1999, opening=9000))
    assert small.verdict == Verdict.FAILS
    assert "that part does not hold" in small.because
    assert figure(small, "sites of 2 GW").value == 0
    assert figure(small, "accepted when the horizon ends", "facility").value == pytest.approx(
        3.998 * FACTS.find("facility", "facility_to_it_peak").number
    )
    half = claim("A1", power_state_mw=sites(east=5000))
    assert half.verdict == Verdict.FAILS  # a large site does not make up for half the power
    assert figure(claim("A1"), "date on which it is reached").value == str(AXIS.edges[24])


def test_a_plan_of_an_opening_fleet_alone() -> None:
    only = {"site": ("opening halls",)}
    alone = world(LABELS | only, power_state_mw=sites(east=9e3)[:, :, :1], first_token_day=np.zeros((1, 1)))
    assert verdicts(alone)["A1"] == Verdict.FAILS
    assert verdicts(alone)["A4"] == Verdict.FAILS


def test_gpus_of_ten_gigawatts_by_hand() -> None:
    """10 GW over 1.8 kW limits, over 190 kW a rack of 72, then times 1.14 for IT and 1.3 for the facility."""
    held = claim("A2")
    rack = FACTS.find("vr_nvl72", "rack_power_kw", power_basis="rack_tdp", profile="max_q").number
    tgp = FACTS.find("vr_nvl72", "gpu_tgp_w", profile="max_q").number
    it, facility = (FACTS.find("facility", q).number for q in ("it_per_rack_power", "facility_to_it_peak"))
    for basis, count in (
        ("gpu_tgp", 10e9 / tgp),
        ("rack_tdp", 10e6 / rack * 72),
        ("it", 10e6 / rack * 72 / it),
        ("facility", 10e6 / rack * 72 / it / facility),
    ):
        assert figure(held, "GPUs in 10 GW of Vera Rubin", f"{basis} max_q").value == pytest.approx(count)
    assert figure(held, "GPUs producing").value == pytest.approx(5e6)
    assert figure(held, "GPUs in 10 GW according to NVIDIA 8-K").value == pytest.approx(3.53e6)
    fitting = {f.basis for f in held.figures if f.name == "GPUs in 10 GW of Vera Rubin" and f.holds}
    assert 0 < len(fitting) < 8
    assert all(basis in held.because for basis in fitting)
    assert claim("A2", gpus_producing=np.full((1, 2, N), 9e5)).verdict == Verdict.FAILS


def test_vera_rubin_must_produce() -> None:
    assert claim("A3").because == "Vera Rubin produces from 2026-09."
    assert claim("A3", gpus_producing=np.zeros((1, 2, N))).verdict == Verdict.FAILS
    without = claim("A3", world(LABELS | {"generation": ("h100_hgx", "b200_hgx")}))
    assert without.verdict == Verdict.FAILS
    assert not without.figures


def test_first_tokens_of_announced_sites_only() -> None:
    held = claim("A4")
    assert figure(held, "first token of an announced site").value == "2026-08-01"  # opening halls produce from day 0
    assert figure(held, "first token at West").value == "2027-01-01"
    assert figure(held, "first whole gigawatt").value == "2026-09-01"
    slow = claim("A4", power_state_mw=sites(east=900))
    assert slow.verdict == Verdict.ON_BASIS  # the first racks in time, no whole gigawatt
    none = np.zeros((1, 2, N))
    late = claim(
        "A4", first_token_day=np.array([[800.0, np.nan, 0.0]]), power_state_mw=sites(east=900), gpus_producing=none
    )
    assert late.verdict == Verdict.FAILS
    assert "produces never" in late.because
    assert figure(late, "first token at West").value == "never"
    assert claim("A4", first_token_day=np.array([[np.nan, np.nan, 0.0]])).verdict == Verdict.FAILS


def test_the_investment_its_trigger_and_what_flows_back() -> None:
    held = claim("A5")
    assert figure(held, "investment released").value == pytest.approx(100)
    assert figure(held, "purchases per invested dollar").value == pytest.approx(2.5)
    assert figure(held, "a tranche is triggered by").value == "every 1000 MW (it) accepted"
    days = np.where(np.arange(10) < 3, 500.0, np.nan)[None]
    some = claim("A5", tranche_day=days, tranche_paid_usd=np.where(np.isnan(days), 0, 10e9))
    assert some.verdict == Verdict.ON_BASIS  # each milestone pays its part, the sum isn't reached
    assert some.because.startswith("3 of 10 milestones")
    less = claim("A5", tranche_day=days, tranche_paid_usd=np.where(np.isnan(days), 0, 9e9))
    assert less.verdict == Verdict.FAILS
    none = claim("A5", tranche_day=np.full((1, 10), np.nan), tranche_paid_usd=np.zeros((1, 10)))
    assert none.verdict == Verdict.FAILS
    assert not [f for f in none.figures if "per invested" in f.name]  # nothing over nothing is no ratio


def test_both_training_and_inference() -> None:
    held = claim("A6")
    assert [figure(held, f"GPU-hours {k}").value for k in ("for inference", "for training", "idle")] == pytest.approx(
        [0.6, 0.4, 0.0]
    )
    served = np.ones((1, 2, N))
    served[0, 1, 10] = 0.5
    late = claim("A6", served_share=served)
    assert late.verdict == Verdict.ON_BASIS
    assert figure(late, "nobody waits from").value == str(AXIS.edges[11])
    assert figure(late, "lowest share").value == 0.5
    served[0, 1, -1] = 0.5
    assert claim("A6", served_share=served).verdict == Verdict.FAILS  # though training is met
    starved = claim("A6", training_share=np.zeros((1, N)))
    assert starved.verdict == Verdict.FAILS  # though everyone is served
    assert "nothing is held for training" in starved.because


def test_weekly_users_within_the_tolerance_and_served() -> None:
    assert claim("A7", weekly_users=np.full((1, N), 666e6)).verdict == Verdict.HOLDS
    assert claim("A7", weekly_users=np.full((1, N), 664e6)).verdict == Verdict.FAILS
    assert claim("A7", served_share=np.full((1, 2, N), 0.9)).verdict == Verdict.FAILS
    other = claim("A7", world(LABELS | {"workload": ("science", "agents")}))
    assert other.because.endswith("the plan has no chat.")


def test_cost_per_token_by_hand() -> None:
    held = claim("A9")
    assert figure(held, "all serving, first year").value == pytest.approx(100)
    assert figure(held, "all serving, last year").value == pytest.approx(25)
    assert figure(held, "chat, last year over first").value == pytest.approx(0.25)
    assert [f.value for f in held.figures if f.name.startswith("years dearer")] == [0, 0]
    assert "It falls every year. Cost, not price" in held.because


def test_a_cost_that_falls_in_the_end_but_not_every_year() -> None:
    up_and_down = np.repeat([100.0, 120.0, 25.0], 12)
    base = world()
    serving = up_and_down * (base["tokens_served_per_day"][0, :, 2:].sum(axis=(0, 1)) * AXIS.hours / 24) / 1e6
    held = claim(
        "A9",
        cost_per_mtok_usd=np.broadcast_to(up_and_down, (1, 2, N)),
        cost_usd=serving[None, None],
        workload_cost_usd=np.broadcast_to(serving / 2, (1, 2, N)),
    )
    assert held.verdict == Verdict.ON_BASIS
    assert "Years in which it rises: 1 (1 with idle GPUs)" in held.because


def test_a_rising_cost_and_one_that_cannot_be_compared() -> None:
    up = np.repeat([25.0, 50.0, 100.0], 12)
    base = world()
    serving = up * (base["tokens_served_per_day"][0, :, 2:].sum(axis=(0, 1)) * AXIS.hours / 24) / 1e6
    rising = claim(
        "A9",
        cost_per_mtok_usd=np.broadcast_to(up, (1, 2, N)),
        cost_usd=serving[None, None],
        workload_cost_usd=np.broadcast_to(serving / 2, (1, 2, N)),
    )
    assert rising.verdict == Verdict.FAILS
    assert [f.value for f in rising.figures if f.name.startswith("years dearer")] == [2, 2]
    idle = {
        "tokens_served_per_day": np.zeros((1, 2, 5, N)),
        "cost_per_mtok_usd": np.full((1, 2, N), np.nan),
        "gpu_hours": np.zeros((1, 2, 2, N)),
        "training_gpu_hours": np.zeros((1, 2, N)),
    }
    assert claim("A9", **idle).verdict == Verdict.UNKNOWN


def test_the_bridge_multiplies_exactly_to_the_total() -> None:
    """Watts x FLOP/s per watt x precision x sparsity, all at rated rack power."""
    held = claim("A12")
    steps = [f.value for f in held.figures if f.name.startswith("step: ")]
    assert len(steps) == 5
    total = figure(held, "10 GW of Vera Rubin over DGX-1", "fp4_sparse rack_tdp max_q").value
    assert np.prod(np.array(steps, dtype=float)) == pytest.approx(total, rel=1e-12)
    dense = figure(held, "10 GW of Vera Rubin over DGX-1", "bf16_dense rack_tdp max_q").value
    assert np.prod(np.array(steps[:2], dtype=float)) == pytest.approx(dense, rel=1e-12)


def test_a_billion_holds_for_sparse_fp4_alone() -> None:
    """Orientation worked out beforehand: 1.11e9 (190 kW racks, sparse FP4), 6.4e7 (220 kW, PUE 1.2, dense BF16)."""
    held = claim("A12")
    name = "10 GW of Vera Rubin over DGX-1"
    assert figure(held, name, "fp4_sparse rack_tdp max_q").value == pytest.approx(1.11e9, rel=0.01)
    bf16 = figure(held, name, "bf16_dense rack_tdp max_p").value
    assert float(bf16) / 1.2 == pytest.approx(6.4e7, rel=0.01)
    assert {f.basis.split()[0] for f in held.figures if f.holds} == {"fp4_sparse"}
    assert held.verdict == Verdict.ON_BASIS


def test_what_a_claim_reads_is_in_the_ledger_once() -> None:
    result = world()
    first = check_claims(result, FACTS, tuple(CLAIMS))
    paths = [e.path for e in result.ledger.under("claims")]
    assert len(paths) == len(set(paths))
    assert "claims.A12.dgx_1.system_peak_fp16_flops_per_s" in paths
    assert {"A1", "A2", "A4", "A5", "A7", "A9", "A12", "A15"} == {p.split(".")[1] for p in paths}
    assert check_claims(result, FACTS, tuple(CLAIMS)) == first  # a pure function of result and facts
    assert [e.path for e in result.ledger.under("claims")] == paths
