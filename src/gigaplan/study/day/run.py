"""A plan's day carried out: some replicas at a time, in processes or on Ray, each part kept once it is done."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gigaplan import catalog
from gigaplan._version import __version__
from gigaplan.layers.serve_traces import open_trace
from gigaplan.study.day.answer import DayRun
from gigaplan.study.day.fleet import DayFleet, fleet_of_day, scaled
from gigaplan.study.day.job import DayJob, impossible_day
from gigaplan.study.day.replica_day import KindDay, gap_shape, packed, serve_day, unpacked
from gigaplan.study.day.streams import Streams, events_of, streams
from gigaplan.study.day.totals import answer
from gigaplan.study.executors import Executor, Lost
from gigaplan.study.request import STUDIES, StudyRequest, executor_of, wrong_place
from gigaplan.vocabulary.errors import MachineError, PlanError
from gigaplan.vocabulary.files import slug
from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.progress import Progress, report

AT_ONCE = 20_000_000
"""Requests of one task, about: some seconds of a processor."""
BYTES = 1_000_000_000
"""Memory of one worker [bytes]."""
EXAMPLE = "azure_conv_2023"
"""Trace whose answers' variation in length is taken."""


@dataclass(frozen=True, slots=True)
class Task:
    """Some replicas of one kind."""

    kind: int
    first: int
    count: int

    @property
    def name(self) -> str:
        """Name of its file."""
        return f"{self.kind:04d}-{self.first:05d}-{self.count:05d}"


def serve_plan_day(
    job: DayJob,
    changes: Sequence[str] = (),
    overlays: Sequence[str | Path] = (),
    progress: Progress | None = None,
) -> DayRun:
    """Serve every request of a plan's day, one by one, on every replica of its fleet.

    Parameters
    ----------
    job : DayJob
        The day, and how.
    changes, overlays : sequence
        What is changed of the plan.
    progress : callable, optional
        Called with (requests done, requests, words); False cancels, and what is done is kept.

    Raises
    ------
    PlanError
        With every impossible number at once, or if the plan is wrong.
    MachineError
        If the folder can't be written, or parts can't be computed.
    """
    problems = [*impossible_day(job), *wrong_place(_where(job), "serve")]
    if problems:
        raise PlanError(problems)
    fleet = scaled(fleet_of_day(job, changes, overlays), job.peak_load)
    return serve_fleet_day(job, fleet, progress)


def serve_fleet_day(job: DayJob, fleet: DayFleet, progress: Progress | None = None) -> DayRun:
    """Serve every request of a fleet's day; see :func:`serve_plan_day`.

    Parameters
    ----------
    job : DayJob
        How.
    fleet : DayFleet
        Kinds of replicas, and the requests of regions.
    progress : callable, optional
        As of :func:`serve_plan_day`, whose errors this raises too.
    """
    folder = Path(job.out) if job.out else STUDIES / slug(f"{fleet.plan}-{fleet.day}")
    events = events_of(job, fleet)
    parts = folder / "parts"
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MachineError(f"cannot make the folder {parts}: {error.strerror}; give another one with --out") from None
    carried = _Carried(job, fleet, parts, executor_of(_where(job), BYTES), progress)
    lost: dict[tuple[int, str], float] = {}
    coming = streams(fleet, job)
    if events:
        # What failed sites had is sent to the others: those first.
        down = [k for k in range(len(fleet.kinds)) if coming.fails[k].any()]
        found = carried.done(coming, down)
        for e, (event, site) in enumerate(events):
            x = int(np.searchsorted(coming.edges_s, event.at_s))
            for k in down:
                if fleet.kinds[k].site == fleet.sites[site]:
                    key = e, fleet.kinds[k].workload
                    lost[key] = lost.get(key, 0.0) + float(found[k]["lost"][x])
        coming = streams(fleet, job, lost)
    found = carried.done(coming, list(range(len(fleet.kinds))))
    about = f"{folder}", len(carried.kept), carried.held, carried.simulated
    return answer(job, fleet, coming, found, lost, about)


def _where(job: DayJob) -> StudyRequest:
    """Return where a day is computed."""
    return StudyRequest(on=job.on, workers=job.workers or None, address=job.address)


