"""Accuracy of the serving model: intervals of times and throughput, and on what its constants were fitted.

Intervals are 80 % of the errors of rows that were each predicted by constants fitted without their own hardware
generation and model family. Beyond what was measured each reason adds the log-variance by which errors grew where such
rows were left out of the fit, and parts of a step whose errors are their own add theirs
(docs/decisions/0023-intervals-beyond-the-measured.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np

from gigaplan import catalog
from gigaplan.accuracy import residuals
from gigaplan.accuracy.levels import NONE, Level
from gigaplan.accuracy.validity import validity as validity_of
from gigaplan.vocabulary.interval import Interval

RESIDUALS, ROWS, BOARDS = "serving_residuals", "serving_rows", "serving_boards"
THROUGHPUT, RANGE = "throughput_residuals", "serving_range"
ROUNDING = 1e-3
"""Relative rounding of a stated range's edge."""
BEYOND = "serving_extrapolation"
NEW_GENERATION, NEW_BOARD, NEW_FAMILY, OLDER_RELEASE = "new_generation", "new_board", "new_family", "older_release"
AMD, OTHER_MAKER = "maker_amd", "maker_other"
LONG_INPUT, SMALL_MODEL = "long_input", "small_model"
REASONS = (NEW_GENERATION, NEW_BOARD, AMD, OTHER_MAKER, NEW_FAMILY, OLDER_RELEASE, LONG_INPUT, SMALL_MODEL)
"""Reasons by which an answer may lie beyond the measured rows: each has its own spread."""
READING, LAUNCHES = "reading", "launches"
"""Parts of a step with errors of their own."""
TIMES = ("ttft", "tpot", "latency")
EXTRAPOLATED = 1.3
"""How much wider, in logarithms, an interval of throughput is on hardware without a measured row: set so that hardware
generations left out whole are covered (docs/accuracy.md)."""
CO_LOCATED = "co_located"
STATED, NOT_STATED = "disaggregated.stated", "disaggregated.not_stated"
"""Kinds of disaggregated rows: whether the number of workers is stated."""
DRAFTS, DRAFTS_APART = "co_located.drafts", "disaggregated.drafts"
"""Kinds of rows whose steps verify drafts: how many are accepted errs besides the time of a step."""


@dataclass(frozen=True, slots=True)
class TimeIntervals:
    """Intervals of measured over predicted times."""

    ttft: Interval
    """Of the time to first token."""
    tpot: Interval
    """Of the time per output token."""
    latency: Interval
    """Of the whole request, first token to last: how both times share it out doesn't matter here."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a question lies beyond the measured rows."""

    reasons: frozenset[str] = field(default_factory=frozenset)
    """Those of ``REASONS`` that hold."""
    words: tuple[str, ...] = ()
    """All reasons in words."""

    @property
    def validity(self) -> str:
        """``inside`` where nothing lies beyond, else ``extrapolated`` with the reasons."""
        return validity_of(self.words)


MEASURED = Reach()
"""Of a question like the measured rows."""


def kind(*, engine: str, experts: bool, disaggregated: bool, workers_stated: bool = True, drafts: bool = False) -> str:
    """Return the key of residuals for one way to serve.

    Parameters
    ----------
    engine
        Serving engine: ``vllm``, ``sglang`` or ``trtllm``.
    experts
        Whether the model is a mixture of experts, whose kernels differ most between releases.
    disaggregated
        Whether prefill and decode have workers of their own.
    workers_stated
        Whether the number of these workers is known rather than guessed.
    drafts
        Whether tokens are drafted.
    """
    if drafts and (workers_stated or not disaggregated):
        return DRAFTS_APART if disaggregated else DRAFTS
    if not disaggregated:
        return f"{CO_LOCATED}.{engine}.{'experts' if experts else 'dense'}"
    return STATED if workers_stated else NOT_STATED


def of_engine(kind: str) -> str:
    """Return the key of all co-located rows of an engine, of dense models and mixtures of experts alike: how errors
    grow beyond the measured is known of both together; other keys stay.

    Parameters
    ----------
    kind
        Key of residuals, from :func:`kind`.
    """
    return ".".join(kind.split(".")[:2])


def base(kind: str, time: str) -> Interval:
    """Return the interval that a question beyond the measured rows starts from: that of all rows of its engine.

    Parameters
    ----------
    kind
        Key of residuals, from :func:`kind`.
    time
        One of ``TIMES``.
    """
    return residuals.interval(f"{RESIDUALS}.{of_engine(kind)}", f"{time}_over_predicted")


