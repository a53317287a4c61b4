"""Power of a node in training: a node by hand, limits, laws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Activity, Node, activity_of, gpu_w, node_w, with_start_up
from gigaplan.vocabulary.errors import InputError

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
NODE = Node(gpus=8.0, gpu_limit_w=700.0, rated_w=10_200.0, air_cooled=1.0)
BUSY, IDLE = (Activity(computing=c, moving=0.0, waiting=0.0) for c in (1.0, 0.0))
times = st.floats(0, 1)


@st.composite
def activities(draw: st.DrawFn) -> Activity:
    parts = sorted(draw(st.tuples(times, times, times)))
    return Activity(computing=parts[0], moving=parts[1] - parts[0], waiting=parts[2] - parts[1])


def test_a_node_by_hand() -> None:
    """Half the time computing, a quarter moving, the rest idle: 0.6 x 700 W a GPU; (8 x 420 + 0.5 x 4,600) / 0.9 /
    0.95."""
    half = Activity(computing=0.5, moving=0.25, waiting=0.0)
    assert float(gpu_w(half, 700.0, CURVE)) == pytest.approx(0.6 * 700)
    assert float(node_w(half, NODE, CURVE)) == pytest.approx((8 * 420 + 2300) / 0.9 / 0.95)
    assert float(node_w(half, NODE, CURVE, at_plug=False)) == pytest.approx((8 * 420 + 2300) / 0.9)
    assert float(node_w(half, replace(NODE, air_cooled=0.0), CURVE)) == pytest.approx((8 * 420 + 2300) / 0.95)


def test_idle_and_full() -> None:
    assert float(gpu_w(IDLE, 700.0, CURVE)) == pytest.approx(70)
    assert float(gpu_w(BUSY, 700.0, CURVE)) == pytest.approx(630)
    assert float(gpu_w(BUSY, 700.0, replace(CURVE, computing_draw_share=1.0))) == 700
    hungry = replace(CURVE, computing_draw_share=1.0, rest_draw_share=1.0)
    assert float(node_w(BUSY, NODE, hungry)) == NODE.rated_w  # never above what it is rated for
    assert float(node_w(BUSY, NODE, hungry, at_plug=False)) == pytest.approx(NODE.rated_w * 0.95)


def test_a_short_run_is_mostly_start_up() -> None:
    assert with_start_up(BUSY, 120.0, CURVE).computing == pytest.approx(0.5)
    assert with_start_up(BUSY, 30.0, CURVE).computing == 0
    assert with_start_up(BUSY, np.inf, CURVE).computing == 1
    half = gpu_w(with_start_up(BUSY, 120.0, CURVE), 700.0, CURVE)
    assert float(half) == pytest.approx((70 + 630) / 2)


def test_parts_of_a_step_give_its_energy() -> None:
    """Mean power x time is the sum of each part's power x its time."""
    seconds = {"computing": 5.0, "moving": 2.0, "waiting": 1.0, "idle": 0.5}
    shares = activity_of(*(np.array([v]) for v in seconds.values()))
    whole = sum(seconds.values())
    mean = gpu_w(shares, 700.0, CURVE)[0]
    assert mean * whole == pytest.approx(sum(v * 700 * getattr(CURVE, f"{k}_draw_share") for k, v in seconds.items()))


@given(activities(), st.sampled_from(["moving", "waiting"]), times)
def test_more_work_never_draws_less(busy: Activity, other: str, share: float) -> None:
    moved = share * getattr(busy, other)
    more = replace(busy, computing=busy.computing + moved, **{other: getattr(busy, other) - moved})
    assert node_w(more, NODE, CURVE) >= node_w(busy, NODE, CURVE) - 1e-9
    idle = 1 - busy.computing - busy.moving - busy.waiting
    less_idle = replace(busy, waiting=busy.waiting + max(idle, 0.0) * share)
    assert node_w(less_idle, NODE, CURVE) >= node_w(busy, NODE, CURVE) - 1e-9


@given(activities())
def test_between_idle_and_rated(busy: Activity) -> None:
    drawn = float(node_w(busy, NODE, CURVE))
    assert float(node_w(IDLE, NODE, CURVE)) - 1e-9 <= drawn <= NODE.rated_w
    assert float(gpu_w(busy, 700.0, CURVE)) <= 700
    assert float(node_w(busy, NODE, CURVE, at_plug=False)) < drawn


@given(st.lists(activities(), min_size=1, max_size=5))
def test_one_by_one_is_all_at_once(some: list[Activity]) -> None:
    together = Activity(**{k: np.array([getattr(a, k) for a in some]) for k in ("computing", "moving", "waiting")})
    np.testing.assert_allclose(node_w(together, NODE, CURVE), [float(node_w(a, NODE, CURVE)) for a in some], rtol=1e-12)


@pytest.mark.parametrize("shares", [(0.8, 0.3, 0.0), (-0.1, 0.5, 0.0)])
def test_shares_of_time_must_be_shares(shares: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        gpu_w(Activity(computing=shares[0], moving=shares[1], waiting=shares[2]), 700.0, CURVE)
