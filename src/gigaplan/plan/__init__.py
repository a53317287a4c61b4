"""Plan: the document, loaded, checked and resolved against the catalog into a scenario."""

from gigaplan.plan.load import Plan, Sources, builtin_names, load, load_sources, sources_of
from gigaplan.plan.resolve import resolve
from gigaplan.plan.scenario import Scenario

__all__ = ["Plan", "Scenario", "Sources", "builtin_names", "load", "load_sources", "resolve", "sources_of"]
