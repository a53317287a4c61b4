"""Named random streams: the same seed and name give the same numbers, whatever else a run draws."""

from __future__ import annotations

import hashlib

import numpy as np


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the generator of one named stream (method: NumPy ``SeedSequence`` keyed by a hash of the name)."""
    digest = hashlib.sha256(name.encode()).digest()
    return np.random.default_rng(np.random.SeedSequence([seed, int.from_bytes(digest[:8], "big")]))
