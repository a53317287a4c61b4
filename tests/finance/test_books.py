"""Books of all parties: assets, loans, tax, cost of capital, returns, and rents over time."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.finance.accounts import accounts, imbalance
from gigaplan.finance.assets import Purchases, assets_of, paid_ahead
from gigaplan.finance.inputs import (
    Contract,
    CostOfCapital,
    Costs,
    Debt,
    Equity,
    FinanceInputs,
    GenerationCost,
    Rents,
    Tax,
    Tranches,
)
from gigaplan.finance.outputs import COST_LINES, LOST, Accounts
from gigaplan.finance.parties import FLOWS, PARTIES, SHAREHOLDERS, incidence
from gigaplan.finance.rates import annuity_share, in_the_plans_prices, monthly
from gigaplan.finance.rents import agreed_index, rent_index
from gigaplan.finance.returns import internal_rate
from gigaplan.finance.tax import macrs_shares
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2026, 1, 1), dt.date(2046, 1, 1))
N = AXIS.months
EARN = CostOfCapital(
    plan_per_year=0.1, vendor_per_year=0.12, landlords_per_year=0.09, lenders_per_year=0.08, investors_per_year=0.12
)


def inputs(book: float = 5.0, service: float = 5.0, **changes: Any) -> FinanceInputs:
    costs = Costs(
        network_share=0.2,
        facility_usd_per_it_mw=12e6,
        operations_usd_per_it_mw_year=0.3e6,
        facility_life_years=10.0,
        construction_months=changes.pop("construction_months", 12.0),
        vendor_share=0.8,
        vendor="V",
    )
    rack = GenerationCost(
        name="g",
        rack_price_usd=1e6,
        rental_usd_per_gpu_h=3.0,
        vendor="V",
        book_life_years=book,
        service_life_years=service,
    )
    tranches = Tranches(
        investor="V",
        milestone=Based(10, "MW", PowerBasis.IT),
        trigger_state="accepted",
        amount_per_milestone_usd=1e6,
        total_usd=3e6,
    )
    given: dict[str, Any] = {
        "generations": (rack,),
        "costs": costs,
        "tranches": tranches,
        "contracts": (Contract(),),
        "cost_of_capital": EARN,
        "vendor_margin_share": 0.6,
        **changes,
    }
    return FinanceInputs(**given)


def bought(racks: Array, service: float = 5.0, earlier: int = 0, ready: Array | None = None) -> Purchases:
    retired = np.zeros_like(racks)
    months = round(service * 12)
    if months < racks.shape[-1]:
        retired[..., months:] = racks[..., : racks.shape[-1] - months]
    return Purchases(
        racks_delivered=racks,
        racks_retired=retired,
        ready_mw_added=racks.sum(axis=1) * 0.15 if ready is None else ready,
        earlier=earlier,
        months=racks.shape[-1] - earlier,
    )


def once(month: int = 0, racks: float = 100.0) -> Array:
    delivered = np.zeros((1, 1, 1, N))
    delivered[..., month] = racks
    return delivered


def run(setup: FinanceInputs, what: Purchases, rented: float = 0.0, revenue: float = 5e6) -> Accounts:
    axis = AXIS
    return accounts(
        bought=what,
        rented_share=np.array([rented]),
        producing_gpu_h=np.full((1, 1, 1, N), 7200 * 700.0),
        accepted_it_mw=np.full((1, 1, N), 15.0),
        energy_cost_usd=np.full((1, 1, N), 1e5),
        revenue_usd=np.full((1, N), revenue),
        deployed_mw=np.linspace(0, 40, N + 1)[None],
        axis=axis,
        inputs=setup,
    )


# Assets


def test_scrapped_racks_leave_the_books() -> None:
    """A 5-year book life of racks that serve 3: two fifths are written off in the month in which they are scrapped."""
    own = assets_of(bought(once(), 3.0), np.ones(1), np.zeros(1), inputs(5.0, 3.0))
    it = 100 * 1e6 * 1.2
    assert own.depreciation_it_usd.sum() == pytest.approx(0.6 * it)
    assert own.write_off_usd[0, 36] == pytest.approx(0.4 * it)
    assert own.write_off_usd.sum() == pytest.approx(0.4 * it)
    assert own.book_value_usd[0, 36] == pytest.approx(it * 25 / 60)  # 35 months written off, the 36th to come
    assert np.abs(own.book_value_usd[0, 37:]).max() < 1e-3


def test_a_book_life_as_long_as_the_service_leaves_no_free_year() -> None:
    """As long as racks serve, they cost: the month of their last depreciation is that of their retirement."""
    own = assets_of(bought(once(), 6.0), np.ones(1), np.zeros(1), inputs(6.0, 6.0))
    assert own.write_off_usd.sum() == 0
    assert np.flatnonzero(own.depreciation_it_usd[0] > 0).tolist() == list(range(1, 73))


@given(st.integers(12, 120), st.integers(12, 120), st.lists(st.floats(0, 1e3), min_size=1, max_size=40))
def test_what_is_bought_is_lost_in_the_end_and_never_more(life: int, service: int, racks: list[float]) -> None:
    delivered = np.zeros((1, 1, 1, N))
    delivered[..., : len(racks)] = racks
    setup = inputs(life / 12, service / 12)
    own = assets_of(bought(delivered, service / 12), np.ones(1), np.ones(1), setup)
    lost = own.depreciation_it_usd + own.depreciation_facility_usd + own.write_off_usd
    total = delivered.sum() * 1e6 * 1.2 + delivered.sum() * 0.15 * 12e6
    assert lost.sum() == pytest.approx(total, rel=1e-9, abs=1e-3)
    assert (own.book_value_usd >= -1e-6 * max(total, 1.0)).all()


def test_construction_is_paid_before_it_is_ready_by_the_curve() -> None:
    """Ready in month 20 after 12 months: half is paid by the middle, all at its end, slowly at both ends."""
    placed = np.zeros((1, 30))
    placed[0, 20] = 100.0
    paid = paid_ahead(placed, 12.0)[0]
    assert paid[9] == 0
    assert paid[15] == pytest.approx(50.0)
    assert paid[12] == pytest.approx(100 * (3 / 16 - 2 / 64))
    assert (paid[21:] == 100).all()
    months = np.diff(paid)
    assert months[9:21] == pytest.approx(months[9:21][::-1])
    assert np.array_equal(paid_ahead(placed, 0.0)[0], np.concatenate([np.zeros(21), np.full(10, 100.0)]))
    both = paid_ahead(placed, np.array([12.0, 0.0]))
    np.testing.assert_allclose(both, np.concatenate([paid[None], paid_ahead(placed, 0.0)]))


def test_what_was_bought_before_the_horizon_is_in_the_books() -> None:
    """A horizon that begins two years later shows the same months, with an opening balance."""
    setup, whole = inputs(), bought(once(), 5.0)
    later = replace(whole, earlier=24, months=N - 24)
    one, two = (assets_of(w, np.ones(1), np.ones(1), setup) for w in (whole, later))
    for name in ("capital_usd", "depreciation_it_usd", "depreciation_facility_usd", "write_off_usd"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name)[..., 24:], err_msg=name, atol=1e-3)
    np.testing.assert_allclose(two.book_value_usd, one.book_value_usd[:, 24:], atol=1e-3)
    assert two.book_value_usd[0, 0] > 0


# Cost of capital


def test_depreciation_and_return_are_worth_the_capital() -> None:
    """Discounted, what is lost and what the books must earn add up to what was paid (Luecke 1955)."""
    out = run(inputs(construction_months=7.5), bought(once(30)))
    factor = (1 + float(monthly(0.1))) ** -np.arange(N + 1.0)
    paid = (out.capital_usd.sum(axis=(1, 2))[0] * factor[1:]).sum()
    borne = ((out.cost_usd[0, :LOST].sum(axis=0) + out.cost_of_capital_usd[0]) * factor[1:]).sum()
    assert borne == pytest.approx(paid, rel=1e-9)


def test_the_capital_recovery_factor_of_the_textbook() -> None:
    """Twelve payments a year of 0.25 / 12 hold 10 % over 5.14 years; without a rate it is straight line."""
    rate = float(monthly(0.1))
    assert annuity_share(0.1, 5.0) == pytest.approx(12 * rate / (1 - (1 + rate) ** -60))
    assert annuity_share(0.0, 4.0) == pytest.approx(0.25)
    assert annuity_share(np.array([0.0, 0.1]), 5.0).tolist() == [0.2, float(annuity_share(0.1, 5.0))]


def test_a_price_year_takes_inflation_off_the_rates() -> None:
    earn = replace(EARN, inflation_per_year=0.03)
    real = in_the_plans_prices(0.1, inputs(cost_of_capital=earn, one_price_year=True))
    assert real == pytest.approx(1.1 / 1.03 - 1)
    assert in_the_plans_prices(0.1, inputs(cost_of_capital=earn)) == pytest.approx(0.1)


# Parties


@settings(max_examples=60)
@given(
    st.floats(0, 1),
    st.floats(0, 8e6),
    st.booleans(),
    st.sampled_from([None, "straight_line", "macrs"]),
    st.floats(1, 8),
    st.floats(1, 8),
    st.sampled_from([0.0, 2e6]),
)
def test_the_books_of_every_party_balance(
    rented: float, revenue: float, lent: bool, tax: Any, book: float, service: float, lease: float
) -> None:
    rng = np.random.default_rng(int(revenue))
    racks = rng.uniform(0, 50, (1, 1, 1, N)) * (rng.random((1, 1, 1, N)) < 0.1)
    setup = inputs(
        book,
        service,
        debt=Debt(loan_share=0.5, interest_per_year=0.08, repayment_years=4.0) if lent else None,
        tax=Tax(rate_share=0.2, schedule=tax) if tax else None,
        contracts=(Contract(lease_usd_per_it_mw_year=lease),),
        equity=(
            Equity(name="a", investor="V", amount_usd=2e7, date=dt.date(2028, 3, 1)),
            Equity(name="b", investor="W", amount_usd=1e7, date=dt.date(2029, 3, 1)),
        ),
    )
    out = run(setup, bought(racks, service, earlier=0), rented, revenue)
    books = out.books
    assert imbalance(out) < 1e-9
    scale = float(np.abs(books.flow_usd).max()) + 1.0
    assert np.abs(books.cash_usd.sum(axis=1)).max() < 1e-9 * scale
    np.testing.assert_allclose(books.cash_usd[:, 0], -out.funding_gap_usd, atol=1e-9 * scale, rtol=1e-9)
    np.testing.assert_allclose(
        out.book_value_usd, out.debt_usd + out.equity_usd, atol=1e-9 * float(np.abs(books.flow_usd).sum())
    )
    assert (books.flow_usd >= -1e-6 * scale).all(), "every flow goes from its payer to its receiver"


@pytest.mark.parametrize("name", list(FLOWS))
def test_a_flow_that_is_left_out_is_seen(name: str) -> None:
    """Without any one flow that is not nothing, some party's books no longer balance."""
    setup = inputs(
        debt=Debt(loan_share=0.5, interest_per_year=0.08, repayment_years=4.0),
        tax=Tax(rate_share=0.2),
        contracts=(Contract(lease_usd_per_it_mw_year=2e6),),
        equity=(Equity(name="b", investor="W", amount_usd=1e8, date=dt.date(2029, 3, 1)),),
    )
    out = run(setup, bought(once(30)), rented=0.5, revenue=2e7)
    flows = out.books.flow_usd.copy()
    k = list(FLOWS).index(name)
    assert flows[:, k].any() or name == "facilities"
    flows[:, k] = 0
    cash = np.einsum("fq,mfn->mqn", incidence(), flows)
    broken = replace(out, books=replace(out.books, cash_usd=cash))
    assert (imbalance(broken) > 1e-6) == bool(out.books.flow_usd[:, k].any())


