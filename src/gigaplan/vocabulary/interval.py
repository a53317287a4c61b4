"""Intervals of model error, and figures that carry one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """An 80 % interval of measured over predicted, as factors [1]."""

    low: float
    high: float

    def widened(self, by: float) -> Interval:
        """Return the interval with its logarithmic width multiplied.

        Parameters
        ----------
        by
            Factor of both edges' logarithms [1]; above one the interval is wider.
        """
        return Interval(self.low**by, self.high**by)

    def inverse(self) -> Interval:
        """Return the interval of the reciprocal quantity: of a speed where this one is of a time."""
        return Interval(1 / self.high, 1 / self.low)

    def holding_one(self) -> Interval:
        """Return the interval, widened where needed so that the prediction itself lies inside."""
        return Interval(min(self.low, 1.0), max(self.high, 1.0))

    def of(self, value: float) -> Figure:
        """Return a predicted value with this interval about it, in the value's unit."""
        return Figure(value, value * self.low, value * self.high)


CERTAIN = Interval(1.0, 1.0)
"""Of a figure without model error."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its 80 % interval, all in one unit."""

    value: float
    low: float
    high: float

    def scaled(self, by: float) -> Figure:
        """Return the figure times a number above zero."""
        return Figure(self.value * by, self.low * by, self.high * by)

    def over(self, numerator: float) -> Figure:
        """Return a number above zero divided by the figure."""
        return Figure(numerator / self.value, numerator / self.high, numerator / self.low)
