"""A slice of a result as a small table: figures by some dims, with their labels, their unit and what they are."""

from __future__ import annotations

import html
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from gigaplan.results.spread import RANGE, Spread, range_text, with_range
from gigaplan.vocabulary.errors import MachineError
from gigaplan.vocabulary.members import Array

if TYPE_CHECKING:
    import pandas
    import polars

FORMAT = 1
LINES, WIDTH = 10, 120
"""Size of the text table, heading included; what does not fit is counted."""
COLUMNS = 40
"""Most columns of figures in a notebook."""


class Aggregated(Protocol):
    """What a table is made of: figures along some dims."""

    @property
    def name(self) -> str:
        """The quantity."""

    @property
    def unit(self) -> str:
        """Its unit."""

    @property
    def dims(self) -> tuple[str, ...]:
        """The dims of the figures."""

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """The labels along each dim."""

    @property
    def values(self) -> Array:
        """The figures, one axis per dim."""

    @property
    def reduction(self) -> str:
        """What a figure is, such as ``sum over the year``."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Table:
    """Figures of one quantity by some of its dims.

    ``print(table)`` shows them in at most ten lines, a notebook as a grid; ``rows()``, ``to_pandas()``,
    ``to_polars()`` and ``to_json()`` give all of them.
    """

    name: str
    unit: str
    dims: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    values: Array
    """One axis per dim, in the order of ``dims``."""
    reduction: str
    """What a figure is, such as ``sum over the year``."""
    ranges: Spread | None = None
    """Their ranges over members; None for a run of one member, and where the members are in the table."""
    since: str = ""
    """Of figures that count the days until something happens: from when."""

    def __post_init__(self) -> None:
        shape = tuple(len(self.labels[d]) for d in self.dims)
        if self.values.shape != shape:
            raise ValueError(f"a table of {self.name} has shape {self.values.shape}, its labels say {shape}")

    @classmethod
    def of(cls, figures: Aggregated, ranges: Spread | None = None, since: str = "") -> Table:
        """Return the table of aggregated figures, with their ranges where they have some.

        Parameters
        ----------
        figures
            The figures.
        ranges
            Their ranges.
        since
            Of days: from when they are counted.
        """
        labels = {d: figures.labels[d] for d in figures.dims}
        values = np.asarray(figures.values, dtype=float)
        return cls(
            name=figures.name,
            unit=figures.unit,
            dims=figures.dims,
            labels=labels,
            values=values,
            reduction=figures.reduction,
            ranges=ranges,
            since=since,
        )

    def __len__(self) -> int:
        return self.values.size

    def rows(self) -> list[dict[str, str | float]]:
        """Return one mapping per figure: its label along each dim, and ``value`` (nan where there is none).

        Figures of several members have ``low`` and ``high`` too, the ends of their range.
        """
        labels = itertools.product(*(self.labels[d] for d in self.dims))
        found = self.ranges
        return [
            {
                **dict(zip(self.dims, at, strict=True)),
                "value": float(self.values[place]),
                **({"low": float(found.low[place]), "high": float(found.high[place])} if found else {}),
            }
            for at, place in zip(labels, np.ndindex(self.values.shape), strict=True)
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the table as plain data; a figure that does not exist is null."""
        return {
            "format": FORMAT,
            "quantity": self.name,
            "unit": self.unit,
            **({"since": self.since} if self.since else {}),
            "reduction": self.reduction,
            "dims": list(self.dims),
            "labels": {d: list(self.labels[d]) for d in self.dims},
            "rows": [
                {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in r.items()}
                for r in self.rows()
            ],
        }

    def to_pandas(self) -> pandas.DataFrame:
        """Return the table as a DataFrame, the last dim along its columns.

        Raises
        ------
        MachineError
            If pandas isn't installed.
        """
        try:
            import pandas
        except ImportError:
            raise MachineError("this needs pandas, which isn't installed: pip install pandas") from None
        *down, across = self.dims or ("",)
        columns = pandas.Index(self.labels.get(across, (self.name,)), name=across or None)
        values = self.values.reshape(math.prod(self.values.shape[:-1]), len(columns))
        if not down:
            return pandas.DataFrame(values, index=[self.name], columns=columns)
        index = pandas.MultiIndex.from_product([self.labels[d] for d in down], names=down)
        return pandas.DataFrame(values, index=index, columns=columns)

    def to_polars(self) -> polars.DataFrame:
        """Return :meth:`rows` as a polars DataFrame: a column for each dim, ``value``, and ``low`` and ``high``.

        Raises
        ------
        MachineError
            If polars isn't installed.
        """
        try:
            import polars
        except ImportError:
            raise MachineError("this needs polars, which isn't installed: pip install polars") from None
        return polars.DataFrame(self.rows())

    @property
    def heading(self) -> str:
        """Return what the table shows: quantity, unit, and what a figure is."""
        known = f"in brackets {RANGE} of {self.ranges.members:,} futures" if self.ranges else ""
        unit = f"{self.unit} since {self.since}" if self.since else self.unit
        return ", ".join(filter(None, (f"{self.name} [{unit}]", self.reduction, known)))

    def __repr__(self) -> str:
        across = self._across()
        grid = [self._columns(across), *self._body(LINES - 3, across)]
        widths = [max(len(line[i]) for line in grid) for i in range(len(grid[0]))]
        down = max(len(self.dims) - 1, 1)
        lines = [
            "  ".join(t.ljust(w) if i < down else t.rjust(w) for i, (t, w) in enumerate(zip(line, widths, strict=True)))
            for line in grid
        ]
        hidden = self._hidden(LINES - 3, across)
        return "\n".join([self.heading, *(line.rstrip() for line in lines), *([hidden] if hidden else [])])

    def _repr_html_(self) -> str:
        most, across = 100, _ends(self._count(), COLUMNS)

        def row(cells: Sequence[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(row(line, "td") for line in self._body(most, across))
        hidden = self._hidden(most, across)
        foot = f"<p>{html.escape(hidden)}</p>" if hidden else ""
        caption = html.escape(self.heading)
        return f"<table><caption>{caption}</caption>{row(self._columns(across), 'th')}{body}</table>{foot}"

    def _count(self) -> int:
        """Return the number of columns of figures."""
        return len(self.labels[self.dims[-1]]) if self.dims else 1

    def _across(self) -> list[int]:
        """Return the indices of the last dim that the text shows: all, or as many of the first and last as fit."""
        count = self._count()
        shown = min(count, WIDTH // 3)
        while shown > 2:
            across = _ends(count, shown)
            grid = [self._columns(across), *self._body(LINES - 3, across)]
            if sum(max(map(len, column)) + 2 for column in zip(*grid, strict=True)) - 2 <= WIDTH:
                return across
            shown -= 1
        return _ends(count, shown)

    def _columns(self, across: Sequence[int]) -> list[str]:
        down = self.dims[:-1] or ("",)
        names = [self.labels[self.dims[-1]][i] for i in across] if self.dims else [self.unit]
        return [*down, *names]

    def _body(self, most: int, across: Sequence[int]) -> Iterator[list[str]]:
        places = itertools.product(*(self.labels[d] for d in self.dims[:-1]))
        lines = np.ndindex(self.values.shape[:-1])
        for at, line in itertools.islice(zip(places, lines, strict=True), most):
            yield [*(at or ("",)), *(self._cell((*line, i) if self.dims else ()) for i in across)]

    def _cell(self, place: tuple[int, ...]) -> str:
        """Return a figure, with its range in brackets."""
        shown = _figure(float(self.values[place]))
        return with_range(shown, range_text(self.ranges.at(place), _figure, cell=True) if self.ranges else "")

    def _hidden(self, most: int, across: Sequence[int]) -> str:
        """Return what is left out, as a line."""
        count = math.prod(len(self.labels[d]) for d in self.dims[:-1])
        parts = []
        if count > most:
            parts.append(f"{count - most} more rows")
        if self._count() > len(across):
            parts.append(f"{self._count() - len(across)} more columns in between")
        return f"({' and '.join(parts)}: see rows() or to_pandas())" if parts else ""


def _ends(count: int, most: int) -> list[int]:
    """Return the places of at most so many things: all, or the first and the last ones."""
    if count <= most:
        return list(range(count))
    return [*range(most - most // 2), *range(count - most // 2, count)]


def _figure(value: float) -> str:
    """Return a number in a few digits, an en dash where there is none."""
    if not math.isfinite(value):
        return "–"
    if value and not 1e-3 <= abs(value) < 1e7:
        return f"{value:.4g}"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:,.4g}"
