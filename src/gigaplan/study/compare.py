"""Two plans or results side by side: what differs, by how much it matters, and which inputs make the difference.

Causes are found by substitution, one group of inputs at a time: plan A is run again with B's lines of that group alone,
and what changes is that group's part. What the parts leave over is interaction, and is reported. Nothing is guessed:
where a result can't be run again, its inputs are listed and no cause is named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from gigaplan import catalog
from gigaplan import plan as plans
from gigaplan._version import __version__
from gigaplan.plan import Plan
from gigaplan.plan.document import Node
from gigaplan.plan.load import checked, load_sources
from gigaplan.plan.provenance import plain_values
from gigaplan.results.headlines import Headline, Window, headlines, window
from gigaplan.results.lacking import left_out
from gigaplan.results.result import Result, Stamp
from gigaplan.results.spread import Span, span_of, with_range
from gigaplan.simulate.engine import simulate
from gigaplan.vocabulary.errors import InputError, PlanError
from gigaplan.vocabulary.facts import Entry
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, report
from gigaplan.vocabulary.show import LINES, Brief, BriefRows
from gigaplan.vocabulary.time import DAYS_PER_YEAR
from gigaplan.vocabulary.units import UNIT_UNSAID

SPLIT = ("fleet", "demand", "finance")
"""Sections large enough to be swapped part by part."""
WITHOUT_EFFECT = ("gigaplan", "name", "title", "notes", "claims", "uncertainty", "study")
"""Sections that no central figure depends on."""
JOINED = {
    "fleet.generations": "systems",
    "fleet.reference_generation": "systems",
    "fleet.systems": "systems",
    "fleet.newest_among": "systems",
    "fleet.profile": "systems",
    "finance.systems": "systems",
}
"""Parts of a plan that name one another and make sense only together."""
NEGLIGIBLE = 1e-6
"""Relative difference below which two figures are the same."""
RANGE_ALONE = 0.01
"""How much a difference of the ranges alone counts, relative to one of the figures."""
SAVED_A, SAVED_B = "A's saved catalog and version", "B's saved catalog and version"


@dataclass(frozen=True, slots=True, repr=False)
class InputDifference(Brief):
    """One input that differs: a line of the plans, or a fact that they read."""

    path: str
    a: str
    b: str
    group: str
    kind: str
    """``plan`` or ``fact``."""


@dataclass(frozen=True, slots=True, repr=False)
class Cause(Brief):
    """A group of inputs, the figure with that group alone swapped from A to B, and how far that moves it from A's."""

    group: str
    value: float
    effect: float
    """In the headline's unit (dates: days); nan where the figure exists on one side only."""


@dataclass(frozen=True, slots=True, repr=False)
class Difference(Brief):
    """One headline that differs, its causes by size, and what they leave over."""

    headline: Headline
    b: float
    score: float
    """0..1: relative difference times how much the figure matters."""
    causes: tuple[Cause, ...] = ()
    remainder: float = math.nan
    """Interaction of the groups, in the headline's unit; nan where causes weren't sought or aren't numbers."""
    b_members: Array | None = field(default=None, compare=False)
    """B's figure of every member; None where B has one member."""
    paired: bool = False
    """Whether both draw each of their members alike, so that the difference has a range of its own."""

    @property
    def other(self) -> Headline:
        """Return B's figure."""
        return replace(self.headline, value=self.b, members=self.b_members)

    @property
    def span(self) -> Span | None:
        """Return the range of B less A, member by member: narrower than what the two ranges leave open.

        Of dates, the members that have both; None where the members of the two aren't drawn alike.
        """
        a, b = self.headline.members, self.b_members
        return span_of(b - a) if self.paired and a is not None and b is not None and len(a) == len(b) > 1 else None

    def brief_title(self) -> str:
        """Return the figure's name."""
        return self.headline.name

    def brief_rows(self) -> BriefRows:
        """Return the figure of both, and its causes."""
        sides = (("A", self.headline), ("B", self.other))
        yield from ((side, with_range(h.text, h.range_text)) for side, h in sides)
        yield from ((c.group, replace(self.headline, value=c.value).text) for c in self.causes)

    def brief_line(self) -> str:
        """Return the figure of both."""
        return f"{self.headline.name}: {self.headline.text} → {self.other.text}"


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Brief):
    """Everything that two results say differently."""

    a: Stamp
    b: Stamp
    window: Window
    differences: tuple[Difference, ...]
    same: tuple[str, ...]
    inputs: tuple[InputDifference, ...]
    groups: tuple[str, ...]
    """Groups of inputs that were swapped one at a time."""
    claims: tuple[tuple[str, str, str], ...]
    """Claims whose verdict differs: id, A's, B's."""
    not_attributed: str = ""
    """Why no causes are named, empty where they are."""
    left_out: tuple[str, ...] = ()
    """For each side that lacks quantities, saved by another version, a sentence that names them."""
    results: tuple[Result, Result] | None = field(default=None, compare=False)
    """What is compared, for charts; None where it is no longer at hand."""

    def brief_title(self) -> str:
        """Return what is compared, and how many figures differ."""
        count = len(self.differences)
        differ = f"{count} figure differs" if count == 1 else f"{count or 'no'} figures differ"
        return f"{self.a.plan} and {self.b.plan}: {differ}, {len(self.same)} do not"

    def brief_rows(self) -> BriefRows:
        """Return the claims and the figures that differ, by what matters, then the inputs that do."""
        shown = self.differences if len(self.differences) < LINES else self.differences[: LINES - 3]
        yield from ((d.headline.name, f"{d.headline.text} → {d.other.text}") for d in shown)
        yield "more figures", f"{len(self.differences) - len(shown)}" if len(shown) < len(self.differences) else ""
        yield "claims", ", ".join(f"{name} {a} → {b}" for name, a, b in self.claims)
        yield "inputs that differ", ", ".join(self.groups) or f"{len(self.inputs)}"
        yield "causes", self.not_attributed


