"""Whether the GPUs of a row hold its model: refused by how much they lack, with the least layout that would do."""

from __future__ import annotations

import numpy as np

from gigaplan import catalog
from gigaplan.compute.memory import shortage_bytes
from gigaplan.inference.fit import misfits, one_request_bytes
from gigaplan.inference.frontier import layouts
from gigaplan.inference.step import Stage
from gigaplan.layers.checks import longest_context
from gigaplan.validation.serving.constants import shipped
from gigaplan.validation.serving.rows import Question, Worker, known
from gigaplan.vocabulary.errors import UnsupportedError

GB = 1e9


def stage_of(q: Question, worker: Worker) -> Stage:
    """Return one replica of a worker, with the shipped constants.

    Parameters
    ----------
    q
        The question of a row.
    worker
        One of its workers.
    """
    device, architecture = known(q.system, q.model)
    constants = shipped()
    gpus, stages, by_requests, tensor = (
        np.array(float(v)) for v in (worker.gpus, worker.pipeline, worker.by_requests, worker.tensor)
    )
    engine = constants.engines[q.engine]
    return Stage(
        device,
        architecture,
        q.precision,
        constants.efficiency,
        engine,
        gpus,
        stages,
        by_requests,
        tensor,
    )


def refuse_misfits(q: Question, *, tensor: int, data: int, expert: int) -> None:
    """Refuse a co-located layout that splits what can't be split, or a request that is too long.

    Parameters
    ----------
    q
        The question of a row.
    tensor, data, expert
        Ranks by tensor, data and expert.

    Raises
    ------
    UnsupportedError
        With all that doesn't fit.
    """
    device, architecture = known(q.system, q.model)
    wrong = list(
        misfits(
            architecture,
            tensor=tensor,
            pipeline=q.decode.pipeline,
            data=data,
            expert=expert,
            context=q.input_tokens + q.output_tokens,
            longest=longest_context(catalog.load(), q.model),
        )
    )
    beyond = q.decode.gpus * q.decode.pipeline > device.scaleup_gpus
    if beyond and not device.scaleout_bandwidth_bytes_per_s:
        wrong.append(
            f"a replica of {q.decode.gpus * q.decode.pipeline} GPUs is more than the {device.scaleup_gpus} of one "
            f"{q.system}, and the catalog has no network between them"
        )
    if wrong:
        raise UnsupportedError("; ".join(wrong))


def shortage(q: Question) -> str:
    """Return by how much each GPU's memory is too small for the model and one request, and the least layout that
    fits; "" where it is large enough.

    Parameters
    ----------
    q
        The question of a row.
    """
    for worker in (q.decode, q.prefill or q.decode):
        stage = stage_of(q, worker)
        context = q.input_tokens + q.output_tokens
        weights, cache = (float(part) for part in one_request_bytes(stage, context))
        there = stage.device.hbm_bytes
        if lacking := shortage_bytes(weights + cache, there):
            return (
                f"does not fit: {weights / GB:,.1f} GB of {q.precision} weights and {cache / GB:,.1f} GB of one "
                f"request's cache are {lacking / GB:,.1f} GB more than the {there / GB:,.0f} GB of a GPU; "
                f"{_smallest(q)}"
            )
    return ""


def _smallest(q: Question) -> str:
    """Return the co-located layout with the fewest GPUs that holds the model and one request."""
    device, architecture = known(q.system, q.model)
    tried = sorted((g for g in layouts(device, architecture) if not g[2]), key=lambda g: (g[0] * g[1], g[1]))
    gpus, stages = (np.array(v, dtype=float) for v in list(zip(*tried, strict=True))[:2])
    constants = shipped()
    many = Stage(
        device,
        architecture,
        q.precision,
        constants.efficiency,
        constants.engines[q.engine],
        gpus,
        stages,
        np.zeros_like(gpus),
    )
    weights, cache = one_request_bytes(many, q.input_tokens + q.output_tokens)
    fitting = np.flatnonzero(weights + cache <= many.free_bytes)
    if not fitting.size:
        return f"no layout on {q.system} that is tried holds it"
    tensor, pipeline, _ = tried[int(fitting[0])]
    stages_text = f" pp{pipeline}" if pipeline > 1 else ""
    return f"least layout that fits: tp{tensor}{stages_text} ({tensor * pipeline} GPUs)"
