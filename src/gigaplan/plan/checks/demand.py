"""Rules of workloads, models and users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gigaplan import catalog
from gigaplan.plan.checks.common import day_of, first_of_month, known_name, not_empty, outside
from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument
from gigaplan.vocabulary.errors import Problem

MODEL_SWITCHES = ("gated_attention", "plain_ffn", "tied_embeddings")
"""Parts of a model that it has or has not."""


def names(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Names of models, workloads and regions of users are known."""
    facts = catalog.load()
    models = [*plan.models, *facts.entities("layers")]
    for name, work in plan.demand.workloads.items():
        path = ("demand", "workloads", name)
        yield from known_name(work.model, models, "model", root, (*path, "model"), kind="model")
        if work.like is not None:
            known, what = facts.entities("output_tokens"), "workload of the catalog"
            yield from known_name(work.like, known, what, root, (*path, "like"), kind="workload")
        for day, later in (work.later_models or {}).items():
            yield from known_name(later, models, "model", root, (*path, "later_models", day), kind="model")
    yield from not_empty(plan.demand.regions, root, ("demand", "regions"))
    for i, name in enumerate(plan.demand.regions or ()):
        known, what = facts.entities("share_of_use"), "region of users"
        yield from known_name(name, known, what, root, ("demand", "regions", i), kind=what)


