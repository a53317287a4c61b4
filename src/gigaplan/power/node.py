"""Power that a node draws while it trains: its GPUs by what they do, what stands beside them, fans, power supplies.

A GPU draws a share of its limit that depends on what it does (linear in activity, as Fan, Weber and Barroso 2007 found for
servers), and never more than the limit. Beside the GPUs stand processors, memory, switches and adapters, whose draw hardly
follows the load (Latif et al. 2024 saw it on an 8xH100 node); fans move what all of these give off, and power supplies lose a
few per cent of the whole. Valid for nodes of GPUs held at one power limit; not for power swings within a step.
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
    """Shares of time that a GPU spends at each thing; what they leave is idle. All of one shape, or alike."""

    computing: Array | float
    moving: Array | float
    waiting: Array | float


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node, or a rack of them, as rated. Numbers, or arrays of the shape of an :class:`Activity`."""

    gpus: Array | float
    gpu_limit_w: Array | float
    rated_w: Array | float
    """Most that it draws at the plug."""
    air_cooled: Array | float
    """1 with fans of its own, 0 with liquid to the outside."""


def activity_of(computing_s: Array, moving_s: Array, waiting_s: Array, idle_s: Array | float = 0.0) -> Activity:
    """Return shares of time from the parts of a step [s], and of what else passes with no step [s]."""
    whole = np.maximum(computing_s + moving_s + waiting_s + idle_s, np.finfo(float).tiny)
    return Activity(computing=computing_s / whole, moving=moving_s / whole, waiting=waiting_s / whole)


def with_start_up(activity: Activity, run_s: Array | float, curve: NodeDraw) -> Activity:
    """Return an activity over a whole run of ``run_s``, of which the start-up is idle: ``(1 - min(t0 / T, 1))`` of each."""
    steps = 1 - np.minimum(curve.start_up_s / np.maximum(run_s, np.finfo(float).tiny), 1.0)
    return Activity(
        computing=activity.computing * steps, moving=activity.moving * steps, waiting=activity.waiting * steps
    )


def gpu_w(activity: Activity, limit_w: Array | float, curve: NodeDraw) -> Array:
    """Return a GPU's mean draw [W]: ``P = limit x min(1, sum of share of time x share of limit)``, idle in what is left.

    Raises
    ------
    InputError
        If shares of time are negative or more than one in all.
    """
    parts = np.stack(np.broadcast_arrays(activity.computing, activity.moving, activity.waiting)).astype(float)
    idle = 1 - parts.sum(axis=0)
    if not ((parts >= -ROUNDING).all() and (idle >= -ROUNDING).all()):
        raise InputError("shares of a GPU's time must lie between 0 and 1, and be no more than 1 together")
    draws = (curve.computing_draw_share, curve.moving_draw_share, curve.waiting_draw_share)
    share = sum(p * d for p, d in zip(parts, draws, strict=True)) + idle * curve.idle_draw_share
    return np.asarray(limit_w * np.minimum(share, 1.0))


def node_w(activity: Activity, node: Node, curve: NodeDraw, *, at_plug: Array | bool = True) -> Array:
    """Return a node's mean draw [W], at the plug or behind its power supplies.

    ``P_dc = (n P_gpu + r (P_rated - n P_limit)) / (1 - f)``, ``P_ac = P_dc / eta``: r the share of what is rated beside the
    GPUs, f that of fans (0 with liquid), eta the power supplies' efficiency; no more than the node is rated for.
    """
    gpus = node.gpus * gpu_w(activity, node.gpu_limit_w, curve)
    rest = curve.rest_draw_share * np.maximum(node.rated_w - node.gpus * np.asarray(node.gpu_limit_w), 0.0)
    behind = (gpus + rest) / (1 - curve.fan_share * np.asarray(node.air_cooled))
    loss = np.where(at_plug, curve.psu_efficiency, 1.0)
    return np.asarray(np.minimum(behind / loss, node.rated_w * (curve.psu_efficiency / loss)))


def it_w(activity: Activity, node: Node, it_rated_w: Array | float, curve: NodeDraw) -> Array:
    """Return the IT power of a rack [W] with its share of network and storage, ``it_rated_w`` all in all: switches and disks
    hardly follow the load, and are taken at their rated power."""
    return np.asarray(node_w(activity, node, curve) + np.maximum(it_rated_w - np.asarray(node.rated_w), 0.0))


def energy_mwh(power_w: Array | float, nodes: Array | float, time_s: Array | float) -> Array:
    """Return the energy of nodes at a mean power over a time [MWh]."""
    return np.asarray(power_w * nodes * time_s / JOULES_PER_MWH)


JOULES_PER_MWH = 3.6e9
"""A megawatt for an hour."""
