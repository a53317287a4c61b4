"""Ranges in a plan: every form is drawn from, a wrong one is refused at its place, and none is dropped in silence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.plan import load, resolve
from gigaplan.vocabulary.sampling import Sampler, Spread

PRICE = "power.facility.power_price_usd_per_mwh"
SHORT = {"horizon.end": "2026-07"}
FORMS = [
    ("55 to 80 USD/MWh", (55, 67.5, 80)),
    ("55 USD/MWh to 80 USD/MWh", (55, 67.5, 80)),
    ("$55/MWh to $80/MWh", (55, 67.5, 80)),
    ("0.055 to 0.08 USD/kWh", (55, 67.5, 80)),
    ("{low: 55 USD/MWh, central: 60 USD/MWh, high: 80 USD/MWh}", (55, 60, 80)),
    ("{value: 60 USD/MWh, low: 55 USD/MWh, high: 80 USD/MWh, source: a contract, evidence: filed}", (55, 60, 80)),
    ("{low: 55 USD/MWh, high: 80 USD/MWh, dist: uniform}", (57.5, 67.5, 77.5)),
]


def prices(form: str, members: int = 513) -> np.ndarray:
    plan = load(
        "lab-1mw", [*(f"{k}={v}" for k, v in SHORT.items()), f"{PRICE}={form}", f"uncertainty.members={members}"]
    )
    return np.atleast_1d(resolve(plan).facilities[0].power_price_usd_per_mwh)


@pytest.mark.parametrize(("form", "ends"), FORMS)
def test_a_stated_range_is_drawn_from(form: str, ends: tuple[float, float, float]) -> None:
    found = prices(form)
    np.testing.assert_allclose(np.quantile(found[1:], [0.1, 0.5, 0.9]), ends, rtol=0.01)
    assert found[0] == pytest.approx(60.0 if "60" in form else 67.5)
    assert prices(form, 1)[0] == found[0]


def test_stating_a_range_makes_the_answer_less_certain() -> None:
    changes = {**SHORT, "uncertainty.members": 65}
    spread = {
        pue: np.ptp(gp.run("lab-1mw", {**changes, "power.facility.pue": pue})["facility_energy_mwh"].sum(axis=(1, 2)))
        for pue in ("1.3", "1.2 to 1.4", "1.1 to 1.6")
    }
    assert spread["1.3"] < spread["1.2 to 1.4"] < spread["1.1 to 1.6"]


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("80 to 55 USD/MWh", "low is above high"),
        ("{low: 5 USD/MWh}", "'high' is missing"),
        ("{low: 5, high: 7 USD/MWh}", "the unit is missing"),
        ("{low: 5 USD/MWh, high: 7 USD/MWh, dist: norml}", "no such distribution"),
        ("{low: 5 USD/MWh, central: 9 USD/MWh, high: 7 USD/MWh}", "doesn't hold 9"),
        ("{low: 5 USD/MWh, central: 6 USD/MWh, value: 6 USD/MWh, high: 7 USD/MWh}", "the same thing"),
        ("-7 to 5 USD/MWh", "beyond what makes sense"),
        ("{low: 5 GW, high: 7 USD/MWh}", "not a unit of the same kind"),
    ],
)
def test_a_wrong_range_is_refused_once_at_its_place(form: str, reason: str) -> None:
    with pytest.raises(gp.PlanError, match=reason) as stop:
        load("lab-1mw", [f"{PRICE}={form}"])
    assert [p.place.path for p in stop.value.problems] == [PRICE]


PHASE = "fleet.sites.Campus hall.phases.first half.energised"


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("2027-01 to 2026-06", "low is above high"),
        ("2026-06 to soon", "not a date"),
        ("{low: 2026-06}", "'high' is missing"),
        ("{low: 2026-06, central: 2028-01, high: 2027-01}", "doesn't hold 2028-01-16"),
        ("{low: 2026-06, high: 2027-01, dist: lognormal}", "lognormal value lies above"),
    ],
)
def test_a_wrong_range_of_dates_is_refused_once_at_its_place(form: str, reason: str) -> None:
    with pytest.raises(gp.PlanError, match=reason) as stop:
        load("lab-1mw", [f"{PHASE}={form}"])
    assert [p.place.path for p in stop.value.problems] == [PHASE]


@pytest.mark.parametrize("form", ["2026-06-01 to 2027-06-01", "{low: 2026-06-01, high: 2027-06-01, note: assumed}"])
def test_a_range_of_dates_has_its_middle_and_its_delays(form: str) -> None:
    plan = load("lab-1mw", [f"{PHASE}={form}", "uncertainty.members=513"])
    phase = resolve(plan).fleet.sites[0].phases[0]
    assert str(phase.energised) == "2026-11-30"
    late = np.atleast_1d(phase.energised_delay_days)
    assert late[0] == 0
    np.testing.assert_allclose(np.quantile(late[1:], [0.1, 0.5, 0.9]), [-182.5, 0, 182.5], atol=8)


def test_a_range_stands_in_the_plan_and_in_overlays(tmp_path: Path) -> None:
    (tmp_path / "over.yaml").write_text(
        "overlay: {who: me, why: a test, from: nowhere}\n"
        "power: {facility: {pue: {central: 1.3, low: 1.1, high: 1.6}}}\n"
    )
    plan = load("lab-1mw", ["training.share.2026=30 to 50 %"], [tmp_path / "over.yaml"])
    assert plan.ranges["power.facility.pue"] == Spread(1.3, 1.1, 1.6, lower=1.0)
    assert plan.ranges["training.share.2026"].low == pytest.approx(0.3)
    assert plan.hash != load("lab-1mw", ["training.share.2026=40 %"], [tmp_path / "over.yaml"]).hash


LIMIT = "demand.workloads.chat.ttft_s"
"""A decision of the planner, not something that is uncertain."""


def test_a_range_without_effect_is_named() -> None:
    result = gp.run("lab-1mw", {**SHORT, "uncertainty.members": 2, LIMIT: "1 to 2 s"})
    assert [w for w in result.warnings if LIMIT in w and "has no effect" in w]
    drawn = gp.run("lab-1mw", {**SHORT, "uncertainty.members": 2, PRICE: "55 to 80 USD/MWh"})
    assert not [w for w in drawn.warnings if "has no effect" in w]


def test_facts_have_the_same_draws_in_every_plan() -> None:
    a, b = (resolve(load(name, ["uncertainty.members=9"])) for name in ("lab-1mw", "neocloud-100mw"))
    price = {s.name: {g.name: g.rack_price_usd for g in s.finance.generations} for s in (a, b)}
    common = set(price[a.name]) & set(price[b.name])
    assert common or Sampler(9, 0).unit("x").shape == (9,)
    for name in common:
        np.testing.assert_array_equal(price[a.name][name], price[b.name][name])


def test_a_range_stands_in_the_ledger_and_one_member_says_that_it_has_no_effect() -> None:
    result = gp.run("lab-1mw", {**SHORT, PRICE: "55 to 80 USD/MWh"})
    (entry,) = [e for e in result.ledger.entries if e.path.endswith("Campus hall.power_price_usd_per_mwh")][:1]
    assert entry.value == "67.5 (55 to 80)"
    assert [w for w in result.warnings if "ranges have no effect with one member" in w]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (f"{PRICE}={{low: 55 USD/MWh, central: 60 USD/MWh, high: 80 USD/MWh, dist: uniform}}", "in the middle"),
        ("horizon.start=2026-01 to 2026-06", "a range isn't possible here"),
    ],
)
def test_what_a_range_cannot_say_is_refused(change: str, reason: str) -> None:
    with pytest.raises(gp.PlanError, match=reason):
        load("lab-1mw", [change])


@pytest.mark.parametrize(
    "path", ["training", "systems", "regions", "models", "fleet", "fleet.sites", "demand.workloads"]
)
@pytest.mark.parametrize("form", ["{low: 1, high: 0}", "{central: 1, low: 0, high: 2}", "{low: 1, high: 0, note: x}"])
def test_a_range_in_the_place_of_a_section_is_refused(path: str, form: str) -> None:
    with pytest.raises(gp.PlanError):
        load("lab-1mw", [f"{path}={form}"])


@pytest.mark.parametrize("path", ["training.runs.domain model.model", "fleet.reference_generation", "demand.workloads"])
def test_a_range_in_the_place_of_a_name_is_refused(path: str) -> None:
    with pytest.raises(gp.PlanError):
        load("lab-1mw", [f"{path}={{low: 1, high: 0}}"])
