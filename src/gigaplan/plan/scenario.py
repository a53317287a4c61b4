"""A scenario: what a plan has become once the catalog has filled it. Frozen, and all that a run reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from gigaplan.allocation.inputs import Market
from gigaplan.compute.clock import ClockCurve
from gigaplan.compute.device import Device
from gigaplan.compute.transformer import Architecture
from gigaplan.demand.inputs import DemandInputs
from gigaplan.finance.customers import Customer
from gigaplan.finance.inputs import FinanceInputs
from gigaplan.finance.intelligence import Gains
from gigaplan.fleet.inputs import FleetInputs
from gigaplan.inference.inputs import Drafts, Efficiency, Engine, Software
from gigaplan.plan.claims import ClaimSet
from gigaplan.power.inputs import DrawCurve, Facility, NodeDraw
from gigaplan.power.node import Node
from gigaplan.power.supply.dated import PlannedSupply
from gigaplan.training.capability import Capability
from gigaplan.training.policy import TrainingPolicy
from gigaplan.training.trend import FrontierTrend
from gigaplan.vocabulary.bases import Based
from gigaplan.vocabulary.draws import Draw, Picks
from gigaplan.vocabulary.facts import Ledger
from gigaplan.vocabulary.members import Uncertain
from gigaplan.vocabulary.sampling import Choice, Spread
from gigaplan.vocabulary.time import TimeAxis


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Frozen inputs per room, the time axis, and the ledger of what was read."""

    name: str
    title: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    assumptions: Mapping[str, str]
    plan_hash: str
    seed: int
    members: int
    axis: TimeAxis
    claims: tuple[ClaimSet, ...]
    """The claims that the plan makes."""
    announced: Based
    """The promised power, on its basis."""
    reference_generation: str
    regions: tuple[str, ...]
    """Where users are, in the order of the demand room's shares."""
    demand: DemandInputs
    market: Market
    fleet: FleetInputs
    facilities: tuple[Facility, ...]
    """One per place: the sites, then the opening blocks."""
    supplies: tuple[PlannedSupply | None, ...] = ()
    """What supplies each site, None where the plan does not say."""
    draw: DrawCurve
    node_draw: NodeDraw
    clock: ClockCurve | None = None
    """How GPUs' clocks follow their power, where a site states its supply."""
    nodes: Mapping[str, Node]
    """Racks of generations as rated, where their GPUs' limit is known."""
    devices: Mapping[str, Device]
    architectures: Mapping[str, Architecture]
    efficiency: Efficiency
    engine: Engine
    software: Software
    drafts: Mapping[str, Drafts] = field(default_factory=dict)
    """What each model drafts, and how much of it is accepted."""
    device_ratios: Mapping[str, Mapping[tuple[str, ...], Uncertain]] = field(default_factory=dict)
    """What is uncertain of each generation's device: fields that move together, and their draws over the central."""
    serving_error: Mapping[tuple[str, str], Uncertain] = field(default_factory=dict)
    """Measured over predicted serving throughput, by generation and model; 1 for the central member."""
    training: TrainingPolicy
    capability: Capability
    trend: FrontierTrend
    """How the largest published runs have grown, to compare with."""
    finance: FinanceInputs
    customers: tuple[Customer, ...] = ()
    """Customers who have reserved GPUs."""
    gains: Gains
    """How fast software and models do the same with less."""
    picks: Mapping[str, Picks] = field(default_factory=dict)
    """Which of the names that the plan leaves open each member has, by the path of the input."""
    ledger: Ledger
    drawn: Mapping[str, Spread] = field(default_factory=dict)
    """What the sampler drew for the members, by the fact's id or the plan's path; nothing with one member."""
    chosen: Mapping[str, Choice] = field(default_factory=dict)
    """Choices that it drew, by the plan's path."""
    streams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Those inputs by the stream of draws that they follow, which several may share."""
    draws: tuple[Draw, ...] = ()
    """What members drew of every uncertain input; empty for one member."""
