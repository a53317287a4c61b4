"""A model's configuration becomes its architecture: fields of Hugging Face's ``config.json`` in the catalog's terms.

Layers are counted by kind: full attention, sliding attention, or a state; with a dense feed-forward or with experts.
"""

from __future__ import annotations

from gigaplan.plan.own.families import Family
from gigaplan.plan.own.fields import Fields

FULL = ("full_attention", "attention", "global_attention")
SPARSE = ("deepseek_sparse_attention",)
SLIDING = ("sliding_attention", "chunked_attention", "local_attention")
STATE = ("linear_attention",)
BLOCKS = {"mamba": "M", "attention": "*", "moe": "E", "mlp": "-"}
"""Blocks of a hybrid by name, and the letters of its pattern."""
ROUNDING = 0.02
"""Relative error of a rounded ratio above which it is told."""


def shape(fields: Fields, family: Family, model_type: str) -> dict[str, int]:
    """Return the architecture's fields of a configuration; what stands against it is noted in ``fields``.

    Parameters
    ----------
    fields
        The configuration.
    family
        What its family means.
    model_type
        The family's name.
    """
    if model_type == "nemotron_h":
        return _mamba_hybrid(fields)
    layers = fields.count("num_hidden_layers", "n_layer")
    found = {
        "layers": layers,
        "hidden": fields.count("hidden_size", "n_embd"),
        "vocab": fields.count("vocab_size"),
        "plain_ffn": int(family.plain_ffn),
        "tied_embeddings": int(fields.flag("tie_word_embeddings", default=family.tied)),
    }
    found |= _heads(fields, family) | _kinds(fields, family, layers)
    found |= _feed_forward(fields, family, layers)
    _refusals(fields, found)
    return found


def _heads(fields: Fields, family: Family) -> dict[str, int]:
    """Return heads and their widths, or the latent that stands for keys and values."""
    heads = fields.count("num_attention_heads", "n_head")
    latent = fields.count("kv_lora_rank", default=0)
    if latent:
        fields.raw("num_key_value_heads")
        fields.raw("head_dim")
        return {
            "heads": heads,
            "kv_heads": heads,
            "mla_kv_lora": latent,
            "mla_q_lora": fields.count("q_lora_rank", default=0),
            "mla_qk_nope": fields.count("qk_nope_head_dim"),
            "mla_qk_rope": fields.count("qk_rope_head_dim"),
            "mla_v_head": fields.count("v_head_dim"),
        }
    width = fields.count("head_dim", "attention_head_dim", default=0)
    if (values := fields.count("v_head_dim", default=width)) != width:
        fields.faults.append(f"'v_head_dim' {values} is not 'head_dim' {width}, which can't be described")
    gated = fields.flag("attn_output_gate", "attention_output_gate", default=family.gated_attention)
    return {
        "heads": heads,
        "kv_heads": fields.count("num_key_value_heads", default=heads),
        "head_dim": width,
        "gated_attention": int(gated),
    }


def _kinds(fields: Fields, family: Family, layers: int) -> dict[str, int]:
    """Return which layers have full attention, and what the others do instead."""
    window = fields.count("sliding_window", "attention_chunk_size", default=0)
    state = fields.count("linear_num_value_heads", default=0)
    minimax = fields.raw("attn_type_list")
    lightning = minimax is not None or family.pattern == 8
    full = layers
    types = fields.raw("layer_types")
    every = fields.count("full_attention_interval", "sliding_window_pattern", "_sliding_window_pattern", default=0)
    for name, kinds in (("layer_types", types), ("attn_type_list", minimax)):
        _one_each(fields, name, kinds, layers)
    if isinstance(types, list) and len(types) == layers:
        strange = sorted({str(t) for t in types} - {*FULL, *SPARSE, *SLIDING, *STATE})
        fields.faults += [f"layers of kind '{t}' can't be described" for t in strange]
        full = sum(t in (*FULL, *SPARSE) for t in types)
        if not any(t in SLIDING for t in types):
            window = 0
    elif isinstance(minimax, list) and len(minimax) == layers:
        full = sum(bool(t) for t in minimax)
    elif fields.raw("use_sliding_window") is False:
        window = 0
    elif fields.raw("use_sliding_window"):
        full = fields.count("max_window_layers", default=0)
    elif every or (family.pattern and (window or state or lightning)):
        full = layers // (every or family.pattern)
    elif window:
        full = 0
    if not (window or state or lightning) or full == layers:
        return {}
    others = _states(fields, lightning) if state or lightning else {"sliding_window": window}
    return _every(fields, layers, full) | others


