"""A site's load by the second from the training model: mitigations do what they say, and take what they take."""

from __future__ import annotations

from typing import Any

import pytest

import gigaplan as gp
from gigaplan.cli import main

RUN = {"gpus": 1024, "layout": "tp8 pp2 mb1 recompute=selective"}


def swings(**more: Any) -> gp.SwingsRun:
    return gp.power_swings("llama_3_1_70b", "h100_hgx", **RUN, **more)


def test_the_bare_load_is_that_of_the_training_model() -> None:
    found, run = swings(), gp.train("llama_3_1_70b", "h100_hgx", **RUN)
    assert found.step_s == pytest.approx(run.best.step_s)
    assert found.smoothed == found.bare
    assert found.energy_share == 0
    assert run.drawn_mw is not None
    assert found.bare.mean_mw == pytest.approx(run.drawn_mw.value, rel=0.03)
    compute, wait, idle = (found.parts[n][1] for n in ("compute", "wait", "idle"))
    assert compute > wait > idle > 0
    assert found.bare.ramp_mw_per_s <= (compute - idle) * (1 + 1e-9)


def test_each_mitigation_narrows_and_takes_energy() -> None:
    bare = swings()
    floors = [swings(floor=f) for f in (0.7, 0.9)]
    assert bare.bare.range_mw > floors[0].smoothed.range_mw > floors[1].smoothed.range_mw
    assert 0 < floors[0].energy_share < floors[1].energy_share
    assert floors[1].lost_work_share == 0
    slow = swings(ramp_mw_per_s=0.1)
    assert slow.smoothed.ramp_mw_per_s <= 0.1 + 1e-9
    assert slow.lost_work_share > 0  # fewer watts, fewer tokens
    battery = swings(battery_mw=2, battery_mwh=1)
    assert battery.smoothed.range_mw < bare.bare.range_mw / 3
    assert battery.smoothed.amplitude_mw < bare.bare.amplitude_mw / 3
    assert 0 < battery.energy_share < 0.05
    assert battery.lost_work_share == 0


def test_limits_answer_yes_or_no_in_every_door() -> None:
    kept, missed = swings(ramp_limit=100.0), swings(ramp_limit=0.001, oscillation_limit=0.0001)
    assert kept.holds
    assert [limit.holds for limit in missed.limits] == [False, False]
    question = gp.request(
        "power swings", {"run": {"model": "llama_3_1_70b", "system": "h100_hgx", **RUN}, "floor": "80 %"}
    )
    assert gp.power_swings(question).question.floor == 0.8
    words = ["power", "swings", "llama_3_1_70b", "h100_hgx", "--gpus", "1024", "--layout"]
    for limit, code in (("100", 0), ("0.001", 1)):
        with pytest.raises(SystemExit) as end:
            main([*words, RUN["layout"], "--ramp-limit", limit, "--json"])
        assert end.value.code == code


@pytest.mark.parametrize(
    "more,words",
    [
        ({"floor": 1.5}, "'floor' is a share"),
        ({"battery_mw": 5.0}, "power and energy"),
        ({"ramp_limit": -1.0}, "below zero"),
        ({"rack_storage": float("nan")}, "rack-storage"),
    ],
)
def test_what_can_not_be_is_refused(more: dict[str, Any], words: str) -> None:
    with pytest.raises(gp.PlanError, match=words):
        swings(**more)
