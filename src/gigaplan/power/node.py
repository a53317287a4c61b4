"""Power that a node draws while it trains: its GPUs by what they do, other parts, fans and power supplies.

A GPU draws a share of its limit that depends on what it does (linear in activity, as Fan, Weber and Barroso 2007 found
for servers), and never more than the limit. Next to the GPUs are processors, memory, switches and adapters, whose draw
hardly follows the load (Latif et al. 2024 saw it on an 8xH100 node); fans remove the heat of all of these, and power
supplies lose a few per cent of the whole. Valid for nodes of GPUs at one power limit; not for swings within a step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.power.inputs import NodeDraw
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array

ROUNDING = 1e-9
"""Shares that pass their bounds by less than this are rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """Shares of time that a GPU spends on each activity; the rest is idle. Arrays of shapes that broadcast."""

    computing: Array | float
    """Share of time with products, attention, and memory passes between them [share]."""
    moving: Array | float
    """Share of time in which only data moves [share]."""
    waiting: Array | float
    """Share of time waiting for others inside a step [share]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, or a rack of them, as rated. Numbers, or arrays of the shape of an :class:`Activity`."""

    gpus: Array | float
    """GPUs of the node."""
    gpu_limit_w: Array | float
    """Power limit of one GPU [W]."""
    rated_w: Array | float
    """Most power that the node draws at the plug [W]."""
    air_cooled: Array | float
    """1 where the node has fans of its own, 0 where it is cooled by liquid."""
    gpu_rated_w: Array | float = 0.0
    """Rated power of one GPU, where its limit is below it [W]; 0 for no more than the limit."""


def activity_of(computing_s: Array, moving_s: Array, waiting_s: Array, idle_s: Array | float = 0.0) -> Activity:
    """Return shares of time from the parts of a step.

    Parameters
    ----------
    computing_s : Array, shape (...)
        Time of the step that is computed [s].
    moving_s : Array, shape (...)
        Time of the step in which only data moves [s].
    waiting_s : Array, shape (...)
        Time of the step spent waiting for others [s].
    idle_s : Array, shape (...)
        Time per step in which no step runs [s].

    Returns
    -------
    Activity
        Shares of the sum of the four; all idle where the sum is zero.

    Examples
    --------
    >>> float(activity_of(np.array(3.0), np.array(0.5), np.array(0.5)).computing)
    0.75
    """
    whole = np.maximum(computing_s + moving_s + waiting_s + idle_s, np.finfo(float).tiny)
    return Activity(computing=computing_s / whole, moving=moving_s / whole, waiting=waiting_s / whole)


def with_start_up(activity: Activity, run_s: Array | float, curve: NodeDraw) -> Activity:
    """Return the activity over a whole run, in whose start-up the GPUs are idle.

    Equation: each share times ``1 - min(t0 / T, 1)`` for a start-up of ``t0`` in a run of ``T`` seconds.

    Parameters
    ----------
    activity : Activity
        Shares of time while steps run.
    run_s : Array, shape (...)
        Time of the whole run [s].
    curve : NodeDraw
        Calibrated constants, of which the start-up is taken.

    Returns
    -------
    Activity
        Shares of the run's time.
    """
    steps = 1 - np.minimum(curve.start_up_s / np.maximum(run_s, np.finfo(float).tiny), 1.0)
    return Activity(
        computing=activity.computing * steps, moving=activity.moving * steps, waiting=activity.waiting * steps
    )


def gpu_w(activity: Activity, limit_w: Array | float, curve: NodeDraw, rated_w: Array | float = 0.0) -> Array:
    """Return a GPU's mean draw.

    Equation: ``P = limit x min(1, sum of share of time x share of limit)``, idle in the time that is left. A limit
    below the rated power lowers the clock where it binds, while the GPU computes; what it draws otherwise is a share of
    the rated power, and no more than while it computes.

    Parameters
    ----------
    activity : Activity
        Shares of time.
    limit_w : Array, shape (...)
        Power limit of one GPU [W].
    curve : NodeDraw
        Calibrated shares of the limit.
    rated_w : Array, shape (...)
        Rated power, where the limit is below it [W]; 0 for the limit itself.

    Returns
    -------
    Array, shape (...)
        Mean power [W].

    Raises
    ------
    InputError
        If shares of time are negative or more than one in all.
    """
    parts = np.stack(np.broadcast_arrays(activity.computing, activity.moving, activity.waiting)).astype(float)
    # What the three activities leave is idle by definition, so that shares always add up to one.
    idle = 1 - parts.sum(axis=0)
    if not ((parts >= -ROUNDING).all() and (idle >= -ROUNDING).all()):
        raise InputError("shares of a GPU's time must lie between 0 and 1, and be no more than 1 together")
    over = np.maximum(np.asarray(rated_w) / np.asarray(limit_w), 1.0)
    computing = curve.computing_draw_share
    moving, waiting, resting = (
        np.minimum(d * over, max(d, computing))
        for d in (curve.moving_draw_share, curve.waiting_draw_share, curve.idle_draw_share)
    )
    share = sum(p * d for p, d in zip(parts, (computing, moving, waiting), strict=True)) + idle * resting
    return np.asarray(limit_w * np.minimum(share, 1.0))


