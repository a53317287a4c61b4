"""What a training run draws, by what its GPUs do in a step."""

from __future__ import annotations

from dataclasses import fields

from gigaplan import catalog
from gigaplan.accuracy import power as power_accuracy
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.catalog.names import generation
from gigaplan.layers.training_job import TrainingJob
from gigaplan.layers.training_plan import Setup
from gigaplan.plan.ratings import node_at, node_draw_of
from gigaplan.power.node import Activity, activity_of, gpu_w, it_w, node_w
from gigaplan.training.search import RatedLayout
from gigaplan.training.step import step
from gigaplan.vocabulary.interval import Figure

KW, MW = 1e3, 1e6
"""Watts of a kW and of a MW."""


def drawn_power(
    job: TrainingJob, plan: RatedLayout, setup: Setup, it_kw_per_gpu: float | None
) -> tuple[Figure | None, dict[str, float]]:
    """Return the IT power drawn over a run and one GPU's draw by what it does; None and nothing where the catalog
    lacks limits.

    Network and storage outside the racks are taken at their rated power: switches hardly follow the load.

    Parameters
    ----------
    job, plan, setup
        What is trained, in which layout, and on what.
    it_kw_per_gpu
        Rated IT power of one GPU with its share of rack, network and storage [kW].

    Returns
    -------
    Figure or None
        IT power of all GPUs [MW].
    dict of str to float
        One GPU's power while it computes, moves data and waits, and its mean over a step [W].
    """
    try:
        node = node_at(catalog.load(), job.system, job.power)
    except UnknownFactError:
        return None, {}
    curve = node_draw_of(catalog.load())
    activity = activity_of(*step(setup.device, setup.model, setup.batch, plan.layout, setup.efficiency).activity)
    rack = float(node_w(activity, node, curve)[0])
    limit = float(node.gpu_limit_w)
    alone = {f.name: Activity(**{g.name: float(f is g) for g in fields(Activity)}) for f in fields(Activity)}
    by = {name: float(gpu_w(a, limit, curve, node.gpu_rated_w)) for name, a in alone.items()}
    by["mean"] = float(gpu_w(activity, limit, curve, node.gpu_rated_w)[0])
    new_hardware = generation(job.system) not in power_accuracy.measured_generations()
    error_of = power_accuracy.interval(extrapolated=new_hardware)
    gpus_per_node = float(node.gpus)
    whole = float(it_w(activity, node, KW * (it_kw_per_gpu or 0.0) * gpus_per_node, curve)[0])
    drawn = (whole + min(rack * edge, float(node.rated_w)) - rack for edge in (1.0, error_of.low, error_of.high))
    return Figure(*(w * job.gpus / gpus_per_node / MW for w in drawn)), by
