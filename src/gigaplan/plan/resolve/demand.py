"""Users and workloads of a plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.demand.inputs import Adoption, DemandInputs, Shape, Workload
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.time import TimeAxis
from gigaplan.vocabulary.units import parse_date

SHARE = Annotated[Uncertain, Ge(0), Le(1)]
PRICE_INDEX = Annotated[Uncertain, Gt(0)]


def regions(filler: Filler, doc: PlanDocument) -> tuple[str, ...]:
    """Return where users are."""
    return tuple(doc.demand.regions or filler.facts.entities("share_of_use"))


def demand(filler: Filler, doc: PlanDocument, axis: TimeAxis) -> DemandInputs:
    """Return the demand's inputs."""
    given = doc.demand
    workloads = tuple(_workload(filler, name, work) for name, work in given.workloads.items())
    names = regions(filler, doc)
    offsets = tuple(filler.number(f"demand.shape.{r}.utc_offset_h", r, "utc_offset_h") for r in names)
    shares = np.array([filler.number(f"demand.shape.{r}.share_of_use", r, "share_of_use") for r in names])
    shape = filler.fill(
        Shape,
        given.shape,
        "demand_shape",
        "demand.shape",
        region_offset_h=offsets,
        region_share=tuple(shares / shares.sum()),
    )
    adoption = _below_ceiling(filler.fill(Adoption, given.adoption, "adoption", "demand.adoption"))
    edge = [
        filler.series(
            work.edge_share,
            _with_series(filler, name, work),
            "edge_share",
            axis,
            f"demand.workloads.{name}.edge_share",
            0.0,
            SHARE,
        )
        for name, work in given.workloads.items()
    ]
    price = filler.series(given.price_index, "demand", "price_index", axis, "demand.price_index", 1.0, PRICE_INDEX)
    edge_share = np.stack(np.broadcast_arrays(*edge), axis=-2)  # (W, n) or (M, W, n)
    return DemandInputs(adoption=adoption, shape=shape, workloads=workloads, edge_share=edge_share, price_index=price)


def _below_ceiling(adoption: Adoption) -> Adoption:
    """Return growth to a ceiling that no member draws below the users that there are already."""
    drawn, users = np.broadcast_arrays(adoption.ceiling_users, adoption.reference_users)
    if not drawn.ndim:
        return adoption
    return replace(adoption, ceiling_users=np.where(np.arange(len(drawn)) > 0, np.maximum(drawn, users), drawn))


def _with_series(filler: Filler, name: str, work: Any) -> str:
    """Return the workload whose share on devices is used: its own name, or the one that it is like."""
    return name if work.like is None or filler.facts.series(name, "edge_share") else str(work.like)


def _workload(filler: Filler, name: str, given: Any) -> Workload:
    """Return one workload, the models that take over from its first one in order of their dates."""
    path = f"demand.workloads.{name}"
    entities = [name] if given.like is None else [name, filler.state(f"{path}.like", given.like)]
    later = given.later_models or {}
    models = sorted((parse_date(day), filler.state(f"{path}.later_models.{day}", m)) for day, m in later.items())
    return filler.fill(Workload, given, entities, path, name=name, later_models=tuple(models))
