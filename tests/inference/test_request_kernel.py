"""The compiled replica against the one stepped token by token, its laws, and queues that theory knows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.inference.reference import One, Stepper

from gigaplan.inference.options import ROUTERS
from gigaplan.inference.requests.apart import Apart
from gigaplan.inference.requests.grid import StepGrid, step_grid
from gigaplan.inference.requests.histogram import ERROR
from gigaplan.inference.requests.limits import Limits
from gigaplan.inference.requests.simulation import Simulation, requests
from gigaplan.vocabulary.errors import InputError
from gigaplan.vocabulary.members import Array

LONGEST = 700


@dataclass(frozen=True)
class Line:
    """Step times that grow with the batch, its contexts, and what is read."""

    base_s: float = 5e-3
    request_s: float = 1e-4
    context_s: float = 2e-7
    token_s: float = 2e-5
    pair_s: float = 1e-8

    def decode_s(self, batch: Array, context: Array) -> Array:
        return np.asarray(self.base_s + batch * (self.request_s + self.context_s * context))

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        return np.asarray(self.base_s + self.added_prefill_s(np.zeros(1), np.zeros(1), uncached, cached))

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        read = self.token_s * uncached + self.pair_s * uncached * (cached + uncached / 2)
        return np.asarray(read + 0 * batch * context)


@dataclass(frozen=True)
class Constant:
    """A server of queueing theory: a step takes its time whatever it does; reading takes none."""

    step_s: float = 1.0

    def decode_s(self, batch: Array, context: Array) -> Array:
        return self.step_s + 0.0 * batch * context

    def prefill_s(self, uncached: Array, cached: Array) -> Array:
        return 1e-9 + 0.0 * np.asarray(uncached) * cached

    def added_prefill_s(self, batch: Array, context: Array, uncached: Array, cached: Array) -> Array:
        return 0.0 * np.asarray(uncached) * cached * batch


LINE = step_grid(Line(), 16, 256, LONGEST)


def ended(sim: Simulation, arrival: Array, inputs: Array, outputs: Array, **more: Any) -> Array:
    """When each request was admitted, made its first token and ended; nan where it was refused."""
    times = np.full((len(arrival), 3), np.nan)
    sim.feed(requests(arrival, inputs, outputs, number=np.arange(len(arrival)), **more), times=times)
    return times


def stepped(grid: StepGrid, limits: Limits, rows: list[tuple[float, int, int, int]]) -> tuple[Array, Stepper]:
    found = [One(k, a, i, o, rank) for k, (a, i, o, rank) in enumerate(rows)]
    stepper = Stepper(grid, limits)
    stepper.run(found)
    return np.array([[q.first, q.last] for q in found]), stepper


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_many_steps_at_once_are_steps_one_by_one(data: st.DataObject) -> None:
    """First token and end of each request within 0.1 %, or a step, whatever the limits and the load are."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    n, rate = data.draw(st.integers(1, 40)), data.draw(st.sampled_from([0.5, 5.0, 50.0]))
    arrival = np.cumsum(rng.exponential(1 / rate, n))
    inputs = rng.integers(1, data.draw(st.sampled_from([8, 100, 500])) + 1, n)
    outputs = rng.integers(1, data.draw(st.sampled_from([2, 60, 200])) + 1, n)
    limits = Limits(
        max_sequences=data.draw(st.sampled_from([1, 3, 16])),
        max_batched_tokens=data.draw(st.sampled_from([16, 50, 256])),
        kv_cache_tokens=data.draw(st.sampled_from([160, 420, 900, 1e6])),
        block_tokens=data.draw(st.sampled_from([1, 4, 16])),
        watermark_share=data.draw(st.sampled_from([0.0, 0.05])),
        ranks=2,
        tokens_per_step=data.draw(st.sampled_from([1.0, 1.0, 1.75])),
        gather_prompts=data.draw(st.sampled_from([1, 1, 3])),
        gather_steps=data.draw(st.sampled_from([2, 20])),
    )
    rank = rng.integers(0, 2, n) * data.draw(st.integers(0, 1))
    sim = Simulation(LINE, limits)
    found = ended(sim, arrival, inputs, outputs, rank=rank)[:, 1:]
    expected, stepper = stepped(LINE, limits, list(zip(arrival, inputs, outputs, rank, strict=True)))
    assert np.array_equal(np.isnan(found), np.isnan(expected))
    assert sim.counts().preempted == stepper.preempted
    step = max(stepper.step_times, default=0.0)
    taken = ~np.isnan(expected)
    waited = (expected - arrival[:, None])[taken]
    assert (np.abs(found - expected)[taken] <= np.maximum(1e-3 * waited, step)).all()
    assert found[taken] == pytest.approx(expected[taken], rel=1e-6)  # no two orders of events differ at all
    assert sim.counts().steps == len(stepper.step_times)