class _Carried:
    """Tasks that are done, and how the others come to be."""

    def __init__(
        self, job: DayJob, fleet: DayFleet, parts: Path, executor: Executor, progress: Progress | None
    ) -> None:
        self.job, self.fleet, self.parts, self.executor, self.progress = job, fleet, parts, executor, progress
        self.kept: dict[str, None] = {}
        self.held, self.simulated = 0, 0
        self.output_cv = _variation()

    def done(self, coming: Streams, kinds: list[int]) -> dict[int, dict[str, Array]]:
        """Return what all replicas of some kinds did, those that aren't simulated like those that are."""
        days = {k: self._kind_day(coming, k) for k in kinds}
        tasks = [t for k in kinds for t in self._tasks(days[k])]
        keys = {k: _key(self.fleet, days[k]) for k in kinds}
        sums: dict[int, dict[str, Array]] = {}
        weights = {t: _requests(days[t.kind]) * t.count for t in tasks}
        total, ready = int(sum(weights.values())), 0.0
        waiting = []
        for task in tasks:
            found = _read(self._file(task, keys))
            if found is None:
                waiting.append(task)
                continue
            self.held += task.name not in self.kept
            self._take(sums, task, found)
            ready += weights[task]
        report(self.progress, int(ready), total, "requests")
        waiting.sort(key=lambda t: -weights[t])  # long ones first, so that none is left for the end
        if waiting:
            # By task: a worker needs the kinds of its own tasks alone.
            with self.executor.map(_work, days, waiting) as answers:
                for task, made in answers:
                    if isinstance(made, Lost):
                        raise MachineError(f"part {task.name} can't be computed: {made.reason}")
                    _write(self._file(task, keys), made)
                    self._take(sums, task, unpacked(made))
                    ready += weights[task]
                    report(self.progress, int(ready), total, "requests")
        for k in kinds:  # in the order of the kinds, whatever was done first
            scale = self.fleet.kinds[k].replicas / sum(t.count for t in tasks if t.kind == k)
            sums[k] = {name: values * scale for name, values in sums[k].items()}
        return sums

    def _take(self, sums: dict[int, dict[str, Array]], task: Task, found: dict[str, Array]) -> None:
        if task.name not in self.kept:
            self.kept[task.name] = None
            self.simulated += int(found["sums"][:, 0].sum())
        before = sums.get(task.kind)
        added = found if before is None else {name: before[name] + values for name, values in found.items()}
        sums[task.kind] = added

    def _file(self, task: Task, keys: dict[int, str]) -> Path:
        return self.parts / f"{task.name}-{keys[task.kind]}.npz"

    def _kind_day(self, coming: Streams, k: int) -> KindDay:
        kind = self.fleet.kinds[k]
        w = self.fleet.workloads.index(kind.workload)
        return KindDay(
            kind=kind,
            number=k,
            edges_s=coming.edges_s,
            per_s=coming.per_replica_s[k],
            fails=coming.fails[k],
            again_share=coming.again_share[w],
            failed_s=coming.failed_s,
            gap_shape=gap_shape(float(coming.site_replicas[k]), self.job.burst),
            output_cv=self.output_cv,
            max_waiting=self.job.max_waiting,
            seed=self.job.seed,
        )

    def _tasks(self, of: KindDay) -> list[Task]:
        """Return a kind's tasks: the replicas that are simulated, some at a time."""
        count = max(round(self.job.part * of.kind.replicas), 1)
        step = max(int(AT_ONCE / max(_requests(of), 1.0)), 1)
        return [Task(of.number, i, min(step, count - i)) for i in range(0, count, step)]


def _work(days: dict[int, KindDay], task: Task) -> bytes:
    """Serve the day of a task's replicas."""
    return packed(serve_day(days[task.kind], task.first, task.count))


def _requests(of: KindDay) -> float:
    """Return the requests of one replica's day."""
    return float((of.per_s * np.diff(of.edges_s)).sum())


def _variation() -> float:
    """Return the standard deviation of answers' lengths over their mean, in the trace of conversations."""
    lengths = np.concatenate([rows.output_tokens for rows in open_trace(EXAMPLE).pieces()])
    return float(lengths.std() / lengths.mean())


def _key(fleet: DayFleet, of: KindDay) -> str:
    """Return the hash of all that a kind's day follows from."""
    kind = of.kind
    numbers = [v.tolist() for v in (of.edges_s, of.per_s, of.fails, of.again_share, of.failed_s)]
    place = [float(np.ravel(v)[0]) for v in (kind.stage.gpus, kind.stage.pipeline, kind.stage.dp_attention)]
    inputs = [
        __version__, catalog.load().vintage, kind.workload, kind.generation, kind.model, place, kind.gain,
        asdict(kind.request), asdict(kind.point), kind.prompt_cv, repr(kind.stage.device), repr(kind.stage.engine),
        repr(kind.stage.efficiency), repr(kind.stage.architecture), repr(kind.stage.drafts), of.number, of.gap_shape,
        of.output_cv, of.max_waiting, of.seed, numbers,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=repr).encode()).hexdigest()[:12]


def _read(path: Path) -> dict[str, Array] | None:
    """Return a part that is whole, None if it has to be computed."""
    try:
        return unpacked(path.read_bytes())
    except Exception:  # a file that isn't whole, whatever is wrong with it: zip's and numpy's errors differ
        return None


def _write(path: Path, data: bytes) -> None:
    """Write a part whole or not at all; MachineError if the disk is full."""
    work = path.with_suffix(f".{os.getpid()}.part")
    try:
        work.write_bytes(data)
        work.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            work.unlink()
        raise MachineError(f"cannot write {path}: {error.strerror}; what is done is kept") from None
