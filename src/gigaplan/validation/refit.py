"""Refitting calibrated constants on a user's own measurements: what models of serving and of training share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from gigaplan.measurements.tables import read_text
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, report

MIN_ROWS, MIN_GROUPS, MOST_GROUPS, ROUNDS = 4, 3, 8, 60
"""Rows that a refit needs, groups between which some are left out in turn, and evaluations of a fit."""
LINE_WIDTH = 120  # of a file that people read
DIGITS = 5  # of a constant in it
MARGIN = 1e-6
"""Of a start off its bounds, as a logarithm."""
CLOSE = 1e-3
"""Relative change of the sum of squares at which a refit ends: far below what rows scatter."""
LARGEST_LEFT = 0.5
"""Share of its variance that rows may leave a constant that they determine: more of its value is theirs than not."""
MIDDLE = 1.2816
"""Standard deviations on either side that hold the middle 80 % of a normal distribution."""
MAX_ERROR = 0.5
"""Median error on rows left out above which a refit isn't worth having."""
OTHERS_STAY = "Constants that the rows don't determine stay as shipped, and aren't in the overlay."
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
    message = f"a refit needs {MIN_ROWS} measured rows, and {count} of the {count + len(unsupported)} given can be used"
    others = "; ".join(dict.fromkeys(unsupported))
    raise PlanError([Problem(message, place, value=others, remedy=f"correct these, or {remedy}" if others else remedy)])


@dataclass(frozen=True, slots=True)
class Prior:
    """Where constants lie before the rows are seen, as logarithms. Shapes: constant."""

    shipped: Array
    low: Array
    high: Array
    """What they may be."""
    pull: float
    """How strongly each stays, in units of a row's residual."""
    soft: float
    """Residual from which a row counts linearly."""
    along: Array
    """How each moves where everything takes longer by one; 0 for all where nothing moves them together."""
    common_pull: float = 1.0
    """How strongly that common factor stays at one."""
    farthest: float = 1.0
    """How far it may go, as a logarithm."""

    def covariance(self, of: Rows) -> Array:
        """Return the covariance of some constants over that of a row's residual; shape (constant, constant)."""
        along = self.along[of]
        return np.asarray(np.eye(len(along)) / self.pull**2 + np.outer(along, along) / self.common_pull**2)


@dataclass(frozen=True, slots=True)
class Refit:
    """Constants that fit rows, as logarithms. Shapes: constant."""

    x: Array
    """Shipped where the rows don't determine them."""
    determined: Rows
    low: Array
    high: Array
    """The middle 80 % of what the rows leave possible."""


def refit(off: Callable[[Array], Array], prior: Prior) -> Refit:
    """Return the constants that rows determine, fitted to them; all others stay as shipped.

    All constants are fitted first, to see which the rows determine; then those alone.

    Parameters
    ----------
    off
        Residuals of rows at logarithms of all constants, as logarithms.
    prior
        Where the constants lie before.
    """
    everything = np.ones(len(prior.shipped), dtype=bool)
    found = determined(_solved(off, prior, everything)[1], prior)
    if not found.any():
        return Refit(prior.shipped, found, prior.shipped, prior.shipped)
    x, slopes = _solved(off, prior, found)
    rest = off(x)
    scatter = max(float(np.sqrt((rest**2).sum() / max(len(rest) - found.sum(), 1))), prior.soft)
    width = np.zeros_like(x)
    width[found] = MIDDLE * scatter * np.sqrt(np.diag(posterior(slopes, prior, found)))
    return Refit(x, found, np.maximum(x - width, np.minimum(x, prior.low)), np.minimum(x + width, prior.high))


def determined(slopes: Array, prior: Prior) -> Rows:
    """Return which constants rows determine: those of which the rows leave at most half of the variance that each has
    about the others' common factor.

    Constants are dropped one by one, the least determined first, since two that trade off against each other may be
    undetermined together while one of them, with the other as shipped, is not (subset selection, Burth et al. 1999).

    Parameters
    ----------
    slopes
        Slopes of the rows' residuals over each constant; shape (residual, constant).
    prior
        Where the constants lie before.
    """
    kept = np.ones(slopes.shape[1], dtype=bool)
    while kept.any():
        left = np.diag(posterior(slopes[:, kept], prior, kept)) * prior.pull**2
        if left.max() <= LARGEST_LEFT:
            break
        kept[np.flatnonzero(kept)[left.argmax()]] = False
    return kept


def posterior(slopes: Array, prior: Prior, of: Rows) -> Array:
    """Return the covariance of some constants that rows leave, over the variance of a row's residual.

    Parameters
    ----------
    slopes
        Slopes of the rows' residuals over those constants; shape (residual, constant).
    prior
        Where the constants lie before.
    of
        Which constants; shape (constant of the prior,).
    """
    return np.asarray(np.linalg.inv(slopes.T @ slopes + np.linalg.inv(prior.covariance(of))))


