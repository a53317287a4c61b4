"""Users and workloads of a plan."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from annotated_types import Ge, Gt, Le

from gigaplan.catalog import history
from gigaplan.demand.fit import fit_curve
from gigaplan.demand.inputs import Adoption, DemandInputs, PublishedTokens, Shape, Workload
from gigaplan.plan.checks.knowledge import API, VOLUMES, stated
from gigaplan.plan.resolve.filler import Filler
from gigaplan.plan.resolve.selling import known_of_prices, with_value
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Place, Problem
from gigaplan.vocabulary.facts import Evidence, Fact
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.sampling import RANGE_SHARE
from gigaplan.vocabulary.time import DAYS_PER_YEAR, TimeAxis
from gigaplan.vocabulary.units import Unit, parse_date

SHARE = Annotated[Uncertain, Ge(0), Le(1)]
PRICE_INDEX = Annotated[Uncertain, Gt(0)]


def regions(filler: Filler, doc: PlanDocument) -> tuple[str, ...]:
    """Return where users are."""
    return tuple(doc.demand.regions or filler.facts.entities("share_of_use"))


def demand(filler: Filler, doc: PlanDocument, axis: TimeAxis) -> DemandInputs:
    """Return the demand's inputs."""
    given = doc.demand
    priced = bool(given.price_index)
    workloads = tuple(_workload(filler, name, work, priced=priced) for name, work in given.workloads.items())
    filler.problems += _unlike_rules(workloads, priced=priced)
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
    adoption = _below_ceiling(known_users(filler, doc))
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
    return DemandInputs(
        adoption=adoption,
        shape=shape,
        workloads=workloads,
        edge_share=edge_share,
        published_tokens=_published_tokens(filler, doc),
        price_index=price,
    )


def _published_tokens(filler: Filler, doc: PlanDocument) -> PublishedTokens | None:
    """Return the tokens a day that the API's workload goes through: its history's, unless it states its own volume."""
    works = doc.demand.workloads
    names = tuple(name for name, work in works.items() if API in (name, work.like))
    if doc.history is None or not names or stated(doc.demand, VOLUMES, names):
        return None
    points = filler.published(doc.history, history.TOKENS, doc.known_until, "demand.published_tokens")
    return PublishedTokens(names, points)


def _below_ceiling(adoption: Adoption) -> Adoption:
    """Return growth to a ceiling that no member draws below the users that there are already."""
    drawn, users = np.broadcast_arrays(adoption.ceiling_users, adoption.reference_users)
    if not drawn.ndim:
        return adoption
    return replace(adoption, ceiling_users=np.where(np.arange(len(drawn)) > 0, np.maximum(drawn, users), drawn))


def known_users(filler: Filler, doc: PlanDocument) -> Adoption:
    """Return weekly users over time: those of the plan's history up to its information date, and a curve from there."""
    given, path = doc.demand.adoption, "demand.adoption"
    if doc.history is None:
        return filler.fill(Adoption, given, "adoption", path)
    points = filler.published(doc.history, history.USERS, doc.known_until, f"{path}.points")
    known: dict[str, Any] = {"points": points, "reference_date": points[-1][0], "reference_users": points[-1][1]}
    stated = getattr(given, "rate_per_year", None)
    if stated is None:
        known["rate_per_year"] = 1.0  # the fit's, below
    adoption = filler.fill(Adoption, given, "adoption", path, **known)
    rate, stray = _growth(filler, adoption)
    hint = Annotated[Uncertain, Gt(0)]
    more = {} if stated is not None else {"rate_per_year": filler.value(f"{path}.rate_per_year", rate, hint)}
    return replace(adoption, stray=filler.value(f"{path}.stray", stray, Annotated[Uncertain, Unit("1")]), **more)


def _growth(filler: Filler, adoption: Adoption) -> tuple[Fact, Fact]:
    """Return the rate of a curve fitted to published users, and how far users stray from it, as facts."""
    rate = filler.facts.find("adoption", "rate_per_year")
    ceiling = float(np.ravel(adoption.ceiling_users)[0])
    first = replace(adoption, points=(), ceiling_users=ceiling)
    days, users = zip(*adoption.points, strict=True)
    years = np.array([(day - adoption.reference_date).days / DAYS_PER_YEAR for day in days])
    found = fit_curve(first, years, np.array(users))
    central, width = float(np.ravel(found.adoption.rate_per_year)[0]), found.width(RANGE_SHARE)
    wide, far = math.exp(width * math.sqrt(found.covariance[1, 1])), width * found.stray_per_root_year
    source = f"gigaplan fit on {len(users)} published points of weekly users"
    note = f"{adoption.curve}, ceiling {ceiling:,.0f}"
    shared = replace(rate, source_title=source, date=str(days[-1]), evidence=Evidence.ESTIMATED, note=note)
    stray = replace(shared, id="adoption.stray", quantity="stray", value=0.0, low=-far, high=far, unit="1")
    return replace(shared, value=central, low=central / wide, high=central * wide), stray


def _with_series(filler: Filler, name: str, work: Any) -> str:
    """Return the workload whose share on devices is used: its own name, or the one that it is like."""
    return name if work.like is None or filler.facts.series(name, "edge_share") else str(work.like)


def _unlike_rules(workloads: tuple[Workload, ...], *, priced: bool) -> list[Problem]:
    """Return a problem where a price index and the workloads that follow one don't meet."""
    follows = [w.name for w in workloads if w.pricing == "path"]
    if priced and not follows:
        message = "the price index moves no price: each workload states another rule"
        remedy = "state 'pricing: path' for a workload, or leave the price index out"
        return [Problem(message, Place(path="demand.price_index"), remedy=remedy)]
    if follows and not priced:
        message, where = "there is no path to follow", Place(path=f"demand.workloads.{follows[0]}.pricing")
        remedy = "state demand.price_index, the price over that of the reference date by date, or another rule"
        return [Problem(message, where, value="path", remedy=remedy)]
    return []


def _workload(filler: Filler, name: str, given: Any, *, priced: bool) -> Workload:
    """Return one workload, the models that take over from its first one in order of their dates; where the plan states
    a price index, prices follow it unless the workload says otherwise."""
    path = f"demand.workloads.{name}"
    entities = [name] if given.like is None else [name, filler.state(f"{path}.like", given.like)]
    later = given.later_models or {}
    models = sorted((parse_date(day), filler.state(f"{path}.later_models.{day}", m)) for day, m in later.items())
    rule: dict[str, Any] = {"pricing": "path"} if priced and given.pricing is None else {}
    known = known_of_prices(filler, given, path)
    work = filler.fill(Workload, given, entities, path, name=name, later_models=tuple(models), **rule, **known)
    return with_value(filler, given, work, path)