def law(sim: Simulation) -> None:
    c = sim.counts()
    assert c.arrived == c.done + c.running + c.waiting + c.refused_long + c.refused_full + c.removed
    reps, rules = sim.state.replicas, sim.rules
    assert (reps.held >= 0).all()
    assert (reps.held + reps.cached <= rules.blocks).all()
    assert len(sim.state.slots) - sim.state.free[-1] == c.running + c.waiting
    if not c.running:
        assert (reps.held == 0).all()
        assert (sim.state.phases == 0).all()
        assert np.abs(reps.tokens).max() == 0
    assert sim.state.counts[0].sum() == c.done


@pytest.mark.parametrize("router", ROUTERS)
@pytest.mark.parametrize("tokens", [500.0, 1e5])
def test_laws_hold_at_any_time(router: str, tokens: float) -> None:
    """Requests are conserved, blocks too, and the clock never goes back; a prefix cache doesn't change that."""
    rng = np.random.default_rng(7)
    n = 1500
    arrival = np.cumsum(rng.exponential(0.01, n))
    inputs, outputs = rng.integers(1, 400, n), rng.integers(1, 200, n)
    families = rng.integers(0, 12, n)
    hashes = np.concatenate([100 * f + np.arange(25) for f in range(12)])
    hashes[::7] += 10_000
    limits = Limits(max_sequences=16, max_batched_tokens=256, kv_cache_tokens=tokens, prefix_tokens=16, most_waiting=60)
    sim = Simulation(LINE, limits, 3, router, hashes)
    now = sim.state.replicas.now.copy()
    for part in np.array_split(np.arange(n), 30):
        some = requests(
            arrival[part],
            inputs[part],
            outputs[part],
            session=families[part],
            hashes=25 * families[part],
            n_hashes=inputs[part] // 16,
        )
        sim.feed(some, float(arrival[part[-1]]))
        law(sim)
        assert (sim.state.replicas.now >= now).all()
        now = sim.state.replicas.now.copy()
    sim.feed(requests(*(np.zeros(0) for _ in range(3))))
    law(sim)
    c = sim.counts()
    assert c.running == c.waiting == 0
    assert c.hit_tokens > 0
    assert c.admitted_tokens == c.read_tokens + c.hit_tokens or c.preempted  # one that is preempted may be half read
    assert (c.preempted > 0) == (tokens == 500)
    assert sim.state.nodes.users.sum() == 0


def test_a_request_longer_than_memory_or_than_is_taken_is_refused_and_counted() -> None:
    limits = Limits(max_sequences=4, max_batched_tokens=64, kv_cache_tokens=320, longest_tokens=300)
    sim = Simulation(LINE, limits)
    times = ended(sim, np.zeros(3), np.array([100, 280, 600]), np.array([10, 30, 100]))
    assert np.isnan(times[:, 2]).tolist() == [False, True, True]
    assert (sim.counts().refused_long, sim.counts().done) == (2, 1)
    crowd = Simulation(LINE, replace(limits, most_waiting=2))
    ended(crowd, np.zeros(9), np.full(9, 10), np.full(9, 10))
    assert (crowd.counts().refused_full, crowd.counts().done) == (7, 2)