def compare(a: Result, b: Result, progress: Progress | None = None) -> Comparison:
    """Lay two results side by side.

    Raises
    ------
    PlanError
        If a result's own sources no longer make a plan.
    InputError
        If the two share no month.
    """
    shared = window(a, b)
    if shared is None:
        raise InputError(
            f"the two share no month: {a.labels['month'][0]} to {a.labels['month'][-1]} and "
            f"{b.labels['month'][0]} to {b.labels['month'][-1]}; give both horizons that overlap"
        )
    one, two = headlines(a, shared), headlines(b, shared)
    paired = (a.stamp.seed, a.stamp.members) == (b.stamp.seed, b.stamp.members)
    differing = _differences(one, two, lambda name: name in a and name in b, paired=paired)
    found = sorted(differing, key=lambda d: (-d.score, -d.headline.weight))
    apart = {d.headline.name for d in found}
    attribution = _Attribution(a, b, shared, progress)
    inputs, groups = attribution.inputs, attribution.groups
    moved = any(relative(d.headline, d.other) > NEGLIGIBLE for d in found)
    swapped = attribution.run() if moved and not attribution.obstacle else {}
    return Comparison(
        a=a.stamp,
        b=b.stamp,
        window=shared,
        differences=tuple(_explained(d, swapped) for d in found),
        same=tuple(n for n in one if n in two and n not in apart),
        inputs=inputs,
        groups=tuple(swapped) or groups,
        claims=_claims(a, b),
        not_attributed=attribution.obstacle,
        left_out=tuple(f"{side}: {text}" for side, text in (("A", left_out(a)), ("B", left_out(b))) if text),
        results=(a, b),
    )


def _differences(
    one: Mapping[str, Headline], two: Mapping[str, Headline], held: Callable[[str], bool], *, paired: bool
) -> Iterator[Difference]:
    """Yield the headlines that differ; a generation that a side hasn't got has no GPUs, a workload isn't compared.

    A figure is not compared where a side lacks the quantity that it rests on. Figures of which only the ranges differ
    are said to differ, by what lies between these.
    """
    for name in dict.fromkeys([*one, *two]):
        like = one.get(name) or two[name]
        if not (name in one and name in two) and not (like.unit == "GPUs" and held(like.variable)):
            continue
        here, there = (_of(by_group, like) for by_group in (one, two))
        size = relative(here, there) or RANGE_ALONE * _ranges_apart(here, there)
        if size > NEGLIGIBLE:
            score = size * here.weight
            yield Difference(here, there.value, score, b_members=there.members, paired=paired)


def _of(by_group: Mapping[str, Headline], like: Headline) -> Headline:
    """Return a side's figure of a kind; what a side hasn't got has no members."""
    members = by_group[like.name].members if like.name in by_group else None
    return replace(like, value=_value(by_group, like.name, like.unit), members=members)


def _ranges_apart(a: Headline, b: Headline) -> float:
    """Return how far the ranges of two figures lie apart, from 0 to 1; a side of one member has its figure alone."""
    ends = [(h.span.low, h.span.high) if h.span and h.span.known else (h.value, h.value) for h in (a, b)]
    return max(relative(replace(a, value=x), replace(b, value=y)) for x, y in zip(*ends, strict=True))


def _value(by_group: Mapping[str, Headline], name: str, unit: str) -> float:
    """Return a figure, 0 GPUs of a generation that isn't there."""
    if name in by_group:
        return by_group[name].value
    return 0.0 if unit == "GPUs" else math.nan


