"""Verdicts, and the figures behind them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.figures import figure_text
from gigaplan.vocabulary.show import Brief, BriefRows


class Verdict(StrEnum):
    """What the model says about a claim."""

    HOLDS = "holds"
    ASSUMED = "by assumption"
    """It holds because the plan's own input says so; no model tests it."""
    ON_BASIS = "holds only on basis"
    FAILS = "does not hold"
    UNKNOWN = "can't be determined"


class Ground(StrEnum):
    """What a test of a claim stands on."""

    INPUT = "input"
    """What the plan itself gives, or what the catalog assumes."""
    MODEL = "model"
    """What follows from the plan by the models."""
    EVIDENCE = "evidence"
    """What was published, whatever the plan says."""


WEAKEST = (Verdict.FAILS, Verdict.UNKNOWN, Verdict.ON_BASIS, Verdict.ASSUMED, Verdict.HOLDS)
"""Verdicts from the weakest on: a claim is as weak as its weakest statement."""
PLACE = {verdict: place for place, verdict in enumerate(WEAKEST)}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Figure(Brief):
    """One number behind a verdict."""

    name: str
    value: float | str
    unit: str
    basis: str = ""
    holds: bool | None = None
    ground: str = ""
    """What the figure stands on (:class:`Ground`), where it decides."""

    def brief_line(self) -> str:
        """Return the figure with its unit, its basis, whether it holds, and on what it stands."""
        basis = f" [{self.basis}]" if self.basis else ""
        holds = "" if self.holds is None else " yes" if self.holds else " no"
        ground = f", by {self.ground}" if holds and self.ground else ""
        return f"{figure_text(self.value, self.unit)}{basis}{holds}{ground}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Futures(Brief):
    """In how many futures of a run a claim holds.

    Attributes
    ----------
    members : int
        Futures in which it was judged, the central one among them.
    holds : int
        Those in which it holds, on every basis or by assumption.
    on_basis : int
        Those in which it holds on some basis only.
    unknown : int
        Those in which it can't be determined; in all others it does not hold.
    """

    members: int
    holds: int
    on_basis: int
    unknown: int

    @property
    def kept(self) -> int:
        """Return in how many futures it holds, on a basis at least."""
        return self.holds + self.on_basis

    @property
    def text(self) -> str:
        """Return it in words."""
        if self.unknown == self.members:
            return f"can't be determined in any of {self.members:,} futures"
        basis = ""
        if self.on_basis:
            basis = " on some basis only" if not self.holds else f", in {self.on_basis:,} of them on some basis only"
        whole = f"holds in {self.kept:,} of {self.members:,} futures{basis}"
        return f"{whole}; can't be determined in {self.unknown:,}" if self.unknown else whole

    @property
    def sentence(self) -> str:
        """Return it as a sentence."""
        return f"{self.text[0].upper()}{self.text[1:]}."

    def brief_line(self) -> str:
        """Return it in words."""
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Claim(Brief):
    """One claim with the verdict of the model."""

    id: str
    says: str
    verdict: Verdict
    """That of the central future, as are the figures."""
    because: str
    figures: tuple[Figure, ...] = ()
    source: str = ""
    """Who says it, where and when."""
    futures: Futures | None = None
    """In how many futures it holds; None for a run of too few members, or where they aren't kept."""

    def brief_title(self) -> str:
        """Return the claim's id and what it says."""
        return f"{self.id}: {self.says}"

    def brief_rows(self) -> BriefRows:
        """Return the verdict, why, and the figures behind it."""
        yield from (("verdict", str(self.verdict)), ("because", self.because))
        yield "futures", self.futures.text if self.futures else ""
        yield from ((figure.name, figure.brief_line()) for figure in self.figures)

    def brief_line(self) -> str:
        """Return the claim's id, its verdict and why."""
        return f"{self.id} {self.verdict}: {self.because}"


def verdicts_of(held: NDArray[np.int8]) -> NDArray[np.int64]:
    """Return the verdict of a statement: it holds if all figures that decide do, on a basis if some do, else not.

    Parameters
    ----------
    held : array of int, shape (figure, future)
        Whether a figure keeps its bounds: 1, 0, or -1 where it says nothing.

    Returns
    -------
    array of int, shape (future,)
        Places in :data:`WEAKEST`; that it can't be determined where no figure decides.
    """
    yes, no = (held == 1).any(axis=0), (held == 0).any(axis=0)
    some = np.where(no, PLACE[Verdict.ON_BASIS], PLACE[Verdict.HOLDS])
    return np.where(yes, some, np.where(no, PLACE[Verdict.FAILS], PLACE[Verdict.UNKNOWN]))
