from __future__ import annotations

import datetime as dt
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan.fleet.buildout import build
from gigaplan.fleet.inputs import LADDER, LIMITS, FleetInputs, Generation, Ladder, OpeningBlock, Phase, Site
from gigaplan.fleet.ladder import lagged
from gigaplan.fleet.outputs import BuildOut
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis

AXIS = TimeAxis(dt.date(2026, 1, 1), dt.date(2029, 1, 1))
RACK_MW = 0.2
READY, ACCEPTED, PRODUCING = (LADDER.index(s) for s in ("ready", "accepted", "producing"))


def ladder(**changes: Any) -> Ladder:
    values: dict[str, Any] = {
        "contract_lag_months": 1,
        "construction_lag_months": 1,
        "ready_lag_months": 2,
        "acceptance_lag_months": 1,
        "producing_lag_months": 1,
        "refit_lag_months": 3,
        "availability": 0.9,
        "transformer_mw_per_month": 1e9,
        "labour_mw_per_month": 1e9,
        "packaging_start_gpus_per_month": 1e9,
        "packaging_reference_date": dt.date(2026, 1, 1),
        "packaging_growth_per_year": 0.0,
        "packaging_cap_gpus_per_month": 1e9,
    }
    return Ladder(**{**values, **changes})


def generation(racks: float = 1e9, name: str = "new", ship: str = "2024-01-01", **changes: Any) -> Generation:
    values: dict[str, Any] = {
        "gpus_per_rack": 72,
        "it_kw_per_rack": RACK_MW * 1e3,
        "life_years": 50.0,
        "supply_growth_per_year": 0.0,
        "supply_cap_racks_per_month": 1e9,
    }
    return Generation(
        name=name,
        first_ship_date=dt.date.fromisoformat(ship),
        supply_start_racks_per_month=racks,
        **{**values, **changes},
    )


def site(name: str, mw: float, energised: str, **changes: Any) -> Site:
    day = dt.date.fromisoformat(energised)
    values: dict[str, Any] = {"power": Based(mw, "MW", PowerBasis.IT), "announced": dt.date(2024, 1, 1)}
    return Site(name=name, region="us", phases=(Phase(name="1", energised=day, **{**values, **changes}),))


def run(*sites: Site, kinds: Any = None, opening: Any = (), axis: TimeAxis = AXIS, **limits: float) -> BuildOut:
    kinds = kinds or (generation(),)
    return build(FleetInputs(generations=kinds, sites=sites, opening=opening, ladder=ladder(**limits)), axis)


months = st.integers(0, 23).map(lambda k: f"{2026 + k // 12}-{k % 12 + 1:02d}-01")
programmes = st.lists(st.tuples(st.floats(1, 800), months), min_size=1, max_size=4).map(
    lambda rows: tuple(site(str(i), power, day) for i, (power, day) in enumerate(rows))
)
limited = st.fixed_dictionaries(
    {
        "transformer_mw_per_month": st.floats(10, 400),
        "labour_mw_per_month": st.floats(10, 400),
        "packaging_start_gpus_per_month": st.floats(500, 200_000),
    }
)


@settings(max_examples=40)
@given(programmes, limited, st.floats(10, 3000))
def test_a_month_delivers_what_its_least_limit_lets_in(sites: Any, limits: Any, racks: float) -> None:
    out = run(*sites, kinds=(generation(racks),), **limits)
    delivered = out.racks_delivered[0].sum(axis=(0, 1)) * RACK_MW
    assert delivered == pytest.approx(out.limit_mw[0].min(axis=0), abs=1e-6)
    assert out.limit_mw[0, LIMITS.index("racks")].max() <= racks * RACK_MW * (1 + 1e-9)
    packaged = limits["packaging_start_gpus_per_month"] / 72 * RACK_MW
    assert out.limit_mw[0, LIMITS.index("packaging")].max() <= packaged * (1 + 1e-9)
    states = out.power_state_mw[0].sum(axis=1)
    for state, limit in (("energised", "transformer_mw_per_month"), ("ready", "labour_mw_per_month")):
        reached = states[LADDER.index(state) :].sum(axis=0)
        assert np.diff(reached).max() <= limits[limit] * (1 + 1e-9)


@settings(max_examples=25)
@given(programmes, limited, st.floats(10, 3000))
def test_no_month_delivers_more_than_its_least_limit(sites: Any, limits: Any, racks: float) -> None:
    """Two generations that take unlike power and packages per rack, and a refit: the least limit is a bound."""
    old = generation(racks, "old", it_kw_per_rack=100.0, gpus_per_rack=8, life_years=1.0)
    kinds = (old, generation(racks / 2, "new", "2027-03-01"))
    out = run(*sites, kinds=kinds, **limits)
    delivered = (out.racks_delivered[0].sum(axis=1) * np.array([[0.1], [RACK_MW]])).sum(axis=0)
    assert (delivered <= out.limit_mw[0].min(axis=0) + 1e-6).all()