def node_w(activity: Activity, node: Node, curve: NodeDraw, *, at_plug: Array | bool = True) -> Array:
    """Return a node's mean draw, at the plug or behind its power supplies.

    Equations: ``P_dc = (n P_gpu + r (P_rated - n P_limit)) / (1 - f)`` and ``P_ac = P_dc / eta``, with ``r`` the share
    drawn of the rated power beyond the GPUs, ``f`` that of fans (0 with liquid cooling) and ``eta`` the efficiency of
    the power supplies; no more than the node is rated for.

    Parameters
    ----------
    activity : Activity
        Shares of time of its GPUs.
    node : Node
        Rated powers of the node.
    curve : NodeDraw
        Calibrated constants.
    at_plug : Array of bool, shape (...)
        Whether power is measured at the plug rather than behind the power supplies.

    Returns
    -------
    Array, shape (...)
        Mean power [W].
    """
    gpus = node.gpus * gpu_w(activity, node.gpu_limit_w, curve, node.gpu_rated_w)
    rest = curve.rest_draw_share * np.maximum(node.rated_w - node.gpus * np.asarray(node.gpu_limit_w), 0.0)
    # Fans take a share of the total that they are part of, hence the division.
    behind = (gpus + rest) / (1 - curve.fan_share * np.asarray(node.air_cooled))
    loss = np.where(at_plug, curve.psu_efficiency, 1.0)
    return np.asarray(np.minimum(behind / loss, node.rated_w * (curve.psu_efficiency / loss)))


def plug_w_per_gpu_w(node: Node, curve: NodeDraw) -> Array:
    """Return what a watt of a GPU takes at the plug: fans that remove its heat, and what power supplies lose.

    Equation: ``1 / ((1 - f) eta)``, as in :func:`node_w`.

    Parameters
    ----------
    node : Node
        Rated powers of the node.
    curve : NodeDraw
        Calibrated constants.

    Returns
    -------
    Array, shape (...)
        Watts at the plug over watts of a GPU [1].
    """
    return np.asarray(1 / ((1 - curve.fan_share * np.asarray(node.air_cooled)) * curve.psu_efficiency))


def rack_w_at(node: Node, limit_w: Array | float, curve: NodeDraw) -> Array:
    """Return the rated power of a node whose GPUs have another power limit; what is next to them stays.

    Equation: ``P = P_rated + n (L' - L) / ((1 - f) eta)``.

    Parameters
    ----------
    node : Node
        Rated powers of the node, at its GPUs' own limit.
    limit_w : Array, shape (...)
        Power limit of one GPU [W].
    curve : NodeDraw
        Calibrated constants.

    Returns
    -------
    Array, shape (...)
        Power at the plug [W].
    """
    change = np.asarray(limit_w) - np.asarray(node.gpu_limit_w)
    return np.asarray(node.rated_w + node.gpus * change * plug_w_per_gpu_w(node, curve))


def limit_w_at(node: Node, rack_w: Array | float, curve: NodeDraw) -> Array:
    """Return the power limit of a GPU at which a node draws so much: the inverse of :func:`rack_w_at`.

    Parameters
    ----------
    node : Node
        Rated powers of the node, at its GPUs' own limit.
    rack_w : Array, shape (...)
        Power at the plug [W].
    curve : NodeDraw
        Calibrated constants.

    Returns
    -------
    Array, shape (...)
        Power limit of one GPU [W].
    """
    change = np.asarray(rack_w) - np.asarray(node.rated_w)
    return np.asarray(node.gpu_limit_w + change / (node.gpus * plug_w_per_gpu_w(node, curve)))


def it_w(activity: Activity, node: Node, it_rated_w: Array | float, curve: NodeDraw) -> Array:
    """Return the IT power of a rack with its share of network and storage.

    Switches and disks hardly follow the load, and are taken at their rated power.

    Parameters
    ----------
    activity : Activity
        Shares of time of its GPUs.
    node : Node
        Rated powers of the rack.
    it_rated_w : Array, shape (...)
        Rated IT power of the rack with its share of network and storage [W].
    curve : NodeDraw
        Calibrated constants.

    Returns
    -------
    Array, shape (...)
        Mean IT power [W].
    """
    return np.asarray(node_w(activity, node, curve) + np.maximum(it_rated_w - np.asarray(node.rated_w), 0.0))
