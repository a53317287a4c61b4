"""Plans made at random: each runs and keeps all laws, or is refused with a reason; nothing else ever happens."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path
from typing import Any, get_args

import numpy as np
import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gigaplan import plan
from gigaplan.allocation.inputs import AllocationRule
from gigaplan.finance.outputs import COST_LINES, LOST
from gigaplan.results.result import Result
from gigaplan.simulate import laws
from gigaplan.simulate.assemble import MAY_BE_NAN
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.errors import InputError, PlanError
from gigaplan.vocabulary.time import HOURS, Resolution

SYSTEMS = ("h100_hgx", "h200_hgx", "b200_hgx", "b300_hgx", "gb200_nvl72", "gb300_nvl72", "vr_nvl72")
MODELS = ("llama_3_1_8b", "gpt_oss_20b", "qwen3_32b", "deepseek_v3", "kimi_k2", "small_one")
OWN_MODEL = {"layers": 24, "hidden": 2048, "heads": 16, "kv_heads": 4, "ffn_dense": 8192, "vocab": 32000}
KNOWN_WORK = ("chat", "education", "multimodal", "agents", "long_context", "enterprise_api", "science")
REGIONS = ("region_us", "region_india", "region_brazil", "region_japan", "region_europe_africa")
LAWS_TOLERANCE = 1e-9
MAY_BE_NEGATIVE = (
    "binding_limit",
    "binding_supply",
    "funding_gap_usd",
    "book_value_usd",
    "equity_usd",
    "party_cash_usd",
    "workload_margin_usd",
    "for_sale_gpu_hours",  # a difference, whose rounding may lie below 0
    "for_sale_tokens",
    "customer_margin_usd",
    "party_assets_usd",
    "party_worth_usd",
    "party_npv_usd",
    "party_npv_of_end_usd",
    "party_irr",
    "run_deadline_day",
    "capability_from_compute_eci",
)
Refusal = PlanError | InputError
QUICK = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # a plan that fails is small enough as it is
)

shares = st.floats(0, 1).map(lambda x: round(x, 3))
percents = st.integers(0, 100).map(lambda x: f"{x} %")


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers spread over orders of magnitude."""
    return st.floats(np.log(low), np.log(high)).map(lambda x: float(f"{np.exp(x):.3g}"))


def sometimes(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), strategy)


def without_none(section: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in section.items() if v is not None}


@st.composite
def contracts(draw: st.DrawFn) -> dict[str, Any]:
    return without_none(
        {
            "counterparty": "landlord",
            "usd_per_it_mw_year": draw(sometimes(st.just("14e6 USD/MW/year"))),
            "lease_usd_per_it_mw_year": draw(sometimes(st.just("160 USD/kW/month"))),
            "years": draw(sometimes(st.sampled_from(("5 years", "18 months", "20 years")))),
        }
    )


@st.composite
def days(draw: st.DrawFn, first: dt.date, last: dt.date) -> dt.date:
    return first + dt.timedelta(days=draw(st.integers(0, max((last - first).days, 0))))


@st.composite
def sites(draw: st.DrawFn, start: dt.date, end: dt.date, systems: list[str]) -> dict[str, Any]:
    basis = draw(
        st.sampled_from((*("it", "facility", "rack_tdp") * 9, "gpu_tgp"))
    )  # the last has no sourced conversion
    announced = draw(days(start - dt.timedelta(days=500), start + dt.timedelta(days=300)))
    phases = {}
    for i in range(draw(st.integers(1, 3))):
        energised = draw(days(announced, max(end, announced) + dt.timedelta(days=200)))
        phases[f"phase {i}"] = without_none(
            {
                "power": f"{draw(numbers(0.05, 3000))} MW {basis}",
                "energised": energised.isoformat(),
                "construction": draw(sometimes(days(announced, energised).map(dt.date.isoformat))),
                "generation": draw(sometimes(st.sampled_from(["newest", *systems]))),
            }
        )
    facility = {"pue": draw(st.floats(1.15, 1.7)), "power_price_usd_per_mwh": f"{draw(numbers(5, 300))} USD/MWh"}
    return without_none(
        {
            "region": draw(st.sampled_from(("us", "ercot", "miso", "pjm", "uae"))),
            "announced": announced.isoformat(),
            "phases": phases,
            "rented": draw(sometimes(percents)),
            "contract": draw(sometimes(contracts())),
            "facility": draw(sometimes(st.just(facility))),
        }
    )