def models(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A model's parts fit together: heads in groups, and a feed-forward part with all that it needs."""
    facts = catalog.load()
    for name, model in plan.models.items():

        def part(field: str, given: object = model, entity: str = name) -> int:
            own = getattr(given, field)
            return int(own if own is not None else facts.find(entity, field).number if facts.has(entity, field) else 0)

        heads, groups = part("heads"), part("kv_heads")
        experts, chosen, width = part("experts"), part("experts_per_token"), part("ffn_expert")
        wrong = {
            "kv_heads": heads % groups != 0 and ("heads are not shared out evenly", f"a divisor of {heads} heads"),
            "experts_per_token": bool(experts or chosen)
            and not 0 < chosen <= experts
            and ("a token can't use so many experts", f"1 to {experts}" if experts else "0, as there are no experts"),
            "ffn_expert": bool(experts and not width) and ("experts without a width", "1 or more"),
            "ffn_dense": not (experts or part("ffn_dense")) and ("no feed-forward part", "ffn_dense, or experts"),
            "linear_head_dim": bool(part("linear_value_heads") and not part("linear_head_dim"))
            and ("heads of a state without a width", "1 or more"),
            "mla_v_head": bool(part("mla_kv_lora") and not part("mla_v_head"))
            and ("latent attention without a width of values", "1 or more"),
            **{k: part(k) > 1 and ("more than yes", "0 (no) or 1 (yes)") for k in MODEL_SWITCHES},
            "first_dense_layers": part("first_dense_layers") > part("layers")
            and ("more dense layers than layers", f"0 to {part('layers')}"),
        }
        for field, stated in wrong.items():
            if stated:
                message, allowed = stated
                place = root.place(("models", name, field))
                remedy = f"state {field} as in the model's configuration"
                yield Problem(message, place, value=f"{part(field)}", allowed=allowed, remedy=remedy)


def whose_users(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Who counts by users says whose: without their number they are those of the largest service in the world."""
    adoption = plan.demand.adoption
    if plan.history is not None or (adoption is not None and adoption.model_fields_set):
        return
    for name, work in plan.demand.workloads.items():
        if work.driver == "users":
            reference = catalog.load().find("adoption", "reference_users")
            yield Problem(
                f"whose users? The plan states none: they are the {reference.number:,.0f} of the largest service",
                root.place(("demand", "workloads", name)),
                value="driver: users",
                remedy="state demand.adoption (reference_users, ceiling_users), or write driver: own and "
                "requests_per_day; the run goes on",
                severity="warning",
            )
            return


def volumes(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """A workload states its volume in the way of its driver."""
    facts = catalog.load()
    needed = {"users": ("reach_share", "requests_per_user_day"), "own": ("requests_per_day",)}
    for name, work in plan.demand.workloads.items():
        entities = [name] if work.like is None else [name, work.like]

        def known(field: str, entities: Sequence[str] = entities) -> bool:
            return any(facts.has(entity, field) for entity in entities)

        if not known("reference_date") and work.reference_date is None:
            continue  # resolving lists all that such a workload lacks
        for field in needed[work.driver]:
            if getattr(work, field) is None and not known(field):
                yield Problem(
                    f"there is no demand: driver '{work.driver}' needs '{field}'",
                    root.place(("demand", "workloads", name)),
                    value=work.driver,
                    allowed="; ".join(f"{k}: {', '.join(v)}" for k, v in needed.items()),
                    remedy=f"add '{field}' here, or use the other driver",
                )
        for driver, fields in needed.items():
            for field in fields if driver != work.driver else ():
                if getattr(work, field) is not None:
                    yield Problem(
                        f"driver '{work.driver}' does not read '{field}'",
                        root.place(("demand", "workloads", name, field), key=True),
                        value=work.driver,
                        remedy=f"write driver: {driver}, or remove '{field}'; the run goes on",
                        severity="warning",
                    )


def users(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """There are no more users at the reference date than there can ever be."""
    facts, given = catalog.load(), plan.demand.adoption
    most, now = (
        getattr(given, k, None) or facts.find("adoption", k).number for k in ("ceiling_users", "reference_users")
    )
    if now > most:
        known = "ceiling_users" if getattr(given, "ceiling_users", None) else "reference_users"
        yield Problem(
            "more users at the reference date than the ceiling",
            root.place(("demand", "adoption", known)),
            value=f"reference_users {now:,.0f}, ceiling_users {most:,.0f}",
            allowed="a ceiling above the reference",
            remedy="raise ceiling_users or lower reference_users",
        )


def service(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Waits that nobody would accept are more often a slip between s and ms."""
    for name, work in plan.demand.workloads.items():
        if work.tpot_s is not None and work.tpot_s > 1:
            yield Problem(
                "more than a second per token is unusual",
                root.place(("demand", "workloads", name, "tpot_s")),
                value=f"{work.tpot_s:g} s",
                remedy="check s against ms; the run goes on",
                severity="warning",
            )


def slowness(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """What is stated of slow answers has an effect: a price where limits aren't hard, a spread where a share keeps
    them."""
    facts = catalog.load()
    for name, work in plan.demand.workloads.items():
        place = ("demand", "workloads", name)
        if work.hard_limits and work.slowness_elasticity is not None:
            yield Problem(
                "hard limits leave slowness without a price",
                root.place((*place, "slowness_elasticity"), key=True),
                value="hard_limits: true",
                remedy="remove one of the two; the run goes on",
                severity="warning",
            )
        fact = next((e for e in (name, work.like) if e and facts.has(e, "within_share")), None)
        share = work.within_share if work.within_share is not None or fact is None else _number(fact, "within_share")
        if work.prompt_cv is not None and not share:
            yield Problem(
                "the limits hold for the mean request, which the spread of prompts doesn't move",
                root.place((*place, "prompt_cv"), key=True),
                value="no within_share",
                remedy="state within_share as well, as 90 %, or remove 'prompt_cv'; the run goes on",
                severity="warning",
            )


def _number(entity: str, quantity: str) -> float:
    return catalog.load().find(entity, quantity).number


def later_in_time(plan: PlanDocument, root: Node) -> Iterator[Problem]:
    """Later models take over before the horizon ends."""
    for name, work in plan.demand.workloads.items():
        for key in work.later_models or {}:
            day = day_of(key)
            if day is not None and day >= first_of_month(plan.horizon.end):
                path = ("demand", "workloads", name, "later_models", key)
                yield outside("after the horizon ends", root, path, day, "it never takes over", key)
