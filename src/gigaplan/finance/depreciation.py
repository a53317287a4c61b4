"""Straight-line depreciation of monthly vintages."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, Uncertain

MONTHS_PER_YEAR = 12


def straight_line(capital_usd: Array, life_years: Uncertain, path: str = "") -> Array:
    """Return each month's straight-line depreciation of capital, from the month after it is spent.

    Equation: a vintage of cost C loses C / L in each of its L months of life; a fractional last month takes what
    is left. Computed as the difference of the running sum of capital, so the cost is linear in months.

    Parameters
    ----------
    capital_usd : Array, shape (..., month)
        Capital spent in each month [USD].
    life_years : Uncertain
        Book life [year]; with one for each member, members are the first axis of the capital.
    path : str
        Path of the life in the plan, for the message; empty: none.

    Returns
    -------
    Array, shape (..., month)
        Depreciation [USD].

    Raises
    ------
    InputError
        If the life is shorter than a month.

    Examples
    --------
    >>> straight_line(np.array([120.0, 0.0, 0.0]), life_years=1.0).tolist()
    [0.0, 10.0, 10.0]
    """
    if isinstance(life_years, np.ndarray) and life_years.ndim:
        every = np.broadcast_to(capital_usd, (len(life_years), *capital_usd.shape[1:]))
        lives = np.maximum(life_years[1:], 1 / MONTHS_PER_YEAR)  # the central one must be sound by itself
        pairs = zip(every, [life_years[0], *lives], strict=True)
        return np.stack([straight_line(one, float(life), path) for one, life in pairs])
    months = float(life_years) * MONTHS_PER_YEAR
    if months < 1:
        raise InputError(f"a book life of {life_years:g} years is shorter than a month", path=path or ())
    spent = np.concatenate([np.zeros((*capital_usd.shape[:-1], 1)), np.cumsum(capital_usd, axis=-1)], axis=-1)
    whole, part = int(months), months - int(months)
    n = capital_usd.shape[-1]

    def old(k: int) -> Array:
        """Capital spent more than k months before each month begins."""
        out = np.zeros_like(capital_usd)
        if k < n:
            out[..., k:] = spent[..., : n - k]
        return out

    in_life = old(0) - (1 - part) * old(whole) - part * old(whole + 1)
    return np.asarray(in_life / months)