def interval(
    *,
    kind: str,
    reach: Reach = MEASURED,
    reading_share: float = 0.0,
    decode_share: float = 0.0,
    launch_share: float = 1.0,
    level: Level = NONE,
) -> TimeIntervals:
    """Return the 80 % intervals of measured over predicted times.

    The logarithms of both edges add up in squares over the reasons: more of them never narrow it.

    Parameters
    ----------
    kind
        Key of residuals, from :func:`kind`.
    reach
        How far the question lies beyond the measured rows.
    reading_share
        Share of the time per token in which others' prompts are read [share]: how it is shared out between first token
        and further ones differs by engine, while the whole request takes as long.
    decode_share
        Share of a request's time after its first token [share]: what further tokens lose the first one gains.
    launch_share
        Share of it that launches and the host take [share]; counts for small models, whose pace they set.
    level
        Level of the question's cell: where rows of it were measured, their errors stand for those of its kind.

    Raises
    ------
    UnknownKindError
        If there are no residuals of such a kind.
    """
    residuals.check_key("serving kind", kind, [".".join(k) for k in residuals.keys(RESIDUALS)])
    own = {t: residuals.interval(f"{RESIDUALS}.{kind}", f"{t}_over_predicted") for t in TIMES}
    parts = {t: [base(kind, t) if reach.reasons else own[t]] for t in TIMES}
    if level.measured:
        whole = level.latency_error(decode_share)
        parts = {"ttft": [level.ttft_error], "tpot": [level.tpot_error], "latency": [whole]}
    for t in TIMES:
        parts[t] += [residuals.interval(f"{BEYOND}.{reason}", f"{t}_widening") for reason in sorted(reach.reasons)]
    reading = residuals.interval(f"{BEYOND}.{READING}", "tpot_over_whole").widened(beyond_usual(reading_share))
    parts["tpot"].append(reading)
    parts["ttft"].append(first_token_offset(reading, decode_share))
    if SMALL_MODEL in reach.reasons:
        host = residuals.interval(f"{BEYOND}.{LAUNCHES}", "host_time_over_predicted")
        parts["tpot"].append(Interval(*(1 + launch_share * (edge - 1) for edge in (host.low, host.high))))
    found = {t: in_squares(parts[t]) for t in TIMES}
    if reach.reasons and not level.measured:  # never surer than what was measured of its kind
        found = {t: Interval(min(f.low, own[t].low), max(f.high, own[t].high)) for t, f in found.items()}
    return TimeIntervals(**found)


def first_token_offset(tpot: Interval, decode_share: float) -> Interval:
    """Return the interval of the first token's time of which further tokens lose or gain while the whole stays.

    With a share ``d`` of the whole after the first token, a time per token of ``f`` times the predicted leaves the
    first token ``1 + (1 - f) d / (1 - d)`` times; below one the reciprocal of the mirrored factor, which stays above
    zero.

    Parameters
    ----------
    tpot
        Interval of measured over predicted time per token.
    decode_share
        Share of a request's time after its first token, below one [share].
    """
    over = decode_share / (1 - decode_share) if decode_share < 1 else 0.0
    return Interval(1 / (1 + (tpot.high - 1) * over), 1 + (1 - tpot.low) * over)


def in_squares(parts: Sequence[Interval]) -> Interval:
    """Return one interval of independent errors: squares of the logarithms of their edges add up.

    Parameters
    ----------
    parts
        Intervals that hold one, of errors that multiply.
    """
    low, high = (np.log([getattr(p, edge) for p in parts]) for edge in ("low", "high"))
    return Interval(float(np.exp(-np.sqrt(low @ low))), float(np.exp(np.sqrt(high @ high))))


def beyond_usual(reading_share: float) -> float:
    """Return how far a share of reading lies beyond the usual, in squares: zero up to it.

    Parameters
    ----------
    reading_share
        Share of the time per token in which others' prompts are read [share].
    """
    usual = catalog.load().find(RANGE, "usual_reading_share").number
    return float(np.sqrt(max(reading_share**2 - usual**2, 0.0)))


@cache
def measured_generations() -> frozenset[str]:
    """Return the hardware generations whose rows the constants were fitted on."""
    return frozenset(generation for generation, _ in residuals.keys(ROWS))


@cache
def measured_families() -> frozenset[str]:
    """Return the model families whose rows the constants were fitted on."""
    return frozenset(family for _, family in residuals.keys(ROWS))


@cache
def measured_boards() -> frozenset[str]:
    """Return the systems whose rows the constants were fitted on."""
    return frozenset(system for (system,) in residuals.keys(BOARDS))


@catalog.per_catalog
def other_maker(board: str) -> str:
    """Return the reason for a system whose maker's rows set no constant, "" where they did or it isn't known.

    Parameters
    ----------
    board
        Name of the system, or "".
    """
    facts = catalog.load()
    if not facts.has(board, "vendor"):
        return ""
    vendor = str(facts.find(board, "vendor").value)
    if vendor in {str(facts.find(b, "vendor").value) for b in measured_boards() if facts.has(b, "vendor")}:
        return ""
    return AMD if vendor == "AMD" else OTHER_MAKER


