"""Lines of a plan that change nothing: found, with their reasons, and none but these."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.cli.test_cli import run as gigaplan

import gigaplan as gp
from gigaplan.plan import sources_of
from gigaplan.plan.document import Node, parse
from gigaplan.plan.load import load
from gigaplan.study.nudge import Line, lines_of

IDLE = {
    "demand.workloads.chat.requests_per_day": "1000",
    "fleet.ladder.labour_mw_per_month": "40 MW/month",
}


def read(text: str) -> Node:
    return parse(text, "plan.yaml")


def nudged(path: str, text: str) -> list[object]:
    root = read("fleet: {generations: [h200_hgx, b300_hgx]}")
    return [n.plain() for n in Line(tuple(path.split(".")), read(text)).nudged(root)]


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("power.facility.pue", "1.2", [1.26, 1.14]),
        ("announced.power", "10 GW it", ["10.5 GW it", "9.5 GW it"]),
        ("demand.adoption.rate_per_year", "0.8 1/year", ["0.84 1/year", "0.76 1/year"]),
        ("power.facility.power_price_usd_per_mwh", "55 to 80 USD/MWh", ["57.75 to 84 USD/MWh", "52.25 to 76 USD/MWh"]),
        ("power.facility.loss_share", "0", [0.05, -0.05]),
        ("fleet.sites.A.announced", "2026-03-15", ["2026-04-15", "2026-02-12"]),
        ("fleet.reference_generation", "b300_hgx", ["h200_hgx"]),
        ("demand.adoption.curve", "gompertz", ["logistic"]),
        ("demand.workloads.chat.deferrable", "true", [False]),
        ("finance.tranches.investor", "2 friends", []),
    ],
)
def test_a_line_gets_another_value(path: str, text: str, expected: list[object]) -> None:
    assert nudged(path, text) == expected


def test_what_is_said_of_a_value_is_no_line_of_its_own() -> None:
    root = read("power: {facility: {pue: {low: 1.1, high: 1.3, source: me}, loss_share: 3 %}}\nname: x\nnotes: [a]")
    assert [".".join(line.path) for line in lines_of(root)] == ["power.facility.pue", "power.facility.loss_share"]


def test_lines_without_effect_are_found_and_no_others() -> None:
    """Each line that is named leaves all numbers as they are when it is changed by hand; one that isn't doesn't."""
    found = gp.unused("lab-1mw", IDLE)
    named = {one.path: one.because for one in found.unused}
    assert set(IDLE) <= set(named)
    assert "driver is 'users'" in named["demand.workloads.chat.requests_per_day"]
    assert "'labour' binds in no month" in named["fleet.ladder.labour_mw_per_month"]
    assert not found.all_used
    base = gp.run("lab-1mw", IDLE)
    for path in IDLE:
        line = next(
            x for x in lines_of(load("lab-1mw", [f"{k}={v}" for k, v in IDLE.items()]).root) if ".".join(x.path) == path
        )
        other = next(line.nudged(read("{}"))).plain()
        again = gp.run("lab-1mw", {**IDLE, path: other})
        assert all(np.array_equal(base[n], again[n], equal_nan=True) for n in base.arrays)
    assert "power.facility.pue" not in {one.path for one in gp.unused("lab-1mw", {"power.facility.pue": 1.2}).unused}


def test_a_limit_that_binds_further_away_is_said_so() -> None:
    found = gp.unused("lab-1mw", {"fleet.systems.b300_hgx.supply_cap_racks_per_month": "40 rack/month"})
    because = {one.path: one.because for one in found.unused}["fleet.systems.b300_hgx.supply_cap_racks_per_month"]
    assert because == "it doesn't bind: 5% more or less changes nothing, half of it does"


def test_what_cannot_be_changed_alone_is_apart() -> None:
    found = gp.unused("lab-1mw")
    reasons = {one.path: one.because for one in found.not_tried}
    assert "can't be changed alone" in reasons["demand.workloads.chat.driver"]
    assert found.tried + len(found.not_tried) == len(lines_of(load("lab-1mw").root))


def test_the_terminal_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert gigaplan("check", "lab-1mw", "--unused", "--json") == 1
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(gp.to_json(gp.unused("lab-1mw"))))
    assert gigaplan("check", "lab-1mw", "--unused") == 1
    assert "change no quantity and no verdict" in capsys.readouterr().out
    assert gigaplan("check", "lab-1mw", "--unused", "--claims", "x") == 2


def test_it_can_be_stopped() -> None:
    with pytest.raises(gp.Cancelled):
        gp.unused("lab-1mw", progress=lambda done, *_: done < 3)
    assert sources_of("lab-1mw", [], []).changes == ()
