"""Step times of layouts from kernels that NVIDIA measured.

aiconfigurator-core (NVIDIA, Apache-2.0; the extra ``kernels``) interpolates tables of measured kernels. It is asked
through its ``EngineHandle`` alone, and only in this module.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

from gigaplan.compute.transformer import Architecture
from gigaplan.inference.step_times import StepTimes
from gigaplan.validation.kernels.layouts import Layout, StepTime
from gigaplan.validation.serving.rows import known
from gigaplan.vocabulary.errors import MachineError, UnsupportedError, allowed_names
from gigaplan.vocabulary.members import Array

PACKAGE = "aiconfigurator-core 0.12.0"

NOT_INSTALLED = "this needs aiconfigurator-core, which isn't installed: pip install 'gigaplan[kernels]'"

NAMES = {
    "a100_hgx": "a100_sxm",
    "h100_hgx": "h100_sxm",
    "h200_hgx": "h200_sxm",
    "b200_hgx": "b200_sxm",
    "b300_hgx": "b300_sxm",
    "gb200_nvl72": "gb200",
    "gb300_nvl72": "gb300",
    "l40s": "l40s",
    "rtx_pro_6000_server": "rtx_pro_6000_server",
}
"""The tables' names of the catalog's systems."""

MODELS = {
    "llama_3_1_8b": "meta-llama/Meta-Llama-3.1-8B",
    "llama_3_1_70b": "meta-llama/Meta-Llama-3.1-70B",
    "llama_3_1_405b": "meta-llama/Meta-Llama-3.1-405B",
    "qwen3_0_6b": "Qwen/Qwen3-0.6B",
    "qwen3_1_7b": "Qwen/Qwen3-1.7B",
    "qwen3_8b": "Qwen/Qwen3-8B",
    "qwen3_32b": "Qwen/Qwen3-32B",
    "qwen3_30b_a3b": "Qwen/Qwen3-30B-A3B",
    "qwen3_235b_a22b": "Qwen/Qwen3-235B-A22B",
    "qwen3_coder_480b_a35b": "Qwen/Qwen3-Coder-480B-A35B-Instruct",
    "qwen3_5_27b": "Qwen/Qwen3.5-27B",
    "qwen3_5_35b_a3b": "Qwen/Qwen3.5-35B-A3B",
    "qwen3_5_397b_a17b": "Qwen/Qwen3.5-397B-A17B",
    "deepseek_v3": "deepseek-ai/DeepSeek-V3",
    "deepseek_r1": "deepseek-ai/DeepSeek-R1",
    "deepseek_v3_2": "deepseek-ai/DeepSeek-V3.2",
    "gpt_oss_20b": "openai/gpt-oss-20b",
    "gpt_oss_120b": "openai/gpt-oss-120b",
    "minimax_m2_5": "MiniMaxAI/MiniMax-M2.5",
    "minimax_m2_7": "MiniMaxAI/MiniMax-M2.7",
    "kimi_k2_5": "moonshotai/Kimi-K2.5",
    "glm_5": "zai-org/GLM-5",
    "glm_5_1": "zai-org/GLM-5.1",
}
"""The tables' names of the catalog's models: those whose configuration comes with the package, so that nothing is
fetched."""

TRIED_TOKENS = 1024
"""Context and prompt with which a layout is tried before it is used."""
MXFP4 = ("w4a8_mxfp4_mxfp8", "w4a16_mxfp4")
"""How experts of checkpoints in MXFP4 (gpt-oss) are computed, the narrower first."""

EXCHANGE = re.compile(r"(_ar(_\d+)?|_dispatch|_p2p|_all2all|_allgather|_reduce_scatter)$")
"""The package's names of operators that exchange between GPUs."""


