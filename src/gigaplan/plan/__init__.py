"""Plan: the document, loaded, checked and resolved against the catalog into a scenario."""

from gigaplan.plan.load import Plan, load, load_sources
from gigaplan.plan.placed import placed
from gigaplan.plan.resolve import resolve
from gigaplan.plan.scenario import Scenario
from gigaplan.plan.sources import Sources, builtin_name, builtin_names, sources_of

__all__ = [
    "Plan",
    "Scenario",
    "Sources",
    "builtin_name",
    "builtin_names",
    "load",
    "load_sources",
    "placed",
    "resolve",
    "sources_of",
]
