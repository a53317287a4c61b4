"""The supply of a plan's own site, hour by hour, and a connection that comes a year earlier."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.cli.power_supply import _of_plan
from gigaplan.layers.plan_supply import PlanSupply
from gigaplan.layers.site_supply import SiteSupply
from gigaplan.report import supply_view
from gigaplan.vocabulary.errors import PlanError

AT = "fleet.sites.Abilene.supply"
SUPPLY = {
    f"{AT}.grid.line.power_mw": "250 MW",
    f"{AT}.grid.line.energised": "2028-01",
    f"{AT}.units.engines.kind": "engine",
    f"{AT}.units.engines.power_mw": "100 MW",
    f"{AT}.units.engines.energised": "2027-06",
    f"{AT}.batteries.yard.power_mw": "20 MW",
    f"{AT}.batteries.yard.energised": "2027-06",
}


@pytest.fixture(scope="module")
def answer() -> SiteSupply:
    pytest.importorskip("highspy")
    return gp.power_supply(
        "Abilene", plan="announced-2025-09", changes=SUPPLY, year=2030, dispatch=True, earlier_h="150 h", delay=True
    )


def test_a_dispatch_of_a_plans_site_is_that_of_the_plan(answer: SiteSupply) -> None:
    result = gp.run("announced-2025-09", {"uncertainty.members": 1, **SUPPLY}, keep="summary")
    site = result.labels["site"].index("Abilene")
    months = [k for k, name in enumerate(result.labels["month"]) if name.startswith("2030")]
    energy, cost = (result[name][0, site, months].sum() for name in ("facility_energy_mwh", "energy_cost_usd"))
    assert answer.site.load_mw.sum() == pytest.approx(energy, rel=1e-6)
    assert answer.capacity_mw == {"engines": 100.0, "yard": 20.0}
    assert answer.shortfall is None
    assert answer.usd_per_year == pytest.approx(cost, rel=0.02), "merit order with storage against the programme"


def test_a_year_earlier_is_told_in_tokens_dollars_and_who_waits(answer: SiteSupply) -> None:
    gain = answer.earlier
    assert gain is not None
    assert (gain.from_day, gain.until_day) == ("2027-02-01", "2028-02-01")
    assert gain.tokens > 0
    assert gain.revenue_usd > 0
    assert gain.unpowered_mwh > 0
    assert any(v > 0 for v in gain.served_more.values())
    words = dict(supply_view.rows(answer))
    assert "2027-02-01" in words["a year earlier, 150 hours withheld"]
    assert "chat" in words["demand met"].lower()


def test_a_year_later_and_a_megawatt_more_are_told_too(answer: SiteSupply) -> None:
    """Both are the differences of two runs of the plan, which the terminal shows as they are."""
    later, more = answer.later, answer.one_more
    assert later is not None
    assert more is not None
    assert later.power_mw < 0 < more.power_mw
    assert (later.from_day, later.until_day) == ("2028-02-01", "2029-02-01")
    assert later.revenue_usd < more.revenue_usd
    line = f"{AT}.grid.line"
    first, second = (
        gp.run("announced-2025-09", {"uncertainty.members": 1, **SUPPLY, **change}, keep="summary")
        for change in ({}, {f"{line}.power_mw": "251 MW"})
    )
    gained = second["generated_tokens"].sum() - first["generated_tokens"].sum()
    assert more.tokens == pytest.approx(gained, rel=1e-6)
    assert "one more MW, whole plan" in dict(supply_view.rows(answer))


def test_what_can_wait_by_the_plan_never_costs_more(answer: SiteSupply) -> None:
    common = {"plan": "announced-2025-09", "changes": SUPPLY, "year": 2031, "dispatch": True}
    firm, waits = (gp.power_supply("Abilene", **common, flexible=flexible) for flexible in (False, True))
    assert isinstance(firm, SiteSupply)
    assert isinstance(waits, SiteSupply)
    assert waits.usd_per_year <= firm.usd_per_year * (1 + 1e-9)
    assert waits.shifted_mwh > 0
    hours, found = waits.hours, waits.supplied
    assert hours is not None
    assert (found.put_off_mw <= (hours.can_wait_mw + hours.training_mw) * (1 + 1e-6) + 1e-6).all()
    drawn = waits.site.load_mw - found.put_off_mw + found.caught_up_mw
    assert (drawn <= hours.most_mw * (1 + 1e-6)).all(), "no more is caught up than racks that are free can do"
    due = sum(np.roll(found.put_off_mw, k) for k in range(waits.job.within_h))
    assert (found.backlog_mwh <= due + 1e-5).all()


def test_all_sites_of_a_plan_each_alone() -> None:
    every = gp.power_supply("*", plan="announced-2025-09", changes=SUPPLY, year=2027, dispatch=True)
    assert isinstance(every, PlanSupply)
    names = [one.job.region for one in every.sites]
    assert names[0] == "Abilene"
    assert len(names) == len(set(names)) > 1
    alone = gp.power_supply(names[1], plan="announced-2025-09", changes=SUPPLY, year=2027, dispatch=True)
    assert isinstance(alone, SiteSupply)
    assert every.sites[1].usd_per_year == pytest.approx(alone.usd_per_year)
    rows = list(csv.DictReader(io.StringIO(supply_view.plan_csv(every))))
    assert len(rows) == 8760 * len(names)
    assert rows[0]["engines_mw"] != ""
    assert rows[-1]["engines_mw"] == ""
    assert _of_plan({"region": "announced-2025-09"}) == {"region": "*", "plan": "announced-2025-09"}


def test_hours_for_the_utility_are_in_the_sites_time(answer: SiteSupply) -> None:
    rows = list(csv.DictReader(io.StringIO(supply_view.utility_csv(answer))))
    assert len(rows) == 8760
    assert (rows[6]["hour_utc"], rows[6]["hour_local_standard"]) == ("2030-01-01T06:00Z", "2030-01-01T00:00")
    parts = np.array([[float(r[c]) for c in ("grid_import_mw", "engines_mw", "yard_mw", "load_mw")] for r in rows])
    np.testing.assert_allclose(parts[:, :3].sum(axis=1), parts[:, 3], atol=1e-3)


def test_the_terminal_names_a_site_with_its_plan() -> None:
    assert _of_plan({"region": "plans/mine.yaml/Abilene"}) == {"region": "Abilene", "plan": "plans/mine.yaml"}
    assert _of_plan({"region": "ercot"}) == {"region": "ercot"}


def test_what_the_plan_says_is_not_said_twice() -> None:
    pytest.importorskip("highspy")
    with pytest.raises(PlanError, match="the plan says this") as refused:
        gp.power_supply("Abilene", plan="announced-2025-09", load="1 GW", grid="5MW", withheld_h=5)
    assert len(refused.value.problems) == 3
    with pytest.raises(PlanError, match="nearest: Abilene"):
        gp.power_supply("Abilen", plan="announced-2025-09", dispatch=True)
    with pytest.raises(PlanError, match="does not hold all of the year"):
        gp.power_supply("Abilene", plan="announced-2025-09", dispatch=True, year=2050)
    with pytest.raises(PlanError, match="states no grid"):
        gp.power_supply("Abilene", plan="announced-2025-09", dispatch=True, year=2030, earlier_h=100)
    with pytest.raises(PlanError, match="looks at a site of a plan"):
        gp.power_supply("ercot", load="1 GW", earlier_h=100)
