"""Catalog: facts with value, unit, basis, source, date, range and evidence; conflicts kept, one chosen in the open."""

from gigaplan.catalog.catalog import Catalog, Quantity, UnknownFactError, load
from gigaplan.catalog.check import check

__all__ = ["Catalog", "Quantity", "UnknownFactError", "check", "load"]
