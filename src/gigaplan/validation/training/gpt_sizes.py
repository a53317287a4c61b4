"""Shapes of GPTs that are known by their size: the usual tables of published models."""

from __future__ import annotations

import re

Shape = tuple[int, int, int]
"""Layers, width of the hidden state, heads."""
SIZES: dict[float, Shape] = {
    0.125: (12, 768, 12),
    0.35: (24, 1024, 16),
    0.76: (24, 1536, 16),
    1.3: (24, 2048, 16),
    1.7: (24, 2304, 24),
    2.7: (32, 2560, 32),
    3.6: (30, 3072, 32),
    6.7: (32, 4096, 32),
    7.5: (36, 4096, 32),
    13.0: (40, 5120, 40),
    18.4: (40, 6144, 48),
    22.0: (48, 6144, 64),
    39.1: (48, 8192, 64),
    76.1: (60, 10240, 80),
    145.6: (80, 12288, 96),
    175.0: (96, 12288, 96),
    310.1: (96, 16384, 128),
    529.6: (105, 20480, 128),
    1008.0: (128, 25600, 160),
}
"""By billions of parameters: Brown et al. 2020, table 2.1 (its widths of heads made whole); Narayanan et al. 2021,
table 1; Korthikanti et al. 2022, table 3."""
TOLERANCE = 0.03
"""By how much a stated size may differ from the table's, as a share: names round."""
SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([mbt])\b", re.IGNORECASE)
BILLIONS = {"m": 1e-3, "b": 1.0, "t": 1e3}


def shape_of_size(name: str) -> Shape | None:
    """Return the shape of a GPT that is known by its size, or None.

    Parameters
    ----------
    name
        A model's name, such as ``GPT 6.7B``.

    Examples
    --------
    >>> shape_of_size("GPT 6.7B")
    (32, 4096, 32)
    """
    found = SIZE.search(name)
    if not found:
        return None
    size = float(found[1]) * BILLIONS[found[2].lower()]
    nearest = min(SIZES, key=lambda known: abs(known / size - 1))
    return SIZES[nearest] if abs(nearest / size - 1) <= TOLERANCE else None
