"""What a saved result lacks: a part of a report that needs it is left out, and the report says so once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec, TypeVar

from gigaplan.results.labelled import Labelled
from gigaplan.vocabulary.errors import LackingQuantityError

T = TypeVar("T")
P = ParamSpec("P")


def if_held(make: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """Return what is made from a result, None where the result lacks a quantity that it needs."""
    try:
        return make(*args, **kwargs)
    except LackingQuantityError:
        return None


def all_held(makers: Iterable[Callable[[], Iterable[T]]]) -> list[T]:
    """Return what several makers yield, without the makers that need a quantity that the result lacks."""
    found: list[T] = []
    for make in makers:
        found += if_held(_listed, make) or []
    return found


def _listed(make: Callable[[], Iterable[T]]) -> list[T]:
    return list(make())


def left_out(result: Labelled) -> str:
    """Return a sentence that names the quantities that a result lacks, empty where it lacks none."""
    names = result.lacking
    if not names:
        return ""
    return (
        f"Saved by gigaplan {result.stamp.version}, this result does not hold {', '.join(names)}: "
        "what rests on them is left out."
    )
