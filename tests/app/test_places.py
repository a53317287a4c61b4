"""Sites on a map: where they stand, what the circles are, and what is not known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gigaplan.app.places import places
from gigaplan.app.requests import PlanState
from gigaplan.app.runs import result_of
from gigaplan.app.server import static_folder
from gigaplan.plan.sources import builtin_text
from gigaplan.vocabulary.errors import PlanError

MOST_BYTES = 25_000


@pytest.mark.parametrize("name", ["lab-1mw", "announced-2025-09"])
def test_circles_add_up_to_the_ladder_in_every_month(name: str) -> None:
    found, result = places(PlanState(name=name)), result_of(PlanState(name=name), 1)
    drawn = np.zeros((len(found["states"]), len(found["edges"])))
    for spot in found["spots"]:
        for k, (edge, mw) in enumerate(spot["steps"]):
            last = spot["steps"][k + 1][0] if k + 1 < len(spot["steps"]) else len(found["edges"])
            drawn[:, edge:last] += np.array(mw)[:, None]
    size = 1000.0 if found["unit"].startswith("GW") else 1.0
    power = result.central("power_state_mw")[:, list(result.new_sites())].sum(axis=(0, 1))
    assert drawn.sum(axis=0) * size == pytest.approx(power, rel=2e-3, abs=1e-3)
    assert sum(len(s["sites"]) for s in found["spots"]) == len(list(result.new_sites()))


def test_a_site_of_the_catalog_stands_at_its_own_place_and_others_in_their_region() -> None:
    spots = {s["name"]: s for s in places(PlanState(name="announced-2025-09"))["spots"]}
    assert (spots["Abilene"]["latitude"], spots["Abilene"]["longitude"], spots["Abilene"]["exact"]) == (
        32.45,
        -99.73,
        True,
    )
    assert not spots["Campus to be named"]["exact"]
    assert "Geological Survey" in spots["Campus to be named"]["source"]
    for spot in spots.values():
        west, south, east, north = places(PlanState(name="announced-2025-09"))["views"]["all places"]
        assert west < spot["longitude"] < east
        assert south < spot["latitude"] < north


def test_a_position_that_the_plan_states_is_the_sites_and_half_a_one_is_refused() -> None:
    place = ["fleet.sites.Abilene.latitude_deg=10 deg", "fleet.sites.Abilene.longitude_deg=-20.5 deg"]
    stated = places(PlanState(name="announced-2025-09", changes=place))
    spots = {s["name"]: s for s in stated["spots"]}
    assert (spots["Abilene"]["latitude"], spots["Abilene"]["longitude"]) == (10, -20.5)
    assert spots["Abilene"]["exact"]
    assert spots["Abilene"]["source"].startswith("the plan")
    with pytest.raises(PlanError, match="half a position"):
        places(PlanState(name="announced-2025-09", changes=place[:1]))
    with pytest.raises(PlanError, match="latitude_deg"):
        places(PlanState(name="announced-2025-09", changes=["fleet.sites.Abilene.latitude_deg=91 deg", place[1]]))


def test_a_region_without_a_place_is_said() -> None:
    text = builtin_text("lab-1mw").replace("region: us\n", "region: mine\n")
    text += "\nregions: {mine: {like: us}}\n"
    found = places(PlanState(text=text))
    assert found["spots"] == []
    assert "Not on the map: Campus hall." in found["caption"]


def test_the_outline_is_small_and_says_whose_it_is() -> None:
    file = Path(static_folder() / "land.json")
    outline = json.loads(file.read_text(encoding="utf-8"))
    assert file.stat().st_size <= MOST_BYTES
    assert "Natural Earth" in outline["source"]
    assert outline["licence"] == "public domain"
