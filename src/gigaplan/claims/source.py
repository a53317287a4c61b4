"""What claims are evaluated on: a result together with the catalog, its futures, and the windows of its time axis."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gigaplan.catalog import Catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.plan.claims.language import FactRef
from gigaplan.results.quantiles import has_ranges
from gigaplan.results.result import Result
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import parse_period

MONTHS = 12


class CannotTellError(Exception):
    """A figure can't be had from this result; the message says why, as a sentence without its full stop."""


class AbsentError(CannotTellError):
    """The plan has none of what is asked for."""


@dataclass
class Source:
    """A result together with the catalog; each fact that a claim reads goes into the ledger, once.

    Values have an axis of futures first, of length 1 where all futures have the same, or the run has too few members.
    """

    result: Result
    facts: Catalog
    claim: str = ""
    """Id of the claim that is evaluated: facts are recorded under it."""
    recorded: set[str] = field(default_factory=set)
    folded: dict[tuple[object, ...], tuple[tuple[str, ...], Array]] = field(default_factory=dict)
    """Dims and values of the result quantities read so far, folded, by quantity, labels and way of folding."""
    central_only: set[str] = field(default_factory=set)
    """Quantities that were read and are kept for the central member alone: of other futures nothing is known."""

    @cached_property
    def futures(self) -> int:
        """Return in how many futures each claim is judged: all members of a run, or the central one of a few."""
        return self.result.stamp.members if has_ranges(self.result) else 1

    @cached_property
    def _drawn(self) -> dict[str, Array]:
        return {draw.name: draw.values for draw in self.result.draws if len(draw.values) == self.futures}

    def numbers(self, fact: Fact) -> Array:
        """Return a fact's number in each future, as the run drew it; its one number where it drew none."""
        return self._drawn.get(fact.id, np.array([fact.number]))

    def fact(self, entity: str, quantity: str, **on: str) -> Fact:
        """Return a fact, recorded under the claim that reads it; CannotTellError if there is none."""
        try:
            fact = self.facts.find(entity, quantity, **on)
        except UnknownFactError as error:
            raise CannotTellError(str(error)) from None
        path = f"claims.{self.claim}.{fact.id}"
        if path not in self.recorded:
            self.recorded.add(path)
            self.result.ledger.read(path, fact)
        return fact

    def fact_of(self, ref: FactRef) -> Fact:
        """Return the fact that a reference names."""
        return self.fact(ref.entity, ref.quantity, **dict(ref.on))

    def stated(self, path: str) -> str:
        """Return what the plan or its facts gave the input at a path of the ledger."""
        entry = next(iter(self.result.ledger.under(path)), None)
        if entry is None:
            raise AbsentError(f"the plan states no {path}")
        return entry.value

    def window(self, text: str) -> slice:
        """Return the months of a window: all if it is empty; CannotTellError if it lies outside the horizon.

        A window that reaches beyond the horizon is cut to it.
        """
        axis = self.result.axis
        if not text:
            return slice(0, axis.months)
        if text in ("first year", "last year"):
            span = slice(0, MONTHS) if text == "first year" else slice(max(axis.months - MONTHS, 0), axis.months)
            return slice(span.start, min(span.stop, axis.months))
        first, last = 0, axis.months - 1
        before, to, after = re.sub(r"^from\b", "", text).partition("to") if "to" in text else (text, "", "")
        start = before.removeprefix("from").strip()
        if start:
            days = parse_period(start)
            first = axis.month_of(days[0])
            last = last if text.startswith("from") and not to else axis.month_of(days[1])
        if after.strip():
            last = axis.month_of(parse_period(after.strip())[1])
        if last < 0 or first >= axis.months:
            raise CannotTellError(f"{text} lies outside the horizon")
        return slice(max(first, 0), min(last, axis.months - 1) + 1)

    def years(self) -> list[slice]:
        """Return the whole years of twelve months from the horizon's start."""
        return [slice(k, k + MONTHS) for k in range(0, self.result.axis.months - MONTHS + 1, MONTHS)]
