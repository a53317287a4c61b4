"""The catalog with models and systems of the user's own, for verbs that need no plan: each is a file with a name."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from gigaplan import catalog
from gigaplan.catalog import Catalog
from gigaplan.catalog.names import plain_name
from gigaplan.compute.transformer import Architecture
from gigaplan.plan.document import Node, read_text
from gigaplan.plan.own.kinds import SYSTEM
from gigaplan.plan.own.model_config import ModelConfig, model_of_config, name_of, read_config
from gigaplan.plan.own.things import OwnThings, lines_of, own_things
from gigaplan.plan.resolve import model_of
from gigaplan.plan.resolver import resolved
from gigaplan.plan.spelling import respelled
from gigaplan.vocabulary.errors import Place, PlanError, Problem
from gigaplan.vocabulary.facts import Evidence, Fact

OPTION = Place("--model-config")


@contextlib.contextmanager
def own_catalog(
    model_configs: Sequence[str] = (),
    system_configs: Sequence[str] = (),
    *,
    models: Sequence[str] = (),
    systems: Sequence[str] = (),
    used_for: str = "a training run alone",
) -> Iterator[tuple[str, ...]]:
    """Use the catalog with further models and systems within a block; yield what a reader should know of each.

    Parameters
    ----------
    model_configs
        ``NAME=FILE`` or ``FILE`` each. A file without a name has that of the only model that is named and not known,
        else its own, or its folder's where it is called ``config.json``.
    system_configs
        ``NAME=FILE``, ``FILE`` or ``NAME={facts}`` each; a file without a name likewise.
    models, systems
        Names of models and of systems in the question.
    used_for
        What systems are used for, of :data:`gigaplan.plan.own.kinds.WITHOUT_EFFECT`.

    Raises
    ------
    PlanError
        With all that is wrong with the files and their names.
    """
    facts, problems = catalog.load(), list[Problem]()
    found = _models(model_configs, models, facts, problems)
    own = _systems(system_configs, systems, facts, problems, found, used_for)
    if any(p.severity == "error" for p in problems):
        raise PlanError(problems)
    if not found and not (own and own.catalog is not facts):
        yield ()
        return
    made = [fact for name, config in found.items() for fact in _facts(name, config)]
    notes = [_note(name, config) for name, config in found.items()]
    if own:
        notes += [*own.notes, *(_as_note(p) for p in problems)]
    whole = own.catalog if own else facts
    with catalog.using(whole.extended(made, {n: _like(c, facts) for n, c in found.items()})):
        yield tuple(notes)


def _as_note(warning: Problem) -> str:
    """Return a warning in a line."""
    return f"{warning.place}: {warning.place.path}: {warning.message}: {warning.value}; {warning.remedy}"


def _models(
    configs: Sequence[str], named: Sequence[str], facts: Catalog, problems: list[Problem]
) -> dict[str, ModelConfig]:
    """Return the models of configurations by name, and note what is wrong with them."""
    found: dict[str, ModelConfig] = {}
    for text in configs:
        name, path = _named("model", text, configs, named)
        if name in facts.origins:
            continue  # a question within a question: the outer one has read it
        try:
            problems += _unfit(name, found, facts)
            found[name] = model_of_config(read_config(Path(path)), path)
        except PlanError as error:
            problems += error.problems
    return found


def _systems(
    configs: Sequence[str],
    named: Sequence[str],
    facts: Catalog,
    problems: list[Problem],
    models: Collection[str],
    used_for: str,
) -> OwnThings | None:
    """Return what files of systems make of the catalog, None without any; note what is wrong with them."""
    sections: dict[str, Node] = {}
    for text in configs:
        name, path = _named("system", text, configs, named)
        if name in facts.origins:
            continue
        if name in sections or name in models:
            remedy = f"name the file: {SYSTEM.option} my_rack=rack.yaml"
            problems.append(Problem("two files have this name", Place(SYSTEM.option), value=name, remedy=remedy))
        try:
            stated = path.lstrip().startswith("{")
            whole = path if stated else read_text(Path(path), "system file")
            sections[name] = lines_of(whole, SYSTEM.option if stated else path, SYSTEM)
        except PlanError as error:
            problems += error.problems
    if not sections:
        return None
    keys = dict.fromkeys(sections, (1, 1))
    root = Node({SYSTEM.section: Node(sections, 1, 1, "", keys)}, 1, 1)
    return own_things(respelled(root, problems), problems, used_for=used_for)


def _named(kind: str, text: str, configs: Sequence[str], named: Sequence[str]) -> tuple[str, str]:
    """Return the name and the path of an option's text."""
    name, equals, path = text.partition("=")
    if equals and name and not text.lstrip().startswith("{") and not os.path.exists(text):
        return name.strip(), path
    unknown = [n for n in dict.fromkeys(named) if not resolved(kind, n)]
    return unknown[0] if len(configs) == len(unknown) == 1 else name_of(Path(text)), text


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
