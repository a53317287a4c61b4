"""What failures leave of a synchronous run: expected goodput at the best interval between checkpoints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.training.inputs import Reliability
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.time import HOURS

SECONDS_PER_DAY = HOURS * 3600.0
DALY_SECOND_ORDER = 9
"""Divisor of the second-order term in Daly's (2006) best interval."""


@dataclass(frozen=True, slots=True)
class Goodput:
    """Shapes: as the number of GPUs."""

    share: Array
    """Time that makes progress over all time."""
    interval_s: Array
    """Work between two checkpoints."""
    mtbf_s: Array
    """Mean time between interruptions of the whole run."""


def goodput(gpus: Array | float, reliability: Reliability) -> Goodput:
    """Return the expected goodput of runs on some GPUs.

    Interruptions come as a Poisson process with rate GPUs x rate per GPU. Work of length t and a checkpoint of length
    c take on average ``(M + R) (exp((t + c) / M) - 1)``, M the mean time between interruptions and R the restart (renewal
    argument; Daly 2006, equation 10). The interval is Daly's higher-order optimum.
    """
    m = SECONDS_PER_DAY / (np.asarray(gpus, dtype=float) * reliability.interruptions_per_gpu_day)
    c, r = reliability.checkpoint_write_s, reliability.restart_s
    t = daly_2006(c, m)
    share = t / ((m + r) * np.expm1((t + c) / m))
    return Goodput(np.asarray(share), t, m)


def daly_2006(write_s: float, mtbf_s: Array) -> Array:
    """Return the best work between checkpoints [s]: ``sqrt(2 c M) (1 + sqrt(c / 2M) / 3 + c / 18M) - c`` for c < 2M, else M.

    Its first term is Young's (1974).
    """
    x = write_s / (2 * mtbf_s)
    root = np.sqrt(2 * write_s * mtbf_s) * (1 + np.sqrt(x) / 3 + x / DALY_SECOND_ORDER) - write_s
    return np.asarray(np.where(x < 1, np.maximum(root, 1.0), mtbf_s))
