"""Regions of a plan's own: price, time and climate are read by its sites, and what is wrong is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import gigaplan as gp
from gigaplan import catalog
from gigaplan.plan.load import load
from gigaplan.plan.own.kinds import REGION
from gigaplan.plan.own.written import own_yaml
from gigaplan.plan.resolve import resolve
from gigaplan.vocabulary.errors import PlanError


def plan_in(folder: Path, region: str, regions: str = "", offset: str = "") -> Path:
    """Write a starter plan of 3 MW whose site stands in a region of its own."""
    file = folder / "site.yaml"
    text = gp.new(file, power="3 MW it", force=True).read_text()
    for old, new in (
        ("region: us", f"region: {region}"),
        ("      utc_offset_h: -6 h", offset or "      # utc_offset_h"),
    ):
        assert old in text
        text = text.replace(old, new)
    file.write_text(f"{text}\n{regions}\n")
    return file


@pytest.mark.parametrize("region", catalog.load().entities(REGION.mark))
def test_a_copy_of_a_region_runs_alike_in_every_member(region: str, tmp_path: Path) -> None:
    changes = {"uncertainty.members": 4}
    first = gp.run(plan_in(tmp_path, region), changes)
    for stated in (f"{{like: {region}}}", "{config: region.yaml}"):
        (tmp_path / "region.yaml").write_text(own_yaml(region))
        mine = gp.run(plan_in(tmp_path, "my_region", f"regions: {{my_region: {stated}}}"), changes)
        for name, array in first.arrays.items():
            np.testing.assert_array_equal(array, mine[name], err_msg=name)


def test_price_time_and_climate_are_those_of_the_region(tmp_path: Path) -> None:
    stated = "{like: ercot, power_price_usd_per_mwh: 48 USD/MWh, utc_offset_h: -6 h, pue: 1.12, pue_summer_rise: 40 %}"
    file = plan_in(tmp_path, "my_region", f"regions: {{my_region: {stated}}}")
    scenario = resolve(load(file))
    here, facts = scenario.facilities[0], catalog.load()
    assert (here.power_price_usd_per_mwh, here.pue, here.pue_summer_rise) == (48.0, 1.12, 0.4)
    assert here.loss_share == facts.find("facility", "loss_share").number
    assert scenario.fleet.sites[0].utc_offset_h == -6.0
    result = gp.run(file)
    energy, cost = (result.central(n).sum() for n in ("facility_energy_mwh", "energy_cost_usd"))
    assert cost / energy == pytest.approx(48.0, rel=0.05)
    read = {e.fact.id: e.fact for e in result.ledger.entries if e.fact and e.fact.entity == "my_region"}
    assert set(read) == {
        f"my_region.{q}" for q in ("power_price_usd_per_mwh", "utc_offset_h", "pue", "pue_summer_rise")
    }
    assert all(f.source_title == "stated by the user in site.yaml" for f in read.values())


def test_a_site_s_own_price_wins_and_time_is_stated_once(tmp_path: Path) -> None:
    regions = "regions: {my_region: {power_price_usd_per_mwh: 48 USD/MWh, utc_offset_h: -6 h}}"
    file = plan_in(tmp_path, "my_region", regions)
    text = file.read_text().replace(
        "region: my_region", "facility: {power_price_usd_per_mwh: 30 USD/MWh}\n      region: my_region"
    )
    file.write_text(text)
    assert resolve(load(file)).facilities[0].power_price_usd_per_mwh == 30.0
    with pytest.raises(PlanError, match="a site and its region both state their time"):
        load(plan_in(tmp_path, "my_region", regions, "      utc_offset_h: 0 h"))
    shared = plan_in(tmp_path, "my_region", regions.replace("-6 h", "-6 h, pue: 1.1"))
    with pytest.raises(PlanError, match="stated for all sites and for this region"):
        load(shared, ["power.facility.pue=1.2"])


WRONG = {
    "unknown region": ("{like: ercott}", "nearest: ercot"),
    "unknown fact": ("{like: ercot, electricity_price: 48 USD/MWh}", "nearest: power_price_usd_per_mwh"),
    "no price": ("{utc_offset_h: -6 h}", "add a line 'power_price_usd_per_mwh: 77 USD/MWh', as us has"),
    "no such time": ("{like: ercot, utc_offset_h: -30 h}", "at least -12"),
    "less than all": ("{like: ercot, pue: 0.9}", "at least 1"),
    "unit": ("{like: ercot, power_price_usd_per_mwh: 48 MW}", "'MW' is not a unit of the same kind as 'USD/MWh'"),
    "name": ("{like: ercot}, pjm: {like: ercot}", "the catalog has something of this name"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_regions_are_refused(name: str, tmp_path: Path) -> None:
    stated, words = WRONG[name]
    with pytest.raises(PlanError) as error:
        load(plan_in(tmp_path, "my_region", f"regions: {{my_region: {stated}}}"))
    text = " ".join(str(error.value).split())
    assert words in text
    assert text.count("error: ") == 1, text


def test_an_amount_of_a_region_is_text_or_a_range_too(tmp_path: Path) -> None:
    for stated, pue in (("'1.15'", 1.15), ("1.1 to 1.3", 1.2), ("{low: 1.1, central: 1.15, high: 1.3}", 1.15)):
        changes = [f"regions.home={{like: us, pue: {stated}}}", "fleet.sites.*.region=home", "horizon.end=2027-01"]
        result = gp.run("lab-1mw", changes)
        assert any(f"pue {pue:g} instead" in n or f"pue {pue:g}" in n for n in result.notes)


def test_an_exported_region_offers_what_all_regions_share() -> None:
    text = own_yaml("ercot")
    offered = yaml.safe_load(
        "\n".join(t.removeprefix("# ") for t in text.splitlines() if ": " in t and "{" not in t and "your" not in t)
    )
    assert set(offered) == {"like", *REGION.facts} - {"power_price_usd_per_mwh"}


def test_one_name_is_one_thing(tmp_path: Path) -> None:
    more = "systems: {mine: {like: gb300_nvl72}}\nregions: {mine: {like: ercot}}"
    with pytest.raises(PlanError, match="something else of this document has this name"):
        load(plan_in(tmp_path, "mine", more))
