"""Whether a replica can be: do its ranks divide the model, and does one GPU's memory hold its share of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gigaplan.compute.divisors import divisors
from gigaplan.compute.memory import cache_bytes
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.placement import Placement
from gigaplan.vocabulary.members import Array


def splits_heads(architecture: Architecture, tensor: int) -> bool:
    """Return whether tensor ranks divide a model's attention heads, as every serving engine needs them to.

    Parameters
    ----------
    architecture : Architecture
        Shape of the model.
    tensor : int
        Ranks over which one request's heads are split [GPUs].

    Returns
    -------
    bool
        Whether each rank has as many heads as any other.
    """
    return int(architecture.heads) % tensor == 0


def misfits(
    architecture: Architecture, *, tensor: int, pipeline: int, data: int, expert: int, context: float, longest: float
) -> Iterator[str]:
    """Yield what a layout splits that can't be split so, and a request that is longer than the model takes.

    Parameters
    ----------
    architecture : Architecture
        Shape of the model.
    tensor, pipeline, data, expert : int
        Ranks of the layout by tensor, stage, data and expert [1].
    context : float
        Tokens of a request in all [tokens].
    longest : float
        The model's longest context, infinite where it is unknown [tokens].

    Yields
    ------
    str
        What doesn't fit, and what would.
    """
    heads, layers, experts = int(architecture.heads), int(architecture.layers), int(architecture.experts)
    if not splits_heads(architecture, tensor):
        yield f"tp {tensor} does not divide the model's {heads} attention heads: give {_divisors(heads, tensor)}"
    if pipeline > layers:
        yield f"pp {pipeline} is more than the model's {layers} layers"
    if expert > 1 and not experts:
        yield f"ep {expert}, and the model has no experts: give 1, or leave it empty"
    elif expert > 1 and experts % expert:
        yield f"ep {expert} does not divide the model's {experts} experts: give {_divisors(experts, expert)}"
    elif expert > 1 and (tensor * data) % expert:
        ranks = tensor * data
        yield f"ep {expert} does not divide the {ranks} GPUs of a stage: give {_divisors(ranks, expert)}"
    if context > longest:
        yield f"isl and osl are {context:,.0f} tokens together, the model's longest context is {longest:,.0f}"


def one_request_bytes(at: Placement, context: Array | float) -> tuple[Array, Array]:
    """Return what one GPU holds of the weights, and of the keys and values of one single request.

    Parameters
    ----------
    at : Placement
        Layouts of a replica.
    context : Array, shape (...)
        Tokens of the request [tokens].

    Returns
    -------
    tuple of Array
        Weights and cache on one GPU, each of the layouts' shape [byte].
    """
    one = np.ones_like(at.gpus)
    tokens = np.asarray(context, dtype=float)
    cache = cache_bytes(at.architecture, at.precision, tokens, one, at.attention_tp, at.pipeline)
    return at.weight_bytes(), cache


def _divisors(whole: int, near: int) -> str:
    """Return the divisors of a number next below and next above another, as ``8 or 16``."""
    below, above = ([k for k in divisors(whole) if (k < near) is side] for side in (True, False))
    return " or ".join(str(k) for k in (*below[-1:], *above[:1]))