@st.composite
def by_date(draw: st.DrawFn, start: dt.date, end: dt.date, values: st.SearchStrategy[Any]) -> dict[str, Any]:
    found = draw(st.lists(days(start, end), min_size=1, max_size=3, unique=True))
    return {day.isoformat(): draw(values) for day in found}


@st.composite
def workloads(draw: st.DrawFn, name: str, start: dt.date, end: dt.date) -> dict[str, Any]:
    known = name in KNOWN_WORK
    driver = draw(st.sampled_from(("users", "own")))
    tokens = {
        "fresh_input_tokens": draw(numbers(1, 100_000)),
        "cached_input_tokens": draw(st.one_of(st.just(0.0), numbers(1, 300_000))),
        "reasoning_tokens": draw(st.one_of(st.just(0.0), numbers(1, 20_000))),
        "output_tokens": draw(numbers(1, 5_000)),
    }
    asks = {"requests_per_day": draw(numbers(1, 1e11))}
    if driver == "users":
        asks = {"reach_share": draw(shares), "requests_per_user_day": draw(numbers(0.01, 100))}
    service = {"ttft_s": f"{draw(numbers(0.05, 60))} s", "tpot_s": f"{draw(numbers(0.004, 0.9))} s"}
    worth = {
        "value_usd_per_request": f"{draw(numbers(1e-6, 10))} USD",
        "revenue_usd_per_request": draw(sometimes(st.just("0.01 USD"))),
    }
    growth = {
        "reference_date": draw(days(dt.date(2023, 1, 1), end)).isoformat(),
        "growth_per_year": f"{draw(st.floats(-0.5, 2)):.3f} 1/year",
        "growth_decay_per_year": f"{draw(st.floats(0, 2)):.3f} 1/year",
    }
    if draw(st.integers(0, 9)) == 0:
        tokens |= {"fresh_input_tokens": 0}
    session = {"turns_per_session": 6, "calls_per_turn": 3, "new_tokens_per_call": 300, "cache_hit_share": "90 %"}
    extra = {
        "deferrable": draw(st.booleans()),
        "guaranteed_share": draw(sometimes(percents)),
        "edge_share": draw(sometimes(by_date(start, end, percents))),
        "later_models": draw(sometimes(by_date(start, end, st.sampled_from(MODELS)))),
        "context_growth_per_year": draw(sometimes(st.just("0.3 1/year"))),
        "price_elasticity": draw(sometimes(st.just(-0.7))),
        "media_tokens": draw(sometimes(st.just(1500))),
    }
    section: dict[str, Any] = {"driver": driver, "model": draw(st.sampled_from(MODELS)), **asks, **extra}
    for part in (tokens, service, worth, growth):
        if not known or draw(st.booleans()):
            section |= part
    return without_none(section | (session if draw(st.integers(0, 4)) == 0 else {}))


@st.composite
def runs(draw: st.DrawFn, places: list[str], systems: list[str], start: dt.date, end: dt.date) -> dict[str, Any]:
    begin = draw(days(start, end))
    return without_none(
        {
            "model": draw(st.sampled_from(MODELS)),
            "tokens": f"{draw(numbers(1e9, 1e15))} tokens",
            "site": draw(st.sampled_from(places)),
            "generation": draw(st.sampled_from(systems)),
            "gpus": draw(numbers(1, 1e6).map(lambda x: int(np.ceil(x)))),
            "start": begin.isoformat(),
            "deadline": draw(sometimes(days(begin, end).map(dt.date.isoformat))),
            "restart_share": draw(sometimes(percents)),
        }
    )