def test_every_flow_has_a_payer_and_a_receiver() -> None:
    signs = incidence()
    assert (signs.sum(axis=1) == 0).all()
    assert (np.abs(signs).sum(axis=1) == 2).all()
    assert set(SHAREHOLDERS) <= set(FLOWS)


def test_returns_by_hand() -> None:
    """Landlords buy 100 racks for 120 million and a hall, and let them: their rate is that of a spreadsheet's XIRR."""
    from pyxirr import xnpv

    out = run(inputs(construction_months=0.0), bought(once(0)), rented=1.0)
    at = PARTIES.index("landlords")
    rate = float(out.returns.irr_per_year[0, at])
    flows = [*out.books.cash_usd[0, at], out.books.assets_usd[0, at, -1]]
    days = [*AXIS.mid_days, AXIS.edge_days[-1]]
    dates = [AXIS.start + dt.timedelta(days=int(d)) for d in days]
    assert xnpv(rate, dates, flows) == pytest.approx(0, abs=1e-3 * max(map(abs, flows)))
    assert sum(f / (1 + rate) ** (d / 365) for f, d in zip(flows, map(int, days), strict=True)) == pytest.approx(
        0, abs=1e-2 * max(map(abs, flows))
    )
    so_far = np.cumsum(out.books.cash_usd[0, at])
    assert out.returns.peak_funding_usd[0, at] == pytest.approx(-so_far.min())
    back = int(np.argmax(so_far >= 0))
    assert out.returns.payback_days[0, at] == AXIS.edge_days[back + 1]


