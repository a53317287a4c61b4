from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.fleet.buildout import build
from gigaplan.fleet.inputs import LADDER, LIMITS, FleetInputs, Generation, Ladder, OpeningBlock, Phase, Site
from gigaplan.fleet.ladder import lagged, rate_limited
from gigaplan.fleet.outputs import BuildOut
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2024, 1, 1), dt.date(2034, 1, 1))
WIDE = {
    "packaging_start_gpus_per_month": 1e9,
    "packaging_growth_per_year": 0.0,
    "packaging_cap_gpus_per_month": 1e9,
    "transformer_mw_per_month": 1e9,
    "labour_mw_per_month": 1e9,
}


def ladder(**changes: Any) -> Ladder:
    lags: dict[str, Any] = {
        "contract_lag_months": 1,
        "construction_lag_months": 1,
        "ready_lag_months": 2,
        "acceptance_lag_months": 1,
        "producing_lag_months": 1,
        "refit_lag_months": 3,
        "availability": 0.9,
        "packaging_reference_date": dt.date(2026, 1, 1),
    }
    return Ladder(**{**lags, **WIDE, **changes})


def generation(name: str = "new", ship: str = "2024-01-01", **changes: Any) -> Generation:
    values: dict[str, Any] = {
        "gpus_per_rack": 72,
        "it_kw_per_rack": 200.0,
        "life_years": 50.0,
        "supply_start_racks_per_month": 1e9,
        "supply_growth_per_year": 0.0,
        "supply_cap_racks_per_month": 1e9,
    }
    return Generation(name=name, first_ship_date=dt.date.fromisoformat(ship), **{**values, **changes})


def mw(value: float) -> Based:
    return Based(value, "MW", PowerBasis.IT)


def site(name: str = "A", power: float = 100.0, energised: str = "2025-01-01", kind: str = "newest") -> Site:
    day = dt.date.fromisoformat(energised)
    phase = Phase(name="1", power=mw(power), announced=day - dt.timedelta(days=365), energised=day, generation=kind)
    return Site(name=name, region="us", phases=(phase,))


def run(*sites: Site, generations: Any = None, opening: Any = (), **limits: float) -> BuildOut:
    return build(
        FleetInputs(generations=generations or (generation(),), sites=sites, opening=opening, ladder=ladder(**limits)),
        AXIS,
    )


def test_one_phase_by_hand() -> None:
    """Energised on 1 January 2025, ready two months later, filled during March, then a month to acceptance and
    another to producing: 500 racks of 200 kW, 36,000 GPUs, first tokens in May, all of them producing from June."""
    out = run(site())
    assert out.racks_delivered.sum() == pytest.approx(500)
    assert AXIS.labels[int(np.flatnonzero(out.racks_delivered[0, 0, 0])[0])] == "2025-03"
    assert out.first_token(0, AXIS.start) == dt.date(2025, 5, 1)
    june = AXIS.labels.index("2025-06")
    assert out.gpus_producing[0, 0, june] == pytest.approx(36_000)
    assert out.gpus_available[0, 0, june] == pytest.approx(36_000 * 0.9)


def test_every_announced_megawatt_is_in_one_state() -> None:
    out = run(
        site(),
        site("B", 50, "2026-06-15"),
        opening=(OpeningBlock(name="old", power=mw(30), generation="new", date=dt.date(2024, 7, 1)),),
    )
    total = out.power_state_mw[0].sum(axis=0)
    assert total[:, -1] == pytest.approx([100, 50, 30])
    assert (np.diff(total, axis=-1) >= -1e-9).all()
    assert out.power_state_mw.min() >= -1e-9
    announced = AXIS.labels.index("2025-07")
    assert out.power_state_mw[0, LADDER.index("announced"), 1, announced] == pytest.approx(50)


def test_racks_are_delivered_accepted_or_retired() -> None:
    out = run(
        site(),
        opening=(OpeningBlock(name="old", power=mw(30), generation="new", date=dt.date(2023, 7, 1)),),
        generations=(generation(life_years=5.0),),
    )
    delivered = np.cumsum(out.racks_delivered[0], axis=-1)
    retired = np.cumsum(out.racks_retired[0], axis=-1)
    standing = out.racks[0][..., 1:]
    site_a = delivered[:, 0] - retired[:, 0]
    assert (standing[:, 0] <= site_a + 1e-6).all()
    assert standing[:, 0, -1] == pytest.approx(site_a[:, -1])
    assert retired[:, 0, -1] > 0, "a life of five years ends within the horizon"


def test_the_power_of_retired_racks_takes_the_newest_generation() -> None:
    generations = (generation("old", life_years=3.0), generation("new", ship="2027-01-01"))
    out = run(site(kind="old"), generations=generations)
    assert out.racks[0, 0, 0, -1] == pytest.approx(0)
    assert out.racks[0, 1, 0, -1] == pytest.approx(500)
    lost = out.power_state_mw[0, LADDER.index("accepted") :, 0].sum(axis=0).min()
    assert lost < 100, "the refit takes months"


