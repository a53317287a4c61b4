"""Claims: the announcement's lines as statements that a machine can check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What the model says of a claim."""

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
    """One line of the announcement held against the model."""

    id: str
    says: str
    verdict: Verdict
    because: str
    figures: tuple[Figure, ...] = ()
