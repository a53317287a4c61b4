from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.finance.accounts import accounts
from gigaplan.finance.cost import cost_per_mtok
from gigaplan.finance.depreciation import straight_line
from gigaplan.finance.inputs import Costs, FinanceInputs, GenerationCost, Tranches
from gigaplan.finance.outputs import COST_LINES, Accounts
from gigaplan.finance.tranches import amounts_usd, by_month, trigger_days
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2024, 1, 1), dt.date(2034, 1, 1))
N = AXIS.months


def terms(**changes: Any) -> Tranches:
    values: dict[str, Any] = {"amount_per_milestone_usd": 10e9, "total_usd": 25e9}
    return Tranches(
        investor="V", milestone=Based(1000, "MW", PowerBasis.IT), trigger_state="accepted", **{**values, **changes}
    )


def inputs(**changes: Any) -> FinanceInputs:
    values: dict[str, Any] = {
        "network_share": 0.2, "facility_usd_per_it_mw": 12e6, "operations_usd_per_it_mw_year": 0.3e6, "it_life_years": 5.0,
        "facility_life_years": 14.0, "vendor_share": 0.85,
    }  # fmt: skip
    cost = GenerationCost(name="g", rack_price_usd=3.5e6, rental_usd_per_gpu_h=3.0)
    return FinanceInputs(generations=(cost,), costs=Costs(**{**values, **changes}), tranches=terms())


def flat(value: float, *shape: int) -> Any:
    return np.full((1, *shape), value)


def run(racks: Any = None, rented: float = 0.0, revenue: float = 1e8, setup: FinanceInputs | None = None) -> Accounts:
    delivered = np.zeros((1, 1, 1, N))
    delivered[..., 0] = 100
    return accounts(
        racks_delivered=delivered if racks is None else racks, ready_mw_added=(delivered[:, 0] if racks is None else racks[:, 0]) * 0.15,
        rented_share=np.array([rented]), producing_gpu_h_rented=flat(7200 * rented, 1, N) * AXIS.hours,
        accepted_it_mw=flat(15 * (1 - rented), 1, N), energy_cost_usd=flat(1e6, 1, N), revenue_usd=flat(revenue, N),
        deployed_mw=np.linspace(0, 3000, N + 1)[None], axis=AXIS, inputs=setup or inputs(),
    )  # fmt: skip


def test_epochs_gigawatt() -> None:
    """Epoch AI's 1-GW model (2026-05-14): 38 billion USD a gigawatt of which 11.77 facility, 0.9 running cost, gives
    8.5 billion a year with an IT life of 5 years, 12 with 3 and 7 with 7. Theirs has a cost of capital that ours, undiscounted,
    lacks, so ours must come out below theirs, by less than a quarter."""
    facts = catalog.load()
    facility = facts.find("build", "facility_usd_per_it_mw").number * 1000
    running = 0.9e9
    for life in (3, 5, 7):
        it = straight_line(np.array([38e9 - facility] + [0.0] * 59), float(life))[12:24].sum()
        building = straight_line(np.array([facility] + [0.0] * 59), 14.0)[12:24].sum()
        published = facts.find(f"epoch_1gw_life_{life}", "cost_usd_per_it_mw_year").number * 1000
        assert 0.75 < (it + building + running) / published < 1.0, life


def test_straight_line_by_hand() -> None:
    spent = np.zeros(20)
    spent[2] = 120.0
    lost = straight_line(spent, 1.0)
    assert lost[:3].tolist() == [0, 0, 0]
    assert lost[3:15] == pytest.approx(10)
    assert lost[15:].max() == 0
    part = straight_line(spent, 1.125)  # 13.5 months: the last month takes half
    assert part[15] == pytest.approx(120 / 13.5)
    assert part[16] == pytest.approx(60 / 13.5)
    with pytest.raises(ValueError, match="shorter than a month"):
        straight_line(spent, 0.01)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=30), st.floats(0.1, 4))
def test_all_capital_is_depreciated_in_the_end_and_never_more(spent: list[float], life: float) -> None:
    capital = np.concatenate([np.array(spent), np.zeros(60)])
    lost = straight_line(capital, life)
    assert lost.sum() == pytest.approx(sum(spent), rel=1e-9, abs=1e-6)
    assert (np.cumsum(lost) <= np.cumsum(capital) + 1e-3).all()