@settings(max_examples=15)
@given(programmes, limited, st.floats(10, 3000), st.floats(1, 4))
def test_more_of_anything_never_installs_less(sites: Any, limits: Any, racks: float, more: float) -> None:
    def installed(kind_racks: float, these: Any) -> Any:
        return np.cumsum(run(*sites, kinds=(generation(kind_racks),), **these).racks_delivered.sum(axis=(0, 1, 2)))

    base = installed(racks, limits)
    assert (installed(racks * more, limits) >= base * (1 - 1e-9) - 1e-6).all()
    for name in limits:
        assert (installed(racks, {**limits, name: limits[name] * more}) >= base * (1 - 1e-9) - 1e-6).all()


@settings(max_examples=25)
@given(programmes, st.floats(0.5, 3), st.floats(0, 2.5), st.floats(0, 2.5))
def test_megawatts_and_racks_are_conserved(sites: Any, life: float, accept: float, produce: float) -> None:
    block = OpeningBlock(name="old", power=Based(50, "MW", PowerBasis.IT), generation="new", date=dt.date(2025, 9, 1))
    axis = TimeAxis(dt.date(2024, 1, 1), AXIS.end)
    out = run(
        *sites,
        kinds=(generation(600, life_years=life),),
        opening=(block,),
        axis=axis,
        acceptance_lag_months=accept,
        producing_lag_months=produce,
    )
    power = out.power_state_mw[0]
    announced = [s.phases[0].power.value for s in sites]
    whole = np.tile(np.array([*announced, 50.0])[:, None], AXIS.months + 1)
    assert power[..., -AXIS.months - 1 :].sum(axis=0) == pytest.approx(whole)
    assert power[PRODUCING] == pytest.approx(out.racks_producing[0, 0] * RACK_MW)
    assert power[ACCEPTED] == pytest.approx((out.racks - out.racks_producing)[0, 0] * RACK_MW, abs=1e-6)
    delivered, retired = (
        np.concatenate([[0.0], np.cumsum(x[0].sum(axis=(0, 1)))]) for x in (out.racks_delivered, out.racks_retired)
    )
    arrived = 50 / RACK_MW * np.clip((axis.edge_days - axis.days_since_start(block.date)) / DAYS_PER_YEAR + 1, 0, 1)
    in_acceptance = delivered - arrived - lagged(delivered - arrived, accept)
    assert delivered == pytest.approx(out.racks[0].sum(axis=(0, 1)) + in_acceptance + retired)


def test_what_was_energised_before_the_horizon_is_ready_when_it_begins() -> None:
    """The lag runs from the real date: a year before the start is long past, a month before has a month to go."""
    out = run(site("long ago", 100, "2025-01-01"), site("a month ago", 100, "2025-12-01"))
    assert out.power_state_mw[0, READY:, :, 0].sum(axis=0) == pytest.approx([100, 0])
    assert out.power_state_mw[0, READY:, :, 1].sum(axis=0) == pytest.approx([100, 100])
    assert [out.first_token(p, AXIS.start) for p in (0, 1)] == [AXIS.start, dt.date(2026, 4, 1)]
    assert out.racks_producing[0, 0, :2, 0] * RACK_MW == pytest.approx([100, 0])


