"""A build-out of many members is that of each by itself: nothing of one reaches another."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan.fleet.buildout import build
from gigaplan.fleet.inputs import FleetInputs, Generation, Ladder, OpeningBlock, Phase, Site
from gigaplan.plan import load, resolve
from gigaplan.vocabulary.bases import Based, PowerBasis
from gigaplan.vocabulary.time import TimeAxis

AXIS = TimeAxis(dt.date(2026, 1, 1), dt.date(2032, 1, 1))
MEMBERS = 5


def ladder(draw: Any) -> Ladder:
    return Ladder(
        contract_lag_months=draw(0, 4),
        construction_lag_months=draw(0, 6),
        ready_lag_months=draw(0, 6),
        acceptance_lag_months=draw(0, 3),
        producing_lag_months=draw(0, 2),
        refit_lag_months=draw(0, 9),
        packaging_start_gpus_per_month=draw(2_000, 40_000),
        packaging_reference_date=dt.date(2026, 1, 1),
        packaging_growth_per_year=draw(0, 2),
        packaging_cap_gpus_per_month=draw(20_000, 90_000),
        transformer_mw_per_month=draw(30, 200),
        labour_mw_per_month=draw(30, 200),
        availability=draw(0.8, 1),
    )


def inputs(seed: int) -> FleetInputs:
    """Return several sites, phases on one day among them, generations and an existing block, all of it drawn."""
    dice = np.random.default_rng(seed)

    def draw(low: float, high: float) -> Any:
        return dice.uniform(low, high, MEMBERS)

    def generation(name: str, ships: dt.date, gpus: int, kw: float) -> Generation:
        return Generation(
            name=name,
            gpus_per_rack=gpus,
            it_kw_per_rack=draw(0.8 * kw, 1.2 * kw),
            first_ship_date=ships,
            first_ship_date_delay_days=draw(-60, 200),
            life_years=draw(1.5, 5),
            supply_start_racks_per_month=draw(20, 400),
            supply_growth_per_year=draw(0, 5),
            supply_cap_racks_per_month=draw(200, 2_000),
        )

    def phase(name: str, day: dt.date, kind: str) -> Phase:
        late = draw(-120, 300) if dice.random() < 0.7 else 0.0
        power = Based(float(dice.uniform(20, 400)), "MW", PowerBasis.IT)
        announced = day - dt.timedelta(days=int(dice.integers(0, 500)))
        return Phase(
            name=name, power=power, announced=announced, energised=day, energised_delay_days=late, generation=kind
        )

    days = [dt.date(2026 + int(k) // 12, int(k) % 12 + 1, 1) for k in dice.integers(0, 36, 5)]
    sites = tuple(
        Site(
            name=f"site {i}",
            region="us",
            phases=(phase("1", days[i], "newest"), phase("2", days[i + 1], str(dice.choice(["newest", "b"])))),
        )
        for i in range(4)
    )
    block = OpeningBlock(name="old", power=Based(90.0, "MW", PowerBasis.IT), generation="a", date=dt.date(2025, 6, 1))
    kinds = (
        generation("a", dt.date(2023, 5, 1), 8, 12.0),
        generation("b", dt.date(2026, 3, 1), 72, 150.0),
        generation("c", dt.date(2027, 9, 1), 144, 400.0),
    )
    return FleetInputs(generations=kinds, sites=sites, opening=(block,), ladder=ladder(draw))


def member_of(part: Any, m: int) -> Any:
    """Return inputs in which every drawn number is that of one member."""
    if isinstance(part, np.ndarray):
        return float(part[m])
    if isinstance(part, tuple):
        return tuple(member_of(p, m) for p in part)
    if is_dataclass(part) and not isinstance(part, Based | type):
        return replace(part, **{f.name: member_of(getattr(part, f.name), m) for f in fields(part)})
    return part


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_member_is_a_run_of_its_own(seed: int) -> None:
    drawn = inputs(seed)
    together = build(drawn, AXIS)
    for m in range(MEMBERS):
        alone = build(member_of(drawn, m), AXIS)
        for f in fields(alone):
            one, many = getattr(alone, f.name), getattr(together, f.name)
            if f.name in ("places", "free_share", "powered_share"):  # no customer holds any, no power lacks
                assert one == many
                continue
            if f.name == "orders":
                for name in ("racks_delivered", "racks_retired", "ready_mw"):
                    part, whole = getattr(one, name), getattr(many, name)
                    n = min(part.shape[-1], whole.shape[-1])  # each begins with its own first event
                    np.testing.assert_allclose(whole[m, ..., -n:], part[0, ..., -n:], rtol=1e-9, atol=1e-6)
                continue
            assert many.shape == (MEMBERS, *one.shape[1:])
            if f.name == "binding":  # limits within a watt may be told apart either way
                limits = np.sort(alone.limit_mw[0], axis=0)
                clear = limits[1] - limits[0] > 1e-5
                np.testing.assert_array_equal(many[m][clear], one[0][clear])
            else:
                scale = max(float(np.nanmax(np.abs(one), initial=0.0)), 1.0)
                np.testing.assert_allclose(many[m], one[0], rtol=1e-12, atol=1e-11 * scale, err_msg=f.name)


def first_tokens(changes: dict[str, Any], members: int = 65) -> Any:
    scenario = resolve(
        load("announced-2025-09", [f"{k}={v}" for k, v in {**changes, "uncertainty.members": members}.items()])
    )
    return build(scenario.fleet, scenario.axis).first_token_days[:, : len(scenario.fleet.sites)]


def test_wider_ranges_spread_first_tokens_more() -> None:
    form = "{{low: {} months, central: 4 months, high: {} months}}"
    spread = [
        first_tokens({"fleet.ladder.ready_lag_months": form.format(low, high)})[:, :2].std(axis=0).mean()
        for low, high in ((3.9, 4.1), (3, 6), (1, 14))
    ]
    assert spread[0] < spread[1] < spread[2]


def test_a_phase_whose_date_has_a_range_is_late_in_some_futures() -> None:
    path = "fleet.sites.Abilene.phases.buildings 5-8.energised"
    dated, ranged = (
        first_tokens({path: day})[:, 0] for day in ("2026-07-01", "{low: 2026-05, central: 2026-07-01, high: 2027-09}")
    )
    assert ranged[0] == dated[0], "the central member is that of the central date"
    assert np.quantile(ranged, 0.9) - np.quantile(dated, 0.9) > 150
    shifted = load("announced-2025-09", [f"{path}=2026-05-01 to 2026-09-01", f"{path}=+12 months"])
    assert shifted.ranges[path].high - shifted.ranges[path].low == 123
    assert shifted.document.fleet.sites["Abilene"].phases["buildings 5-8"].energised == dt.date(2027, 7, 1)


def test_stated_racks_are_built_as_stated_by_every_member() -> None:
    """A plan of so many racks has them in each future, however much IT power they turn out to take."""
    by_it_power, by_racks = (
        resolve(load("lab-1mw", ["uncertainty.members=9", f"fleet.opening.old cluster.power={power}"])).fleet
        for power in ("93.1 kW it", "81.6 kW rack_tdp")
    )
    assert np.ptp(by_it_power.it_kw_per_rack, axis=0).max() > 0
    assert np.ptp(by_racks.it_kw_per_rack, axis=0).max() == 0


def test_a_run_of_members_has_spread_all_over_the_fleet() -> None:
    result = gp.run("announced-2025-09", {"uncertainty.members": 8, "horizon.end": "2029-01"}, keep="summary")
    for name in (
        "power_state_mw",
        "racks_accepted",
        "gpus_in_production",
        "limit_mw",
        "first_token_day",
        "tranche_day",
    ):
        assert result[name].shape[0] == 8
        assert np.nanmax(result[name].std(axis=0)) > 0, name


def test_the_time_of_many_members_is_printed() -> None:
    seconds = {}
    for members in (1, 100):
        scenario = resolve(load("announced-2025-09", [f"uncertainty.members={members}"]))
        begin = time.perf_counter()
        build(scenario.fleet, scenario.axis)
        seconds[members] = time.perf_counter() - begin
    print(f"a build-out takes {seconds[1]:.3f} s, one of 100 members {seconds[100]:.3f} s")
    assert seconds.keys() == {1, 100}
