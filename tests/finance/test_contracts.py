"""Contracts, equity and guaranties: by hand, and as part of the accounts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.finance.accounts import accounts
from gigaplan.finance.assets import Purchases
from gigaplan.finance.contracts import commitment_usd, lease_usd, leased, rent_usd
from gigaplan.finance.equity import equity_by_month, guaranteed_by_month
from gigaplan.finance.inputs import Contract, Costs, Equity, FinanceInputs, GenerationCost, Guaranty, Tranches
from gigaplan.finance.outputs import COMPONENTS, COST_LINES, Accounts
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import DAYS_PER_YEAR, HOURS, HOURS_PER_YEAR, TimeAxis

AXIS = TimeAxis(dt.date(2026, 1, 1), dt.date(2032, 1, 1))
N = AXIS.months
PER_HOUR, BY_MW, LEASE = (
    Contract(),
    Contract(usd_per_it_mw_year=14e6, years=5.0),
    Contract(lease_usd_per_it_mw_year=2e6),
)
YEARS = AXIS.hours / HOURS_PER_YEAR
"""Length of each month [years]."""


def inputs(*contracts: Contract, **changes: Any) -> FinanceInputs:
    values: dict[str, Any] = {
        "network_share": 0.2,
        "facility_usd_per_it_mw": 12e6,
        "operations_usd_per_it_mw_year": 0.3e6,
        "facility_life_years": 14.0,
        "vendor_share": 0.85,
    }
    generations = tuple(
        GenerationCost(name=n, rack_price_usd=p, rental_usd_per_gpu_h=r, book_life_years=5.0, service_life_years=30.0)
        for n, p, r in (("a", 1e6, 2.0), ("b", 3e6, 3.0))
    )
    terms = Tranches(
        investor="V",
        milestone=Based(1000, "MW", PowerBasis.IT),
        trigger_state="accepted",
        amount_per_milestone_usd=0.0,
        total_usd=0.0,
    )
    return FinanceInputs(
        generations=generations, costs=Costs(**{**values, **changes}), tranches=terms, contracts=contracts
    )


def steady(value: float, places: int = 1) -> Array:
    return np.full((1, places, N), value)


# Rent and lease


def test_rent_of_gpu_hours_by_hand() -> None:
    gpu_h = np.zeros((1, 2, 1, N))
    gpu_h[0, :, 0, 3] = 1000.0, 10.0  # of each generation
    rent = rent_usd(gpu_h, steady(7.0), np.array([0.5]), inputs(PER_HOUR), AXIS)
    assert rent[0, 0, 3] == pytest.approx(0.5 * (1000 * 2.0 + 10 * 3.0))
    assert rent.sum() == rent[0, 0, 3]


def test_rent_of_megawatts_is_paid_used_or_not() -> None:
    idle = np.zeros((1, 2, 1, N))
    rent = rent_usd(idle, steady(100.0), np.array([1.0]), inputs(BY_MW), AXIS)
    np.testing.assert_allclose(rent[0, 0], 100 * 14e6 * YEARS)
    busy = rent_usd(idle + 1e9, steady(100.0), np.array([1.0]), inputs(BY_MW), AXIS)
    np.testing.assert_array_equal(rent, busy)


def test_every_place_has_its_own_terms() -> None:
    gpu_h = np.full((1, 2, 3, N), 500.0)
    rent = rent_usd(gpu_h, steady(10.0, 3), np.array([1.0, 0.25, 0.0]), inputs(PER_HOUR, BY_MW, BY_MW), AXIS)
    np.testing.assert_allclose(rent[0, 0], 500 * 5.0)
    np.testing.assert_allclose(rent[0, 1], 0.25 * 10 * 14e6 * YEARS)
    assert (rent[0, 2] == 0).all()


def test_lease_is_for_what_is_owned() -> None:
    setup = inputs(LEASE, LEASE, BY_MW)
    lease = lease_usd(steady(10.0, 3), np.array([1.0, 0.4, 1.0]), setup, AXIS)
    np.testing.assert_allclose(lease[0, 0], 10 * 2e6 * YEARS)
    np.testing.assert_allclose(lease[0, 1], 0.4 * 10 * 2e6 * YEARS)
    assert (lease[0, 2] == 0).all()
    assert leased(setup.contracts).tolist() == [1.0, 1.0, 0.0]


def test_a_year_of_a_price_per_year_is_the_price() -> None:
    """Four years hold one leap day: what is paid in 1461 days is 4 / 4.0001 of four times the price."""
    rent = rent_usd(np.zeros((1, 2, 1, N)), steady(1.0), np.ones(1), inputs(BY_MW), AXIS)[0, 0, :48]
    assert rent.sum() == pytest.approx(14e6 * 1461 / DAYS_PER_YEAR)


def test_uncertain_terms_are_each_members_own() -> None:
    price = np.array([10e6, 20e6])
    rent = rent_usd(
        np.zeros((1, 2, 1, N)), steady(1.0), np.ones(1), inputs(replace(BY_MW, usd_per_it_mw_year=price)), AXIS
    )
    assert rent.shape == (2, 1, N)
    np.testing.assert_allclose(rent[1], 2 * rent[0])


# Commitments


def test_commitments_by_hand() -> None:
    """A million a month from the third month on, for two years: what is ahead falls by a month's rent each month."""
    rent = np.where(np.arange(N) >= 2, 12e6, 0.0) * YEARS
    ahead = commitment_usd(rent[None, None], inputs(replace(BY_MW, years=2.0)), AXIS)[0]
    assert ahead.shape == (N + 1,)
    assert (ahead[:3] == 0).all()
    begun = AXIS.edge_days[2] / DAYS_PER_YEAR
    ends = AXIS.edge_days / DAYS_PER_YEAR
    np.testing.assert_allclose(ahead[3:], 12e6 * np.clip(begun + 2 - ends[3:], 0, 2), rtol=1e-9)
    assert ahead[3] == pytest.approx(12e6 * (2 - 31 / DAYS_PER_YEAR))  # March 2026 is gone
    assert (ahead[2 + 25 :] == 0).all()  # the term has ended, though rent goes on
    assert rent[40] > 0


