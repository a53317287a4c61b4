"""Verdicts, and the figures behind them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

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


WEAKEST = (Verdict.FAILS, Verdict.UNKNOWN, Verdict.ON_BASIS, Verdict.ASSUMED, Verdict.HOLDS)
"""Verdicts from the weakest on: a claim is as weak as its weakest statement."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Figure(Brief):
    """One number behind a verdict."""

    name: str
    value: float | str
    unit: str
    basis: str = ""
    holds: bool | None = None

    def brief_line(self) -> str:
        """Return the figure with its unit, its basis and whether it holds."""
        basis = f" [{self.basis}]" if self.basis else ""
        holds = "" if self.holds is None else " yes" if self.holds else " no"
        return f"{figure_text(self.value, self.unit)}{basis}{holds}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Claim(Brief):
    """One claim with the verdict of the model."""

    id: str
    says: str
    verdict: Verdict
    because: str
    figures: tuple[Figure, ...] = ()
    source: str = ""
    """Who says it, where and when."""

    def brief_title(self) -> str:
        """Return the claim's id and what it says."""
        return f"{self.id}: {self.says}"

    def brief_rows(self) -> BriefRows:
        """Return the verdict, why, and the figures behind it."""
        yield from (("verdict", str(self.verdict)), ("because", self.because))
        yield from ((figure.name, figure.brief_line()) for figure in self.figures)

    def brief_line(self) -> str:
        """Return the claim's id, its verdict and why."""
        return f"{self.id} {self.verdict}: {self.because}"


def verdict_of_figures(figures: Iterable[Figure]) -> Verdict:
    """Return the verdict of a statement: it holds if all figures that decide do, on a basis if some do, else not."""
    decided = [f.holds for f in figures if f.holds is not None]
    if not decided:
        return Verdict.UNKNOWN
    return Verdict.HOLDS if all(decided) else Verdict.ON_BASIS if any(decided) else Verdict.FAILS


def weakest(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the weakest of some verdicts; of none, that it can't be determined."""
    return min(verdicts, key=WEAKEST.index, default=Verdict.UNKNOWN)
