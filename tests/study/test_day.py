"""A plan's day, request by request: who is sent where, what is conserved, what is kept, what is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.inference.requests.arrivals import Lengths, fill, gaps, lengths
from gigaplan.study.day.answer import DayRun
from gigaplan.study.day.fleet import DayFleet, fleet_of_day, load, scaled
from gigaplan.study.day.job import DayJob
from gigaplan.study.day.regions import nearest_first, spread
from gigaplan.study.day.run import serve_fleet_day
from gigaplan.study.day.streams import streams
from gigaplan.vocabulary.errors import PlanError

DAY = dt.date(2028, 6, 1)


@given(st.data())
def test_every_request_is_sent_somewhere_and_near_sites_fill_first(data: st.DataObject) -> None:
    regions, sites = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    amounts = st.floats(0, 100, allow_subnormal=False)
    demand = np.array(data.draw(st.lists(amounts, min_size=regions, max_size=regions)))
    capacity = np.array(data.draw(st.lists(st.floats(0.1, 100), min_size=sites, max_size=sites)))
    order = nearest_first(np.arange(regions) * 3.0, np.arange(sites) * 5.0 - 8)
    found = spread(demand, capacity, order, 0.8)
    assert found.sum(axis=1) == pytest.approx(demand, abs=1e-9)
    assert (found >= -1e-12).all()
    taken = found.sum(axis=0)
    if demand.sum() <= 0.8 * capacity.sum():
        assert (taken <= 0.8 * capacity + 1e-9).all()
    elif demand.sum() <= capacity.sum():
        assert (taken <= capacity + 1e-9).all()
    else:  # all are as full as each other
        assert taken / capacity == pytest.approx(np.full(sites, demand.sum() / capacity.sum()), rel=1e-6)


def test_made_requests_have_their_rate_their_lengths_and_the_gaps_of_every_nth() -> None:
    tables = Lengths(gaps(9.0), lengths(800.0, 1.3), lengths(300.0, 0.8))
    room = np.empty(200_000), np.empty(200_000, np.int64), np.empty(200_000, np.int64)
    seeds, place = np.array([5], dtype=np.uint64), np.array([0.0, 0.5])
    n = fill(seeds, place, tables, 10.0, 5000.0, *room)
    slow = fill(seeds, place, tables, 2.0, 10_000.0, *(a[n:] for a in room))
    assert n == pytest.approx(50_000, abs=4 * np.sqrt(50_000) / 3)
    assert slow == pytest.approx(10_000, abs=4 * np.sqrt(10_000) / 3)
    assert place[0] == 10_000.0
    arrival, inputs, outputs = (a[: n + slow] for a in room)
    assert (np.diff(arrival) > 0).all()
    between = np.diff(arrival[:n])
    assert between.std() / between.mean() == pytest.approx(1 / 3, rel=0.02)
    assert inputs.mean() == pytest.approx(800, rel=0.03)
    assert inputs.std() / inputs.mean() == pytest.approx(1.3, rel=0.1)
    assert outputs.mean() == pytest.approx(300, rel=0.02)
    # In pieces they are the same ones.
    again, seeds, place, k = np.empty(n + 77), np.array([5], dtype=np.uint64), np.array([0.0, 0.5]), 0
    while place[0] < 5000.0:
        k += fill(seeds, place, tables, 10.0, 5000.0, again[k : k + 77], room[1], room[2])
    assert k == n
    assert (again[:n] == arrival[:n]).all()


@cache
def university() -> DayFleet:
    """Chat of a university, at two sites in equal parts."""
    whole = fleet_of_day(DayJob(day=DAY, plan="lab-1mw", workload=("chat",)))
    (kind,) = whole.kinds
    two = tuple(replace(kind, site=s, replicas=1) for s in ("East", "West"))
    return replace(whole, kinds=two, sites=("East", "West"), site_offset_h=np.array([-5.0, 3.0]))


def served(tmp_path: Path, name: str = "one", fleet: DayFleet | None = None, **more: Any) -> DayRun:
    job = DayJob(day=DAY, plan="lab-1mw", **{"workers": 1, "out": str(tmp_path / name), **more})
    return serve_fleet_day(job, fleet or university())


def test_all_requests_of_the_plans_day_come_and_are_served(tmp_path: Path) -> None:
    run = served(tmp_path)
    planned = university().demand_per_s.sum() * 3600
    assert run.whole.requests == pytest.approx(planned, abs=5 * np.sqrt(planned))
    assert run.whole.requests == run.whole.served + run.whole.refused == run.simulated
    assert sum(s.requests for s in run.sites) == run.whole.requests
    assert run.whole.ttft_ms.p50 <= run.whole.ttft_ms.p99  # type: ignore[operator]
    peak = max(run.whole.hours, key=lambda h: h.arrived_per_s)
    assert peak.arrived_per_s == pytest.approx(university().demand_per_s.sum(axis=(0, 1)).max(), rel=0.05)
    assert run.whole.good_share is not None
    assert run.whole.good_share > 0.9


def test_a_day_goes_on_where_it_was_stopped_and_is_the_same_on_any_workers(tmp_path: Path) -> None:
    first = served(tmp_path)
    again = served(tmp_path)
    assert (first.done_before, again.done_before) == (0, first.tasks)
    kept = sorted((tmp_path / "one" / "parts").iterdir())
    kept[0].write_bytes(kept[0].read_bytes()[:100])  # not whole: computed again
    assert served(tmp_path).done_before == first.tasks - 1
    two = served(tmp_path, "two", workers=2)
    for run in (again, two):
        assert gp.to_json(run.whole) == gp.to_json(first.whole)
        assert gp.to_json(run.sites) == gp.to_json(first.sites)
    other = served(tmp_path, seed=1)
    assert other.done_before == 0
    assert other.whole.requests != first.whole.requests


def test_what_a_failed_site_had_is_sent_to_the_other_one(tmp_path: Path) -> None:
    whole = served(tmp_path)
    run = served(tmp_path, "failed", fail=("east@18:00",), repair_s=7200.0)
    (work,) = run.workloads
    assert work.lost > 0
    assert work.rejected == 0
    planned = whole.whole.requests
    assert run.whole.requests == pytest.approx(planned, abs=6 * np.sqrt(planned))
    east = run.sites[0].hours
    assert east[18].arrived_per_s == 0
    assert east[17].arrived_per_s > 0
    assert east[20].arrived_per_s > 0
    assert run.sites[1].hours[18].arrived_per_s > 1.5 * whole.sites[1].hours[18].arrived_per_s
    assert run.sites[1].hours[12].arrived_per_s == whole.sites[1].hours[12].arrived_per_s
    assert run.whole.latency_ms.p99 > whole.whole.latency_ms.p99  # type: ignore[operator]


def test_with_no_other_site_requests_are_turned_away(tmp_path: Path) -> None:
    fleet = university()
    alone = replace(fleet, kinds=fleet.kinds[:1], sites=("East",), site_offset_h=np.array([np.nan]))
    job = DayJob(day=DAY, plan="lab-1mw", fail=("East@06:00",))
    found = streams(alone, job, {(0, "chat"): 12.0})
    per_hour = fleet.demand_per_s.sum(axis=(0, 1)) * 3600
    assert found.rejected[0] == pytest.approx(12 + 30 / 3600 * per_hour[6])
    came = (found.per_replica_s[0] * np.diff(found.edges_s)).sum() * fleet.kinds[0].replicas
    assert came == pytest.approx(per_hour[:6].sum(), rel=1e-6)


def test_fewer_replicas_wait_longer_and_a_part_stands_for_all(tmp_path: Path) -> None:
    fleet = university()
    more = replace(
        fleet, demand_per_s=20 * fleet.demand_per_s, kinds=tuple(replace(k, replicas=4) for k in fleet.kinds)
    )
    few, many = scaled(more, 0.8), scaled(more, 0.3)
    assert sum(k.replicas for k in few.kinds) < sum(k.replicas for k in many.kinds)
    assert load(many)[0] < load(few)[0] == pytest.approx(0.8, rel=0.5)


def test_a_fleet_of_a_plan_serves_what_the_plan_serves() -> None:
    fleet = fleet_of_day(DayJob(day=DAY, plan="neocloud-100mw"))
    assert load(fleet) == pytest.approx(np.ones(3), abs=0.3)
    weekend = fleet_of_day(DayJob(day=dt.date(2028, 6, 3), plan="neocloud-100mw", workload=("agents",)))
    assert (fleet.day_type, weekend.day_type, weekend.workloads) == ("weekday", "weekend", ("agents",))
    assert weekend.demand_per_s.sum() < fleet.demand_per_s[fleet.workloads.index("agents")].sum()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"day": "2050-01-01"}, "no such day"),
        ({"workload": ["chatt"]}, "chat"),
        ({"part": "0 %"}, "above zero"),
        ({"fail": ["Campus hall 18:00"]}, "Abilene@18:00"),
        ({"fail": ["Campus hell@18:00"]}, "Campus hall"),
        ({"repair_s": "2 h"}, "nothing fails"),
        ({"spill": "200 %"}, "at most one"),
        ({"on": "moon"}, "no such place"),
        ({"failover": "0 s"}, "above zero"),
        ({"peak_load": "300 %"}, "zero to two"),
    ],
)
def test_a_day_that_cannot_be_is_refused(tmp_path: Path, given: dict[str, Any], says: str) -> None:
    with pytest.raises(PlanError) as caught:
        gp.serve_day("lab-1mw", **{"day": f"{DAY}", "workload": ["chat"], "out": str(tmp_path / "x"), **given})
    assert says in str(caught.value)


def test_the_terminal_shows_workloads_sites_and_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gigaplan.cli import main

    out = ["--out", str(tmp_path / "day"), "--workers", "1"]
    given = ["serve", "--day", f"{DAY}", "--plan", "lab-1mw", "--workload", "chat", *out]
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code in (0, None)
    text = capsys.readouterr().out
    for word in ("lab-1mw on 2028-06-01", "chat", "Campus hall", "within", "waiting", "J of IT energy a token"):
        assert word in text
    with pytest.raises(SystemExit) as ended:
        main([*given, "--model", "llama_3_1_8b"])
    assert ended.value.code == 2
    assert "--model" in capsys.readouterr().err