def test_a_prompt_in_the_cache_is_not_read_again() -> None:
    limits = Limits(max_sequences=4, max_batched_tokens=256, kv_cache_tokens=1000, prefix_tokens=16)
    sim = Simulation(LINE, limits, hashes=np.arange(40))
    same = {"hashes": np.zeros(2, int), "n_hashes": np.full(2, 12)}
    times = ended(sim, np.array([0.0, 5.0]), np.array([200, 200]), np.array([2, 2]), **same)
    assert sim.counts().hit_tokens == 12 * 16
    assert times[1, 1] - 5.0 < times[0, 1] / 1.5
    # Another prompt of the whole memory drops what nobody holds, the least recently used first.
    ended(sim, np.array([10.0]), np.array([990]), np.array([2]))
    ended(sim, np.array([20.0]), np.array([200]), np.array([2]), hashes=np.zeros(1, int), n_hashes=np.full(1, 12))
    assert sim.counts().hit_tokens == 12 * 16
    law(sim)


def test_what_was_read_elsewhere_decodes_at_once() -> None:
    limits = Limits(max_sequences=4, max_batched_tokens=64, kv_cache_tokens=1000)
    sim = Simulation(LINE, limits)
    times = ended(sim, np.array([1.0]), np.array([320]), np.array([11]), since=np.array([0.5]), first=np.array([0.9]))
    step = Line().decode_s(np.array(1.0), np.array(326.0))
    assert times[0, 2] == pytest.approx(1.0 + 10 * float(step), rel=1e-3)
    assert sim.counts().mean_ttft_s == pytest.approx(0.4)
    assert sim.counts().read_tokens == 0
    law(sim)


def test_the_same_requests_give_the_same_bytes_in_any_pieces() -> None:
    rng = np.random.default_rng(3)
    n = 4000
    arrival, inputs, outputs = np.cumsum(rng.exponential(0.02, n)), rng.integers(1, 400, n), rng.integers(1, 200, n)
    limits = Limits(max_sequences=16, max_batched_tokens=256, kv_cache_tokens=3000)
    for router in ("round_robin", "least_outstanding"):
        found = []
        for pieces in (1, 7):
            sim = Simulation(LINE, limits, 4, router)
            for part in np.array_split(np.arange(n), pieces):
                sim.feed(requests(arrival[part], inputs[part], outputs[part]), float(arrival[part[-1]]))
            sim.feed(requests(*(np.zeros(0) for _ in range(3))))
            found.append((sim.state.counts.tobytes(), sim.counts()))
        assert found[0][0] == found[1][0]
        assert found[0][1].done == n


def test_percentiles_are_those_of_all_requests_within_their_error() -> None:
    rng = np.random.default_rng(5)
    n = 3000
    arrival, inputs, outputs = np.cumsum(rng.exponential(0.03, n)), rng.integers(1, 400, n), rng.integers(2, 200, n)
    sim = Simulation(LINE, Limits(max_sequences=16, max_batched_tokens=256, kv_cache_tokens=5000))
    times = ended(sim, arrival, inputs, outputs)
    ttft, latency = times[:, 1] - arrival, times[:, 2] - arrival
    tpot = (latency - ttft) / (outputs - 1)
    shares = (0.01, 0.25, 0.5, 0.9, 0.99)
    for kind, exact in (("ttft", ttft), ("tpot", tpot), ("latency", latency)):
        assert sim.percentiles(kind, shares) == pytest.approx(
            np.quantile(exact, shares, method="inverted_cdf"), rel=ERROR
        )
    assert sim.counts().mean_latency_s == pytest.approx(latency.mean())


def waits(servers: int, load: float, lengths: Array, rng: np.random.Generator) -> float:
    """Mean wait over mean service where each request takes as many steps of a hundredth as it has tokens."""
    step = 0.01
    service = float(lengths.mean()) * step
    arrival = np.cumsum(rng.exponential(service / load / servers, len(lengths)))
    grid = step_grid(Constant(step), max(servers, 2), 64, 1e4)
    limits = Limits(max_sequences=servers, max_batched_tokens=64, kv_cache_tokens=1e9)
    times = ended(Simulation(grid, limits), arrival, np.ones(len(lengths)), lengths + 1)
    return float((times[:, 2] - arrival).mean() / service - 1)


