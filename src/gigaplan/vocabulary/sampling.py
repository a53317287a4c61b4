"""The one sampler: an uncertain input's central value and range become one value per member.

A range holds 80 % of what may be, from the 10th to the 90th percentile, and the central value is the median. Between
and beyond them the distribution is a two-piece normal (Fechner 1897; John 1982): of the logarithm of what lies above
the least value that makes sense, of the logit where there is a greatest one too, of the value itself where there is
neither, so that no draw is impossible. Members are Latin hypercubes one after the other (McKay, Beckman and Conover
1979), each input with an order of its own, which follows from the seed and its name alone: the same input has the same
draws in every plan and in every version of the catalog, so that a difference of two isn't blurred by their samples, and
two inputs are no more alike than by chance. Member 0 is the central one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from gigaplan.vocabulary.correlations import Cluster
from gigaplan.vocabulary.members import Array, triangular
from gigaplan.vocabulary.normal import normal_scores, normal_shares

RANGE_SHARE = 0.8
"""Share of what may be that lies in a range."""
RANGE_END = float(normal_scores(0.5 + RANGE_SHARE / 2))
"""Where a range of a standard normal ends [standard deviations]."""
NAME_BYTES = 8
"""Bytes of a name's hash that tell its draws from those of others."""
BLOCK = 33
"""Members of a Latin hypercube: three make up a run of a hundred members, the central one apart."""
MARGIN = 1e-9
"""How far a draw stays from 0 and 1, where quantiles are infinite."""
FEW, REMEMBERED = 200, 5_000
"""Members up to which draws are remembered, as the planner asks again and again for; and of how many inputs: 8 MB."""


class Shape(StrEnum):
    """How an uncertain value is distributed."""

    NORMAL = "normal"
    """Two-piece normal, cut off at the bounds."""
    LOGNORMAL = "lognormal"
    """Two-piece normal of the logarithm of the distance from the lower bound, 0 where there is none."""
    LOGITNORMAL = "logit-normal"
    """Two-piece normal of the logit of the place between two bounds."""
    UNIFORM = "uniform"
    """All values of the range alike, none beyond: the range holds all that may be."""
    TRIANGULAR = "triangular"
    """Rising from the low end to the central value and falling to the high end: the range holds all that may be."""


@dataclass(frozen=True, slots=True)
class Spread:
    """What is known of an uncertain value."""

    central: float
    low: float
    high: float
    shape: Shape | None = None
    """Distribution; the one that suits the bounds if None."""
    group: str = ""
    """Inputs of one group move together: they share the draw; empty for one that has its own."""
    lower: float = -math.inf
    """The lowest value that makes sense."""
    upper: float = math.inf
    """The highest value that makes sense."""

    def __post_init__(self) -> None:
        if not self.low <= self.central <= self.high:
            raise ValueError(
                f"a range must hold its central value: {self.low} <= {self.central} <= {self.high} is false"
            )
        if not self.lower <= self.low <= self.high <= self.upper:
            raise ValueError(f"beyond what makes sense: {self.lower:g} to {self.upper:g}")
        middle = (self.low + self.high) / 2
        if self.shape == Shape.UNIFORM and abs(self.central - middle) > MARGIN * (self.high - self.low):
            raise ValueError("a uniform value has its central one in the middle: leave 'central' out, or 'dist'")
        ends = {Shape.LOGNORMAL: (self.origin, math.inf), Shape.LOGITNORMAL: (self.lower, self.upper)}
        if self.shape in ends:
            low, high = ends[self.shape]
            if (
                not -math.inf < low < self.low
                or not self.high < high
                or (self.shape == Shape.LOGITNORMAL and high == math.inf)
            ):
                raise ValueError(
                    f"a {self.shape} value lies above {low:g}" + (f" and below {high:g}" if high < math.inf else "")
                )

    @property
    def origin(self) -> float:
        """Where the logarithm begins: the least value, 0 where there is none."""
        return self.lower if self.lower > -math.inf else 0.0

    @property
    def drawn_as(self) -> Shape:
        """The distribution that is stated, or the one that suits the bounds."""
        if self.shape is not None:
            return self.shape
        if self.lower < self.low and self.high < self.upper < math.inf and self.lower > -math.inf:
            return Shape.LOGITNORMAL
        positive = self.lower == -math.inf and self.low > 0
        return Shape.LOGNORMAL if positive or -math.inf < self.lower < self.low else Shape.NORMAL


@dataclass(frozen=True, slots=True)
class Choice:
    """What is known of a choice among several options.

    Attributes
    ----------
    options : tuple of str
        The options.
    weights : tuple of float
        How likely each is; together 1.
    group : str
        Inputs of one group move together; empty for one that has its own draw.
    """

    options: tuple[str, ...]
    weights: tuple[float, ...]
    group: str = ""

    @property
    def likeliest(self) -> int:
        """Return the number of the likeliest option, the first of several."""
        return max(range(len(self.weights)), key=lambda k: self.weights[k])

    @property
    def central(self) -> str:
        """Return the likeliest option, which the central member has."""
        return self.options[self.likeliest]


