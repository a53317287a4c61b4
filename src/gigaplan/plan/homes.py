"""Where the plan states an input: the ledger names inputs by the room that reads them, a plan by its own sections."""

from __future__ import annotations

from dataclasses import dataclass, field

from gigaplan.plan.document import Node
from gigaplan.plan.schema import PlanDocument


@dataclass(frozen=True, slots=True)
class Homes:
    """Paths of the plan at which an input may be stated, by the beginning of its path in the ledger."""

    sections: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Sections of the plan in order of precedence."""
    names: dict[str, str] = field(default_factory=dict)
    """The plan's name of a place that a room knows by its number alone."""

    def of(self, path: str) -> tuple[str, ...]:
        """Return the plan's paths of an input, the one that wins first; the path itself where both are the same."""
        prefix = self._prefix(path)
        return tuple(home + path[len(prefix) :] for home in self.sections[prefix]) if prefix else (path,)

    def name(self, path: str) -> str:
        """Return the plan's name of the place that an input belongs to, empty where its path already has it."""
        return self.names.get(self._prefix(path), "")

    def stated(self, path: str, root: Node) -> str:
        """Return the path at which the plan states an input, the first at which it may where it does not."""
        homes = self.of(path)
        return next((home for home in homes if root.at(root.parts(home))[1]), homes[0])

    def _prefix(self, path: str) -> str:
        while path and path not in self.sections:
            path = path.rpartition(".")[0]
        return path


def homes_of(document: PlanDocument) -> Homes:
    """Return where a plan states the inputs of its rooms."""
    sections: dict[str, tuple[str, ...]] = {
        "inference.software": ("demand.software",),
        "inference.models": ("models",),
        "allocation.training_share": ("training.share",),
        "power.facilities.opening": ("power.facility",),
    }
    names = {}
    places = [f"fleet.sites.{name}" for name in document.fleet.sites]
    places += [f"fleet.opening.{name}" for name in document.fleet.opening]
    for i, place in enumerate(places):
        name = place.split(".", 2)[2]
        own = (f"{place}.facility",) if name in document.fleet.sites else ()
        for prefix in (f"power.facilities[{i}]", f"power.facilities.{name}"):
            sections.setdefault(prefix, (*own, "power.facility"))
        sections[f"finance.contracts.{name}"] = (f"{place}.contract",)
        names[f"power.facilities[{i}]"] = name
    for name in document.fleet.generations:
        sections[f"fleet.generations.{name}"] = (f"fleet.systems.{name}",)
        sections[f"finance.generations.{name}"] = (f"finance.systems.{name}",)
    for engine in ("vllm", "sglang", "trtllm"):
        sections[f"inference.engines.{engine}"] = ("demand.engine",)
    return Homes(sections, names)
