"""Step times of layouts by the serving model, with the catalog's constants."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.inference.step import Stage
from gigaplan.inference.step_times import StageStepTimes, StepTimes
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of
from gigaplan.validation.kernels.layouts import Layout, StepTime


@dataclass(frozen=True, slots=True)
class Physics:
    """The serving model, with the catalog's constants."""

    facts: Catalog = field(default_factory=catalog.load)

    def stage(self, layout: Layout) -> Stage:
        """Return the stage that a layout is."""
        gpus, data = (np.asarray(float(x)) for x in (layout.tensor * layout.data, layout.data > 1))
        return Stage(
            device_of(self.facts, layout.system),
            model_of(self.facts, layout.model),
            layout.precision,
            efficiency_of(self.facts),
            engine_of(self.facts, layout.engine),
            gpus,
            np.asarray(1.0),
            data,
            float(layout.tensor),
        )

    def decode(self, layout: Layout, batch: int, context: int) -> StepTime:
        """Return the step by operators, the host's part apart."""
        stage, requests = self.stage(layout), np.asarray(float(batch))
        step = stage.decode(requests, np.asarray(float(context)))
        host = stage.engine.step_overhead_s + float(stage.requests_per_rank(requests)) * stage.engine.request_overhead_s
        return StepTime(kernels_s=float(step.total) - host, exchanges_s=float(step.collectives), host_s=host)

    def prefill(self, layout: Layout, tokens: int) -> StepTime:
        """Return the prefill of one prompt on each group; the model counts one prompt's share of it."""
        stage = self.stage(layout)
        one = stage.prefill_s(np.asarray(float(tokens)), np.asarray(0.0))
        return StepTime(kernels_s=float(one * stage.attention_dp))

    def fits(self, layout: Layout, batch: int, context: int) -> bool:
        """Return whether memory holds so many requests."""
        stage = self.stage(layout)
        return bool(stage.capacity(np.asarray(float(context)), stage.free_bytes) >= batch)

    def step_times(self, layout: Layout) -> StepTimes:
        """Return the layout's stage as a source of step times."""
        return StageStepTimes(self.stage(layout))
