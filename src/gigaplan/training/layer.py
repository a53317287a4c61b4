"""The device's work on one layer of one micro-batch, forward and backward: arithmetic, and memory traffic that shows.

Products run at a share of the peak at the clock that the power limit leaves; a stated part of their memory traffic does
not hide behind arithmetic (roofline: Williams et al. 2009). All times are of one rank; shapes are those of the layouts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.compute.clock import rated_clock
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import ACTIVATION_BYTES, MATRICES_OF_GATED_FFN, WEIGHT_BYTES, Architecture
from gigaplan.training.inputs import Batch, TrainingEfficiency
from gigaplan.training.layout import SELECTIVE, Layouts, tensor_of_experts
from gigaplan.vocabulary.members import Array

FORWARD_AND_BACKWARD = 3.0
"""Backward takes twice the forward's products."""
FLASH_FORWARD_AND_BACKWARD = 3.5
"""Backward of flash attention forms the scores again: five products to the forward's two (Dao et al. 2022)."""
NARROW_ATTENTION = 0.25
"""Gain of attention whose products are in FP8: softmax stays as slow as it is (Shah et al. 2024, figure 7, 1.2 PFLOP/s
for 0.74 forward; backward gains less)."""
ACCUMULATED_BYTES = 8.0
"""Per weight and micro-batch: the sum of gradients, read and written in FP32 (Megatron's accumulation)."""


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What the times of a step depend on. Shapes: layout."""

    device: Device
    """GPU and its networks."""
    model: Architecture
    """Model."""
    batch: Batch
    """What one step works on."""
    at: Layouts
    """Layouts."""
    e: TrainingEfficiency
    """Constants of the step-time model."""

    @property
    def tokens(self) -> Array:
        """Tokens of one micro-batch on one context rank."""
        return self.at.micro_batch * float(self.batch.sequence_tokens) / self.at.context

    @property
    def rest(self) -> Array | float:
        """Ranks that share what tensor parallelism does not split."""
        return 1 + (self.at.tensor - 1) * self.e.sequence_parallel

    @property
    def clock(self) -> float:
        """Share of its clock that a package keeps at its power limit while products run: at the rated power newer ones
        have fewer watts per FLOP/s, and below it the limit lowers the clock further."""
        if not self.device.rated_w:
            return self.device.clock_share
        # newer devices have fewer watts per FLOP/s, so that products alone reach their limit of power
        watts = self.device.rated_w / self.device.peak_bf16_flops_per_s
        return rated_clock(watts, self.e.full_clock_j_per_flop) * self.device.clock_share

    def peak(self, precision: str) -> float:
        """Return the peak of products at that clock.

        Parameters
        ----------
        precision : {'bf16', 'fp8', 'fp4'}
            Precision of the products.

        Returns
        -------
        float
            Peak [FLOP/s].
        """
        return self.device.peak_flops_per_s(precision) * self.clock

    @property
    def older(self) -> Array | float:
        """Factor on the device's times for the age of the software."""
        return np.exp(self.e.training_gain_per_year * np.asarray(self.batch.years_behind))

    @property
    def older_experts(self) -> Array | float:
        """Factor on the times of experts for the age of the software."""
        return self.older * np.exp(self.e.expert_gain_per_year * np.asarray(self.batch.years_behind))

    @property
    def older_host(self) -> Array | float:
        """Factor on the host's times for the age of the software."""
        return np.exp(self.e.host_gain_per_year * np.asarray(self.batch.years_behind))


def product_s(s: StepInputs, rows: Array, inner: Array | float, outer: Array | float, precision: str) -> Array:
    """Return the time of a product ``(rows, inner) x (inner, outer)``, forward and backward.

    ``3 (2 r i o / peak + b / bandwidth)``: arithmetic, and the part b of its memory traffic that does not hide.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.
    rows : numpy.ndarray
        Rows of the left matrix, shape of the layouts.
    inner : float or numpy.ndarray
        Columns of the left matrix and rows of the right one.
    outer : float or numpy.ndarray
        Columns of the right matrix.
    precision : {'bf16', 'fp8', 'fp4'}
        Precision of the product.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    peak = s.peak(precision) * s.e.gemm_share(precision)
    bytes_moved = (rows * (inner + outer) + inner * outer) * max(WEIGHT_BYTES[precision], 1.0)
    frozen = np.asarray(s.batch.frozen)
    bytes_moved = bytes_moved + inner * outer * ACCUMULATED_BYTES / FORWARD_AND_BACKWARD * (1 - frozen)
    exposed = s.e.training_traffic_share * bytes_moved / s.device.hbm_bandwidth_bytes_per_s
    # frozen weights need no gradient of their own: one product of the backward pass is left of two
    return np.asarray((FORWARD_AND_BACKWARD - frozen) * (2 * rows * inner * outer / peak + exposed))


def dense_layer_s(s: StepInputs) -> Array:
    """Return the device's time for what every layer does: projections, attention, a dense or shared feed-forward.

    Layers with experts and layers without are taken together by their mean.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    m, p, t = s.model, s.batch.precision, s.at.tensor
    share = m.dense_layers / m.layers
    time = product_s(s, s.tokens, m.hidden, m.attention_parameters / m.hidden / t, p)
    if share:
        time = time + share * product_s(s, s.tokens, m.hidden, m.ffn_matrices * m.ffn_dense / t, p)
    if m.shared_experts and share < 1:
        time = time + (1 - share) * product_s(
            s, s.tokens, m.hidden, m.ffn_matrices * m.ffn_expert * m.shared_experts / t, p
        )
    wide = (
        (share * m.ffn_dense + (1 - share) * m.ffn_expert * m.shared_experts) * m.ffn_matrices / MATRICES_OF_GATED_FFN
    )
    passes = s.e.training_passes + (
        s.e.quantise_passes + s.batch.block_scaled * s.e.block_passes if p != "bf16" else 0.0
    )
    passes = passes * (1 + (np.asarray(s.at.recompute) == SELECTIVE) * SELECTIVE / FORWARD_AND_BACKWARD)
    # norms, activations and residuals do no arithmetic to speak of: they pass memory
    elementwise = (
        passes * s.tokens * (m.hidden / s.rest + wide / t) * ACTIVATION_BYTES / s.device.hbm_bandwidth_bytes_per_s
    )
    return np.asarray((time + elementwise + attention_s(s)) * s.older)


