"""Colours of charts: at most six hues that readers of all kinds of colour vision distinguish, by day and by night."""

from __future__ import annotations

HUES = ("#2c3b7c", "#2a99e8", "#b5850e", "#327148", "#9844b0", "#710c08")
"""Hues on a white ground: searched for the largest distance between any two under simulated protanopia, deuteranopia
and tritanopia (Machado, Oliveira and Fernandes 2009) at a contrast of 3:1 or more; `tests/report/test_colours.py`."""
GREY, INK = "#7d838c", "#0d0f12"
"""What is no hue: the rest of a whole, and the line of the whole itself; another plan's line is dashed ink."""
NIGHT = dict(
    zip(
        (*HUES, GREY, INK, "#fefefe"),
        ("#4971cb", "#b4d1ed", "#f8aa04", "#3bce9a", "#c59bff", "#d45a2e", "#8a919b", "#f6f7f9", "#1c2024"),
        strict=True,
    )
)
"""The same on a dark card."""
VEIL = "#fefefe"
"""What lies over the future, so that it is paler: the colour of the card."""
NAVY, SKY, GOLD, GREEN, VIOLET, WINE = HUES
