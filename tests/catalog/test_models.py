"""Every architecture of the catalog resolves, and its parameters recounted are those that were published."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.plan.model_counts import TOLERANCE, wrong_counts
from gigaplan.plan.resolve import model_of

FACTS = catalog.load()
MODELS = FACTS.entities("layers")


def test_the_catalog_has_the_models_that_people_serve_and_train() -> None:
    assert len(MODELS) >= 80
    for name in (
        "gpt_3_175b",
        "llama_3_1_405b",
        "deepseek_v3",
        "kimi_k2",
        "qwen3_235b_a22b",
        "gpt_oss_120b",
        "glm_4_5",
        "megatron_1t",
    ):
        assert name in MODELS


@pytest.mark.parametrize("model", MODELS)
def test_every_architecture_resolves(model: str) -> None:
    architecture = model_of(FACTS, model)
    assert 0 < architecture.active_parameters <= architecture.parameters * (1 + 1e-12)


def test_every_published_count_of_parameters_is_the_architectures() -> None:
    assert wrong_counts(FACTS) == []
    unpublished = set(MODELS) - set(FACTS.entities("params_total"))
    assert unpublished == {"mimo_7b", "mimo_v2_flash", "glm_5_1", "glm_5_2", "kimi_k2_7_code", "step_3_7_flash"}


def _with(**values: object) -> catalog.Catalog:
    """Return the catalog with other values of some chosen facts, named as ``entity__quantity``."""
    ids = {k.replace("__", "."): v for k, v in values.items()}
    assert set(ids) <= {f.id for f in FACTS.facts}
    changed = tuple(replace(f, value=ids.get(f.id, f.value)) for f in FACTS.facts)
    return catalog.Catalog(changed, FACTS.quantities, FACTS.vintage)


@pytest.mark.parametrize(
    ("values", "wrong", "words"),
    [
        ({"glm_4_7_flash__params_active": 3.9e9}, "glm_4_7_flash.params_active", "without embedding and head"),
        ({"glm_4_7_flash__params_active_without": "embedding"}, "glm_4_7_flash.params_active", "without embedding its"),
        ({"gpt_oss_20b__params_active_without": "head, I guess"}, "gpt_oss_20b.params_active_without", "and head"),
        ({"deepseek_v3__params_total": 6.1e11}, "deepseek_v3.params_total", "give or take"),
        ({"kimi_k2__params_active": 3.7e10}, "kimi_k2.params_active", "its architecture has"),
        ({"qwen3_32b__ffn_dense": 22600}, "qwen3_32b.params_total", "its architecture has"),
    ],
)
def test_a_made_up_count_is_caught(values: dict[str, object], wrong: str, words: str) -> None:
    found = {p.place.path: p for p in wrong_counts(_with(**values))}
    assert wrong in found
    assert words in found[wrong].allowed
    assert found[wrong].remedy


@given(
    model=st.sampled_from(FACTS.entities("params_total")),
    quantity=st.sampled_from(("params_total", "params_active")),
    factor=st.floats(1 + 2.1 * TOLERANCE, 3) | st.floats(0.3, 1 - 2.1 * TOLERANCE),
)
@settings(max_examples=20, deadline=None)
def test_any_count_further_off_than_twice_the_tolerance_is_caught(model: str, quantity: str, factor: float) -> None:
    fact = FACTS.find(model, quantity)
    changed = tuple(replace(f, value=f.number * factor) if f.id == fact.id else f for f in FACTS.facts)
    found = wrong_counts(catalog.Catalog(changed, FACTS.quantities, FACTS.vintage))
    assert [p.place.path for p in found] == [f"{model}.{quantity}"]


def test_the_dense_layers_of_minimax_m3_are_wider_than_an_expert() -> None:
    architecture = model_of(FACTS, "minimax_m3")
    assert (architecture.ffn_dense, architecture.ffn_expert) == (12288, 3072)  # of its published configuration