def test_without_a_term_nothing_is_promised() -> None:
    rent = steady(1e6)
    assert (commitment_usd(rent, inputs(replace(BY_MW, years=0.0)), AXIS) == 0).all()
    assert (commitment_usd(rent * 0, inputs(BY_MW), AXIS) == 0).all()


def test_places_commit_each_for_its_own_time() -> None:
    rent = np.stack([np.full(N, 1e6), np.where(np.arange(N) >= 24, 2e6, 0.0)])[None]
    terms = replace(BY_MW, years=1.0), replace(BY_MW, years=3.0)
    both = commitment_usd(rent, inputs(*terms), AXIS)[0]
    alone = [commitment_usd(rent[:, [p]], inputs(terms[p]), AXIS)[0] for p in (0, 1)]
    np.testing.assert_allclose(both, alone[0] + alone[1])
    assert both[14] == 0 and both[30] > 0  # one has ended, the other not begun; then it has


@given(st.floats(0.1, 8), st.integers(0, N - 1), st.floats(1, 1e9))
def test_law_a_steady_commitment_falls_to_nothing_at_its_terms_end(years: float, first: int, monthly: float) -> None:
    rent = np.where(np.arange(N) >= first, monthly, 0.0) * YEARS
    ahead = commitment_usd(rent[None, None], inputs(replace(BY_MW, years=years)), AXIS)[0]
    assert (ahead >= 0).all()
    assert (np.diff(ahead[first + 1 :]) <= 1e-6 * monthly).all()
    over = AXIS.edge_days / DAYS_PER_YEAR >= AXIS.edge_days[first] / DAYS_PER_YEAR + years
    assert (ahead[over] == 0).all()
    assert ahead.max() <= monthly * years * (1 + 1e-9)
    still = ~over & (np.arange(N + 1) > first)
    assert (ahead[still] > 0).all()


