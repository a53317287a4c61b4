"""Facilities next to published figures: the errors that the command prints, with room for none of them to grow."""

from __future__ import annotations

import gigaplan as gp
from gigaplan.validation.power.compared import Comparison, compare_all


def found() -> dict[str, Comparison]:
    return {c.name: c for c in compare_all()}


def test_operators_pue_lies_within_a_tenth_and_new_sites_within_three_per_cent() -> None:
    errors = {r.name: r.error for r in found()["PUE of operators"].rows}
    assert max(map(abs, errors.values())) < 0.07
    newest = ("Google, fleet", "Meta, fleet", "Microsoft, newest", "Oracle, at best")
    assert max(abs(errors[name]) for name in newest) < 0.03


def test_peaks_and_the_measured_day_are_near_the_published() -> None:
    assert max(abs(r.error) for r in found()["facility over IT at the peak"].rows) < 0.1
    level, free = found()["Frontier's measured day"].rows
    assert abs(level.error) < 0.01
    assert free.predicted == 1.0
    assert level.low < level.predicted < level.high


def test_water_is_of_the_right_size_where_a_plant_takes_any() -> None:
    rows = {r.name: r for r in found()["water"].rows}
    assert all(0.3 < r.predicted / r.published < 1.5 for n, r in rows.items() if not n.startswith("Fairwater"))
    assert rows["Fairwater Wisconsin, 369 MW of IT"].predicted == 0


def test_the_verb_has_every_comparison() -> None:
    assert [c.name for c in gp.validate_power().compared] == list(found())
