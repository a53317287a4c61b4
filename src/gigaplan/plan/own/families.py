"""Families of models by the ``model_type`` of their configuration: what they leave out of it, and what can't be read.

Names of fields and the defaults of each family are those of Hugging Face transformers (``configuration_*.py``) and of
the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, slots=True)
class Family:
    """What a family's configuration means beyond the numbers that it states."""

    tied: bool = False
    """Whether the output head is the embedding where the configuration does not say."""
    plain_ffn: bool = False
    """Whether the feed-forward has two matrices."""
    gated_attention: bool = False
    """Whether full attention has an output gate where the configuration does not say."""
    shared_experts: int = 0
    """Experts that every token visits where the configuration does not say."""
    dense_beside_experts: bool = False
    """Whether every layer has a dense feed-forward in addition to its experts."""
    pattern: int = 0
    """One layer in so many has full attention where the configuration does not say."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values of fields that published configurations leave out."""


_GEMMA3 = {
    "vocab_size": 262208,
    "hidden_size": 2304,
    "num_hidden_layers": 26,
    "intermediate_size": 9216,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "sliding_window": 4096,
}
_DENSE = Family()
_PLAIN = Family(plain_ffn=True)
_MOE = Family()
_GEMMA = Family(tied=True, pattern=2, defaults={"head_dim": 256})
_HYBRID = Family(gated_attention=True, pattern=4)

FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(("llama", "mistral", "ministral", "mistral3", "ministral3", "mimo", "seed_oss", "smollm3"), _DENSE),
    **dict.fromkeys(("qwen2", "qwen3", "qwen3_vl_text", "qwen2_5_vl_text", "qwen2_5_vl", "qwen2_vl"), _DENSE),
    **dict.fromkeys(("glm", "glm4", "phi3", "olmo", "olmo2", "olmo3", "exaone4", "granite", "ernie4_5"), _DENSE),
    **dict.fromkeys(("hunyuan_v1_dense", "internlm3", "apertus"), _DENSE),
    **dict.fromkeys(("gpt_neox", "starcoder2", "phi", "nemotron"), _PLAIN),
    "apertus": _PLAIN,
    "cohere": Family(tied=True),
    "cohere2": Family(tied=True, pattern=4),
    "gemma": Family(tied=True, defaults={"head_dim": 256}),
    "gemma2": _GEMMA,
    "gemma3_text": Family(tied=True, pattern=6, defaults=_GEMMA3),
    "gemma4_text": Family(tied=True, pattern=6, dense_beside_experts=True, defaults={"head_dim": 256}),
    **dict.fromkeys(("mixtral", "phimoe", "olmoe", "qwen2_moe", "qwen3_moe", "qwen3_vl_moe_text", "minimax_m2"), _MOE),
    **dict.fromkeys(("minimax_m3", "deepseek_v2", "deepseek_v3", "deepseek_v32", "kimi_k2", "glm4_moe"), _MOE),
    **dict.fromkeys(("glm4_moe_lite", "glm_moe_dsa", "ernie4_5_moe", "hunyuan_v1_moe", "bailing_moe"), _MOE),
    **dict.fromkeys(("bailing_moe_v2", "granitemoe", "dots1", "step3p7", "mistral_large_3"), _MOE),
    "gpt_oss": Family(pattern=2),
    "llama4_text": Family(shared_experts=1, pattern=4),
    "minimax": Family(pattern=8),
    **dict.fromkeys(("qwen3_next", "qwen3_5_text", "qwen3_5_moe_text"), _HYBRID),
    "nemotron_h": Family(plain_ffn=True),
}
"""Families that are read."""

SAME = {
    "minimax_text_01": "minimax",
    "minimax_m1": "minimax",
    "minimax_m3_vl": "minimax_m3",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "llama4": "llama4_text",
    "kimi_k25": "kimi_k2",
    "qwen3_5": "qwen3_5_text",
    "qwen3_5_moe": "qwen3_5_moe_text",
    "qwen3_vl": "qwen3_vl_text",
    "qwen3_vl_moe": "qwen3_vl_moe_text",
    "glm4v_moe_text": "glm4_moe",
}
"""Other names of families."""

REFUSED = {
    "deepseek_v4": "its compressed sparse attention has no place in the description of a model; the catalog has "
    "deepseek_v4_flash and deepseek_v4_pro",
    "deepseek_ref": "its compressed sparse attention has no place in the description of a model; the catalog has "
    "deepseek_v4_flash and deepseek_v4_pro",
    "kimi_linear": "latent attention next to layers that keep a state has no place in the description of a model",
    "kimi_k3": "latent attention next to layers that keep a state has no place in the description of a model",
    "mimo_v2_flash": "its sliding layers have other heads than its full ones; the catalog has mimo_v2_flash",
    "nemotron-nas": "every layer has a width of its own; the catalog has nemotron_super_49b",
    "gemma3n": "its embeddings of every layer have no place in the description of a model",
    **dict.fromkeys(
        ("gemma3n_text", "gemma3n_audio"), "its embeddings of every layer have no place in the description of a model"
    ),
    **dict.fromkeys(("mamba", "mamba2", "rwkv", "rwkv7", "falcon_mamba"), "a model without attention is not modelled"),
    **dict.fromkeys(("t5", "bart", "whisper", "marian", "mbart"), "encoders with decoders are not modelled"),
    **dict.fromkeys(
        ("bert", "roberta", "deberta", "xlm-roberta", "modernbert", "vit", "clip", "siglip"),
        "an encoder generates no tokens",
    ),
}
"""Families that can't be described, and why."""


@cache
def ignored() -> frozenset[str]:
    """Return the fields that change neither compute nor memory by more than a few in ten thousand.

    They are numerics, routing, training, biases, positions, and drafting modules that are served apart.
    """
    text = (files("gigaplan.plan") / "data" / "ignored_config_fields.txt").read_text(encoding="utf-8")
    return frozenset(text.split())


IGNORED_ENDINGS = ("_token_id", "_token_ids", "_token_index", "_loss_coef", "_loss_weight", "_dropout", "_eps")
"""How names of further such fields end."""
