"""A plan in a workbook: its inputs as lines of a sheet, its text, and the way back from changed cells to a plan."""

from gigaplan.plan.workbook.changes import plan_text
from gigaplan.plan.workbook.lines import Line, lines_of
from gigaplan.plan.workbook.text import Kept, kept_rows

__all__ = ["Kept", "Line", "kept_rows", "lines_of", "plan_text"]
