"""Intervals and validity: the prediction lies inside, what is extrapolated is never narrower, and unknown keys are
refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gigaplan import catalog
from gigaplan.accuracy import power, residuals, serving, training
from gigaplan.accuracy.residuals import UnknownKindError
from gigaplan.accuracy.validity import INSIDE, is_supported, unsupported, validity
from gigaplan.inference.options import ENGINES
from gigaplan.vocabulary.interval import CERTAIN, Figure, Interval

SERVING = [".".join(k) for k in residuals.keys(serving.RESIDUALS)]
TRAINING = [".".join(k) for k in residuals.keys(training.RESIDUALS)]
EVERYTHING = serving.Reach(frozenset(serving.REASONS))
THROUGHPUT = [".".join(k) for k in residuals.keys(serving.THROUGHPUT)]


def intervals() -> dict[str, tuple[Interval, Interval]]:
    """Return every interval, as it is and extrapolated."""
    found: dict[str, tuple[Interval, Interval]] = {}
    for kind in SERVING:
        inside, new = serving.interval(kind=kind), serving.interval(kind=kind, reach=EVERYTHING)
        found |= {f"{time} {kind}": (getattr(inside, time), getattr(new, time)) for time in serving.TIMES}
    for kind in TRAINING:
        found[kind] = (
            training.interval(kind=kind, extrapolated=False),
            training.interval(kind=kind, extrapolated=True),
        )
    for kind in THROUGHPUT:
        plain, new_hardware = (serving.throughput_interval(kind=kind, new_hardware=e) for e in (False, True))
        found[kind] = (plain, new_hardware)
    found["power"] = (power.interval(extrapolated=False), power.interval(extrapolated=True))
    return found


@pytest.mark.parametrize(("inside", "extrapolated"), intervals().values(), ids=intervals())
def test_the_prediction_lies_inside_and_what_is_extrapolated_is_never_narrower(
    inside: Interval, extrapolated: Interval
) -> None:
    assert 0 < extrapolated.low <= inside.low <= 1 <= inside.high <= extrapolated.high
    figure = inside.of(3.0)
    assert figure.low <= figure.value <= figure.high


def test_every_kind_that_can_be_named_has_residuals() -> None:
    for engine in ENGINES:
        for experts in (False, True):
            assert serving.kind(engine=engine, experts=experts, disaggregated=False) in SERVING
    for stated in (False, True):
        assert serving.kind(engine="vllm", experts=True, disaggregated=True, workers_stated=stated) in SERVING
    for modern in (False, True):
        for experts in (False, True):
            for gpus in (8, 9):
                assert training.kind(modern=modern, experts=experts, gpus=gpus) in TRAINING
    for scenario in ("saturated", "offline", "server", "interactive"):
        for vendor in ("nvidia", "other"):
            for first in (False, True):
                assert serving.throughput_kind(scenario=scenario, vendor=vendor, first_round=first) in THROUGHPUT


def test_unknown_kinds_are_refused_with_the_nearest() -> None:
    with pytest.raises(
        UnknownKindError, match=r"serving kind 'co_located.vlm.dense'; nearest is 'co_located.vllm.dense'"
    ):
        serving.interval(kind="co_located.vlm.dense")
    with pytest.raises(UnknownKindError, match=r"training kind 'sparse' .there are classic_one_node"):
        training.interval(kind="sparse", extrapolated=True)
    with pytest.raises(UnknownKindError, match=r"throughput kind 'offline.nvida.first'; nearest is"):
        serving.throughput_interval(kind="offline.nvida.first", new_hardware=False)


def test_validity_names_all_that_is_new() -> None:
    near = {"generation": "hopper", "family": "deepseek", "active_parameters": 37e9}
    assert serving.reach(**near) == serving.MEASURED  # type: ignore[arg-type]
    assert serving.MEASURED.validity == INSIDE
    far = serving.reach(
        generation="rubin",
        family="llama_9",
        active_parameters=1e9,
        input_over_output=300,
        engine="vllm",
        release="v0.9.2",
        workers_stated=False,
        further=("tp 64 is wide",),
    )
    assert far.reasons == frozenset(serving.REASONS) - {serving.NEW_BOARD, serving.AMD, serving.OTHER_MAKER}
    said = far.validity
    assert said.startswith("extrapolated: no measured row of rubin hardware; no measured row of llama_9; ")
    for words in (
        "vllm v0.9.2 is older than",
        "300 times the output",
        "1.0 B active",
        "workers is not stated",
        "tp 64 is wide",
    ):
        assert words in said
    assert "not in the interval" not in said
    layout = serving.reach(**near, further=("tp 64 is wide",))  # type: ignore[arg-type]
    assert layout.reasons == {serving.NEW_GENERATION}
    given_ = {"precision": "fp8", "kind": "experts", "family": "deepseek_v3", "modern": True}
    assert training.validity(generation="hopper", **given_) == INSIDE  # type: ignore[arg-type]
    assert "rubin hardware" in training.validity(generation="rubin", **given_)  # type: ignore[arg-type]
    fp4 = training.validity(generation="hopper", **{**given_, "precision": "fp4"})  # type: ignore[arg-type]
    assert fp4 == "extrapolated: no measured row of hopper hardware in fp4 with such a model"
    plain = {"precision": "bf16", "kind": "classic_one_node", "family": "gpt", "modern": False}
    assert training.validity(generation="ampere", **plain) == INSIDE  # type: ignore[arg-type]
    guessed = training.validity(generation="ampere", **plain, guesses=("a guess",))  # type: ignore[arg-type]
    assert guessed == "extrapolated: a guess"
    stand_in = {**given_, "family": "kimi_linear"}
    assert "mixing layers" in training.validity(generation="hopper", **stand_in)  # type: ignore[arg-type]
    assert validity([]) == INSIDE
    assert is_supported(INSIDE)
    assert not is_supported(unsupported("no such GPU"))


def test_residuals_say_how_many_rows_they_rest_on() -> None:
    """The counts of kinds are those of all rows that were fitted."""
    facts = catalog.load()

    def rows(prefix: str) -> int:
        return int(
            sum(facts.find(e, residuals.ROWS).number for e in facts.entities(residuals.ROWS, prefix=f"{prefix}."))
        )

    assert rows(training.ROWS) == rows(training.RESIDUALS)
    # By engine, and by engine and kind of model; rows with drafts are a kind of their own.
    drafts = int(facts.find(f"{serving.RESIDUALS}.{serving.DRAFTS}", residuals.ROWS).number)
    assert 2 * rows(serving.ROWS) == rows(f"{serving.RESIDUALS}.{serving.CO_LOCATED}") + drafts
    assert rows(power.ROWS) == rows("power_residuals")


SHARES = st.floats(0, 1)
SETS = st.frozensets(st.sampled_from(serving.REASONS))


@given(st.sampled_from(SERVING), SETS, SETS, SHARES, SHARES, SHARES, SHARES)
def test_more_reasons_and_larger_parts_never_narrow_an_interval(
    kind: str,
    some: frozenset[str],
    more: frozenset[str],
    reads: float,
    reads_more: float,
    host: float,
    host_more: float,
) -> None:
    near, far = (
        serving.interval(kind=kind, reach=serving.Reach(reasons), reading_share=reading, launch_share=launches)
        for reasons, reading, launches in (
            (some, min(reads, reads_more), min(host, host_more)),
            (some | more, max(reads, reads_more), max(host, host_more)),
        )
    )
    for time in serving.TIMES:
        a, b = getattr(near, time), getattr(far, time)
        assert 0 < b.low <= a.low <= 1 <= a.high <= b.high


def test_how_reading_is_shared_out_is_uncertain_where_the_whole_request_is_not() -> None:
    usual, much = (serving.interval(kind="co_located.vllm.dense", reading_share=s) for s in (0.3, 0.9))
    inside = serving.interval(kind="co_located.vllm.dense")
    assert usual.tpot.low == pytest.approx(inside.tpot.low)
    assert much.tpot.low < inside.tpot.low
    assert much.latency == inside.latency


def test_launches_have_a_long_upper_tail() -> None:
    small = serving.Reach(frozenset([serving.SMALL_MODEL]))
    none, all_ = (serving.interval(kind="co_located.vllm.dense", reach=small, launch_share=s).tpot for s in (0.0, 1.0))
    assert math.log(all_.high / none.high) > math.log(none.low / all_.low) >= 0


@pytest.mark.parametrize(
    ("engine", "release", "older"),
    [
        ("vllm", "0.9", True),
        ("vllm", "v0.10.2rc1", True),
        ("vllm", "0.12", False),
        ("vllm", "0.12.0", False),
        ("vllm", "1.0", False),
        ("vllm", "nightly-5b8c", False),
        ("vllm", "", False),
        ("sglang", "0.4.6.post1", True),
        ("sglang", "0.5", False),
        ("trtllm", "0.21.0", True),
        ("trtllm", "1.0.0rc3", False),
    ],
)
def test_releases_older_than_any_measured(engine: str, release: str, older: bool) -> None:
    assert bool(serving.newer_than(engine, release)) == older


def test_left_out_groups_are_covered() -> None:
    """What ``gigaplan.validation.serving.extrapolation`` measured: each group in intervals widened by the others."""
    facts = catalog.load()
    for reason in set(serving.REASONS) - {serving.AMD, serving.OTHER_MAKER}:
        share = facts.find(f"{serving.BEYOND}.{reason}", "covered_share")
        assert 0.65 < share.number < 0.9
        for time in serving.TIMES:
            wide = residuals.interval(f"{serving.BEYOND}.{reason}", f"{time}_widening")
            assert 0 < wide.low <= 1 <= wide.high


def test_squares_of_edges_add_up() -> None:
    both = serving.in_squares([Interval(math.exp(-3), math.exp(0.3)), Interval(math.exp(-4), math.exp(0.4))])
    assert both.low == pytest.approx(math.exp(-5))
    assert both.high == pytest.approx(math.exp(0.5))
    assert serving.in_squares([CERTAIN]) == CERTAIN


@given(st.floats(0.01, 1), st.floats(1, 100), st.floats(0.1, 1e6), st.floats(1, 3))
def test_intervals_and_figures_by_their_laws(low: float, high: float, value: float, by: float) -> None:
    interval = Interval(low, high)
    assert interval.inverse().inverse().low == pytest.approx(low)
    wide = interval.widened(by)
    assert math.log(wide.high / wide.low) == pytest.approx(by * math.log(high / low), abs=1e-9)
    assert Interval(high, 2 * high).holding_one().low == 1
    figure = interval.of(value)
    assert figure.over(1.0).over(1.0).high == pytest.approx(figure.high)
    assert figure.over(6.0).low <= figure.over(6.0).value <= figure.over(6.0).high
    assert figure.scaled(2.0).low == pytest.approx(2 * figure.low)
    assert CERTAIN.of(value) == Figure(value, value, value)
