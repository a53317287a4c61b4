"""A training job, what it may not say, and the batch of one of its steps."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np

from gigaplan.catalog.names import generation
from gigaplan.compute.device import Device
from gigaplan.layers.checks import catalog_name
from gigaplan.layers.failures import FailureOptions
from gigaplan.plan.ratings import GpuPower
from gigaplan.training.inputs import Batch
from gigaplan.training.software import ALL_TO_ALL, dispatcher, predates_layer_graphs, years_behind
from gigaplan.vocabulary.bases import Profile
from gigaplan.vocabulary.errors import Place, Problem, nearest_name
from gigaplan.vocabulary.options import Count, Option, Quantity

PLACE = Place("train")

PRECISIONS = {"bf16": "bf16", "fp8": "fp8", "fp4": "fp4", "mxfp8": "fp8", "nvfp4": "fp4"}
"""Names of training precisions, and what matrix products are computed in with each."""
BLOCK_SCALED = ("mxfp8", "nvfp4", "fp4")
"""Precisions with a scale for each block; with plain FP8 one scale serves a tensor."""
DEFAULT_BATCH_TOKENS = 16e6
"""Of one step where a job leaves it out [token]: what runs of tens of thousands of GPUs take."""
DEFAULT_SEQUENCE_TOKENS = 8192
"""Of one sequence where a job leaves it out [token]: what recent dense models are pre-trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingJob:
    """What is trained, on how many GPUs, in which layout (empty: the best)."""

    model: Annotated[str, Option(argument=True, entities=("layers",))]
    """A model of the catalog."""
    system: Annotated[str, Option(argument=True, entities=("hbm_bandwidth_bytes_per_s",))]
    """A system of the catalog."""
    gpus: Annotated[int, Option(group="Model and system")] = 0
    """GPUs of the run; of several sites those of all, or left out where each site has its own."""
    tokens: Annotated[float, Option(group="Model and system"), Count("tokens")] = 0.0
    """Tokens in all, as 15.6e12 or 15.6T (default: 20 per active parameter, Hoffmann et al. 2022)."""
    sequence_tokens: Annotated[int, Option("seq", group="Model and system")] = DEFAULT_SEQUENCE_TOKENS
    """Tokens of a sequence."""
    global_batch_sequences: Annotated[float, Option("global-batch", group="Model and system")] = 0.0
    """Sequences of one step (default: 16 million tokens)."""
    precision: Annotated[str, Option(group="Model and system", choices=tuple(PRECISIONS))] = "bf16"
    """Precision of matrix products."""
    release: Annotated[str, Option(group="Model and system")] = ""
    """Month in which the training software was released, as 2025-11 (default: the newest)."""
    imbalance: Annotated[float, Option(group="Model and system")] = 1.0
    """Expert load imbalance: tokens of the most loaded rank over the mean."""
    profile: Annotated[str, Option(group="Model and system", choices=tuple(Profile))] = Profile.MAX_Q.value
    """Power profile of systems that have several: max_q (efficiency), as plans take it, or max_p (performance)."""
    power_per_gpu_w: Annotated[float, Option("gpu-power", group="Model and system"), Quantity("W", "1500 W")] = 0.0
    """Most that one GPU may draw, as "1500 W" (default: what its profile allows); it sets the clock."""
    overlays: Annotated[tuple[str, ...], Option("with", group="Model and system")] = ()
    """Overlay of "gigaplan calibrate training" with constants of your own. May be repeated, in order."""
    model_configs: Annotated[tuple[str, ...], Option("model-config", group="Model and system")] = ()
    """Hugging Face config.json of a model of your own, as my_model=config.json; MODEL then names it. May be
    repeated."""
    system_configs: Annotated[tuple[str, ...], Option("system-config", group="Model and system")] = ()
    """YAML file of a system of your own, as my_rack=rack.yaml; SYSTEM then names it. May be repeated."""
    layout: Annotated[str, Option(group="Layout")] = ""
    """Ranks and more, as "tp8 pp16 vpp6 cp2 ep8 etp1 mb1 recompute=selective schedule=zb fsdp" (default: the
    fastest)."""
    search: Annotated[bool, Option(group="Layout")] = False
    """Show the best layouts in addition to the one given."""
    offload: Annotated[bool, Option(group="Layout")] = False
    """Also try layouts that keep the optimiser's state in the host's memory."""
    pod_gpus: Annotated[int, Option("pod", group="Layout")] = 0
    """GPUs that the scale-out network connects at full bandwidth (default: all of them)."""
    spine_share: Annotated[float, Option(group="Layout")] = 1.0
    """Share of the scale-out bandwidth between pods, as 0.143 where the spine is oversubscribed 1:7."""
    failures: FailureOptions | None = None
    """How the run recovers from failures, where they are to be simulated."""

    @property
    def power(self) -> GpuPower:
        """Power profile and limit of the GPUs."""
        return GpuPower(profile=Profile(self.profile), limit_w=self.power_per_gpu_w)

    @property
    def math(self) -> str:
        """What products are in: bf16, fp8 or fp4."""
        return PRECISIONS.get(self.precision, self.precision)


