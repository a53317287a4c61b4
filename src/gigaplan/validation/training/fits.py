"""Whether the GPUs of a training row hold its state: by how much they don't, and the least layout that would do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gigaplan.compute.divisors import divisors
from gigaplan.compute.memory import shortage_bytes
from gigaplan.training.inputs import Batch
from gigaplan.training.layout import FULL, Layouts
from gigaplan.training.search import free_bytes, memory_of
from gigaplan.validation.training.constants import shipped
from gigaplan.validation.training.names import known
from gigaplan.validation.training.rows import Question

GB = 1e9
DOUBLINGS = 10
"""How often the row's GPUs are doubled at most, in looking for a layout that fits."""


def shortage(q: Question, memory_bytes: float) -> str:
    """Return by how much a row's layout needs more memory than a GPU has, and the least layout that fits; "" where it
    fits.

    Parameters
    ----------
    q
        The question of a row.
    memory_bytes
        Memory of the fullest GPU, as counted [byte].
    """
    there = known(q.system, q.model)[0].hbm_bytes
    lacking = shortage_bytes(memory_bytes, there)
    if not lacking:
        return ""
    needed, have, over = (v / GB for v in (memory_bytes, there, lacking))
    return (
        f"does not fit: {needed:,.1f} GB a GPU are {over:,.1f} GB more than the {have:,.0f} GB of one; {_smallest(q)}"
    )


def _smallest(q: Question) -> str:
    """Return the layout on the fewest GPUs, with the row's batch and software, whose state each GPU holds."""
    device, model = known(q.system, q.model)
    efficiency = shipped()[q.software]
    batch = Batch(global_batch_tokens=q.tokens, sequence_tokens=q.sequence, precision=q.precision)
    for gpus in (q.gpus * 2**k for k in range(DOUBLINGS + 1)):
        tried = list(_splits(q, gpus))
        for recompute in dict.fromkeys((q.recompute, FULL)) if tried else ():
            at = _layouts(q, tried, recompute)
            fitting = np.flatnonzero(memory_of(model, batch, at, efficiency) <= free_bytes(device, efficiency))
            if fitting.size:
                t, p, d = tried[int(fitting[0])]
                again = " recompute=full" if recompute == FULL else ""
                return f"least layout that fits: tp{t} pp{p} dp{d} mb1{again} ({gpus:,} GPUs)"
    return f"no layout of up to {q.gpus * 2**DOUBLINGS:,} GPUs that is tried holds it"


def _layouts(q: Question, tried: Sequence[tuple[int, int, int]], recompute: float) -> Layouts:
    """Return splits by tensor, stage and data as layouts with all else as the row has it, in the smallest batch."""
    tensor, pipeline, data = (np.array(v, dtype=float) for v in zip(*tried, strict=True))
    one = np.ones_like(tensor)
    return Layouts(
        tensor=tensor,
        pipeline=pipeline,
        expert=one * q.expert,
        data=data,
        micro_batch=one,
        recompute=one * recompute,
        context=one * q.context,
        chunks=one,
        fully_sharded=one * q.fully_sharded,
    )


def _splits(q: Question, gpus: int) -> Iterator[tuple[int, int, int]]:
    """Yield tensor ranks, stages and data ranks that divide the model, the batch and the GPUs, few stages first."""
    device, model = known(q.system, q.model)
    for pipeline in (p for p in divisors(gpus) if p <= model.layers):
        for tensor in (t for t in range(1, device.scaleup_gpus + 1) if model.heads % t == 0):
            data, rest = divmod(gpus, tensor * pipeline * q.context)
            if data and not rest and q.sequences % data == 0 and (tensor * q.context * data) % q.expert == 0:
                yield tensor, pipeline, data
