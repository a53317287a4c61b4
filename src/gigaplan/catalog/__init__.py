"""Catalog: facts with value, unit, basis, source, date, range and evidence; conflicts kept, one chosen in the open."""

from gigaplan.catalog.catalog import Catalog, Quantity, UnknownFactError, load, per_catalog, shipped, using
from gigaplan.catalog.check import check
from gigaplan.catalog.human import human
from gigaplan.catalog.search import Found, Hit, Listed, Overview, Shown, listing, overview, search, show

__all__ = [
    "Catalog",
    "Found",
    "Hit",
    "Listed",
    "Overview",
    "Quantity",
    "Shown",
    "UnknownFactError",
    "check",
    "human",
    "listing",
    "load",
    "overview",
    "per_catalog",
    "search",
    "shipped",
    "show",
    "using",
]
