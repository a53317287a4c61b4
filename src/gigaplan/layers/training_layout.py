"""Layouts of training as text, and whether their ranks divide what they split."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.layers.training_job import PLACE, TrainingJob
from gigaplan.training.inputs import Batch
from gigaplan.training.layout import DUALPIPE, FULL, SELECTIVE
from gigaplan.training.ranks import Ranks, misfits
from gigaplan.training.search import RatedLayout
from gigaplan.vocabulary.errors import PlanError, Problem, allowed_names, nearest_name

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
            known = [*NUMBERS, *FLAGS, *(f"{k}=..." for k in WORDS)]
            if name in WORDS:
                known = [f"{name}={v}" for v in WORDS[name]]
            problems.append(
                Problem(
                    "no part of a layout",
                    PLACE,
                    value=word,
                    allowed=allowed_names(known, "gigaplan train --help"),
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
    ranks = Ranks(
        **{name: int(given[name]) for name in NUMBERS.values() if name in given},
        gpus=job.gpus,
        sequence_tokens=job.sequence_tokens,
        sequences=batch.global_batch_tokens / batch.sequence_tokens,
        scaleup_gpus=device.scaleup_gpus,
        model=model,
    )
    if "data" not in given:  # as many as the GPUs hold
        ranks = replace(ranks, data=max(job.gpus // ranks.replica_gpus, 1))
    found = [Problem(m.what, PLACE, value=m.value, remedy=m.remedy) for m in misfits(ranks)]
    if given.get("offload") and not device.host_bandwidth_bytes_per_s:
        what = "the catalog has no bandwidth to the host for this system"
        found.append(Problem(what, PLACE, value="offload", remedy="leave offload out"))
    return found
