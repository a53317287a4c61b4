"""Layouts of training as text, and whether their ranks divide what they split."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.layers.training_job import PLACE, TrainingJob
from gigaplan.training.inputs import Batch
from gigaplan.training.layout import DUALPIPE, FULL, SELECTIVE
from gigaplan.training.search import RatedLayout
from gigaplan.vocabulary.errors import PlanError, Problem, nearest_name

SCHEDULES = {"1f1b": 0.0, "zb": 1.0, "dualpipe": DUALPIPE}

RECOMPUTES = {"none": 0.0, "selective": SELECTIVE, "full": FULL}

NUMBERS = {
    "tp": "tensor",
    "pp": "pipeline",
    "vpp": "chunks",
    "cp": "context",
    "ep": "expert",
    "etp": "expert_tensor",
    "dp": "data",
    "mb": "micro_batch",
}

FLAGS = {"fsdp": "fully_sharded", "offload": "offload"}

WORDS = {"recompute": RECOMPUTES, "schedule": SCHEDULES}

Found = tuple[str, str, str]
"""A problem: what is wrong, the value, and what to do."""
EXAMPLE = "tp8 pp16 vpp6 cp2 mb1 recompute=selective"


def read_layout(text: str) -> dict[str, float]:
    """Return the fields of a layout that a text names: ``tp8 pp16 vpp6 cp2 ep8 etp1 mb1 recompute=selective
    schedule=zb fsdp offload``.

    Raises
    ------
    PlanError
        With every word that is no part of a layout.
    """
    found: dict[str, float] = {}
    problems = []
    for word in re.split(r"[\s,]+", text.strip().lower()):
        number = re.fullmatch(r"([a-z]+)=?(\d+)", word)
        name, _, value = word.partition("=")
        if number and number[1] in NUMBERS and int(number[2]) > 0:
            found[NUMBERS[number[1]]] = float(number[2])
        elif word in FLAGS:
            found[FLAGS[word]] = 1.0
        elif name in WORDS and value in WORDS[name]:
            found[name] = float(WORDS[name][value])
        else:
            known = [*NUMBERS, *FLAGS, *(f"{k}={v}" for k, words in WORDS.items() for v in words)]
            problems.append(
                Problem(
                    "no part of a layout",
                    PLACE,
                    value=word,
                    allowed=", ".join(known),
                    nearest=nearest_name(re.sub(r"\d+$", "", word), known),
                    remedy=f"write it like '{EXAMPLE}'",
                )
            )
    if problems:
        raise PlanError(problems)
    return found


def layout_text(plan: RatedLayout) -> str:
    """Return a layout as text that :func:`read_layout` reads."""
    parts = [f"{k}{getattr(plan, name)}" for k, name in NUMBERS.items() if getattr(plan, name) > 1 or k == "mb"]
    parts += [f"recompute={k}" for k, v in RECOMPUTES.items() if v and v == plan.recompute]
    parts += [f"schedule={k}" for k, v in SCHEDULES.items() if v and v == plan.schedule]
    return " ".join([*parts, *(k for k, name in FLAGS.items() if getattr(plan, name))])


@dataclass(frozen=True, slots=True)
class _Split:
    """A layout's ranks, what they split, and the first problem of each kind that is found."""

    given: Mapping[str, float]
    job: TrainingJob
    device: Device
    model: Architecture
    batch: Batch

    def rank(self, name: str) -> int:
        """Return one rank of the layout, 1 where it is left out."""
        return int(self.given.get(name, 1))

    @property
    def replica_gpus(self) -> int:
        """GPUs of one data rank."""
        return self.rank("tensor") * self.rank("pipeline") * self.rank("context")

    @property
    def data(self) -> int:
        """Data ranks: as stated, else as many as the GPUs hold."""
        return int(self.given.get("data", max(self.job.gpus // self.replica_gpus, 1)))

    @property
    def sequences(self) -> float:
        """Sequences of one step."""
        return self.batch.global_batch_tokens / self.batch.sequence_tokens


def undivided(
    given: Mapping[str, float], job: TrainingJob, device: Device, model: Architecture, batch: Batch
) -> list[Problem]:
    """Return a problem for each rank of a layout that doesn't divide what it splits, with the nearest that does.

    Parameters
    ----------
    given
        Ranks of the layout, from :func:`read_layout`.
    job, device, model, batch
        What is trained, and on what.
    """
    split = _Split(given, job, device, model, batch)
    checks = (_gpus, _tensor, _stages, _context, _experts, _sequences, _offload)
    return [
        Problem(what, PLACE, value=value, remedy=remedy) for check in checks for what, value, remedy in check(split)
    ]


def _gpus(s: _Split) -> Iterator[Found]:
    split, gpus = s.replica_gpus, s.job.gpus
    if split * s.data != gpus:
        near = max(gpus // split, 1) * split
        yield (
            f"tp x pp x cp x dp is {split * s.data:,}, not {gpus:,} GPUs",
            f"tp{s.rank('tensor')} pp{s.rank('pipeline')} cp{s.rank('context')} dp{s.data}",
            f"leave dp out, and take {near:,} or {near + split:,} GPUs, or ranks whose product divides {gpus:,}",
        )


def _tensor(s: _Split) -> Iterator[Found]:
    t, heads, domain = s.rank("tensor"), s.model.heads, s.device.scaleup_gpus
    if heads % t:
        yield f"tp must divide {heads} attention heads", f"tp{t}", f"take tp{_nearest_divisor(heads, t)}"
    if t > domain:
        yield "tp is wider than a scale-up domain", f"tp{t}", f"take tp{_nearest_divisor(heads, domain)} or less"


def _stages(s: _Split) -> Iterator[Found]:
    p, chunks, layers = s.rank("pipeline"), s.rank("chunks"), s.model.layers
    if p > layers:
        yield f"pp is more than {layers} layers", f"pp{p}", f"take pp{layers} or less"
    if chunks * p > max(layers, p):
        yield (
            f"pp x vpp is more than {layers} layers",
            f"pp{p} vpp{chunks}",
            f"take vpp{max(layers // p, 1)} or less",
        )


def _context(s: _Split) -> Iterator[Found]:
    c, tokens = s.rank("context"), s.job.sequence_tokens
    if tokens % c:
        yield f"cp must divide a sequence of {tokens:,} tokens", f"cp{c}", f"take cp{_nearest_divisor(tokens, c)}"


def _experts(s: _Split) -> Iterator[Found]:
    e, x, experts = s.rank("expert"), s.rank("expert_tensor"), s.model.experts
    if e > 1 and not experts:
        yield "the model has no experts", f"ep{e}", "leave ep out"
    elif experts and experts % e:
        yield f"ep must divide {experts} experts", f"ep{e}", f"take ep{_nearest_divisor(experts, e)}"
    ranks = s.rank("tensor") * s.rank("context") * s.data
    if ranks % (e * x):
        near = _nearest_divisor(ranks // x, e)
        yield f"ep x etp must divide the {ranks:,} ranks of a stage", f"ep{e} etp{x}", f"take ep{near}"


def _sequences(s: _Split) -> Iterator[Found]:
    micro = s.rank("micro_batch")
    each = s.data * micro
    if s.sequences % each:
        near = max(round(s.sequences / each), 1) * each
        yield (
            f"dp x mb must divide a batch of {s.sequences:,.0f} sequences",
            f"dp{s.data} mb{micro}",
            f"take --global-batch {near:,}",
        )


def _offload(s: _Split) -> Iterator[Found]:
    if s.given.get("offload") and not s.device.host_bandwidth_bytes_per_s:
        yield "the catalog has no bandwidth to the host for this system", "offload", "leave offload out"


def _nearest_divisor(whole: int, requested: int) -> int:
    """Return the divisor of a number that is nearest in ratio to what was wanted."""
    divisors = [k for k in range(1, whole + 1) if whole % k == 0]
    return min(divisors, key=lambda k: abs(np.log(k / requested)))