def bounds_of(marks: Iterable[object]) -> tuple[float, float]:
    """Return the least and the greatest value that a field's markers (``Ge``, ``Gt``, ``Le``, ``Lt``) allow."""
    marks = tuple(marks)
    lower = [float(v) for m in marks for name in ("ge", "gt") if (v := getattr(m, name, None)) is not None]
    upper = [float(v) for m in marks for name in ("le", "lt") if (v := getattr(m, name, None)) is not None]
    return max(lower, default=-math.inf), min(upper, default=math.inf)


def quantile(spread: Spread, probability: Array) -> Array:
    """Return the values below which a share of what may be lies.

    Parameters
    ----------
    spread : Spread
        The uncertain value.
    probability : Array
        Shares, 0 to 1.

    Returns
    -------
    Array
        Values in the unit of the spread, of the same shape.

    Examples
    --------
    >>> quantile(Spread(2.0, 1.0, 8.0, Shape.POSITIVE), np.array([0.1, 0.5, 0.9])).round(6).tolist()
    [1.0, 2.0, 8.0]
    """
    low, central, high = spread.low, spread.central, spread.high
    if low == high:
        return np.full_like(probability, central)
    at = np.clip(probability, MARGIN, 1 - MARGIN)
    shape = spread.drawn_as
    if shape == Shape.UNIFORM:
        return low + at * (high - low)
    if shape == Shape.TRIANGULAR:
        return triangular(at, low, central, high)
    to, back = _scale(spread, shape)
    z = normal_scores(at) / RANGE_END
    middle = to(central)
    drawn = back(middle + np.where(z < 0, z * (middle - to(low)), z * (to(high) - middle)))
    return np.clip(drawn, spread.lower, spread.upper)


def _scale(spread: Spread, shape: Shape) -> tuple[Callable[[float], float], Callable[[Array], Array]]:
    """Return the scale on which a shape is a two-piece normal, and the way back."""
    lower, upper = spread.lower, spread.upper
    if shape == Shape.LOGITNORMAL:
        return (
            lambda x: math.log((x - lower) / (upper - x)),
            lambda y: np.asarray(lower + (upper - lower) / (1 + np.exp(-y))),
        )
    if shape == Shape.LOGNORMAL:
        return lambda x: math.log(x - spread.origin), lambda y: np.asarray(spread.origin + np.exp(y))
    return float, np.asarray


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some members of a study: the central one, and others of the sequence or at given points."""

    members: int
    """The central member and those that come after it in this part."""
    seed: int = 0
    """Seed of the sequence."""
    first: int = 1
    """Number of the member after the central one, from 1: a part is the same as in the whole."""
    points: Mapping[str, Array] | None = None
    """Draws of each stream between 0 and 1, shape (member - 1,), instead of the sequence's. Where one is nan, and of a
    stream that isn't named, members take the central value."""


