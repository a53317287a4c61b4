"""The replicas behind the operating points of a frontier: which layout each is."""

from __future__ import annotations

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.frontier import BATCHES, OperatingPoint, layouts
from gigaplan.inference.inputs import NO_DRAFTS, Drafts, Efficiency, Engine, Request
from gigaplan.inference.serving import serve
from gigaplan.inference.step import Stage


def stages_of(
    points: tuple[OperatingPoint, ...],
    device: Device,
    architecture: Architecture,
    precision: str,
    request: Request,
    efficiency: Efficiency,
    engine: Engine,
    drafts: Drafts = NO_DRAFTS,
) -> list[Stage]:
    """Return one stage of the replica of each point that :func:`gigaplan.inference.frontier.choice` found.

    Parameters
    ----------
    points : tuple of OperatingPoint
        Points of one choice.
    device : Device
        Accelerator and its networks, as all below those that the choice was among.
    architecture : Architecture
        Shape of the model.
    precision : str
        Precision of the weights: 'bf16', 'fp8' or 'fp4'.
    request : Request
        Mean request.
    efficiency : Efficiency
        Shares of each peak that are reached.
    engine : Engine
        Calibrated times of the serving engine.
    drafts : Drafts
        Tokens that are drafted for each request and verified in one step.

    Returns
    -------
    list of Stage
        Stages whose arrays hold one value each.
    """
    gpus, pipeline, dp = (np.array(c, dtype=float)[:, None] for c in zip(*layouts(device, architecture), strict=True))
    every = Stage(device, architecture, precision, efficiency, engine, gpus, pipeline, dp, drafts=drafts)
    service, one = serve(every, BATCHES[None, :], request), np.array(1.0)
    found = []
    for p in points:
        far = np.abs(service.ttft_s / p.ttft_s - 1) + np.abs(service.tpot_s / p.tpot_s - 1)
        far = np.where((service.gpus == p.gpus) & (BATCHES * pipeline == p.batch), far, np.inf)
        k = int(np.unravel_index(np.argmin(far), far.shape)[0])
        of_one = gpus[k, 0] * one, pipeline[k, 0] * one, dp[k, 0] * one
        found.append(Stage(device, architecture, precision, efficiency, engine, *of_one, drafts=drafts))
    return found
