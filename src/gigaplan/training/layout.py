"""Parallel layouts of a training step, and what follows from a layout by itself.

A layout splits a model by tensor (with sequence), context, pipeline stages (in chunks taken in turn), experts (over the
tensor, context and data ranks) and data (fully sharded where asked). Ranks are numbered tensor first, then context,
data and stages (Megatron's order), which decides what crosses the scale-up domain. All arrays of a :class:`Layouts`
have one shape.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.transformer import Architecture
from gigaplan.training.inputs import Batch
from gigaplan.vocabulary.members import Array

SELECTIVE, FULL = 0.5, 1.0
"""Recomputation of what is cheap (norms, the feed-forward's activation), and of whole layers (Korthikanti et al.
2022)."""
ZERO_BUBBLE, DUALPIPE = 1.0, 2.0
"""Schedules: backward in two halves (ZB-H1, Qi et al. 2023); a stage of each end of the pipeline on each rank
(DeepSeek-AI 2024)."""
MAX_CHUNKS = 4.0
"""Chunks of its layers that a stage takes in turn where a layout doesn't state them (interleaved schedule of Narayanan
et al. 2021)."""


@dataclass(frozen=True, slots=True)
class Layouts:
    """Candidate layouts; all arrays have one shape, numbers hold for every layout."""

    tensor: Array
    """Ranks by tensor."""
    pipeline: Array
    """Pipeline stages."""
    expert: Array
    """Ranks by expert."""
    data: Array
    """Data ranks."""
    micro_batch: Array
    """Sequences of a micro-batch."""
    recompute: Array
    """Recomputation of activations: 0 none, ``SELECTIVE`` of what is cheap, ``FULL`` of whole layers."""
    context: Array | float = 1.0
    """Ranks by context: parts of a sequence."""
    chunks: Array | float = 0.0
    """Chunks of a stage's layers (virtual pipeline stages); 0 as many as usual."""
    fully_sharded: Array | float = 0.0
    """1 where weights are sharded over the data ranks (FSDP), else 0."""
    expert_tensor: Array | float = 0.0
    """Ranks that split one expert; 0 as usual."""
    schedule: Array | float = 0.0
    """0 one forward, one backward (Narayanan et al. 2021); else ``ZERO_BUBBLE`` or ``DUALPIPE``."""
    offload: Array | float = 0.0
    """1 where the optimiser's state lies in the host's memory, else 0."""


def micro_batches(batch: Batch, at: Layouts) -> Array:
    """Return the micro-batches that each pipeline works off in one step.

    Parameters
    ----------
    batch : Batch
        What one optimiser step works on.
    at : Layouts
        Layouts, any shape.

    Returns
    -------
    numpy.ndarray
        Number of micro-batches, shape of the layouts; not whole where the batch is only filled on average.
    """
    return batch.global_batch_tokens / (at.micro_batch * float(batch.sequence_tokens) * at.data)


def chunks_of(model: Architecture, at: Layouts) -> Array:
    """Return the chunks of its layers that a stage takes in turn; only the interleaved schedule has more than one.

    Parameters
    ----------
    model : Architecture
        Model, for its layers.
    at : Layouts
        Layouts, any shape.

    Returns
    -------
    numpy.ndarray
        Number of chunks, shape of the layouts.
    """
    usual = np.clip(np.floor(model.layers / at.pipeline), 1.0, MAX_CHUNKS)
    return np.where(np.asarray(at.schedule) > 0, 1.0, np.where(np.asarray(at.chunks) > 0, at.chunks, usual))


def tensor_of_experts(at: Layouts) -> Array:
    """Return the ranks that split one expert: as stated; else experts spread over ranks are whole, others split by
    tensor.

    Parameters
    ----------
    at : Layouts
        Layouts, any shape.

    Returns
    -------
    numpy.ndarray
        Ranks, shape of the layouts.
    """
    usual = np.where(np.asarray(at.expert) > 1, 1.0, at.tensor)
    return np.where(np.asarray(at.expert_tensor) > 0, at.expert_tensor, usual)
