"""Frames of other readers: every figure is one of the variable table and the one that explain gives."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from gigaplan.app.answers import explained
from gigaplan.app.frames import FrameQuestion, framed
from gigaplan.app.requests import PlanState
from gigaplan.app.runs import result_of
from gigaplan.power.draw import draw
from gigaplan.power.inputs import DrawCurve, Facility
from gigaplan.report.charts.hours import WEEKDAY, load_by_hour
from gigaplan.results.aggregate import aggregate
from gigaplan.results.coordinates import years
from gigaplan.vocabulary.time import TimeAxis

LENT = PlanState(name="neocloud-100mw")


@pytest.mark.parametrize("kind", ["lender", "site"])
def test_every_figure_is_the_one_that_explain_gives(kind: str) -> None:
    found = framed(FrameQuestion(plan=LENT, frame=kind))
    shown = [card for group in found["groups"] for card in group["cards"]]
    assert len(shown) >= 5
    for card in shown:
        first = explained(LENT, 1, card["variable"], card["at"])["figures"][0]
        assert first["value"] == card["number"], card["name"]


def test_debt_service_cover_is_what_operations_earn_over_what_is_due() -> None:
    result = result_of(LENT, 1)

    def of(name: str, **at: str) -> float:
        return float(aggregate(result, name, at={"year": "2029", **at}).values)

    running = sum(of("cost_usd", line=n) for n in ("energy", "operations", "rental", "lease"))
    earned = of("revenue_usd") - running - of("tax_usd")
    due = of("flow_usd", flow="interest") + of("flow_usd", flow="repayment")
    assert of("debt_service_cover") == pytest.approx(earned / due)
    loans = framed(FrameQuestion(plan=LENT, frame="lender"))["charts"][0]
    assert loans["id"] == "loans"
    row = dict(zip(loans["columns"][1:], loans["rows"][2][1:], strict=True))
    assert float(row["2029"]) == pytest.approx(earned / due, rel=5e-3)


def test_a_plan_without_loans_has_no_cover_and_says_so() -> None:
    found = framed(FrameQuestion(plan=PlanState(name="lab-1mw"), frame="lender"))
    assert "borrows nothing" in found["sentence"]
    assert [g["heading"] for g in found["groups"]] == ["Plan", "Vendor", "Investors"]
    assert "loans" not in [c["id"] for c in found["charts"]]
    names = {g["heading"]: [c["name"] for c in g["cards"]] for g in found["groups"]}
    assert names["Vendor"] == ["Net present value"], "who puts nothing in has no rate and no payback"
    assert names["Investors"] == ["Most put in"], "what investors receive isn't known"


def test_a_sites_energy_adds_up_and_an_unknown_site_is_the_largest() -> None:
    plan = PlanState(name="lab-1mw")
    found = framed(FrameQuestion(plan=plan, frame="site", site="of another plan"))
    assert found["site"] == "Campus hall"
    rows = {r[0]: r[1:] for r in next(c for c in found["charts"] if c["id"] == "energy")["rows"]}
    for k, whole in enumerate(rows["at the meter"]):
        parts = sum(float(rows[n][k]) for n in ("IT", "losses", "cooling and other"))
        assert parts == pytest.approx(float(whole), rel=0.01, abs=1e-6)
    result = result_of(plan, 1)
    power = float(aggregate(result, "facility_energy_mwh", at={"site": "Campus hall", "year": "2031"}).values) / 8760
    for id, rows in {"hours": 24, "week": 168}.items():
        chart = next(c for c in found["charts"] if c["id"] == id)
        assert len(chart["rows"]) == rows
        mean = sum(float(r[-1]) for r in chart["rows"]) / rows
        size = 1.0 if "MW" in chart["figures"] else 1e-3
        assert mean * size == pytest.approx(power, rel=0.1 if id == "hours" else 0.01)
        assert "standard time of Campus hall (UTC-6)" in chart["caption"]


def test_the_hours_of_a_site_are_in_its_own_time_and_the_sites_add_up() -> None:
    plan = PlanState(name="announced-2025-09")
    result = result_of(plan, 1)
    sites = result.labels["site"]
    each = {name: load_by_hour(result, name)[0] for name in sites}
    for k, year in enumerate(years(result)):
        for d, day in enumerate(result.labels["day"]):
            whole = aggregate(result, "facility_power_mw", ["hour"], {"year": year, "day": day}).values
            assert sum(v[k, d] for v in each.values()) == pytest.approx(whole, rel=1e-9)
    charts = {n: framed(FrameQuestion(plan=plan, frame="site", site=n))["charts"] for n in ("UAE", sites[-1])}
    found = {n: next(c for c in of if c["id"] == "week") for n, of in charts.items()}
    assert "UTC+4" in found["UAE"]["figures"]
    assert "UTC: the time zone" in found[sites[-1]]["figures"], "the existing fleet has no place"
    utc = each["UAE"][:, WEEKDAY]
    row = {r[0]: r[-1] for r in found["UAE"]["rows"]}
    size = 1.0 if "MW" in found["UAE"]["figures"] else 1e3
    assert float(row["Wed 4:00"]) * size == pytest.approx(float(utc[-1, 0]), rel=5e-3), (
        "midnight in UTC is four o'clock"
    )


def test_what_a_site_draws_in_an_hour_is_its_share_of_the_months_energy() -> None:
    """As the power model itself has it of each site alone."""
    axis = TimeAxis(dt.date(2026, 1, 1), dt.date(2027, 1, 1))
    plain = {"facility_to_it_peak": 1.3, "loss_share": 0.03, "power_price_usd_per_mwh": 60.0}
    sites = [Facility(pue=1.2, pue_summer_rise=0.5, **plain), Facility(pue=1.4, pue_summer_rise=0.1, **plain)]
    random = np.random.default_rng(1)
    rated, used = random.uniform(1, 100, (1, 2, 12)), random.uniform(0, 1, (1, 12, 2, 24))
    curve = DrawCurve(idle_share=0.3, busy_share=0.8)
    both = draw(rated_it_mw=rated, utilisation=used, facilities=sites, curve=curve, axis=axis)
    for k, one in enumerate(sites):
        alone = draw(rated_it_mw=rated[:, k : k + 1], utilisation=used, facilities=[one], curve=curve, axis=axis)
        share = both.energy_mwh[:, k] / both.energy_mwh.sum(axis=1)
        assert alone.facility_mw == pytest.approx(both.facility_mw * share[..., None, None], rel=1e-9)