@pytest.mark.parametrize(
    ("limits", "binds"),
    [
        ({}, "power"),
        ({"transformer_mw_per_month": 10.0}, "transformers"),
        ({"labour_mw_per_month": 10.0}, "labour"),
        ({"packaging_cap_gpus_per_month": 720.0}, "packaging"),
        ({"supply": 10.0}, "racks"),
    ],
)
def test_which_limit_binds(limits: dict[str, float], binds: str) -> None:
    supply = limits.pop("supply", 1e9)
    out = run(
        site(),
        generations=(generation(supply_start_racks_per_month=supply, supply_cap_racks_per_month=supply),),
        **limits,
    )
    month = AXIS.labels.index("2025-04" if binds != "power" else "2025-03")
    assert LIMITS[out.binding[0, month]] == binds
    assert out.binding[0, 0] == -1
    monthly = out.racks_delivered[0, 0, 0] * 0.2
    if binds != "power":
        assert monthly.max() == pytest.approx(2.0 if binds in ("packaging", "racks") else 10.0)
    assert monthly.sum() == pytest.approx(100, rel=0.6)


@given(st.floats(1, 60), st.floats(1, 3))
def test_more_supply_never_delivers_less(supply: float, more: float) -> None:
    def delivered(racks: float) -> Any:
        kind = generation(supply_start_racks_per_month=racks, supply_cap_racks_per_month=racks)
        return np.cumsum(
            run(site(), site("B", 70, "2025-03-01"), generations=(kind,)).racks_delivered.sum(axis=(0, 1, 2))
        )

    assert (delivered(supply * more) >= delivered(supply) - 1e-9).all()


@given(st.integers(2, 5))
def test_replicated_sites_scale(k: int) -> None:
    one = run(site(), transformer_mw_per_month=8.0)
    many = run(*(site(f"S{i}") for i in range(k)), transformer_mw_per_month=8.0 * k)
    assert many.racks.sum(axis=2) == pytest.approx(k * one.racks.sum(axis=2))
    assert many.binding.tolist() == one.binding.tolist()


def test_an_opening_block_arrives_over_the_year_before_its_date() -> None:
    block = OpeningBlock(name="old", power=mw(20), generation="new", date=dt.date(2025, 1, 1))
    out = run(site(), opening=(block,))
    july = AXIS.labels.index("2024-07")
    assert out.racks[0, 0, 1, july] == pytest.approx(50, rel=0.02)
    assert out.first_token(1, AXIS.start) == dt.date(2024, 1, 1)


def test_nothing_within_the_horizon() -> None:
    out = run(site(energised="2033-12-01"))
    assert np.isnan(out.first_token_days[0, 0])
    assert out.first_token(0, AXIS.start) is None
    assert out.gpus_producing.max() == 0


def test_availability_is_the_member_axis() -> None:
    inputs = FleetInputs(
        generations=(generation(),),
        sites=(site(),),
        opening=(),
        ladder=dataclasses.replace(ladder(), availability=np.array([0.9, 0.8])),
    )
    out = build(inputs, AXIS)
    assert out.gpus_available.shape == (2, 1, AXIS.months)
    assert out.gpus_available[1].max() / out.gpus_available[0].max() == pytest.approx(8 / 9)


def test_lagged_and_rationed() -> None:
    series = np.array([0.0, 1, 3, 6])
    assert lagged(series, 1).tolist() == [0, 0, 1, 3]
    assert lagged(series, 0.5).tolist() == [0, 0.5, 2, 4.5]
    assert lagged(series, 9).tolist() == [0, 0, 0, 0]
    turns = np.array([[0, 1, 1]])
    asked = np.array([[2.0, 3, 1]])
    assert rate_limited(asked, np.array([4.0]), turns)[0].tolist() == pytest.approx([2, 1.5, 0.5])
    assert rate_limited(asked, np.array([99.0]), turns)[0].tolist() == [2, 3, 1]


def test_members_and_kinds_share_nothing() -> None:
    """Each member and kind has a limit and a queue of its own; what has no kind gets nothing."""
    asked = np.array([[2.0, 3, 1, 5], [2.0, 3, 1, 5]])
    queue = np.array([[0, 1, 1, 2], [1, 0, 2, 2]])
    kind = np.array([[0, 0, 1, -1], [0, 0, 1, 1]])
    limit = np.array([[4.0, 9], [4.0, 3]])
    assert rate_limited(asked, limit, queue, kind).tolist() == [[2, 2, 1, 0], [1, 3, 0.5, 2.5]]
    late = lagged(np.tile(np.arange(5.0), (2, 2, 1)), np.array([[0, 1], [0.5, 9]]))
    assert late.tolist() == [[[0, 1, 2, 3, 4], [0, 0, 1, 2, 3]], [[0, 0.5, 1.5, 2.5, 3.5], [0, 0, 0, 0, 0]]]
