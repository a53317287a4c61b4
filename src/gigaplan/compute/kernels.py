"""Kernels that serving engines launch for one step of a transformer, as the architecture's own steps.

Each launch costs time on top of the work that it does, so that their number bounds the speed of small steps.
"""

from __future__ import annotations

from gigaplan.compute.transformer import Architecture

ATTENTION_KERNELS = ("norm", "query-key-value", "rotary and cache write", "attention", "output")
LATENT_ATTENTION_KERNELS = (
    "norm",
    "down",
    "latent norm",
    "query up",
    "absorb keys",
    "rotary and cache write",
    "attention",
    "absorb values",
    "output",
)
STATE_KERNELS = (
    "norm",
    "query-key-value-gate",
    "step sizes",
    "convolution",
    "gates",
    "delta rule",
    "gated norm",
    "output",
)
DENSE_KERNELS = ("norm", "gate and up", "activation", "down")
EXPERT_KERNELS = ("norm", "router", "choose", "permute", "gate and up", "activation", "down", "combine")
FUSED_EXPERT_KERNELS = ("norm", "router", "choose", "gate and up", "down and combine")
"""Where FP4 is computed in hardware, engines take the fused kernels that came with it."""
SHARED_EXPERT_KERNELS = ("shared gate and up", "shared activation", "shared down")
QUANTISE_ATTENTION, QUANTISE_LATENT, QUANTISE_FFN, QUANTISE_SHARED = 2, 3, 2, 1
"""Kernels that quantise activations for FP8 weights with a scale for each block."""


def kernels_per_step(architecture: Architecture, precision: str = "bf16", *, fp4_hardware: bool = False) -> int:
    """Return the number of kernels of one step over all layers.

    Parameters
    ----------
    architecture : Architecture
        Shape of the model.
    precision : str
        Precision of the weights: 'bf16', 'fp8' or 'fp4'.
    fp4_hardware : bool
        Whether the device computes in FP4, for which engines have fused kernels of experts.

    Returns
    -------
    int
        Launches of one step [1].

    Examples
    --------
    Five kernels of attention and four of the feed-forward in each of 32 layers:

    >>> kernels_per_step(Architecture(layers=32, hidden=4096, heads=32, kv_heads=8, ffn_dense=14336, vocab=128256))
    288
    """
    a = architecture
    attention = LATENT_ATTENTION_KERNELS if a.mla else ATTENTION_KERNELS
    full_layers = round(a.layers * a.full_attention_share) if a.linear_value_heads else a.layers
    mixing = full_layers * len(attention) + (a.layers - full_layers) * len(STATE_KERNELS)
    experts = len(FUSED_EXPERT_KERNELS) if fp4_hardware and precision == "fp4" else len(EXPERT_KERNELS)
    routed = experts + (len(SHARED_EXPERT_KERNELS) if a.shared_experts else 0)
    unquantised = mixing + a.dense_layers * len(DENSE_KERNELS) + a.moe_layers * routed
    if not (a.fp8_blocks and precision == "fp8"):
        return unquantised
    quantise = a.layers * (QUANTISE_LATENT if a.mla else QUANTISE_ATTENTION) + a.layers * QUANTISE_FFN
    return unquantised + quantise + (a.moe_layers * QUANTISE_SHARED if a.shared_experts else 0)
