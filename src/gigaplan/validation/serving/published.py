"""Published measurements of serving in one long table: a row for each figure, with its metric and unit.

Columns are those of ``inference_throughput.csv``. What a row measures decides who answers it: throughput and MLPerf
(:mod:`~gigaplan.validation.serving.throughput`), a benchmark at a concurrency
(:mod:`~gigaplan.validation.serving.validate`), or one phase of serving (:mod:`~gigaplan.validation.serving.phases`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from gigaplan.accuracy import serving as accuracy
from gigaplan.accuracy.validity import EXTRAPOLATED, UNSUPPORTED, unsupported
from gigaplan.catalog.names import generation
from gigaplan.plan.names import family
from gigaplan.validation.published import Point
from gigaplan.validation.serving import mlperf, throughput
from gigaplan.validation.serving import phases as served_phases
from gigaplan.validation.serving.loads import load_of, published
from gigaplan.validation.serving.predictions import answer_all
from gigaplan.validation.serving.questions import row_question
from gigaplan.validation.serving.rows import known
from gigaplan.vocabulary.errors import UnsupportedError
from gigaplan.vocabulary.interval import CERTAIN, Interval

AT_A_CONCURRENCY = ("ttft", "tpot", "output_throughput", "peak_output_throughput")
MOST_DOUBLINGS = 10
POWERS_OF_TWO = tuple(2**k for k in range(MOST_DOUBLINGS + 1))
"""Concurrencies among which a peak was sought: 1 to 1,024."""
NOT_MODELLED = {
    "itl_p99": "the gap between two single tokens isn't modelled, only its mean over a request",
    "measured vllm": "a run's percentiles need its requests: give the table of them",
    "power": "an engine's power isn't modelled apart from its hardware's",
    "cost": "a price, not a speed",
}


def point(row: Mapping[str, str]) -> Point:
    """Return a row's figure and the predicted one."""
    metric = (row.get("metric") or "").lower()
    if (
        mlperf.is_facts(tuple(row))
        or "total_output" in metric
        or "per_gpu" in metric
        or metric.split(" ")[0] in mlperf.SCENARIOS
    ):
        return _throughput(row)
    try:
        return _benchmark(row, metric) if metric in AT_A_CONCURRENCY else _phase(row, metric)
    except (ValueError, ArithmeticError, LookupError) as error:
        why = str(error) if isinstance(error, UnsupportedError) else f"a cell can't be read ({error})"
        nan = math.nan
        return Point(
            metric,
            row.get("gpu") or "",
            row.get("model") or "",
            row.get("precision") or "",
            row.get("engine") or "",
            row.get("unit") or "",
            _published(row),
            nan,
            nan,
            nan,
            unsupported(why),
        )


def _throughput(row: Mapping[str, str]) -> Point:
    predicted = throughput.tokens(row, out_of_sample=True)
    gpu, model, kind, precision, engine = (row.get(k) or "" for k in ("gpu", "model", "metric", "precision", "engine"))
    if not predicted.validity.startswith(UNSUPPORTED):
        load = load_of(row)
        gpu, model, kind, precision, engine = load.system, load.model, load.kind, load.precision, load.engine
        if load.kind != "saturated":
            kind = f"{load.kind}, first round" if load.first_round else load.kind
    else:
        gpu, model = gpu or row.get("entity") or "", model or row.get("quantity") or ""
    return Point(
        kind,
        gpu,
        model,
        precision,
        engine,
        "tokens/s per GPU",
        published(row),
        predicted.per_gpu,
        predicted.low,
        predicted.high,
        predicted.validity,
    )


def _benchmark(row: Mapping[str, str], metric: str) -> Point:
    users = POWERS_OF_TWO if metric.startswith("peak") else (row.get("concurrency"),)
    row_questions = [row_question({**row, "concurrency": str(u), "mode": "agg"}) for u in users]
    if row_questions[0].question is None:
        raise UnsupportedError(row_questions[0].why)
    answers = [a for a in answer_all(row_questions, out_of_sample=True) if not a.validity.startswith(UNSUPPORTED)]
    if not answers:
        raise UnsupportedError("the layout does not hold the model")
    a, q = max(answers, key=lambda a: a.output_tokens_per_s_per_gpu), row_questions[0].question
    if metric in ("ttft", "tpot"):
        predicted, low, high = (getattr(a, f"{metric}_{k}") for k in ("ms", "low", "high"))
    else:
        predicted, low, high = (v * q.decode.gpus for v in (a.output_tokens_per_s_per_gpu, a.output_low, a.output_high))
    return Point(
        metric,
        q.system,
        q.model,
        q.precision,
        q.engine,
        row.get("unit") or "",
        _published(row),
        predicted,
        min(low, predicted),
        max(high, predicted),
        a.validity,
    )


def _phase(row: Mapping[str, str], metric: str) -> Point:
    if metric not in served_phases.PHASES:
        for mark, why in NOT_MODELLED.items():
            if mark in metric:
                raise UnsupportedError(why)
    found = served_phases.answer(row)
    reach = accuracy.reach(
        generation=generation(found.system),
        family=family(found.model),
        active_parameters=known(found.system, found.model)[1].active_parameters,
        board=found.system,
    )
    validity, error_of = reach.validity, CERTAIN
    if found.follows:
        experts = known(found.system, found.model)[1].experts > 0
        kind = accuracy.kind(engine=found.engine, experts=experts, disaggregated=found.disaggregated)
        times = accuracy.interval(kind=kind, reach=reach)
        error_of = times.ttft if found.follows == "ttft" else times.tpot
        if "tok/s" in (row.get("unit") or ""):
            error_of = error_of.inverse()
    if found.edges is not None:  # how much of the exchange hides is one more error, independent of the others
        overlap = Interval(*(edge / found.predicted for edge in found.edges)).holding_one()
        error_of = accuracy.in_squares([error_of, overlap])
    figure = error_of.of(found.predicted)
    if "node" in metric:
        validity = f"{EXTRAPOLATED}: the mean of a day with its valleys, where the prediction is what busy nodes give"
    metric = re.sub(r" \(.*|, .*| (in|out)put tok.*| tok/s.*", "", metric)
    return Point(
        metric,
        found.system,
        found.model,
        found.precision,
        found.engine,
        row.get("unit") or "",
        _published(row),
        found.predicted,
        figure.low,
        figure.high,
        validity,
    )


def _published(row: Mapping[str, str]) -> float:
    try:
        return float(row.get("value") or "nan")
    except ValueError:
        return math.nan