@dataclass(frozen=True, slots=True)
class KernelTables:
    """Tables of measured kernels, through aiconfigurator-core's ``EngineHandle``."""

    def decode(self, layout: Layout, batch: int, context: int) -> StepTime:
        """Return one decode step, of its kernels; requests are dealt out evenly to the groups."""
        each = -(-batch // layout.data)
        handle = handle_of(layout)
        return _sum(
            _answered(lambda: handle.run_static_per_op(batch_size=each, isl=context, osl=2, mode="static_gen"))[1]
        )

    def prefill(self, layout: Layout, tokens: int) -> StepTime:
        """Return one prefill step, of its kernels."""
        handle = handle_of(layout)
        return _sum(_answered(lambda: handle.run_static_per_op(batch_size=1, isl=tokens, osl=2, mode="static_ctx"))[0])

    def step_times(self, layout: Layout) -> StepTimes:
        """Return the layout's tables as a source of step times."""
        return TableStepTimes(layout)


@dataclass(frozen=True, slots=True)
class TableStepTimes:
    """Tables of measured kernels of one layout, as the inference room takes step times: kernels alone, without the
    host."""

    layout: Layout

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of a decode step [s]; arguments are rounded up to whole requests and tokens."""
        return self._each(lambda b, c: KernelTables().decode(self.layout, b, c).kernels_s, batch, context)

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return the time of a step that only prefills [s]; cached tokens take no time."""
        return self._each(lambda n, _: KernelTables().prefill(self.layout, n).kernels_s if n else 0.0, uncached, cached)

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return by how much prefill lengthens a decode step [s]: as long as it takes alone, for tables have no mixed
        steps."""
        alone = self.prefill_s(uncached, cached)
        return np.broadcast_to(alone, np.broadcast_shapes(np.shape(batch), np.shape(context), alone.shape)).copy()

    def _each(self, of: Callable[[int, int], float], x: Array, y: Array) -> Array:
        """Return a function of whole numbers at each pair of values."""
        xs, ys = np.broadcast_arrays(np.ceil(x), np.ceil(y))
        found = [of(int(a), int(b)) for a, b in zip(xs.ravel(), ys.ravel(), strict=True)]
        return np.array(found, dtype=float).reshape(xs.shape)


def _sum(operators: Sequence[tuple[str, float, float, str]]) -> StepTime:
    """Return a step from its operators: name, time [ms], energy, and where the time is from."""
    exchanges = sum(ms for name, ms, *_ in operators if EXCHANGE.search(name))
    whole = sum(ms for _, ms, *_ in operators)
    measured = sum(ms for _, ms, _, source in operators if source == "silicon")
    share = measured / whole if whole else float("nan")
    return StepTime(kernels_s=whole / 1e3, exchanges_s=exchanges / 1e3, measured_share=share)


def engine_handle() -> Any:
    """Return the package's ``EngineHandle``; MachineError says how to install it."""
    try:
        from aiconfigurator_core.sdk import EngineHandle
    except ImportError:
        raise MachineError(NOT_INSTALLED) from None
    logging.getLogger("aiconfigurator_core").setLevel(logging.CRITICAL)
    return EngineHandle


@cache
def handle_of(layout: Layout) -> Any:
    """Return the tables bound to a layout, in the precisions that come closest to the serving model's;
    UnsupportedError with the reason."""
    compile_handle = engine_handle().compile
    if layout.system not in NAMES:
        raise UnsupportedError(f"no tables for system '{layout.system}': there are {allowed_names(NAMES)}")
    if layout.model not in MODELS:
        raise UnsupportedError(f"no tables for model '{layout.model}': there are {allowed_names(MODELS)}")
    _, architecture = known(layout.system, layout.model)
    if layout.data > 1 and not architecture.experts:
        raise UnsupportedError("groups with requests of their own share nothing in a dense model: ask for one of them")
    gpus = layout.tensor * layout.data
    if gpus % layout.expert:
        raise UnsupportedError(f"{gpus} GPUs can't be {layout.expert} groups of experts")
    split = {
        "tp_size": layout.tensor,
        "attention_dp_size": layout.data,
        "moe_ep_size": layout.expert,
        "moe_tp_size": gpus // layout.expert,
    }
    reasons = []
    for modes in precisions(layout.model, architecture, layout.precision):
        try:
            return _answered(lambda m=modes: _tried(compile_handle, layout, split | m))  # type: ignore[misc]
        except UnsupportedError as error:
            reasons.append(str(error))
    raise UnsupportedError(reasons[0])


def _tried(compile_handle: Callable[..., Any], layout: Layout, chosen: dict[str, Any]) -> Any:
    """Return a handle that answers both kinds of step."""
    handle = compile_handle(MODELS[layout.model], NAMES[layout.system], layout.engine, **chosen)
    handle.predict_decode_latency(1, TRIED_TOKENS)
    handle.predict_prefill_latency(1, TRIED_TOKENS)
    return handle


def _answered(call: Callable[[], Any]) -> Any:
    """Return what the package answers; whatever it raises is a reason why it doesn't."""
    try:
        return call()
    except Exception as error:  # it raises its own kinds, ValueError, KeyError and AssertionError
        lines = (str(error) or type(error).__name__).strip().splitlines()
        raise UnsupportedError(re.sub(r"(: tried| at /).*", "", lines[0])) from None


def precisions(model: str, architecture: Architecture, precision: str) -> Iterator[dict[str, str]]:
    """Yield the tables' words for a precision, as the serving model understands it, the closest first.

    Attention computes in BF16 in the serving model; where tables lack it for the cache's precision, FP8 or a BF16
    cache are taken.
    """
    experts: Sequence[str]
    if precision == "bf16":
        products, experts = "bfloat16", ["bfloat16"]
    elif precision == "fp8":
        products = "fp8_block" if architecture.fp8_blocks else "fp8"
        experts = [products]
    else:
        # Attention of models with experts stays in BF16 (``Architecture.attention_math``).
        products = "bfloat16" if architecture.experts else "nvfp4"
        experts = [*MXFP4, "nvfp4"] if model.startswith("gpt_oss") else ["nvfp4"]
    caches = [("bfloat16", "bfloat16")]
    if precision != "bf16":
        caches = [("fp8", "bfloat16"), ("fp8", "fp8"), *caches]
    for expert, (cache_mode, attention) in product(experts, caches):
        yield {
            "gemm_quant_mode": products,
            "moe_quant_mode": expert,
            "kvcache_quant_mode": cache_mode,
            "fmha_quant_mode": attention,
        }
