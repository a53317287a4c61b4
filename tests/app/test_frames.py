"""Frames of other readers: every figure is one of the variable table and the one that explain gives."""

from __future__ import annotations

import math

import pytest

from gigaplan.app.answers import explained
from gigaplan.app.frames import FrameQuestion, framed
from gigaplan.app.requests import PlanState
from gigaplan.app.runs import result_of
from gigaplan.results.aggregate import aggregate

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
    hours = next(c for c in found["charts"] if c["id"] == "hours")
    assert len(hours["rows"]) == 24
    mean = sum(float(r[-1]) for r in hours["rows"]) / 24
    result = result_of(plan, 1)
    power = float(aggregate(result, "facility_power_mw", at={"year": "2031"}).values)
    size = 1.0 if "MW" in hours["figures"] else 1e-3
    assert mean * size == pytest.approx(power, rel=0.1)
    assert not math.isnan(mean)
