"""Text of others made safe to show: names in plans, tables and results may hold characters that steer a terminal or
a spreadsheet."""

from __future__ import annotations

import re

STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udfff]")
"""Control characters but tab and line feed, marks that turn the direction of text, and halves of surrogate pairs."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is a formula to a spreadsheet (OWASP, CSV injection)."""


def visible(text: str) -> str:
    r"""Return text in which every character that steers a terminal is written as an escape.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        The text on as many lines.

    Examples
    --------
    >>> visible("Campus \x1b[31mA")
    'Campus \\x1b[31mA'
    """
    if text.isascii() and text.isprintable():
        return text
    return STEERING.sub(lambda m: m[0].encode("unicode_escape").decode("ascii"), text)


def steering(text: str) -> str:
    r"""Return the first character of a text that steers a terminal, as an escape; empty if there is none.

    Parameters
    ----------
    text : str
        Any text.

    Returns
    -------
    str
        An escape such as ``\\x1b``.
    """
    found = STEERING.search(text)
    return found[0].encode("unicode_escape").decode("ascii") if found else ""


def cell(text: str) -> str:
    """Return a cell of a CSV table that no spreadsheet takes for a formula: one that begins like a formula and is no
    number gets an apostrophe in front.

    Parameters
    ----------
    text : str
        A cell.

    Returns
    -------
    str
        The cell, as text.

    Examples
    --------
    >>> cell("=1+1"), cell("-3.5"), cell("Abilene")
    ("'=1+1", '-3.5', 'Abilene')
    """
    if not text.startswith(FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text
