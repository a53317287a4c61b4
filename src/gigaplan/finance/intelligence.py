"""Cost of intelligence: dollars per million tokens, per task, and per task at constant capability, with its drivers.

Three costs, each with its own meaning, and none of them a price:

- *per million tokens, the model held fixed*: hardware at full use, what software gained since, and how full it runs;
- *per task*: the same times the tokens of a task, which grow where models think longer;
- *at constant capability*: a task of the first month, done as well as then by the cheapest model that can.

A *price* is what a seller lists. It may rise while cost at constant capability falls, since the list's best model is
another one each year: :func:`log_trend` states a series of prices by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array, Uncertain, column
from gigaplan.vocabulary.units import Unit

DRIVERS = ("new_generations", "same_generation", "utilisation", "software", "model")
"""What makes a task of constant capability cheaper, in the order of :attr:`IntelligenceCost.log_fall`.

The first two are hardware: newer generations taking over, and one generation getting cheaper itself."""
HARDWARE = DRIVERS[:2]
SHARE_TOLERANCE = 1e-6
"""How far shares of tokens may be from adding up to one: rounding, no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gains:
    """How fast the same hardware does more, and smaller models do the same. Rates decay, so that nothing explodes."""

    software_gain_per_year: Annotated[Uncertain, Gt(0), Unit("1")]
    """Tokens on the same hardware and model over those of a year before, at the start."""
    software_gain_decay_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")]
    """Rate at which that (logarithmic) gain itself decays."""
    model_gain_per_year: Annotated[Uncertain, Gt(0), Unit("1")]
    """Cost of a task over that of a year later, done as well by the best model for it, on the same hardware and
    software."""
    model_gain_decay_per_year: Annotated[Uncertain, Ge(0), Unit("1/year")]
    """Rate at which that (logarithmic) gain itself decays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntelligenceCost:
    """Cost of tokens and tasks by month. Shapes: member M, workload W, driver D (``DRIVERS``), month n."""

    usd_per_mtok: Array
    """(M, n) cost per million generated tokens, the model held fixed [USD/Mtok]."""
    usd_per_task: Array
    """(M, W, n) cost per task as it is done each month, the model held fixed [USD]."""
    usd_per_task_constant: Array
    """(M, W, n) cost per task of the first month at that month's capability [USD]."""
    log_fall: Array
    """(M, D, n) fall since the first month at constant capability by driver, ln(first / now); adds up to the whole."""
    tokens_log_rise: Array
    """(M, W, n) rise of a task's cost by its growing tokens alone, ln(now / first)."""

    @property
    def total_log_fall(self) -> Array:
        """Return the whole fall at constant capability, ln(first / now), shape (M, n)."""
        return np.asarray(self.log_fall.sum(axis=1))

    @property
    def share_of_fall(self) -> Array:
        """Return each driver's share of the whole fall, shape (M, D, n); nan where nothing fell or rose.

        A share is negative for what made it dearer, and then others exceed one.
        """
        total = self.total_log_fall[:, None]
        found: Array = np.divide(
            self.log_fall, total, out=np.full(self.log_fall.shape, np.nan), where=np.abs(total) > np.finfo(float).eps
        )
        return found


@dataclass(frozen=True, slots=True)
class Trend:
    """A series' exponential trend."""

    growth_per_year: float
    """Change over a year less one: 0.5 is half as much again."""
    log_slope: float
    """Slope of ln(value) on time [1/year]."""
    log_slope_error: float
    """Standard error of the slope [1/year]; nan for two points, which any line fits."""
    points: int
    """Number of points."""


