"""The supply of a plan's own site, hour by hour, and a connection that comes a year earlier."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

import gigaplan as gp
from gigaplan.cli.power_supply import _of_plan
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
        "Abilene", plan="announced-2025-09", changes=SUPPLY, year=2030, dispatch=True, earlier_h="150 h"
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
    assert "chat" in words["who no longer waits"].lower()


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
