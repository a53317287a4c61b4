"""The announcement of September 2025 checked against a small result made by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from gigaplan import catalog, claims
from gigaplan.results.result import Result
from gigaplan.results.verdicts import Claim, Figure, Ground, Verdict
from gigaplan.vocabulary.facts import Evidence

FACTS = catalog.load()
N = 36
Made = Callable[..., dict[str, Claim]]


def figure(held: Claim, name: str, basis: str = "") -> Figure:
    found = [f for f in held.figures if f.name.startswith(name) and basis in f.basis]
    assert len(found) == 1, [(f.name, f.basis) for f in held.figures]
    return found[0]


def test_a_plan_that_does_it_all(announced: Made) -> None:
    held = announced()
    on_a_basis = {"A2", "A12"}
    assumed = {"A5"}  # the world's ledger has nothing of the plan's but the tranches
    for name, claim in held.items():
        wanted = Verdict.ON_BASIS if name in on_a_basis else Verdict.ASSUMED if name in assumed else Verdict.HOLDS
        assert claim.verdict == wanted, name
        assert claim.because.endswith("."), name
        assert "2025-09-22" in claim.source
        json.dumps(asdict(claim), allow_nan=False)


def test_what_rests_on_the_plan_holds_by_assumption(announced: Made, world: Callable[..., Result]) -> None:
    result = world()
    result.ledger.plan("fleet.sites.East.phases.one.power", "6 GW", Evidence.ANNOUNCED)
    result.ledger.read(
        "demand.workloads.chat.edge_share.2028-01-01", FACTS.find("chat", "edge_share", date="2028-01-01")
    )
    held = announced(result)
    assert {n for n, c in held.items() if c.verdict == Verdict.ASSUMED} == {"A1", "A3", "A5", "A14", "A15"}
    assert "1 line of the plan" in held["A1"].because
    assert "1 assumed value of the catalog" in held["A14"].because
    failing = world(power_state_mw=np.zeros((1, 3, 3, N + 1)))
    failing.ledger.plan("fleet.sites.East.phases.one.power", "6 GW", Evidence.ANNOUNCED)
    assert announced(failing)["A1"].verdict == Verdict.FAILS  # an assumption excuses nothing


def test_every_test_says_what_it_stands_on(announced: Made, world: Callable[..., Result]) -> None:
    def grounds(held: dict[str, Any], claim: str, name: str) -> set[str]:
        return {f.ground for f in held[claim].figures if f.name.startswith(name) and f.holds is not None}

    held = announced()
    assert all(f.ground in list(Ground) for c in held.values() for f in c.figures if f.holds is not None)
    assert not any(f.ground for c in held.values() for f in c.figures if f.holds is None)
    assert grounds(held, "A2", "GPUs in 10 GW") == {Ground.EVIDENCE}  # facts alone
    assert grounds(held, "A7", "weekly users") == {Ground.INPUT}  # a sourced curve
    assert grounds(held, "A4", "first token") == {Ground.MODEL}
    known, stated = world(), world()
    point = next(f for f in FACTS.series("chatgpt", "weekly_users") if f.evidence is not Evidence.ASSUMED)
    known.ledger.read("demand.adoption.points.2025-08-04", point)
    assert grounds(announced(known), "A7", "weekly users") == {
        Ground.EVIDENCE
    }  # the plan goes through what was published
    stated.ledger.plan("demand.adoption.reference_users", "7e8", Evidence.ASSUMED)
    assert grounds(announced(stated), "A7", "weekly users") == {Ground.INPUT}
    failing = world(power_state_mw=np.zeros((1, 3, 3, N + 1)))
    failing.ledger.plan("fleet.sites.East.phases.one.power", "6 GW", Evidence.ANNOUNCED)
    assert grounds(announced(failing), "A1", "power accepted") == {Ground.INPUT}  # what fails has a ground as well


def test_ten_gigawatts(announced: Made, sites: Callable[..., Any]) -> None:
    """The opening fleet never counts; facility over IT power is what lifts 9 GW to 10."""
    assert announced(power_state_mw=sites(east=9000, opening=5000))["A1"].verdict == Verdict.ON_BASIS
    small = announced(power_state_mw=sites(east=1999, west=1999, opening=9000))["A1"]
    assert small.verdict == Verdict.FAILS
    assert figure(small, "sites of 2 GW").value == 0
    ratio = FACTS.find("facility", "facility_to_it_peak").number
    assert figure(small, "accepted when the horizon ends", "facility").value == pytest.approx(3.998 * ratio)
    assert announced(power_state_mw=sites(east=5000))["A1"].verdict == Verdict.FAILS
    assert figure(announced()["A1"], "date on which it is reached").value == "2027-01-01"
    assert figure(announced()["A1"], "largest site, East").value == pytest.approx(6)


def test_a_plan_of_an_opening_fleet_alone(
    announced: Made, world: Callable[..., Result], sites: Callable[..., Any]
) -> None:
    labels = dict(world().labels) | {"site": ("opening halls",)}
    power = sites(east=9e3)[:, :, :1]
    held = announced(
        world(labels, power_state_mw=power, first_token_day=np.zeros((1, 1)), gpu_hours=np.zeros((1, 2, 2, N)))
    )
    assert held["A1"].verdict == held["A4"].verdict == Verdict.FAILS
    assert figure(held["A4"], "first token of an announced site").value == "never"


def test_gpus_of_ten_gigawatts_by_hand(announced: Made) -> None:
    """10 GW over 1.8 kW limits, over 190 kW a rack of 72, then times 1.14 for IT and 1.3 for the facility."""
    held = announced()["A2"]
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
    assert figure(held, "GPUs producing").value == pytest.approx(4e6)  # of the announced sites alone
    assert figure(held, "GPUs in 10 GW according to NVIDIA 8-K").value == pytest.approx(3.53e6)
    fitting = {f.basis for f in held.figures if f.name == "GPUs in 10 GW of Vera Rubin" and f.holds}
    assert 0 < len(fitting) < 8
    assert all(basis in held.because for basis in fitting)
    assert announced(gpus_in_production=np.full((1, 2, 3, N + 1), 2e5))["A2"].verdict == Verdict.FAILS


def test_vera_rubin_must_produce(announced: Made, world: Callable[..., Result]) -> None:
    assert "2026-09-01" in announced()["A3"].because
    assert announced(gpus_producing=np.zeros((1, 2, N)))["A3"].verdict == Verdict.FAILS
    without = announced(world(dict(world().labels) | {"generation": ("h100_hgx", "b200_hgx")}))["A3"]
    assert without.verdict == Verdict.FAILS
    assert without.figures[0].value == 0


def test_first_tokens_of_announced_sites_only(announced: Made, sites: Callable[..., Any]) -> None:
    held = announced()["A4"]
    assert figure(held, "first token of an announced site").value == "2026-08-01"  # opening halls produce from day 0
    assert figure(held, "first token at West").value == "2027-01-01"
    assert figure(held, "first whole gigawatt").value == "2026-09-01"
    assert announced(power_state_mw=sites(east=900))["A4"].verdict == Verdict.ON_BASIS  # first racks, no whole gigawatt
    none = np.zeros((1, 2, 2, N))
    late = np.array([[800.0, np.nan, 0.0]])
    held = announced(first_token_day=late, power_state_mw=sites(east=900), gpu_hours=none)["A4"]
    assert held.verdict == Verdict.FAILS
    assert figure(held, "first token at West").value == "never"


def test_the_investment_its_trigger_and_what_flows_back(announced: Made) -> None:
    held = announced()["A5"]
    assert figure(held, "investment released").value == pytest.approx(100)
    assert figure(held, "purchases per invested dollar").value == pytest.approx(2.5)
    assert figure(held, "a tranche is released for every").value == "1000 MW (it)"
    days = np.where(np.arange(10) < 3, 500.0, np.nan)[None]
    some = announced(tranche_day=days, tranche_paid_usd=np.where(np.isnan(days), 0, 10e9))["A5"]
    assert some.verdict == Verdict.ON_BASIS  # each milestone pays its part, the sum isn't reached
    assert figure(some, "tranches released").value == 3
    assert announced(tranche_day=days, tranche_paid_usd=np.where(np.isnan(days), 0, 9e9))["A5"].verdict == Verdict.FAILS
    none = announced(tranche_day=np.full((1, 10), np.nan), tranche_paid_usd=np.zeros((1, 10)))["A5"]
    assert none.verdict == Verdict.FAILS
    assert not [f for f in none.figures if "per invested" in f.name]  # nothing over nothing is no ratio


def test_both_training_and_inference(announced: Made) -> None:
    held = announced()["A6"]
    shares = [figure(held, f"GPU-hours {k}").value for k in ("for inference", "for training", "idle")]
    assert shares == pytest.approx([0.6, 0.4, 0.0])
    served = np.ones((1, 2, N))
    served[0, 1, 10] = 0.5
    late = announced(served_share=served)["A6"]
    assert late.verdict == Verdict.ON_BASIS
    assert figure(late, "all demand served from").value == "2025-12-01"
    assert figure(late, "lowest share").value == 0.5
    assert announced(served_share=served)["A11"].verdict == Verdict.ON_BASIS
    served[0, 1, -1] = 0.5
    assert announced(served_share=served)["A6"].verdict == Verdict.FAILS  # though training is met
    assert announced(served_share=served)["A11"].verdict == Verdict.FAILS
    assert announced(training_share=np.zeros((1, N)))["A6"].verdict == Verdict.FAILS  # though everyone is served


def test_weekly_users_within_the_tolerance_and_served(announced: Made, world: Callable[..., Result]) -> None:
    assert announced(weekly_users=np.full((1, N), 666e6))["A7"].verdict == Verdict.HOLDS
    assert announced(weekly_users=np.full((1, N), 664e6))["A7"].verdict == Verdict.FAILS
    assert announced(served_share=np.full((1, 2, N), 0.9))["A7"].verdict == Verdict.FAILS
    without_chat = announced(world(dict(world().labels) | {"workload": ("science", "agents")}))
    assert without_chat["A7"].verdict == Verdict.HOLDS


def test_cost_is_cost_over_tokens_by_hand(announced: Made) -> None:
    held = announced()["A9"]
    assert figure(held, "all serving, first year").value == pytest.approx(100)
    after = [f for f in held.figures if f.name == "all serving, last year"]
    assert after[0].value == pytest.approx(25)
    assert figure(held, "chat, last year over first").value == pytest.approx(0.25)
    assert [f.value for f in held.figures if f.name.startswith("years dearer")] == [0, 0]
    assert figure(held, "fall of the cost of a task").value == pytest.approx(3.3 / np.log(10))


@pytest.mark.parametrize(
    ("prices", "verdict", "dearer"),
    [((100, 120, 25), Verdict.ON_BASIS, 1), ((25, 50, 100), Verdict.FAILS, 2)],
)
def test_a_cost_that_rises(
    announced: Made, world: Callable[..., Result], prices: Any, verdict: Verdict, dearer: int
) -> None:
    base = world()
    tokens = base["tokens_served_per_day"][0, :, 3:].sum(axis=(0, 1)) * base.axis.hours / 24
    cost = np.repeat(np.array(prices, dtype=float), 12) * tokens / 1e6
    held = announced(cost_usd=cost[None, None], workload_cost_usd=np.broadcast_to(cost / 2, (1, 2, N)))["A9"]
    assert held.verdict == verdict
    assert [f.value for f in held.figures if f.name.startswith("years dearer")] == [dearer, dearer]


def test_a_cost_that_cannot_be_compared(announced: Made) -> None:
    idle = {"tokens_served_per_day": np.zeros((1, 2, 5, N)), "gpu_hours": np.zeros((1, 2, 2, N))}
    assert announced(**idle)["A9"].verdict == Verdict.UNKNOWN


def test_the_bridge_multiplies_exactly_to_the_total(announced: Made) -> None:
    """Watts x FLOP/s per watt x precision x sparsity, all at rated rack power."""
    held = announced()["A12"]
    steps = np.array([f.value for f in held.figures if f.name.startswith("step: ")], dtype=float)
    assert len(steps) == 5
    name = "10 GW of Vera Rubin over DGX-1"
    assert np.prod(steps) == pytest.approx(figure(held, name, "fp4_sparse rack_tdp max_q").value, rel=1e-12)
    assert np.prod(steps[:2]) == pytest.approx(figure(held, name, "bf16_dense rack_tdp max_q").value, rel=1e-12)


def test_a_billion_holds_for_sparse_fp4_alone(announced: Made) -> None:
    """Orientation worked out beforehand: 1.11e9 (190 kW racks, sparse FP4), 6.4e7 (220 kW, PUE 1.2, dense BF16)."""
    held = announced()["A12"]
    name = "10 GW of Vera Rubin over DGX-1"
    assert figure(held, name, "fp4_sparse rack_tdp max_q").value == pytest.approx(1.11e9, rel=0.01)
    bf16 = figure(held, name, "bf16_dense rack_tdp max_p").value
    assert float(bf16) / 1.2 == pytest.approx(6.4e7, rel=0.01)
    assert {f.basis.split()[0] for f in held.figures if f.holds} == {"fp4_sparse"}


def test_more_power_must_be_worth_its_cost(announced: Made) -> None:
    """The next gigawatt pays at the plan's prices, at those at which the market would clear, or at neither."""
    worth = {"added_gw_benefit_cost_ratio": np.array([0.9]), "added_gw_clearing_benefit_cost_ratio": np.array([2.0])}
    assert announced()["A13"].verdict == Verdict.HOLDS
    assert announced(**worth)["A13"].verdict == Verdict.ON_BASIS
    assert announced(**dict.fromkeys(worth, np.array([0.9])))["A13"].verdict == Verdict.FAILS
    assert announced(revenue_usd=np.linspace(2e9, 1e9, N)[None])["A13"].verdict == Verdict.FAILS


