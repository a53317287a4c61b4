"""Plan: the document, loaded, checked and resolved against the catalog into a scenario."""

from gigaplan.plan.load import Plan, builtin_names, load
from gigaplan.plan.resolve import resolve
from gigaplan.plan.scenario import Scenario

__all__ = ["Plan", "Scenario", "builtin_names", "load", "resolve"]
