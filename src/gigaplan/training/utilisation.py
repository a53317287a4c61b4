"""What one GPU of a very large run trains, by the number of GPUs: the fastest of a few layouts at each size.

Layouts of published large runs are tried at all sizes at once: tensor ranks within a server, stages, context ranks,
experts over racks. A larger run has a larger batch, since the batch that still helps grows with compute (McCandlish
et al. 2018, arXiv:1812.06162; DeepSeek-AI 2024, arXiv:2401.02954).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import product
from typing import cast

import numpy as np
from numpy.typing import NDArray

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.training.inputs import Batch, LargeModel, TrainingEfficiency
from gigaplan.training.layout import Layouts
from gigaplan.training.search import free_bytes, memory_of
from gigaplan.training.step import step
from gigaplan.vocabulary.files.stored import key_of, stored_numbers
from gigaplan.vocabulary.members import Array

SIZES = tuple(4.0**k for k in range(5, 13))
"""GPUs at which speeds are calculated: 1,024 to 16.8 million; in between they go by the logarithm."""
TENSOR, PIPELINE, CONTEXT, EXPERT = (1, 2, 4, 8), (1, 2, 4, 8, 16), (1, 2, 4), (8, 16, 64, 128)
"""Ranks that are tried: those of the layouts of published runs of 1,000 GPUs and more."""
CHUNKS = (1, 3)
"""Chunks of a stage that are tried."""
WIDTHS = ("hidden", "ffn_dense", "ffn_expert")
"""Fields of an architecture that grow with its width."""
WIDTH_STEP = 64
"""Widths are multiples of it (NVIDIA, Matrix multiplication background, 2020)."""
ROOMS = ("compute", "training", "vocabulary")
"""Rooms whose source says what a run of any size trains."""
CURVES_KEPT = 256
"""Curves kept in memory: one for each system, precision and set of constants."""


@dataclass(frozen=True, slots=True)
class SpeedBySize:
    """What a GPU trains in runs of ``SIZES`` GPUs. Shapes: size."""

    flops_per_s: Array
    """Model FLOPs of one GPU and second, without failures; 0 where no layout fits or the batch can't be shared."""
    group_gpus: Array
    """GPUs of one replica group in the fastest layout: what a failure takes down where groups recover alone."""


def widened(model: Architecture, times: float) -> Architecture:
    """Return a model of the same shape so many times as wide: its parameters grow by about the square.

    Parameters
    ----------
    model : Architecture
        Model.
    times : float
        Factor on the width of the hidden state, of feed-forward blocks and experts, and on the number of heads.

    Returns
    -------
    Architecture
        The wider model; widths are rounded to whole multiples of 64, which tensor cores load by.
    """
    if times == 1:
        return model
    wide = {n: round(getattr(model, n) * times / WIDTH_STEP) * WIDTH_STEP for n in WIDTHS}
    heads = {n: max(round(getattr(model, n) * times), 1) for n in ("heads", "kv_heads")}
    return replace(model, **wide, **heads)


@lru_cache(maxsize=CURVES_KEPT)
def speed_by_size(
    device: Device, model: Architecture, precision: str, block_scaled: bool, e: TrainingEfficiency, large: LargeModel
) -> SpeedBySize:
    """Return what one GPU trains in the fastest layout, for runs of every size.

    Parameters
    ----------
    device : Device
        GPU and its networks.
    model : Architecture
        Model, as wide as it is trained.
    precision : {'bf16', 'fp8', 'fp4'}
        Number format of the matrix products.
    block_scaled : bool
        Whether narrow formats have scales by blocks (MXFP8, NVFP4).
    e : TrainingEfficiency
        Constants of the step-time model.
    large : LargeModel
        Sequence and batch of large runs.

    Returns
    -------
    SpeedBySize
        Speed and size of a replica group, by size of the run; stored for the runs that come.
    """

    def computed() -> list[float]:
        found = _speed_by_size(device, model, precision, block_scaled, e, large)
        return [*map(float, found.flops_per_s), *map(float, found.group_gpus)]

    key = key_of(device, model, precision, block_scaled, e, large, SIZES)
    speed, group = np.array(stored_numbers("runs", ROOMS, key, 2 * len(SIZES), computed)).reshape(2, -1)
    return SpeedBySize(speed, group)


def _speed_by_size(
    device: Device, model: Architecture, precision: str, block_scaled: bool, e: TrainingEfficiency, large: LargeModel
) -> SpeedBySize:
    """Return the fastest of all layouts at each size."""
    gpus, at, batch_tokens = _layouts(device, model, large)
    batch = _batch(batch_tokens, precision, block_scaled, large)
    # memory is quicker to evaluate than time, so only what fits is timed
    fits = memory_of(model, batch, at, e) <= free_bytes(device, e)
    if not fits.any():
        return SpeedBySize(np.zeros(len(SIZES)), np.ones(len(SIZES)))
    gpus, at, batch_tokens = gpus[fits], _taken(at, fits), batch_tokens[fits]
    one = step(device, model, _batch(batch_tokens, precision, block_scaled, large), at, e)
    speed = one.mfu_share * device.peak_flops_per_s(precision)
    best = np.array([int(np.argmax(np.where(gpus == size, speed, 0.0))) for size in SIZES])
    # a run too small for the model trains a smaller one about as fast as the smallest run that holds it
    holds = np.isin(SIZES, gpus)
    known = np.interp(np.arange(len(SIZES)), np.flatnonzero(holds), np.flatnonzero(holds)).astype(int)
    none = np.arange(len(SIZES)) > known  # a run too large to share its batch
    group = at.pipeline * np.maximum(at.tensor * at.context, at.expert)
    return SpeedBySize(np.where(none, 0.0, speed[best[known]]), group[best[known]])


def _layouts(device: Device, model: Architecture, large: LargeModel) -> tuple[Array, Layouts, Array]:
    """Return the layouts that are tried, of all sizes: the GPUs, the layout and the batch of each."""
    grid = np.array(list(product(SIZES, TENSOR, PIPELINE, CONTEXT, EXPERT, CHUNKS)))
    gpus, tensor, pipeline, context, expert, chunks = grid.T
    batch_tokens = np.maximum(large.batch_tokens(gpus * device.peak_bf16_flops_per_s), large.sequence_tokens)
    data = gpus / (tensor * pipeline * context)
    fits = (tensor <= min(device.scaleup_gpus, model.heads)) & (chunks * pipeline <= model.layers)
    fits &= (data >= 1) & (data <= batch_tokens / large.sequence_tokens) & ((chunks == 1) | (pipeline > 1))
    if model.experts:
        fits &= expert <= np.minimum(model.experts, data * tensor * context)
    else:
        fits &= expert == EXPERT[0]
        expert = np.ones_like(expert)
    one = np.ones_like(gpus)
    at = Layouts(tensor, pipeline, expert, data, one, 0 * one, context, chunks)
    return gpus[fits], _taken(at, fits), batch_tokens[fits]


def _taken(at: Layouts, which: NDArray[np.bool_]) -> Layouts:
    """Return some of the layouts; numbers hold for every layout."""
    return Layouts(*(v[which] if np.ndim(v) else v for v in (getattr(at, f.name) for f in fields(Layouts))))


def _batch(tokens: Array, precision: str, block_scaled: bool, large: LargeModel) -> Batch:
    """Return what the steps of some layouts work on: a batch for each, with which the step's formulas broadcast."""
    return Batch(
        global_batch_tokens=cast(float, tokens),
        sequence_tokens=large.sequence_tokens,
        precision=precision,
        block_scaled=float(block_scaled),
    )
