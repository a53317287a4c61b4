"""What decides a figure: the inputs whose draws move it most over the members of a run, as shares of its variance.

The normal scores of the figure's ranks are regressed on those of the inputs that it can depend on (standardised rank
regression: Saltelli, Ratto et al. 2008, chapter 1), one input after the other, as long as the next one explains more
than the best of all would of the same figures in any other order. So no input is named for what chance alone gives at
this number of members. Of one that is named the square counts too, if it is seen: effects bend where a limit binds. The
largest of the others are listed as what they are, not distinguished from chance. What is left stands as everything
else: inputs too small to be seen, and what only several do together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gigaplan.results.labelled import Labelled
from gigaplan.results.quantiles import has_ranges
from gigaplan.vocabulary.draws import Draw
from gigaplan.vocabulary.facts import Entry, Evidence, Ledger, weakest
from gigaplan.vocabulary.figures import percent
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.normal import normal_scores
from gigaplan.vocabulary.show import Brief, BriefRows

SHOWN = 5
"""Inputs that are named; the others are added up."""
MOST = 40
"""Inputs that are looked for at most."""
PER_INPUT = 5
"""Members at least for each input that is named: with fewer a regression fits anything."""
ORDERS, CHANCE, SEED = 400, 0.05, 0
"""Random orders of the figures, the share of them whose best input may look as good, and what draws them."""
BENT = 7.0
"""Fisher's F from which a named input's square counts: one in a hundred is as large by chance."""
TINY = 1e-9
"""Length below which nothing is left of a column."""
REST, NOTHING = "everything else", "no single input stands out"
INDISTINCT = "not distinguished from chance"


@dataclass(frozen=True, slots=True, repr=False)
class Contribution(Brief):
    """What one input contributes to the variance of a figure.

    Attributes
    ----------
    input : str
        A fact's id, the plan's path, a group of inputs that move together, or what a model's own error is of.
    share : float
        Of the variance of the normal scores of the figure's ranks, 0 to 1.
    evidence : Evidence
        How the input is known; of several that move together, the weakest.
    """

    input: str
    share: float
    evidence: Evidence

    def brief_line(self) -> str:
        """Return the input with its share and evidence."""
        return f"{self.input} {percent(self.share)}, {self.evidence}"


@dataclass(frozen=True, slots=True, repr=False)
class Contributions(Brief):
    """What decides a figure.

    Attributes
    ----------
    inputs : tuple of Contribution
        Inputs that stand out of the noise, the largest first.
    indistinct : tuple of str
        Where fewer than five stand out, the next ones, which explain most without being distinguished from chance.
    noise : float
        Share below which an input can't be distinguished from chance at this number of members.
    candidates : int
        Inputs that the figure can depend on, those that move together as one.
    members : int
        Members that it is of, without the central one.
    """

    inputs: tuple[Contribution, ...]
    indistinct: tuple[str, ...]
    noise: float
    candidates: int
    members: int

    @property
    def rest(self) -> float:
        """Return the share of everything but the inputs that are named, 0 to 1."""
        return max(1.0 - sum(c.share for c in self.inputs[:SHOWN]), 0.0)

    @property
    def by_evidence(self) -> dict[str, float]:
        """Return the shares of the inputs that stand out by evidence class, the largest first."""
        found: dict[str, float] = {}
        for one in self.inputs:
            found[str(one.evidence)] = found.get(str(one.evidence), 0.0) + one.share
        return dict(sorted(found.items(), key=lambda item: -item[1]))

    @property
    def text(self) -> str:
        """Return the inputs with their shares, the rest, and the next ones that aren't distinguished from chance."""
        named = ", ".join([*(f"{c.input} {percent(c.share)}" for c in self.inputs[:SHOWN]), self._rest_text])
        return f"{named} ({INDISTINCT}: {', '.join(self.indistinct)})" if self.indistinct else named

    def text_with(self, words: Callable[[str], str]) -> str:
        """Return the same with each input in words.

        Parameters
        ----------
        words : callable
            Returns what an input is called, which may have commas.
        """
        named = "; ".join([*(f"{words(c.input)} {percent(c.share)}" for c in self.inputs[:SHOWN]), self._rest_text])
        apart = "; ".join(words(name) for name in self.indistinct)
        return f"{named} ({INDISTINCT}: {apart})" if apart else named

    @property
    def _rest_text(self) -> str:
        if self.inputs:
            return f"{REST} {percent(self.rest)}"
        return f"{NOTHING} of {self.candidates}: each decides less than {percent(self.noise)}"

    @property
    def leading(self) -> str:
        """Return the evidence class that most of the spread comes from; empty where no input stands out."""
        return next(iter(self.by_evidence), "")

    @property
    def badge(self) -> str:
        """Return how much of the spread comes from that class, in few words."""
        return f"{percent(self.by_evidence[self.leading])} of spread: {self.leading}" if self.inputs else NOTHING

    @property
    def evidence_text(self) -> str:
        """Return how much of the spread comes from which evidence class; empty where no input stands out."""
        (name, share), *others = self.by_evidence.items() or [("", 0.0)]
        rest = "".join(f", {percent(part)} from {other} ones" for other, part in others)
        return f"{percent(share)} of the spread comes from {name} inputs{rest}" if name else ""

    def brief_rows(self) -> BriefRows:
        """Return the inputs with their shares, the rest, and the evidence that they rest on."""
        yield from ((c.input, f"{percent(c.share)}, {c.evidence}") for c in self.inputs[:SHOWN])
        yield REST, percent(self.rest)
        yield INDISTINCT, ", ".join(self.indistinct)
        yield "evidence", self.evidence_text
        yield "noise", f"{percent(self.noise)} at {self.members:,} members, of {self.candidates:,} inputs"

    def brief_line(self) -> str:
        """Return the inputs with their shares."""
        return self.text

    def as_data(self) -> dict[str, object]:
        """Return the same as plain data."""
        return {
            "inputs": [{"input": c.input, "share": c.share, "evidence": c.evidence} for c in self.inputs[:SHOWN]],
            "rest": self.rest,
            "indistinct": list(self.indistinct),
            "by_evidence": self.by_evidence,
            "noise": self.noise,
            "candidates": self.candidates,
            "members": self.members,
        }


