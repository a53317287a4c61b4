from __future__ import annotations

import pytest

from gigaplan import catalog
from gigaplan.validation.demand import validate_demand


def test_demand_is_fitted_on_what_was_known() -> None:
    answer = validate_demand()
    for point in answer.points:
        if point.quantity == "weekly_users":
            assert point.used == point.known == (point.date < "2025-09")
    stored = catalog.load().find("adoption", "rate_per_year").number
    chosen = next(f for f in answer.fits if f.curve == answer.chosen)
    assert stored == pytest.approx(chosen.rate_per_year, rel=1e-3), "the stored constant is the fit's"
    late = [p.error for p in answer.points if p.quantity == "weekly_users" and not p.known]
    assert len(late) == 5
    assert max(abs(e) for e in late) < 0.5


def test_five_points_of_messages_under_two_definitions() -> None:
    answer = validate_demand()
    points = [p for p in answer.points if p.quantity.startswith("messages_per_day")]
    assert len(points) == 5
    assert len({p.definition for p in points}) == 2
