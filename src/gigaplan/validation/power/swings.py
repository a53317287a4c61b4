"""Load by the second next to the few published figures of swings: words of an order of size, and a most.

No measured trace of a step cycle is at hand whose model, GPUs and layout are known, so that no error of the model's
shape can be stated.
"""

from __future__ import annotations

from collections.abc import Mapping

from gigaplan.layers.swings import SwingsQuestion, SwingsRun, swings
from gigaplan.layers.training_job import TrainingJob
from gigaplan.validation.power.compared import Compared, Comparison
from gigaplan.validation.power.rows import table

SWINGS = "power_swings.csv"


def step_cycles() -> Comparison:
    """Return swings of training sites."""
    note = "words and a most, not measurements of one run: no trace with its model and layout is at hand"
    return Comparison("swings by the second", tuple(_row(r) for r in table(SWINGS)), note)


def _row(row: Mapping[str, str]) -> Compared:
    run = swings(
        SwingsQuestion(
            run=TrainingJob(model=row["model"], system=row["system"], gpus=int(row["gpus"])),
            rack_storage_j_per_gpu=float(row["rack_storage_j_per_gpu"]),
        )
    )
    predicted, low, high = _figure(row["quantity"], run)
    return Compared(
        name=row["name"],
        published=float(row["published"]),
        predicted=predicted,
        unit=row["unit"],
        low=low,
        high=high,
        source=row["source"],
        note=f"{row['model']} on {row['gpus']} GPUs of {row['system']}; {row['note']}",
    )


def _figure(quantity: str, run: SwingsRun) -> tuple[float, float, float]:
    """Return a figure of a run, and what it lies between over the events of the run."""
    if quantity == "peak_cut":
        top, after = max(run.bare_mw), max(run.smoothed_mw)
        cut = 1 - after / top
        return cut, min(cut, 0.0), cut
    busy = run.parts["compute"][1]
    return busy - run.parts["idle"][1], busy - run.parts["wait"][1], busy
