from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.power.chain import chain
from gigaplan.power.draw import draw, drawn_share, season_pue
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.power.outputs import PowerDraw
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2024, 1, 1), dt.date(2026, 1, 1))
CURVE = DrawCurve(idle_share=0.2, busy_share=0.8)


def facility(**changes: Any) -> Facility:
    values = {
        "facility_to_it_peak": 1.3,
        "pue": 1.2,
        "pue_summer_rise": 0.2,
        "loss_share": 0.06,
        "power_price_usd_per_mwh": 70.0,
    }
    return Facility(**{**values, **changes})


def run(busy: float, rated: float = 100.0, places: int = 1, **changes: Any) -> PowerDraw:
    return draw(
        rated_it_mw=np.full((1, places, AXIS.months), rated),
        utilisation=np.full((1, AXIS.months, 2, 24), busy),
        facilities=[facility(**changes)] * places,
        curve=CURVE,
        axis=AXIS,
    )


def test_a_year_by_hand() -> None:
    """100 MW rated, busy: 80 MW drawn; with a PUE of 1.2 held all year, 96 MW at the meter, 8784 h of 2024."""
    out = run(1.0, pue_summer_rise=0.0)
    assert out.it_mw == pytest.approx(80)
    assert out.energy_mwh[0, 0, :12].sum() == pytest.approx(96 * 8784)
    assert out.energy_cost_usd[0, 0, :12].sum() == pytest.approx(96 * 8784 * 70)
    assert out.losses_mwh == pytest.approx(out.it_mwh * 0.06)
    assert out.facility_mw == pytest.approx(96)


@given(st.floats(0, 1), st.floats(1.06, 2), st.floats(0, 0.5))
def test_energy_in_is_it_and_losses_and_overhead(busy: float, pue: float, loss: float) -> None:
    if (pue - 1) * 0.8 < loss:
        with pytest.raises(ValueError, match="exceed the overhead"):
            run(busy, pue=pue, loss_share=loss)
        return
    out = run(busy, pue=pue, loss_share=loss)
    assert out.energy_mwh == pytest.approx(out.it_mwh + out.losses_mwh + out.overhead_mwh, rel=1e-12)
    assert out.overhead_mwh.min() >= -1e-6


@given(st.floats(0, 1), st.floats(0, 1))
def test_drawn_rises_with_use_and_stays_below_rated(a: float, b: float) -> None:
    low, high = sorted((a, b))
    shares = drawn_share(np.array([low, high]), CURVE)
    assert shares[0] <= shares[1] <= 1


def test_the_season_swings_about_the_yearly_mean() -> None:
    pue = season_pue(facility(), AXIS)[0]
    july, january, april = (AXIS.labels.index(m) for m in ("2024-07", "2024-01", "2024-04"))
    assert (pue[july], pue[january], pue[april]) == pytest.approx((1.24, 1.16, 1.2))


@given(st.integers(2, 5))
def test_replicated_sites_scale(k: int) -> None:
    assert run(0.5, places=k).energy_mwh.sum() == pytest.approx(k * run(0.5).energy_mwh.sum())


def test_members_carry_through() -> None:
    out = run(0.5, pue=np.array([1.1, 1.3]), power_price_usd_per_mwh=np.array([50.0, 100.0]))
    assert out.energy_cost_usd.shape[0] == 2
    assert out.energy_cost_usd[1, 0, 0] > 2 * out.energy_cost_usd[0, 0, 0]


def test_the_chain_from_gpu_to_meter() -> None:
    known = chain(facility_to_it_peak=1.4, it_per_rack_power=1.25, rack_kw=132, gpu_kw=72 * 1.2)
    gpus = Based(1.2, "kW", PowerBasis.GPU_TGP)
    assert gpus.to(PowerBasis.FACILITY, *known).value == pytest.approx(132 / 72 * 1.25 * 1.4)
