"""Tables and bars that fit any terminal: no number is cut, whatever the width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from gigaplan.report.format import short

GAP = 2
BAR, MIN_BAR = 30, 3
FEW = 4
"""Rows that may stand side by side as columns."""
MIN_NAME = 14
"""Letters of a first column below which it is better to print row by row."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """A table of text: as it is if it fits, else turned if it has few rows, else with headings and the first column
    folded, else row by row."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    words: tuple[int, ...] = (0,)
    """Columns of words, which stand to the left."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        room = options.max_width
        wide = _widths([self.columns, *self.rows])
        transposed = list(zip(self.columns, *self.rows, strict=True))
        folded = _folded(self.columns, self.rows)
        minimum = [max(map(cell_len, c.split("\n"))) for c in folded]
        narrow = [max(a, b) for a, b in zip(minimum, _widths(self.rows) if self.rows else minimum, strict=True)]
        first = room - sum(narrow[1:]) - GAP * (len(narrow) - 1)
        if _total(wide) <= room:
            yield _table(self.columns, self.rows, self.words)
        elif len(self.rows) <= FEW and _total(_widths(transposed)) <= room:
            yield _table(transposed[0], transposed[1:], (0,))
        elif first >= min(MIN_NAME, narrow[0]):
            yield _table(folded, self.rows, self.words, min(first, narrow[0]))
        else:
            for k, row in enumerate(self.rows):
                if k:
                    yield Text()
                yield _pairs(list(zip(self.columns, row, strict=True)))


@dataclass(frozen=True, slots=True)
class Bars:
    """A bar for each part of a whole, as long as there is room."""

    parts: Mapping[str, float]
    colours: Mapping[str, str]
    unit: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        whole = sum(self.parts.values()) or 1.0
        some = {name: value for name, value in self.parts.items() if value > 0}
        names = max((cell_len(name) for name in some), default=0)
        numbers = {name: f"{short(value):>7} {self.unit} {value / whole:6.1%}" for name, value in some.items()}
        taken = 2 + names + 1 + max((cell_len(n) for n in numbers.values()), default=0)
        longest = max(min(BAR, options.max_width - taken), MIN_BAR)
        for name, value in some.items():
            size = round(longest * value / whole)
            line = Text(f"  {name:<{names}} ", no_wrap=True)
            line.append("█" * size or "▏", self.colours[name])
            line.append(f"{'':{longest - max(size, 1)}}{numbers[name]}")
            yield line


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _folded(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return headings broken into lines no wider than their cells, or than their longest word."""
    found = []
    for k, head in enumerate(columns):
        cells = max((cell_len(row[k]) for row in rows), default=0)
        widest = max(cells, *(cell_len(word) for word in head.split()), 1)
        found.append("\n".join(textwrap.wrap(head, widest, break_long_words=False, break_on_hyphens=False)))
    return found


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int], first: int | None = None
) -> Table:
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="dim")
    for k, column in enumerate(columns):
        table.add_column(
            column,
            justify="left" if k in words else "right",
            no_wrap=k > 0,
            overflow="fold",
            width=None if k else first,
        )
    for row in rows:
        table.add_row(*row)
    return table


def _pairs(pairs: Sequence[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, GAP, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in pairs:
        if text:
            table.add_row(name, text)
    return table
