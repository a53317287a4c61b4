from __future__ import annotations

import datetime as dt
import io
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from scipy.optimize import minimize

import gigaplan as gp
from gigaplan import catalog
from gigaplan.finance.intelligence import Gains
from gigaplan.plan.resolve import Filler
from gigaplan.report.capability_view import capability_validation
from gigaplan.training.capability import Capability, compute_fall_per_year, eci, eci_error, years_since_reference
from gigaplan.validation.capability import (
    HUBER,
    KNOWN_BEFORE,
    ORIGINS,
    Row,
    answer,
    backtests,
    fit,
    huber_1964,
    sample,
    stored,
    validate_capability,
)
from gigaplan.vocabulary.time import DAYS_PER_YEAR

FIELDS = [f for f in Capability.__dataclass_fields__ if not f.endswith("_date")]


def made(scatter: float, outliers: int = 0) -> list[Row]:
    """Models on a known relation: 100 + 9 per decade from 1e24 + 10 a year from 2023, off it by normal scatter."""
    rng = np.random.default_rng(11)
    rows = []
    for i in range(120):
        day, flop = dt.date(2023, 1, 1) + dt.timedelta(days=int(rng.integers(0, 1000))), 10 ** rng.uniform(22, 26)
        score = 100 + 9 * np.log10(flop / 1e24) + 10 * (day - dt.date(2023, 1, 1)).days / DAYS_PER_YEAR
        off = scatter * rng.standard_normal() - (60 if i < outliers else 0)
        rows.append(Row(f"m{i}", f"lab{i % 20}", day, float(flop), "likely", float(score + off)))
    return rows


def test_a_known_relation_is_found_again() -> None:
    found = fit(made(0.0))
    assert found.eci_per_decade_flop == pytest.approx(9, rel=1e-6)
    assert found.eci_per_year == pytest.approx(10, rel=1e-6)
    assert eci(1e24, years_since_reference(dt.date(2023, 1, 1), found), found) == pytest.approx(100, rel=1e-6)
    assert found.residual_eci == pytest.approx(0, abs=1e-6)


def test_outliers_hardly_move_it_and_stay_in_the_residual() -> None:
    with_outliers, plain = fit(made(2.0, outliers=8)), fit(made(2.0))
    assert with_outliers.eci_per_decade_flop == pytest.approx(plain.eci_per_decade_flop, abs=1)
    assert with_outliers.eci_per_year == pytest.approx(plain.eci_per_year, abs=1)
    assert with_outliers.residual_eci > 5 * plain.residual_eci


def test_huber_minimises_hubers_loss() -> None:
    """The fixed point is the minimum of Huber's own loss at the spread found, by another minimiser."""
    rng = np.random.default_rng(5)
    x = np.column_stack([np.ones(60), rng.normal(size=60)])
    y = x @ [2.0, 3.0] + rng.standard_t(2, 60)
    constants, spread = huber_1964(x, y)

    def loss(b: Any) -> float:
        u = np.abs(y - x @ b) / spread
        return float(np.where(u <= HUBER, u**2 / 2, HUBER * u - HUBER**2 / 2).sum())

    assert minimize(loss, [0, 0], method="BFGS").x == pytest.approx(constants, abs=1e-4)


def test_errors_are_as_wide_as_fits_on_fresh_samples_scatter() -> None:
    """With labs that err together, standard errors must hold how far fits on new labs lie apart."""
    rng, slopes, errors = np.random.default_rng(2), [], []
    for _ in range(150):
        rows = []
        for lab in range(30):
            together = 4 * rng.standard_normal()
            for i in range(5):
                day = dt.date(2023, 1, 1) + dt.timedelta(days=int(rng.integers(0, 1000)))
                flop = 10 ** (24 + rng.uniform(-1, 1) + (lab - 15) / 15)
                score = 120 + 9 * np.log10(flop / 1e24) + 10 * (day.year - 2023) + together + 2 * rng.standard_normal()
                rows.append(Row(f"{lab}-{i}", str(lab), day, float(flop), "likely", float(score)))
        found = fit(rows)
        slopes.append(found.eci_per_decade_flop)
        errors.append(found.eci_per_decade_flop_error)
    assert np.mean(errors) == pytest.approx(np.std(slopes), rel=0.2)


def test_the_reference_point_is_where_the_level_is_known_best() -> None:
    found = stored(catalog.load())
    years = np.linspace(-1, 1, 41)[:, None]
    flop = found.reference_flop * 10 ** np.linspace(-2, 2, 41)
    errors = eci_error(flop, years, found, of_the_mean=True)
    assert np.unravel_index(errors.argmin(), errors.shape) == (20, 20)


def test_too_few_models_are_refused() -> None:
    with pytest.raises(ValueError, match="9 models can't hold"):
        fit(sample()[:9])


def test_the_catalogs_constants_are_the_fit() -> None:
    facts = catalog.load()
    kept = stored(facts)
    renewed = fit([r for r in sample() if r.date < KNOWN_BEFORE], max(r.date for r in sample()))
    for name in FIELDS:
        assert getattr(kept, name) == pytest.approx(getattr(renewed, name), rel=1e-4), name
    for name in ("reference_date", "first_date", "last_date"):
        assert getattr(kept, name) == getattr(renewed, name)
    fall = facts.find("algorithms", "compute_fall_per_year")
    assert [fall.value, fall.low, fall.high] == pytest.approx(compute_fall_per_year(kept), rel=1e-3)
    assert facts.find("intelligence", "model_gain_per_year").number == pytest.approx(math.sqrt(fall.number), rel=1e-4)
    level = facts.find("capability", "eci_per_year")
    assert level.low == pytest.approx(kept.eci_per_year - 1.28155 * kept.eci_per_year_error, rel=1e-4)