def _one_each(fields: Fields, name: str, kinds: object, layers: int) -> None:
    """Note a list that says of each layer what it is, and has another number of entries than there are layers."""
    if isinstance(kinds, list) and len(kinds) != layers:
        fields.faults.append(f"'{name}' has {len(kinds)} entries, and the model {layers} layers")


def _every(fields: Fields, layers: int, full: int) -> dict[str, int]:
    """Return one in how many layers has full attention."""
    if not full:
        return {"full_attention_every": 0}
    every = max(round(layers / full), 1)
    if abs(full * every / layers - 1) > ROUNDING and layers % every != layers - every * full:
        fields.warnings.append(f"{full} of {layers} layers have full attention, counted as one in {every}")
    return {"full_attention_every": every}


def _states(fields: Fields, lightning: bool) -> dict[str, int]:
    """Return the heads of layers that keep a state."""
    if lightning:
        heads, width = fields.count("num_attention_heads"), fields.count("head_dim")
        return {"linear_key_heads": heads, "linear_value_heads": heads, "linear_head_dim": width}
    keys, values = fields.count("linear_key_head_dim"), fields.count("linear_value_head_dim")
    if keys != values:
        fields.faults.append(
            f"'linear_key_head_dim' {keys} is not 'linear_value_head_dim' {values}, which can't be described"
        )
    return {
        "linear_key_heads": fields.count("linear_num_key_heads"),
        "linear_value_heads": fields.count("linear_num_value_heads"),
        "linear_head_dim": values,
    }


def _feed_forward(fields: Fields, family: Family, layers: int) -> dict[str, int]:
    """Return dense feed-forward blocks, experts, and which layers have which."""
    experts = fields.count("n_routed_experts", "num_experts", "num_local_experts", "moe_num_experts", default=0)
    if experts <= 1:
        fields.raw("moe_intermediate_size")
        return {"ffn_dense": fields.count("intermediate_size", "n_inner")}
    width = fields.count("moe_intermediate_size", "expert_intermediate_size", default=0)
    stated = fields.count("dense_intermediate_size", "intermediate_size_mlp", default=0)
    if width:
        dense = stated or fields.count("intermediate_size", default=0)
    else:
        width, dense = fields.count("intermediate_size", "ffn_dim"), stated
    first = layers - _expert_layers(fields, layers)
    per_token = ("num_experts_per_tok", "experts_per_token", "moe_topk", "top_k_experts", "moe_k")
    shared = _shared(fields, family, width) + (_ratio(fields, dense, width) if family.dense_beside_experts else 0)
    if first and not dense:
        fields.missing.append("intermediate_size")
    return {
        "ffn_dense": dense if first else 0,
        "ffn_expert": width,
        "experts": experts,
        "experts_per_token": fields.count(*per_token),
        "shared_experts": shared,
        "first_dense_layers": first,
    }


def _shared(fields: Fields, family: Family, width: int) -> int:
    """Return the shared experts of one layer, as experts of the routed ones' width."""
    counts = ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
    widths = (
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "shared_intermediate_size",
        "share_expert_dim",
    )
    number = fields.raw(*counts)
    given = fields.raw(*widths)
    if given is None:
        return fields.count(*counts, default=0) if number is not None else family.shared_experts
    total = fields.count(*widths) * (fields.count(*counts) if number is not None else 1)
    return _ratio(fields, total, width)


def _ratio(fields: Fields, total: int, width: int) -> int:
    """Return a width as so many experts."""
    found = round(total / width) if width else 0
    if total and abs(found * width / total - 1) > ROUNDING:
        fields.warnings.append(f"a shared width of {total:,} is counted as {found} experts of {width:,}")
    return found


def _expert_layers(fields: Fields, layers: int) -> int:
    """Return how many layers have experts, by each of the ways in which families say it."""
    start = fields.count("first_k_dense_replace", "moe_layer_start_index", default=0)
    end = fields.count("moe_layer_end_index", default=layers - 1 if layers else 0)
    step = fields.count("decoder_sparse_step", "interleave_moe_layer_step", "moe_layer_interval", default=1) or 1
    dense, chosen = fields.listed("mlp_only_layers"), fields.listed("moe_layers")
    by_layer = fields.raw("moe_layer_freq", "mlp_layer_types")
    _one_each(fields, "moe_layer_freq or mlp_layer_types", by_layer, layers)
    if chosen:
        return len(chosen)
    found = 0
    for i in range(min(layers, 10_000)):
        here = start <= i <= end and (i + 1) % step == 0 and i not in dense
        if isinstance(by_layer, list) and i < len(by_layer):
            here = here and by_layer[i] in (1, True, "sparse", "moe")
        elif isinstance(by_layer, int) and by_layer > 1:
            here = here and i % by_layer == 0
        found += here
    return found