@dataclass(frozen=True, slots=True)
class Source:
    """One independent source of spread: an input, or several that move together.

    Attributes
    ----------
    name : str
        What it is called.
    evidence : Evidence
        How it is known.
    columns : Array, shape (member, column)
        Numbers whose ranks stand for it.
    """

    name: str
    evidence: Evidence
    columns: Array


def contributions(result: Labelled, name: str, values: Array, *, date: bool = False) -> Contributions | None:
    """Return what decides a figure over the members of a run.

    Parameters
    ----------
    result : Labelled
        A simulated plan.
    name : str
        The quantity that the figure is of: only inputs that it depends on are looked at.
    values : Array, shape (member,)
        The figure of each member, the central one first; nan where it doesn't exist.
    date : bool
        Whether it is a date: one that never comes lies after all others. A number is of the members that have it.

    Returns
    -------
    Contributions or None
        None for a run of too few members, one saved without its draws, or a figure that is the same in all members.
    """
    if not has_ranges(result) or not result.draws or len(values) != result.stamp.members:
        return None
    figures = np.where(np.isnan(values), np.inf, values)[1:] if date else np.asarray(values, dtype=float)[1:]
    there = ~np.isnan(figures)
    if there.sum() < PER_INPUT or len(np.unique(figures[there])) == 1:
        return None
    key = (contributions.__name__, name, date, figures.tobytes())
    if key not in result.memo:
        concerned = depended_on(result, name)
        sources = [s for s in _sources(result) if s.name in concerned]
        of_these = [Source(s.name, s.evidence, s.columns[there]) for s in sources]
        result.memo[key] = decompose(figures[there], of_these)
    found: Contributions = result.memo[key]
    return found


def _sources(result: Labelled) -> Sequence[Source]:
    """Return the independent sources of spread of a result."""
    if sources_of.__name__ not in result.memo:
        result.memo[sources_of.__name__] = list(sources_of(result.draws))
    found: Sequence[Source] = result.memo[sources_of.__name__]
    return found


