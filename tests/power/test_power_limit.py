"""Racks whose GPUs have a power limit: by hand, inverse, GPUs per megawatt, draw below the rated power."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.plan.ratings import (
    GpuPower,
    clock_at,
    lowest_limit_w,
    node_at,
    node_draw_of,
    node_of,
    rack_kw_at,
    rated_gpu_w,
)
from gigaplan.plan.resolve import it_kw_per_gpu
from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Activity, Node, gpu_w, limit_w_at, rack_w_at
from gigaplan.vocabulary.bases import Profile

FACTS = catalog.load()
CURVE = NodeDraw(
    computing_draw_share=0.9,
    moving_draw_share=0.5,
    waiting_draw_share=0.4,
    idle_draw_share=0.1,
    rest_draw_share=0.5,
    fan_share=0.1,
    psu_efficiency=0.95,
    start_up_s=60.0,
)
NODE = Node(gpus=8.0, gpu_limit_w=700.0, rated_w=10_200.0, air_cooled=1.0, gpu_rated_w=700.0)
LIMITED = [s for s in FACTS.entities("rack_power_kw") if rated_gpu_w(FACTS, s)]
limits = st.floats(350, 700)


def test_a_rack_by_hand() -> None:
    """A hundred watts less of eight GPUs, a tenth of the node's to fans and a twentieth lost: 800 / 0.9 / 0.95."""
    assert float(rack_w_at(NODE, 600.0, CURVE)) == pytest.approx(10_200 - 800 / 0.9 / 0.95)
    assert float(rack_w_at(NODE, 700.0, CURVE)) == 10_200


def test_vera_rubin_from_max_q_to_max_p() -> None:
    """The rack quoted as 190 to 230 kW is that of 1,800 to 2,300 W GPUs: 500 W of each of 72, over 0.96."""
    node, curve = node_of(FACTS, "vr_nvl72", Profile.MAX_Q), node_draw_of(FACTS)
    assert float(rack_w_at(node, 2300.0, curve)) == pytest.approx(190e3 + 72 * 500 / 0.96)
    fact = FACTS.find("vr_nvl72", "rack_power_kw", profile="max_q", power_basis="rack_tdp")
    assert (fact.low, fact.number, fact.high) == (190, 190, 230)
    assert float(limit_w_at(node, fact.high * 1e3, curve)) > rated_gpu_w(FACTS, "vr_nvl72")


@given(limits)
def test_a_rack_and_its_limit_are_inverse(limit: float) -> None:
    assert float(limit_w_at(NODE, rack_w_at(NODE, limit, CURVE), CURVE)) == pytest.approx(limit)


@pytest.mark.parametrize("system", LIMITED)
def test_gpus_of_a_megawatt_take_a_megawatt(system: str) -> None:
    """GPUs per IT megawatt times the IT watts of a GPU are a megawatt, and fewer watts are more GPUs."""
    per_mw, lowest, most = [], lowest_limit_w(FACTS, system), float(node_of(FACTS, system).gpu_limit_w)
    ratio, per_rack = (FACTS.find(*k).number for k in (("facility", "it_per_rack_power"), (system, "gpus_per_rack")))
    for watts in np.linspace(lowest, most, 5):
        power = GpuPower(limit_w=float(watts))
        kw = it_kw_per_gpu(FACTS, system, power)
        assert kw == pytest.approx(rack_kw_at(FACTS, system, power) * ratio / per_rack)
        assert kw > watts / 1e3
        per_mw.append(1e3 / kw)
    assert per_mw == sorted(per_mw, reverse=True)
    assert clock_at(FACTS, system, GpuPower(profile=Profile.MAX_P)) == 1.0
    assert clock_at(FACTS, system, GpuPower(limit_w=lowest)) == pytest.approx(0.65)


@given(limits, st.floats(0, 1), st.floats(0, 1))
def test_a_limit_never_raises_a_gpus_draw(limit: float, a: float, b: float) -> None:
    less, more = sorted((a, b))
    activity = Activity(computing=less, moving=more - less, waiting=0.0)
    capped, free = (float(gpu_w(activity, w, CURVE, 700.0)) for w in (limit, 700.0))
    assert capped <= free * (1 + 1e-12)
    assert capped <= limit


def test_only_computing_is_held_down_by_a_mild_limit() -> None:
    """At 0.8 of the rated power moving data, half of it, draws what it did."""
    moving, computing = Activity(computing=0.0, moving=1.0, waiting=0.0), Activity(computing=1.0, moving=0.0, waiting=0)
    assert float(gpu_w(moving, 560.0, CURVE, 700.0)) == pytest.approx(350)
    assert float(gpu_w(computing, 560.0, CURVE, 700.0)) == pytest.approx(0.9 * 560)
    assert float(gpu_w(moving, 360.0, CURVE, 700.0)) == pytest.approx(0.9 * 360)
    assert float(gpu_w(moving, 700.0, CURVE)) == float(gpu_w(moving, 700.0, CURVE, 700.0))


def test_one_by_one_is_all_at_once() -> None:
    watts = np.array([350.0, 500.0, 700.0])
    busy = Activity(computing=0.6, moving=0.3, waiting=0.05)
    assert gpu_w(busy, watts, CURVE, 700.0).tolist() == [float(gpu_w(busy, w, CURVE, 700.0)) for w in watts]
    assert rack_w_at(NODE, watts, CURVE).tolist() == [float(rack_w_at(NODE, w, CURVE)) for w in watts]
    at = node_at(FACTS, "h100_hgx", GpuPower(limit_w=500.0))
    assert at == replace(node_of(FACTS, "h100_hgx"), gpu_limit_w=500.0, rated_w=at.rated_w)
