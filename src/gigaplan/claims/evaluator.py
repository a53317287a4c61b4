"""The evaluator: from claims and a result to verdicts, each with its figures and a sentence that says why.

A statement holds if all its figures keep their bounds, on a basis if some do, and otherwise not. It holds *by
assumption* if it holds and what it ``rests_on`` was given by the plan itself, or by a fact that is itself assumed. A
claim is as weak as its weakest statement.

Each future of a run is judged by itself. The verdict, its figures and its sentence are the central future's; next to
it stands in how many of them the claim holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gigaplan.catalog import Catalog
from gigaplan.claims.figures import Outcome, outcome
from gigaplan.claims.source import Source
from gigaplan.claims.words import bound_words, fill, number
from gigaplan.plan.claims.language import ClaimSet, ClaimText, Statement, reads_result
from gigaplan.results.result import Result
from gigaplan.results.verdicts import PLACE, WEAKEST, Claim, Figure, Futures, Ground, Verdict, verdicts_of
from gigaplan.vocabulary.facts import Evidence

NOTHING = len(WEAKEST)
"""In place of a verdict's, where a statement is left out."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A statement with its verdicts and what is behind them."""

    places: NDArray[np.int64]
    """Place of each future's verdict in ``WEAKEST``, :data:`NOTHING` where it has none; shape (future,)."""
    outcomes: tuple[Outcome, ...]
    rests: str = ""
    """Which lines the verdict rests on, where it holds by assumption."""

    @property
    def figures(self) -> tuple[Figure, ...]:
        return tuple(f for o in self.outcomes for f in o.figures)


def evaluate(result: Result, catalog: Catalog, claim_sets: Sequence[ClaimSet]) -> tuple[Claim, ...]:
    """Return the verdict on each claim of some sets.

    Parameters
    ----------
    result : Result
        What the plan leads to; every fact that a claim reads is recorded in its ledger at ``claims.<id>.<fact>``.
    catalog : Catalog
        Where claims find the facts that they name.
    claim_sets : sequence of ClaimSet
        Claims files (see :func:`gigaplan.claims.read`) or the plan's own claims (``scenario.claims``).

    Returns
    -------
    tuple of Claim
        In the order of the sets. An id that several sets have is preceded by its set's name.
    """
    source = Source(result, catalog, recorded={e.path for e in result.ledger.under("claims")})
    made = []
    for source.claim, text, origin in _named(claim_sets):
        made.append(_claim(text, source, origin))
    return tuple(made)


def unjudged(claim_sets: Sequence[ClaimSet]) -> tuple[Claim, ...]:
    """Return the claims of some sets without judging them: what they say, and that nothing is determined yet.

    Parameters
    ----------
    claim_sets : sequence of ClaimSet
        As :func:`evaluate` takes them, under the same ids.
    """
    unknown, why = Verdict.UNKNOWN, "not judged in this run"
    return tuple(
        Claim(id=name, says=text.says, verdict=unknown, because=why, source=origin)
        for name, text, origin in _named(claim_sets)
    )


def _named(claim_sets: Sequence[ClaimSet]) -> Iterator[tuple[str, ClaimText, str]]:
    """Yield each claim with the id under which it is reported, and who says it when."""
    counts = Counter(claim.id for claims in claim_sets for claim in claims.claims)
    for claims in claim_sets:
        origin = ", ".join(t for t in (claims.source, claims.date) if t)
        for text in claims.claims:
            yield text.id if counts[text.id] == 1 else f"{claims.name}/{text.id}", text, origin


def _claim(text: ClaimText, source: Source, origin: str) -> Claim:
    source.central_only.clear()
    every = [_judge(statement, source) for statement in text.statements]
    places = np.array([j.places for j in every]).min(axis=0, initial=NOTHING)
    places = np.where(places == NOTHING, PLACE[Verdict.UNKNOWN], places)
    futures = None if source.futures == 1 or source.central_only else _futures(places)
    judged = [j for j in every if j.places[0] != NOTHING]
    verdict = WEAKEST[places[0]]
    context = [outcome(reading, source) for reading in text.figures]
    figures = tuple(f for j in judged for f in j.figures) + tuple(f for o in context for f in o.figures)
    because = _because(text, verdict, judged, context, source)
    return Claim(
        id=source.claim,
        says=text.says,
        verdict=verdict,
        because=because,
        figures=figures,
        source=origin,
        futures=futures,
    )


def _futures(places: NDArray[np.int64]) -> Futures:
    """Return in how many futures a claim holds."""
    counts = dict(zip(WEAKEST, np.bincount(places, minlength=len(WEAKEST)).tolist(), strict=True))
    return Futures(
        members=len(places),
        holds=counts[Verdict.HOLDS] + counts[Verdict.ASSUMED],
        on_basis=counts[Verdict.ON_BASIS],
        unknown=counts[Verdict.UNKNOWN],
    )