def test_a_rate_of_return_gives_no_present_value() -> None:
    """Discounted at the internal rate, what a party receives is worth what it pays."""
    first = run(inputs(), bought(once(0)), rented=1.0)
    at = PARTIES.index("landlords")
    rate = float(first.returns.irr_per_year[0, at])
    again = run(inputs(cost_of_capital=replace(EARN, landlords_per_year=rate)), bought(once(0)), rented=1.0)
    assert abs(again.returns.npv_usd[0, at]) < 2e-3 * again.returns.peak_funding_usd[0, at]
    assert first.returns.npv_usd[0, at] * (rate - 0.09) > 0


YEARLY = np.arange(12) * 365.0
RATES = {
    "a receipt before all that is put in": ([0.2, -50.0, -50.0, *[10.0] * 8, 5.0], True),
    "a loss of most of what is put in": ([-1.0, -200.0, -300.0, *[20.0] * 8, 15.0], True),
    "a profit": ([-100.0, *[30.0] * 10, 5.0], True),
    "two rates": ([-100.0, 230.0, -132.0, *[0.0] * 9], False),
    "nothing put in": ([5.0, *[1.0] * 11], False),
    "nothing back before the end": ([-100.0, *[-5.0] * 10, 80.0], False),
    "nothing back": ([-100.0, *[-5.0] * 11], False),
}