def _solved(off: Callable[[Array], Array], prior: Prior, of: Rows) -> tuple[Array, Array]:
    """Return logarithms of all constants, some of them fitted, and the slopes of the rows' residuals over those."""
    along, count = prior.along[of], int(of.sum())
    common = bool(along.any())
    low, high = prior.low[of], prior.high[of]
    begin = np.clip(prior.shipped[of], low + MARGIN, high - MARGIN)

    def moved(p: Array) -> Array:
        x = prior.shipped.copy()
        x[of] = np.clip(p[:count] + (p[-1] * along if common else 0.0), low, high)
        return x

    pull = np.full(count, prior.pull)
    if common:
        begin, pull = np.append(begin, 0.0), np.append(pull, prior.common_pull)
        low, high = np.append(low, -prior.farthest), np.append(high, prior.farthest)
    bounds = (low.copy(), high.copy())
    low, high = low[:count], high[:count]
    p, slopes = pulled(lambda p: off(moved(p)), begin, bounds, pull=pull, soft=prior.soft)
    return moved(p), slopes[:, :count]


def pulled(
    off: Callable[[Array], Array], begin: Array, bounds: tuple[Array, Array], *, pull: Array | float, soft: float
) -> tuple[Array, Array]:
    """Return logarithms that fit best, soft-L1 least squares of ``off`` pulled to where they begin, and the slopes of
    its residuals there, each as strong as it counts; shape (residual, constant).

    Parameters
    ----------
    off
        Residuals of rows, as logarithms.
    begin, bounds
        Logarithms of the constants as they are, and of what they may be.
    pull
        How strongly they stay, in units of a row's residual; one for all, or one each.
    soft
        Residual from which a row counts linearly.
    """
    from scipy.optimize import least_squares

    def residual(x: Array) -> Array:
        return np.concatenate([off(x), pull * (x - begin)])

    found = least_squares(residual, begin, bounds=bounds, loss="soft_l1", f_scale=soft, max_nfev=ROUNDS, ftol=CLOSE)
    return np.asarray(found.x, dtype=float), np.asarray(found.jac)[: -len(begin)]


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


def why_not_written(count: int, before: float, held_out: float | None, worst: float | None) -> str:
    """Return why a refit isn't worth an overlay, "" where it is.

    Parameters
    ----------
    count
        Constants that the rows determine.
    before
        Median error as shipped.
    held_out
        Median error on rows left out of the refit in turn; None where there were too few to leave out.
    worst
        The largest of the median errors on rows left out, where there are several.
    """
    if not count:
        return "the rows determine no constant"
    if held_out is None or worst is None:
        return (
            f"the rows are of fewer than {MIN_GROUPS} layouts or loads, so that none can be left out to test the refit"
        )
    if worst > MAX_ERROR:
        return f"on rows left out the refit is off by {worst:.0%}, more than {MAX_ERROR:.0%}"
    if held_out >= before:
        return "on rows left out the refit is no better than what ships"
    return ""


def distinct(paths: Sequence[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """Return files of measurements, each content once, and what is said of those that are left out.

    Parameters
    ----------
    paths
        The files; one may be named twice, by another path too, or have a copy.
    """
    first: dict[Any, Path] = {}
    warnings = []
    for path in paths:
        try:
            content: Any = tuple(read_text(path).splitlines())
        except PlanError:  # its reader says why
            content = path
        if content in first:
            warnings.append(f"{path} holds the same measurements as {first[content]}: they count once")
        else:
            first[content] = path
    return list(first.values()), tuple(warnings)


@dataclass(frozen=True, slots=True)
class OverlayValue:
    """A constant of an overlay, with its range; its unit stands behind each number."""

    value: float
    low: float
    high: float
    unit: str = ""


def overlay_text(
    header: Mapping[str, str], note: str, values: Mapping[str, OverlayValue], into: Callable[[Any], Any]
) -> str:
    """Return an overlay file's text: its header (who, why, from), and values with their source and note, put where
    ``into`` says.

    Parameters
    ----------
    header
        Who made it, why, and from what.
    note
        What is stated of every value.
    values
        Constants by name.
    into
        Puts the values where they belong in a plan.
    """
    facts = {
        name: {
            **{k: f"{getattr(v, k):.{DIGITS}g} {v.unit}".strip() for k in ("value", "low", "high")},
            "evidence": "estimated",
            "source": header["from"],
            "note": note,
        }
        for name, v in values.items()
    }
    return yaml.safe_dump(
        {"overlay": dict(header), **into(facts)}, sort_keys=False, allow_unicode=True, width=LINE_WIDTH
    )


def unit_of(name: str) -> str:
    """Return the unit that the name of a constant ends with."""
    return "s" if name.endswith("_s") else "1/year" if name.endswith("_per_year") else ""
