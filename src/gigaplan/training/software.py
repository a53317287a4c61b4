"""What training software of a given age lacks on a hardware generation."""

from __future__ import annotations

import re

FIRST_SHIPPED = {"hopper": 2022.75, "blackwell": 2025.0}
"""When servers with a generation were first shipped in number, as years (NVIDIA's announcements)."""
MATURE_AFTER_YEARS = 1.5
"""Software gains on a new generation in its first years; then speeds of one layout stay (H100 rows of 2025 and 2026).
"""
MID_YEAR_MONTH = 6
"""Month that a date without one is taken for."""
GRAPHS_OF_EXPERTS = "2026-06"
"""First release of Megatron-Bridge (26.06) whose mixture rows on GB200 rise together in one layout."""
NEWEST = "9999"
"""Date that newest software is taken for."""
FLEXIBLE_DISPATCH = "2025-11"
"""First release of Megatron-Bridge (25.11) whose recipes send tokens once for each rank (DeepEP, HybridEP)."""
ALL_TO_ALL, ALL_GATHER = "alltoall", "allgather"
DISPATCHERS = (ALL_TO_ALL, ALL_GATHER, "deepep", "hybridep")
"""How tokens reach their experts: a copy for each expert, every token to every rank, or a copy for each rank that holds
one (DeepSeek-AI 2025; NVIDIA 2025), between nodes one for each node."""
HOST_LAUNCHED = ("ampere", "hopper")
"""Generations on which no release launches experts from graphs of whole layers."""


def years_behind(release: str, generation: str) -> float:
    """Return how far software is from mature on a hardware generation.

    Parameters
    ----------
    release : str
        Date of the software as ``2025-11`` or ``2025``; empty for mature software.
    generation : str
        Hardware generation, such as ``hopper``.

    Returns
    -------
    float
        From 0 to 1 [year].
    """
    match = re.match(r"(\d{4})(?:-(0[1-9]|1[0-2])(?!\d))?", release or "")
    first = FIRST_SHIPPED.get(generation)
    if not match or first is None:
        return 0.0
    return min(max(first + MATURE_AFTER_YEARS - (int(match[1]) + int(match[2] or MID_YEAR_MONTH) / 12), 0.0), 1.0)


def predates_layer_graphs(release: str, generation: str) -> float:
    """Return whether software is older than graphs of whole layers with experts, which serve Blackwell and later.

    Such software launches experts kernel by kernel and waits for their counts; and it permutes, pads and casts tokens
    for their experts by kernels of their own, which were fused with the graphs.

    Parameters
    ----------
    release : str
        Date of the software as ``2025-11``; empty for the newest.
    generation : str
        Hardware generation, such as ``hopper``.

    Returns
    -------
    float
        1 where it is older, else 0.
    """
    return float((release or NEWEST) < GRAPHS_OF_EXPERTS or generation in HOST_LAUNCHED)


def dispatcher(release: str, generation: str) -> str:
    """Return the dispatcher that software of an age uses on a generation where none is stated.

    Parameters
    ----------
    release : str
        Date of the software as ``2025-11``; empty for the newest.
    generation : str
        Hardware generation, such as ``hopper``.

    Returns
    -------
    str
        One of ``DISPATCHERS``.
    """
    return "deepep" if generation in FIRST_SHIPPED and (release or NEWEST) >= FLEXIBLE_DISPATCH else ALL_TO_ALL