@pytest.mark.parametrize("shape", RATES)
def test_an_internal_rate_is_given_where_there_is_one(shape: str) -> None:
    """At the rate, what is put in is worth what comes back; where two rates solve it (10 and 20 %), none is given."""
    flows, one = RATES[shape]
    rate = float(internal_rate(np.array([[flows]]), YEARLY)[0, 0])
    assert np.isfinite(rate) == one
    if one:
        worth = np.array(flows) / (1 + rate) ** (YEARLY / 365)
        assert abs(worth.sum()) < 1e-6 * np.abs(worth).sum()
        assert (rate > 0) == (sum(flows) > 0)


@settings(deadline=None, max_examples=10)
@given(st.floats(1.0, 12.0))
def test_law_book_life_moves_no_return(book: float) -> None:
    """Without tax, what the books write off and when moves no cash, and neither present value nor rate."""
    for rented in (0.0, 1.0):
        as_used, other = (run(inputs(b, 5.0), bought(once(190)), rented=rented, revenue=4e6) for b in (5.0, book))
        assert np.array_equal(other.books.cash_usd, as_used.books.cash_usd)
        for name in ("npv_usd", "irr_per_year", "payback_days", "peak_funding_usd"):
            found = [getattr(out.returns, name) for out in (as_used, other)]
            np.testing.assert_allclose(found[1], found[0], rtol=1e-6, equal_nan=True, err_msg=name)