def cost_factor(gain_per_year: Uncertain, decay_per_year: Uncertain, years: Array) -> Array:
    """Return what a decaying yearly gain makes of a cost, over the cost at the start.

    ``exp(-ln(g) (1 - exp(-d t)) / d)``, and ``g^-t`` where d is 0: the rate ln(g) itself decays exponentially.

    Parameters
    ----------
    gain_per_year : Uncertain
        g, the first year's gain as a factor [1], above 0; below 1 raises the cost.
    decay_per_year : Uncertain
        d, rate at which the gain decays [1/year].
    years : Array, shape (month,)
        t, time since the start [year].

    Returns
    -------
    Array, shape (member, month)
        Cost over that at the start [1].

    Raises
    ------
    InputError
        If the gain is not above 0 or the decay is below 0.
    """
    gain = column(gain_per_year, 2)
    if not (gain > 0).all():
        raise InputError(f"a gain per year is a factor above 0 (1.6: 60 % more a year); got {gain.min():g}")
    decay = column(decay_per_year, 2)
    if (decay < 0).any():
        raise InputError(f"a decay per year can't be below 0; got {decay.min():g}")
    t = np.where(decay == 0, years, -np.expm1(-decay * years) / np.where(decay == 0, 1.0, decay))
    return np.asarray(gain**-t)


def intelligence_cost(
    *,
    full_use_usd_per_mtok: Array,
    token_share: Array,
    utilisation: Array,
    software_factor: Array,
    model_factor: Array,
    tokens_per_task: Array,
) -> IntelligenceCost:
    """Return the cost of tokens and tasks by month, and what drives its fall at constant capability.

    ``USD/Mtok = sum over generations(share x cost at full use) / utilisation x software factor``;
    a task costs that times its tokens; at constant capability, times the first month's tokens and the model factor.

    Parameters
    ----------
    full_use_usd_per_mtok : Array, shape (M, G, n)
        Cost of a million generated tokens on a generation that never idles, with the software of the first month
        [USD/Mtok]; for a generation that serves nothing any positive number will do.
    token_share : Array, shape (M, G, n)
        Share of the tokens that each generation generates [1]; adds up to 1.
    utilisation : Array, shape (M, n)
        Share of full use [1], 0 < utilisation <= 1.
    software_factor : Array, shape (M, n)
        Cost over that of the first month by software (:func:`cost_factor`) [1].
    model_factor : Array, shape (M, n)
        Cost over that of the first month by better models (:func:`cost_factor`) [1].
    tokens_per_task : Array, shape (M, W, n)
        Generated tokens of a task [token]. Members of length 1 broadcast.

    Returns
    -------
    IntelligenceCost
        Cost per million tokens and per task, and the drivers of its fall.

    Raises
    ------
    InputError
        If shares do not add up to one, or a factor is not positive: start at the first month that serves tokens.
    """
    _check(full_use_usd_per_mtok, token_share, utilisation, software_factor, model_factor, tokens_per_task)
    blend = (token_share * full_use_usd_per_mtok).sum(axis=1)
    per_mtok = blend / utilisation * software_factor
    per_task = per_mtok[:, None] * tokens_per_task / 1e6
    constant = (per_mtok * model_factor)[:, None] * tokens_per_task[..., :1] / 1e6
    mix, within = divisia_2004([token_share, full_use_usd_per_mtok])
    rises = (mix, within, -_since_first(utilisation), _since_first(software_factor), _since_first(model_factor))
    shape = (constant.shape[0], constant.shape[-1])
    return IntelligenceCost(
        usd_per_mtok=per_mtok,
        usd_per_task=per_task,
        usd_per_task_constant=constant,
        log_fall=np.stack([np.broadcast_to(0.0 - r, shape) for r in rises], axis=1),
        tokens_log_rise=np.broadcast_to(_since_first(tokens_per_task), per_task.shape),
    )


