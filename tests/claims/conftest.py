"""A small result made by hand, so that every verdict can be reached and every figure checked."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gigaplan import catalog, claims
from gigaplan.results.result import Result, Stamp
from gigaplan.results.verdicts import Claim
from gigaplan.vocabulary.bases import Based, PowerBasis
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
    "scope": ("one site", "sites together", "whole fleet"),
    "bound": ("low", "central", "high"),
    "day": ("weekday", "weekend"),
    "hour": tuple(f"{h:02d}" for h in range(24)),
    "component": ("racks",),
}


def make_world(labels: dict[str, tuple[str, ...]] | None = None, **changes: Any) -> Result:
    """Return a plan on which every line of the announcement holds as far as the model can tell.

    East and West take 6 and 5 GW; the opening halls, which don't count as announced, 3 GW from the start. Serving costs
    100, 50 and 25 USD per million tokens in the three years.
    """
    power = np.zeros((1, 3, 3, N + 1))
    power[0, 2, 0, 20:], power[0, 2, 1, 24:], power[0, 2, 2, :] = 6000, 5000, 3000
    gpus = np.zeros((1, 2, N))
    gpus[0, 0], gpus[0, 1, 20:] = 1e6, 4e6
    at_sites = np.zeros((1, 2, 3, N + 1))  # Vera Rubin at the two announced sites
    at_sites[0, 0, 2], at_sites[0, 1, :2, 20:] = 1e6, 2e6
    tokens = np.zeros((1, 2, 5, N))
    tokens[:, :, 3:] = 1e12
    shapes = np.zeros((2, 5, 3))
    shapes[0] = np.array([[500, 500, 600], [700, 700, 800], [200] * 3, [100] * 3, [300] * 3])
    shapes[1] = np.array([[2e3] * 3, [18e3, 19e3, 20e3], [0] * 3, [900] * 3, [400] * 3])
    hours = np.zeros((1, 2, 2, N))
    hours[:, :, 0] = 30.0
    hours[:, :, 1, 20:] = 1e-6  # Vera Rubin serves from the month in which it produces
    serving = tokens_cost(np.repeat([100.0, 50.0, 25.0], 12), tokens)
    asked = np.full((1, 2, N), 100.0)
    arrays: dict[str, Any] = {
        "power_state_mw": power,
        "gpus_producing": gpus,
        "gpus_in_production": at_sites,
        "first_token_day": np.array([[AXIS.days_since_start(dt.date(2026, 8, 1)), 730.0, 0.0]]),
        "tranche_paid_usd": np.full((1, 10), 10e9),
        "tranche_day": np.linspace(500, 1000, 10)[None],
        "vendor_flow_usd": np.full((1, N), 250e9 / N),
        "vendor_flow_landlords_usd": np.zeros((1, N)),
        "equity_paid_usd": np.zeros((0, N)),
        "tokens_per_request": shapes[None],
        "requests_asked_per_day": asked,
        "requests_served_per_day": asked,
        "requests_on_devices_per_day": np.broadcast_to(np.linspace(0, 30, N), (1, 2, N)),
        "sessions_per_day": np.broadcast_to(np.array([[40.0], [5.0]]), (1, 2, N)),
        "largest_run_flop": np.stack([np.geomspace(k * 1e26, k * 1e28, N) for k in (1, 1.5, 2)])[None],
        "largest_run_over_trend": np.full((1, 3, N), 0.2),
        "capability_from_compute_eci": np.linspace(0, 18, N)[None],
        "capability_from_methods_eci": np.linspace(0, 22, N)[None],
        "capability_eci": np.stack([np.linspace(140, 180, N) + d for d in (-10, 0, 10)])[None],
        "cost_fall_log": np.stack([np.linspace(0, d, N) for d in (1.0, 0.3, 2.0)])[None],
        "run_done_day": np.array([[400.0]]),
        "shadow_price_usd_per_gpu_h": np.zeros((1, N, 2, 24)),
        "shadow_price_usd_per_mw_year": np.zeros((1, N)),
        "next_gw_cost_usd_per_gw_year": np.array([10e9]),
        "next_gw_benefit_cost_ratio": np.where(np.arange(N) < 9, 1.4, 0.8)[None],
        "added_gw_benefit_cost_ratio": np.array([1.2]),
        "added_gw_clearing_benefit_cost_ratio": np.array([3.4]),
        "marginal_revenue_usd_per_gw_year": np.where(np.arange(N) == 5, 20e9, 15e9)[None],
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
        "cost_usd": (serving * 100 / 60)[None, None],
        "cost_of_capital_usd": np.zeros((1, N)),
    }
    ledger = Ledger()
    ledger.plan("finance.tranches.trigger_state", "accepted", Evidence.ANNOUNCED)
    ledger.plan("finance.tranches.milestone", "1000 MW (it)", Evidence.ANNOUNCED)
    stamp = Stamp(plan="p", title="t", plan_hash="0", version="0", catalog_vintage="0", seed=0, members=1)
    labels = labels or LABELS
    return Result(
        stamp=stamp,
        axis=AXIS,
        labels=labels,
        arrays={**arrays, **changes},
        ledger=ledger,
        existing=tuple(site.startswith("opening") for site in labels["site"]),
        announced=Based(10_000, "MW", PowerBasis.IT),
    )


def tokens_cost(usd_per_mtok: Any, tokens: Any) -> Any:
    """Return what a month's generated tokens cost at a price [USD]."""
    month_tokens = tokens[0, :, 3:].sum(axis=(0, 1)) * AXIS.hours / 24
    return usd_per_mtok * month_tokens / 1e6


def make_sites(**mw: float) -> Any:
    """Return power accepted from the start at East, West and the opening halls."""
    power = np.zeros((1, 3, 3, N + 1))
    for i, name in enumerate(("east", "west", "opening")):
        power[0, 1, i] = mw.get(name, 0.0)
    return power


@pytest.fixture
def world() -> Callable[..., Result]:
    """Return the maker of the world, which takes other labels and other arrays."""
    return make_world


@pytest.fixture(scope="session")
def world_once() -> Result:
    """Return the world as it is."""
    return make_world()


@pytest.fixture
def sites() -> Callable[..., Any]:
    """Return the maker of accepted power."""
    return make_sites


@pytest.fixture
def announced() -> Callable[..., dict[str, Claim]]:
    """Return the verdicts on the announcement, by id, of a result (the world by default)."""

    def held(result: Result | None = None, **changes: Any) -> dict[str, Claim]:
        found = claims.evaluate(result or make_world(**changes), FACTS, [claims.read("announcement-2025-09")])
        return {c.id: c for c in found}

    return held


@pytest.fixture
def checked(tmp_path: Path) -> Callable[..., Claim]:
    """Return the verdict on one claim that is written as its statements, of a result (the world by default)."""

    def one(statements: str, result: Result | None = None, because: str = "", **changes: Any) -> Claim:
        path = tmp_path / "mine.yaml"
        words = f"    because: {because}\n" if because else ""
        path.write_text(
            "source: {title: me, date: 2026-01}\nclaims:\n  mine:\n    says: so\n"
            f"    statements: {statements}\n{words}"
        )
        return claims.evaluate(result or make_world(**changes), FACTS, [claims.read(path)])[0]

    return one
