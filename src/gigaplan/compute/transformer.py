"""What a transformer asks for: parameters, FLOPs, bytes and memory, from its architecture alone.

One multiply-add is two FLOPs. Sizes follow the published architectures: grouped-query attention (Ainslie et al.
2023), multi-head latent attention and shared experts (DeepSeek-AI 2024), gated feed-forward (Shazeer 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from gigaplan.vocabulary.members import Array

Count = Annotated[int, Ge(0)]
MATRICES_OF_GATED_FFN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The shape of a decoder-only transformer; 0 where a part is absent."""

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

    @property
    def mla(self) -> bool:
        """Return whether attention keeps a latent instead of keys and values."""
        return self.mla_kv_lora > 0

    @property
    def moe_layers(self) -> int:
        """Return the number of layers with routed experts."""
        return self.layers - self.first_dense_layers if self.experts else 0

    @property
    def attention_parameters(self) -> float:
        """Return the attention parameters of one layer."""
        h, n, d = self.hidden, self.heads, self.head_dim
        if not self.mla:
            return float(h * n * d + 2 * h * self.kv_heads * d + n * d * h)
        query = h * self.mla_q_lora + self.mla_q_lora * n * (self.mla_qk_nope + self.mla_qk_rope)
        if not self.mla_q_lora:
            query = h * n * (self.mla_qk_nope + self.mla_qk_rope)
        latent = h * (self.mla_kv_lora + self.mla_qk_rope)
        up = self.mla_kv_lora * n * (self.mla_qk_nope + self.mla_v_head)
        return float(query + latent + up + n * self.mla_v_head * h)

    @property
    def dense_ffn_parameters(self) -> float:
        """Return the feed-forward parameters of one dense layer."""
        return float(MATRICES_OF_GATED_FFN * self.hidden * self.ffn_dense)

    @property
    def expert_parameters(self) -> float:
        """Return the parameters of one expert."""
        return float(MATRICES_OF_GATED_FFN * self.hidden * self.ffn_expert)

    @property
    def embedding_parameters(self) -> float:
        """Return the parameters of the embedding (and, untied, again of the head)."""
        return float(self.vocab * self.hidden)

    @property
    def parameters(self) -> float:
        """Return all parameters."""
        return self._count(self.experts)

    @property
    def active_parameters(self) -> float:
        """Return the parameters that one token visits."""
        return self._count(self.experts_per_token)

    def _count(self, experts: int) -> float:
        moe = self.moe_layers * ((experts + self.shared_experts) * self.expert_parameters + self.hidden * self.experts)
        dense = (self.layers - self.moe_layers) * self.dense_ffn_parameters
        return self.layers * self.attention_parameters + moe + dense + 2 * self.embedding_parameters

    def attended_tokens(self, context: Array) -> Array:
        """Return the tokens that a layer attends to, mean over layers: sliding layers see their window only."""
        if not self.sliding_window:
            return context
        full = 1 / self.full_attention_every if self.full_attention_every else 0.0
        return full * context + (1 - full) * np.minimum(context, self.sliding_window)

    def decode_attention_flops(self, context: Array) -> Array:
        """Return the attention FLOPs of one new token in one layer at a context, projections apart (MLA absorbed)."""
        seen = self.attended_tokens(context)
        if self.mla:
            return 2.0 * self.heads * (2 * self.mla_kv_lora + self.mla_qk_rope) * seen
        return 4.0 * self.heads * self.head_dim * seen

    def prefill_attention_flops(self, fresh: Array, cached: Array) -> Array:
        """Return the attention FLOPs of ``fresh`` new tokens after ``cached`` ones in one layer (causal: half)."""
        seen = self.attended_tokens(cached + fresh / 2)
        width = self.mla_qk_nope + self.mla_qk_rope + self.mla_v_head if self.mla else 2 * self.head_dim
        return 2.0 * self.heads * width * seen * fresh

    def kv_bytes_per_token_layer(self, bytes_each: float) -> float:
        """Return the cache bytes of one token in one layer."""
        if self.mla:
            return (self.mla_kv_lora + self.mla_qk_rope) * bytes_each
        return 2 * self.kv_heads * self.head_dim * bytes_each


def experts_touched(experts: int, per_token: int, tokens: Array) -> Array:
    """Return the expected number of distinct experts that ``tokens`` tokens visit.

    Equation: ``E (1 - (1 - k/E)^T)``, the occupancy of E cells by uniform independent choices (Feller 1968, II.5).
    Real routers are less even, so this is an upper bound on distinct experts.
    """
    if not experts:
        return np.zeros_like(tokens)
    return np.asarray(experts * -np.expm1(tokens * np.log1p(-min(per_token / experts, 1 - 1e-12))))
