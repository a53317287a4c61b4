"""What a plan states in another form than the schema's own: a model's configuration file, GPUs instead of power.

Both become the schema's lines before the plan is checked, with the stated line as their place and source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gigaplan import catalog
from gigaplan.catalog.catalog import UnknownFactError
from gigaplan.plan.document import Node
from gigaplan.plan.own.model_config import ModelConfig, model_of_config, read_config
from gigaplan.plan.ratings import GpuPower, rack_kw_at
from gigaplan.plan.resolver import resolved
from gigaplan.vocabulary.bases import PowerBasis, Profile
from gigaplan.vocabulary.errors import PlanError, Problem, UnsupportedError, nearest_name
from gigaplan.vocabulary.units import parse_quantity

GPUS = re.compile(r"\s*(\d[\d,_]*)\s*(?:x\s+)?(.*?)\s*(?:GPUs?)?\s*", re.IGNORECASE)
EXAMPLE = "write 'gpus: 18,000 GB300', or 'gpus: {gpus: 18000, generation: gb300_nvl72}'"
ALIKE = 0.005
"""Relative difference up to which a stated power and a number of GPUs are the same: announcements round."""


@dataclass(frozen=True, slots=True)
class Racks:
    """A number of GPUs in whole racks of one generation."""

    gpus: int
    generation: str
    racks: int
    gpus_per_rack: int
    it_mw: float
    """IT power of these racks, network and storage included [MW]."""

    @property
    def words(self) -> str:
        """Return the racks in a sentence."""
        whole = self.racks * self.gpus_per_rack
        more = f", with {whole:,} GPUs" if whole != self.gpus else ""
        return (
            f"{self.gpus:,} GPUs of {self.generation} are {self.racks:,} racks of {self.gpus_per_rack}{more}, "
            f"{self.it_mw:.6g} MW of IT power"
        )


@dataclass(frozen=True, slots=True)
class Expanded:
    """A document with the schema's lines, the configurations that it read, and what a reader should know."""

    root: Node
    files: Mapping[str, str]
    notes: tuple[str, ...]


def expanded(root: Node, files: Mapping[str, str], problems: list[Problem]) -> Expanded:
    """Return a document in which every configuration and every number of GPUs has the lines that it stands for.

    Parameters
    ----------
    root
        The document.
    files
        Texts of configurations that are known already, by path.
    problems
        Receives what can't be read.
    """
    texts, notes = dict(files), list[str]()
    root = _with_models(root, texts, notes, problems)
    for path in _blocks(root):
        root = _with_power(root, path, notes, problems)
    return Expanded(root, texts, tuple(notes))


def _with_models(root: Node, texts: dict[str, str], notes: list[str], problems: list[Problem]) -> Node:
    """Return a document whose models state the fields of their configurations."""
    models, found = root.at(("models",))
    if not found or not isinstance(models.value, dict):
        return root
    made = dict(models.value)
    for name, model in models.value.items():
        stated = model.value.get("config") if isinstance(model.value, dict) else None
        if stated is None or not isinstance(stated.inner.value, str):
            continue
        try:
            config = _config(stated, texts)
        except PlanError as error:
            place = root.place(("models", name, "config"))
            problems += [
                Problem(p.message, place, p.value or str(stated.inner.value), p.allowed, p.nearest, p.remedy)
                for p in error.problems
            ]
            made[name] = Node(None, model.line, model.column, model.file)
            continue
        notes += [f"Model {name}: {w}" for w in config.warnings]
        lines = {k: _derived(stated, v, f"{config.source}", "datasheet") for k, v in config.fields.items()}
        made[name] = Node({**lines, **model.value}, model.line, model.column, model.file, dict(model.keys))
    return root.replaced(("models",), Node(made, models.line, models.column, models.file, models.keys))


def _config(stated: Node, texts: dict[str, str]) -> ModelConfig:
    """Return the model of a configuration that a plan names; a path is relative to the plan's file."""
    inner = stated.inner
    path = Path(str(inner.value))
    if not path.is_absolute() and not inner.file.startswith("--set "):
        path = Path(inner.file).parent / path
    key = str(path)
    if key not in texts:
        texts[key] = read_config(path)
    return model_of_config(texts[key], key)


