"""Where things stand in a workbook: the names of its sheets and columns, and the most that is read of one."""

from __future__ import annotations

INPUTS, AS_RUN, PLAN = "Inputs", "Inputs as run", "Plan"
"""Sheets that are read back: what a person may change, the same as it was run, and the plan's text."""
COLUMNS = (
    "path",
    "value",
    "low",
    "high",
    "unit",
    "basis",
    "line of the plan",
    "evidence",
    "source",
    "date",
    "url",
    "fact",
    "note",
)
"""Columns of both sheets of inputs."""
CHANGED = ("value", "low", "high")
"""Columns whose cells a person may change."""
HEADER_ROW = 4
"""Row of the names of columns, from 1; lines follow it."""
FORMAT = "gigaplan workbook 1"
"""First cell of the sheet of the plan."""
MOST_BYTES, MOST_UNPACKED, MOST_PARTS = 20_000_000, 100_000_000, 1_000
"""Size of a workbook that is read, of what it unpacks to, and number of its parts."""
MOST_ROWS = 100_000
"""Rows of a sheet that are read."""
LONGEST_TEXT = 32_000
"""Characters of a cell that are written; a spreadsheet holds 32,767."""
PIECE = 5_000
"""Characters of a line of a plan in one cell; a longer line goes on in the next row."""


def column_letter(name: str) -> str:
    """Return the letter of a column of the sheets of inputs.

    Parameters
    ----------
    name : str
        One of ``COLUMNS``.
    """
    return chr(ord("A") + COLUMNS.index(name))
