"""A run in parts: some members at a time, so that the memory of a run is that of some members and of what is kept.

Every second part is run by a second process, forked where that is safe, into memory that both share.

Every part begins with the central member, whichever others it has, so that what is computed at central facts is the
same in all of them; it is taken from the first part.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from gigaplan.plan.scenario import Scenario
from gigaplan.results.result import Result
from gigaplan.simulate.collect import labels
from gigaplan.simulate.engine import STAGES, simulate
from gigaplan.simulate.keep import Keep, checked_keep, is_kept
from gigaplan.simulate.memory import members_at_once, require_memory
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, share_of
from gigaplan.vocabulary.sampling import Part
from gigaplan.vocabulary.second_process import second_process
from gigaplan.vocabulary.variables import variables


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
    return _joined(scenario, part_of, keep, progress, at_once - 1)


def _joined(
    scenario: Scenario,
    part_of: Callable[[Part], Scenario],
    keep: str | tuple[str, ...],
    progress: Progress | None,
    at_once: int,
) -> Result:
    """Run parts of so many members besides the central one, half of them in a second process where there can be one."""
    firsts = range(1, scenario.members, at_once)
    whole = _shared_arrays(labels(scenario), scenario.members, keep)

    def part(first: int, progress: Progress | None = None) -> Result:
        count = min(at_once, scenario.members - first)
        found = simulate(part_of(Part(count + 1, scenario.seed, first)), keep, progress)
        _add(whole, found, first)
        return found

    def parts(mine: Sequence[int]) -> Result:
        steps = len(mine) * STAGES
        found = [part(first, share_of(progress, k * STAGES, (k + 1) * STAGES, steps)) for k, first in enumerate(mine)]
        return found[0]

    with second_process(part, firsts[1::2]) as left_undone:
        first_part = parts(firsts[::2])
        for first in left_undone():
            part(first)
    held = {name: array for name, array in whole.items() if first_part.members(name) > 1}
    for array in held.values():
        array.flags.writeable = False
    stamp = replace(first_part.stamp, members=scenario.members)
    return replace(first_part, stamp=stamp, arrays={**first_part.arrays, **held}, draws=scenario.draws)


def _add(whole: Mapping[str, Array], part: Result, first: int) -> None:
    """Put a part's members at their place; the central one is the first part's."""
    for name, array in whole.items():
        if part.members(name) > 1:
            found = part[name]
            array[first : first + len(found) - 1] = found[1:]
            if first == 1:
                array[0] = found[0]


def _shared_arrays(
    labels: Mapping[str, tuple[str, ...]], members: int, keep: str | tuple[str, ...]
) -> dict[str, Array]:
    """Return an array for each quantity that is held for every member, in memory that a forked process shares.

    Parameters
    ----------
    labels : mapping of str to tuple of str
        The labels along every dim of the result but ``member``.
    members : int
        Members of the result.
    keep : str or tuple of str
        Which hourly quantities are held for every member.

    Returns
    -------
    dict of str to Array
        By quantity, the member axis first; a page takes memory once something is written to it.
    """
    sizes = {dim: len(names) for dim, names in labels.items()} | {"member": members}
    shapes = {
        name: tuple(sizes[d] for d in variable.dims)
        for name, variable in variables().items()
        if "member" in variable.dims and is_kept(variable, keep)
    }
    return {name: _shared(shape) for name, shape in shapes.items()}


def _shared(shape: tuple[int, ...]) -> Array:
    count = prod(shape)
    if not count:
        return np.empty(shape)
    return np.frombuffer(mmap.mmap(-1, count * np.dtype(float).itemsize), dtype=float, count=count).reshape(shape)
