"""Phases that are dragged in time: each is one line of the plan, and its date is the one that the run takes."""

from __future__ import annotations

import pytest

from gigaplan.app.answers import answered
from gigaplan.app.requests import PlanState, Question
from gigaplan.plan.sources import builtin_text

PATH = "fleet.sites.Campus hall.phases.first half.energised"


def moved(*changes: str, **more: str) -> list[dict[str, object]]:
    found = answered(Question(plan=PlanState(changes=changes, **({"name": "lab-1mw"} | more))))["phases"]
    assert isinstance(found, list)
    return found


def test_a_phase_has_its_day_and_by_how_much_its_own_change_moves_it() -> None:
    first, second = moved()
    assert (first["path"], first["day"], first["moved"]) == (PATH, "2026-09-01", 0)
    later, same = moved(f"{PATH}=+3 months")
    assert (later["day"], later["moved"]) == ("2026-12-01", 3)
    assert same == second
    assert later["at"] > first["at"]  # type: ignore[operator]


def test_a_move_comes_on_top_of_a_stated_day_and_of_all_sites_moves() -> None:
    stated, _ = moved(f"{PATH}=2027-01-01", f"{PATH}=-1 month")
    assert (stated["day"], stated["moved"]) == ("2026-12-01", -1)
    with_all, _ = moved("fleet.sites.*.phases.*=+6 months", f"{PATH}=+3 months")
    assert (with_all["day"], with_all["moved"]) == ("2027-06-01", 3)


def test_names_with_dots_are_quoted_so_that_the_path_sets_the_phase() -> None:
    text = builtin_text("lab-1mw").replace("first half:", '"first.half":').replace("Campus hall", "Campus 1.5")
    path = str(moved(text=text)[0]["path"])
    assert path == 'fleet.sites."Campus 1.5".phases."first.half".energised'
    assert moved(f"{path}=+3 months", text=text)[0]["day"] == "2026-12-01"


def test_power_of_a_phase_is_in_megawatts_and_the_largest_are_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [p["mw"] for p in moved()] == [0.5, 0.5]
    change = "fleet.sites.Campus hall.phases.second half.power=600 kW it"
    monkeypatch.setattr("gigaplan.app.phases.MOST_PHASES", 1)
    assert [(p["phase"], p["mw"]) for p in moved(change)] == [("second half", 0.6)]
