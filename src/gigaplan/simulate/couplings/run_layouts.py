"""Layouts of a plan's training runs: each is searched once, however often its speed or draw is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.plan.scenario import Scenario
from gigaplan.power.node import activity_of, it_w
from gigaplan.simulate.couplings.clock import clock_factor
from gigaplan.simulate.couplings.kept_time import kept_share
from gigaplan.training.inputs import Batch
from gigaplan.training.programme import PlannedRun
from gigaplan.training.search import RatedLayout, best_layout
from gigaplan.training.step import step
from gigaplan.vocabulary.members import Array, column


@dataclass(frozen=True, slots=True)
class RunLayouts:
    """The fastest layout of any run of a scenario, on the GPUs that the run asks for."""

    scenario: Scenario
    """Scenario, for its devices, architectures and constants."""
    _found: dict[tuple[object, ...], RatedLayout] = field(default_factory=dict, repr=False)

    def fastest(self, run: PlannedRun) -> RatedLayout:
        """Return the fastest layout of a run, or why there is none.

        Parameters
        ----------
        run : PlannedRun
            Run; its name, dates and tokens don't matter.

        Returns
        -------
        RatedLayout
            Layout with its speed and memory.
        """
        batch = batch_of(run)
        question = (
            run.generation,
            run.model,
            run.gpus,
            batch.global_batch_tokens,
            batch.sequence_tokens,
            run.precision,
        )
        if question not in self._found:
            device, model = self.scenario.devices[run.generation], self.scenario.architectures[run.model]
            efficiency = self.scenario.training.efficiency
            self._found[question] = best_layout(device, model, batch, run.gpus, efficiency)
        return self._found[question]

    def tokens_per_s(self, run: PlannedRun) -> Array:
        """Return the speed of a run, expected goodput and the error of the step's model included.

        Parameters
        ----------
        run : PlannedRun
            Run.

        Returns
        -------
        numpy.ndarray
            Speed [token/s], shape (m,), m the members or 1; 0 where no layout fits.
        """
        speed = self._chosen(run, lambda r: self.fastest(r).tokens_per_s * self._speed_over_central(r))
        return np.asarray(speed * self.goodput_share(run))

    def goodput_share(self, run: PlannedRun) -> Array:
        """Return the expected goodput of a run: with the recovery and the failure rates of the day on which it may
        start.

        Parameters
        ----------
        run : PlannedRun
            Run.

        Returns
        -------
        numpy.ndarray
            Share 0..1, shape (m,), m the members or 1.
        """
        days = np.array([[self.scenario.axis.days_since_start(run.start)]])
        gpus = np.array([[[float(run.gpus)]]])
        return self._chosen(
            run, lambda r: kept_share(self.scenario, r.generation, gpus, days, self.fastest(r).group_gpus)[:, 0, 0]
        )

    def mfu_share(self, run: PlannedRun) -> Array:
        """Return the model FLOPs utilisation of a run, the error of the step's model included.

        Parameters
        ----------
        run : PlannedRun
            Run.

        Returns
        -------
        numpy.ndarray
            Share 0..1, shape (m,), m the members or 1.
        """
        return self._chosen(run, lambda r: self.fastest(r).mfu_share * self._speed_over_central(r))

    def _chosen(self, run: PlannedRun, of: Callable[[PlannedRun], Array]) -> Array:
        """Return what a run has with the model that each member trains."""
        picks = self.scenario.picks.get(f"training.runs.{run.name}.model")
        if picks is None:
            return of(run)
        options = [np.broadcast_to(of(replace(run, model=name)), picks.numbers.shape) for name in picks.options]
        return np.asarray(np.choose(picks.numbers, options))

    def _speed_over_central(self, run: PlannedRun) -> Array:
        """Return the speed of a run in each member over that of the central layout and clock, shape (m,): the error of
        the step's model, and the member's clock."""
        error = column(self.scenario.training.step_over_predicted.get((run.name, run.model), 1.0), 1)
        found, model = self.fastest(run), self.scenario.architectures[run.model]
        if not found.tokens_per_s:
            return 1 / error

        def speed(device: Device) -> Array:
            return step(device, model, batch_of(run), found.layout, self.scenario.training.efficiency).tokens_per_s

        return np.asarray(clock_factor(self.scenario, run.generation, speed, 1) / error)

    def busy_share(self, run: PlannedRun) -> Array:
        """Return how busy racks would be, by the plan's draw curve, that draw as much as those of a run.

        The draw is that of the run's layout (:mod:`gigaplan.power.node`), the curve runs from idle to busy.

        Parameters
        ----------
        run : PlannedRun
            Run.

        Returns
        -------
        numpy.ndarray
            Share 0..1, shape (m,), m the members or 1; 1 where no limit of the GPUs is known, or no layout fits.
        """
        return self._chosen(run, self._busy_share)

    def _busy_share(self, run: PlannedRun) -> Array:
        """Return the same of the run's own model."""
        scenario, found = self.scenario, self.fastest(run)
        node, curve = scenario.nodes.get(run.generation), scenario.draw
        idle, busy = column(curve.idle_share, 1), column(curve.busy_share, 1)
        if node is None or not found.tokens_per_s or busy[0] <= idle[0]:
            return np.ones(1)
        device, model = scenario.devices[run.generation], scenario.architectures[run.model]
        one = step(device, model, batch_of(run), found.layout, scenario.training.efficiency)
        rack_kw = next(
            float(column(g.it_kw_per_rack, 1)[0]) for g in scenario.fleet.generations if g.name == run.generation
        )
        rated_w = 1e3 * rack_kw
        drawn = column(it_w(activity_of(*one.activity), node, rated_w, scenario.node_draw), 1) / rated_w
        drawn, idle, busy = np.broadcast_arrays(drawn, idle, busy)
        part = np.divide(drawn - idle, busy - idle, out=np.ones(busy.shape), where=busy > idle)
        return np.clip(part, 0.0, 1.0)


def batch_of(run: PlannedRun) -> Batch:
    """Return what one optimiser step of a run works on.

    Parameters
    ----------
    run : PlannedRun
        Run.

    Returns
    -------
    Batch
        Its batch, by software as new as the constants.
    """
    return Batch(
        global_batch_tokens=run.global_batch_tokens, sequence_tokens=run.sequence_tokens, precision=run.precision
    )
