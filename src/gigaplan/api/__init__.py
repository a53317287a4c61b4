"""Every verb of the terminal as a function: requests are dataclasses, answers are typed and have one JSON form.

The modules are loaded when a name of theirs is first used, so that ``gigaplan --help`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gigaplan.api.catalog import (
        catalog_check,
        catalog_list,
        catalog_overview,
        catalog_search,
        catalog_show,
        catalog_yaml,
    )
    from gigaplan.api.json_form import to_json
    from gigaplan.api.layers import frontier, power_load, power_supply, power_swings, serve, train, train_sites
    from gigaplan.api.plans import CheckedPlan, check, compare, run, run_sources, schema, unused
    from gigaplan.api.requests import CalibrationInputs, FrontierRequest, KernelComparison, TrainingInputs, request
    from gigaplan.api.results import explain, export, load, rerun, run_and_save, save
    from gigaplan.api.studies import compare_rules, study_compare, study_montecarlo, study_sensitivity, study_sweep
    from gigaplan.api.validation import (
        Predicted,
        ValidatedTraining,
        calibrate_serving,
        calibrate_training,
        predict_inference,
        predict_training,
        validate_capability,
        validate_costs,
        validate_demand,
        validate_history,
        validate_inference,
        validate_kernels,
        validate_plans,
        validate_power,
        validate_training,
    )
    from gigaplan.results.explain import Explanation

__all__ = [
    "CalibrationInputs",
    "CheckedPlan",
    "Explanation",
    "FrontierRequest",
    "KernelComparison",
    "Predicted",
    "TrainingInputs",
    "ValidatedTraining",
    "calibrate_serving",
    "calibrate_training",
    "catalog_check",
    "catalog_list",
    "catalog_overview",
    "catalog_search",
    "catalog_show",
    "catalog_yaml",
    "check",
    "compare",
    "compare_rules",
    "explain",
    "export",
    "frontier",
    "load",
    "new",
    "power_load",
    "power_supply",
    "power_swings",
    "predict_inference",
    "predict_training",
    "request",
    "rerun",
    "run",
    "run_and_save",
    "run_sources",
    "save",
    "schema",
    "serve",
    "study_compare",
    "study_montecarlo",
    "study_sensitivity",
    "study_sweep",
    "to_json",
    "train",
    "train_sites",
    "unused",
    "validate_capability",
    "validate_costs",
    "validate_demand",
    "validate_history",
    "validate_inference",
    "validate_kernels",
    "validate_plans",
    "validate_power",
    "validate_training",
]

_HOMES = {
    "catalog": ("catalog_check", "catalog_list", "catalog_overview", "catalog_search", "catalog_show", "catalog_yaml"),
    "json_form": ("to_json",),
    "layers": ("frontier", "power_load", "power_supply", "power_swings", "serve", "train", "train_sites"),
    "plans": ("CheckedPlan", "check", "compare", "run", "run_sources", "schema", "unused"),
    "requests": ("CalibrationInputs", "FrontierRequest", "KernelComparison", "TrainingInputs", "request"),
    "results": ("Explanation", "explain", "export", "load", "rerun", "run_and_save", "save"),
    "starters": ("new",),
    "studies": ("compare_rules", "study_compare", "study_montecarlo", "study_sensitivity", "study_sweep"),
}


def __getattr__(name: str) -> Any:
    """Import a name where it is first used."""
    if name not in __all__:
        raise AttributeError(f"module 'gigaplan.api' has no attribute '{name}'")
    home = next((module for module, names in _HOMES.items() if name in names), "validation")
    return getattr(importlib.import_module(f"gigaplan.api.{home}"), name)


def __dir__() -> list[str]:
    return list(__all__)
