"""gigaplan carries a plan for AI infrastructure from the megawatt to the token to the dollar.

>>> import gigaplan as gp
>>> result = gp.run("announced-2025-09")
>>> result.central("gpus_available").sum(axis=0).max() > 1e6
True
"""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any

from gigaplan._version import __version__

if TYPE_CHECKING:
    from gigaplan.api import (
        CalibrationInputs,
        CheckedPlan,
        Explanation,
        FrontierRequest,
        KernelComparison,
        Predicted,
        TrainingInputs,
        ValidatedTraining,
        calibrate_serving,
        calibrate_training,
        catalog_check,
        catalog_list,
        catalog_overview,
        catalog_search,
        catalog_show,
        catalog_yaml,
        check,
        compare,
        compare_rules,
        explain,
        export,
        frontier,
        load,
        new,
        power_load,
        power_supply,
        power_swings,
        predict_inference,
        predict_training,
        request,
        rerun,
        run,
        save,
        schema,
        serve,
        study_compare,
        study_montecarlo,
        study_sensitivity,
        study_sweep,
        to_json,
        train,
        train_sites,
        unused,
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
    from gigaplan.layers.failures import FailureOptions
    from gigaplan.layers.serve_answer import ServeRun
    from gigaplan.layers.serve_job import ServeJob
    from gigaplan.layers.serving import Frontiers, ServingQuestion
    from gigaplan.layers.site_supply import SiteSupply, SupplyJob
    from gigaplan.layers.sites import SitesJob
    from gigaplan.layers.swings import SwingsQuestion, SwingsRun
    from gigaplan.layers.training import TrainingJob, TrainRun
    from gigaplan.layers.training_sites import SitesRun
    from gigaplan.plan.starter import Start
    from gigaplan.results.result import Result
    from gigaplan.study.compare import Comparison
    from gigaplan.study.montecarlo import MonteCarlo
    from gigaplan.study.pairs import Paired
    from gigaplan.study.request import StudyRequest
    from gigaplan.study.rerun import Rerun
    from gigaplan.study.sensitivity import Sensitivity, SensitivityRequest
    from gigaplan.study.sweep import Sweep, SweepRequest
    from gigaplan.study.unused import UnusedLines
    from gigaplan.validation.training.calibrate import TrainingCalibration
    from gigaplan.vocabulary.errors import GigaplanError, MachineError, PlanError
    from gigaplan.vocabulary.progress import Cancelled

__all__ = [
    "CalibrationInputs",
    "Cancelled",
    "CheckedPlan",
    "Comparison",
    "Explanation",
    "FailureOptions",
    "FrontierRequest",
    "Frontiers",
    "GigaplanError",
    "KernelComparison",
    "MachineError",
    "MonteCarlo",
    "Paired",
    "PlanError",
    "Predicted",
    "Rerun",
    "Result",
    "Sensitivity",
    "SensitivityRequest",
    "ServeJob",
    "ServeRun",
    "ServingQuestion",
    "SiteSupply",
    "SitesJob",
    "SitesRun",
    "Start",
    "StudyRequest",
    "SupplyJob",
    "Sweep",
    "SweepRequest",
    "SwingsQuestion",
    "SwingsRun",
    "TrainRun",
    "TrainingCalibration",
    "TrainingInputs",
    "TrainingJob",
    "UnusedLines",
    "ValidatedTraining",
    "__version__",
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

_REQUESTS = (
    "CalibrationInputs",
    "FailureOptions",
    "FrontierRequest",
    "KernelComparison",
    "ServeJob",
    "ServingQuestion",
    "SitesJob",
    "Start",
    "SupplyJob",
    "SwingsQuestion",
    "TrainingInputs",
    "TrainingJob",
)
_HOMES = {
    "Cancelled": "vocabulary.progress",
    "Comparison": "study.compare",
    "FailureOptions": "layers.failures",
    "Frontiers": "layers.serving",
    "GigaplanError": "vocabulary.errors",
    "MachineError": "vocabulary.errors",
    "MonteCarlo": "study.montecarlo",
    "Paired": "study.pairs",
    "PlanError": "vocabulary.errors",
    "Rerun": "study.rerun",
    "Result": "results.result",
    "Sensitivity": "study.sensitivity",
    "SensitivityRequest": "study.sensitivity",
    "ServeJob": "layers.serve_job",
    "ServeRun": "layers.serve_answer",
    "ServingQuestion": "layers.serving",
    "SitesJob": "layers.sites",
    "SitesRun": "layers.training_sites",
    "Start": "plan.starter",
    "SiteSupply": "layers.site_supply",
    "StudyRequest": "study.request",
    "SupplyJob": "layers.site_supply_job",
    "Sweep": "study.sweep",
    "SweepRequest": "study.sweep",
    "SwingsQuestion": "layers.swings",
    "SwingsRun": "layers.swings",
    "TrainRun": "layers.training",
    "TrainingCalibration": "validation.training.calibrate",
    "TrainingJob": "layers.training",
    "UnusedLines": "study.unused",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used, so that ``gigaplan --help`` stays fast."""
    if name not in __all__:
        from gigaplan.vocabulary.errors import nearest_name

        near = nearest_name(name, __all__) if not name.startswith("_") else ""
        raise AttributeError(
            f"module 'gigaplan' has no attribute '{name}'" + (f"; did you mean '{near}'?" * bool(near))
        )
    import importlib

    found = getattr(importlib.import_module(f"gigaplan.{_HOMES.get(name, 'api')}"), name)
    if isinstance(found, FunctionType):
        from gigaplan.api.arguments import checked

        return checked(found)
    if name in _REQUESTS:
        from gigaplan.api.arguments import checked_class

        return checked_class(found)
    return found


def __dir__() -> list[str]:
    return [*__all__, "__doc__", "__file__", "__name__", "__path__"]
