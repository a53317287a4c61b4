"""Names of GPUs and models, as tables write them."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.catalog.names import of_two_kinds
from gigaplan.plan.resolver import meant_in_table
from gigaplan.validation.serving.predictions import answer_all
from gigaplan.validation.serving.questions import row_question
from gigaplan.vocabulary.errors import UnsupportedError

MODELS = {
    "openai/gpt-oss-120b": "gpt_oss_120b",
    "Qwen/Qwen3-Coder-480B-A35B-Instruct": "qwen3_coder_480b_a35b",
    "zai-org/GLM-4.5": "glm_4_5",
    "zai-org/GLM-4.6-FP8": "glm_4_5",
    "moonshotai/Kimi-K2-Instruct": "kimi_k2",
    "nvidia/DeepSeek-R1-0528-NVFP4-v2": "deepseek_r1",
    "deepseek-ai/DeepSeek-V3-0324": "deepseek_v3",
    "deepseek-ai/DeepSeek-V3.2-Exp": "deepseek_v3_2",
    "deepseek-ai/DeepSeek-R1-Distill-Llama-70B": "llama_3_3_70b",
    "meta-llama/Llama-4-Scout-17B-16E-Instruct": "llama_4_scout",
    "meta-llama/Llama-4-Maverick-17B-128E-Instruct-FP8": "llama_4_maverick",
    "amd/Llama-3.3-70B-Instruct-MXFP4-Preview": "llama_3_3_70b",
    "mistralai/Mixtral-8x7B-Instruct-v0.1": "mixtral_8x7b",
    "Nemotron Nano 30B (3B active, hybrid Mamba MoE)": "nemotron_3_nano",
    "MiniMax M2.5 229B": "minimax_m2_5",
    "DeepSeek-V3/R1": "deepseek_r1",
    "llama2-70b-99.9": "llama_2_70b",
    "LLaMA v3.3 70B": "llama_3_3_70b",
    "Meta-Llama-3-8B-Instruct": "llama_3_8b",
}
GPUS = {
    "NVIDIA H100-SXM-80GB": "h100_hgx",
    "HGX H100": "h100_hgx",
    "h100-80gb-pcap": "h100_hgx",
    "NVIDIA H100-NVL-94GB": "h100_nvl",
    "NVIDIA H200-NVL-141GB": "h200_nvl",
    "Virtualized NVIDIA H200-SXM-141GB": "h200_hgx",
    "B200 HGX 179GB": "b200_hgx",
    "GB300 NVL72 x4": "gb300_nvl72",
    "Vera Rubin NVL72 (PREVIEW)": "vr_nvl72",
    "A100-SXM4-40GB": "a100_40gb_hgx",
    "a100-80gb": "a100_hgx",
    "AMD Instinct MI325X 256GB HBM3e": "mi325x_oam8",
    "72x MI355X": "mi355x_oam8",
    "RTXPRO6000": "rtx_pro_6000_server",
    "GeForce RTX 4090": "rtx_4090",
    "NVIDIA L40S": "l40s",
    "NVIDIA L4-PCIe-24GB": "l4",
    "[MAXSUN] MS-Intel Arc Pro B60 Dual 48G Turbo": "b60",
}


@pytest.mark.parametrize(("published", "name"), MODELS.items())
def test_models(published: str, name: str) -> None:
    assert meant_in_table("model", published) == name


@pytest.mark.parametrize(("published", "name"), GPUS.items())
def test_gpus(published: str, name: str) -> None:
    assert meant_in_table("system", published) == name


OTHER_SIZES = ("microsoft/Phi-4-mini-instruct", "zai-org/GLM-4.5-Flash", "DeepSeek-V3-Lite", "Qwen3-8B-small")


@pytest.mark.parametrize(
    "name", ["DeepSeek-V5", "Qwen/Qwen3.5-9B", "Qwen3-Coder-7B", "whisper", "", "llama", *OTHER_SIZES]
)
def test_another_model_is_not_taken_for_a_known_one(name: str) -> None:
    with pytest.raises(UnsupportedError, match="no architecture"):
        meant_in_table("model", name)


def test_every_name_of_the_catalog_and_of_the_table_means_itself() -> None:
    facts = catalog.load()
    assert all(meant_in_table("model", m) == m for m in facts.entities("layers"))
    assert all(meant_in_table("system", s) == s for s in facts.entities("hbm_bandwidth_bytes_per_s"))
    with (files("gigaplan.plan") / "data" / "model_aliases.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert row["why"]
            assert meant_in_table("model", row["name"]) == row["model"]
            assert row["model"] in facts.entities("layers")


def test_mixed_clusters_are_seen() -> None:
    assert of_two_kinds("AMD Instinct MI300X (x32), AMD Instinct MI325X (x16)")
    assert not of_two_kinds("AMD Instinct MI300X 192GB, HBM3")


@given(
    cells=st.fixed_dictionaries(
        {},
        optional={
            name: st.one_of(
                st.text(max_size=12), st.sampled_from(["nan", "inf", "-1", "0", "1e400", "8", "1024", "1,5", "null"])
            )
            for name in (
                "gpu",
                "model",
                "precision",
                "engine",
                "tp",
                "pp",
                "ep",
                "dp",
                "n_gpus",
                "isl",
                "osl",
                "concurrency",
                "config",
                "mode",
                "source",
                "ttft_ms",
                "tpot_ms",
            )
        },
    )
)
def test_odd_cells_are_answered_or_said_to_be_odd(cells: dict[str, str]) -> None:
    row = {
        "gpu": "h100_sxm",
        "model": "meta-llama/Llama-3.1-8B",
        "precision": "fp8",
        "engine": "vllm",
        "mode": "agg",
        "tp": "1",
        "isl": "1024",
        "osl": "128",
        "concurrency": "4",
        **cells,
    }
    answer = answer_all([row_question(row)], out_of_sample=False)[0]
    assert answer.validity.split(":")[0] in ("inside", "extrapolated", "unsupported")
    if not answer.validity.startswith("unsupported"):
        assert 0 < answer.tpot_low <= answer.tpot_high < float("inf")