def named_in_catalog(job: TrainingJob) -> TrainingJob:
    """Return a job whose model and system have the catalog's names, where they mean one of its own."""
    return replace(job, model=catalog_name("model", job.model), system=catalog_name("system", job.system))


def batch_of(job: TrainingJob) -> Batch:
    """Return the batch of one step of a job."""
    sequences = job.global_batch_sequences or default_sequences(job)
    old = predates_layer_graphs(job.release, generation(job.system))
    return Batch(
        global_batch_tokens=sequences * job.sequence_tokens,
        sequence_tokens=job.sequence_tokens,
        precision=job.math,
        years_behind=years_behind(job.release, generation(job.system)),
        launched_by_host=old,
        unfused_experts=old,
        copy_per_expert=float(dispatcher(job.release, generation(job.system)) == ALL_TO_ALL),
        block_scaled=float(job.precision in BLOCK_SCALED),
        imbalance=job.imbalance,
    )


def default_sequences(job: TrainingJob) -> float:
    """Return about ``DEFAULT_BATCH_TOKENS``, in a number of sequences that the odd part of the GPUs divides."""
    odd = job.gpus // (job.gpus & -job.gpus)
    requested = DEFAULT_BATCH_TOKENS / job.sequence_tokens
    return float(odd * 2 ** max(round(np.log2(requested / odd)), 0))


def impossible(job: TrainingJob) -> list[Problem]:
    """Return a problem for each number and word of a job that can't be."""
    found = [
        Problem(f"'{name}' must be above zero", PLACE, value=f"{value:g}", remedy="give a finite number above zero")
        for name, value, minimum in (
            ("gpus", job.gpus or 1, 1),
            ("tokens", job.tokens, 0),
            ("seq", job.sequence_tokens, 1),
            ("global-batch", job.global_batch_sequences, 0),
        )
        if not minimum <= value < float("inf")
    ]
    if not job.gpus:
        found.insert(0, Problem("'gpus' is missing", PLACE, remedy="say how many GPUs the run has: --gpus 16384"))
    return [*found, *_impossible_software(job), *_impossible_network(job)]


def _impossible_software(job: TrainingJob) -> Iterator[Problem]:
    if job.precision not in PRECISIONS:
        yield Problem(
            "no such precision",
            PLACE,
            value=job.precision,
            allowed=", ".join(PRECISIONS),
            nearest=nearest_name(job.precision, list(PRECISIONS)),
            remedy="name one of them",
        )
    if job.profile not in list(Profile):
        yield Problem(
            "no such profile", PLACE, value=job.profile, allowed=", ".join(Profile), remedy="name one of them"
        )
    if job.release and not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", job.release):
        yield Problem(
            "no such month",
            PLACE,
            value=job.release,
            allowed="a month from 2020-01 on",
            remedy="write when the software came out, as 2025-11",
        )


def _impossible_network(job: TrainingJob) -> Iterator[Problem]:
    if not 1 <= job.imbalance < float("inf"):
        yield Problem(
            "'imbalance' is the most loaded rank's tokens over the mean",
            PLACE,
            value=f"{job.imbalance:g}",
            allowed="1 or more",
            remedy="give 1 for balanced routing",
        )
    if job.pod_gpus < 0 or not 0 < job.spine_share <= 1:
        yield Problem(
            "'pod' is a number of GPUs and 'spine-share' a share",
            PLACE,
            value=f"{job.pod_gpus}, {job.spine_share:g}",
            allowed="pod from 0 (all), spine-share above 0 up to 1",
            remedy="for a 1:7 oversubscribed spine give 0.143",
        )


def unsuited(job: TrainingJob, device: Device) -> Iterator[Problem]:
    """Yield a problem if the system has no network for so many GPUs, or can't multiply in the job's precision.

    Parameters
    ----------
    job
        What is trained.
    device
        One GPU of the job's system.
    """
    if job.gpus > device.scaleup_gpus and not device.scaleout_bandwidth_bytes_per_s:
        yield Problem(
            f"{job.system} has no scale-out network in the catalog",
            PLACE,
            value=f"{job.gpus:,} GPUs",
            allowed=f"up to {device.scaleup_gpus} GPUs, one scale-up domain",
            remedy="take fewer GPUs, or another system",
        )
    peaks = {"fp8": device.peak_fp8_flops_per_s, "fp4": device.peak_fp4_flops_per_s}
    if not peaks.get(job.math, 1.0) > 0:
        yield Problem(
            f"{job.system} doesn't multiply in {job.math}",
            PLACE,
            value=job.precision,
            allowed=", ".join(["bf16", *(p for p, peak in peaks.items() if peak > 0)]),
            remedy="take one of these, or another system",
        )
