"""The replica that serves: its layout, its limits, and what the fast model says of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.accuracy import serving as accuracy
from gigaplan.catalog import Catalog
from gigaplan.catalog.names import generation
from gigaplan.inference import frontier
from gigaplan.inference.fit import splits_heads
from gigaplan.inference.inputs import Drafts, Request
from gigaplan.inference.serving import serve
from gigaplan.inference.shares import token_shares
from gigaplan.inference.step import Stage
from gigaplan.inference.step_times import StageStepTimes, kv_cache_tokens
from gigaplan.layers.checks import longest_context
from gigaplan.layers.serve_job import ServeJob
from gigaplan.layers.serve_traces import PLACE
from gigaplan.layers.serving_levels import Given, level_of, levelled, release_notes
from gigaplan.plan.names import family
from gigaplan.plan.resolve import device_at, model_of, serving_constants
from gigaplan.plan.resolve.drafts import drafts_of
from gigaplan.vocabulary.errors import PlanError, Problem
from gigaplan.vocabulary.members import Array

SEQUENCES, STEP_TOKENS = 256, 8192
"""What serving engines take by themselves at least: requests at once, and tokens of a step (vLLM's defaults)."""


@dataclass(frozen=True, slots=True)
class PipelinedTimes:
    """Step times of a replica of several stages: a round in which each stage has its part of the requests."""

    stage: Stage
    """One stage."""

    def decode_s(self, batch: Array, context: Array) -> Array:
        """Return the time of a round in which each of ``batch`` requests generates a token [s]."""
        p = self.stage.pipeline
        part = np.maximum(batch / p, 1.0)
        return np.asarray(p * (self.stage.decode_s(part, context) + self.stage.pipeline_send_s(part)))

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        """Return one stage's part of a round in which each reads as much [s]."""
        return np.asarray(self.stage.prefill_s(uncached, cached) + self.stage.pipeline_send_s(uncached))

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        """Return by how much reading lengthens one stage's part of a round in which each reads as much [s]."""
        of_one, part = StageStepTimes(self.stage), np.maximum(batch / self.stage.pipeline, 1.0)
        return np.asarray(of_one.added_prefill_s(part, context, uncached, cached))


def replica_times(stage: Stage) -> StageStepTimes | PipelinedTimes:
    """Return the step times of a whole replica by one of its stages.

    Parameters
    ----------
    stage
        One stage.
    """
    return PipelinedTimes(stage) if stage.pipeline > 1 else StageStepTimes(stage)


def groups_of(stage: Stage) -> float:
    """Return the groups of data parallel attention times stages: each reads its part of a step's prompts.

    Parameters
    ----------
    stage
        One stage.
    """
    return max(float(stage.attention_dp), 1.0) * float(stage.pipeline)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaChoice:
    """One replica and what the fast model says of it."""

    stage: Stage
    precision: str
    sequences: int
    """Most requests at once."""
    step_tokens: int
    """Most tokens of a step."""
    kv_tokens: float
    """Tokens whose keys and values fit in its memory."""
    longest_tokens: float
    """The model's longest context."""
    in_flight: int
    """Requests in flight at the fast model's best point."""
    requests_per_s: float
    """Mean requests that it serves within the limits, by the fast model; 0 where none are."""
    ttft_s: float
    """Mean time to first token meanwhile."""
    tpot_s: float
    validity: str
    errors: accuracy.TimeIntervals
    notes: tuple[str, ...]

    @property
    def gpus(self) -> int:
        """GPUs of the replica."""
        return int(self.stage.gpus * self.stage.pipeline)

    @property
    def tokens_per_step(self) -> float:
        """Tokens that a step yields for each request."""
        return self.stage.drafts.accepted_tokens if self.stage.drafts.number else 1.0

    @property
    def groups(self) -> float:
        """Groups of data parallel attention times stages: each reads its part of a step's prompts."""
        return groups_of(self.stage)

    @property
    def times(self) -> StageStepTimes | PipelinedTimes:
        """Its step times."""
        return replica_times(self.stage)

    @property
    def layout(self) -> str:
        """Return the layout in a word or two."""
        stages, by_requests = int(self.stage.pipeline), bool(self.stage.attention_dp > 1)
        tensor = int(self.stage.gpus)
        return f"{'dp' if by_requests else 'tp'}{tensor}" + (f" pp{stages}" if stages > 1 else "")


def choose(facts: Catalog, job: ServeJob, lengths: tuple[float, float, float]) -> ReplicaChoice:
    """Return the replica of a job: the layout given, or the one that serves most per GPU within the limits.

    Parameters
    ----------
    facts
        The catalog.
    job
        What is served, on what.
    lengths
        Mean input, mean cached input and mean output of a request [token].

    Raises
    ------
    PlanError
        If no layout keeps the limits, or the one given can't be.
    """
    question = job.question
    device, architecture = device_at(facts, job.system, question.power), model_of(facts, job.model)
    precision = question.precision or frontier.precision_for(device)
    constants = serving_constants(facts, question.engine, question.overlays)
    request = Request(
        uncached_input_tokens=max(lengths[0] - lengths[1], 1.0),
        cached_input_tokens=lengths[1],
        output_tokens=max(lengths[2], 1.0),
        ttft_s=question.ttft_s,
        tpot_s=question.tpot_s,
    )
    level = level_of((job.model, job.system), precision, question)
    given = levelled((device, architecture, precision, request, constants.efficiency, constants.engine), level)
    drafts = drafts_of(facts, job.model, question.drafts, question.accepted_tokens)
    stage = _stage(job, given, drafts)
    service = serve(stage, frontier.BATCHES[None, :], given[3])
    batches = frontier.BATCHES * float(stage.pipeline)
    fits = (service.memory_bytes <= stage.free_bytes) & (batches <= (job.max_sequences or np.inf))
    keeps = fits & (service.tpot_s <= given[3].tpot_s) & (service.ttft_s <= given[3].ttft_s)
    k = int(np.argmax(np.where(keeps, service.requests_per_s, 0.0)))
    sequences = job.max_sequences or max(SEQUENCES, int(batches[k]) if keeps.any() else 0)
    in_flight = int(batches[k]) if keeps.any() else sequences
    groups = int(groups_of(stage))
    validity, errors = _errors(job, stage, given, (request, float(service.tpot_s.flat[k]), sequences))
    return ReplicaChoice(
        stage=stage,
        precision=precision,
        sequences=sequences,
        step_tokens=job.max_batched_tokens or max(STEP_TOKENS * groups, sequences),
        kv_tokens=kv_cache_tokens(stage) * float(stage.pipeline),
        longest_tokens=longest_context(facts, job.model),
        in_flight=in_flight,
        requests_per_s=float(service.requests_per_s.flat[k]) if keeps.any() else 0.0,
        ttft_s=float(service.ttft_s.flat[k]) * level.ttft / level.tpot,
        tpot_s=float(service.tpot_s.flat[k]),
        validity=validity,
        errors=errors,
        notes=(*constants.notes, *release_notes((job.model, job.system), precision, question)),
    )


def _stage(job: ServeJob, given: Given, drafts: Drafts) -> Stage:
    """Return one stage of the replica that a job states, or of the best one."""
    device, architecture, precision, _, efficiency, engine = given
    gpus, one = job.gpus_per_replica, np.array(1.0)
    if gpus:
        stage = Stage(device, architecture, precision, efficiency, engine, gpus * one, one, 0.0 * one, drafts=drafts)
        if not splits_heads(architecture, gpus):
            what = "GPUs of a replica must divide the model's attention heads"
            allowed = f"divisors of {int(architecture.heads)}"
            remedy = "give another number of GPUs"
            raise PlanError([Problem(what, PLACE, value=f"{gpus} GPUs", allowed=allowed, remedy=remedy)])
        if not stage.free_bytes > float(np.ravel(stage.weight_bytes())[0]):
            what = f"{gpus} GPUs can't hold the weights of {job.model} in {precision}"
            raise PlanError([Problem(what, PLACE, value=f"{gpus} GPUs", remedy="give more GPUs, or another precision")])
        return stage
    rate = frontier.best(*given, drafts=drafts, fleet_gpus=job.question.gpus)
    if rate.reason:
        remedy = "state the layout with --gpus-per-replica, or longer --ttft and --tpot"
        what = f"no layout keeps the limits for the mean request: {rate.reason}"
        raise PlanError([Problem(what, PLACE, remedy=remedy)])
    gpus_of_stage, stages = rate.gpus / rate.pipeline * one, rate.pipeline * one
    of_rate = gpus_of_stage, stages, rate.data_parallel * one
    return Stage(device, architecture, precision, efficiency, engine, *of_rate, drafts=drafts)


def _errors(
    job: ServeJob, stage: Stage, given: Given, at: tuple[Request, float, int]
) -> tuple[str, accuracy.TimeIntervals]:
    """Return how far the replica lies beyond the measured rows, and the intervals of its times."""
    question, (request, tpot_s, sequences) = job.question, at
    architecture = given[1]
    known = level_of((job.model, job.system), given[2], question)
    reach = accuracy.reach(
        generation=generation(job.system),
        family=family(job.model),
        active_parameters=architecture.active_parameters,
        input_over_output=request.uncached_input_tokens / request.output_tokens,
        engine=question.engine,
        release=question.engine_version,
        board=job.system,
        level=known,
    )
    context = request.cached_input_tokens + request.uncached_input_tokens + request.output_tokens / 2
    shares = token_shares(stage, *(np.array(float(v)) for v in (sequences / stage.pipeline, context, tpot_s)))
    decode_s = request.output_tokens * tpot_s
    return reach.validity, accuracy.interval(
        kind=accuracy.kind(
            engine=question.engine,
            experts=architecture.experts > 0,
            disaggregated=False,
            drafts=question.drafts > 0,
        ),
        reach=reach,
        reading_share=float(shares.reading),
        decode_share=decode_s / (request.ttft_s / 2 + decode_s),
        launch_share=float(shares.launches),
        level=known,
    )
