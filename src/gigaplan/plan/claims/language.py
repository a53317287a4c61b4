"""What a claim is made of: plain data, in the order of a claims file.

A claim set has claims; a claim has statements that must all hold; a statement has one or more readings; a reading is a
value, how it is reduced to one figure, the bases on which it is evaluated, and the bound that it must keep.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

REDUCTIONS = ("max", "min", "mean", "sum", "first", "last")
FOLDS = ("sum", "max", "min")
COMPARISONS = ("at_least", "at_most", "above", "below")
DATE_BOUNDS = ("by", "within", "not_before")
OPERATIONS = ("plus", "minus", "times", "divided_by")
ALONG = ("each", "count", "most", "least")
STEPS = ("up", "down", "not up")
ABSENT = ("can't be determined", "zero", "skip")
TIME = ("month", "edge", "year")
ALL = "all"
"""Bound of a count: as many as there are."""
WORDS = ("holds", "holds only on basis", "by assumption", "does not hold", "can't be determined", "otherwise")
"""Keys under which a claim may have a sentence of its own."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written; ``unit`` is empty where none is, and the figure's own unit is meant."""

    value: float
    unit: str = ""


@dataclass(frozen=True, slots=True)
class FactRef:
    """A fact of the catalog, on the bases (or of the date) given."""

    entity: str
    quantity: str
    on: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """A result quantity at some labels, folded over its other dims and reduced over time."""

    quantity: str
    at: tuple[tuple[str, tuple[str, ...]], ...] = ()
    over: tuple[tuple[str, str], ...] = ()
    reduce: str = ""
    during: str = ""


@dataclass(frozen=True, slots=True)
class GpusIn:
    """The GPUs of a system that some power carries, on the power basis and profile of the reading."""

    power: Value
    system: str


@dataclass(frozen=True, slots=True)
class PeakOf:
    """The peak of one GPU of a system [FLOP/s], on the FLOPS basis of the reading."""

    system: str


@dataclass(frozen=True, slots=True)
class Stated:
    """What the plan or the catalog gave the input at a path of the ledger, as text."""

    path: str


@dataclass(frozen=True, slots=True)
class Value:
    """A head, changed by operations in the order in which they are written."""

    head: Number | FactRef | Read | GpusIn | PeakOf | Stated
    operations: tuple[tuple[str, Value], ...] = ()


def reads_result(value: Value) -> bool:
    """Return whether a value reads a quantity of the result, so that it depends on the plan and the models."""
    return isinstance(value.head, Read) or any(reads_result(operand) for _, operand in value.operations)


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure must keep; ``limit`` is a value, :data:`ALL`, or a date or period as text."""

    kind: str
    limit: Value | str
    upper: Value | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """A value that keeps a bound: selects labels, or moments."""

    bound: Bound
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Along:
    """Labels along a dim that stay apart: each one, how many, or the one with the most or the least."""

    kind: str
    dim: str
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class OverTime:
    """A reduction of the whole value over time: ``reached``, ``kept_from``, ``months``, ``growth`` or ``years``."""

    kind: str
    condition: Condition | None = None
    windows: tuple[str, str] = ("", "")
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One way of reading a statement: a figure on each basis, with the bound that it must keep (or none)."""

    value: Value
    name: str
    key: str = ""
    unit: str = ""
    basis: str = ""
    bases: tuple[tuple[str, tuple[str, ...]], ...] = ()
    system: str = ""
    over_time: OverTime | None = None
    along: Along | None = None
    among: tuple[tuple[str, Condition], ...] = ()
    bounds: tuple[Bound, ...] = ()
    tolerance: float = 0.0
    during: str = ""
    absent: str = ABSENT[0]
    skip_zero: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One thing that must hold for its claim to hold, read in one or more ways."""

    readings: tuple[Reading, ...]
    rests_on: tuple[str, ...] = ()
    """Paths of the ledger: what decides the statement, if the plan gives it or it is assumed."""
    known_by: tuple[str, ...] = ()
    """Paths of the ledger: what was published of the statement itself, if the plan goes through it."""
    otherwise: str = ""
    """The verdict where it does not hold, if not 'does not hold'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimText:
    """One claim: its words, the statements that it consists of, further figures, and words for the verdict."""

    id: str
    says: str
    statements: tuple[Statement, ...]
    figures: tuple[Reading, ...] = ()
    because: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSet:
    """Claims of one source: who says it, where and when."""

    name: str
    title: str
    source: str
    url: str
    date: str
    claims: tuple[ClaimText, ...]
