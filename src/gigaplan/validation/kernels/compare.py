"""Step times from two sources behind one interface: our serving model, and kernels that NVIDIA measured.

aiconfigurator-core (NVIDIA, Apache-2.0; the extra ``silicon``) interpolates tables of measured kernels. It is asked through its
``EngineHandle`` alone, and only on this page. Neither source ever sets the other: no constant of ours is fitted on these
answers, and a comparison is no validation, for tables of kernels miss what lies between kernels.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, Literal, Protocol

import numpy as np

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.names import SYSTEMS
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.frontier import precision_for
from gigaplan.inference.options import ENGINES, PRECISIONS
from gigaplan.inference.step import Stage
from gigaplan.plan.resolve import device_of, efficiency_of, engine_of, model_of
from gigaplan.validation.serving.rows import known
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem, UnsupportedError, nearest_name

PACKAGE = "aiconfigurator-core 0.12.0"
NO_SILICON = "this needs aiconfigurator-core, which isn't installed: pip install 'gigaplan[silicon]'"
PLACE = Place("silicon")
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
"""The tables' names of the catalog's models: those whose configuration comes with the package, so that nothing is fetched."""
MXFP4 = ("w4a8_mxfp4_mxfp8", "w4a16_mxfp4")
"""How experts of checkpoints in MXFP4 (gpt-oss) are computed, the narrower first."""
EXCHANGE = re.compile(r"(_ar(_\d+)?|_dispatch|_p2p|_all2all|_allgather|_reduce_scatter)$")
"""The package's names of operators that exchange between GPUs."""
SHARES = (0.1, 0.9)
"""The middle 80 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One replica without pipeline: ``tensor x data`` GPUs."""

    system: str
    model: str
    precision: str
    engine: str
    tensor: int = 1
    """GPUs over which one request's heads lie."""
    data: int = 1
    """Groups of them that each have requests of their own."""
    expert: int = 1
    """Groups of GPUs that each hold experts of their own; inside a group every expert is split. Ours tells no difference."""

    def __str__(self) -> str:
        split = (
            f"tp{self.tensor}"
            + (f" dp{self.data}" if self.data > 1 else "")
            + (f" ep{self.expert}" if self.expert > 1 else "")
        )
        return f"{self.model} {self.precision} on {self.system}, {self.engine} {split}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """One step [s]; nan where a source doesn't tell a part."""

    kernels_s: float
    """What GPUs work: all kernels, exchanges included."""
    exchanges_s: float = float("nan")
    host_s: float = 0.0
    """Scheduler, sampling and detokenising: no table of kernels has them."""
    measured_share: float = float("nan")
    """Share of the time that was measured on such a kernel, not derived from its bytes and operations."""

    @property
    def alone_s(self) -> float:
        """What GPUs work without the others [s]."""
        return self.kernels_s - self.exchanges_s


class StepTimes(Protocol):
    """A source of step times. UnsupportedError says why it has no answer."""

    def decode(self, layout: Layout, batch: int, context: int) -> StepTime:
        """Return the step in which ``batch`` requests in all, ``context`` tokens each, make a token each."""

    def prefill(self, layout: Layout, tokens: int) -> StepTime:
        """Return the step that reads one prompt of ``tokens`` on each group of ``data``, side by side."""


