from __future__ import annotations

import datetime as dt
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan.vocabulary import units
from gigaplan.vocabulary.bases import Based, Conversion, OnBasis, PowerBasis
from gigaplan.vocabulary.errors import BasisError, nearest_name
from gigaplan.vocabulary.units import BARE, Unit, parse_date, parse_period, parse_quantity


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1.2 GW", "MW", 1200),
        ("132 kW", "kW", 132),
        ("0.132 MW", "kW", 132),
        ("$38B", "USD", 38e9),
        ("38 billion USD", "USD", 38e9),
        ("-$2M", "USD", -2e6),
        ("80 ms", "s", 0.08),
        ("5 %", "share", 0.05),
        ("0.05", "share", 0.05),
        ("40 %/year", "1/year", 0.4),
        ("$10/Mtok", "USD/Mtok", 10),
        ("10 USD/Mtok", "USD/Mtok", 10),
        ("77 USD/MWh", "USD/MWh", 77),
        ("0.077 USD/kWh", "USD/MWh", 77),
        ("700 million users", "user", 7e8),
        ("3 months", "month", 3),
        ("8 TB/s", "byte/s", 8e12),
        ("400 Gbit/s", "byte/s", 50e9),
        ("1_000 h", "h", 1000),
        ("40000 /month", "1/month", 40000),
        ("72 GPUs", "1", 72),
        ("2.5 PFLOP/s", "FLOP/s", 2.5e15),
    ],
)
def test_what_people_write(text: str, unit: str, value: float) -> None:
    assert parse_quantity(text, unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit", "says"),
    [
        ("1.2", "MW", "unit is missing"),
        ("1.2 GWh", "MW", "not a unit of the same kind"),
        ("ten GW", "MW", "not a number"),
        ("$3Q", "USD", "none of k, M, B, T"),
        ("5 % of", "share", "not a share"),
        ("3 parsecs", "MW", "not a unit known"),
        ("1e999 MW", "MW", "not a finite"),
        ("12 MW", "1", "plain number"),
    ],
)
def test_what_is_refused_says_why(text: str, unit: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_quantity(text, unit)


def test_a_bare_number_needs_its_unit_and_nan_is_no_number() -> None:
    with pytest.raises(ValueError, match=r"unit is missing; write for example '1\.2 GW'"):
        Unit("MW").parse(1200)
    with pytest.raises(ValueError, match="not a finite number"):
        Unit("share").parse(float("nan"))
    with pytest.raises(ValueError, match="yes/no"):
        Unit("MW").parse(True)
    assert Unit("share").parse(0.4) == 0.4


@given(st.floats(1e-6, 1e9))
def test_units_scale_linearly(number: float) -> None:
    assert parse_quantity(f"{number!r} GW", "MW") == pytest.approx(1000 * number)


def test_dates_and_periods() -> None:
    assert parse_date("2026-09-22") == dt.date(2026, 9, 22)
    assert parse_period("2026-H2") == (dt.date(2026, 7, 1), dt.date(2026, 12, 31))
    assert parse_period("2026-Q4") == (dt.date(2026, 10, 1), dt.date(2026, 12, 31))
    assert parse_period("2024-02") == (dt.date(2024, 2, 1), dt.date(2024, 2, 29))
    assert parse_date("2026") == dt.date(2026, 7, 2)  # a period stands for its middle day
    with pytest.raises(ValueError, match="2026-H2"):
        parse_date("autumn")
    for far in ("0001-01", "1899", "2201-Q1", "9999-12-31", dt.date(1, 1, 1), dt.datetime(9999, 1, 1)):
        with pytest.raises(ValueError, match="no year of a plan"):
            parse_date(far)


def test_a_quantity_on_a_basis() -> None:
    read = OnBasis("MW", PowerBasis).parse
    assert read("1.2 GW it") == Based(1200, "MW", PowerBasis.IT)
    assert read("590 MW (facility)") == Based(590, "MW", PowerBasis.FACILITY)
    with pytest.raises(ValueError, match="basis is missing"):
        read("1.2 GW")
    with pytest.raises(ValueError, match="nearest is 'facility'"):
        read("1.2 GW facilty")
    with pytest.raises(ValueError, match="zero or more"):
        read("-1 GW it")


def test_unlike_bases_are_refused() -> None:
    it, facility = Based(1.0, "MW", PowerBasis.IT), Based(1.0, "MW", PowerBasis.FACILITY)
    for operation in (lambda: it + facility, lambda: it - facility, lambda: it / facility, lambda: it < facility):
        with pytest.raises(BasisError, match="convert one"):
            operation()
    assert it + it == 2 * it


def test_conversions_chain_both_ways_and_only_where_sourced() -> None:
    known = (
        Conversion(PowerBasis.IT, PowerBasis.FACILITY, 1.4, "peak"),
        Conversion(PowerBasis.RACK_TDP, PowerBasis.IT, 1.25, "network"),
    )
    rack = Based(590, "MW", PowerBasis.FACILITY).to(PowerBasis.RACK_TDP, *known)
    assert rack.value == pytest.approx(590 / 1.4 / 1.25)
    assert rack.to(PowerBasis.FACILITY, *known).value == pytest.approx(590)
    with pytest.raises(BasisError, match="no sourced conversion"):
        rack.to(PowerBasis.GPU_TGP, *known)


def test_nearest_name() -> None:
    assert nearest_name("vr_nv72", ["gb200_nvl72", "vr_nvl72"]) == "vr_nvl72"
    assert nearest_name("zzz", ["gb200_nvl72"]) == ""


@pytest.mark.parametrize("unit", ["MW", "USD", "token", "1", "FLOP/s", "USD/MWh"])
@given(st.one_of(st.floats(1e31, 1e308), st.integers(10**31, 10**500)), st.booleans())
def test_amounts_beyond_any_plan_are_refused_and_never_overflow(unit: str, number: float, negative: bool) -> None:
    text = f"{'-' if negative else ''}{number} {unit if unit not in ('1', 'share') else ''}"
    with pytest.raises(ValueError, match=r"beyond any plan|not a finite number"):
        Unit(unit).parse(text)
    if unit in BARE:
        with pytest.raises(ValueError, match="beyond any plan"):
            Unit(unit).parse(number)


def test_power_below_a_watt_is_a_slip() -> None:
    assert Unit("MW").parse("1 W") == pytest.approx(1e-6)
    assert Unit("MW").parse("0 MW") == 0
    with pytest.raises(ValueError, match="below a watt"):
        Unit("MW").parse("1e-300 MW")


def test_law_the_table_of_factors_is_pints() -> None:
    for (source, target), known in units._factors().items():
        assert units._by_pint(source, target) == known, (source, target)


def test_a_built_in_plan_is_read_without_pint_or_scipy() -> None:
    """Which take longer to import than the plan to be read; a fit of its users is found where the last run left it."""
    code = (
        "import sys, gigaplan as gp;"
        "gp.run('announced-2025-09', {'uncertainty.members': '2', 'horizon.end': '2027-12'});"
        "print(*{'pint', 'scipy'} & {*sys.modules})"
    )
    for _ in range(2):
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