@st.composite
def ladders(draw: st.DrawFn) -> dict[str, Any]:
    return without_none(
        {
            "transformer_mw_per_month": draw(sometimes(numbers(0.1, 1000).map(lambda x: f"{x} MW/month"))),
            "labour_mw_per_month": draw(sometimes(numbers(0.1, 1000).map(lambda x: f"{x} MW/month"))),
            "ready_lag_months": draw(sometimes(numbers(0.1, 20).map(lambda x: f"{x} months"))),
            "availability": draw(sometimes(st.sampled_from(("100 %", "5 %")))),
        }
    )


@st.composite
def finances(draw: st.DrawFn, start: dt.date, end: dt.date) -> dict[str, Any]:
    tranches = {
        "investor": "somebody",
        "amount_per_milestone_usd": f"${draw(numbers(1e7, 1e11)):.0f}",
        "total_usd": "$20B",
        "milestone": f"{draw(numbers(1, 1000))} MW {draw(st.sampled_from(('it', 'facility')))}",
        "trigger_state": draw(st.sampled_from(("announced", "ready", "accepted", "producing"))),
    }
    equity = {
        f"round {i}": {"investor": "somebody", "amount_usd": "$3B", "date": draw(days(start, end)).isoformat()}
        for i in range(draw(st.integers(0, 2)))
    }
    guaranty = {
        "guarantor": "somebody",
        "amount_usd": "$9B",
        "start": draw(days(start, end)).isoformat(),
        "years": "6 years",
    }
    costs = {"it_life_years": f"{draw(st.floats(1, 9)):.2f} years", "vendor": "NVIDIA"}
    debt = {"loan_share": draw(st.floats(0, 1)), "repayment_years": f"{draw(st.floats(1, 20)):.2f} years"}
    tax = {"rate_share": draw(st.floats(0, 0.5)), "schedule": draw(st.sampled_from(["straight_line", "macrs"]))}
    return without_none(
        {
            "tranches": draw(sometimes(st.just(tranches))),
            "equity": equity or None,
            "guaranties": draw(sometimes(st.just({"residual values": guaranty}))),
            "costs": draw(sometimes(st.just(costs))),
            "debt": draw(sometimes(st.just(debt))),
            "tax": draw(sometimes(st.just(tax))),
        }
    )