# Equity and guaranties


def test_equity_comes_in_the_month_of_its_date() -> None:
    rounds = [
        Equity(name="a", investor="x", amount_usd=3e9, date=dt.date(2026, 2, 27)),
        Equity(name="b", investor="y", amount_usd=1e9, date=dt.date(2031, 12, 31)),
        Equity(name="too early", investor="y", amount_usd=1e9, date=dt.date(2025, 12, 31)),
        Equity(name="too late", investor="y", amount_usd=1e9, date=dt.date(2032, 1, 1)),
    ]
    paid = equity_by_month(rounds, AXIS)
    assert paid.shape == (4, N)
    assert paid[0, 1] == 3e9 and paid[1, -1] == 1e9
    assert paid.sum() == 4e9
    assert equity_by_month([], AXIS).shape == (0, N)


def test_a_guaranty_by_hand() -> None:
    axis = TimeAxis(dt.date(2026, 1, 1), dt.date(2030, 1, 1))
    left = guaranteed_by_month(
        [Guaranty(name="g", guarantor="v", amount_usd=8e9, start=dt.date(2027, 1, 1), years=2.0)], axis
    )
    assert (left[:12] == 0).all()
    years = (axis.mid_days - 365) / DAYS_PER_YEAR
    np.testing.assert_allclose(left[12:36], 8e9 * (1 - years[12:36] / 2))
    assert left[12] == pytest.approx(8e9 * (1 - 15.5 / DAYS_PER_YEAR / 2))  # the middle of January
    assert (left[36:] == 0).all()


@given(
    st.lists(
        st.tuples(st.floats(1e6, 1e11), st.dates(dt.date(2020, 1, 1), dt.date(2033, 1, 1)), st.floats(0.1, 30)),
        max_size=4,
    )
)
def test_law_guaranties_decline_and_add_up(terms: list[tuple[float, dt.date, float]]) -> None:
    each = [Guaranty(name=str(i), guarantor="v", amount_usd=a, start=s, years=y) for i, (a, s, y) in enumerate(terms)]
    total = guaranteed_by_month(each, AXIS)
    alone = [guaranteed_by_month([g], AXIS) for g in each]
    np.testing.assert_allclose(total, np.sum(alone, axis=0) if alone else np.zeros(N))
    for g, left in zip(each, alone, strict=True):
        running = left[left > 0]
        assert (np.diff(running) < 0).all()
        assert (left <= g.amount_usd).all() and (left >= 0).all()
        years = (AXIS.mid_days - AXIS.days_since_start(g.start)) / DAYS_PER_YEAR
        assert (left[(years < 0) | (years >= g.years)] == 0).all()


# In the accounts


