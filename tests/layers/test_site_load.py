"""What a plan's sites draw hour by hour: the plan's own energy, laid out over the calendar in each site's time."""

from __future__ import annotations

import csv
import datetime as dt
import io

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.layers.site_load import PlanLoad, SiteHours, year_hours
from gigaplan.report import load_view
from gigaplan.vocabulary.errors import PlanError

YEAR = 2030
MONTH = np.array([hour.month for hour in year_hours(YEAR)])


@pytest.fixture(scope="module")
def load() -> PlanLoad:
    return gp.power_load("announced-2025-09", year=YEAR, changes={"power.facility.weather": "dallas"})


@pytest.fixture(scope="module")
def run() -> gp.Result:
    return gp.run("announced-2025-09", {"uncertainty.members": 1, "power.facility.weather": "dallas"}, keep="summary")


def of_months(run: gp.Result, name: str, site: str) -> np.ndarray:
    months = [k for k, label in enumerate(run.labels["month"]) if label.startswith(str(YEAR))]
    return np.asarray(run[name][0, run.labels["site"].index(site), months])


def test_every_months_energy_and_water_are_the_plans(load: PlanLoad, run: gp.Result) -> None:
    named = [s for s, existing in zip(run.labels["site"], run.existing, strict=True) if not existing]
    assert [one.site for one in load.sites] == named
    for one in load.sites:
        for mine, name in (
            (one.load_mw, "facility_energy_mwh"),
            (one.it_mw, "it_energy_mwh"),
            (one.water_m3, "water_m3"),
        ):
            sums = np.bincount(MONTH, weights=mine, minlength=13)[1:]
            np.testing.assert_allclose(sums, of_months(run, name, one.site), rtol=1e-9, atol=1e-9)


def test_of_one_site_with_steady_racks_each_hour_is_the_fleets() -> None:
    """A plan's hours of representative days are those of its sites: weekdays are weekdays, in UTC."""
    load = gp.power_load("lab-1mw", year=YEAR)
    run = gp.run("lab-1mw", {"uncertainty.members": 1}, keep="summary")
    fleet = run["facility_power_mw"][0]
    (one,) = load.sites
    month = run.labels["month"].index("2030-06")
    for day, kind in ((dt.date(2030, 6, 12), 0), (dt.date(2030, 6, 15), 1)):
        first = 24 * (day - dt.date(2030, 1, 1)).days
        share = one.load_mw[first : first + 24] / fleet[month, kind]
        np.testing.assert_allclose(share, _share(run, month), rtol=1e-9)


def test_what_can_wait_and_training_are_parts_of_the_load(load: PlanLoad) -> None:
    for one in load.sites:
        assert (one.can_wait_mw >= 0).all()
        assert (one.training_mw > 0).all()
        assert (one.can_wait_mw + one.training_mw <= one.load_mw * (1 + 1e-9)).all()
        assert (one.load_mw <= one.most_mw * (1 + 1e-9)).all()
        assert (one.it_mw < one.load_mw).all()
        assert one.heat_mw is not None
        assert one.heat_c is not None
        assert (one.heat_mw <= one.it_mw).all(), "warm water carries no more than the racks give"
        assert 25 < one.heat_c.mean() < 60


def test_hot_hours_draw_more_and_have_no_free_cooling(load: PlanLoad) -> None:
    one = load.sites[0]
    assert one.free_cooling is not None
    pue = one.load_mw / one.it_mw
    assert pue[one.free_cooling].mean() < pue[~one.free_cooling].mean()
    by_hour = pue.reshape(365, 24).mean(axis=0)
    assert by_hour[(15 + 6) % 24] > by_hour[(5 + 6) % 24], "the afternoon in Texas, six hours behind UTC"


def test_years_are_what_a_connection_request_asks_for(load: PlanLoad) -> None:
    rows = {(row.site, row.year): row for row in load.years}
    for row in load.years:
        assert row.minimum_mw <= row.mean_mw * 1.001 <= row.peak_mw * 1.002
        assert row.peak_mw <= row.design_mw * (1 + 1e-6), "racks are built for the hour that asks for most"
        assert 0 < row.load_factor <= 1
    one = load.sites[0]
    row = rows[one.site, YEAR]
    assert row.peak_mw == one.load_mw.max()
    assert row.ramp_mw_per_min == pytest.approx(np.abs(np.diff(one.load_mw)).max() / 60)
    assert row.stops_at_once_mw == one.training_mw.max()


def test_tables_are_in_local_standard_time(load: PlanLoad) -> None:
    rows = list(csv.DictReader(io.StringIO(load_view.hours_csv(load))))
    assert len(rows) == 8760 * len(load.sites)
    assert (rows[6]["hour_utc"], rows[6]["hour_local_standard"]) == ("2030-01-01T06:00Z", "2030-01-01T00:00")
    years = list(csv.DictReader(io.StringIO(load_view.years_csv(load))))
    assert [y["site"] for y in years] == [row.site for row in load.years]
    assert float(years[4]["peak_mw"]) == pytest.approx(load.years[4].peak_mw, abs=1e-3)


def test_a_leap_year_and_one_that_the_horizon_begins_in() -> None:
    load = gp.power_load("lab-1mw", year=2028)
    (one,) = load.sites
    assert len(one.load_mw) == 8760
    first = next(row for row in load.years if row.year == min(r.year for r in load.years))
    assert first.months <= 12


def test_customers_share_no_site_is_left_out_and_wrong_names_are_told() -> None:
    with pytest.raises(PlanError, match="nearest: Abilene"):
        gp.power_load("announced-2025-09", site="Abilen")
    with pytest.raises(PlanError, match="does not hold all of the year"):
        gp.power_load("announced-2025-09", year=2050)
    with pytest.raises(PlanError, match="draws nothing in 2024"):
        gp.power_load("announced-2025-09", site="Abilene", year=2024)


def test_every_hour_of_the_calendar() -> None:
    """By hours of the calendar each day is its own; the sum is the plan's all the same."""
    change = {"horizon.resolution": "hourly", "horizon.end": "2029-01"}
    (one,) = gp.power_load("lab-1mw", year=2028, changes=change).sites
    run = gp.run("lab-1mw", {**change, "uncertainty.members": 1}, keep="summary")
    month = run.labels["month"].index("2028-06")
    first = 24 * 162  # 12 June, without 29 February
    share = one.load_mw[first : first + 24] / run["facility_power_mw"][0, month, 11]
    np.testing.assert_allclose(share, _share(run, month), rtol=1e-9)


def _share(run: gp.Result, month: int) -> float:
    """Return the first site's share of the energy of a plan whose racks all stand: that of each of its hours."""
    energy = run["facility_energy_mwh"][0, :, month]
    return float(energy[0] / energy.sum())


def test_the_page_and_the_terminal_say_the_same(load: PlanLoad) -> None:
    page = load_view.html(load)
    assert load_view.headline(load) in page
    for row in load.of_year:
        assert f"peak {load_view.short(row.peak_mw)} MW at {row.peak_hour}" in page


def test_hours_of_a_site_are_numbers(load: PlanLoad) -> None:
    for name in SiteHours.__dataclass_fields__:
        value = getattr(load.sites[0], name)
        assert not isinstance(value, np.ndarray) or np.isfinite(value).all()
