"""gigaplan carries a plan for AI infrastructure from the megawatt to the token to the dollar.

>>> import gigaplan as gp
>>> result = gp.run("announced-2025-09")
>>> result.central("gpus_available").sum(axis=0).max() > 1e6
True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gigaplan._version import __version__

if TYPE_CHECKING:
    from gigaplan.api import (
        Explanation,
        calibrate_training,
        catalog_list,
        catalog_overview,
        catalog_search,
        catalog_show,
        check,
        compare,
        explain,
        export,
        frontier,
        load,
        new,
        rerun,
        run,
        save,
        schema,
        train,
        train_sites,
    )
    from gigaplan.layers.serving import Frontiers
    from gigaplan.layers.training import TrainRun
    from gigaplan.layers.training_sites import SitesRun
    from gigaplan.plan.starter import Start
    from gigaplan.results.result import Result
    from gigaplan.study.compare import Comparison
    from gigaplan.study.rerun import Rerun
    from gigaplan.validation.training.calibrate import TrainingCalibration
    from gigaplan.vocabulary.errors import GigaplanError, MachineError, PlanError

__all__ = [
    "Comparison",
    "Explanation",
    "Frontiers",
    "GigaplanError",
    "MachineError",
    "PlanError",
    "Rerun",
    "Result",
    "SitesRun",
    "Start",
    "TrainRun",
    "TrainingCalibration",
    "__version__",
    "calibrate_training",
    "catalog_list",
    "catalog_overview",
    "catalog_search",
    "catalog_show",
    "check",
    "compare",
    "explain",
    "export",
    "frontier",
    "load",
    "new",
    "rerun",
    "run",
    "save",
    "schema",
    "train",
    "train_sites",
]

_HOMES = {
    "Start": "plan.starter",
    "Comparison": "study.compare",
    "Frontiers": "layers.serving",
    "TrainRun": "layers.training",
    "SitesRun": "layers.training_sites",
    "TrainingCalibration": "validation.training.calibrate",
    "Rerun": "study.rerun",
    "Result": "results.result",
    "GigaplanError": "vocabulary.errors",
    "PlanError": "vocabulary.errors",
    "MachineError": "vocabulary.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name where it is first used, so that ``gigaplan --help`` stays fast."""
    if name not in __all__:
        raise AttributeError(f"module 'gigaplan' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(f"gigaplan.{_HOMES.get(name, 'api')}"), name)
