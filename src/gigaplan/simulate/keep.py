"""Which hourly quantities a result holds for every member.

Hourly arrays are most of a result's numbers (98 % of those of ``lab-1mw``), and few questions about a spread need them:
the laws are checked and every month's figure is computed from them before they are dropped.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.errors import UnknownQuantityError, nearest_name
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.variables import Variable, variables

Keep = str | Collection[str]
"""``all``, ``summary`` (hourly quantities of the central member alone), or names of hourly quantities."""
SUMMARY = ("facility_power_mw",)
"""Hourly quantities that are held for every member in any case: their peaks are figures that a plan is judged by."""


def is_hourly(variable: Variable) -> bool:
    """Return whether a quantity has numbers for every member and hour."""
    return variable.dims[:1] == ("member",) and "hour" in variable.dims


def is_kept(variable: Variable, keep: str | tuple[str, ...]) -> bool:
    """Return whether a quantity is held for every member."""
    return keep == "all" or not is_hourly(variable) or variable.name in (*SUMMARY, *(() if keep == "summary" else keep))


def checked_keep(keep: Keep) -> str | tuple[str, ...]:
    """Return ``all``, ``summary`` or the names in the order of the variable table.

    Raises
    ------
    UnknownQuantityError
        If a name is no hourly quantity; the nearest one is given.
    """
    if isinstance(keep, str) and keep in ("all", "summary"):
        return keep
    names = {keep} if isinstance(keep, str) else set(keep)
    hourly = [v.name for v in variables().values() if is_hourly(v)]
    for name in sorted(names - set(hourly)):
        reason = "keep takes 'all', 'summary' or names of hourly quantities"
        raise UnknownQuantityError(reason, name, hourly, nearest_name(name, hourly))
    return tuple(n for n in hourly if n in names) or "summary"


def retain(result: Labelled, keep: str | tuple[str, ...]) -> dict[str, Array]:
    """Return a result's arrays, hourly ones that are not kept cut to the central member (a member axis of length 1)."""
    return {n: a if is_kept(result.variable(n), keep) else _central(a) for n, a in result.arrays.items()}


def _central(array: Array) -> Array:
    """Return a copy of the first member, so that the memory of the others is set free."""
    first = np.array(array[:1])
    first.flags.writeable = False
    return first
