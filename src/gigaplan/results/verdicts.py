"""Verdicts, and the figures behind them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from gigaplan.vocabulary.claims import CLAIMS


class Verdict(StrEnum):
    """What the model says about a claim."""

    HOLDS = "holds"
    ON_BASIS = "holds only on basis"
    FAILS = "does not hold"
    UNKNOWN = "can't be told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number behind a verdict."""

    name: str
    value: float | str
    unit: str
    basis: str = ""
    holds: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim of the announcement with the verdict of the model."""

    id: str
    says: str
    verdict: Verdict
    because: str
    figures: tuple[Figure, ...] = ()


def judge(id_: str, because: str, *parts: Sequence[Figure]) -> Claim:
    """Return a claim that is as weak as its weakest part.

    Parameters
    ----------
    id_ : str
        Id of the claim.
    because : str
        The reason for the verdict, as a sentence.
    *parts : sequence of Figure
        The statements that the claim consists of, each as its figures on every basis that it could mean. A part holds
        if all its deciding figures do, on a basis if some do, and else not at all.

    Returns
    -------
    Claim
        With the figures of all parts; its verdict is unknown if no figure decides.
    """
    verdicts = []
    for part in parts:
        decided = [f.holds for f in part if f.holds is not None]
        if decided:
            verdicts.append(Verdict.HOLDS if all(decided) else Verdict.ON_BASIS if any(decided) else Verdict.FAILS)
    weakest = (Verdict.FAILS, Verdict.ON_BASIS, Verdict.HOLDS)
    verdict = min(verdicts, key=weakest.index, default=Verdict.UNKNOWN)
    return Claim(id=id_, says=CLAIMS[id_], verdict=verdict, because=because, figures=tuple(f for p in parts for f in p))
