"""A result as a workbook: what the summary says, what was read, every room by year, and money with live formulas."""

from gigaplan.report.workbook.write import workbook

__all__ = ["workbook"]
