"""The catalog with models of the user's own, for verbs that need no plan: each is a ``config.json`` with a name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from gigaplan import catalog
from gigaplan.catalog.names import plain_name
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.own.model_config import ModelConfig, model_of_config, name_of, read_config
from gigaplan.plan.resolve import model_of
from gigaplan.plan.resolver import resolved
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.facts import Evidence, Fact

OPTION = Place("--model-config")


@contextlib.contextmanager
def own_models(configs: Sequence[str], named: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    """Use the catalog with further models within a block; yield what a reader should know of each.

    Parameters
    ----------
    configs
        ``NAME=FILE`` or ``FILE`` each. A file without a name has that of the only model that is named and not known,
        else its own, or its folder's where it is called ``config.json``.
    named
        Models that the question names.

    Raises
    ------
    PlanError
        With all that is wrong with the files and their names.
    """
    if not configs:
        yield ()
        return
    facts, problems = catalog.load(), list[Problem]()
    found: dict[str, ModelConfig] = {}
    for text in configs:
        name, path = _named(text, configs, named)
        if name in facts.origins:
            continue  # a question within a question: the outer one has read it
        try:
            problems += _unfit(name, found, facts)
            found[name] = model_of_config(read_config(path), str(path))
        except PlanError as error:
            problems += error.problems
    if problems:
        raise PlanError(problems)
    made = [fact for name, config in found.items() for fact in _facts(name, config)]
    notes = tuple(_note(name, config) for name, config in found.items())
    with catalog.using(facts.extended(made, {n: _like(c, facts) for n, c in found.items()})):
        yield notes


def _named(text: str, configs: Sequence[str], named: Sequence[str]) -> tuple[str, Path]:
    """Return the name and the path of an option's text."""
    name, equals, path = text.partition("=")
    if equals and name and not Path(text).exists():
        return name.strip(), Path(path)
    unknown = [n for n in dict.fromkeys(named) if not resolved("model", n)]
    return unknown[0] if len(configs) == len(unknown) == 1 else name_of(Path(text)), Path(text)


def _unfit(name: str, found: dict[str, ModelConfig], facts: catalog.Catalog) -> Iterator[Problem]:
    """Yield the problem of a name that stands for something else, or can't stand in a table."""
    if name in found or name in facts.entities():
        what = "two files have this name" if name in found else "the catalog has something of this name"
        yield Problem(what, OPTION, value=name, remedy="name the file: --model-config my_model=config.json")
    elif plain_name(name) != name:
        allowed = "small letters, digits and underscores"
        yield Problem("not a model's name", OPTION, value=name, allowed=allowed, remedy=f"write {plain_name(name)}")


def _facts(name: str, config: ModelConfig) -> list[Fact]:
    """Return the facts of a model of a configuration."""
    values = {**config.fields, **({"context_max": config.context_max} if config.context_max else {})}
    return [
        Fact(
            id=f"{name}.{quantity}",
            entity=name,
            quantity=quantity,
            value=float(value),
            unit="1",
            source_title=config.source,
            evidence=Evidence.DATASHEET,
        )
        for quantity, value in values.items()
    ]


def _like(config: ModelConfig, facts: catalog.Catalog) -> str:
    """Return the catalog's model of the same shape, "" where there is none: names play no part."""
    own = Architecture(**config.fields)
    alike = (m for m in facts.entities("layers") if facts.find(m, "hidden").number == own.hidden)
    return next((m for m in alike if _same(model_of(facts, m), own)), "")


def _same(a: Architecture, b: Architecture) -> bool:
    """Return whether two architectures are the same, whatever the blocks of their FP8 scales."""
    parts = (set(x.parameters_by_part().items()) for x in (a, b))
    return next(parts) == next(parts) and (a.layers, a.heads, a.kv_heads) == (b.layers, b.heads, b.kv_heads)


def _note(name: str, config: ModelConfig) -> str:
    """Return what a reader should know of a model: its size, and what is counted in another way."""
    own = Architecture(**config.fields)
    sizes = f"{own.parameters / 1e9:,.4g} B parameters, {own.active_parameters / 1e9:,.4g} B active"
    return "; ".join((f"Model {name} of {config.file} ({config.family}): {sizes}", *config.warnings))
