"""Residuals of calibrated models as the catalog keeps them: measured over predicted by kind of row, and what was
measured.

An entity such as ``serving_residuals.co_located.vllm.dense`` holds the spread of one kind of row,
``serving_rows.hopper.qwen3_32b`` how many rows of one kind of hardware and model set the constants. The programmes
that fit constants write both.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from gigaplan import catalog
from gigaplan.vocabulary.errors import GigaplanError, allowed_names, nearest_name
from gigaplan.vocabulary.interval import Interval

COVERED = (0.1, 0.9)
"""Quantiles between which an 80 % interval lies."""
ROWS = "measured_rows"
"""The quantity that counts measured rows."""


class UnknownKindError(GigaplanError, KeyError):
    """No residuals are known under a key; the message names those that are."""

    def __str__(self) -> str:
        return str(self.args[0])


def check_key(what: str, key: str, known: Collection[str]) -> None:
    """Refuse a key without residuals.

    Parameters
    ----------
    what
        What the key names, for the message.
    key, known
        The key, and those that residuals are kept under.

    Raises
    ------
    UnknownKindError
        If the key is not known; the nearest one and all of them are named.
    """
    if key in known:
        return
    near = nearest_name(key, list(known))
    hint = f"; nearest is '{near}'" if near else ""
    raise UnknownKindError(f"no residuals of {what} '{key}'{hint} (there are {allowed_names(sorted(known))})")


@cache
def keys(prefix: str) -> tuple[tuple[str, ...], ...]:
    """Return the keys under which rows of a kind were counted.

    Parameters
    ----------
    prefix
        First part of the entities' names, such as ``serving_rows``.

    Returns
    -------
    tuple of tuple of str
        The further parts of each entity's name, in the order of the table.
    """
    return tuple(tuple(e.split(".")[1:]) for e in catalog.load().entities(ROWS, prefix=f"{prefix}."))


@cache
def interval(entity: str, quantity: str) -> Interval:
    """Return an 80 % interval of measured over predicted; the prediction itself always lies inside.

    Parameters
    ----------
    entity, quantity
        Of the fact whose range is the interval.

    Raises
    ------
    UnknownFactError
        If the catalog has no such fact.
    """
    fact = catalog.load().find(entity, quantity)
    low, high = (fact.number if edge is None else edge for edge in (fact.low, fact.high))
    return Interval(low, high).holding_one()
