"""Whether the ranks of a training layout divide what they split, each with the nearest number that does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gigaplan.compute.divisors import divisors
from gigaplan.compute.transformer import Architecture


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that a layout splits and can't."""

    what: str
    """What is wrong, as a clause."""
    value: str
    """The ranks, as ``tp8 pp4``."""
    remedy: str
    """What to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """A layout in whole numbers, and what it splits."""

    tensor: int = 1
    """Ranks by tensor."""
    pipeline: int = 1
    """Pipeline stages."""
    context: int = 1
    """Ranks by context: parts of a sequence."""
    data: int = 1
    """Data ranks."""
    expert: int = 1
    """Ranks by expert."""
    expert_tensor: int = 1
    """Ranks that split one expert."""
    chunks: int = 1
    """Chunks of a stage's layers (virtual pipeline stages)."""
    micro_batch: int = 1
    """Sequences of a micro-batch."""
    gpus: int
    """GPUs of the whole layout [GPUs]."""
    sequence_tokens: int
    """Tokens of a sequence [tokens]."""
    sequences: float
    """Sequences of a step."""
    scaleup_gpus: int
    """GPUs of one scale-up domain."""
    model: Architecture
    """Shape of the model."""

    @property
    def replica_gpus(self) -> int:
        """GPUs of one data rank [GPUs]."""
        return self.tensor * self.pipeline * self.context


def misfits(r: Ranks) -> list[Misfit]:
    """Return what the ranks of a layout split and can't, with the nearest that they can.

    Parameters
    ----------
    r : Ranks
        Layout in whole numbers, and what it splits.

    Returns
    -------
    list of Misfit
        Empty where everything divides.
    """
    return [found for check in (_gpus, _tensor, _stages, _context, _experts, _sequences) for found in check(r)]


def _gpus(r: Ranks) -> Iterator[Misfit]:
    split = r.replica_gpus
    if split * r.data != r.gpus:
        near = max(r.gpus // split, 1) * split
        yield Misfit(
            f"tp x pp x cp x dp is {split * r.data:,}, not {r.gpus:,} GPUs",
            f"tp{r.tensor} pp{r.pipeline} cp{r.context} dp{r.data}",
            f"leave dp out, and take {near:,} or {near + split:,} GPUs, or ranks whose product divides {r.gpus:,}",
        )


def _tensor(r: Ranks) -> Iterator[Misfit]:
    t, heads, domain = r.tensor, r.model.heads, r.scaleup_gpus
    if heads % t:
        yield Misfit(f"tp must divide {heads} attention heads", f"tp{t}", f"take tp{_nearest_divisor(heads, t)}")
    if t > domain:
        yield Misfit(
            "tp is wider than a scale-up domain", f"tp{t}", f"take tp{_nearest_divisor(heads, domain)} or less"
        )


def _stages(r: Ranks) -> Iterator[Misfit]:
    p, chunks, layers = r.pipeline, r.chunks, r.model.layers
    if p > layers:
        yield Misfit(f"pp is more than {layers} layers", f"pp{p}", f"take pp{layers} or less")
    if chunks * p > max(layers, p):
        yield Misfit(
            f"pp x vpp is more than {layers} layers", f"pp{p} vpp{chunks}", f"take vpp{max(layers // p, 1)} or less"
        )


def _context(r: Ranks) -> Iterator[Misfit]:
    c, tokens = r.context, r.sequence_tokens
    if tokens % c:
        yield Misfit(
            f"cp must divide a sequence of {tokens:,} tokens", f"cp{c}", f"take cp{_nearest_divisor(tokens, c)}"
        )


def _experts(r: Ranks) -> Iterator[Misfit]:
    e, x, experts = r.expert, r.expert_tensor, r.model.experts
    if e > 1 and not experts:
        yield Misfit("the model has no experts", f"ep{e}", "leave ep out")
    elif experts and experts % e:
        yield Misfit(f"ep must divide {experts} experts", f"ep{e}", f"take ep{_nearest_divisor(experts, e)}")
    ranks = r.tensor * r.context * r.data
    if ranks % (e * x):
        near = _nearest_divisor(max(ranks // x, 1), e)
        yield Misfit(f"ep x etp must divide the {ranks:,} ranks of a stage", f"ep{e} etp{x}", f"take ep{near}")


def _sequences(r: Ranks) -> Iterator[Misfit]:
    each = r.data * r.micro_batch
    if r.sequences % each:
        near = max(round(r.sequences / each), 1) * each
        yield Misfit(
            f"dp x mb must divide a batch of {r.sequences:,.0f} sequences",
            f"dp{r.data} mb{r.micro_batch}",
            f"take a global batch of {near:,} sequences",
        )


def _nearest_divisor(whole: int, requested: int) -> int:
    """Return the divisor of a number that is nearest in ratio to what was wanted."""
    return min(divisors(whole), key=lambda k: abs(np.log(k / requested)))