def _refusals(fields: Fields, found: dict[str, int]) -> None:
    """Note what the description of a model has no place for, and what it counts in another way."""
    heads = (None, found.get("heads"))
    fields.refuse("is_encoder_decoder", "means an encoder with a decoder")
    fields.refuse("num_kv_shared_layers", "lets layers share keys and values")
    fields.refuse("hidden_size_per_layer_input", "gives every layer embeddings of its own")
    fields.refuse("use_double_wide_mlp", "gives some layers a feed-forward of twice the width")
    fields.refuse("swa_num_attention_heads", "gives sliding layers other heads", usual=heads)
    fields.refuse("swa_num_key_value_heads", "gives sliding layers other heads", usual=(None, found.get("kv_heads")))
    fields.refuse("block_configs", "gives every layer a width of its own")
    fields.refuse("compress_ratios", "compresses keys and values")
    fields.refuse("attn_module_list_cfg", "gives layers attention of different kinds")
    fields.approximate("index_topk", "sparse attention is counted as attention to the whole context")
    fields.approximate("sparse_attention_config", "sparse attention is counted as attention to the whole context")
    fields.approximate("attention_chunk_size", "attention within chunks is counted as a sliding window of their length")
    fields.approximate("global_head_dim", "full layers are counted with the heads of sliding ones")
    fields.raw("num_global_key_value_heads", "attention_k_eq_v", "enable_moe_block", "hybrid_layer_pattern")


def _mamba_hybrid(fields: Fields) -> dict[str, int]:
    """Return the architecture of blocks of state (M), attention (*), experts (E) and feed-forward (-).

    They are counted as layers of one of the first two, each with its share of the others, as the catalog does. A state
    of ``heads x width`` channels and ``N`` values each is one of ``channels / N`` heads of ``N x N`` (Dao and Gu 2024).
    """
    by_name = fields.raw("layers_block_type", "layer_types")
    names = by_name if isinstance(by_name, list) else []
    pattern = str(fields.raw("hybrid_override_pattern") or "".join(BLOCKS.get(str(n), "?") for n in names))
    blocks = {kind: pattern.count(kind) for kind in "M*E-"}
    if not pattern or set(pattern) - set(blocks):
        fields.missing.append("hybrid_override_pattern")
    fields.raw("num_hidden_layers")
    layers = blocks["M"] + blocks["*"]
    if not blocks["*"]:
        fields.faults.append("a model without attention can't be described")
    state, hidden = fields.count("ssm_state_size", "mamba_d_state"), fields.count("hidden_size")
    channels = fields.count("mamba_num_heads") * fields.count("mamba_head_dim")
    if not state or channels % state:
        fields.faults.append(f"a state of {channels:,} channels and {state} values can't be described")
    found = {
        "layers": layers,
        "hidden": hidden,
        "vocab": fields.count("vocab_size"),
        "heads": fields.count("num_attention_heads"),
        "kv_heads": fields.count("num_key_value_heads"),
        "head_dim": fields.count("head_dim", "attention_head_dim", default=0),
        "full_attention_every": max(round(layers / max(blocks["*"], 1)), 1),
        "linear_key_heads": fields.count("n_groups", "mamba_n_groups"),
        "linear_value_heads": channels // max(state, 1),
        "linear_head_dim": state,
        "plain_ffn": 1,
        "tied_embeddings": int(fields.flag("tie_word_embeddings")),
    }
    if blocks["-"]:
        found["ffn_dense"] = round(fields.count("intermediate_size") * blocks["-"] / max(layers, 1))
    return found | (_hybrid_experts(fields, blocks["E"], layers, hidden) if blocks["E"] else {})


def _hybrid_experts(fields: Fields, blocks: int, layers: int, hidden: int) -> dict[str, int]:
    """Return the experts of some of the layers; those that work on a narrower latent are as many times narrower."""
    fields.raw("intermediate_size")
    latent, width = fields.count("moe_latent_size", default=0), fields.count("moe_intermediate_size")
    expert = width * latent // hidden if latent and hidden else width
    shared = fields.count("n_shared_experts", default=0) * fields.count(
        "moe_shared_expert_intermediate_size", default=0
    )
    return {
        "ffn_expert": expert,
        "experts": fields.count("n_routed_experts"),
        "experts_per_token": fields.count("num_experts_per_tok"),
        "shared_experts": round((shared + latent) / max(expert, 1)),
        "first_dense_layers": max(layers - blocks, 0),
    }
