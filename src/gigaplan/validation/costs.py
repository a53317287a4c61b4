"""Costs: published costs of a gigawatt, of a GPU-hour and of a contract for capacity next to those of the model.

Nothing is fitted on them: the model's come from prices of racks and buildings, lives, energy and a cost of capital,
which are facts of other sources. Both sides of a row are in the prices of one year, that of the published figure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import ClassVar

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.prices import catalog_in_prices_of
from gigaplan.finance.gpu_hour import HOURS_PER_YEAR, GpuHour, owned_gpu_hour
from gigaplan.finance.rates import level_payment_worth, real_rate
from gigaplan.plan.resolve import costs_of, draw_curve_of, facility_of, it_kw_per_gpu
from gigaplan.power.draw import drawn_share
from gigaplan.vocabulary.show import LINES, Brief, BriefRows, error_text
from gigaplan.vocabulary.units import parse_date

KW_PER_GW, MW_PER_GW, BILLION = 1e6, 1e3, 1e9
LIVES_OF_EPOCH = (3, 5, 7)
"""Lives of IT for which Epoch AI publishes the cost of its gigawatt [year]."""
GIGAWATT_OF_EPOCH = "gb200_nvl72"
"""What fills Epoch AI's gigawatt."""
CONTRACT = "oracle_openai"
FILLINGS = ("gb200_nvl72", "gb300_nvl72", "vr_nvl72")
"""What may fill the contract's halls: it names nothing."""
READINGS = ("facility", "IT")
"""What the contract's gigawatts may be of: it doesn't say."""
NOTES = (
    "Both sides are in the prices of the row's year: facts of other years by consumer prices, cost of capital less "
    "inflation, and a published cost as an equal nominal payment over the life of racks.",
    "Cost of capital is before tax, an even payment over each life; of the contract it is the landlords', over the "
    "contract's term for racks and network. Published costs of ownership don't all say theirs.",
    "Epoch AI's gigawatt is of its own prices; the prediction is of the catalog's, with the same lives.",
    "A contract's price is no cost: it holds the owner's profit, and the capacity comes over years. Whether its 4.5 GW "
    "are of facilities or of IT isn't published: both readings are shown.",
)


@dataclass(frozen=True, slots=True, repr=False)
class CostRow(Brief):
    """One published cost and the predicted one."""

    name: str
    what: str
    unit: str
    price_year: int
    """Year in whose prices both sides are."""
    nominal: float
    """As it was published."""
    published: float
    """The same in the prices of the year, mean over the time in which it is paid."""
    low: float | None
    high: float | None
    predicted: float
    """Cost of capital included."""
    without_capital: float
    """The same without cost of capital."""
    source: str
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("error",)

    @property
    def error(self) -> float:
        """Predicted over published, less one."""
        return self.predicted / self.published - 1

    @property
    def inside(self) -> bool | None:
        """Return whether the prediction lies in the published range, None where none is published."""
        return None if self.low is None or self.high is None else self.low <= self.predicted <= self.high

    def brief_line(self) -> str:
        """Return the published and the predicted figure."""
        return (
            f"published {self.nominal:.2f} {self.unit}, {self.published:.2f} in the prices of {self.price_year}, "
            f"predicted {self.predicted:.2f}, {self.error:+.0%}"
        )


@dataclass(frozen=True, slots=True, repr=False)
class CostValidation(Brief):
    """Published costs with their predictions."""

    cost_of_capital_per_year: float
    """Nominal; in the prices of one year it is less ``inflation_per_year``."""
    inflation_per_year: float
    life_years: float
    """Life of racks and network where the published figure names none."""
    rows: tuple[CostRow, ...]
    notes: tuple[str, ...] = NOTES
    JSON_ALSO: ClassVar[tuple[str, ...]] = ("median_error", "median_without_capital")

    @property
    def median_error(self) -> float:
        """Median absolute error, cost of capital included."""
        return float(np.median([abs(r.error) for r in self.rows]))

    @property
    def median_without_capital(self) -> float:
        """Median absolute error without cost of capital."""
        return float(np.median([abs(r.without_capital / r.published - 1) for r in self.rows]))

    def brief_rows(self) -> BriefRows:
        """Return the median errors, and each published figure."""
        with_capital, without = (error_text(e) for e in (self.median_error, self.median_without_capital))
        yield "median error", f"{with_capital}, {without} without capital"
        yield from ((row.name, row.brief_line()) for row in self.rows[:LINES])


class PriceYear:
    """The catalog in the prices of one year, and what published payments are worth in them."""

    def __init__(self, facts: Catalog, year: str) -> None:
        self.facts, self.year = catalog_in_prices_of(facts, int(year)), int(year)

    @cached_property
    def inflation(self) -> float:
        """Rise of prices [1/year]."""
        return self.facts.find("cost_of_capital", "inflation_per_year").number

    def earn(self, party: str) -> float:
        """Return a party's cost of capital in the prices of the year [1/year]."""
        return float(real_rate(self.facts.find("cost_of_capital", f"{party}_per_year").number, self.inflation))

    def worth(self, years: float, begins_years: float = 0.0) -> float:
        """Return what an equal nominal payment is worth over its amount."""
        return float(level_payment_worth(self.inflation, years, begins_years))


