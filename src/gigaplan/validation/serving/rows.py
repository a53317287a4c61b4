"""The question that a row of a serving table puts to the serving model.

The columns are those of ``inference_serving.csv``. Users' rows are read by
:mod:`gigaplan.validation.serving.own_rows`, strictly; rows of published tables by their loader,
:mod:`gigaplan.validation.serving.published_rows`.
"""

from __future__ import annotations

from dataclasses import dataclass

from gigaplan import catalog
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.inference.inputs import Harness
from gigaplan.plan.resolve import device_of, model_of
from gigaplan.vocabulary.errors import PlanError, UnsupportedError


@dataclass(frozen=True, slots=True)
class Worker:
    """One kind of worker: how many GPUs each has, how attention is split, how many there are (0: not stated)."""

    gpus: int
    """GPUs of one pipeline stage."""
    by_requests: bool
    count: int = 1
    batch: int = 0
    """Requests in flight on one rank's share, 0 where not stated."""
    stated: bool = True
    """Whether the table says how many there are."""
    tensor: int = 1
    """GPUs over which one request's heads lie where attention is split by requests."""
    pipeline: int = 1
    """Pipeline stages of each worker."""


def usual_drafts(engine: str, *, by_requests: bool) -> int:
    """Return the drafts of each step where a row says that tokens are drafted, and not how many.

    As launch scripts of InferenceX have it: two with SGLang, three with others, one where TensorRT-LLM splits attention
    by requests.

    Parameters
    ----------
    engine
        Serving engine.
    by_requests
        Whether workers that decode split attention by requests.
    """
    facts, entity = catalog.load(), f"usual_drafts.{engine}"
    return int(facts.find(entity, "drafts_by_requests" if by_requests else "drafts").number)


@dataclass(frozen=True, slots=True)
class Question:
    """The question that a row puts to the serving model."""

    system: str
    model: str
    precision: str
    engine: str
    drafts: int
    """Tokens drafted for each step and verified in it; 0 for plain decoding."""
    decode: Worker
    prefill: Worker | None
    """Of its own where prompts are read elsewhere (disaggregated)."""
    input_tokens: float
    """Mean tokens of a prompt [token]."""
    output_tokens: float
    """Mean tokens of an answer [token]."""
    concurrency: float
    spread: float
    """Width over which lengths are drawn, as a share of their mean."""
    harness: Harness
    """How the benchmark launched and prepared the engine."""
    guesses: tuple[str, ...]
    """What the row left open, and what is taken for it."""
    replicas: int = 1
    """Copies of the co-located worker, which share the users out among them."""
    ran: bool = True
    """Whether the run was measured, so that its layout holds the model whatever our count of memory says."""
    release: str = ""
    """The engine's release as the row writes it, "" where it doesn't."""
    prompts: int = 0
    """Prompts that each user of the benchmark sends; 0: as many as in InferenceX, which stands for the unknown."""
    accepted_tokens: float = 0.0
    """Tokens that a step with drafts yields, as the row states it; 0: as published, for the random prompts of
    benchmarks."""
    reasons: tuple[str, ...] = ()
    """Why the answer lies outside of what the constants were fitted on, in addition to its hardware and model."""

    @property
    def speculative(self) -> bool:
        """Whether tokens are drafted."""
        return self.drafts > 0

    @property
    def users(self) -> float:
        """Users of one replica [requests]."""
        return max(self.concurrency / self.replicas, 1.0) if self.replicas > 1 else self.concurrency

    @property
    def gpus(self) -> int:
        """GPUs of all workers and replicas [GPUs]."""
        workers = [self.decode] if self.prefill is None else [self.decode, self.prefill]
        return self.replicas * sum(max(w.count, 1) * w.gpus * w.pipeline for w in workers)


@catalog.per_catalog
def known(system: str, model: str) -> tuple[Device, Architecture]:
    """Return the device of a system and the architecture of a model; UnsupportedError if facts are missing.

    Parameters
    ----------
    system
        Name of a system in the catalog.
    model
        Name of a model in the catalog.
    """
    facts = catalog.load()
    try:
        return device_of(facts, system), model_of(facts, model)
    except PlanError as error:
        raise UnsupportedError("; ".join(p.message for p in error.problems)) from None