@dataclass(frozen=True, slots=True)
class Physics:
    """Our serving model, with the catalog's constants."""

    facts: Catalog = field(default_factory=catalog.load)

    def stage(self, layout: Layout) -> Stage:
        """Return the stage that a layout is."""
        gpus, data = (np.asarray(float(x)) for x in (layout.tensor * layout.data, layout.data > 1))
        return Stage(
            device_of(self.facts, layout.system),
            model_of(self.facts, layout.model),
            layout.precision,
            efficiency_of(self.facts),
            engine_of(self.facts, layout.engine),
            gpus,
            np.asarray(1.0),
            data,
            float(layout.tensor),
        )

    def decode(self, layout: Layout, batch: int, context: int) -> StepTime:
        """Return the step by operators, the host's part apart."""
        stage, requests = self.stage(layout), np.asarray(float(batch))
        step = stage.decode(requests, np.asarray(float(context)))
        host = stage.engine.step_overhead_s + float(stage.rows(requests)) * stage.engine.request_overhead_s
        return StepTime(kernels_s=float(step.total) - host, exchanges_s=float(step.collectives), host_s=host)

    def prefill(self, layout: Layout, tokens: int) -> StepTime:
        """Return the reading of one prompt a group; the model counts one prompt's share of it."""
        stage = self.stage(layout)
        one = stage.prefill_s(np.asarray(float(tokens)), np.asarray(0.0))
        return StepTime(kernels_s=float(one * stage.groups))

    def fits(self, layout: Layout, batch: int, context: int) -> bool:
        """Return whether memory holds so many requests."""
        stage = self.stage(layout)
        room = stage.device.hbm_bytes * (1 - stage.efficiency.memory_reserve_share)
        return bool(stage.capacity(np.asarray(float(context)), room) >= batch)


