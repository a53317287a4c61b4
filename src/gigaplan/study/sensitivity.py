"""Which assumptions decide a plan: each at its ends, Sobol' indices, elementary effects, and the worth of knowing one.

A date that never comes counts as the end of the horizon. The inputs that aren't looked at one by one are one factor
together, so that nothing is left out of what decides a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from gigaplan import plan as plans
from gigaplan.plan import Plan
from gigaplan.results.headlines import Headline, headlines, window
from gigaplan.simulate.engine import simulate
from gigaplan.study.carry import Failure, carry_out
from gigaplan.study.design import Case, Design, Points
from gigaplan.study.folder import Folder, opened, refuse_others
from gigaplan.study.indices import HIGH, LOW, Given, OneAtATime, Saltelli, deciding, range_left, shares, sobol_indices
from gigaplan.study.inputs import Input, begin, uncertain_inputs
from gigaplan.study.montecarlo import failure_data, headline_values, plain
from gigaplan.study.options import Part, draws_at, influence_of, levels_of, parts_of, places
from gigaplan.study.request import Settings, StudyRequest, executor_of, folder_of, settings
from gigaplan.vocabulary.errors import MachineError, Place, PlanError, Problem, unknown_choice
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.options import Option
from gigaplan.vocabulary.progress import Progress
from gigaplan.vocabulary.sampling import Part as Members
from gigaplan.vocabulary.show import Brief, BriefRows

if TYPE_CHECKING:
    import pandas

KIND = "sensitivity"
METHODS = ("tornado", "sobol", "morris")
INPUTS = 10
"""Inputs that are looked at one by one where nobody says how many: those that a person keeps in mind."""
BASES = 256
"""Base rows of Sobol' indices where nobody says how many members: for standard errors of a few hundredths."""
TRAJECTORIES = 10
"""Trajectories of elementary effects where nobody says how many members (Morris 1991 has 4 to 10)."""
OTHERS = "all other inputs"
SCREENING = "tornado"
"""Folder inside a study's own, which chooses the inputs that are looked at one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityRequest(StudyRequest):
    """How a sensitivity study runs."""

    members: Annotated[int | None, Option(group="Study")] = None
    """Members that Sobol' indices or elementary effects take (default: the plan's, else 256 for each input that is
    looked at, or 10 for each input); a tornado has two for each input."""
    method: Annotated[str | None, Option(group="Study", choices=METHODS)] = None
    """Each input at both ends of its range and each option of a choice (tornado, the default), Sobol' indices
    (sobol), or elementary effects (morris, which needs the extra 'salib')."""
    inputs: Annotated[int | None, Option(group="Study")] = None
    """Inputs that are looked at one by one, those that move the figures most (default: 10)."""
    of: Annotated[str, Option(group="Study")] = ""
    """Headline whose effects are shown in the terminal (JSON has all; default: one that matters most)."""


@dataclass(frozen=True, slots=True, repr=False)
class Effect(Brief):
    """What one input does to one figure; nan where a method doesn't say it.

    Attributes
    ----------
    input : str
        Name of the input.
    low, high : float
        The figure with the input at the low and the high end of its range, all others central.
    options : tuple of tuple of str and float
        The figure with each option of a choice, all else central.
    first, total : float
        Sobol' indices: the share of the figure's variance that goes once the input alone is known, and the share that
        stays once all others are.
    first_error, total_error : float
        Their standard errors.
    range_left_share : float
        Width of the figure's range, on average, once the input is known, over the width now.
    mean_effect, effect_spread : float
        Morris' mu* and sigma, in the figure's unit per range of the input.
    share : float
        Share of the figure's variance that rests on the input, by the best that is known; all together 1.
    """

    input: str
    low: float = np.nan
    high: float = np.nan
    first: float = np.nan
    total: float = np.nan
    first_error: float = np.nan
    total_error: float = np.nan
    range_left_share: float = np.nan
    mean_effect: float = np.nan
    effect_spread: float = np.nan
    share: float = 0.0
    options: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class Sensitive(Brief):
    """One headline and what decides it, the most first."""

    headline: Headline
    effects: tuple[Effect, ...]

    def brief_line(self) -> str:
        """Return the headline and what decides it most."""
        first = self.effects[0] if self.effects else None
        return self.headline.name + (f": {first.input} ({first.share:.0%})" if first and first.share else "")


@dataclass(frozen=True, slots=True, repr=False)
class Deciding(Brief):
    """One input, and how much of all headlines rests on it."""

    name: str
    share: float
    """Mean share of the headlines' variances, by how much they matter."""
    inputs: tuple[Input, ...]
    """What it is: one uncertain input, or several that move together."""

    def brief_line(self) -> str:
        """Return the name and the share."""
        return f"{self.name}: {self.share:.0%}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sensitivity(Brief):
    """What decides a plan."""

    plan: str
    plan_hash: str
    method: str
    seed: int
    members: int
    """Members that were computed or tried, those of the screening among them."""
    deciding: tuple[Deciding, ...]
    """Each input, those that decide most first; what all others decide together comes last."""
    headlines: tuple[Sensitive, ...]
    failures: tuple[Failure, ...] = ()
    folder: str = ""

    def brief_title(self) -> str:
        """Return what it is of."""
        return f"what decides {self.plan} ({self.method}, {self.members:,} members)"

    def brief_rows(self) -> BriefRows:
        """Return the inputs that decide most."""
        yield from ((d.name, f"{d.share:.0%} of the headlines' variance") for d in self.deciding[:8])
        yield "kept in", self.folder

    def frame(self) -> pandas.DataFrame:
        """Return every effect as a DataFrame, one row per headline and input.

        Raises
        ------
        MachineError
            If pandas isn't installed.
        """
        try:
            import pandas
        except ImportError:
            raise MachineError("this needs pandas, which isn't installed: pip install pandas") from None
        return pandas.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """Return every effect as plain data: its headline, unit, input and numbers."""
        return [
            {"headline": s.headline.name, "unit": s.headline.unit, **effect_data(s.headline, e)}
            for s in self.headlines
            for e in s.effects
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the answer as plain data, the same as ``--json`` prints."""
        return {
            "plan": self.plan,
            "plan_hash": self.plan_hash,
            "method": self.method,
            "seed": self.seed,
            "members": self.members,
            "deciding": [
                {"name": d.name, "share": d.share, "inputs": [_input_data(i) for i in d.inputs]} for d in self.deciding
            ],
            "headlines": [
                {
                    "name": s.headline.name,
                    "quantity": s.headline.variable,
                    "unit": s.headline.unit,
                    "central": plain(s.headline, s.headline.value),
                    "effects": [effect_data(s.headline, e) for e in s.effects],
                }
                for s in self.headlines
            ],
            "failures": [failure_data(f) for f in self.failures],
            "folder": self.folder,
        }


def effect_data(headline: Headline, effect: Effect) -> dict[str, Any]:
    """Return an effect as plain data; what a method doesn't say is null."""
    names = (
        "first",
        "total",
        "first_error",
        "total_error",
        "range_left_share",
        "mean_effect",
        "effect_spread",
        "share",
    )
    numbers = {n: float(v) if np.isfinite(v := getattr(effect, n)) else None for n in names}
    known = np.isfinite([effect.low, effect.high]).any()
    ends = {n: plain(headline, getattr(effect, n)) if known else None for n in ("low", "high")}
    options = {name: plain(headline, value) for name, value in effect.options}
    return {"input": effect.input, **ends, **({"options": options} if options else {}), **numbers}


def _input_data(one: Input) -> dict[str, Any]:
    return {
        name: getattr(one, name)
        for name in ("name", "central", "low", "high", "unit", "distribution", "evidence", "source")
    }


@dataclass(frozen=True, slots=True)
class _Question:
    """A sensitivity study whose settings are known."""

    plan: Plan
    request: SensitivityRequest
    numbers: Settings
    method: str
    count: int
    folder: Path
    streams: Mapping[str, tuple[Input, ...]]
    """Inputs by the stream that they follow."""
    parts: Mapping[str, tuple[Part, ...]]
    """Options of the choices by the stream that they follow."""
    with_numbers: frozenset[str]
    """Those of these streams that numbers follow too."""
    end: float
    """Last day of the horizon, as an ordinal."""
    progress: Progress | None = field(compare=False)

    def run(self, points: Points, members: int, folder: Path, **identity: Any) -> tuple[Folder, tuple[Failure, ...]]:
        """Carry out one design."""
        design = Design(
            kind=KIND,
            plans=(self.plan.hash,),
            cases=(Case(self.plan.sources),),
            members=members,
            seed=self.numbers.seed,
            points=points,
            fans=False,
            identity=identity,
        )
        with opened(folder, design, inside=(SCREENING,)) as found:
            needed_bytes = begin(found, self.plan)
            return found, carry_out(found, executor_of(self.request, needed_bytes), self.progress)

    def values(self, folder: Folder, count: int) -> tuple[tuple[Headline, ...], Array]:
        """Return the headlines and their values at each point, nan where one doesn't exist, shape (point, headline)."""
        heads, numbers, values = headline_values(folder)
        every = np.full((count, len(heads)), np.nan)
        late = np.array([h.unit == "date" for h in heads]) & np.isnan(values)
        values = np.where(late, self.end, values)
        others = numbers > 0
        every[numbers[others].astype(int) - 1] = values[others]
        central = [self.end if h.unit == "date" and np.isnan(h.value) else h.value for h in heads]
        return tuple(replace(h, value=v) for h, v in zip(heads, central, strict=True)), every


def run(plan: Plan, request: SensitivityRequest, progress: Progress | None = None) -> Sensitivity:
    """Find what decides a plan, or go on finding it.

    Parameters
    ----------
    plan : Plan
        The plan.
    request : SensitivityRequest
        By which method, of how many inputs, and where.
    progress : callable, optional
        Called with (members done, members in all, what comes next); False cancels.

    Raises
    ------
    PlanError
        If a number makes no sense, the plan has no uncertain input, or the folder holds something else.
    MachineError
        If the folder can't be written, or a package isn't installed.
    Cancelled
        If ``progress`` returns False.
    """
    question = _question(plan, request, progress)
    if request.of:
        _known(plan, request.of)
    if question.method == "morris":
        return _morris(question)
    screening = question.folder / SCREENING if question.method == "sobol" else question.folder
    tornado = _tornado(question, screening)
    return _sobol(question, tornado) if question.method == "sobol" else tornado


def _known(plan: Plan, name: str) -> None:
    """Refuse a headline that the plan doesn't have, as its central member alone says, before anything runs."""
    result = simulate(plans.resolve(plan, Members(1)), "summary")
    shared = window(result, result)
    names = tuple(headlines(result, shared)) if shared else ()
    if name not in names:
        raise no_headline(name, names)


def no_headline(name: str, names: Sequence[str]) -> PlanError:
    """Return the error of a headline that isn't there."""
    place = Place(f"study {KIND}", path="of")
    return PlanError([unknown_choice("no such headline", place, name, names, "name one of them, in quotes")])


def _question(plan: Plan, request: SensitivityRequest, progress: Progress | None) -> _Question:
    """Return the question with its settings; PlanError with all that is wrong."""
    numbers = settings(plan, request, KIND)
    method = request.method or numbers.stated.get("method") or METHODS[0]
    count = request.inputs if request.inputs is not None else numbers.stated.get("inputs", INPUTS)
    problems, place = [], f"study {KIND}"
    if method not in METHODS:
        problems.append(
            unknown_choice("no such method", Place(place, path="method"), method, METHODS, "name one of them")
        )
    if count < 1:
        where = Place(place, path="inputs")
        problems.append(Problem("one input at least is looked at", where, str(count), "", "", "give --inputs 10"))
    if method == "tornado" and request.members is not None:
        message = "a tornado has two members for each input, no more and no fewer"
        remedy = "leave --members out, or add --method sobol"
        problems.append(Problem(message, Place(place, path="members"), str(request.members), "", "", remedy))
    if problems:
        raise PlanError(problems)
    scenario = plans.resolve(plan, Members(2, numbers.seed))
    by_name = {one.name: one for one in uncertain_inputs(scenario)}
    streams = {stream: tuple(by_name[n] for n in names) for stream, names in sorted(scenario.streams.items())}
    if not streams:
        raise PlanError([Problem("no input is uncertain", Place(place), remedy="state ranges, as '55 to 80 USD/MWh'")])
    chosen = {s: [scenario.chosen[n] for n in names if n in scenario.chosen] for s, names in scenario.streams.items()}
    return _Question(
        plan=plan,
        request=request,
        numbers=numbers,
        method=method,
        count=min(count, len(streams)),
        folder=folder_of(plan, request, f"{KIND}-{method}", numbers.seed),
        streams=streams,
        parts={stream: parts_of(of) for stream, of in chosen.items() if of},
        with_numbers=frozenset(s for s, names in scenario.streams.items() if set(names) - set(scenario.chosen)),
        end=float(plan.document.horizon.end.replace(day=1).toordinal()),
        progress=progress,
    )


def _tornado(question: _Question, path: Path) -> Sensitivity:
    """Return what each input does at the ends of its range, and each option of a choice."""
    if path != question.folder:
        refuse_others(question.folder, None, inside=(SCREENING,))
    design = OneAtATime(tuple(question.streams), places(question.parts, question.with_numbers))
    folder, failures = question.run(design, design.members + 1, path, method="tornado")
    heads, values = question.values(folder, design.members)
    central = np.array([h.value for h in heads])
    influence = np.zeros((len(design.streams), len(heads)))
    effects: list[list[Effect]] = [[] for _ in heads]
    for k, name in enumerate(design.streams):
        parts, own = question.parts.get(name, ()), values[design.of(name)]
        at_ends, at_options = own[: len(own) - len(parts)], own[len(own) - len(parts) :]
        low, high = at_ends if len(at_ends) else np.full((2, len(heads)), np.nan)
        swing = np.nanmax(np.abs(np.stack([high - low, low - central, high - central])), axis=0, initial=0.0)
        influence[k] = np.maximum(swing**2, influence_of(parts, at_options))
        for h, of in enumerate(effects):
            options = tuple((part.name, float(v)) for part, v in zip(parts, at_options[:, h], strict=True))
            of.append(Effect(name, low=float(low[h]), high=float(high[h]), options=options))
    return _answer(question, heads, effects, influence, failures, design.members + 1)


def _sobol(question: _Question, tornado: Sensitivity) -> Sensitivity:
    """Return Sobol' indices of the inputs that the tornado puts first, and of all others as one."""
    chosen = [d.name for d in tornado.deciding[: question.count]]
    others = tuple(s for s in question.streams if s not in chosen)
    factors = (*((name,) for name in chosen), *((others,) if others else ()))
    names = [*chosen, *([OTHERS] if others else [])]
    design = Saltelli(tuple(factors), question.numbers.seed)
    stated = question.request.members or question.numbers.stated.get("members")
    rows = (stated - 1) // design.each if stated else BASES
    if rows < 1:
        place, fewest = Place(f"study {KIND}", path="members"), design.each + 1
        message = f"Sobol' indices of {len(names)} factors take {fewest} members at least"
        raise PlanError(
            [Problem(message, place, str(stated), f"{fewest} or more", "", f"give --members {fewest * 100}")]
        )
    members = rows * design.each
    folder, failures = question.run(design, members + 1, question.folder, method="sobol", inputs=names)
    heads, values = question.values(folder, members)
    values = values.reshape(rows, design.each, len(heads))
    f_a, f_b, f_ab = values[:, 0], values[:, 1], np.moveaxis(values[:, 2:], 1, 0)
    found = sobol_indices(f_a, f_b, f_ab, question.numbers.seed)
    draws, independent = np.concatenate(design.points(rows)), np.concatenate([f_a, f_b])
    ends = {s.headline.name: {e.input: e for e in s.effects} for s in tornado.headlines}
    effects = []
    for h, head in enumerate(heads):
        left = [range_left(draws[:, k], independent[:, h]) for k in range(len(chosen))] + [np.nan] * bool(others)
        effects.append(
            [
                replace(
                    ends[head.name].get(name, Effect(name)),
                    first=float(found.first[k, h]),
                    total=float(found.total[k, h]),
                    first_error=float(found.first_error[k, h]),
                    total_error=float(found.total_error[k, h]),
                    range_left_share=left[k],
                )
                for k, name in enumerate(names)
            ]
        )
    count = tornado.members + members + 1
    return _answer(question, heads, effects, found.total, (*tornado.failures, *failures), count)


def _morris(question: _Question) -> Sensitivity:
    """Return elementary effects of all inputs."""
    try:
        from SALib.analyze import morris as analyse
        from SALib.sample import morris as sample
    except ImportError:
        raise MachineError("this needs SALib, which isn't installed: pip install 'gigaplan[salib]'") from None
    streams = tuple(question.streams)
    stated = question.request.members or question.numbers.stated.get("members")
    each = len(streams) + 1
    trajectories = max((stated - 1) // each, 2) if stated else TRAJECTORIES
    low, high = LOW, HIGH
    problem = {"num_vars": len(streams), "names": list(streams), "bounds": [[low, high]] * len(streams)}
    levels = levels_of(question.parts)
    points = np.asarray(sample.sample(problem, trajectories, num_levels=levels, seed=question.numbers.seed))
    drawn = points.copy()
    for stream, parts in question.parts.items():
        column = streams.index(stream)
        share = (points[:, column] - low) / (high - low)
        drawn[:, column] = draws_at(parts, share, with_numbers=stream in question.with_numbers)
    members = len(points)
    identity = {"method": "morris", "trajectories": trajectories}
    folder, failures = question.run(Given(streams, drawn), members + 1, question.folder, **identity)
    heads, values = question.values(folder, members)
    effects, influence = [], np.zeros((len(streams), len(heads)))
    for h in range(len(heads)):
        whole = np.isfinite(values[:, h].reshape(trajectories, each)).all(axis=1).repeat(each)
        if whole.sum() < 2 * each:
            effects.append([Effect(name) for name in streams])
            continue
        answer = analyse.analyze(
            problem, points[whole], values[whole, h], num_levels=levels, seed=question.numbers.seed
        )
        mean, spread = (np.asarray(answer[k], dtype=float) for k in ("mu_star", "sigma"))
        influence[:, h] = np.nan_to_num(mean) ** 2
        effects.append(
            [Effect(n, mean_effect=float(mean[k]), effect_spread=float(spread[k])) for k, n in enumerate(streams)]
        )
    return _answer(question, heads, effects, influence, failures, members + 1)


def _answer(
    question: _Question,
    heads: Sequence[Headline],
    effects: Sequence[Sequence[Effect]],
    influence: Array,
    failures: tuple[Failure, ...],
    members: int,
) -> Sensitivity:
    """Return an answer: for each headline the effects by influence, shape (input, headline), and all together."""
    share = shares(influence)
    names = [e.input for e in effects[0]]
    whole = deciding(influence, [h.weight for h in heads])
    order = sorted(range(len(names)), key=lambda k: (names[k] == OTHERS, -whole[k]))
    sensitive = []
    for h, head in enumerate(heads):
        shared = [replace(e, share=float(share[k, h])) for k, e in enumerate(effects[h])]
        sensitive.append(Sensitive(head, tuple(sorted(shared, key=lambda e: -e.share))))
    return Sensitivity(
        plan=question.plan.document.name,
        plan_hash=question.plan.hash,
        method=question.method,
        seed=question.numbers.seed,
        members=members,
        deciding=tuple(Deciding(names[k], float(whole[k]), question.streams.get(names[k], ())) for k in order),
        headlines=tuple(sensitive),
        failures=failures,
        folder=str(question.folder),
    )