@st.composite
def plans(draw: st.DrawFn) -> dict[str, Any]:
    start = dt.date(draw(st.integers(2023, 2028)), draw(st.integers(1, 12)), 1)
    months = draw(st.integers(12, 180))
    end = dt.date(start.year + (start.month - 1 + months) // 12, (start.month - 1 + months) % 12 + 1, 1)
    systems = draw(st.lists(st.sampled_from(SYSTEMS), min_size=1, max_size=3, unique=True))
    places = {name: draw(sites(start, end, systems)) for name in "ABCD"[: draw(st.integers(1, 4))]}
    opening = {
        f"block {i}": without_none(
            {
                "power": f"{draw(numbers(0.05, 900))} MW {draw(st.sampled_from(('it', 'facility', 'rack_tdp')))}",
                "generation": draw(st.sampled_from(systems)),
                "date": draw(days(start - dt.timedelta(days=900), start)).isoformat(),
                "rented": draw(sometimes(percents)),
                "contract": draw(sometimes(contracts())),
            }
        )
        for i in range(draw(st.integers(0, 2)))
    }
    names = draw(
        st.lists(st.sampled_from((*KNOWN_WORK, "ours", "theirs", "été 日")), min_size=1, max_size=5, unique=True)
    )
    blocks = [*places, *(f"opening {b}" for b in opening)]
    demand = {
        "workloads": {name: draw(workloads(name, start, end)) for name in names},
        "regions": draw(sometimes(st.lists(st.sampled_from(REGIONS), min_size=1, max_size=3, unique=True))),
        "price_index": draw(sometimes(by_date(start, end, numbers(0.05, 4)))),
    }
    training = {
        "share": draw(sometimes(by_date(start, end, percents))),
        "runs": {f"run {i}": draw(runs(blocks, systems, start, end)) for i in range(draw(st.integers(0, 2)))},
    }
    return {
        "gigaplan": 1,
        "name": "made",
        "title": "Made at random",
        "horizon": {"start": start.isoformat(), "end": end.isoformat()},
        "uncertainty": {"members": draw(st.integers(1, 3)), "seed": draw(st.integers(0, 99))},
        "announced": {"power": f"{draw(numbers(1, 1e4))} MW {draw(st.sampled_from(('it', 'facility')))}"},
        "models": {"small_one": OWN_MODEL},
        "fleet": {
            "generations": systems,
            "reference_generation": draw(st.sampled_from(systems)),
            "sites": places,
            "opening": opening,
            "profile": draw(st.sampled_from(("max_q", "max_p"))),
            "newest_among": draw(st.lists(st.sampled_from(systems), min_size=1, unique=True)),
            "ladder": draw(ladders()),
        },
        "demand": without_none(demand),
        "training": without_none(training),
        "market": {"allocation": draw(st.sampled_from(get_args(AllocationRule)))},
        "finance": draw(finances(start, end)),
    }


def answer(document: dict[str, Any], resolution: Resolution = Resolution.REPRESENTATIVE) -> Result | Refusal:
    """Return the result, or what is wrong with the plan; any other exception is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True))
        try:
            return simulate(plan.resolve(plan.load(file, [f"horizon.resolution={resolution}"])))
        except (PlanError, InputError) as wrong:  # the API tells the second as the first, with the file's name
            return wrong


def explains(wrong: Refusal) -> None:
    """A refusal says what and what to do."""
    if isinstance(wrong, InputError):
        assert len(str(wrong)) > 20
        return
    errors = [p for p in wrong.problems if p.severity == "error"]
    assert errors
    for problem in errors:
        assert problem.message
        assert problem.remedy, str(problem)


def close(left: Any, right: Any, scale: float = 0.0) -> None:
    """Equal to within rounding of the largest number."""
    left, right = np.asarray(left), np.asarray(right)
    most = max(float(np.abs(left).max(initial=0)), float(np.abs(right).max(initial=0)), scale, 1e-30)
    assert float(np.abs(left - right).max(initial=0)) <= LAWS_TOLERANCE * most


def keeps_all_laws(result: Result, document: dict[str, Any]) -> None:
    """The laws that every run checks, and more that are reckoned here from the result and the plan alone."""
    a, axis = result.arrays, result.axis
    laws.check(a, axis)
    for name, array in a.items():
        assert name in MAY_BE_NAN or np.isfinite(array).all(), name
        assert not np.isinf(array).any(), name
        if name not in (*MAY_BE_NEGATIVE, *MAY_BE_NAN):
            whole = a["gpus_available"] * axis.hours if name == "idle_gpu_hours" else array  # idle is a difference
            assert array.min(initial=0) >= -LAWS_TOLERANCE * max(1.0, float(whole.max(initial=0))), name
    # energy
    close(a["facility_energy_mwh"].sum(axis=1), axis.month_total(a["facility_power_mw"]))
    assert (a["facility_energy_mwh"] >= a["it_energy_mwh"] * (1 - LAWS_TOLERANCE)).all()
    # GPUs
    share = a["fleet_share"].sum(axis=1) + a["training_share"][:, :, None, None]
    assert share.max(initial=0) <= 1 + LAWS_TOLERANCE
    close(a["gpu_hours"].sum(axis=1) + a["training_gpu_hours"] + a["idle_gpu_hours"], a["gpus_available"] * axis.hours)
    assert (a["gpus_available"] <= a["gpus_producing"] * (1 + LAWS_TOLERANCE)).all()
    # requests and tokens
    asked = a["requests_asked_per_day"]
    close(a["requests_served_per_day"] + a["requests_refused_per_day"], asked)
    close(axis.month_total(a["requests_asked_per_h"]), asked * axis.hours / HOURS)
    waits = np.array([document["demand"]["workloads"][w]["deferrable"] for w in result.labels["workload"]])
    close(a["requests_by_region_per_h"].sum(axis=1), a["requests_asked_per_h"][:, ~waits].sum(axis=1))
    per_gpu_h = a["requests_per_gpu_s"][..., axis.year_of_month] * 3600  # what is served is what the GPU-hours serve
    close(np.einsum("mwgn,mwgn->mwn", a["gpu_hours"], per_gpu_h), a["requests_served_per_day"] * axis.hours / HOURS)
    tokens = a["tokens_per_request"][..., axis.year_of_month]
    close(a["tokens_served_per_day"], a["requests_served_per_day"][:, :, None] * tokens)
    # money
    lines = dict(zip(COST_LINES, np.moveaxis(a["cost_usd"], 1, 0), strict=True))
    close(a["rent_usd"].sum(axis=1), lines["rental"] + lines["lease"])
    running = a["cost_usd"][:, LOST:].sum(axis=1)
    spent = a["capital_usd"].sum(axis=(1, 2)) + running
    received = a["revenue_usd"] + a["tranche_usd"] + a["equity_paid_usd"].sum(axis=0)
    flows = dict(zip(result.labels["flow"], np.moveaxis(a["flow_usd"], 1, 0), strict=True))
    spent = spent + flows["tax"] + flows["interest"] + flows["repayment"]
    received = received + flows["loans"]
    close(a["funding_gap_usd"], spent - received, scale=float(spent.max() + received.max()))
    close(a["revenue_by_workload_usd"].sum(axis=1), a["revenue_usd"])
    assert len(result.labels["instrument"]) == len(document["finance"].get("equity", {}))
    assert a["equity_paid_usd"].sum() <= 3e9 * len(result.labels["instrument"]) * (1 + LAWS_TOLERANCE)
    # training
    done, held = a["run_tokens_done"], a["run_gpus"]
    assert (np.diff(done, axis=-1) >= -LAWS_TOLERANCE * max(1.0, done.max(initial=0))).all()
    wanted = [float(run["tokens"].split()[0]) for run in document["training"].get("runs", {}).values()]
    assert (done.max(axis=-1, initial=0) <= np.array(wanted) * (1 + LAWS_TOLERANCE)).all()
    assert (held.sum(axis=1) <= a["gpus_available"].sum(axis=1) * (1 + LAWS_TOLERANCE) + LAWS_TOLERANCE).all()


def test_a_plan_made_at_random_runs_by_the_laws_or_says_why_not() -> None:
    ran: list[bool] = []

    @settings(QUICK, max_examples=80)
    @given(plans())
    def each(document: dict[str, Any]) -> None:
        found = answer(document)
        ran.append(isinstance(found, Result))
        if isinstance(found, Result):
            keeps_all_laws(found, document)
        else:
            explains(found)

    each()
    assert 0.5 < np.mean(ran) < 1, f"{np.mean(ran):.0%} of the plans ran: both answers are to be tried"


@settings(QUICK, max_examples=10)
@given(plans())
def test_every_hour_of_a_plan_made_at_random(document: dict[str, Any]) -> None:
    found = answer(document, Resolution.HOURLY)
    if isinstance(found, Result):
        keeps_all_laws(found, document)
    else:
        explains(found)


@settings(QUICK, max_examples=10)
@given(plans())
def test_the_same_plan_and_seed_give_the_same_result(document: dict[str, Any]) -> None:
    first, again = answer(document), answer(document)
    if not isinstance(first, Result) or not isinstance(again, Result):
        assert type(first) is type(again)
        return
    assert first.stamp == again.stamp
    for name, array in first.arrays.items():
        np.testing.assert_array_equal(array, again[name], err_msg=name)
