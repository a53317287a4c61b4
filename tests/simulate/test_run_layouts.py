"""The layout of a training run is searched once, however many stages of a simulation need it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from gigaplan import plan
from gigaplan.compute.device import Device
from gigaplan.simulate.couplings import run_layouts
from gigaplan.simulate.couplings.run_layouts import RunLayouts
from gigaplan.simulate.engine import simulate
from gigaplan.training.search import RatedLayout, best_layout


def searches(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[object, ...]]:
    """Return a count of the searches from now on, by model and GPUs."""
    count: Counter[tuple[object, ...]] = Counter()

    def counted(device: Device, model: object, batch: object, gpus: int, efficiency: object) -> RatedLayout:
        count[model, batch, gpus] += 1
        return best_layout(device, model, batch, gpus, efficiency)  # type: ignore[arg-type]

    monkeypatch.setattr(run_layouts, "best_layout", counted)
    return count


@pytest.mark.parametrize("changes", [(), ("training.runs.first frontier run.gpus=75000",)])
def test_a_simulation_searches_once_for_each_distinct_run(
    changes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = plan.resolve(plan.load("campus-1gw", changes))
    count = searches(monkeypatch)
    simulate(scenario)
    distinct = {(r.model, r.generation, r.gpus) for r in scenario.training.runs}
    assert len(count) >= len(distinct) > 0
    assert set(count.values()) == {1}


def test_what_a_search_does_not_ask_for_is_no_reason_to_search_again(monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = plan.resolve(plan.load("campus-1gw"))
    count, layouts = searches(monkeypatch), RunLayouts(scenario)
    run = scenario.training.runs[0]
    first = layouts.fastest(run)
    assert layouts.fastest(replace(run, name="another", tokens=2 * run.tokens)) is first
    assert sum(count.values()) == 1
    other = layouts.fastest(replace(run, sequence_tokens=2 * run.sequence_tokens))
    assert other != first
    assert layouts.fastest(replace(run, gpus=2 * run.gpus)).tokens_per_s > first.tokens_per_s
    assert sum(count.values()) == 3