@dataclass(frozen=True, slots=True)
class Silicon:
    """Tables of measured kernels, through aiconfigurator-core's ``EngineHandle``."""

    def decode(self, layout: Layout, batch: int, context: int) -> StepTime:
        """Return one decode step, of its kernels; requests are dealt out evenly to the groups."""
        each = -(-batch // layout.data)
        handle = _handle(layout)
        return _sum(_asked(lambda: handle.run_static_per_op(batch_size=each, isl=context, osl=2, mode="static_gen"))[1])

    def prefill(self, layout: Layout, tokens: int) -> StepTime:
        """Return one prefill step, of its kernels."""
        handle = _handle(layout)
        return _sum(_asked(lambda: handle.run_static_per_op(batch_size=1, isl=tokens, osl=2, mode="static_ctx"))[0])


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
        raise MachineError(NO_SILICON) from None
    logging.getLogger("aiconfigurator_core").setLevel(logging.CRITICAL)
    return EngineHandle


@cache
def _handle(layout: Layout) -> Any:
    """Return the tables bound to a layout, in the precisions that come closest to ours; UnsupportedError with the reason."""
    compile_handle = engine_handle().compile
    if layout.system not in NAMES:
        raise UnsupportedError(f"no tables for system '{layout.system}': there are {', '.join(NAMES)}")
    if layout.model not in MODELS:
        raise UnsupportedError(f"no tables for model '{layout.model}': there are {', '.join(MODELS)}")
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
            return _asked(lambda m=modes: _tried(compile_handle, layout, split | m))  # type: ignore[misc]
        except UnsupportedError as error:
            reasons.append(str(error))
    raise UnsupportedError(reasons[0])


def _tried(compile_handle: Callable[..., Any], layout: Layout, chosen: dict[str, Any]) -> Any:
    """Return a handle that answers both kinds of step."""
    handle = compile_handle(MODELS[layout.model], NAMES[layout.system], layout.engine, **chosen)
    handle.predict_decode_latency(1, 1024)
    handle.predict_prefill_latency(1, 1024)
    return handle


def _asked(ask: Callable[[], Any]) -> Any:
    """Return what the package answers; whatever it raises is a reason why it doesn't."""
    try:
        return ask()
    except Exception as error:  # it raises its own kinds, ValueError, KeyError and AssertionError
        lines = (str(error) or type(error).__name__).strip().splitlines()
        raise UnsupportedError(re.sub(r"(: tried| at /).*", "", lines[0])) from None


def precisions(model: str, architecture: Architecture, precision: str) -> Iterator[dict[str, str]]:
    """Yield the tables' words for a precision, as our model understands it, the closest first.

    Attention computes in BF16 with us; where tables lack it for the cache's precision, FP8 or a BF16 cache are taken.
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
    for expert, (kept, attention) in product(experts, caches):
        yield {
            "gemm_quant_mode": products,
            "moe_quant_mode": expert,
            "kvcache_quant_mode": kept,
            "fmha_quant_mode": attention,
        }


# --- the comparison ---------------------------------------------------------------------------------------------------

CASES = tuple(
    Layout(model=model, system=system, precision=precision, engine=engine, tensor=tensor, data=data, expert=expert)
    for model, system, precision, engine, tensor, data, expert in (
        ("llama_3_1_8b", "h100_hgx", "fp8", "vllm", 1, 1, 1),
        ("llama_3_1_70b", "h100_hgx", "fp8", "trtllm", 4, 1, 1),
        ("llama_3_1_70b", "b200_hgx", "fp4", "trtllm", 2, 1, 1),
        ("llama_3_1_405b", "h200_hgx", "fp8", "trtllm", 8, 1, 1),
        ("qwen3_32b", "a100_hgx", "bf16", "vllm", 2, 1, 1),
        ("qwen3_32b", "h100_hgx", "bf16", "vllm", 2, 1, 1),
        ("qwen3_32b", "b200_hgx", "bf16", "sglang", 2, 1, 1),
        ("qwen3_235b_a22b", "h200_hgx", "fp8", "trtllm", 8, 1, 8),
        ("deepseek_r1", "h200_hgx", "fp8", "sglang", 8, 1, 1),
        ("deepseek_r1", "h200_hgx", "fp8", "trtllm", 1, 8, 8),
        ("deepseek_r1", "b200_hgx", "fp4", "trtllm", 8, 1, 8),
        ("deepseek_r1", "gb200_nvl72", "fp4", "trtllm", 1, 16, 16),
        ("gpt_oss_120b", "h100_hgx", "fp4", "vllm", 4, 1, 1),
        ("minimax_m2_5", "h200_hgx", "fp8", "vllm", 4, 1, 4),
        ("qwen3_5_397b_a17b", "b300_hgx", "fp4", "trtllm", 8, 1, 8),
        ("deepseek_r1", "mi355x_oam8", "fp8", "sglang", 8, 1, 1),
        ("deepseek_r1", "vr_nvl72", "fp4", "trtllm", 8, 1, 8),
    )
)
"""What is compared when nothing is named: each generation, dense and with experts, heads or requests split; the last two
are hardware that has no tables. Chosen for their variety, before errors were seen."""
BATCHES = (1, 16, 64, 256)
"""Requests of each group."""
CONTEXTS = (1024, 8192)
"""Tokens of each request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One step by both sources."""

    layout: Layout
    does: Literal["decode", "prefill"]
    requests: int
    tokens: int
    """Context of each request, or tokens of each prompt."""
    ours: StepTime
    tables: StepTime

    @property
    def ratio(self) -> float:
        """Our kernels over the tables'."""
        return self.ours.kernels_s / self.tables.kernels_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """How our time compares with the tables' over some rows."""

    name: str
    does: str
    rows: int
    ratio: float
    """Median of ours over theirs."""
    low: float
    high: float
    """The middle 80 % of that."""
    error: float
    """Median distance from theirs, as a share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All rows, what they say together, and what the tables don't have."""

    source: str
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    unsupported: dict[str, str]
    """Layouts without an answer from the tables, and why."""
    left_out: int
    """Rows whose requests don't fit in memory."""


def compare(
    layouts: Iterable[Layout] = CASES,
    batches: Sequence[int] = BATCHES,
    contexts: Sequence[int] = CONTEXTS,
    told: Callable[[int, int, str], None] | None = None,
) -> Comparison:
    """Return decode and prefill steps of both sources, for each layout, batch (of a group) and context.

    Raises
    ------
    PlanError
        With every unknown name and impossible number at once.
    MachineError
        If aiconfigurator-core isn't installed; the message says how to install it.
    """
    facts, layouts = catalog.load(), list(layouts)
    if problems := _problems(facts, layouts, batches, contexts):
        raise PlanError(problems)
    engine_handle()
    ours, theirs = Physics(facts), Silicon()
    rows: list[Row] = []
    unsupported: dict[str, str] = {}
    left_out = 0
    for k, layout in enumerate(layouts):
        if told:
            told(k, len(layouts), str(layout))
        try:
            some = [
                Row(
                    layout=layout,
                    does="prefill",
                    requests=layout.data,
                    tokens=n,
                    ours=ours.prefill(layout, n),
                    tables=theirs.prefill(layout, n),
                )
                for n in contexts
            ]
            for n, each in product(contexts, batches):
                batch = each * layout.data
                if not ours.fits(layout, batch, n):
                    left_out += 1
                    continue
                some.append(
                    Row(
                        layout=layout,
                        does="decode",
                        requests=batch,
                        tokens=n,
                        ours=ours.decode(layout, batch, n),
                        tables=theirs.decode(layout, batch, n),
                    )
                )
        except UnsupportedError as error:
            unsupported[str(layout)] = str(error)
        else:
            rows += some
    return Comparison(
        source=PACKAGE, rows=tuple(rows), summaries=tuple(_summaries(rows)), unsupported=unsupported, left_out=left_out
    )


def _summaries(rows: Sequence[Row]) -> Iterator[Summary]:
    kinds: tuple[tuple[str, Callable[[Row], str]], ...] = (
        ("", lambda r: "all"),
        ("system ", lambda r: r.layout.system),
        ("precision ", lambda r: r.layout.precision),
        ("engine ", lambda r: r.layout.engine),
        ("model ", lambda r: r.layout.model),
        ("tokens ", lambda r: f"{r.tokens:,}"),
        ("requests a group ", lambda r: f"{r.requests // r.layout.data:,}"),
        ("", lambda r: str(r.layout)),
    )
    for does in ("decode", "prefill"):
        some = [r for r in rows if r.does == does]
        for kind, of in kinds:
            if does == "prefill" and kind.startswith("requests"):
                continue
            for name in dict.fromkeys(of(r) for r in some):
                yield _summary(kind + name, does, [r.ratio for r in some if of(r) == name])
    # Exchanges are told apart for decode alone.
    apart = [r for r in rows if r.does == "decode" and r.ours.exchanges_s > 0 and r.tables.exchanges_s > 0]
    if apart:
        yield _summary("part: exchanges", "decode", [r.ours.exchanges_s / r.tables.exchanges_s for r in apart])
        yield _summary("part: all else", "decode", [r.ours.alone_s / r.tables.alone_s for r in apart])


def _summary(name: str, does: str, ratios: Sequence[float]) -> Summary:
    low, high = np.quantile(ratios, SHARES)
    return Summary(
        name=name,
        does=does,
        rows=len(ratios),
        ratio=float(np.median(ratios)),
        low=float(low),
        high=float(high),
        error=float(np.median(np.abs(np.asarray(ratios) - 1))),
    )


def _problems(
    facts: Catalog, layouts: Sequence[Layout], batches: Sequence[int], contexts: Sequence[int]
) -> list[Problem]:
    """Return every unknown name and impossible number."""
    found: dict[str, Problem] = {}
    words = {
        "model": facts.entities("layers"),
        "system": facts.entities("hbm_bandwidth_bytes_per_s"),
        "precision": PRECISIONS,
        "engine": ENGINES,
    }
    for layout in layouts:
        for kind, allowed in words.items():
            if (word := getattr(layout, kind)) not in allowed:
                many = kind in ("model", "system")
                found[f"{kind} {word}"] = Problem(
                    f"no such {kind}",
                    PLACE,
                    value=word,
                    nearest=SYSTEMS.get(word, "") or nearest_name(word, allowed),
                    allowed="" if many else ", ".join(allowed),
                    remedy=f"gigaplan catalog list {kind}s shows them all" if many else f"name one {kind}",
                )
        for name in ("tensor", "data", "expert"):
            if getattr(layout, name) < 1:
                found[name] = _small(name, getattr(layout, name))
    for name, values in (("batch", batches), ("context", contexts)):
        found |= {f"{name} {v}": _small(name, v) for v in values if v < 1}
    return list(found.values())


def _small(name: str, value: int) -> Problem:
    return Problem(f"'{name}' must be 1 or more", PLACE, value=str(value), remedy="give a whole number above zero")


def layout_of(model: str, system: str, *, precision: str = "", **given: Any) -> Layout:
    """Return one layout; a precision that is left open is the narrowest that the system computes in."""
    facts = catalog.load()
    if not precision and system in facts.entities("hbm_bandwidth_bytes_per_s"):
        precision = precision_for(device_of(facts, system))
    return Layout(model=model, system=system, precision=precision or "bf16", **given)
