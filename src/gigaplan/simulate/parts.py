"""A run in parts: some members at a time, so that the memory of a run is that of some members and of what is kept.

Every part begins with the central member, whichever others it has, so that what is computed at central facts is the
same in all of them; it is taken from the first part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from gigaplan.plan.scenario import Scenario
from gigaplan.results.result import Result
from gigaplan.simulate.collect import labels
from gigaplan.simulate.engine import STAGES, simulate
from gigaplan.simulate.keep import Keep, checked_keep
from gigaplan.simulate.memory import members_at_once, require_memory
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, share_of
from gigaplan.vocabulary.sampling import Part


def simulate_in_parts(
    scenario: Scenario,
    part_of: Callable[[Part], Scenario],
    keep: Keep = "all",
    progress: Progress | None = None,
) -> Result:
    """Run a scenario, some of its members at a time.

    Parameters
    ----------
    scenario : Scenario
        A resolved plan with all its members.
    part_of : callable
        Returns the same plan resolved with some of them.
    keep : str or collection of str
        Which hourly quantities the result holds for every member, as :func:`simulate` takes it.
    progress : callable, optional
        Called with (steps done, steps, the next one); False cancels.

    Returns
    -------
    Result
        What :func:`simulate` returns of the whole, to the last bits of a sum.

    Raises
    ------
    UnknownQuantityError, MachineError, LawError
        As :func:`simulate` does.
    """
    keep, names = checked_keep(keep), labels(scenario)
    require_memory(names, scenario.members, keep)
    at_once = members_at_once(names, scenario.members)
    if at_once >= scenario.members:
        return simulate(scenario, keep, progress)
    firsts = range(1, scenario.members, at_once - 1)
    steps = len(firsts) * STAGES
    whole: dict[str, Array] = {}
    first_part: Result | None = None
    for k, first in enumerate(firsts):
        count = min(at_once - 1, scenario.members - first)
        of = share_of(progress, k * STAGES, (k + 1) * STAGES, steps)
        part = simulate(part_of(Part(count + 1, scenario.seed, first)), keep, of)
        first_part = first_part or part
        _add(whole, part, first, scenario.members)
    assert first_part is not None
    for array in whole.values():
        array.flags.writeable = False
    stamp = replace(first_part.stamp, members=scenario.members)
    return replace(first_part, stamp=stamp, arrays={**first_part.arrays, **whole}, draws=scenario.draws)


def _add(whole: dict[str, Array], part: Result, first: int, members: int) -> None:
    """Put a part's members at their place; the central one of the first part stays."""
    for name in part.arrays:
        if part.members(name) == 1:
            continue
        array = part[name]
        if name not in whole:
            whole[name] = np.empty((members, *array.shape[1:]))
            whole[name][0] = array[0]
        whole[name][first : first + len(array) - 1] = array[1:]
