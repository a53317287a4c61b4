"""The profile and the cap of a plan: clock, rack, draw and speed follow; impossible caps are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gigaplan as gp
from gigaplan import catalog
from gigaplan.compute.clock import clock_share
from gigaplan.plan import resolve
from gigaplan.plan.load import load
from gigaplan.plan.ratings import GpuPower, clock_curve_of, lowest_limit_w, rack_kw_at
from gigaplan.plan.resolve import device_of
from gigaplan.plan.scenario import Scenario
from gigaplan.vocabulary.members import column

CAP = "fleet.systems.vr_nvl72.gpu_power_cap_w"
CLOCK = ("clock_share",)
FACTS = catalog.load()


def scenario(*changes: str, name: str = "announced-2025-09") -> Scenario:
    return resolve(load(name, list(changes)))


def it_kw(of: Scenario, name: str = "vr_nvl72") -> float:
    return next(float(column(g.it_kw_per_rack, 1)[0]) for g in of.fleet.generations if g.name == name)


def test_at_full_power_devices_are_those_of_the_catalog() -> None:
    """To the digit: what measured rows and their fits were answered by."""
    found = scenario("fleet.profile=max_p", name="actual-2026-11")
    assert found.devices == {name: device_of(FACTS, name) for name in found.devices}


def test_the_profile_sets_the_clock() -> None:
    """1,800 of 2,300 W, and nothing else of the device."""
    found = scenario().devices["vr_nvl72"]
    expected = float(clock_share(1800 / 2300, clock_curve_of(FACTS)))
    assert found.clock_share == pytest.approx(expected)
    assert 0.8 < expected < 0.97
    assert replace(found, clock_share=1.0) == scenario("fleet.profile=max_p").devices["vr_nvl72"]


def test_a_cap_sets_clock_and_rack() -> None:
    free, capped = scenario(), scenario(f"{CAP}=1500 W")
    assert capped.devices["vr_nvl72"].clock_share < free.devices["vr_nvl72"].clock_share
    ratio = FACTS.find("facility", "it_per_rack_power").number
    assert it_kw(free) - it_kw(capped) == pytest.approx(72 * 0.3 / 0.96 * ratio)
    assert it_kw(capped) == pytest.approx(rack_kw_at(FACTS, "vr_nvl72", GpuPower(limit_w=1500.0)) * ratio)
    assert capped.nodes["vr_nvl72"].gpu_limit_w == 1500
    assert {n: d for n, d in capped.devices.items() if n != "vr_nvl72"} == {
        n: d for n, d in free.devices.items() if n != "vr_nvl72"
    }


@settings(max_examples=8)
@given(st.floats(0, 1), st.floats(0, 1))
def test_fewer_watts_are_never_faster_nor_larger_racks(a: float, b: float) -> None:
    low, high = lowest_limit_w(FACTS, "vr_nvl72") + 0.01, 1799.99
    watts = [low + (high - low) * x for x in sorted((a, b))]
    less, more = (scenario(f"{CAP}={w:.6f} W") for w in watts)
    assert less.devices["vr_nvl72"].clock_share <= more.devices["vr_nvl72"].clock_share
    assert it_kw(less) <= it_kw(more) * (1 + 1e-12)


@pytest.mark.parametrize(
    ("changes", "said", "allowed"),
    [
        ((f"{CAP}=1000 W",), "below what the relation", "1,110 to 1,800 W"),
        ((f"{CAP}=1900 W",), "has no effect", "1,110 to 1,800 W"),
        ((f"{CAP}=2400 W", "fleet.profile=max_p"), "has no effect", "1,110 to 2,300 W"),
        (("fleet.systems.gb200_nvl72.gpu_power_cap_w=1300 W",), "has no effect", "579 to 1,200 W"),
    ],
)
def test_impossible_caps(changes: tuple[str, ...], said: str, allowed: str) -> None:
    with pytest.raises(gp.PlanError) as caught:
        load("announced-2025-09", list(changes))
    (problem,) = caught.value.problems
    assert said in problem.message
    assert allowed in problem.allowed
    assert problem.place.path.endswith("gpu_power_cap_w")
    assert problem.remedy


def test_gpus_of_a_phase_stand_in_racks_at_the_cap() -> None:
    """72,000 GPUs are a thousand racks, whose power is that at the cap."""
    changes = ["fleet.opening.more.gpus=72000 vr_nvl72", "fleet.opening.more.date=2027-06-01"]
    free, capped = (scenario(*changes, *more) for more in ((), (f"{CAP}=1500 W",)))
    mw = [next(b.power.value for b in s.fleet.opening if b.name == "more") for s in (free, capped)]
    assert mw == [pytest.approx(1000 * it_kw(s) / 1e3) for s in (free, capped)]


def test_members_with_more_watts_in_the_rack_are_faster() -> None:
    """The rack's range is that of its GPUs' power: up to their rated power, where the clock is 1."""
    found = scenario("uncertainty.members=40")
    kw = next(np.asarray(g.it_kw_per_rack) for g in found.fleet.generations if g.name == "vr_nvl72")
    ratio = np.asarray(next(d.values for d in found.draws if d.name == "facility.it_per_rack_power"))
    rack, clock = kw / ratio, found.devices["vr_nvl72"].clock_share * column(found.device_ratios["vr_nvl72"][CLOCK], 1)
    assert rack[0] == pytest.approx(190)
    assert rack.min() >= 190 - 1e-9
    assert rack.max() > 230
    assert clock.max() <= 1 + 1e-12
    at_least = rack >= 190 + 72 * 0.5 / 0.96
    assert at_least.any()
    np.testing.assert_allclose(clock[at_least], 1.0)
    names = {d.name for d in found.draws}
    assert {"gpu_clock.static_power_share", "gpu_clock.clock_exponent"} <= names
    capped = scenario("uncertainty.members=40", f"{CAP}=1500 W")
    kw = next(np.asarray(g.it_kw_per_rack) for g in capped.fleet.generations if g.name == "vr_nvl72")
    # what the GPUs took goes; what is next to them stays, and where it is more than usual it is so at the cap, too
    np.testing.assert_allclose((kw / ratio)[~at_least], 190 - 72 * 0.3 / 0.96)
    assert ((kw / ratio)[at_least] >= 190 - 72 * 0.3 / 0.96 - 1e-9).all()


def test_one_member_is_the_central_one_of_many() -> None:
    one, many = scenario(), scenario("uncertainty.members=20")
    assert one.devices == many.devices
    assert it_kw(one) == it_kw(many)
    full = scenario("uncertainty.members=20", "fleet.profile=max_p")
    assert CLOCK not in full.device_ratios["vr_nvl72"]


def test_a_profile_without_effect_is_a_warning() -> None:
    said = [w for w in load("lab-1mw", ["fleet.profile=max_p"]).warnings if "profile" in w.message]
    assert [w.severity for w in said] == ["warning"]
    assert not [w for w in load("announced-2025-09", ["fleet.profile=max_p"]).warnings if "profile" in w.message]
