"""The published tables that gigaplan knows: by the address that a row gives, whose table it is from.

Published tables leave things out that their publications state elsewhere. Loaders of these tables fill them in
(:mod:`gigaplan.validation.serving.published_rows`, :mod:`gigaplan.validation.training.published_rows`). All other rows
are users' own: what they say is computed, or they are refused.
"""

from __future__ import annotations

from collections.abc import Mapping

SERVING = (
    ("aiconfigurator", "github.com/ai-dynamo/aiconfigurator/"),
    ("inferencex", "github.com/SemiAnalysisAI/InferenceX"),
    ("trtllm", "github.com/NVIDIA/TensorRT-LLM/"),
    ("mlperf", "github.com/mlcommons/inference_results_"),
    ("splitwise", "github.com/Mutinifni/splitwise-sim"),
    ("vultr", "docs.vultr.com/inference-cookbook/"),
    ("infersim", "github.com/alibaba/InferSim"),
    ("deepseek day", "github.com/deepseek-ai/open-infra-index"),
)
"""Published tables of serving and the addresses that they are found at."""
TRAINING = (
    ("vtrain", "github.com/VIA-Research/vTrain"),
    ("mlperf", "github.com/mlcommons/training_results_"),
    ("simumax", "github.com/MooreThreads/SimuMax"),
    ("bridge", "github.com/NVIDIA-NeMo/Megatron-Bridge"),
    ("sc21", "arxiv.org/abs/2104.04473"),
    ("korthikanti", "arxiv.org/abs/2205.05198"),
    ("torchtitan", "github.com/pytorch/torchtitan"),
    ("mosaicml", "github.com/mosaicml/llm-foundry"),
    ("herd of models", "arxiv.org/abs/2407.21783"),
    ("deepseek-v3 technical", "arxiv.org/abs/2412.19437"),
)
"""Published tables of training and the addresses that they are found at."""


def serving_table(row: Mapping[str, str]) -> str:
    """Return the published table of serving that a row is from, "" for a user's own row."""
    return _table(row, SERVING)


def training_table(row: Mapping[str, str]) -> str:
    """Return the published table of training that a row is from, "" for a user's own row."""
    return _table(row, TRAINING)


def _table(row: Mapping[str, str], tables: tuple[tuple[str, str], ...]) -> str:
    address = (row.get("url") or "").strip()
    if not address.startswith("https://"):
        return ""
    return next((name for name, there in tables if address.removeprefix("https://").startswith(there)), "")
