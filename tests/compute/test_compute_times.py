from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.compute.collectives import Network, all_reduce_s, all_to_all_s, send_s
from gigaplan.compute.device import Device
from gigaplan.compute.roofline import gemm_s, time_s

NODE = Network(domain=8, scaleup_bytes_per_s=450e9, scaleout_bytes_per_s=50e9, latency_s=5e-6)
positive = st.floats(1, 1e12)


def test_roofline_turns_at_the_ridge() -> None:
    """Williams, Waterman and Patterson 2009: below the ridge memory bounds, above it arithmetic."""
    peak, bandwidth = 1000.0, 10.0
    intensity = np.array([1.0, 100.0, 1000.0])
    moved = np.full(3, 10.0)
    attained = intensity * moved / time_s(intensity * moved, peak, moved, bandwidth)
    assert attained == pytest.approx([10.0, 1000.0, 1000.0])


@given(positive, positive, positive, positive)
def test_never_faster_than_either_bound(flops: float, peak: float, moved: float, bandwidth: float) -> None:
    time = float(time_s(flops, peak, moved, bandwidth))
    assert time >= flops / peak and time >= moved / bandwidth


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e3))
def test_products_take_longer_with_more_rows_and_no_time_without(one: float, other: float, half: float) -> None:
    few, many = sorted((one, other))
    a, b = gemm_s(np.array([few, many]), 2e6, 1e6, 1e12, half, 1e12)
    assert a <= b
    assert float(gemm_s(np.array(0.0), 2e6, 1e6, 1e12, half, 1e12)) == 0


def test_product_time_is_work_over_reached_peak() -> None:
    rows = np.array([1.0, 60.0, 1e4])
    share = 0.7 * rows / (rows + 60.0)  # half of 0.7 at 60 rows
    assert gemm_s(rows, 2e6, 0.0, 0.7e12, 60.0, 1e12) == pytest.approx(rows * 2e6 / (1e12 * share))


def test_collectives_of_one_rank_take_no_time() -> None:
    assert float(all_reduce_s(1e9, 1, NODE)) == float(all_to_all_s(1e9, 1, NODE)) == 0.0


def test_all_reduce_by_hand() -> None:
    small = 5e-6 + 7 * 1e4 / 450e9
    large = 2 * 5e-6 + 2 * 7 / 8 * 1e9 / 450e9
    assert all_reduce_s(np.array([1e4, 1e9]), 8, NODE) == pytest.approx([small, large])


def test_all_reduce_over_two_nodes_by_hand() -> None:
    near = 2 * 5e-6 + 2 * 7 / 8 * 1e9 / 450e9
    far = 2 * 5e-6 + 2 * 1 / 2 * 1e9 / 8 / 50e9
    assert float(all_reduce_s(1e9, 16, NODE)) == pytest.approx(near + far)


def test_all_to_all_by_hand() -> None:
    assert float(all_to_all_s(1e9, 8, NODE)) == pytest.approx(5e-6 + 7 / 8 * 1e9 / 450e9)
    assert float(all_to_all_s(1e9, 16, NODE)) == pytest.approx(5e-6 + 1 / 2 * 1e9 / 50e9)
    assert float(send_s(1e9, NODE)) == pytest.approx(5e-6 + 1e9 / 50e9)


@given(st.sampled_from([2, 4, 8, 16, 64]), st.floats(0, 1e9), st.floats(0, 1e9), st.floats(1, 4))
def test_larger_messages_and_slower_links_never_help(ranks: int, one: float, other: float, faster: float) -> None:
    few, many = sorted((one, other))
    better = replace(
        NODE,
        scaleup_bytes_per_s=NODE.scaleup_bytes_per_s * faster,
        scaleout_bytes_per_s=NODE.scaleout_bytes_per_s * faster,
    )
    for collective in (all_reduce_s, all_to_all_s):
        assert float(collective(few, ranks, NODE)) <= float(collective(many, ranks, NODE))
        assert float(collective(many, ranks, better)) <= float(collective(many, ranks, NODE))
        assert float(collective(many, ranks, NODE)) >= many / ranks / NODE.scaleup_bytes_per_s


def test_scalars_give_what_vectors_give() -> None:
    sizes = np.array([1e3, 1e6, 1e9])
    assert all_reduce_s(sizes, 16, NODE) == pytest.approx([float(all_reduce_s(x, 16, NODE)) for x in sizes])
    assert all_to_all_s(sizes, 16, NODE) == pytest.approx([float(all_to_all_s(x, 16, NODE)) for x in sizes])


def test_unsupported_precisions_compute_wider() -> None:
    hopper = Device(
        peak_bf16_flops_per_s=1e15, peak_fp8_flops_per_s=2e15, hbm_bytes=8e10, hbm_bandwidth_bytes_per_s=3e12
    )
    assert [hopper.peak_flops_per_s(p) for p in ("bf16", "fp8", "fp4")] == [
        1e15,
        2e15,
        1e15,
    ]  # weights of 4 bits multiply as BF16
    ampere = replace(hopper, peak_fp8_flops_per_s=0.0)
    assert ampere.peak_flops_per_s("fp4") == 1e15
