"""Layouts of one replica, by names of the catalog, and the step times that both sources give of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from gigaplan import catalog
from gigaplan.inference.frontier import precision_for
from gigaplan.inference.step_times import StepTimes
from gigaplan.plan.resolve import device_of


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
    """Groups of GPUs that each hold experts of their own; inside a group every expert is split. The serving model
    makes no difference."""

    def __str__(self) -> str:
        split = (
            f"tp{self.tensor}"
            + (f" dp{self.data}" if self.data > 1 else "")
            + (f" ep{self.expert}" if self.expert > 1 else "")
        )
        return f"{self.model} {self.precision} on {self.system}, {self.engine} {split}"


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTime:
    """One step [s]; nan where a source doesn't give a part."""

    kernels_s: float
    """What GPUs work: all kernels, exchanges included."""
    exchanges_s: float = float("nan")
    host_s: float = 0.0
    """Scheduler, sampling and detokenising, which no table of kernels has."""
    measured_share: float = float("nan")
    """Share of the time that was measured on such a kernel, not derived from its bytes and operations."""

    @property
    def alone_s(self) -> float:
        """What GPUs work without the others [s]."""
        return self.kernels_s - self.exchanges_s


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
"""What is compared when nothing is named: each generation, dense and with experts, heads or requests split; the last
two are hardware that has no tables. Chosen for their variety, before errors were seen."""


class Source(Protocol):
    """A source of step times by layout. UnsupportedError says why it has no answer."""

    def decode(self, layout: Layout, batch: int, context: int) -> StepTime:
        """Return the step in which ``batch`` requests in all, ``context`` tokens each, make a token each."""

    def prefill(self, layout: Layout, tokens: int) -> StepTime:
        """Return the step that prefills one prompt of ``tokens`` on each group of ``data``, side by side."""

    def step_times(self, layout: Layout) -> StepTimes:
        """Return the source as the inference room takes it, for one layout."""


def layout_of(model: str, system: str, *, precision: str = "", **given: Any) -> Layout:
    """Return one layout; a precision that is left open is the narrowest that the system computes in."""
    facts = catalog.load()
    if not precision and system in facts.entities("hbm_bandwidth_bytes_per_s"):
        precision = precision_for(device_of(facts, system))
    return Layout(model=model, system=system, precision=precision or "bf16", **given)