def depended_on(result: Labelled, name: str) -> set[str]:
    """Return the sources of spread that a quantity depends on, by its lineage."""
    paths = Ledger([Entry(path, source_name(one), one.evidence) for one in result.draws for path in one.paths])
    return {entry.value for prefix in result.lineage(name) for entry in paths.under(prefix)}


def source_name(draw: Draw) -> str:
    """Return the source of spread that an input's draws come from: those that it is correlated with, its group, or
    itself."""
    return draw.together or draw.group or draw.name


def sources_of(draws: Iterable[Draw]) -> Iterator[Source]:
    """Yield the independent sources of spread among the draws of inputs, without the central member."""
    found = {one.name: one for one in draws}
    by_source: dict[str, list[Draw]] = {}
    for one in found.values():
        by_source.setdefault(source_name(one), []).append(one)
    for name, same in by_source.items():
        own = {one.group or one.name: one for one in reversed(same)}
        columns = [column for one in reversed(own.values()) for column in _columns(one, found)]
        if columns:
            yield Source(name, weakest(one.evidence for one in same), np.concatenate(columns, axis=1))


def _columns(draw: Draw, draws: Mapping[str, Draw]) -> Iterator[Array]:
    """Yield the columns that stand for an input: its scores, or whether a member has each option but one.

    Of one that follows another, what is its own.
    """
    values = draw.values[1:, None]
    if draw.options:
        others = np.unique(values)[1:]
        yield from ([np.asarray(values == others, dtype=float)] if len(others) else [])
        return
    scores = _scores(values)
    if draw.follows in draws:
        scores = scores - draw.correlation * _scores(draws[draw.follows].values[1:, None])
    if np.ptp(scores) > 0:
        yield scores


def _scores(columns: Array) -> Array:
    """Return the normal scores of the ranks of each column."""
    twice = np.rint(2 * _ranks(columns)).astype(np.int64)  # ranks are whole or, of equal numbers, half
    return np.asarray(_scores_by_rank(len(columns))[twice - 2])


@lru_cache(maxsize=8)
def _scores_by_rank(count: int) -> Array:
    """Return the normal scores of the ranks 1, 1.5, 2 ... of so many numbers."""
    return normal_scores((np.arange(2, 2 * count + 1) / 2 - 0.5) / count)


def _ranks(columns: Array) -> Array:
    """Return the ranks of each column from 1, equal numbers with their mean rank.

    SciPy's are the same; importing them takes longer than all that is done here.
    """
    found = np.empty(columns.shape)
    for k, column in enumerate(columns.T):
        _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
        found[:, k] = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return found


def decompose(figures: Array, sources: Sequence[Source]) -> Contributions:
    """Return what the sources of spread contribute to the variance of some figures, by the scores of their ranks.

    Parameters
    ----------
    figures : Array, shape (member,)
        One figure per member.
    sources : sequence of Source
        What may decide it.

    Returns
    -------
    Contributions
        The shares, their sampling error taken off: they and the rest add up to 1.
    """
    count = len(figures)
    if not sources:
        return Contributions((), (), 1.0, 0, count)
    response = _standard(_scores(figures[:, None]))[:, 0]
    blocks = [_standard(_scores(s.columns)) for s in sources]
    chosen, others, noise = _chosen(response, blocks)
    shares = _shares(response, list(chosen.values()))
    found = [Contribution(sources[k].name, share, sources[k].evidence) for k, share in zip(chosen, shares, strict=True)]
    found = sorted((c for c in found if c.share > 0), key=lambda c: -c.share)
    indistinct = tuple(sources[k].name for k in others[: max(SHOWN - len(found), 0)])
    return Contributions(tuple(found), indistinct, noise, len(sources), count)


def _standard(columns: Array) -> Array:
    """Return columns with mean 0 and variance 1."""
    centred = columns - columns.mean(axis=0)
    deviation = np.sqrt((centred**2).mean(axis=0))
    return np.asarray(np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > TINY))