def relative(a: Headline, b: Headline) -> float:
    """Return a difference on a scale from 0 to 1: of amounts, their distance over their sizes; of dates, half at a
    year."""
    if math.isnan(a.value) or math.isnan(b.value):
        return 0.0 if math.isnan(a.value) and math.isnan(b.value) else 1.0
    apart = abs(b.value - a.value)
    if a.unit == "date":
        return apart / (apart + DAYS_PER_YEAR)
    return apart / (abs(a.value) + abs(b.value)) if apart else 0.0


def _explained(difference: Difference, swapped: Mapping[str, Mapping[str, Headline]]) -> Difference:
    """Return a difference with the part of each group that moves it, of the central futures of both."""
    name, unit = difference.headline.name, difference.headline.unit
    today = {group: _value(by_group, name, unit) for group, by_group in swapped.items()}
    one, two = difference.headline.central, difference.other.central
    start, end = today.get(SAVED_A, one), today.get(SAVED_B, two)
    parts = []
    for group, value in today.items():
        before = {SAVED_A: one, SAVED_B: end}.get(group, start)
        after = two if group == SAVED_B else value
        unmoved = math.isnan(before) and math.isnan(after)
        if not unmoved and not abs(after - before) <= NEGLIGIBLE * max(abs(before), abs(after)):
            parts.append(Cause(group, after, after - before))
    parts.sort(key=lambda c: -math.inf if math.isnan(c.effect) else -abs(c.effect))
    left = two - one - math.fsum(c.effect for c in parts) if swapped else math.nan
    return replace(difference, causes=tuple(parts), remainder=left)


def _claims(a: Result, b: Result) -> tuple[tuple[str, str, str], ...]:
    one, two = ({c.id: str(c.verdict) for c in r.claims} for r in (a, b))
    ids = dict.fromkeys([*one, *two])
    return tuple((i, one.get(i, "not made"), two.get(i, "not made")) for i in ids if one.get(i) != two.get(i))


class _Attribution:
    """Which inputs differ, in which groups, and what swapping one group alone gives."""

    def __init__(self, a: Result, b: Result, shared: Window, progress: Progress | None) -> None:
        self.a, self.b, self.shared, self.progress = a, b, shared, progress
        self.obstacle = _obstacle(a, b)
        self.groups: tuple[str, ...] = ()
        lines: tuple[InputDifference, ...] = ()
        if not self.obstacle:
            assert a.sources
            assert b.sources
            self.plan_a, self.plan_b = load_sources(a.sources), load_sources(b.sources)
            lines = tuple(_lines(self.plan_a, self.plan_b))
            self.groups = tuple(dict.fromkeys(d.group for d in lines if d.group))
        self.inputs = (*lines, *fact_differences(a, b))

    def run(self) -> dict[str, Mapping[str, Headline]]:
        """Return the headlines with each group alone swapped, and those of today's catalog for results saved
        earlier."""
        joined = self._joined()
        steps: dict[str, Callable[[], Plan]] = {}
        if _aged(self.a):
            steps[SAVED_A] = partial(_central, self.plan_a)
        steps |= {" + ".join(groups): partial(self._swap, groups) for groups in joined}
        if _aged(self.b):
            steps[SAVED_B] = partial(_central, self.plan_b)
        by_group: dict[str, Mapping[str, Headline]] = {}
        for i, (name, made) in enumerate(steps.items()):
            report(self.progress, i, len(steps), name)
            try:
                by_group[name] = headlines(simulate(plans.resolve(made())), self.shared)
            except (InputError, PlanError) as error:
                self.obstacle = f"{name} can't be swapped alone: {error}"
        if self.progress:
            self.progress(len(steps), len(steps), "")
        return by_group

    def _swap(self, groups: Sequence[str]) -> Plan:
        """Return plan A with B's lines of some groups."""
        root = _swapped(self.plan_a.root, self.plan_b.root, groups)
        files = (*self.plan_a.sources.files, *self.plan_b.sources.files)
        return checked(root, replace(self.plan_a.sources, files=tuple(dict(files).items())))

    def _joined(self) -> list[tuple[str, ...]]:
        """Return the groups to swap: one at a time, those that make no plan alone with the fewest that let them."""
        sets = [{g} for g in self.groups]
        for group in self.groups:
            if self._stands((group,)):
                continue
            needed = list(self.groups)
            for other in self.groups:
                fewer = [g for g in needed if g != other]
                if other != group and self._stands(fewer):
                    needed = fewer
            touched = [s for s in sets if s & set(needed)]
            sets = [s for s in sets if not s & set(needed)] + [set(needed).union(*touched)]
        ordered = [tuple(g for g in self.groups if g in s) for s in sets]
        return sorted(ordered, key=lambda groups: self.groups.index(groups[0]))

    def _stands(self, groups: Sequence[str]) -> bool:
        """Return whether plan A with B's lines of some groups is a plan."""
        try:
            plans.resolve(self._swap(groups))
        except (PlanError, InputError):
            return False
        return True


