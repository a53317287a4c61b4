"""Divisors: the numbers of ranks that split something evenly."""

from __future__ import annotations

import math

LARGEST = 10**12
"""The largest number whose divisors are sought one by one: ranks of any layout are far below it."""


def divisors(whole: int) -> list[int]:
    """Return the divisors of a number in order; of numbers beyond any layout only one and itself.

    Parameters
    ----------
    whole : int
        A positive whole number [1].

    Returns
    -------
    list of int
        Its divisors.

    Examples
    --------
    >>> divisors(12)
    [1, 2, 3, 4, 6, 12]
    """
    if whole > LARGEST:
        return [1, whole]
    small = [k for k in range(1, math.isqrt(whole) + 1) if whole % k == 0]
    return small + [whole // k for k in reversed(small) if k * k != whole]
