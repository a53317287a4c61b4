"""Refitting calibrated constants on a user's own measurements: what models of serving and of training share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, report

MIN_ROWS, MIN_GROUPS, MOST_GROUPS, ROUNDS = 4, 3, 8, 60
"""Rows that a refit needs, groups between which some are left out in turn, and evaluations of a fit."""
LINE_WIDTH = 120  # of a file that people read
MARGIN = 1e-6
"""Of a start off its bounds, as a logarithm."""
CLOSE = 1e-3
"""Relative change of the sum of squares at which a refit ends: far below what rows scatter."""
Rows = NDArray[np.bool_]


def enough(count: int, unsupported: Sequence[str], place: Place, remedy: str) -> None:
    """Raise PlanError if fewer rows than a refit needs can be answered.

    Parameters
    ----------
    count
        Rows that can be answered.
    unsupported
        Why others can't be.
    place
        Of the table.
    remedy
        What to do about it.
    """
    if count >= MIN_ROWS:
        return
    reasons = "; ".join(dict.fromkeys(unsupported)) or "too few were given"
    message = f"{count} rows can be answered, {MIN_ROWS} are needed"
    raise PlanError([Problem(message, place, value=reasons, remedy=remedy)])


def pulled(
    off: Callable[[Array], Array], shipped: Array, bounds: tuple[Array, Array], *, pull: Array | float, soft: float
) -> Array:
    """Return logarithms of constants that fit best: soft-L1 least squares of ``off``, pulled to the shipped ones.

    Parameters
    ----------
    off
        Residuals of rows, as logarithms.
    shipped, bounds
        Logarithms of the constants as they are, and of what they may be.
    pull
        How strongly they stay, in units of a row's residual; one for all, or one each.
    soft
        Residual from which a row counts linearly.
    """
    from scipy.optimize import least_squares

    low, high = bounds
    begin = np.clip(shipped, low + MARGIN, high - MARGIN)

    def residual(x: Array) -> Array:
        return np.concatenate([off(x), pull * (x - begin)])

    found = least_squares(residual, begin, bounds=bounds, loss="soft_l1", f_scale=soft, max_nfev=ROUNDS, ftol=CLOSE)
    return np.asarray(found.x, dtype=float)


def kinds_of(*levels: Sequence[str]) -> NDArray[np.int_] | None:
    """Return the group of each row, to be left out in turn: by the first level that separates three groups; None if
    none does. No more than eight groups are made."""
    for names in levels:
        index = np.unique(np.array(names), return_inverse=True)[1]
        if index.max() + 1 >= MIN_GROUPS:
            return np.asarray(index % MOST_GROUPS)
    return None


def left_out(
    kinds: NDArray[np.int_] | None, off: Callable[[Rows, Rows], Array], progress: Progress | None = None
) -> Array | None:
    """Return the errors (..., row) of each group with constants fitted on the others, by ``off(fitted, held_out)``.

    Parameters
    ----------
    kinds
        Group of each row; shape (row,).
    off
        Errors of the rows in the second mask with constants fitted on those in the first.
    progress
        Called with the steps done, those in all, and what is done now.
    """
    if kinds is None:
        return None
    found: Array | None = None
    groups = np.unique(kinds)
    for k, kind in enumerate(groups):
        report(progress, k + 1, len(groups) + 1, "rows left out in turn")
        of_kind = kinds == kind
        errors = off(~of_kind, of_kind)
        found = np.zeros((*errors.shape[:-1], len(kinds))) if found is None else found
        found[..., of_kind] = errors
    return found


def overlay_text(header: Mapping[str, str], note: str, values: Mapping[str, str], into: Callable[[Any], Any]) -> str:
    """Return an overlay file's text: its header (who, why, from), and values with their source and note, put where
    ``into`` says.

    Parameters
    ----------
    header
        Who made it, why, and from what.
    note
        What is stated of every value.
    values
        Constants as text, by name.
    into
        Puts the values where they belong in a plan.
    """
    facts = {k: {"value": v, "evidence": "measured", "source": header["from"], "note": note} for k, v in values.items()}
    return yaml.safe_dump(
        {"overlay": dict(header), **into(facts)}, sort_keys=False, allow_unicode=True, width=LINE_WIDTH
    )
