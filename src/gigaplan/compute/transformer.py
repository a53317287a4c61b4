"""What a transformer takes: parameters, FLOPs, bytes and memory, from its architecture alone.

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
"""Bytes per cached value: FP8 with FP8 and FP4 weights."""
ACTIVATION_BYTES = 2.0
"""Bytes per activation (BF16); embeddings and output head stay in it too, in every checkpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Shape of a decoder-only transformer; a part that is absent has 0.

    Raises
    ------
    InputError
        If experts are named without a width or a number per token.

    Examples
    --------
    >>> llama = Architecture(layers=32, hidden=4096, heads=32, kv_heads=8, ffn_dense=14336, vocab=128256)
    >>> round(llama.parameters / 1e9, 2)
    8.03
    """

    layers: Annotated[int, Ge(1)]
    """Transformer layers."""
    hidden: Annotated[int, Ge(1)]
    """Width of the hidden state."""
    heads: Annotated[int, Ge(1)]
    """Query heads of one attention layer."""
    kv_heads: Annotated[int, Ge(1)]
    """Key and value heads of one attention layer (grouped-query attention)."""
    head_dim: Count = 0
    """Width of one head; 0 means hidden over heads."""
    ffn_dense: Count = 0
    """Inner width of a dense feed-forward block."""
    ffn_expert: Count = 0
    """Inner width of one expert."""
    experts: Count = 0
    """Routed experts of one layer; 0 for a dense model."""
    experts_per_token: Count = 0
    """Routed experts that one token visits in one layer."""
    shared_experts: Count = 0
    """Experts of one layer that every token visits."""
    first_dense_layers: Count = 0
    """Layers with a dense feed-forward block in a model with experts."""
    vocab: Annotated[int, Ge(1)]
    """Entries of the vocabulary."""
    mla_kv_lora: Count = 0
    """Width of the latent that multi-head latent attention keeps instead of keys and values; 0 without it."""
    mla_q_lora: Count = 0
    """Width of the latent that queries are projected through; 0 where they are projected directly."""
    mla_qk_nope: Count = 0
    """Width of a latent-attention head's queries and keys without rotary embedding."""
    mla_qk_rope: Count = 0
    """Width of a latent-attention head's queries and keys with rotary embedding."""
    mla_v_head: Count = 0
    """Width of a latent-attention head's values."""
    sliding_window: Count = 0
    """Tokens that a layer with sliding attention sees; 0 where all layers see the whole context."""
    full_attention_every: Count = 0
    """One layer in so many has full attention, the others slide or keep a state."""
    linear_key_heads: Count = 0
    """Key heads of a layer that keeps a state."""
    linear_value_heads: Count = 0
    """Value heads of a layer between full ones that keeps a state instead of keys and values (gated delta rule: Yang
    et al. 2024); 0 where there are no such layers."""
    linear_head_dim: Count = 0
    """Width of one head of a layer that keeps a state."""
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
        """Whether attention keeps a latent instead of keys and values."""
        return self.mla_kv_lora > 0

    @property
    def head_width(self) -> int:
        """Width of one head."""
        return self.head_dim or self.hidden // self.heads

    @property
    def moe_layers(self) -> int:
        """Number of layers with routed experts."""
        return self.layers - self.first_dense_layers if self.experts else 0

    @property
    def dense_layers(self) -> int:
        """Number of layers with one dense feed-forward block."""
        return self.layers - self.moe_layers

    @property
    def ffn_matrices(self) -> int:
        """Matrices of one feed-forward block."""
        return MATRICES_OF_GATED_FFN - self.plain_ffn

    @property
    def attention_parameters(self) -> float:
        """Attention parameters of one layer, mean over layers."""
        if not self.linear_value_heads:
            return self._full_attention_parameters
        return (
            self.full_attention_share * self._full_attention_parameters
            + (1 - self.full_attention_share) * self._linear_attention_parameters
        )

    @property
    def _linear_attention_parameters(self) -> float:
        """Parameters of queries and keys, values, output gate and output of a layer that keeps a state."""
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
        """Feed-forward parameters of one dense layer."""
        return float(self.ffn_matrices * self.hidden * self.ffn_dense)

    @property
    def expert_parameters(self) -> float:
        """Parameters of one expert."""
        return float(self.ffn_matrices * self.hidden * self.ffn_expert)

    @property
    def embedding_parameters(self) -> float:
        """Parameters of the embedding (and, untied, again of the head)."""
        return float(self.vocab * self.hidden)

    @property
    def parameters(self) -> float:
        """All parameters."""
        return sum(self.parameters_by_part().values())

    @property
    def active_parameters(self) -> float:
        """Parameters that one token visits, embedding included (as vendors count)."""
        return sum(self.parameters_by_part(active=True).values())

    def parameters_by_part(self, *, active: bool = False) -> dict[str, float]:
        """Return the parameters of each part over all layers.

        Parameters
        ----------
        active : bool
            Whether only the experts that one token visits are counted.

        Returns
        -------
        dict of str to float
            Parameters of attention, dense_ffn, routed_experts, shared_experts, router, embedding and head [1].
        """
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

    def attention_weight_bytes_each(self, precision: str) -> float:
        """Return the bytes per attention weight: FP4 checkpoints with experts keep attention in BF16.

        Parameters
        ----------
        precision : str
            Precision of the weights: 'bf16', 'fp8' or 'fp4'.

        Returns
        -------
        float
            Bytes of one weight [byte].
        """
        return ACTIVATION_BYTES if precision == "fp4" and self.experts else WEIGHT_BYTES[precision]

    def attention_math(self, precision: str) -> str:
        """Return the precision of the attention projections.

        Parameters
        ----------
        precision : str
            Precision of the weights: 'bf16', 'fp8' or 'fp4'.

        Returns
        -------
        str
            'bf16' for FP4 checkpoints with experts, which keep attention in BF16, else the precision given.
        """
        return "bf16" if precision == "fp4" and self.experts else precision

    def attended_tokens(self, context: Array) -> Array:
        """Return the tokens whose keys and values a layer reads for one new token, mean over layers.

        Full layers read the whole context, sliding ones ``min(context, window)``, and those that keep a state as many
        tokens as would weigh what the state does (:attr:`state_tokens`).

        Parameters
        ----------
        context : Array, shape (...)
            Tokens before the new one [tokens].

        Returns
        -------
        Array, shape (...)
            Tokens attended to [tokens].
        """
        if self.linear_value_heads:
            return self.full_attention_share * context + (1 - self.full_attention_share) * self.state_tokens
        if not self.sliding_window:
            return context
        return self.full_attention_share * context + (1 - self.full_attention_share) * np.minimum(
            context, self.sliding_window
        )

    def attended_tokens_in_prefill(self, uncached: Array, cached: Array) -> Array:
        """Return the tokens that each token of a prompt attends to, mean over the prompt and over layers.

        Equation: the mean of ``min(x, window)`` for x from ``cached`` to ``cached + uncached`` (causal attention).

        Parameters
        ----------
        uncached : Array, shape (...)
            Tokens of the prompt that are computed [tokens].
        cached : Array, shape (...)
            Tokens before them whose keys and values are in the cache [tokens].

        Returns
        -------
        Array, shape (...)
            Tokens attended to [tokens].
        """
        end = cached + uncached
        if self.linear_value_heads:
            return (
                self.full_attention_share * (cached + end) / 2 + (1 - self.full_attention_share) * self.linear_head_dim
            )
        if not self.sliding_window:
            return (cached + end) / 2
        # The sum of min(x, w) over positions is the area under it: a triangle up to the window, a rectangle beyond.
        w = float(self.sliding_window)

        def area(x: Array) -> Array:
            return np.where(x <= w, x * x / 2, w * x - w * w / 2)

        sliding = (area(end) - area(cached)) / np.maximum(uncached, 1.0)
        return self.full_attention_share * (cached + end) / 2 + (1 - self.full_attention_share) * sliding

    @property
    def state_tokens(self) -> float:
        """Tokens whose keys and values weigh what one layer's state does: ``heads width^2`` values."""
        state = self.linear_value_heads * self.linear_head_dim**2
        return state / (2 * self.kv_heads * self.head_width)

    @property
    def full_attention_share(self) -> float:
        """Share of the layers with full attention, where others slide or keep a state; 0 where all are alike."""
        return 1 / self.full_attention_every if self.full_attention_every else 0.0

    def decode_attention_flops(self, context: Array) -> Array:
        """Return the attention FLOPs of one new token in one layer, projections apart.

        Grouped-query attention has scores and values, ``4 heads width context``. Latent attention absorbs its
        up-projections, so that scores are against the latent: ``2 heads (2 latent + rope) context`` (DeepSeek-AI 2024).

        Parameters
        ----------
        context : Array, shape (...)
            Tokens before the new one [tokens].

        Returns
        -------
        Array, shape (...)
            Operations, a multiply-add counted as two [FLOP].
        """
        seen = self.attended_tokens(context)
        if self.mla:
            return 2.0 * self.heads * (2 * self.mla_kv_lora + self.mla_qk_rope) * seen
        return 4.0 * self.heads * self.head_width * seen

    def prefill_attention_flops(self, uncached: Array, cached: Array) -> Array:
        """Return the attention FLOPs of a prompt in one layer, projections apart.

        Equation: ``2 heads (width of scores + width of values) attended uncached``. Latent attention is not absorbed
        here: its keys and values are expanded once and used by many queries.

        Parameters
        ----------
        uncached : Array, shape (...)
            Tokens of the prompt that are computed [tokens].
        cached : Array, shape (...)
            Tokens before them whose keys and values are in the cache [tokens].

        Returns
        -------
        Array, shape (...)
            Operations, a multiply-add counted as two [FLOP].
        """
        seen = self.attended_tokens_in_prefill(uncached, cached)
        # Widths of scores and of values differ with latent attention only.
        width = self.mla_qk_nope + self.mla_qk_rope + self.mla_v_head if self.mla else 2 * self.head_width
        return 2.0 * self.heads * width * seen * uncached

    def kv_bytes_per_token_layer(self, bytes_each: float) -> float:
        """Return the cache bytes of one token in one layer: keys and values, or the latent and its rotary part.

        Parameters
        ----------
        bytes_each : float
            Bytes of one cached value [byte].

        Returns
        -------
        float
            Bytes [byte].
        """
        if self.mla:
            return (self.mla_kv_lora + self.mla_qk_rope) * bytes_each
        return 2 * self.kv_heads * self.head_width * bytes_each

    def kv_bytes(self, context: Array, bytes_each: float) -> Array:
        """Return the cache bytes of one request over all layers.

        Parameters
        ----------
        context : Array, shape (...)
            Tokens of the request [tokens].
        bytes_each : float
            Bytes of one cached value [byte].

        Returns
        -------
        Array, shape (...)
            Bytes [byte].

        Examples
        --------
        Llama 3.1 8B keeps 128 KiB a token in BF16:

        >>> llama = Architecture(layers=32, hidden=4096, heads=32, kv_heads=8, ffn_dense=14336, vocab=128256)
        >>> float(llama.kv_bytes(np.array(1.0), bytes_each=2.0)) / 1024
        128.0
        """
        return self.layers * self.kv_bytes_per_token_layer(bytes_each) * self.attended_tokens(context)


def experts_touched(experts: int, per_token: int, tokens: Array) -> Array:
    """Return the expected number of distinct experts that some tokens visit.

    Equation: ``E (1 - (1 - k / E)^T)`` for ``E`` experts, ``k`` per token and ``T`` tokens: the occupancy of cells by
    uniform independent choices (Feller 1968, II.5). Real routers are less even, so this is an upper bound.

    Parameters
    ----------
    experts : int
        Routed experts of one layer [1].
    per_token : int
        Experts that one token visits [1].
    tokens : Array, shape (...)
        Tokens in flight [tokens].

    Returns
    -------
    Array, shape (...)
        Distinct experts visited [1].

    Examples
    --------
    >>> experts_touched(256, 8, np.array([1.0, 32.0, 1e6])).round(1).tolist()
    [8.0, 163.3, 256.0]
    """
    tokens = np.asarray(tokens, dtype=float)
    if not experts:
        return np.zeros_like(tokens)
    if per_token >= experts:
        return np.where(tokens > 0, float(experts), 0.0)
    return np.asarray(experts * -np.expm1(tokens * np.log1p(-per_token / experts)))