@dataclass(slots=True)
class Sampler:
    """Draws of uncertain inputs by name, for the central member and those from ``first`` on.

    Attributes
    ----------
    members : int
        Members, of which the first is the central one.
    seed : int
        Seed of the draws: the same seed gives the same draws.
    first : int
        Number of the member after the central one, from 1: a part of many draws what the whole does.
    points : mapping of str to Array, optional
        Draws that take the place of the sequence's, as in :class:`Part`.
    correlated : mapping of str to Cluster
        Inputs and groups that the plan correlates, each with those that hang together with it.
    """

    members: int
    seed: int
    first: int = 1
    points: Mapping[str, Array] | None = None
    correlated: Mapping[str, Cluster] = field(default_factory=dict)
    drawn: dict[str, Spread] = field(default_factory=dict)
    """What was drawn, by name."""
    chosen: dict[str, Choice] = field(default_factory=dict)
    """Choices that were drawn, by name."""
    streams: dict[str, list[str]] = field(default_factory=dict)
    """Inputs that follow each stream of draws: themselves alone, those of a group, those that are led by it."""

    def draw(self, name: str, spread: Spread, lead: tuple[str, float] | None = None) -> Array:
        """Return the values of an input, shape (member,).

        Parameters
        ----------
        name : str
            The input: a fact's id, or the plan's path.
        spread : Spread
            What is known of it.
        lead : tuple of str and float, optional
            Name of another input that this one follows, and the correlation of their normal scores, -1 to 1.
        """
        self.drawn[name] = spread
        own = spread.group or name
        for stream in (own,) if lead is None else (own, lead[0]):
            self._follow(stream, name)
        last = self.first + self.members
        if lead is None and self.points is None and own not in self.correlated and last <= FEW:
            return _values_of_few(spread, own, self.seed, self.first, self.members)
        unit = self._correlated(own)
        central = np.isnan(unit)
        if lead is not None:
            led = self._correlated(lead[0])
            central &= np.isnan(led)
            unit = _following(middle(unit), middle(led), lead[1])
        return _values(spread, unit, central)

    def pick(self, name: str, choice: Choice) -> NDArray[np.int64]:
        """Return the number of the option that each member has, shape (member,).

        Parameters
        ----------
        name : str
            The input: the plan's path.
        choice : Choice
            The options and their weights.
        """
        self.chosen[name] = choice
        self._follow(choice.group or name, name)
        ends = np.cumsum(choice.weights)[:-1]
        unit = self._correlated(choice.group or name)
        picked = np.searchsorted(ends, middle(unit), side="right")
        return np.where(np.isnan(unit), choice.likeliest, picked).astype(np.int64)

    def _follow(self, stream: str, name: str) -> None:
        """Note that an input follows a stream."""
        known = self.streams.setdefault(stream, [])
        if name not in known:
            known.append(name)

    def _correlated(self, name: str) -> Array:
        """Return the draws of an input or a group between 0 and 1, correlated with others where that is stated."""
        cluster = self.correlated.get(name)
        if cluster is None:
            return self.unit(name)
        row = cluster.mixing[cluster.names.index(name)]
        units = np.stack([self.unit(n) for n in cluster.names])
        drawn = normal_shares(row @ normal_scores(np.clip(middle(units), MARGIN, 1 - MARGIN)))
        return np.where(np.isnan(units).all(axis=0), np.nan, drawn)

    def unit(self, name: str) -> Array:
        """Return the draws of a name between 0 and 1, shape (member,); nan stands for the central value."""
        if self.points is None:
            rest = _column(self.seed, name, self.first, self.members - 1)
        else:
            rest = self.points.get(name, np.full(self.members - 1, np.nan))
        return np.concatenate([[np.nan], rest])


def _following(own: Array, lead: Array, correlation: float) -> Array:
    """Return draws whose normal scores are correlated with those of others (a Gaussian copula)."""
    first, second = (normal_scores(np.clip(u, MARGIN, 1 - MARGIN)) for u in (lead, own))
    return normal_shares(correlation * first + math.sqrt(1 - correlation**2) * second)


def middle(unit: Array) -> Array:
    """Return draws with the middle in the place of those that stand for the central value."""
    return np.where(np.isnan(unit), 0.5, unit)


def _values(spread: Spread, unit: Array, central: NDArray[np.bool_]) -> Array:
    """Return the values of an input at draws between 0 and 1, its central one where that is said."""
    values = quantile(spread, middle(unit))
    values[central] = spread.central
    return values


def _values_of_few(spread: Spread, stream: str, seed: int, first: int, members: int) -> Array:
    """Return the values of an input that follows a stream of its own; nobody may write to them."""
    whole = _values_of_blocks(spread, stream, seed, _blocks(first, members - 1))
    return whole[:members] if first == 1 else np.concatenate([whole[:1], whole[first : first + members - 1]])


@lru_cache(maxsize=REMEMBERED)
def _values_of_blocks(spread: Spread, stream: str, seed: int, blocks: int) -> Array:
    """Return the values of an input for all members of the first blocks, remembered."""
    unit = np.concatenate([[np.nan], _column_of_blocks(seed, stream, blocks)])
    values = _values(spread, unit, np.isnan(unit))
    values.flags.writeable = False
    return values


def _column(seed: int, name: str, first: int, members: int) -> Array:
    """Return one input's draws of some members, of which ``first`` (from 1, without the central one) is the first."""
    of = _column_of_blocks if first + members <= FEW else _drawn_column
    return of(seed, name, _blocks(first, members))[first - 1 : first - 1 + members]


def _blocks(first: int, members: int) -> int:
    """Return how many blocks hold so many members from ``first`` on."""
    return -(-(first - 1 + members) // BLOCK)


def _drawn_column(seed: int, name: str, blocks: int) -> Array:
    """Return one input's draws of all members of the first blocks."""
    own = int.from_bytes(hashlib.sha256(name.encode()).digest()[:NAME_BYTES], "big")
    order, inside = (np.random.default_rng([seed, own, part]) for part in range(2))
    strata = order.permuted(np.tile(np.arange(BLOCK), (blocks, 1)), axis=1).ravel()
    return np.asarray((strata + inside.random(strata.size)) / BLOCK)


@lru_cache(maxsize=REMEMBERED)
def _column_of_blocks(seed: int, name: str, blocks: int) -> Array:
    """Return one input's draws, remembered."""
    return _drawn_column(seed, name, blocks)