def books(
    seed: int, *contracts: Contract, rented: Array | None = None, **changes: Any
) -> tuple[Accounts, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    places = len(contracts)
    delivered = rng.uniform(0, 100, (2, 2, places, N)) * (rng.random((2, 2, places, N)) < 0.2)
    given: dict[str, Any] = {
        "bought": Purchases(
            racks_delivered=delivered,
            racks_retired=np.zeros_like(delivered),
            ready_mw_added=delivered.sum(axis=1) * 0.15,
            earlier=0,
            months=N,
        ),
        "rented_share": rng.choice([0.0, 0.3, 1.0], places) if rented is None else rented,
        "producing_gpu_h": np.cumsum(delivered, axis=-1) * 72 * HOURS * 30,
        "accepted_it_mw": np.cumsum(delivered.sum(axis=1), axis=-1) * 0.15,
        "energy_cost_usd": rng.uniform(0, 1e6, (2, places, N)),
        "revenue_usd": rng.uniform(0, 1e9, (2, N)),
        "deployed_mw": np.zeros((2, N + 1)),
    }
    equity = tuple(
        Equity(name=str(i), investor="x", amount_usd=1e9 * (i + 1), date=dt.date(2026 + i, 6, 1)) for i in range(3)
    )
    setup = replace(inputs(*contracts, **changes), equity=equity)
    return accounts(**given, axis=AXIS, inputs=setup), given


terms = st.builds(
    Contract,
    usd_per_it_mw_year=st.sampled_from((0.0, 14e6)),
    lease_usd_per_it_mw_year=st.sampled_from((0.0, 2e6)),
    years=st.floats(0, 20),
)


@given(st.integers(0, 10**6), st.lists(terms, min_size=1, max_size=4))
def test_law_rent_is_in_the_costs_once_and_books_balance(seed: int, contracts: list[Contract]) -> None:
    got, given_ = books(seed, *contracts)
    lines = dict(zip(COST_LINES, np.moveaxis(got.cost_usd, 1, 0), strict=True))
    np.testing.assert_allclose(got.rent_usd.sum(axis=1), lines["rental"] + lines["lease"], rtol=1e-12)
    running = sum(lines[k] for k in ("energy", "operations", "rental", "lease"))
    received = got.revenue_usd + got.tranche_usd + got.equity_paid_usd.sum(axis=0)
    np.testing.assert_allclose(
        got.funding_gap_usd, got.capital_usd.sum(axis=(1, 2)) + running - received, rtol=1e-9, atol=1.0
    )
    turnover = float(np.abs(got.cost_usd).sum() + got.revenue_usd.sum())  # what equity is a running sum of
    np.testing.assert_allclose(got.book_value_usd, got.equity_usd, atol=1e-12 * turnover, rtol=1e-9)
    assert got.equity_paid_usd.sum() == 6e9
    owned = 1 - given_["rented_share"]
    np.testing.assert_allclose(lines["energy"], (given_["energy_cost_usd"] * owned[:, None]).sum(axis=1))
    for p, contract in enumerate(contracts):
        if given_["rented_share"][p] == 0 and not contract.lease_usd_per_it_mw_year:
            assert (got.rent_usd[:, p] == 0).all()


def test_a_leased_building_is_not_bought_and_its_systems_are() -> None:
    own, lease = (books(3, c, rented=np.zeros(1))[0] for c in (PER_HOUR, LEASE))
    racks, network, facility = range(len(COMPONENTS))
    np.testing.assert_array_equal(own.capital_usd[:, :, [racks, network]], lease.capital_usd[:, :, [racks, network]])
    assert own.capital_usd[:, :, facility].sum() > 0
    assert lease.capital_usd[:, :, facility].sum() == 0
    assert lease.rent_usd.sum() > 0 and own.rent_usd.sum() == 0


def test_what_is_rented_is_neither_bought_nor_run_by_us() -> None:
    got, _ = books(4, BY_MW, rented=np.ones(1))
    assert got.capital_usd.sum() == 0
    kept = COST_LINES.index("rental")
    assert got.cost_usd[:, kept].sum() == pytest.approx(got.cost_usd.sum())
    assert got.commitment_usd.max() > 0


def test_equity_lowers_the_gap_and_nothing_else() -> None:
    with_equity, given_ = books(5, PER_HOUR)
    setup = inputs(PER_HOUR)
    without = accounts(**given_, axis=AXIS, inputs=setup)
    np.testing.assert_allclose(
        without.funding_gap_usd - with_equity.funding_gap_usd,
        np.broadcast_to(with_equity.equity_paid_usd.sum(axis=0), (2, N)),
        atol=1e-3,
    )
    for name in ("capital_usd", "cost_usd", "book_value_usd", "rent_usd", "commitment_usd"):
        np.testing.assert_array_equal(getattr(with_equity, name), getattr(without, name), err_msg=name)