def test_the_plans_return_leaves_out_what_shareholders_pay_in() -> None:
    rounds = (Equity(name="b", investor="W", amount_usd=1e9, date=dt.date(2027, 3, 1)),)
    with_equity, without = (run(inputs(equity=e), bought(once(0)), revenue=4e6) for e in (rounds, ()))
    for name in ("npv_usd", "irr_per_year", "payback_days", "peak_funding_usd"):
        values = [getattr(out.returns, name)[0, 0] for out in (with_equity, without)]
        assert values[0] == pytest.approx(values[1]), name


# Loans and tax


def test_a_loan_by_hand() -> None:
    """120 million of racks, half lent over 4 years: 1.25 million a month back, interest on what is left."""
    setup = inputs(debt=Debt(loan_share=0.5, interest_per_year=0.08, repayment_years=4.0), construction_months=0.0)
    out = run(setup, bought(once(0), ready=np.zeros((1, 1, N))))
    assert out.debt_usd[0, 1] == pytest.approx(60e6)
    assert out.debt_usd[0, 25] == pytest.approx(30e6)
    assert out.debt_usd[0, 49:].max() == pytest.approx(0, abs=1e-3)
    assert out.interest_usd[0, 1] == pytest.approx(60e6 * float(monthly(0.08)))
    lender = PARTIES.index("lenders")
    assert out.returns.irr_per_year[0, lender] == pytest.approx(0.08, abs=0.004)


def test_debt_service_cover_by_hand() -> None:
    """1.25 million of repayment and the interest are due; 4 million less running costs pay them 2 to 3 times."""
    setup = inputs(debt=Debt(loan_share=0.5, interest_per_year=0.08, repayment_years=4.0), construction_months=0.0)
    out = run(setup, bought(once(0), ready=np.zeros((1, 1, N))), revenue=4e6)
    due = 1.25e6 + 60e6 * float(monthly(0.08))
    running_costs = sum(out.cost_usd[0, COST_LINES.index(n), 1] for n in ("energy", "operations", "rental", "lease"))
    assert out.debt_service_usd[0, 1] == pytest.approx(due)
    assert out.debt_service_cover[0, 1] == pytest.approx((4e6 - running_costs - out.tax_usd[0, 1]) / due)
    assert np.isnan(out.debt_service_cover[0, 49:]).all(), "nothing is due once the loan is repaid"
    assert np.isnan(run(inputs(), bought(once(0))).debt_service_cover).all()


def test_macrs_is_the_law_s_table() -> None:
    """IRS publication 946, table A-1, 5 years, half-year convention."""
    assert [round(100 * s, 2) for s in macrs_shares()] == [20.0, 32.0, 19.2, 11.52, 11.52, 5.76]
    assert sum(macrs_shares(7)) == pytest.approx(1)
    assert round(100 * macrs_shares(7)[0], 2) == 14.29


def test_tax_is_paid_on_profit_after_losses_and_later_by_macrs() -> None:
    first = bought(once(0), ready=np.zeros((1, 1, N)))
    plain, soon, at_once = (
        run(inputs(tax=Tax(rate_share=0.2, schedule=s, bonus_share=b)), first)  # type: ignore[arg-type]
        for s, b in (("straight_line", 0.0), ("macrs", 0.0), ("macrs", 1.0))
    )
    profit = plain.revenue_usd - plain.cost_usd.sum(axis=1)
    assert plain.tax_usd.sum() == pytest.approx(0.2 * profit.sum())
    for out in (soon, at_once):
        assert out.tax_usd.sum() == pytest.approx(plain.tax_usd.sum())
    assert (soon.tax_usd.cumsum() <= plain.tax_usd.cumsum() + 1e-3).all()
    assert (at_once.tax_usd.cumsum() <= soon.tax_usd.cumsum() + 1e-3).all()
    lost = run(inputs(tax=Tax(rate_share=0.2)), first, revenue=0.0)
    assert lost.tax_usd.sum() == 0


