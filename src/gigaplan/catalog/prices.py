"""Money of one year in the prices of another, by consumer prices."""

from __future__ import annotations

from dataclasses import replace

from gigaplan.catalog.catalog import Catalog
from gigaplan.vocabulary.facts import Fact
from gigaplan.vocabulary.figures import short


def price_level(facts: Catalog, year: int) -> Fact | None:
    """Return consumer prices in a year, those of the last known year after it; None before the first.

    Parameters
    ----------
    facts
        The catalog.
    year
        Calendar year.
    """
    known = [f for f in facts.series("us_cpi_u", "price_level") if int(f.date[:4]) <= year]
    return known[-1] if known else None


def in_prices_of(fact: Fact, year: int, ratio: float) -> Fact:
    """Return a fact in the prices of another year, its range with it and a note of what was done.

    Parameters
    ----------
    fact
        Money of one year.
    year
        The other year.
    ratio
        Consumer prices of that year over those of the fact's.
    """
    low, high = (None if end is None else end * ratio for end in (fact.low, fact.high))
    words = f"{short(fact.number)} in the prices of {fact.price_year}, x {ratio:.3f} by consumer prices"
    note = "; ".join(filter(None, (words, fact.note)))
    return replace(fact, value=fact.number * ratio, low=low, high=high, price_year=str(year), note=note)


def catalog_in_prices_of(facts: Catalog, year: int) -> Catalog:
    """Return the catalog with all money in the prices of one year.

    Parameters
    ----------
    facts
        The catalog, each fact in the money of its own year.
    year
        The year.
    """

    def priced(fact: Fact) -> Fact:
        if not fact.price_year or int(fact.price_year) == year:
            return fact
        then, now = price_level(facts, int(fact.price_year)), price_level(facts, year)
        return fact if then is None or now is None else in_prices_of(fact, year, now.number / then.number)

    return Catalog((priced(f) for f in facts.facts), facts.quantities, facts.vintage, facts.origins)
