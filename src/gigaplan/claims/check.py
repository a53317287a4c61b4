"""Holding the claims that a plan makes against its result."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gigaplan.catalog import Catalog
from gigaplan.claims import capability, hardware, money, people
from gigaplan.claims.reader import Reader
from gigaplan.results.result import Result
from gigaplan.results.verdicts import Claim

RULES: dict[str, Callable[[Reader], Claim]] = {
    "A1": hardware.gigawatts,
    "A2": hardware.gpus,
    "A3": hardware.rubin,
    "A4": hardware.first_tokens,
    "A5": money.investment,
    "A6": people.training_and_inference,
    "A7": people.weekly_users,
    "A8": people.richer_requests,
    "A9": money.falling_cost,
    "A10": capability.moving_frontier,
    "A11": people.nobody_chooses,
    "A12": hardware.billion_fold,
    "A13": money.fuel_of_revenue,
    "A14": people.every_use,
    "A15": hardware.only_the_first,
}
"""The claims that can be checked, by id, in the order of the announcement."""


def check_claims(result: Result, facts: Catalog, ids: Sequence[str]) -> tuple[Claim, ...]:
    """Return the claims that the plan makes with their verdicts, recording the announcement's figures as they are read."""
    reader = Reader(result, facts)
    return tuple(RULES[i](reader) for i in ids)