def test_every_use_and_device(announced: Made, world: Callable[..., Result]) -> None:
    held = announced()["A14"]
    assert figure(held, "workloads served").value == 2
    served = world()["requests_served_per_day"].copy()
    served[0, 1, -1] = 90.0
    assert announced(requests_served_per_day=served)["A14"].verdict == Verdict.FAILS
    assert announced(requests_on_devices_per_day=np.full((1, 2, N), 5.0))["A14"].verdict == Verdict.FAILS


def test_the_first_ten_and_no_more(announced: Made, sites: Callable[..., Any]) -> None:
    assert announced()["A15"].verdict == Verdict.HOLDS
    assert announced(power_state_mw=sites(east=10_000))["A15"].verdict == Verdict.UNKNOWN


def test_what_a_claim_reads_is_in_the_ledger_once(world: Callable[..., Result]) -> None:
    result, sets = world(), [claims.read("announcement-2025-09")]
    first = claims.evaluate(result, FACTS, sets)
    paths = [e.path for e in result.ledger.under("claims")]
    assert len(paths) == len(set(paths))
    assert "claims.A12.dgx_1.system_peak_fp16_flops_per_s" in paths
    assert {"A1", "A2", "A4", "A5", "A7", "A9", "A12", "A15"} <= {p.split(".")[1] for p in paths}
    assert claims.evaluate(result, FACTS, sets) == first  # a pure function of result and facts
    assert [e.path for e in result.ledger.under("claims")] == paths


def test_the_frontier_moves_up_by_larger_runs_or_it_is_said_that_it_does_not(announced: Made) -> None:
    grown = announced()["A10"]
    assert figure(grown, "what larger runs add").value == pytest.approx(18 * (N - 12) / (N - 1))
    flat = announced(capability_from_compute_eci=np.zeros((1, N)))["A10"]
    assert flat.verdict == Verdict.FAILS
    assert "better methods at the same compute" in flat.because and "nothing in the plan brings them" in flat.because
    once = np.where(np.arange(N) < N - 12, np.linspace(0, 18, N), 10.0)[None]
    assert announced(capability_from_compute_eci=once)["A10"].verdict == Verdict.ON_BASIS
    still = announced(capability_eci=np.full((1, 3, N), 150.0))["A10"]
    assert still.verdict == Verdict.FAILS