starts = st.integers(0, 96).map(lambda k: dt.date(2022 + k // 12, k % 12 + 1, 1))


@given(programmes, limited, st.floats(10, 3000), starts, st.floats(0, 6), st.booleans())
def test_the_start_of_the_horizon_moves_nothing(
    sites: Any, limits: Any, racks: float, start: dt.date, lag: float, old_halls: bool
) -> None:
    """Months of both horizons are equal, whether the start lies before all dates of the plan or among them."""
    kinds = (generation(racks, "new", "2023-05-01", supply_growth_per_year=0.7, life_years=1.5),)
    block = OpeningBlock(name="old", power=Based(20, "MW", PowerBasis.IT), generation="new", date=dt.date(2025, 3, 1))
    given = {**limits, "packaging_growth_per_year": 0.5, "ready_lag_months": lag, "refit_lag_months": lag}

    def built(begin: dt.date) -> BuildOut:
        axis = TimeAxis(begin, dt.date(2031, 1, 1))
        return run(*sites, kinds=kinds, opening=(block,) if old_halls else (), axis=axis, **given)

    whole, later = built(dt.date(2022, 1, 1)), built(start)
    for f in fields(BuildOut):
        if f.name not in ("places", "first_token_days", "orders", "free_share", "powered_share"):
            series = getattr(later, f.name)
            assert series == pytest.approx(getattr(whole, f.name)[..., -series.shape[-1] :], rel=1e-9, abs=1e-6)
    for place in range(len(whole.places)):
        first = whole.first_token(place, dt.date(2022, 1, 1))
        assert later.first_token(place, start) == (first and max(first, start))


def test_packaging_counts_from_its_date() -> None:
    """72 packages a month in the year about 2026, half as many a year before: one rack, and half of one."""
    early = run(
        site("A", 100, "2024-06-01"),
        axis=TimeAxis(dt.date(2024, 1, 1), AXIS.end),
        packaging_start_gpus_per_month=72,
        packaging_growth_per_year=1.0,
    )
    delivered = early.racks_delivered[0, 0, 0]
    assert delivered[[12, 24, 36]] == pytest.approx([0.5, 1.0, 2.0], rel=0.04)


def test_a_lag_longer_than_history_reaches_back_to_nothing() -> None:
    out = run(site("A", 100, "2025-01-01"), ready_lag_months=1e6, refit_lag_months=1e6)
    assert out.power_state_mw[0, LADDER.index("energised"), 0] == pytest.approx(100)


def test_halls_of_racks_retired_before_the_horizon_have_been_refitted() -> None:
    block = OpeningBlock(name="old", power=Based(20, "MW", PowerBasis.IT), generation="old", date=dt.date(2020, 1, 1))
    kinds = (generation(0.0, "old", "2018-01-01", life_years=4.0), generation())
    out = run(kinds=kinds, opening=(block,))
    assert out.racks[0, 1, 0, 0] == pytest.approx(100), "the newest has taken the power by then"
    assert out.racks_delivered.sum() == 0


def test_the_binding_limit_switches_as_supply_grows() -> None:
    kind = generation(100, supply_growth_per_year=3.0, ship="2026-01-01")
    out = run(*(site(str(i), 100, f"2026-{i + 1:02d}-01") for i in range(12)), kinds=(kind,))
    told = [LIMITS[k] for k in out.binding[0] if k >= 0]
    assert told[0] == told[1] == "racks"
    assert told[-1] == "power"
    assert out.binding[0, -1] == -1


def test_racks_bind_although_transformers_queue_too() -> None:
    """1,000 MW at 60 MW of transformers and 10 MW of racks a month: racks bind and are told as 10 MW.

    Energised by the firsts of March, April and May and ready two months later, 180 MW by July; two months of racks in.
    """
    out = run(site("A", 1000, "2026-03-01"), kinds=(generation(50),), transformer_mw_per_month=60.0)
    assert LIMITS[out.binding[0, 6]] == "racks"
    assert out.limit_mw[0, LIMITS.index("racks"), 6] == pytest.approx(10)
    assert out.limit_mw[0, LIMITS.index("transformers"), 6] == pytest.approx(3 * 60 - 2 * 10)
    assert out.limit_mw[0, LIMITS.index("power"), 6] == pytest.approx(1000 - 2 * 10)


def test_halls_wait_for_the_newest_generation() -> None:
    kinds = (generation(1e6, "old"), generation(5, "new", "2026-02-01"))
    out = run(site("A", 100, "2026-03-01"), kinds=kinds)
    assert out.racks_delivered[0, 0].sum() == 0
    assert out.racks_delivered[0, 1, 0].max() == pytest.approx(5)


def test_a_phase_without_power_changes_nothing() -> None:
    one, two = run(site("A", 100, "2026-03-01")), run(site("A", 100, "2026-03-01"), site("B", 0, "2026-02-01"))
    assert two.gpus_producing == pytest.approx(one.gpus_producing)
    assert np.isnan(two.first_token_days[0, 1])


def test_a_horizon_shorter_than_the_lags() -> None:
    out = run(site("A", 100, "2026-01-01"), axis=TimeAxis(dt.date(2026, 1, 1), dt.date(2026, 3, 1)))
    assert out.racks.shape == (1, 1, 1, 3)
    assert out.racks_delivered.sum() == 0
    assert np.isnan(out.first_token_days).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"contracted": dt.date(2027, 1, 1)}, "'energised' on 2026-03-01 comes before 'contracted' on 2027-01-01"),
        ({"power": Based(1, "MW", PowerBasis.FACILITY)}, "IT basis"),
        ({"generation": "gb999"}, "name one of new"),
    ],
)
def test_what_the_room_cannot_work_with_is_said(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        run(site("A", 1, "2026-03-01", **wrong))


def test_a_life_ends_after_production_begins() -> None:
    with pytest.raises(InputError, match="lengthen its life"):
        run(site("A", 1, "2026-03-01"), kinds=(generation(life_years=0.1),))
