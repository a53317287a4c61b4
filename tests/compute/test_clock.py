"""The clock that a power limit leaves: a worked example, limits, scalar and vector, laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.compute.clock import ClockCurve, clock_share, power_share, rated_clock
from gigaplan.compute.device import Device
from gigaplan.compute.roofline import gemm_s
from gigaplan.plan.ratings import clock_curve_of

CUBE = ClockCurve(static_power_share=0.0, clock_exponent=3.0, min_clock_share=0.1)
SHIPPED = clock_curve_of(catalog.load())
H100 = Device(peak_bf16_flops_per_s=989e12, hbm_bytes=80e9, hbm_bandwidth_bytes_per_s=3.35e12)
curves = st.builds(
    ClockCurve,
    static_power_share=st.floats(0, 0.9),
    clock_exponent=st.floats(1, 8),
    min_clock_share=st.floats(0.01, 1),
)
shares = st.floats(0, 1.5)


def test_fifteen_per_cent_less_voltage_and_clock() -> None:
    """Hennessy and Patterson 2017, section 1.5: 15 % less of both leaves 0.85 cubed, 0.61 of the dynamic power."""
    assert float(power_share(0.85, CUBE)) == pytest.approx(0.61, abs=0.005)
    assert float(clock_share(0.85**3, CUBE)) == pytest.approx(0.85)


def test_ends() -> None:
    assert float(clock_share(1.0, SHIPPED)) == 1.0
    assert float(clock_share(1.7, SHIPPED)) == 1.0
    assert float(clock_share(0.0, SHIPPED)) == SHIPPED.min_clock_share
    assert float(power_share(1.0, SHIPPED)) == 1.0
    assert rated_clock(2.0, 1.0) == 1.0


def test_one_by_one_is_all_at_once() -> None:
    limits = np.linspace(0, 1.2, 25)
    np.testing.assert_allclose(
        clock_share(limits, SHIPPED), [float(clock_share(x, SHIPPED)) for x in limits], rtol=1e-14
    )
    drawn = replace(SHIPPED, static_power_share=np.array([0.2, 0.4]), clock_exponent=np.array([3.0, 6.0]))
    one = [
        float(clock_share(0.8, replace(SHIPPED, static_power_share=s, clock_exponent=e)))
        for s, e in ((0.2, 3.0), (0.4, 6.0))
    ]
    np.testing.assert_allclose(clock_share(0.8, drawn), one, rtol=1e-14)


@given(curves, shares, shares)
def test_more_watts_never_lower_the_clock(curve: ClockCurve, a: float, b: float) -> None:
    less, more = sorted((a, b))
    assert float(clock_share(less, curve)) <= float(clock_share(more, curve))


@given(curves, st.floats(0, 1))
def test_a_clock_draws_its_limit(curve: ClockCurve, limit: float) -> None:
    """Between the lowest clock and the rated one, a GPU that computes draws what its limit is."""
    clock = float(clock_share(limit, curve))
    if curve.min_clock_share < clock < 1:
        assert float(power_share(clock, curve)) == pytest.approx(limit, rel=1e-6)


@given(curves)
def test_arithmetic_takes_least_energy_below_the_rated_power(curve: ClockCurve) -> None:
    """Joules per FLOP go with power over clock, which still rises at the rated clock where the rest is steep enough."""
    steep = (1 - float(curve.static_power_share)) * float(curve.clock_exponent) > 1.01
    per_flop = [float(power_share(f, curve)) / f for f in (0.9999, 1.0)]
    assert not steep or per_flop[0] < per_flop[1]


@given(st.floats(0.3, 1), st.floats(1, 1e6))
def test_arithmetic_follows_the_clock_and_memory_does_not(clock: float, rows: float) -> None:
    """A product takes no longer than at the rated power over the clock, and no shorter than it took."""
    slow = replace(H100, clock_share=clock)

    def seconds(device: Device) -> float:
        speed = device.arithmetic_flops_per_s("bf16")
        return float(gemm_s(np.array(rows), 2e9, 2e9, speed, 0.0, device.hbm_bandwidth_bytes_per_s))

    assert seconds(H100) <= seconds(slow) <= seconds(H100) / clock * (1 + 1e-12)
    if rows == 1:
        assert seconds(slow) == seconds(H100)


def test_a_token_alone_is_read_as_fast_and_a_prompt_is_not() -> None:
    slow = replace(H100, clock_share=0.8)
    one, many = (
        [
            float(gemm_s(np.array(rows), 2e9, 2e9, d.arithmetic_flops_per_s("bf16"), 0.0, d.hbm_bandwidth_bytes_per_s))
            for d in (H100, slow)
        ]
        for rows in (1.0, 8192.0)
    )
    assert one[0] == one[1]
    assert many[1] == pytest.approx(many[0] / 0.8)
    assert slow.peak_flops_per_s("bf16") == H100.peak_flops_per_s("bf16")
