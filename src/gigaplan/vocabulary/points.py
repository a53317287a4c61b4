"""Points of the scrambled Sobol' sequence, of which members take theirs; those of a usual run are stored.

SciPy makes them; importing it for that alone takes longer than a run of a hundred members does, so the first points of
a seed are kept in the folder of stored results, with a checksum.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np

from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.files import Kind, read_bytes, whole_file
from gigaplan.vocabulary.files.cache import cache_folder, is_trusted
from gigaplan.vocabulary.members import Array

DIMENSIONS = 4096
"""Dimensions of the sequence: more than any plan has uncertain inputs."""
STORED = 128
"""Points of a seed that are stored."""
KIND = Kind("a file of points")
CHECKSUM_BYTES = 32


@lru_cache(maxsize=2)
def sequence(seed: int, first: int, members: int) -> Array:
    """Return points of the scrambled sequence for members from ``first`` on.

    Parameters
    ----------
    seed : int
        Seed of the scrambling.
    first : int
        Number of the first point, from 1.
    members : int
        How many.

    Returns
    -------
    Array, shape (member, dimension)
        Numbers between 0 and 1: the same for a point, whichever others are asked for.
    """
    if first - 1 + members <= STORED:
        return _first_points(seed)[first - 1 : first - 1 + members]
    return _computed(seed, first, members)


def _computed(seed: int, first: int, members: int) -> Array:
    from scipy.stats import qmc

    engine = qmc.Sobol(DIMENSIONS, scramble=True, rng=np.random.default_rng([seed]))
    if first > 1:
        engine.fast_forward(first - 1)
        return np.asarray(engine.random(members))
    # Whole powers of two are what keeps the points balanced.
    return np.asarray(engine.random_base2(max(members - 1, 0).bit_length())[:members])


@lru_cache(maxsize=2)
def _first_points(seed: int) -> Array:
    """Return the first points of a seed, from the store if they are there."""
    folder = cache_folder()
    if folder is None:
        return _computed(seed, 1, STORED)
    path = folder / f"points-scipy-{version('scipy')}-seed-{seed}.bin"
    if not is_trusted(path):
        return _computed(seed, 1, STORED)
    stored = _read(path)
    if stored is not None:
        return stored
    found = _computed(seed, 1, STORED)
    with contextlib.suppress(MachineError, PlanError), whole_file(path, KIND) as work:
        work.write_bytes(_packed(found))
    return found


def _packed(points: Array) -> bytes:
    body = io.BytesIO()
    np.save(body, points, allow_pickle=False)
    return hashlib.sha256(body.getvalue()).digest() + body.getvalue()


def _read(path: Path) -> Array | None:
    """Return stored points; None where there are none, or they were cut or altered."""
    size = CHECKSUM_BYTES + STORED * DIMENSIONS * np.dtype(float).itemsize + 1024
    try:
        data = read_bytes(path, size, note=False)
        if hashlib.sha256(data[CHECKSUM_BYTES:]).digest() != data[:CHECKSUM_BYTES]:
            return None
        points = np.load(io.BytesIO(data[CHECKSUM_BYTES:]), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if points.shape != (STORED, DIMENSIONS) or points.dtype != np.dtype(float):
        return None
    return np.asarray(points)