def _blocks(root: Node) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the phases and blocks that state GPUs."""
    for site, _ in root.entries("fleet", "sites"):
        for phase, block in root.entries("fleet", "sites", site, "phases"):
            if isinstance(block.value, dict) and "gpus" in block.value:
                yield "fleet", "sites", site, "phases", phase
    for name, block in root.entries("fleet", "opening"):
        if isinstance(block.value, dict) and "gpus" in block.value:
            yield "fleet", "opening", name


def _with_power(root: Node, path: tuple[str, ...], notes: list[str], problems: list[Problem]) -> Node:
    """Return a document in which a block that states GPUs has their power and generation."""
    block = root.at(path)[0]
    gpus, here = block.value["gpus"], (*path, "gpus")
    try:
        count, generation = _read(gpus, block)
        found = racks_of(count, generation, profile_of(root), cap_of(root, generation))
    except (ValueError, UnsupportedError, UnknownFactError) as error:
        known = catalog.load().entities("rack_power_kw")
        near = nearest_name(str(gpus.inner.plain()).rpartition(" ")[2], known)
        problems.append(
            Problem(str(error), root.place(here), value=str(gpus.inner.plain()), nearest=near, remedy=EXAMPLE)
        )
        found = None
    lines = dict(block.value)
    words = "" if found is None else found.words
    if "power" not in lines or lines["power"].derived:
        lines["power"] = _derived(gpus, f"{found.it_mw!r} MW it" if found else "1 MW it", words)
    if found is not None:
        if "generation" not in lines:
            lines["generation"] = _derived(gpus, found.generation, words)
        notes.append(f"{path[2]}{f', {path[-1]}' if len(path) > 3 else ''}: {words}")
    return root.replaced(path, Node(lines, block.line, block.column, block.file, block.keys))


def _read(gpus: Node, block: Node) -> tuple[int, str]:
    """Return a number of GPUs and their generation; ValueError says what is wrong."""
    inner = gpus.inner
    stated = block.value["generation"].inner if "generation" in block.value else None
    own = "" if stated is None else str(stated.value)
    value = inner.plain()
    if isinstance(value, dict):
        if set(value) - {"gpus", "generation"} or "gpus" not in value:
            raise ValueError("a number of GPUs is written as 'gpus' and 'generation'")
        text, name = str(value["gpus"]), str(value.get("generation", ""))
    else:
        found = GPUS.fullmatch(str(value))
        if not found:
            raise ValueError("not a number of GPUs")
        text, name = found[1], found[2]
    digits = re.sub(r"[,_]", "", text)
    if (
        not digits.isdigit()
        or not 1 <= int(digits) <= 1e9
        or ("," in text and not re.fullmatch(r"\d{1,3}(,\d{3})+", text))
    ):
        raise ValueError("a number of GPUs is a whole number above zero")
    chosen = _system(name) if name else ""
    if own == "newest" or not (chosen or own):
        raise ValueError("a number of GPUs needs one generation, whose racks they stand in")
    if chosen and own and chosen != own:
        raise ValueError(f"the GPUs are of {chosen}, and 'generation' is {own}: state it once")
    return int(digits), chosen or own


def _system(name: str) -> str:
    """Return the system of the catalog, or of the user's own, that a name means; ValueError if it means none."""
    if found := resolved("system", name, tuple(catalog.load().entities("rack_power_kw"))):
        return found
    raise ValueError(f"no system for GPU '{name}'")


def racks_of(gpus: int, generation: str, profile: Profile, cap_w: float = 0.0) -> Racks:
    """Return GPUs in whole racks, with the IT power that plans give these.

    Parameters
    ----------
    gpus
        Number of GPUs [GPUs].
    generation
        Their system.
    profile
        Power profile of the racks.
    cap_w
        Most that one GPU may draw [W]; 0 for what its profile allows.

    Raises
    ------
    UnknownFactError
        If the catalog has no rated power of the system's rack.
    """
    facts = catalog.load()
    rated = [f for f in facts.all(generation, "rack_power_kw") if f.chosen and f.power_basis == PowerBasis.RACK_TDP]
    if not rated:
        raise UnknownFactError(f"the catalog has no rated power of a rack of '{generation}'")
    per_rack = int(facts.find(generation, "gpus_per_rack").number)
    racks = -(-gpus // per_rack)
    it_kw = (
        rack_kw_at(facts, generation, GpuPower(profile=profile, limit_w=cap_w))
        * facts.find("facility", "it_per_rack_power").number
    )
    return Racks(gpus, generation, racks, per_rack, racks * it_kw / 1e3)


def profile_of(root: Node) -> Profile:
    """Return the power profile of a plan's racks."""
    node, found = root.at(("fleet", "profile"))
    value = node.inner.value if found else ""
    return Profile(value) if value in list(Profile) else Profile.MAX_Q


def cap_of(root: Node, generation: str) -> float:
    """Return the cap that a plan states for the GPUs of a generation [W]; 0 without a number that can be one."""
    node, found = root.at(("fleet", "systems", generation, "gpu_power_cap_w"))
    if not found:
        return 0.0
    try:
        watts = parse_quantity(str(node.inner.value), "W")
    except ValueError:
        return 0.0  # the schema says what is wrong with it
    return watts if watts > 0 and catalog.load().has(generation, "gpu_tgp_w") else 0.0


def stated_racks(root: Node, path: tuple[str, ...]) -> Racks | None:
    """Return the GPUs that a block states next to a power of its own, None where it doesn't state both."""
    block, found = root.at(path)
    if not found or not isinstance(block.value, dict) or "gpus" not in block.value:
        return None
    if block.value["power"].derived:
        return None
    count, generation = _read(block.value["gpus"], block)
    return racks_of(count, generation, profile_of(root), cap_of(root, generation))


def _derived(stated: Node, value: object, note: str, evidence: str = "") -> Node:
    """Return a line that follows from a stated one: at its place, with its provenance and how it follows."""

    def node(part: object) -> Node:
        return Node(part, stated.line, stated.column, stated.file)

    given = {k: v for k, v in stated.value.items() if k in ("evidence", "source")} if stated.states_provenance else {}
    if evidence and "evidence" not in given:
        given["evidence"] = node(evidence)
    made = node({"value": node(value), **given, "note": node(note)})
    made.derived = True
    return made
