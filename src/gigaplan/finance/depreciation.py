"""Straight-line depreciation of monthly vintages, and what is written off when they are scrapped before its end."""

from __future__ import annotations

import numpy as np

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, Uncertain

MONTHS_PER_YEAR = 12
SHORTEST_MONTHS = 1.0


def straight_line(
    capital_usd: Array, life_years: Uncertain, path: str = "", service_years: Uncertain | None = None
) -> Array:
    """Return each month's straight-line depreciation of capital, from the month after it is spent.

    Equation: a vintage of cost C loses C / L in each of its L months of life; a fractional last month takes what
    is left. Computed as the difference of the running sum of capital, so the cost is linear in months.

    Parameters
    ----------
    capital_usd : Array, shape (..., month)
        Capital spent in each month [USD].
    life_years : Uncertain
        Book life [year]: a number, or one for each of the capital's first axes, members first.
    path : str
        Path of the life in the plan, for the message; empty: none.
    service_years : Uncertain, optional
        Time after which the capital is scrapped and loses no more [year], in the same shapes; never if left out.

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
    months = months_of(life_years, path)
    held = months if service_years is None else np.minimum(months, months_of(service_years))
    months, held = np.broadcast_arrays(months, held)
    shape = np.broadcast_shapes(capital_usd.shape[: held.ndim], held.shape)
    spent = running(np.broadcast_to(capital_usd, (*shape, *capital_usd.shape[held.ndim :])))
    in_life = spent[..., :-1] - aged(spent, held)[..., :-1]
    return np.asarray(in_life / _over(months, in_life.ndim))


def months_of(years: Uncertain, path: str = "") -> Array:
    """Return a life in months, at least one.

    Parameters
    ----------
    years : Uncertain
        The life [year].
    path : str
        Path of the life in the plan, for the message; empty: none.

    Returns
    -------
    Array
        The life [month], of the shape of ``years``.

    Raises
    ------
    InputError
        If the life is shorter than a month for the central member.
    """
    months = np.asarray(years, dtype=float) * MONTHS_PER_YEAR
    central = months if not months.ndim else months[0]
    if np.min(central, initial=np.inf) < SHORTEST_MONTHS:  # the central one must be sound by itself
        shortest = float(np.min(central)) / MONTHS_PER_YEAR
        raise InputError(f"a book life of {shortest:g} years is shorter than a month", path=path or ())
    return np.asarray(np.maximum(months, SHORTEST_MONTHS))


def aged(cumulative: Array, months: Array) -> Array:
    """Return a running sum as it stood some months before each edge, linear within a month; 0 before its start.

    Parameters
    ----------
    cumulative : Array, shape (..., edge)
        A running sum, in any unit.
    months : Array
        The age: a number, or one for each of the first axes [month].

    Returns
    -------
    Array, shape (..., edge)
        What is older than ``months`` at each edge.
    """
    late = _over(np.minimum(months, cumulative.shape[-1]), cumulative.ndim)
    whole = late.astype(int)
    part, edge = late - whole, np.arange(cumulative.shape[-1]) - whole
    shape = np.broadcast_shapes(edge.shape, cumulative.shape)
    edge = np.broadcast_to(edge, shape)

    def value(at: Array) -> Array:
        return np.where(at >= 0, np.take_along_axis(cumulative, np.maximum(at, 0), axis=-1), 0.0)

    if not part.any():
        return np.asarray(value(edge))
    return np.asarray((1 - part) * value(edge) + part * value(edge - 1))


def running(flow: Array) -> Array:
    """Return the running sum of a flow on edges, 0 at the first.

    Parameters
    ----------
    flow : Array, shape (..., month)
        The flow, in any unit.

    Returns
    -------
    Array, shape (..., edge)
        Its running sum.
    """
    return np.concatenate([np.zeros((*flow.shape[:-1], 1)), np.cumsum(flow, axis=-1)], axis=-1)


def left_when_scrapped(life_years: Uncertain, service_years: Uncertain) -> Array:
    """Return the share of its cost that is still in the books when capital is scrapped, and is written off then.

    Parameters
    ----------
    life_years : Uncertain
        Book life [year].
    service_years : Uncertain
        Time from delivery to retirement [year].

    Returns
    -------
    Array
        The share [1]; 0 where the book life is over by then.

    Examples
    --------
    >>> float(left_when_scrapped(5.0, 3.0)), float(left_when_scrapped(5.0, 6.0))
    (0.4, 0.0)
    """
    return np.asarray(np.maximum(1 - months_of(service_years) / months_of(life_years), 0.0))


def _over(value: Array, ndim: int) -> Array:
    """Return a value with axes of length 1 behind its own, so that it has ``ndim``."""
    return np.asarray(value).reshape(*np.shape(value), *([1] * (ndim - np.ndim(value))))
