"""Two results side by side: what differs comes first by what matters, and causes are what running again gives."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import pytest

import gigaplan as gp
from gigaplan.cli import main
from gigaplan.results.result import Result
from gigaplan.study.compare import SAVED_A, group_of


@pytest.fixture(scope="module")
def lab() -> Result:
    return gp.run("lab-1mw")


def by_name(answer: Any) -> dict[str, Any]:
    return {d.headline.name: d for d in answer.differences}


def test_the_same_twice_has_no_difference(lab: Result) -> None:
    answer = gp.compare(lab, "lab-1mw")
    assert answer.differences == ()
    assert answer.inputs == ()
    assert "revenue" in answer.same


def test_one_changed_line_is_the_whole_cause() -> None:
    # At prices that stand: where they follow cost, dearer power reaches demand as well.
    stand = {f"demand.workloads.{w}.pricing": "frozen" for w in ("chat", "education", "agents", "science")}
    lab = gp.run("lab-1mw", stand)
    answer = gp.compare(lab, "lab-1mw", {**stand, "power.facility.power_price_usd_per_mwh": "190 USD/MWh"})
    told = by_name(answer)
    tokens = "cost per million generated tokens, last 12 months"
    returns = {"most funding needed", "net present value of the plan"}
    assert set(told) == {"cost", "funding gap", tokens, f"{tokens}, cost of capital included", *returns}
    cost = told["cost"]
    twice = float(lab.central("energy_cost_usd")[: len(lab.labels["site"])].sum())
    assert [c.group for c in cost.causes] == ["power"]
    assert cost.causes[0].effect == pytest.approx(cost.b - cost.headline.value)
    assert 0 < cost.causes[0].effect <= twice * (1 + 1e-9)
    assert cost.remainder == pytest.approx(0, abs=1e-3)
    assert [(i.path, i.a, i.b) for i in answer.inputs] == [
        ("power.facility.power_price_usd_per_mwh", "95 USD/MWh", "190 USD/MWh")
    ]


def test_causes_and_interaction_add_up_to_the_difference(lab: Result) -> None:
    answer = gp.compare(lab, "neocloud-100mw")
    numbers = [d for d in answer.differences if not math.isnan(d.remainder)]
    assert len(numbers) > 10
    for d in numbers:
        total = math.fsum(c.effect for c in d.causes) + d.remainder
        assert total == pytest.approx(d.b - d.headline.value, rel=1e-9, abs=1e-6), d.headline.name
        assert all(c.value == pytest.approx(d.headline.value + c.effect) for c in d.causes)


def test_a_cause_is_what_running_that_group_alone_gives(lab: Result) -> None:
    changes = {"power.facility.power_price_usd_per_mwh": "190 USD/MWh", "training.mfu_share": "20 %"}
    answer = gp.compare(lab, "lab-1mw", {**changes, "demand.adoption.ceiling_users": "21000"})
    cost = by_name(answer)["cost"]
    alone = gp.run("lab-1mw", {"power.facility.power_price_usd_per_mwh": "190 USD/MWh"})
    power = next(c for c in cost.causes if c.group == "power")
    assert power.value == pytest.approx(alone.central("cost_usd").sum())
    assert "training" not in {c.group for c in cost.causes}
    assert set(answer.groups) == {"power", "training", "demand.adoption"}


def test_groups_that_make_no_plan_alone_are_swapped_together() -> None:
    answer = gp.compare("announced-2025-09", "neocloud-100mw")
    assert any("systems" in g and "fleet.opening" in g for g in answer.groups)
    assert "demand.workloads" in answer.groups
    assert answer.not_attributed == ""


def test_what_matters_comes_first(lab: Result) -> None:
    scores = [d.score for d in gp.compare(lab, "neocloud-100mw").differences]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1


def test_dates_that_never_come_are_told_as_such() -> None:
    answer = gp.compare("announced-2025-09", None, {"horizon.end": "2026-06"})
    first = by_name(answer)["first tokens of the announced sites"]
    assert first.headline.date.startswith("2026-")
    assert first.other.date == "never"
    assert [c.group for c in first.causes] == ["horizon"]
    assert math.isnan(first.remainder)


def test_a_result_without_its_text_names_no_cause(lab: Result) -> None:
    answer = gp.compare(dataclasses.replace(lab, sources=None), "neocloud-100mw")
    assert "without its plan's text" in answer.not_attributed
    assert answer.differences
    assert all(d.causes == () for d in answer.differences)
    assert all(i.kind == "fact" for i in answer.inputs)


def test_what_an_older_catalog_said_is_a_cause_of_its_own(lab: Result) -> None:
    """A kept result of another vintage: the step from its numbers to today's is told apart from the plan's changes."""
    kept = dict(lab.arrays)
    kept["cost_usd"] = lab["cost_usd"] * 2
    old = dataclasses.replace(lab, arrays=kept, stamp=dataclasses.replace(lab.stamp, catalog_vintage="older"))
    answer = gp.compare(old, "lab-1mw", {"power.facility.power_price_usd_per_mwh": "190 USD/MWh"})
    cost = by_name(answer)["cost"]
    effects = {c.group: c.effect for c in cost.causes}
    assert effects[SAVED_A] == pytest.approx(-lab["cost_usd"].sum())
    assert effects["power"] > 0
    assert cost.remainder == pytest.approx(0, abs=1e-3)


def test_claims_that_turn(lab: Result) -> None:
    answer = gp.compare("announced-2025-09", "actual-2026-11")
    assert ("A5", "by assumption", "does not hold") in answer.claims


def test_groups_of_paths() -> None:
    assert group_of("fleet.sites.Abilene.region") == "fleet.sites"
    assert group_of("finance.systems.x.y") == group_of("fleet.profile") == "systems"
    assert group_of("horizon.start") == "horizon"
    assert group_of("title") == ""


def leave(*args: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(list(args))
    assert isinstance(left.value.code, int)
    return left.value.code


def test_in_the_terminal_and_as_json(lab: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = gp.save(lab, tmp_path / "kept")
    over = tmp_path / "over.yaml"
    over.write_text(
        "overlay: {who: me, why: dearer, from: 2026-11}\npower: {facility: {power_price_usd_per_mwh: $190/MWh}}\n"
    )
    assert leave("compare", str(kept), "lab-1mw", "--with", str(over)) == 0
    out = capsys.readouterr().out
    assert "power.facility.power_price_usd_per_mwh: 95 USD/MWh → $190/MWh" in out
    assert leave("compare", str(kept), "neocloud-100mw", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["differences"][0]["causes"]
    assert {"name", "a", "b", "score", "together"} <= set(answer["differences"][0])
    assert leave("compare", "lab-1mw") == 0
    assert "No figure differs" in capsys.readouterr().out


def test_a_range_is_a_line_that_differs(lab: Result) -> None:
    answer = gp.compare(lab, "lab-1mw", {"power.facility.pue": "{low: 1.1, central: 1.3, high: 1.4, dist: triangular}"})
    line = next(i for i in answer.inputs if i.kind == "plan")
    assert (line.path, line.b) == ("power.facility.pue", "1.1 to 1.4, central 1.3, dist triangular")


def test_mistakes_are_exit_2(tmp_path: Path, lab: Result, capsys: pytest.CaptureFixture[str]) -> None:
    kept = str(gp.save(lab, tmp_path / "kept"))
    assert leave("compare", "lab-1mw", kept, "--set", "horizon.end=2031-01") == 2
    assert "can't be changed" in capsys.readouterr().err
    assert leave("compare", "lab-1mw", "neocloud") == 2
    assert "neocloud-100mw" in capsys.readouterr().err
    early = ["--set", "horizon.start=2020-01", "--set", "horizon.end=2021-01"]
    assert leave("compare", "lab-1mw", "lab-1mw", *early) == 2
    assert "share no month" in capsys.readouterr().err