def erlang_wait(servers: int, load: float) -> float:
    """Mean wait of M/M/c over its service (Erlang 1917)."""
    blocked = 1.0
    for k in range(1, servers + 1):
        blocked = servers * load * blocked / (k + servers * load * blocked)
    delayed = blocked / (1 - load * (1 - blocked))
    return delayed / (servers * (1 - load))


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_queues_of_theory(load: float) -> None:
    """Waits of M/M/1, M/D/1 and M/M/c (Erlang 1917, Pollaczek 1930) within their statistical error."""
    rng, n = np.random.default_rng(11), 200_000
    random = np.ceil(rng.exponential(200, n))
    step = 1 / 200  # of a service: a request waits for the end of a step, half of one on average
    assert waits(1, load, np.full(n, 200.0), rng) == pytest.approx(load / (2 * (1 - load)), rel=0.05, abs=2 * step)
    assert waits(1, load, random, rng) == pytest.approx(load / (1 - load), rel=0.08, abs=2 * step)
    assert waits(4, load, random, rng) == pytest.approx(erlang_wait(4, load), rel=0.08, abs=2 * step)


def test_overload_grows_without_end_and_more_replicas_wait_less() -> None:
    rng, n = np.random.default_rng(13), 6000
    arrival = np.cumsum(rng.exponential(0.01, n))
    inputs, outputs = np.full(n, 200), np.full(n, 100)
    limits = Limits(max_sequences=16, max_batched_tokens=256, kv_cache_tokens=8000)
    medians, rates = [], []
    for replicas in (1, 2, 8):
        sim = Simulation(LINE, limits, replicas, "least_outstanding")
        depths = []
        for part in np.array_split(np.arange(n), 6):
            sim.feed(requests(arrival[part], inputs[part], outputs[part]), float(arrival[part[-1]]))
            depths.append(sim.counts().waiting)
        rates.append(sim.counts().done / arrival[-1])
        sim.feed(requests(*(np.zeros(0) for _ in range(3))))
        medians.append(float(sim.percentiles("ttft", (0.5,))[0]))
        if replicas == 1:
            assert np.diff(depths).min() > 0
    assert medians[0] > medians[1] > medians[2]
    assert rates[1] == pytest.approx(2 * rates[0], rel=0.05)  # both are full


def test_limits_that_cannot_be_are_told() -> None:
    fine = Limits(max_sequences=4, max_batched_tokens=64, kv_cache_tokens=320)
    for wrong, says in (
        ({"max_sequences": 0}, "at least 1"),
        ({"max_batched_tokens": 2}, "can't decode 4"),
        ({"kv_cache_tokens": 3}, "holds no block"),
    ):
        with pytest.raises(InputError, match=says):
            replace(fine, **wrong).rules()
    with pytest.raises(InputError, match="no router"):
        Simulation(LINE, fine, router="best")
    with pytest.raises(InputError, match="go up to 16"):
        Simulation(LINE, replace(fine, max_sequences=64))


