"""What racks do on a share of the power that they would draw: slower clocks, and from the lowest on, fewer racks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gigaplan.compute.clock import ClockCurve, clock_share, power_share
from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Node, limit_w_at, rack_w_at
from gigaplan.vocabulary.members import Array, column


def speed_share(kept: Array, node: Node, draw: NodeDraw, curve: ClockCurve) -> Array:
    """Return the speed of busy racks on a share of their power over that on all of it.

    A limit on the GPUs takes the share off the rack (:func:`~gigaplan.power.node.limit_w_at`), and the clock follows
    the limit (:func:`~gigaplan.compute.clock.clock_share`). All work is taken to follow the clock, though memory and
    networks do not: what is lost is at most that. Below the lowest clock racks are switched off in proportion, as all
    of them are where that leaves more work.

    Parameters
    ----------
    kept : Array, shape (M, ...)
        Power over that of busy racks [share].
    node : Node
        The rack as rated; numbers.
    draw : NodeDraw
        Constants of a node's power; numbers, or one per member.
    curve : ClockCurve
        Constants of the clock; numbers, or one per member.

    Returns
    -------
    Array, shape (M, ...)
        Speed [share]; 1 at full power and 0 without any, never less than the share of power.

    Examples
    --------
    A rack whose power is all its GPUs', of which nothing is static: an eighth of the power halves a clock that power
    follows by its cube.

    >>> rack = Node(gpus=1, gpu_limit_w=100.0, rated_w=100.0, air_cooled=0.0)
    >>> cube = ClockCurve(static_power_share=0.0, clock_exponent=3.0, min_clock_share=0.1)
    >>> draw = NodeDraw(
    ...     computing_draw_share=1,
    ...     moving_draw_share=1,
    ...     waiting_draw_share=1,
    ...     idle_draw_share=1,
    ...     rest_draw_share=1,
    ...     fan_share=0,
    ...     psu_efficiency=1,
    ...     start_up_s=0,
    ... )
    >>> [round(float(s), 3) for s in speed_share(np.array([0.0, 1 / 8, 1.0]), rack, draw, cube)]
    [0.0, 0.5, 1.0]
    """
    axes = np.ndim(kept)
    draw = replace(draw, psu_efficiency=column(draw.psu_efficiency, axes))
    curve = replace(
        curve,
        static_power_share=column(curve.static_power_share, axes),
        clock_exponent=column(curve.clock_exponent, axes),
    )
    limit_w = float(node.gpu_limit_w)
    rated_w = max(float(node.gpu_rated_w), limit_w)
    lowest_w = np.minimum(rated_w * power_share(curve.min_clock_share, curve), limit_w)
    at_lowest = rack_w_at(node, lowest_w, draw) / node.rated_w
    left_w = np.clip(limit_w_at(node, kept * node.rated_w, draw), lowest_w, limit_w)
    clock = clock_share(left_w / rated_w, curve) / clock_share(limit_w / rated_w, curve)
    return np.asarray(np.maximum(clock * np.minimum(kept / at_lowest, 1.0), kept))