def _obstacle(a: Result, b: Result) -> str:
    """Return why causes can't be found by running again, empty if they can."""
    without = [r.stamp.plan for r in (a, b) if r.sources is None]
    if without:
        return f"{' and '.join(without)} was saved without its plan's text, so it can't be run with other inputs"
    for result in (a, b):
        try:
            assert result.sources
            load_sources(result.sources)
        except PlanError as error:
            return f"{result.stamp.plan} is no plan for this gigaplan: {error.problems[0].message}"
    return ""


def _aged(result: Result) -> bool:
    """Return whether a result was made by another version or catalog than today's."""
    return (result.stamp.version, result.stamp.catalog_vintage) != (__version__, catalog.load().vintage)


def _central(plan: Plan) -> Plan:
    """Return a plan with its central member alone, of which causes are."""
    return checked(_swapped(plan.root, plan.root, ()), plan.sources)


def _swapped(a: Node, b: Node, groups: Sequence[str]) -> Node:
    """Return A's tree with B's nodes of some groups; with the central member alone."""
    top = dict(a.value)
    top["uncertainty"] = Node({"members": Node(1, a.line, a.column, a.file)}, a.line, a.column, a.file)
    for section in {*a.value, *b.value} - set(WITHOUT_EFFECT):
        names = _parts(section, a, b)
        for name in names:
            if group_of(name) not in groups:
                continue
            if name == section:
                _put(top, section, b.value.get(section))
            else:
                top[section] = _copy(top.get(section) or Node({}, 1, 1, b.file))
                there = b.value.get(section)
                _put(
                    top[section].value, name.split(".", 1)[1], there.value.get(name.split(".", 1)[1]) if there else None
                )
    return Node(top, a.line, a.column, a.file, a.keys)


def _put(mapping: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        mapping.pop(name, None)
    else:
        mapping[name] = node


def _copy(node: Node) -> Node:
    return Node(dict(node.value), node.line, node.column, node.file, dict(node.keys))


def _parts(section: str, a: Node, b: Node) -> list[str]:
    """Return the names under which a section is swapped: itself, or its parts."""
    both = [root.value.get(section) for root in (a, b)]
    if section not in SPLIT or not all(n is None or isinstance(n.value, dict) for n in both):
        return [section]
    return [f"{section}.{name}" for name in dict.fromkeys(n for node in both if node for n in node.value)]


def group_of(path: str) -> str:
    """Return the group that a path of the plan is swapped with, empty if no figure depends on it."""
    parts = path.split(".")
    if parts[0] in WITHOUT_EFFECT:
        return ""
    name = ".".join(parts[: 2 if parts[0] in SPLIT else 1])
    return JOINED.get(name, name)


def _lines(a: Plan, b: Plan) -> Iterator[InputDifference]:
    """Yield the lines of two documents that differ in value."""
    one, two = (dict(_leaves(plain_values(p.root), ())) for p in (a, b))
    for path in dict.fromkeys([*one, *two]):
        if one.get(path) != two.get(path):
            name = ".".join(path)
            yield InputDifference(name, one.get(path, "–"), two.get(path, "–"), group_of(name), "plan")


def _leaves(value: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for name, below in value.items():
            yield from _leaves(below, (*path, name))
    else:
        yield path, str(value)


def fact_differences(a: Result, b: Result) -> Iterator[InputDifference]:
    """Yield the inputs that took another fact, or another value of it; what the plans' own lines state is reported
    there."""
    one, two = ({e.path: e for e in r.ledger.entries if not e.path.startswith("claims.")} for r in (a, b))
    for path in dict.fromkeys([*one, *two]):
        here, there = one.get(path), two.get(path)
        facts = [e for e in (here, there) if e and e.fact]
        if facts and _entry_text(here) != _entry_text(there):
            yield InputDifference(path, _entry_text(here), _entry_text(there), "", "fact")


def _entry_text(entry: Entry | None) -> str:
    """Return an entry's value, unit and fact."""
    if entry is None:
        return "–"
    if entry.fact is None:
        return f"{entry.value}{'' if entry.unit in UNIT_UNSAID else f' {entry.unit}'} (plan)"
    unit = "" if entry.fact.unit in UNIT_UNSAID else f" {entry.fact.unit}"
    return f"{entry.value}{unit} [{entry.fact.id}]"