def attention_s(s: StepInputs) -> Array:
    """Return the time of attention on one layer, forward and backward (Dao et al. 2022).

    Unfused, the whole square of scores is formed and passes memory.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    sequence = float(s.batch.sequence_tokens)
    flops = (
        float(s.model.prefill_attention_flops(np.asarray(sequence), np.asarray(0.0)))
        / sequence
        * s.tokens
        / s.at.tensor
    )
    peak = s.peak("bf16") * s.e.training_attention_share * (1 + np.asarray(s.batch.narrow_attention) * NARROW_ATTENTION)
    if not s.e.score_passes:
        return np.asarray(FLASH_FORWARD_AND_BACKWARD * flops / peak)
    scores = s.tokens * sequence * s.model.heads / s.at.tensor * ACTIVATION_BYTES * s.e.score_passes
    return np.asarray(2 * FORWARD_AND_BACKWARD * flops / peak + scores / s.device.hbm_bandwidth_bytes_per_s)


def expert_layer_s(s: StepInputs) -> Array:
    """Return the device's time for the routed experts of one layer, forward and backward: of the rank with most rows.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    m = s.model
    if not m.experts:
        return np.zeros_like(s.at.tensor)
    split = tensor_of_experts(s.at)
    rows = s.tokens / (s.at.tensor / split) * m.experts_per_token * s.batch.imbalance  # that this rank's experts see
    each = rows * s.at.expert / m.experts
    width = m.ffn_matrices * m.ffn_expert / split
    peak = s.peak(s.batch.precision) * s.e.gemm_share(s.batch.precision) * s.e.training_expert_share
    weights = m.experts / s.at.expert * m.hidden * width
    traffic = (rows * (m.hidden + width) + weights) * max(WEIGHT_BYTES[s.batch.precision], 1.0)
    frozen = np.asarray(s.batch.frozen)
    summed = weights * ACCUMULATED_BYTES / FORWARD_AND_BACKWARD * (1 - frozen)
    traffic = (traffic + summed) * s.e.training_traffic_share
    passes = (
        s.e.expert_passes
        + np.asarray(s.batch.unfused_experts) * s.e.unfused_passes
        + np.asarray(s.batch.copy_per_expert) * s.e.dispatch_passes
    )
    moved = passes * rows * (m.hidden + m.ffn_expert / split) * ACTIVATION_BYTES
    # a grouped product of few rows fills its tiles badly
    padded = rows * (1 + s.e.training_expert_half_rows / np.maximum(each, 1.0))
    return np.asarray(
        (
            (FORWARD_AND_BACKWARD - frozen)
            * (2 * padded * m.hidden * width / peak + traffic / s.device.hbm_bandwidth_bytes_per_s)
            + moved / s.device.hbm_bandwidth_bytes_per_s
        )
        * s.older_experts
    )


def expert_launches_s(s: StepInputs) -> Array:
    """Return the host's time to launch what experts add to one layer [s]: once a layer, and once for each expert of a
    rank, whose products are kernels of their own (as Transformer Engine's grouped linear layers loop over them).

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    # one scale for a tensor needs its largest value first, so that casting each expert's tokens launches more
    casts = (s.batch.precision != "bf16") * (1 - np.asarray(s.batch.block_scaled)) * s.e.cast_launches
    return np.asarray(s.e.expert_overhead_s + s.model.experts / s.at.expert * s.e.expert_launch_s * (1 + casts))


def head_s(s: StepInputs) -> Array:
    """Return the time of the output head on the last stage, forward and backward [s]; it stays in BF16.

    Parameters
    ----------
    s : StepInputs
        Device, model, batch, layouts and constants.

    Returns
    -------
    numpy.ndarray
        Time [s], shape of the layouts.
    """
    logits = s.tokens * s.model.vocab / s.at.tensor * ACTIVATION_BYTES / s.device.hbm_bandwidth_bytes_per_s
    product = product_s(s, s.tokens, s.model.hidden, s.model.vocab / s.at.tensor, "bf16")
    product = product / (1 - np.asarray(s.batch.odd_vocabulary) * (1 - s.e.odd_share))
    return np.asarray((product + s.e.logit_passes * logits) * s.older)
