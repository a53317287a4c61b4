"""How a run recovers from failures and is simulated, and which options can't be."""

from __future__ import annotations

import typing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from annotated_types import Ge, Gt, Le

from gigaplan.training.inputs import Failures
from gigaplan.training.reliability import SECONDS_PER_DAY, Recovery
from gigaplan.vocabulary.errors import Place, PlanError, Problem, allowed_names, nearest_name
from gigaplan.vocabulary.options import Option, Quantity, Reads
from gigaplan.vocabulary.units import Unit

PLACE = Place("train", path="failures")
LONGEST_RUN_DAYS = 3650
"""Ten years: no plan's run may be longer, and no trial has so many failures that it can't be interrupted."""
MILLION = 1_000_000
DEFAULT_TRIALS = 400
"""Simulated trials of a run: enough for a middle 80 %."""
Found = tuple[str, object, str, str]
"""A problem: what is wrong, the value, what is allowed, and what to do."""


def _read_facts(texts: list[str]) -> object:
    return read_facts(texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureOptions:
    """How a run is kept alive, and how it is simulated."""

    checkpoint_interval_s: typing.Annotated[
        float, Option("checkpoint-interval", group="Failures"), Quantity("s", "10 min")
    ] = 0.0
    """Training between two checkpoints, as "10 min" (default: the best)."""
    spares: typing.Annotated[int | None, Option(group="Failures")] = None
    """Spare servers, or spare racks where a rack is one scale-up domain (default: the best number)."""
    elastic: typing.Annotated[bool, Option(group="Failures")] = False
    """Continue with one data replica less where there is no spare."""
    groups: typing.Annotated[int, Option(group="Failures")] = 0
    """Fault-tolerant groups of data replicas that restart by themselves (default: the whole run restarts)."""
    waits_for_write: typing.Annotated[bool, Option("sync-checkpoint", group="Failures")] = False
    """Stop training until a checkpoint is written."""
    trials: typing.Annotated[int, Option(group="Failures")] = DEFAULT_TRIALS
    """Runs to simulate."""
    seed: typing.Annotated[int, Option(group="Failures")] = 0
    """The same seed gives the same trials."""
    certain: typing.Annotated[bool, Option("no-parameter-uncertainty", group="Failures")] = False
    """Keep facts at their central values; otherwise each trial draws its own from their ranges."""
    facts: typing.Annotated[
        tuple[tuple[str, float], ...], Option("override", group="Failures"), Reads(_read_facts)
    ] = ()
    """A failure fact of your own, as "recovery_s=5 min" (names: gigaplan catalog show failures). May be repeated."""

    @property
    def recovery(self) -> Recovery:
        """What happens when a server fails."""
        return "groups" if self.groups else "elastic" if self.elastic else "restart"


def read_facts(texts: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """Return facts that replace the catalog's from texts like ``recovery_s=5 min``.

    Parameters
    ----------
    texts
        One for each fact: its name, an equals sign, and its value with a unit.

    Raises
    ------
    PlanError
        With every unknown name (the nearest known one is given), unit and impossible value at once.
    """
    hints = typing.get_type_hints(Failures, include_extras=True)
    place = Place("train", path="fact")
    found: dict[str, float] = {}
    problems = []
    for text in texts:
        name, sign, value = (part.strip() for part in text.partition("="))
        if not sign or name not in hints:
            problems.append(
                Problem(
                    "no such fact of failures",
                    place,
                    value=text,
                    allowed=allowed_names(hints, "gigaplan catalog show failures"),
                    nearest=nearest_name(name, hints),
                    remedy="write it like 'recovery_s=5 min'",
                )
            )
            continue
        marks = typing.get_args(hints[name])[1:]
        try:
            number = next(float(str(m.parse(value))) for m in marks if isinstance(m, Unit))
        except ValueError as error:
            problems.append(Problem(str(error), place, value=text, remedy=f"give {name} as a number with its unit"))
            continue
        if not all(_within(number, m) for m in marks):
            allowed = ", ".join(_bound(m) for m in marks if _bound(m))
            problems.append(
                Problem(
                    f"'{name}' is out of its bounds",
                    place,
                    value=value,
                    allowed=allowed,
                    remedy="give a possible value",
                )
            )
        found[name] = number
    if problems:
        raise PlanError(problems)
    return tuple(found.items())


def _within(number: float, mark: object) -> bool:
    return (
        (not isinstance(mark, Gt) or number > typing.cast(float, mark.gt))
        and (not isinstance(mark, Ge) or number >= typing.cast(float, mark.ge))
        and (not isinstance(mark, Le) or number <= typing.cast(float, mark.le))
    )


def _bound(mark: object) -> str:
    if isinstance(mark, Gt):
        return f"above {mark.gt}"
    return f"at least {mark.ge}" if isinstance(mark, Ge) else f"at most {mark.le}" if isinstance(mark, Le) else ""


def impossible(options: FailureOptions, data_replicas: int, ideal_s: float) -> list[Problem]:
    """Return a problem for each option that can't be.

    Parameters
    ----------
    options
        How the run recovers, and how it is simulated.
    data_replicas
        Data replicas of the run's layout.
    ideal_s
        The run's time without failures [s].
    """
    found = (_length(ideal_s), _interval(options, ideal_s), _simulation(options), _recovery(options, data_replicas))
    return [
        Problem(what, PLACE, value=str(value), allowed=allowed, remedy=remedy)
        for problems in found
        for what, value, allowed, remedy in problems
    ]


def _length(ideal_s: float) -> Iterator[Found]:
    days = ideal_s / SECONDS_PER_DAY
    if not days <= LONGEST_RUN_DAYS:
        yield (
            "the run is too long for trials of its failures",
            f"{days:,.0f} days" if days < float("inf") else "a run without end",
            f"up to {LONGEST_RUN_DAYS:,} days",
            "take fewer tokens or more GPUs",
        )


def _interval(options: FailureOptions, ideal_s: float) -> Iterator[Found]:
    t = options.checkpoint_interval_s
    if not 0 <= t < float("inf"):
        yield (
            "'checkpoint-interval' must not be below zero",
            f"{t:g} s",
            "0 s (the best) or more",
            "write it like '10 min'",
        )
    elif t > ideal_s:
        yield (
            "'checkpoint-interval' is longer than the run",
            f"{t:,.0f} s",
            f"up to {ideal_s:,.0f} s",
            "checkpoint more often",
        )


def _simulation(options: FailureOptions) -> Iterator[Found]:
    most = f"{MILLION:,}"
    if options.spares is not None and not 0 <= options.spares <= MILLION:
        yield (
            "'spares' must lie between none and a million",
            options.spares,
            f"0 to {most}",
            "leave it out for the best number",
        )
    if not 1 <= options.trials <= MILLION:
        yield (
            "'trials' must lie between 1 and a million",
            options.trials,
            f"1 to {most}",
            "take some hundreds",
        )
    if options.seed < 0:
        yield "'seed' must not be below zero", options.seed, "0 or more", "give another number"


def _recovery(options: FailureOptions, data_replicas: int) -> Iterator[Found]:
    if options.elastic and options.groups:
        yield (
            "a run is elastic or has fault-tolerant groups",
            f"--elastic --groups {options.groups}",
            "one of the two",
            "leave one out",
        )
    if options.groups and not 2 <= options.groups <= data_replicas:
        most = f"2 to {data_replicas:,}" if data_replicas > 1 else "none: the layout has one data replica"
        yield (
            "groups are made of whole data replicas",
            f"{options.groups:,} groups",
            most,
            "take fewer groups, or a layout with more data replicas",
        )
    elif options.elastic and data_replicas < 2:
        yield (
            "an elastic run needs a replica to lose",
            "one data replica",
            "",
            "take a layout with more data replicas",
        )
