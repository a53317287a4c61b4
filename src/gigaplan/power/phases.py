"""IT load by what GPUs are used for: prefill, decode and training, rated and drawn.

Prefill multiplies matrices and draws as a GPU does that computes; decode waits for memory and draws as one does that
moves data, which power caps down to half leave as fast as it was (Patel et al. 2024); training is what its step's parts
are. The constants are the node model's (:mod:`gigaplan.power.node`), calibrated on measured nodes in training; that
decode draws as moving data does is an assumption, valid for batches that memory bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.power.inputs import NodeDraw
from gigaplan.power.node import Activity, Node, it_w
from gigaplan.vocabulary.members import Array

W_PER_MW = 1e6
"""Watts of a megawatt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItLoad:
    """IT power of a site's GPUs with their servers, network and storage."""

    rated_mw: Array
    """What racks, network and storage are rated for [MW]."""
    drawn_mw: Array
    """What they draw [MW]."""


def phase_activity(
    prefill: Array | float, decode: Array | float, training: Array | float = 0.0, step: Activity | None = None
) -> Activity:
    """Return what GPUs do by the shares of their time in each phase; they are idle in what is left.

    Parameters
    ----------
    prefill, decode, training : Array, shape (...)
        Shares of the GPUs' time [share].
    step : Activity, optional
        What GPUs do in a training step; computing alone where left out.

    Returns
    -------
    Activity
        Shares of time.

    Examples
    --------
    >>> float(phase_activity(0.25, 0.5).moving)
    0.5
    """
    one = step or Activity(computing=1.0, moving=0.0, waiting=0.0)
    share = np.asarray(training, dtype=float)
    return Activity(
        computing=np.asarray(prefill) + share * one.computing,
        moving=np.asarray(decode) + share * one.moving,
        waiting=share * one.waiting,
    )


def it_load(gpus: Array | float, activity: Activity, node: Node, it_rated_w: Array | float, curve: NodeDraw) -> ItLoad:
    """Return the IT power of some GPUs, rated and drawn.

    Equation: GPUs over those of a node, times the node's power by what its GPUs do, with its share of network and
    storage.

    Parameters
    ----------
    gpus : Array, shape (...)
        GPUs of the site.
    activity : Activity
        What they do.
    node : Node
        Rated powers of a node or rack.
    it_rated_w : Array, shape (...)
        Rated IT power of a node with its share of network and storage [W].
    curve : NodeDraw
        Calibrated constants.

    Returns
    -------
    ItLoad
        Rated and drawn power [MW].

    Raises
    ------
    InputError
        If shares of time are negative or more than one in all.
    """
    nodes = np.asarray(gpus) / np.asarray(node.gpus) / W_PER_MW
    drawn = nodes * it_w(activity, node, it_rated_w, curve)
    rated = nodes * np.maximum(it_rated_w, np.asarray(node.rated_w))
    return ItLoad(rated_mw=np.asarray(rated), drawn_mw=np.asarray(drawn))
