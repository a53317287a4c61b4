"""Families of models by the ``model_type`` of their configuration: what they leave out of it, and what can't be read.

Names of fields and the defaults of each family are those of Hugging Face transformers (``configuration_*.py``) and of
the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    **dict.fromkeys(("gemma3n_text", "gemma3n_audio"), "its embeddings of every layer have no place in the "
                    "description of a model"),
    **dict.fromkeys(("mamba", "mamba2", "rwkv", "rwkv7", "falcon_mamba"), "a model without attention is not modelled"),
    **dict.fromkeys(("t5", "bart", "whisper", "marian", "mbart"), "encoders with decoders are not modelled"),
    **dict.fromkeys(("bert", "roberta", "deberta", "xlm-roberta", "modernbert", "vit", "clip", "siglip"), "an encoder "
                    "generates no tokens"),
}
"""Families that can't be described, and why."""

IGNORED = frozenset(
    """
    _name_or_path architectures auto_map transformers_version torch_dtype dtype use_cache model_type initializer_range
    hidden_act hidden_activation mlp_hidden_act mamba_hidden_act attention_dropout hidden_dropout residual_dropout
    resid_pdrop embd_pdrop attn_pdrop rms_norm_eps layer_norm_eps layer_norm_epsilon layernorm_epsilon norm_eps eps
    rope_theta rope_scaling rope_parameters rope_interleave partial_rotary_factor rotary_dim rope_local_base_freq
    rotary_pct rotary_emb_base attention_bias mlp_bias bias use_bias use_qkv_bias qkv_bias use_qk_norm qk_norm
    qk_norm_type use_gemma_norm norm_topk_prob
    n_group topk_group topk_method scoring_func routed_scaling_factor router_aux_loss_coef output_router_logits
    aux_loss_alpha seq_aux use_routing_bias router_jitter_noise ep_size pretraining_tp num_nextn_predict_layers
    num_mtp_modules mtp_transformer_layers use_mtp mtp_num_hidden_layers mtp_use_dedicated_embeddings
    mtp_hybrid_override_pattern max_position_embeddings original_max_position_embeddings initial_context_length
    final_logit_softcapping attn_logit_softcapping query_pre_attn_scalar swiglu_limit swiglu_alpha logit_scale
    attn_temperature_tuning floor_scale attn_scale no_rope_layers no_rope_layer_interval nope_layer_interval
    use_bidirectional_attention cache_implementation chunk_size conv_kernel expand linear_conv_kernel_dim
    mamba_ssm_dtype mamba_ssm_cache_dtype mamba_proj_bias mamba_d_conv time_step_floor time_step_max time_step_min
    time_step_limit time_step_rank residual_in_fp32 rescale_prenorm_residual use_conv_bias use_mamba_kernels
    num_logits_to_keep moe_shared_expert_overlap moe_router_scaling_factor use_moe_router_bias moe_router_bias
    indexer_rope_interleave index_head_dim index_n_heads qk_head_dim rope_type for_llm_compressor interleave_moe
    vocab_size_per_layer_input max_window_layers torchscript return_dict is_decoder output_attentions
    output_hidden_states pad_token tokenizer_class parallel_attn sep_token id2label label2id chunk_size_feed_forward
    language_model_only vision_soft_tokens_per_image image_size routed_scaling num_experts_per_token_scale
    layernorm_full_attention_alpha layernorm_full_attention_beta layernorm_linear_attention_alpha
    layernorm_linear_attention_beta layernorm_mlp_alpha layernorm_mlp_beta postnorm shared_moe_mode block_size
    router_dtype moe_router_topk_scaling_factor moe_router_enable_expert_bias score_function group_norm_size
    use_rmsnorm norm_head norm_softmax moe_norm_min moe_use_aux_free moe_capacity moe_router_score_function
    moe_router_dtype max_length min_length top_k top_p temperature do_sample num_beams indexer_types index_topk_freq
    index_skip_topk_offset output_gate_type use_cla cla_share_factor use_mixed_mlp_moe sliding_window_size use_grouped_topk position_embedding_type
    scale_emb scale_depth embedding_multiplier attention_multiplier residual_multiplier logits_scaling unk_token
    """.split()
)
"""Fields that change neither compute nor memory by more than a few in ten thousand: numerics, routing, training,
biases, positions, and drafting modules that are served apart."""
IGNORED_ENDINGS = ("_token_id", "_token_ids", "_token_index", "_loss_coef", "_loss_weight", "_dropout", "_eps")
"""How names of further such fields end."""