def validate_costs() -> CostValidation:
    """Return published costs of a gigawatt, of GPU-hours and of a contract, each with its prediction."""
    facts = catalog.load()
    earn, inflation = (facts.find("cost_of_capital", f"{q}_per_year").number for q in ("plan", "inflation"))
    life = facts.find("build", "life_years").number
    rows = (*_epochs(facts), *_ownership(facts, life), *_contract(facts))
    return CostValidation(earn, inflation, life, rows)


def gpu_hour_of(facts: Catalog, system: str, life_years: float, earn: float) -> GpuHour:
    """Return the cost of an hour of a system's GPU at full use, by the catalog's facts.

    Parameters
    ----------
    facts
        The catalog.
    system
        Name of a system.
    life_years
        Life of rack and network [year].
    earn
        Cost of capital [1/year].
    """
    facility = facility_of(facts)
    return owned_gpu_hour(
        rack_price_usd=facts.find(system, "rack_price_usd").number,
        gpus_per_rack=facts.find(system, "gpus_per_rack").number,
        it_kw_per_gpu=it_kw_per_gpu(facts, system),
        drawn_share=float(drawn_share(1.0, draw_curve_of(facts))),  # type: ignore[arg-type]
        pue=facility.pue,
        power_price_usd_per_mwh=facility.power_price_usd_per_mwh,
        costs=costs_of(facts),
        life_years=life_years,
        cost_of_capital_per_year=earn,
    )


def _of_gigawatt(facts: Catalog, system: str, life_years: float, earn: float) -> tuple[float, float]:
    """Return the yearly cost of an IT gigawatt with and without cost of capital [USD/year]."""
    hour = gpu_hour_of(facts, system, life_years, earn)
    gpu_hours = KW_PER_GW / it_kw_per_gpu(facts, system) * HOURS_PER_YEAR
    return float(hour.full_usd) * gpu_hours, float(hour.total_usd) * gpu_hours


def _epochs(facts: Catalog) -> Iterator[CostRow]:
    for life in LIVES_OF_EPOCH:
        fact = facts.find(f"epoch_1gw_life_{life}", "cost_usd_per_it_mw_year")
        year = PriceYear(facts, fact.price_year)
        full, plain = (usd / BILLION for usd in _of_gigawatt(year.facts, GIGAWATT_OF_EPOCH, life, year.earn("plan")))
        nominal = fact.number * MW_PER_GW / BILLION
        yield CostRow(
            name=f"1 GW, IT life {life} years",
            what="yearly cost of an IT gigawatt",
            unit="billion USD/year",
            price_year=year.year,
            nominal=nominal,
            published=nominal * year.worth(life),
            low=None,
            high=None,
            predicted=full,
            without_capital=plain,
            source=fact.source_title,
        )


def _ownership(facts: Catalog, life: float) -> Iterator[CostRow]:
    for system in facts.entities("tco_usd_per_gpu_h"):
        if not facts.has(system, "rack_price_usd"):
            continue
        fact = facts.find(system, "tco_usd_per_gpu_h")
        year = PriceYear(facts, fact.price_year)
        hour, worth = gpu_hour_of(year.facts, system, life, year.earn("plan")), year.worth(life)
        yield CostRow(
            name=f"GPU-hour of {system}",
            what="GPU-hour at full use",
            unit="USD/h",
            price_year=year.year,
            nominal=fact.number,
            published=fact.number * worth,
            low=None if fact.low is None else fact.low * worth,
            high=None if fact.high is None else fact.high * worth,
            predicted=float(hour.full_usd),
            without_capital=float(hour.total_usd),
            source=fact.source_title,
        )


def _contract(facts: Catalog) -> Iterator[CostRow]:
    """Hold the price of the largest contract for capacity against what it costs the owner."""
    usd, mw, term = (facts.find(CONTRACT, q) for q in ("commitment_usd", "capacity_mw", "commitment_years"))
    year, years, nominal = PriceYear(facts, usd.price_year), term.number, usd.number / BILLION
    begins = parse_date(str(facts.find(CONTRACT, "commitment_start_date").value))
    published = nominal * year.worth(years, begins.year - year.year)
    for reading, filling in product(READINGS, FILLINGS):
        it_gw = mw.number / MW_PER_GW
        if reading == "facility":
            it_gw /= facts.find("facility", "facility_to_it_peak").number
        costs = _of_gigawatt(year.facts, filling, years, year.earn("landlords"))
        full, plain = (it_gw * years * c / BILLION for c in costs)
        yield CostRow(
            name=f"4.5 GW ({reading}), {filling}",
            what=f"contract of Oracle and OpenAI, read as {reading} power",
            unit="billion USD",
            price_year=year.year,
            nominal=nominal,
            published=published,
            low=None,
            high=None,
            predicted=full,
            without_capital=plain,
            source=usd.source_title,
        )


def inside_count(rows: Sequence[CostRow]) -> tuple[int, int]:
    """Return how many predictions lie in the published range, and of how many rows one is published.

    Parameters
    ----------
    rows
        Published costs with their predictions.
    """
    known = [r.inside for r in rows if r.inside is not None]
    return sum(known), len(known)