def reach(
    *,
    generation: str,
    family: str,
    active_parameters: float,
    input_over_output: float = 0.0,
    engine: str = "",
    release: str = "",
    workers_stated: bool = True,
    board: str = "",
    level: Level = NONE,
    further: Sequence[str] = (),
) -> Reach:
    """Return how far a question lies beyond the rows that the constants were fitted on, and why.

    Parameters
    ----------
    generation, family
        Hardware generation of the system and family of the model (:mod:`gigaplan.catalog.names`).
    active_parameters
        Parameters of the model that a token visits [1].
    input_over_output
        Input tokens of a request over its output tokens [1]; 0 where it says nothing.
    engine, release
        Serving engine, and its release as written (``0.10.2``); "" where it isn't known.
    workers_stated
        False where the number of workers is a guess, of which such rows' own residuals know.
    board
        Name of the system; "" where any of its generation is meant.
    level
        Level of the question's cell: where rows of it were measured, its hardware and model are.
    further
        Other reasons against the constants, of layouts that no row has: errors are taken for as large as on new
        hardware.
    """
    found: dict[str, str] = {}
    cell_measured, maker = level.measured, other_maker(board)
    if cell_measured:
        pass
    elif maker and level.known != "die":
        found[maker] = f"no measured row of {generation} hardware with this model, and constants are another maker's"
    elif generation not in measured_generations():
        found[NEW_GENERATION] = f"no measured row of {generation} hardware"
    elif board and board not in measured_boards():
        found[NEW_BOARD] = f"no measured row of {board}, only of other {generation} boards"
    if not cell_measured and family not in measured_families():
        found[NEW_FAMILY] = f"no measured row of {family}"
    if not cell_measured and (oldest := newer_than(engine, release)):
        found[OLDER_RELEASE] = f"{engine} {release} is older than the oldest measured release, {oldest}"
    largest = catalog.load().find(RANGE, "largest_input_over_output").number
    smallest = catalog.load().find(RANGE, "smallest_active_parameters").number
    if input_over_output > largest:
        often = f"{input_over_output:,.0f} times the output, of measured rows at most {largest:,.0f}"
        found[LONG_INPUT] = f"input is {often}"
    if active_parameters < smallest * (1 - ROUNDING):
        size, measured = (f"{n / 1e9:,.1f} B" for n in (active_parameters, smallest))
        found[SMALL_MODEL] = (
            f"{size} active parameters, of measured rows at least {measured}: launches may set the pace"
        )
    guessed = () if workers_stated else ("the number of workers is not stated",)
    return Reach(frozenset({*found, *([NEW_GENERATION] if further else [])}), (*found.values(), *guessed, *further))


def newer_than(engine: str, release: str) -> str:
    """Return the oldest measured release of an engine if a release is older, else "".

    Parameters
    ----------
    engine
        Serving engine.
    release
        A release as written; what begins with no number (``nightly``) is as new as any.
    """
    numbers = release_numbers(release)
    if not numbers or not catalog.load().has(f"{RANGE}.{engine}", "oldest_release"):
        return ""
    oldest = str(catalog.load().find(f"{RANGE}.{engine}", "oldest_release").value)
    return oldest if numbers < release_numbers(oldest)[: len(numbers)] else ""


def release_numbers(release: str) -> tuple[int, ...]:
    """Return the numbers that a release begins with, up to three; none for a nightly build.

    Parameters
    ----------
    release
        A release as written.

    Examples
    --------
    >>> release_numbers("v0.5.6.post2"), release_numbers("1.2.0rc6"), release_numbers("nightly-5b8c")
    ((0, 5, 6), (1, 2, 0), ())
    """
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", release.strip().lower())
    return tuple(int(n) for n in found.groups() if n is not None) if found else ()


def throughput_kind(*, scenario: str, vendor: str, first_round: bool) -> str:
    """Return the key of throughput residuals.

    Parameters
    ----------
    scenario
        ``saturated``, or an MLPerf scenario: ``offline``, ``server`` or ``interactive``.
    vendor
        Of the hardware, whose software it is: ``nvidia`` or ``other``.
    first_round
        Whether it is MLPerf's first round with this benchmark.
    """
    return f"{scenario}.{vendor}.{'first' if first_round else 'later'}"


def throughput_interval(*, kind: str, new_hardware: bool) -> Interval:
    """Return the 80 % interval of measured over predicted tokens per second.

    Parameters
    ----------
    kind
        Key of residuals, from :func:`throughput_kind`.
    new_hardware
        Whether the hardware generation has no measured row: the interval is wider about the median error then.

    Raises
    ------
    UnknownKindError
        If there are no residuals of such a kind.
    """
    residuals.check_key("throughput kind", kind, [".".join(k) for k in residuals.keys(THROUGHPUT)])
    fact = catalog.load().find(f"{THROUGHPUT}.{kind}", "throughput_over_predicted")
    assert fact.low is not None
    assert fact.high is not None
    return about_median(fact.low, fact.number, fact.high, new_hardware=new_hardware)


def about_median(low: float, median: float, high: float, *, new_hardware: bool) -> Interval:
    """Return an interval of errors, widened about their median on new hardware, that holds the prediction itself.

    Parameters
    ----------
    low, median, high
        Quantiles of measured over predicted [1].
    new_hardware
        Whether the hardware generation has no measured row.
    """
    by = EXTRAPOLATED if new_hardware else 1.0
    middle = np.log(median)
    edges = (float(np.exp(middle + by * (np.log(edge) - middle))) for edge in (low, high))
    return Interval(*edges).holding_one()
