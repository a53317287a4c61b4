"""The next request to end: a binary heap of keys, each an end and a slot in one number (Williams 1964)."""

from __future__ import annotations

from typing import Any

from gigaplan.compute.compiled import lean_part

SLOT_BITS = 32
"""Bits of a key that are the slot; those above are the end."""
SLOTS = 1 << SLOT_BITS
"""A key is an end times this, and the slot."""


@lean_part
def push(heap: Any, size: int, key: int) -> None:
    """Add a key to a heap of a size.

    Parameters
    ----------
    heap : Array
        Keys, the smallest first.
    size : int
        Keys that there are.
    key : int
        The one to add.
    """
    place = size
    while place > 0:
        above = (place - 1) >> 1
        if heap[above] <= key:
            break
        heap[place] = heap[above]
        place = above
    heap[place] = key


@lean_part
def drop(heap: Any, size: int, place: int) -> None:
    """Take the key at a place out of a heap.

    Parameters
    ----------
    heap : Array
        Keys, the smallest first.
    size : int
        Keys that there are.
    place : int
        Where the one to take out is.
    """
    last = size - 1
    key = heap[last]
    while True:
        below = 2 * place + 1
        if below >= last:
            break
        if below + 1 < last and heap[below + 1] < heap[below]:
            below += 1
        if heap[below] >= key:
            break
        heap[place] = heap[below]
        place = below
    while place > 0:  # a key from another branch may have to rise
        above = (place - 1) >> 1
        if heap[above] <= key:
            break
        heap[place] = heap[above]
        place = above
    heap[place] = key