def test_what_came_after_moves_no_constant() -> None:
    late = Row("x", "y", dt.date(2026, 1, 1), 1e25, "likely", 10.0)
    known = [r for r in sample() if r.date < KNOWN_BEFORE]
    assert fit([r for r in [*sample(), late] if r.date < KNOWN_BEFORE]) == fit(known)
    found = backtests(sample(), (dt.date(2024, 7, 1),))[0]
    assert found.capability == fit([r for r in sample() if r.date < dt.date(2024, 7, 1)])
    assert found.after.rows == sum(dt.date(2024, 7, 1) <= r.date < dt.date(2025, 7, 1) for r in sample())


def test_the_sample_has_each_run_once() -> None:
    keys = [(r.training_flop, r.eci) for r in sample()]
    assert len(set(keys)) == len(keys) == 80
    assert [r.date for r in sample()] == sorted(r.date for r in sample())
    gpt_4 = next(r for r in sample() if r.model == "gpt-4-0314")
    assert (gpt_4.training_flop, gpt_4.eci, gpt_4.date) == (2.1e25, 126.17, dt.date(2023, 3, 14))


def test_rows_say_ours_by_the_stored_relation() -> None:
    found = validate_capability()
    assert [r.split for r in found.rows].count("test") == 5
    for r in found.rows:
        years = years_since_reference(r.date, found.capability)
        assert r.predicted == pytest.approx(float(eci(r.training_flop, years, found.capability)))
        assert r.error == pytest.approx(r.predicted - r.eci)
        assert r.low < r.predicted < r.high


def test_how_good_it_is() -> None:
    """Bounds that docs rely on; a change that worsens the relation fails here."""
    found = validate_capability()
    summary = {s.name.split(":")[0]: s for s in found.summary}
    assert summary["fit"].mean_abs_error < 6.2 and summary["fit"].inside_share > 0.8
    assert summary["test"].mean_abs_error < 4.0 and summary["test"].inside_share == 1
    assert [b.origin for b in found.backtests] == list(ORIGINS)
    assert all(b.after.inside_share > 0.8 and b.after.bias < 0 for b in found.backtests)
    assert summary["above 1e26 FLOP"].bias > 10, "the largest runs lie below the line: the notes say so"


def test_summary_by_compute_counts_every_row_once() -> None:
    found = validate_capability()
    by_split = [s for s in found.summary if ":" in s.name]
    by_size = [s for s in found.summary if ":" not in s.name]
    assert sum(s.rows for s in by_split) == sum(s.rows for s in by_size) == len(found.rows)


def test_published_rates_stand_beside_ours() -> None:
    found = validate_capability().comparisons
    assert {round(c.published, 2) for c in found} == {2.83, 31, 15.5}
    assert all(c.low <= c.predicted <= c.high and c.published_low <= c.published <= c.published_high for c in found)


def test_the_best_models_list_price_rose() -> None:
    series = {(p.tier, p.quantity.split("_")[0]): p for p in validate_capability().prices}
    assert [price for _, _, price in series["best", "input"].points] == [1.25, 5, 5, 4, 10]
    assert [price for _, _, price in series["best", "output"].points] == [10, 30, 30, 20, 50]
    for kind in ("input", "output"):
        trend = series["best", kind].trend
        assert trend is not None and trend.log_slope > 2 * trend.log_slope_error > 0
    assert series["middle", "input"].trend is None


def test_gains_are_facts() -> None:
    filler = Filler(catalog.load(), {}, 1, 0)
    found = filler.fill(Gains, None, "intelligence", "intelligence")
    assert not filler.problems
    assert found.software_gain_per_year == pytest.approx(679740 / 420659, rel=1e-4)


def test_terminal_and_plain_data() -> None:
    found = validate_capability()
    data = json.loads(json.dumps(gp.to_json(found)))
    assert data["rows"][0]["date"] == "2023-02-24" and data["rows"][-1]["split"] == "test"
    out = io.StringIO()
    Console(file=out, width=200).print(capability_validation(found))
    text = out.getvalue()
    shown = [line.split()[0] for line in text.splitlines() if line.strip()]
    for r in found.rows:
        assert (r.model in shown) == (r.split == "test")
    for words in ("118.3", "above 1e26 FLOP", "2024-07-01", "Ho et al. 2024", "best, input", "+393%"):
        assert words in text, words


def test_golden(golden: Callable[[str, Any], None]) -> None:
    """Ours for the five runs that came after and the rates: any change of the fit shows as a small difference."""
    found = validate_capability()
    plain = {
        "test": {r.model: [round(x, 3) for x in (r.predicted, r.low, r.high)] for r in found.rows if r.split == "test"},
        "fall": [round(x, 3) for x in compute_fall_per_year(found.capability)],
        "backtests": {
            b.origin.isoformat(): [round(b.after.bias, 3), round(b.after.rms_error, 3)] for b in found.backtests
        },
    }
    golden("capability.json", plain)


def test_an_answer_needs_no_score() -> None:
    row = Row("ours", "me", dt.date(2026, 6, 1), 1e27, "likely", math.nan)
    (found,) = answer([row], stored(catalog.load()))
    assert 150 < found.low < found.predicted < found.high < 190
