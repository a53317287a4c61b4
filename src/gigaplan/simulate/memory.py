"""How much memory a run takes, told before it begins."""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.variables import variables

NUMBER_BYTES = 8
WORKING = 4
"""Memory at the height of a run over that of its result (measured: 2.7 with 400 members, 4.4 at every hour)."""


def needed_bytes(labels: Mapping[str, tuple[str, ...]], members: int) -> int:
    """Return about what a run takes at its height, from the sizes of its result's quantities."""
    sizes = {dim: len(names) for dim, names in labels.items()} | {"member": members}
    return WORKING * NUMBER_BYTES * sum(prod(sizes[d] for d in v.dims) for v in variables().values())


def require_room(labels: Mapping[str, tuple[str, ...]], members: int) -> None:
    """Raise InputError if a run takes more memory than this machine has, with what would make it fit."""
    there = machine_bytes()
    needed = needed_bytes(labels, members)
    if there and needed > there:
        fits = max(members * there // needed, 1)
        raise InputError(
            f"{members:,} members at this resolution need about {needed / 1e9:,.0f} GB of memory, this machine has "
            f"{there / 1e9:,.0f} GB; about {fits:,} would fit (uncertainty.members), or a shorter horizon, or "
            "horizon.resolution representative"
        )


def machine_bytes() -> int:
    """Return the memory of this machine, 0 where the system doesn't tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 0
