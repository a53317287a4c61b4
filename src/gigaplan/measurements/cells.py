"""Cells of users' tables: what a cell says is read, an empty one has its default, and anything else is refused.

A row is read through one :class:`Cells`, which notes the default of each empty cell and all that is wrong, so that a
row is refused once, with every cell that is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from gigaplan.vocabulary.errors import UnsupportedError, nearest_name

NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
AMBIGUOUS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
"""A comma before three figures: a decimal comma to some, thousands to others."""
MOST = 1e12
"""The largest number that a cell may hold: any count, time or length of a table is far below it."""
NO_RESULT = ("", "nan", "n/a", "na", "none", "null", "-")
"""What tables write where nothing was measured."""
MOST_SHOWN = 40
"""Characters of a cell that a message repeats."""


class Cells:
    """The cells of one row, each with its column's rule.

    Parameters
    ----------
    row : mapping of str to str
        Cells by column.
    """

    def __init__(self, row: Mapping[str, str]) -> None:
        self.row = row
        self.assumed: list[str] = []
        """Defaults that stand for empty cells, as ``column value``."""
        self.wrong: list[str] = []
        """What can't be read: the column, its value and what is allowed."""

    def text(self, name: str) -> str:
        """Return a cell without the space around it, "" where the column is absent."""
        return (self.row.get(name) or "").strip()

    def assume(self, name: str, value: object, why: str = "") -> None:
        """Note the default that stands for an empty cell.

        Parameters
        ----------
        name
            The column.
        value
            What is taken.
        why
            Why that is taken, where it follows from other cells.
        """
        self.assumed.append(f"{name} {value}" + (f" ({why})" if why else ""))

    def refuse(self, name: str, allowed: str, nearest: str = "") -> None:
        """Note that a cell is refused.

        Parameters
        ----------
        name
            The column.
        allowed
            What it may hold.
        nearest
            The nearest allowed word.
        """
        found = self.text(name)
        shown = found if len(found) <= MOST_SHOWN else found[:MOST_SHOWN] + "..."
        value = f"'{shown}'" if found else "empty"
        self.wrong.append(f"'{name}' is {value}: give {allowed}" + (f"; nearest is '{nearest}'" if nearest else ""))

    def number(self, name: str, *, minimum: float = 0.0) -> float:
        """Return a number above zero and no less than ``minimum``; nan, and a note, where there is none.

        A decimal comma is read as a point; one that might also part thousands is refused.

        Parameters
        ----------
        name
            The column.
        minimum
            The least number allowed.
        """
        text = self.text(name)
        value = math.nan
        if NUMBER.fullmatch(text) and not AMBIGUOUS.fullmatch(text):
            value = float(text.replace(",", "."))
        if 0 < value <= MOST and value >= minimum:
            return value
        allowed = f"a number from {minimum:g} on" if minimum else "a number above zero"
        self.refuse(name, allowed + (" without a comma" if "," in text else ""))
        return math.nan

    def result(self, name: str) -> float:
        """Return a measured number, nan where the row has none; see :meth:`number`."""
        return math.nan if self.text(name).lower() in NO_RESULT else self.number(name)

    def count(self, name: str, default: int | None = None) -> int:
        """Return a positive whole number, or the default of an empty cell; 1, and a note, where it is refused.

        Parameters
        ----------
        name
            The column.
        default
            What an empty cell means; None where it must be filled.
        """
        text = self.text(name)
        if not text and default is not None:
            self.assume(name, default)
            return default
        value = float(text) if re.fullmatch(r"\d{1,12}(\.0*)?", text) else 0.0
        if value >= 1:
            return int(value)
        self.refuse(name, "a positive whole number" + ("" if default is None else ", or leave it empty"))
        return 1

    def word(self, name: str, words: Mapping[str, str], default: str) -> str:
        """Return what a cell's word means, or the default of an empty cell, which is also returned for a refused one.

        Parameters
        ----------
        name
            The column.
        words
            Allowed words, in small letters without separators, and what each means.
        default
            What an empty cell means.
        """
        text = self.text(name)
        if not text:
            self.assume(name, default)
            return default
        found = words.get(re.sub(r"[\s_-]+", "", text.lower()))
        if found is None:
            self.refuse(name, f"one of {', '.join(words)}", nearest_name(text, words))
            return default
        return found

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no; see :meth:`word`."""
        return self.word(name, FLAGS, "yes" if default else "no") == "yes"

    def check(self) -> None:
        """Refuse the row if any cell is.

        Raises
        ------
        UnsupportedError
            With every cell that is wrong.
        """
        if self.wrong:
            raise UnsupportedError("; ".join(self.wrong))


def why_unreadable(row: Mapping[str, str], error: Exception) -> str:
    """Return why a row can't be answered, with the column and the text of the cell that can't be read.

    Parameters
    ----------
    row
        Cells by column.
    error
        What the row's reader has raised.
    """
    if isinstance(error, UnsupportedError):
        return str(error)
    for name, text in row.items():
        if text and repr(text) in str(error):
            return f"'{name}' is '{text[:MOST_SHOWN]}': give a number"
    return f"a cell can't be read ({error})"


FLAGS = {"yes": "yes", "no": "no", "1": "yes", "0": "no", "true": "yes", "false": "no"}
"""Words of a cell that holds a yes or no."""
PRECISIONS = {
    **dict.fromkeys(("bf16", "bfloat16", "fp16", "float16"), "bf16"),
    **dict.fromkeys(("fp8", "float8", "int8", "w8a8"), "fp8"),
    **dict.fromkeys(("fp4", "nvfp4", "mxfp4", "int4", "uint4", "awq", "gptq", "w4a16"), "fp4"),
}
"""Precisions of weights as serving tables write them, and the width that each is computed with."""
