"""Models of a Hugging Face ``config.json``: sizes, what is refused, what is told, and in every verb."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import gigaplan as gp
from gigaplan import catalog
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.own.model_config import model_of_config, name_of
from gigaplan.plan.resolve import model_of
from gigaplan.vocabulary.errors import PlanError

CONFIGS: dict[str, dict[str, Any]] = json.loads((Path(__file__).parent / "configs.json").read_text())
"""Published shapes by the catalog's name of the model."""
OWN = {
    "model_type": "qwen3_moe",
    "hidden_size": 3072,
    "num_hidden_layers": 60,
    "num_attention_heads": 48,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 9216,
    "moe_intermediate_size": 1024,
    "num_experts": 192,
    "num_experts_per_tok": 8,
    "vocab_size": 151936,
    "tie_word_embeddings": False,
}


def problems(config: dict[str, Any]) -> str:
    with pytest.raises(PlanError) as error:
        model_of_config(json.dumps(config), "config.json")
    return " ".join(p.message for p in error.value.problems)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_published_configuration_has_the_size_that_the_catalog_knows(name: str) -> None:
    facts, own = catalog.load(), Architecture(**model_of_config(json.dumps(CONFIGS[name]), "config.json").fields)
    known = model_of(facts, name)
    assert own.parameters == pytest.approx(known.parameters, rel=0.01)
    assert own.active_parameters == pytest.approx(known.active_parameters, rel=0.01)
    if facts.has(name, "params_total"):
        assert own.parameters == pytest.approx(facts.find(name, "params_total").number, rel=0.03)
    for part in ("layers", "heads", "kv_heads", "experts", "experts_per_token", "mla_kv_lora", "linear_value_heads"):
        assert getattr(own, part) == getattr(known, part), part
    assert own.kv_bytes_per_token_layer(1.0) == known.kv_bytes_per_token_layer(1.0)


def test_parameters_follow_from_the_shape() -> None:
    own = Architecture(**model_of_config(json.dumps(OWN), "config.json").fields)
    attention = 3072 * 128 * (2 * 48 + 2 * 8)
    expert = 3 * 3072 * 1024
    assert own.parameters == 60 * (attention + 192 * expert + 192 * 3072) + 2 * 151936 * 3072
    assert own.active_parameters == own.parameters - 60 * (192 - 8) * expert


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "deepseek_v4"}, "'deepseek_v4' can't be read"),
        ({"model_type": "kimi_linear"}, "latent attention next to layers that keep a state"),
        ({"model_type": "brand_new"}, "'brand_new' aren't known"),
        ({"hidden_size": None, "vocab_size": None}, "lacks 'hidden_size', 'vocab_size'"),
        ({"num_hidden_layers": "many"}, "'num_hidden_layers' is 'many'"),
        ({"mlp_only_layers": "all"}, "'mlp_only_layers' is 'all', not a list"),
        ({"moe_layers": 7}, "'moe_layers' is '7', not a list"),
        ({"model_type": False}, "has no 'model_type'"),
        ({"num_key_value_heads": 7}, "not shared out evenly"),
        ({"num_kv_shared_layers": 20}, "'num_kv_shared_layers'"),
        ({"v_head_dim": 64}, "'v_head_dim' 64"),
        ({"num_experts_per_tok": 200}, "experts_per_token 200"),
        ({"layer_types": ["full_attention"] * 59 + ["ring_attention"]}, "'ring_attention'"),
        ({"layer_types": ["full_attention"] * 59}, "'layer_types' has 59 entries, and the model 60 layers"),
        ({"layer_types": []}, "'layer_types' has 0 entries"),
        ({"attn_type_list": [1] * 61}, "'attn_type_list' has 61 entries"),
        ({"mlp_layer_types": ["sparse"] * 3}, "mlp_layer_types' has 3 entries"),
    ],
)
def test_what_cant_be_described_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    assert words in problems({**OWN, **changes})


@pytest.mark.parametrize("text", ["", "[]", "{", "{}", '{"model_type": 7}', "[" * 100_000])
def test_a_file_that_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(PlanError):
        model_of_config(text, "config.json")


def test_unknown_fields_are_told_and_known_ones_are_not() -> None:
    assert not model_of_config(json.dumps({**OWN, "rope_theta": 1e6, "bos_token_id": 1}), "c").warnings
    (warning,) = model_of_config(json.dumps({**OWN, "memory_layers": 4}), "c").warnings
    assert "memory_layers" in warning


def test_a_model_is_called_by_its_file_or_its_folder() -> None:
    assert name_of(Path("models/Qwen3-Mine/config.json")) == "qwen3_mine"
    assert name_of(Path("my-model.json")) == "my_model"


def test_every_verb_takes_a_configuration(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(OWN))
    given = [f"mine={file}"]
    served = gp.frontier("mine", "gb300_nvl72", model_configs=given)
    assert served.curves[0].points
    assert "112.3 B parameters" in served.notes[0]
    trained = gp.train("mine", "gb300_nvl72", gpus=64, model_configs=given)
    assert trained.days.value > 0
    assert "112.3 B parameters" in trained.notes[0]
    together = gp.train_sites("mine", "gb300_nvl72", sites="a=64,b=64", distance_km="100 km", model_configs=given)
    assert together.notes[0] == trained.notes[0]
    table, out = tmp_path / "t.csv", tmp_path / "p.csv"
    table.write_text("model,gpu,tp,isl,osl,concurrency\nmine,h100_sxm,8,1024,128,8\n")
    assert gp.predict_inference(table, out, model_configs=given).answered == 1
    assert gp.predict_inference(table, out).answered == 0, "a model of one's own is known within its command only"
    with pytest.raises(PlanError, match="mine"):
        gp.frontier("mine", "gb300_nvl72")


def test_a_copy_of_a_catalog_model_is_answered_like_it_whatever_its_name(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(CONFIGS["deepseek_v3"]))
    known = gp.frontier("deepseek_v3", "b200_hgx").curves[0]
    own = gp.frontier("zzz", "b200_hgx", model_configs=[str(file)]).curves[0]
    assert own.points == known.points
    assert own.validity == known.validity
    with pytest.raises(PlanError, match="this name"):
        gp.frontier("gpt_oss_20b", "b200_hgx", model_configs=[f"gpt_oss_20b={file}"])