def _chosen(response: Array, blocks: Sequence[Array]) -> tuple[dict[int, Array], list[int], float]:
    """Return the columns of each source that stands out, the other sources by what they explain, and the share below
    which none stands out."""
    random = np.random.default_rng(SEED)
    orders = np.stack([random.permutation(len(response)) for _ in range(ORDERS)])
    sizes = np.array([b.shape[1] for b in blocks])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    most = min(MOST, len(response) // PER_INPUT, len(blocks))
    chosen: dict[int, Array] = {}
    while True:
        rest, columns = _without(response, blocks, chosen)
        size = float(np.sqrt((rest**2).sum()))
        if size < TINY:
            return chosen, [], 0.0
        explained = np.add.reduceat((rest / size @ columns) ** 2, starts) / sizes
        by_chance = np.add.reduceat(((rest / size)[orders] @ columns) ** 2, starts, axis=1) / sizes
        threshold = float(np.quantile(by_chance.max(axis=1), 1 - CHANCE))
        best = int(np.argmax(explained))
        if explained[best] <= threshold or len(chosen) >= most:
            order = [int(k) for k in np.argsort(-explained) if explained[k] > TINY]
            return chosen, order, threshold * size**2 / len(response)
        chosen[best] = blocks[best]
        chosen[best] = _bent(response, chosen, best)


def _bent(response: Array, chosen: Mapping[int, Array], one: int) -> Array:
    """Return the columns of a source that stands out: with its square, where that explains more than chance does."""
    own = chosen[one]
    if own.shape[1] > 1:
        return own
    square = _standard(own**2)
    basis = _basis(len(response), chosen.values())
    left, bend = (v - basis @ (basis.T @ v) for v in (response, square[:, 0]))
    size, free = float(bend @ bend), len(response) - basis.shape[1] - 1
    if size < TINY or free < 1:
        return own
    explained = float(left @ bend) ** 2 / size
    unexplained = (float(left @ left) - explained) / free
    return np.concatenate([own, square], axis=1) if explained > BENT * unexplained else own


def _basis(count: int, blocks: Iterable[Array]) -> Array:
    """Return orthonormal columns that span a constant and some blocks."""
    basis, _ = np.linalg.qr(np.concatenate([np.ones((count, 1)), *blocks], axis=1))
    return np.asarray(basis)


def _without(response: Array, blocks: Sequence[Array], chosen: Mapping[int, Array]) -> tuple[Array, Array]:
    """Return what the chosen sources leave of the response and of the other sources: orthonormal columns of each."""
    basis = _basis(len(response), chosen.values())
    every = np.concatenate(list(blocks), axis=1)
    left = every - basis @ (basis.T @ every)
    at = 0
    for k, block in enumerate(blocks):
        part = slice(at, at + block.shape[1])
        at = part.stop
        left[:, part] = 0.0 if k in chosen else _orthonormal(left[:, part])
    return response - basis @ (basis.T @ response), left


def _orthonormal(columns: Array) -> Array:
    """Return orthonormal columns that span the same; zeros where a column adds nothing."""
    if columns.shape[1] == 1:
        size = float(np.sqrt((columns**2).sum()))
        return columns / size if size > TINY else np.zeros_like(columns)
    found, upper = np.linalg.qr(columns)
    return np.asarray(np.where(np.abs(np.diag(upper)) > TINY, found, 0.0))


def _shares(response: Array, blocks: Sequence[Array]) -> list[float]:
    """Return each source's share of the variance that all explain together, sampling error taken off."""
    if not blocks:
        return []
    every = np.concatenate(list(blocks), axis=1)
    slopes, *_ = np.linalg.lstsq(every, response, rcond=None)
    left = response - every @ slopes
    count, free = len(response), max(len(response) - every.shape[1] - 1, 1)
    error = float((left**2).sum()) / free
    explained = max(1.0 - error * (count - 1) / float((response**2).sum()), 0.0)
    covariance = np.linalg.pinv(every.T @ every) * error
    found, at = [], 0
    for block in blocks:
        part = slice(at, at + block.shape[1])
        at = part.stop
        alike: NDArray[np.float64] = block.T @ block / count
        own = float(slopes[part] @ alike @ slopes[part]) - float(np.trace(covariance[part, part] @ alike))
        found.append(max(own, 0.0))
    whole = sum(found)
    return [share * explained / whole for share in found] if whole > 0 else [0.0 for _ in found]
