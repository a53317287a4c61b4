"""What a transformer asks for: parameters, FLOPs, bytes and memory, from its architecture alone.

One multiply-add is two FLOPs. Sizes follow the published architectures: grouped-query attention (Ainslie et al.
2023), multi-head latent attention and shared experts (DeepSeek-AI 2024), gated feed-forward (Shazeer 2020),
sliding-window layers between full ones (Beltagy, Peters and Cohan 2020), layers with a state between full ones
(Yang et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array

Count = Annotated[int, Ge(0)]
MATRICES_OF_GATED_FFN = 3

WEIGHT_BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 0.5 + 1 / 16}
"""Bytes per weight; FP4 with one 8-bit scale for every 16 weights (NVFP4)."""
CACHE_BYTES = {"bf16": 2.0, "fp8": 1.0, "fp4": 1.0}
"""Bytes per cached value: FP8 beside FP8 and FP4 weights."""
ACTIVATION_BYTES = 2.0
"""Bytes per activation (BF16); embeddings and output head stay in it too, in every checkpoint."""


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
QUANTISE_ATTENTION, QUANTISE_LATENT, QUANTISE_FFN, QUANTISE_SHARED = 2, 3, 2, 1
"""Kernels that quantise activations for FP8 weights with a scale for each block."""
SHARED_EXPERT_KERNELS = ("shared gate and up", "shared activation", "shared down")
"""Kernels that serving engines launch for one layer, as the architecture's own steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The shape of a decoder-only transformer; 0 where a part is absent (``head_dim`` 0: hidden / heads).

    Raises
    ------
    InputError
        If experts are named without a width or a number per token.
    """

    layers: Annotated[int, Ge(1)]
    hidden: Annotated[int, Ge(1)]
    heads: Annotated[int, Ge(1)]
    kv_heads: Annotated[int, Ge(1)]
    head_dim: Count = 0
    ffn_dense: Count = 0
    ffn_expert: Count = 0
    experts: Count = 0
    experts_per_token: Count = 0
    shared_experts: Count = 0
    first_dense_layers: Count = 0
    vocab: Annotated[int, Ge(1)]
    mla_kv_lora: Count = 0
    mla_q_lora: Count = 0
    mla_qk_nope: Count = 0
    mla_qk_rope: Count = 0
    mla_v_head: Count = 0
    sliding_window: Count = 0
    full_attention_every: Count = 0
    linear_key_heads: Count = 0
    linear_value_heads: Count = 0
    """Layers between full ones that keep a state instead of keys and values (gated delta rule: Yang et al. 2024)."""
    linear_head_dim: Count = 0
    gated_attention: Count = 0
    """1 where full attention has an output gate as wide as its queries."""
    plain_ffn: Count = 0
    """1 where the feed-forward has two matrices instead of the three of a gated one."""
    fp8_blocks: Count = 0
    """1 where FP8 weights have a scale for each block."""
    tied_embeddings: Count = 0
    """1 where the output head is the embedding."""

    def __post_init__(self) -> None:
        if self.experts and not (self.ffn_expert and 0 < self.experts_per_token <= self.experts):
            raise InputError(
                f"{self.experts} experts with ffn_expert {self.ffn_expert} and experts_per_token "
                f"{self.experts_per_token}: state the width of an expert and between 1 and {self.experts} per token",
                path=("experts_per_token", "ffn_expert", "experts"),
            )

    @property
    def mla(self) -> bool:
        """Return whether attention keeps a latent instead of keys and values."""
        return self.mla_kv_lora > 0

    @property
    def head_width(self) -> int:
        """Return the width of one head."""
        return self.head_dim or self.hidden // self.heads

    @property
    def moe_layers(self) -> int:
        """Return the number of layers with routed experts."""
        return self.layers - self.first_dense_layers if self.experts else 0

    @property
    def dense_layers(self) -> int:
        """Return the number of layers with one dense feed-forward block."""
        return self.layers - self.moe_layers

    @property
    def ffn_matrices(self) -> int:
        """Return the matrices of one feed-forward block."""
        return MATRICES_OF_GATED_FFN - self.plain_ffn

    @property
    def attention_parameters(self) -> float:
        """Return the attention parameters of one layer, mean over layers."""
        if not self.linear_value_heads:
            return self._full_attention_parameters
        return (
            self._full_share * self._full_attention_parameters
            + (1 - self._full_share) * self._linear_attention_parameters
        )

    @property
    def _linear_attention_parameters(self) -> float:
        """Queries and keys, values, output gate and output of a layer that keeps a state."""
        keys, values = self.linear_key_heads * self.linear_head_dim, self.linear_value_heads * self.linear_head_dim
        return float(self.hidden * (2 * keys + 3 * values + 2 * self.linear_value_heads))

    @property
    def _full_attention_parameters(self) -> float:
        h, n, d = self.hidden, self.heads, self.head_width
        if not self.mla:
            return float((1 + self.gated_attention) * h * n * d + 2 * h * self.kv_heads * d + n * d * h)
        query = h * self.mla_q_lora + self.mla_q_lora * n * (self.mla_qk_nope + self.mla_qk_rope)
        if not self.mla_q_lora:
            query = h * n * (self.mla_qk_nope + self.mla_qk_rope)
        latent = h * (self.mla_kv_lora + self.mla_qk_rope)
        up = self.mla_kv_lora * n * (self.mla_qk_nope + self.mla_v_head)
        return float(query + latent + up + n * self.mla_v_head * h)

    @property
    def dense_ffn_parameters(self) -> float:
        """Return the feed-forward parameters of one dense layer."""
        return float(self.ffn_matrices * self.hidden * self.ffn_dense)

    @property
    def expert_parameters(self) -> float:
        """Return the parameters of one expert."""
        return float(self.ffn_matrices * self.hidden * self.ffn_expert)

    @property
    def embedding_parameters(self) -> float:
        """Return the parameters of the embedding (and, untied, again of the head)."""
        return float(self.vocab * self.hidden)

    @property
    def parameters(self) -> float:
        """Return all parameters."""
        return sum(self.parameters_by_part().values())

    @property
    def active_parameters(self) -> float:
        """Return the parameters that one token visits, embedding included (as vendors count)."""
        return sum(self.parameters_by_part(active=True).values())

    def parameters_by_part(self, *, active: bool = False) -> dict[str, float]:
        """Return the parameters of each part over all layers; ``active`` counts only what one token visits."""
        routed = self.experts_per_token if active else self.experts
        return {
            "attention": self.layers * self.attention_parameters,
            "dense_ffn": self.dense_layers * self.dense_ffn_parameters,
            "routed_experts": self.moe_layers * routed * self.expert_parameters,
            "shared_experts": self.moe_layers * self.shared_experts * self.expert_parameters,
            "router": float(self.moe_layers * self.hidden * self.experts),
            "embedding": self.embedding_parameters,
            "head": 0.0 if self.tied_embeddings else self.embedding_parameters,
        }

    def kernels(self, precision: str = "bf16", *, fused: bool = False) -> int:
        """Return the number of kernels of one step over all layers; ``fused`` where FP4 is computed in hardware."""
        attention = LATENT_ATTENTION_KERNELS if self.mla else ATTENTION_KERNELS
        full = round(self.layers * self._full_share) if self.linear_value_heads else self.layers
        mixing = full * len(attention) + (self.layers - full) * len(STATE_KERNELS)
        experts = len(FUSED_EXPERT_KERNELS) if fused and precision == "fp4" else len(EXPERT_KERNELS)
        routed = experts + (len(SHARED_EXPERT_KERNELS) if self.shared_experts else 0)
        plain = mixing + self.dense_layers * len(DENSE_KERNELS) + self.moe_layers * routed
        if not (self.fp8_blocks and precision == "fp8"):
            return plain
        more = self.layers * (QUANTISE_LATENT if self.mla else QUANTISE_ATTENTION) + self.layers * QUANTISE_FFN
        return plain + more + (self.moe_layers * QUANTISE_SHARED if self.shared_experts else 0)

    def attention_weight_bytes_each(self, precision: str) -> float:
        """Return the bytes per attention weight: FP4 checkpoints with experts keep attention in BF16."""
        return ACTIVATION_BYTES if precision == "fp4" and self.experts else WEIGHT_BYTES[precision]

    def attention_math(self, precision: str) -> str:
        """Return the precision that attention projections compute in."""
        return "bf16" if precision == "fp4" and self.experts else precision

    def attended_tokens(self, context: Array) -> Array:
        """Return the tokens that a layer attends to [tokens], mean over layers: sliding ones see their window only,
        those that keep a state as many as would weigh what the state does."""
        if self.linear_value_heads:
            return self._full_share * context + (1 - self._full_share) * self.state_tokens
        if not self.sliding_window:
            return context
        return self._full_share * context + (1 - self._full_share) * np.minimum(context, self.sliding_window)

    def attended_tokens_in_prefill(self, fresh: Array, cached: Array) -> Array:
        """Return the tokens that each of ``fresh`` new ones attends to [tokens], mean over them and over layers.

        Equation: the mean of ``min(x, window)`` for x from cached to cached + fresh (causal).
        """
        end = cached + fresh
        if self.linear_value_heads:
            return self._full_share * (cached + end) / 2 + (1 - self._full_share) * self.linear_head_dim
        if not self.sliding_window:
            return (cached + end) / 2
        w = float(self.sliding_window)

        def area(x: Array) -> Array:
            return np.where(x <= w, x * x / 2, w * x - w * w / 2)

        sliding = (area(end) - area(cached)) / np.maximum(fresh, 1.0)
        return self._full_share * (cached + end) / 2 + (1 - self._full_share) * sliding

    @property
    def state_tokens(self) -> float:
        """Return how many tokens' keys and values weigh what one layer's state does: heads x width x width."""
        state = self.linear_value_heads * self.linear_head_dim**2
        return state / (2 * self.kv_heads * self.head_width)

    @property
    def _full_share(self) -> float:
        return 1 / self.full_attention_every if self.full_attention_every else 0.0

    def decode_attention_flops(self, context: Array) -> Array:
        """Return the attention FLOPs of one new token in one layer at a context, projections apart.

        Grouped-query: scores and values, ``4 heads width context``. Latent attention absorbs its up-projections, so
        that scores are against the latent: ``2 heads (2 latent + rope) context`` (DeepSeek-AI 2024).
        """
        seen = self.attended_tokens(context)
        if self.mla:
            return 2.0 * self.heads * (2 * self.mla_kv_lora + self.mla_qk_rope) * seen
        return 4.0 * self.heads * self.head_width * seen

    def prefill_attention_flops(self, fresh: Array, cached: Array) -> Array:
        """Return the attention FLOPs of ``fresh`` new tokens after ``cached`` ones in one layer, projections apart."""
        seen = self.attended_tokens_in_prefill(fresh, cached)
        width = self.mla_qk_nope + self.mla_qk_rope + self.mla_v_head if self.mla else 2 * self.head_width
        return 2.0 * self.heads * width * seen * fresh

    def forward_flops_per_token(self, context: Array) -> Array:
        """Return the FLOPs of one new token at a context: two per active parameter (the embedding is a look-up) and
        attention."""
        matrices = self.active_parameters - self.embedding_parameters
        return 2 * matrices + self.layers * self.decode_attention_flops(context)

    def kv_bytes_per_token_layer(self, bytes_each: float) -> float:
        """Return the cache bytes of one token in one layer: keys and values, or the latent and its rope part."""
        if self.mla:
            return (self.mla_kv_lora + self.mla_qk_rope) * bytes_each
        return 2 * self.kv_heads * self.head_width * bytes_each

    def kv_bytes(self, context: Array, bytes_each: float) -> Array:
        """Return the cache bytes of one request of ``context`` tokens over all layers."""
        return self.layers * self.kv_bytes_per_token_layer(bytes_each) * self.attended_tokens(context)


def experts_touched(experts: int, per_token: int, tokens: Array) -> Array:
    """Return the expected number of distinct experts that ``tokens`` tokens visit.

    Equation: ``E (1 - (1 - k/E)^T)``, the occupancy of E cells by uniform independent choices (Feller 1968, II.5).
    Real routers are less even, so this is an upper bound on distinct experts.
    """
    tokens = np.asarray(tokens, dtype=float)
    if not experts:
        return np.zeros_like(tokens)
    if per_token >= experts:
        return np.where(tokens > 0, float(experts), 0.0)
    return np.asarray(experts * -np.expm1(tokens * np.log1p(-per_token / experts)))
