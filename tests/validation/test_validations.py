from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gigaplan import catalog
from gigaplan.validation.demand import validate_demand
from gigaplan.validation.inference import validate
from gigaplan.vocabulary.errors import PlanError

TABLE = Path(__file__).parents[3] / "shared" / "data" / "validation" / "inference_serving.csv"


def test_the_shipped_rows_and_their_errors() -> None:
    answer = validate()
    assert len(answer.rows) >= 60
    test = next(s for s in answer.summaries if s.name == "test")
    fitted = {(r.gpu, r.model) for r in answer.rows if r.split == "fit"}
    assert not fitted & {(r.gpu, r.model) for r in answer.rows if r.split == "test"}, "a test row is never fitted on"
    errors = np.abs([r.tpot_error for r in answer.rows if r.split == "test"])
    assert test.tpot_median_abs == pytest.approx(float(np.median(errors)))
    assert test.tpot_median_abs < 0.25
    assert test.tpot_median_abs > 0


@pytest.mark.skipif(not TABLE.exists(), reason="the whole table is not beside this checkout")
def test_the_whole_table() -> None:
    answer = validate(TABLE)
    test = next(s for s in answer.summaries if s.name == "test")
    assert test.rows > 500
    assert test.tpot_median_abs < 0.20


def test_a_table_without_columns(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,gpu\n1,2\n")
    with pytest.raises(PlanError, match="column"):
        validate(tmp_path / "t.csv")


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
