"""How long sites take to their first power: limits of the fit, and Epoch AI's timelines with each site left out."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.power.supply.delays import EIGHTY, fit_delays
from gigaplan.validation.power.energised import SNAPSHOT, delays_known, energisations, timelines


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_without_unfinished_sites_it_is_the_mean_and_spread_of_logarithms(seed: int) -> None:
    months = np.exp(np.random.default_rng(seed).normal(3.0, 0.5, 40))
    found = fit_delays(months, np.ones(40, dtype=bool))
    assert np.log(found.median_months) == pytest.approx(np.log(months).mean(), abs=1e-3)
    assert found.log_spread == pytest.approx(np.log(months).std(), abs=1e-3)


def test_unfinished_sites_count_as_taking_longer() -> None:
    drawn = np.exp(np.random.default_rng(1).normal(3.0, 0.5, 4000))
    watched = 18.0
    seen = drawn <= watched
    found = fit_delays(np.minimum(drawn, watched), seen)
    assert found.median_months == pytest.approx(np.exp(3.0), rel=0.03)
    assert found.log_spread == pytest.approx(0.5, rel=0.05)
    assert fit_delays(drawn[seen], np.ones(seen.sum(), dtype=bool)).median_months < 0.8 * np.exp(3.0)


def test_the_catalog_has_what_the_sites_say() -> None:
    found, seen = delays_known(timelines(), SNAPSHOT)
    assert found is not None
    assert (seen, len(timelines())) == (47, 62)
    fact = catalog.load().find("epoch_sites", "first_building_months")
    for number, months in (
        (fact.number, found.median_months),
        (fact.low, found.months(-EIGHTY)),
        (fact.high, found.months(EIGHTY)),
    ):
        assert months == pytest.approx(number, abs=0.05)
    assert delays_known(timelines(), dt.date(2021, 6, 1))[0] is None


def test_four_sites_are_shown_and_the_coverage_is_told() -> None:
    shown = energisations()
    inside = {r.name: r.low <= r.published <= r.high for r in shown.rows}
    assert len(inside) == 4
    assert inside["OpenAI Stargate Abilene"]
    assert not inside["Colossus 2"]
    assert "41 of 47 lie in the range" in shown.note
