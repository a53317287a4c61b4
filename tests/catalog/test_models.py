"""Every architecture of the catalog resolves, and its parameters recounted are those that were published."""

from __future__ import annotations

import pytest

from gigaplan import catalog
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


@pytest.mark.parametrize("model", FACTS.entities("params_total"))
def test_recounted_parameters_agree_with_what_is_published(model: str) -> None:
    architecture = model_of(FACTS, model)
    assert architecture.parameters == pytest.approx(
        FACTS.find(model, "params_total").number, rel=0.035
    )  # two digits, often
    active = FACTS.find(model, "params_active").number
    assert architecture.active_parameters == pytest.approx(active, rel=0.2)