def _judge(statement: Statement, source: Source) -> _Judged:
    """Return a statement's verdicts; none in a future that has nothing of it, where its author leaves it out."""
    outcomes = tuple(outcome(reading, source) for reading in statement.readings)
    deciding = [o for o in outcomes if o.reading.bounds]
    futures = (source.futures,)
    places = verdicts_of(np.concatenate([np.full((1, *futures), -1, dtype=np.int8), *(o.held for o in deciding)]))
    # a reading that can't be determined may hold or not
    untold = np.logical_or.reduce([np.zeros(futures, dtype=bool), *(o.untold for o in deciding)])
    maybe = np.where(
        places == PLACE[Verdict.FAILS], PLACE[Verdict.UNKNOWN], np.minimum(places, PLACE[Verdict.ON_BASIS])
    )
    places = np.where(untold, maybe, places)
    if statement.otherwise:
        places = np.where(places == PLACE[Verdict.FAILS], PLACE[Verdict(statement.otherwise)], places)
    hold = places == PLACE[Verdict.HOLDS]
    rests = _rests(statement, source.result)
    if rests and hold.any():
        places = np.where(hold, PLACE[Verdict.ASSUMED], places)
    outcomes = tuple(_grounded(o, statement, source, rests) for o in outcomes)
    apart = np.logical_and.reduce([np.ones(futures, dtype=bool), *(o.left_out for o in deciding)])
    return _Judged(np.where(apart, NOTHING, places), outcomes, rests if hold[0] else "")


def _grounded(found: Outcome, statement: Statement, source: Source, rests: str) -> Outcome:
    """Return an outcome whose figures say what they stand on, where they decide."""
    if not found.reading.bounds:
        return found
    if rests:
        ground = Ground.INPUT
    elif not reads_result(found.reading.value) or _published(statement, source.result):
        ground = Ground.EVIDENCE
    elif any(source.result.ledger.under(path) for path in statement.rests_on):
        ground = Ground.INPUT  # a sourced one
    else:
        ground = Ground.MODEL
    return replace(found, figures=tuple(replace(f, ground=str(ground)) for f in found.figures))


def _published(statement: Statement, result: Result) -> bool:
    """Return whether the plan goes through what was published of a statement."""
    entries = [e for path in statement.known_by for e in result.ledger.under(path)]
    return any(e.fact is not None and e.evidence is not Evidence.ASSUMED for e in entries)


def _rests(statement: Statement, result: Result) -> str:
    """Return which lines of the plan, or facts that are assumed, a statement rests on; empty if there are none."""
    parts = []
    for path in statement.rests_on:
        entries = [e for e in result.ledger.under(path) if e.fact is None or e.evidence is Evidence.ASSUMED]
        lines, facts = (sum((e.fact is None) is own for e in entries) for own in (True, False))
        how = [f"{lines} line{'s' * (lines != 1)} of the plan"] * bool(lines)
        how += [f"{facts} assumed value{'s' * (facts != 1)} of the catalog"] * bool(facts)
        if how:
            parts.append(f"{path} ({' and '.join(how)})")
    return ", ".join(parts)


def _because(
    text: ClaimText, verdict: Verdict, judged: Sequence[_Judged], context: Sequence[Outcome], source: Source
) -> str:
    """Return the sentence behind a verdict: the claim's own words filled in, or one made from its figures."""
    outcomes = [o for j in judged for o in j.outcomes] + list(context)
    words = text.because.get(str(verdict)) or text.because.get("otherwise", "")
    own = fill(words, outcomes) if words else ""
    sentences = [own or _generic(judged, source.facts)]
    reasons = dict.fromkeys(
        o.reason for j in judged for o in j.outcomes if o.reason and not o.left_out[0] and o.reading.bounds
    )
    if verdict is Verdict.UNKNOWN or not own:
        sentences += [f"{reason[0].upper()}{reason[1:]}." for reason in reasons]
    rests = dict.fromkeys(j.rests for j in judged if j.rests)
    if rests:
        sentences.append(f"This rests on input, not on a model: {'; '.join(rests)}.")
    whole = " ".join(s for s in sentences if s)
    return whole or "No statement of it applies to this plan."


def _capital(name: str) -> str:
    """Return a name with a capital; the name of a result quantity stays as it is written."""
    return name if "_" in name else f"{name[0].upper()}{name[1:]}"


def _generic(judged: Iterable[_Judged], facts: Catalog) -> str:
    """Return each statement's figure next to its bound, as a sentence."""
    sentences = []
    for j in judged:
        for o in j.outcomes:
            shown = [f"{number(f)}{f' ({f.basis})' if f.basis else ''}" for f in o.figures]
            if o.reading.bounds and shown:
                name = o.figures[0].name if len(o.figures) == 1 else o.reading.name
                sentences.append(f"{_capital(name)}: {', '.join(shown)}; {bound_words(o.reading, facts)}.")
    return " ".join(sentences)