# Rents


PATH = Rents(
    change_per_year=-0.2,
    reference_date=dt.date(2027, 1, 1),
    published=((dt.date(2026, 1, 1), 2.0), (dt.date(2027, 1, 1), 1.0)),
    contract_years=2.0,
)


def test_rents_go_through_what_is_published_and_on_by_the_rate() -> None:
    index = rent_index(inputs(rents=PATH), AXIS)[0, 0]
    day = (AXIS.mid_days[0]) / 365
    assert index[0] == pytest.approx(2.0 ** (1 - day))
    assert index[12 + 12] / index[12] == pytest.approx(0.8, rel=2e-3)
    flat = rent_index(inputs(rents=Rents()), AXIS)
    assert (flat == 1).all()
    members = rent_index(inputs(rents=replace(PATH, change_per_year=np.array([-0.2, 0.1]))), AXIS)[:, 0]
    np.testing.assert_allclose(members[0], index)
    assert members[1, -1] > members[0, -1]


@pytest.mark.parametrize("years", [-1, 0, 2, 4])
def test_a_generation_starts_at_its_own_rent_and_ages_from_its_first_shipment(years: int) -> None:
    """One of 2029 rents in 2029 for what it is stated at and not for what two years of decline left of it; one that
    shipped before the rents' date follows the market as before."""
    ships, delay = dt.date(2027 + years, 1, 1), np.array([0.0, 92.0])
    setup = inputs(rents=PATH)
    dated = replace(setup.generations[0], first_supply_date=ships, first_supply_date_delay_days=delay)
    new = rent_index(replace(setup, generations=(dated,)), AXIS)[:, 0]
    market = rent_index(setup, AXIS)[0, 0]
    if years < 0:
        np.testing.assert_allclose(new[0], market)
        return
    start = AXIS.days_since_start(ships)
    age = np.maximum(AXIS.mid_days - (start + delay[:, None]), 0.0) / 365.25
    late = AXIS.mid_days > start
    np.testing.assert_allclose(new[:, late], (0.8**age)[:, late], rtol=2e-3)
    assert (new[1, late] >= new[0, late]).all()
    if years > 0:
        assert (new[:, late] > 1.15 * market[late]).all()
        assert (new[:, ~late] == 1).all()


def test_a_rent_stands_for_its_term() -> None:
    """Racks of January 2026 pay the rent of then for two years, then that of January 2028 for two, and so on."""
    setup = inputs(5.0, 5.0, rents=PATH)
    index, now = agreed_index(once(0), 0, setup, AXIS)[0, 0, 0], rent_index(inputs(rents=PATH), AXIS)[0, 0]
    assert index[1:24] == pytest.approx(now[0])
    assert index[25:48] == pytest.approx(now[24])
    assert index[49:60] == pytest.approx(now[48])
    assert index[70:] == pytest.approx(now[70:])
    two = once(0) + once(12, 300.0)
    mixed = agreed_index(two, 0, setup, AXIS)[0, 0, 0]
    assert mixed[20] == pytest.approx((100 * now[0] + 300 * now[12]) / 400)
    own_term = agreed_index(once(0), 0, replace(setup, contracts=(Contract(years=5.0),)), AXIS)[0, 0, 0]
    assert own_term[1:60] == pytest.approx(now[0])


def test_rent_follows_in_the_accounts() -> None:
    still, falling = (run(inputs(rents=r), bought(once(0)), rented=1.0) for r in (Rents(), PATH))
    line = COST_LINES.index("rental")
    assert falling.cost_usd[0, line, -1] < 0.2 * still.cost_usd[0, line, -1]