def divisia_2004(factors: Sequence[Array]) -> list[Array]:
    """Split the change of a sum of products over its factors, month by month, without remainder.

    For ``V = sum over parts(x1 x2 ...)``, factor k's effect from one month to the next is
    ``sum over parts(L(v', v) / L(V', V) ln(xk' / xk))`` with the logarithmic mean ``L(a, b) = (a - b) / ln(a / b)``:
    LMDI-I in the multiplicative form of Ang (2004), Energy Policy 32, chained over months. A part that begins or ends
    gives its whole to the factors that were or became zero, the limit by Ang & Liu (2007), Energy Policy 35.

    Parameters
    ----------
    factors : Sequence[Array]
        Factors x1, x2, ..., each of shape (..., part, month) and not negative.

    Returns
    -------
    list[Array]
        Effects, one per factor, each of shape (..., month): ln of what the factor made of V since the first month.
        Their sum is ln(V / V of the first month), exactly.

    Raises
    ------
    InputError
        If a month's sum is zero: there is no logarithm of it.
    """
    every = [np.broadcast_to(f, np.broadcast_shapes(*(g.shape for g in factors))) for f in factors]
    value = np.prod(every, axis=0)
    total = value.sum(axis=-2)
    if not (total > 0).all():
        month = int(np.argwhere(~(total > 0))[0][-1])
        raise InputError(f"month {month + 1} has no cost to split: start at the first month that serves tokens")
    whole = _log_mean(total[..., 1:], total[..., :-1])[..., None, :]
    change = (value[..., 1:] - value[..., :-1]) / whole
    weight = _log_mean(value[..., 1:], value[..., :-1]) / whole
    starts_or_ends = [(f[..., 1:] > 0) != (f[..., :-1] > 0) for f in every]
    count = np.maximum(np.sum(starts_or_ends, axis=0), 1)
    continues = (value[..., 1:] > 0) & (value[..., :-1] > 0)
    effects = []
    for f, t in zip(every, starts_or_ends, strict=True):
        ratio = np.divide(f[..., 1:], f[..., :-1], out=np.ones_like(change), where=continues)
        step = np.where(continues, weight * np.log(ratio), np.where(t, change / count, 0.0)).sum(axis=-2)
        effects.append(np.concatenate([np.zeros((*step.shape[:-1], 1)), np.cumsum(step, axis=-1)], axis=-1))
    return effects


def log_trend(years: Array, values: Array) -> Trend:
    """Return the exponential trend of a series: least squares of ln(value) on time.

    Parameters
    ----------
    years : Array, shape (point,)
        Time [year]; several values may share a date.
    values : Array, shape (point,)
        Values above 0, in any unit.

    Returns
    -------
    Trend
        Growth per year, its logarithmic slope and the slope's standard error.

    Raises
    ------
    InputError
        If there are fewer than two dates, or a value is not positive.
    """
    if len(np.unique(years)) < 2:
        raise InputError("a trend needs values at two dates or more")
    if not (values > 0).all():
        raise InputError(f"a trend of growth needs values above 0; got {values.min():g}")
    t, y = years - years.mean(), np.log(values)
    slope = float(t @ y / (t @ t))
    residuals, freedom = y - y.mean() - slope * t, len(y) - 2
    error = float(np.sqrt(residuals @ residuals / freedom / (t @ t))) if freedom else float("nan")
    return Trend(float(np.expm1(slope)), slope, error, len(y))


def _log_mean(a: Array, b: Array) -> Array:
    """Return the logarithmic mean of two arrays; its limits are a where they are equal, and 0 where one is 0."""
    both = (a > 0) & (b > 0)
    r = np.log(np.divide(a, b, out=np.ones_like(a), where=both))
    slope = np.divide(np.expm1(r), r, out=np.ones_like(r), where=r != 0)
    return np.where(both, b * slope, 0.0)


def _since_first(factor: Array) -> Array:
    """Return ln(now / first month) along the last axis."""
    return np.asarray(np.log(factor) - np.log(factor[..., :1]))


def _check(cost: Array, share: Array, use: Array, software: Array, model: Array, tokens: Array) -> None:
    """Raise InputError for an input that has no logarithm."""
    for name, array in (
        ("full_use_usd_per_mtok", cost),
        ("utilisation", use),
        ("software_factor", software),
        ("model_factor", model),
        ("tokens_per_task", tokens),
    ):
        if not (np.isfinite(array) & (array > 0)).all():
            month = int(np.argwhere(~(np.isfinite(array) & (array > 0)))[0][-1]) + 1
            raise InputError(
                f"'{name}' must be a number above 0 in every month; month {month} is not: "
                "start at the first month that serves tokens"
            )
    if (use > 1 + SHARE_TOLERANCE).any():
        raise InputError(f"'utilisation' is a share of full use, at most 1; got {use.max():g}")
    off = np.abs(share.sum(axis=1) - 1)
    if not ((share >= 0).all() and (off <= SHARE_TOLERANCE).all()):
        raise InputError("'token_share' must add up to 1 over the generations in every month, none below 0")