@given(st.floats(0, 1), st.floats(0, 5e9), st.floats(1, 8))
def test_the_accounts_balance(rented: float, revenue: float, life: float) -> None:
    out = run(rented=rented, revenue=revenue, setup=inputs(it_life_years=life))
    scale = np.abs(out.book_value_usd).max() + 1
    assert np.abs(out.book_value_usd - out.equity_usd).max() / scale < 1e-9
    uses = out.capital_usd.sum(axis=(1, 2)) + out.cost_usd[:, 2:].sum(axis=1)
    sources = out.revenue_usd + out.tranche_usd + out.funding_gap_usd
    assert uses == pytest.approx(sources, rel=1e-9)


def test_capital_by_hand() -> None:
    out = run()
    assert out.capital_usd[0, 0, :, 0] == pytest.approx([350e6, 70e6, 180e6])
    assert out.vendor_flow_usd[0, 0] == pytest.approx(420e6 * 0.85)
    assert out.cost_usd[0, 0, 1] == pytest.approx(420e6 / 60)
    assert out.cost_by_life_usd[0, :, 1].tolist() == sorted(out.cost_by_life_usd[0, :, 1].tolist(), reverse=True)


def test_rented_capacity_costs_rent_and_no_capital() -> None:
    out = run(rented=1.0)
    assert out.capital_usd.sum() == 0
    assert out.cost_usd[:, COST_LINES.index("energy")].sum() == 0
    assert out.cost_usd[0, COST_LINES.index("rental"), 0] == pytest.approx(7200 * 744 * 3.0)


def test_tranches_by_hand() -> None:
    """25 billion in tranches of 10: the last pays 5; 1 GW is passed a third of the way to 3 GW."""
    paid = amounts_usd(terms())
    assert paid.tolist() == [10e9, 10e9, 5e9]
    days = trigger_days(np.linspace(0, 3000, N + 1)[None], 1000.0, 3, AXIS)
    third = AXIS.edge_days[40]
    assert days[0] == pytest.approx([third, AXIS.edge_days[80], AXIS.edge_days[120]], abs=1)
    assert by_month(days, paid[None], AXIS).sum() == 25e9
    never = trigger_days(np.zeros((1, N + 1)), 1000.0, 3, AXIS)
    assert np.isnan(never).all()
    assert by_month(never, paid[None], AXIS).sum() == 0
    assert amounts_usd(terms(amount_per_milestone_usd=0.0)).size == 0


def test_deployed_power_that_falls_back_pays_once() -> None:
    path = np.concatenate([np.full(10, 1500.0), np.zeros(10), np.full(N - 19, 1500.0)])[None]
    days = trigger_days(path, 1000.0, 3, AXIS)
    assert days[0, 0] == 0
    assert np.isnan(days[0, 1:]).all()


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0, 1))
def test_cost_is_shared_out_exactly(held: list[float], training: float) -> None:
    whole = max(sum(held) + training, 1e-9)
    gpu_hours = np.array(held)[None, :, None, None] / whole * 0.9
    out = cost_per_mtok(
        cost_usd=flat(5.0, 2, 1), gpu_hours=gpu_hours, training_gpu_hours=flat(training / whole * 0.9, 1, 1),
        gpu_hours_available=flat(1.0, 1, 1), it_kw_per_gpu=np.array([2.0]), generated_tokens=flat(1e6, 3, 1),
    )  # fmt: skip
    shared = out.workload_usd.sum() + out.training_usd.sum()
    assert shared == pytest.approx(10.0 if sum(held) > 0 else out.training_usd.sum())


def test_no_tokens_no_price() -> None:
    out = cost_per_mtok(
        cost_usd=flat(5.0, 2, 1), gpu_hours=flat(0.0, 2, 1, 1), training_gpu_hours=flat(0.5, 1, 1),
        gpu_hours_available=flat(1.0, 1, 1), it_kw_per_gpu=np.array([2.0]), generated_tokens=flat(0.0, 2, 1),
    )  # fmt: skip
    assert np.isnan(out.workload_usd_per_mtok).all()
    assert np.isnan(out.serving_usd_per_mtok).all()