def test_a_replica_that_fails_gives_its_requests_back() -> None:
    rng = np.random.default_rng(17)
    n = 300
    arrival, inputs, outputs = np.cumsum(rng.exponential(0.01, n)), rng.integers(1, 400, n), rng.integers(1, 200, n)
    limits = Limits(max_sequences=16, max_batched_tokens=256, kv_cache_tokens=3000, prefix_tokens=16)
    sim = Simulation(LINE, limits, 2, "least_outstanding", np.arange(30))
    prefixed = {"hashes": np.zeros(n, int), "n_hashes": inputs // 16}
    sim.feed(requests(arrival, inputs, outputs, **prefixed), float(arrival[-1]))
    had = int(sim.outstanding()[0])
    back = sim.fail(0, float(arrival[-1]))
    assert len(back.arrival) == had > 0
    law(sim)
    assert (back.since <= back.arrival).all()
    sim.feed(back)
    law(sim)
    c = sim.counts()
    assert c.done == n
    assert c.removed == had
    assert sim.state.replicas.arrived[0] == sim.state.replicas.done[0] + had  # it took nothing more
    sim.accepts[:] = False
    sim.feed(requests(np.array([1e4]), np.array([5]), np.array([5])))
    assert sim.counts().lost == 1


def test_a_single_token_that_was_read_elsewhere_ends() -> None:
    sim = Simulation(LINE, Limits(max_sequences=4, max_batched_tokens=64, kv_cache_tokens=1000))
    times = ended(sim, np.array([1.0]), np.array([32]), np.array([1]), since=np.array([0.5]), first=np.array([0.9]))
    assert 1.0 < times[0, 2] < 1.01
    law(sim)


def apart(prefill: int, decode: int, transfer_s: float, **more: Any) -> Apart:
    limits = Limits(max_sequences=16, max_batched_tokens=256, kv_cache_tokens=4000, **more)
    return Apart(
        Simulation(LINE, limits, prefill, "least_outstanding"),
        Simulation(LINE, limits, decode, "least_outstanding"),
        lambda tokens: transfer_s + 0 * tokens,
    )


def test_prefill_and_decode_apart_conserve_requests_and_do_nothing_else() -> None:
    rng = np.random.default_rng(19)
    n = 1500
    arrival = np.cumsum(rng.exponential(0.04, n))
    inputs, outputs = rng.integers(1, 400, n), rng.integers(1, 200, n)
    found = {}
    for pieces in (1, 9):
        sim = apart(2, 3, 0.01)
        for part in np.array_split(np.arange(n), pieces):
            sim.feed(requests(arrival[part], inputs[part], outputs[part]), float(arrival[part[-1]]))
            c = sim.counts()
            assert c.arrived == c.done + c.running + c.waiting + c.refused_long + c.refused_full
            assert sim.outstanding().sum() == c.arrived - c.done
        sim.feed(requests(*(np.zeros(0) for _ in range(3))))
        c = sim.counts()
        assert (c.done, c.running, c.waiting) == (n, 0, 0)
        law(sim.prefill)
        found[pieces] = c
    assert found[1].mean_latency_s == pytest.approx(found[9].mean_latency_s)
    assert sim.state.replicas["read"].sum() == 0
    assert (sim.prefill.state.replicas["made"] == sim.prefill.state.replicas["done"]).all()


def test_one_request_apart_takes_its_reading_its_transfer_and_its_steps() -> None:
    limits = Limits(max_sequences=16, max_batched_tokens=256, kv_cache_tokens=4000)
    sim, alone = apart(1, 1, 0.25), Simulation(LINE, limits)
    one = requests(np.zeros(1), np.array([200]), np.array([50]))
    sim.feed(one)
    alone.feed(one)
    assert sim.counts().mean_ttft_s == pytest.approx(alone.counts().mean_ttft_s + 0.25)
    assert sim.counts().mean_latency_s == pytest.approx(alone.counts().mean_latency_s + 0.25)
    crowd = apart(1, 1, 0.0, longest_tokens=300)
    crowd.feed(requests(np.zeros(3), np.array([100, 290, 400]), np.array([10, 50, 10])))
    assert (crowd.counts().done, crowd.counts().refused_long) == (1, 2)


def test_one_prompt_takes_a_group_of_its_own_as_long_as_one_for_each() -> None:
    """With four groups that read, one prompt and four take a step the same time; eight take twice as long."""
    limits = Limits(max_sequences=16, max_batched_tokens=4096, kv_cache_tokens=10_000)
    took = []
    for n in (1, 4, 8):
        grid = step_grid(Line(base_s=0.0, pair_s=0.0), 16, 4096, LONGEST, ranks=4.0)
        times = ended(Simulation(grid, limits), np.zeros(n), np.full(n, 400), np.ones(n))
        took.append(float(times[:, 1].max()))
    assert took[1] == pytest.approx(took[0], rel=1e-6)
    assert took[2] == pytest.approx(2 * took[0], rel=1e-6)
