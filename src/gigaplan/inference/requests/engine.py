"""One replica through its steps: continuous batching with chunked prefill, blocks of memory, preemption.

Each step decodes all requests that run and reads prompts with what is left of its token budget (Agrawal et al. 2023).
A request is admitted, in order, while sequences and blocks of memory are free; those that decode take further blocks as
they grow, and when none is left the last one admitted gives up its memory and is read again later (Kwon et al. 2023).
Steps in which nothing of that happens are not taken one by one: their times are a polynomial of their number, so that
many pass at once, exactly as if they had been taken one after another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gigaplan.compute.compiled import lean_part
from gigaplan.inference.requests.heap import SLOT_BITS, SLOTS, drop, push
from gigaplan.inference.requests.histogram import BINS, FIRST, SHIFT
from gigaplan.inference.requests.prefixes import add, evict, find, hold, let_go
from gigaplan.inference.requests.records import NONE
from gigaplan.inference.requests.steps import decode_s, jump, pass_time, reading_s

ENDLESS = 1 << 62
"""More steps than any."""


@lean_part
def _free_slot(s: Any, slot: int) -> None:
    """Give a slot back."""
    n = s.free[-1]
    s.free[n] = slot
    s.free[-1] = n + 1


@lean_part
def enqueue(s: Any, rules: Any, r: int, slot: int) -> None:
    """Let a request come to a replica, or refuse it.

    Parameters
    ----------
    s : State
        Replicas and requests.
    rules : Rules
        Limits of a replica.
    r : int
        The replica.
    slot : int
        The request.
    """
    rep, q = s.replicas[r], s.slots[slot]
    rep.arrived += 1
    tokens = q.input + q.output
    steps = int(np.ceil((tokens - 1) / rules.growth))
    if rules.growth > 1:
        steps += 1  # prompt and output are rounded up to whole steps each
    blocks = (steps + rules.block_steps - 1) >> rules.shift
    if tokens > rules.longest or blocks > rules.blocks:
        rep.refused_long += 1
        _free_slot(s, slot)
    elif rep.waiting >= rules.most_waiting:
        rep.refused_full += 1
        _free_slot(s, slot)
    else:
        queue = s.queues[r, q.rank]
        q.next, q.came = NONE, rep.step
        if queue[1] == NONE:
            queue[0] = slot
        else:
            s.slots[queue[1]].next = slot
        queue[1] = slot
        rep.waiting += 1


@lean_part
def _return_to_queue(s: Any, r: int, slot: int) -> None:
    """Put a request that lost its memory before those of its rank that wait."""
    q, queue, rep = s.slots[slot], s.queues[r, s.slots[slot].rank], s.replicas[r]
    q.next = queue[0]
    queue[0] = slot
    if queue[1] == NONE:
        queue[1] = slot
    rep.waiting += 1


@lean_part
def _run(s: Any, r: int, slot: int) -> None:
    """Put a request at the end of those that run."""
    rep, q = s.replicas[r], s.slots[slot]
    q.prev, q.next = rep.tail, NONE
    if rep.tail == NONE:
        rep.head = slot
    else:
        s.slots[rep.tail].next = slot
    rep.tail = slot


@lean_part
def _stop(s: Any, r: int, slot: int) -> None:
    """Take a request out of those that run."""
    rep, q = s.replicas[r], s.slots[slot]
    if q.prev == NONE:
        rep.head = q.next
    else:
        s.slots[q.prev].next = q.next
    if q.next == NONE:
        rep.tail = q.prev
    else:
        s.slots[q.next].prev = q.prev


@lean_part
def _blocks_now(rep: Any, rules: Any, q: Any) -> int:
    """Return the blocks that a request holds which decodes, shared ones included."""
    blocks: int = q.blocks + ((rep.step - q.begun - q.room - 1 + rules.block_steps) >> rules.shift)
    return blocks


@lean_part
def _leave(s: Any, rules: Any, r: int, slot: int) -> None:
    """Let a request that decodes stop, and give up its memory."""
    rep, q = s.replicas[r], s.slots[slot]
    _stop(s, r, slot)
    rep.decoding -= 1
    rep.tokens -= q.input + q.made - 1 + (rep.step - q.begun) * rules.growth
    if rep.decoding == 0:
        rep.tokens = 0.0  # no rounding is left over
    s.phases[r, (q.begun + q.room + 1) & (rules.block_steps - 1)] -= 1
    rep.held -= _blocks_now(rep, rules, q) - q.depth * rules.node_blocks
    if q.leaf != NONE:
        let_go(rep, s.nodes[r], q.leaf, rules.node_blocks)
    q.leaf, q.depth = NONE, 0


@lean_part
def _count(s: Any, kind: int, time: float) -> None:
    """Count a time in its bin."""
    s.real[0] = time
    k = (s.bits[0] >> SHIFT) - FIRST
    s.counts[kind, min(max(k, 0), BINS - 1)] += 1


@lean_part
def _done(s: Any, rules: Any, r: int, slot: int) -> None:
    """Count a request that has made its last token, and free its slot."""
    rep, q = s.replicas[r], s.slots[slot]
    front_s = rules.first_s + rules.first_token_s * q.input
    ttft = q.first - q.since + front_s
    latency = rep.now - q.since + front_s
    _count(s, 0, ttft)
    _count(s, 2, latency)
    rep.ttft_sum += ttft
    rep.latency_sum += latency
    good = ttft <= rules.ttft_s
    if q.output > 1:
        tpot = (rep.now - q.first) / (q.output - 1)
        _count(s, 1, tpot)
        rep.tpot_sum += tpot
        rep.tpot_count += 1
        good = good and tpot <= rules.tpot_s
    rep.good += good
    rep.done += 1
    rep.late += 1
    rep.made += q.output
    if q.number != NONE:
        s.times[q.number, 0] = q.scheduled
        s.times[q.number, 1] = q.first
        s.times[q.number, 2] = rep.now
    _free_slot(s, slot)


@lean_part
def _worst(s: Any, r: int) -> int:
    """Return the request to lose its memory: of the least urgent rank the last one admitted."""
    rep = s.replicas[r]
    found: int = rep.tail
    if s.queues.shape[1] > 1:
        slot = rep.tail
        while slot != NONE:
            if s.slots[slot].rank > s.slots[found].rank:
                found = slot
            slot = s.slots[slot].prev
    return found


@lean_part
def _preempt(s: Any, rules: Any, r: int) -> bool:
    """Take memory from the last requests until the next step has its blocks; return whether any lost it."""
    rep = s.replicas[r]
    lost = False
    while s.phases[r, (rep.step + 1) & (rules.block_steps - 1)] > rules.blocks - rep.held:
        lost = True
        slot = _worst(s, r)
        q = s.slots[slot]
        if slot == rep.partial:
            rep.partial = NONE
            _stop(s, r, slot)
            rep.held -= q.blocks - q.depth * rules.node_blocks
            if q.leaf != NONE:
                let_go(rep, s.nodes[r], q.leaf, rules.node_blocks)
            q.leaf, q.depth = NONE, 0
        else:
            key = q.ends * SLOTS + slot
            row, place = s.heap[r], 0
            while row[place] != key:
                place += 1
            drop(row, rep.decoding, place)
            _leave(s, rules, r, slot)
            q.made += int((rep.step - q.begun) * rules.growth)
        rep.preempted += 1
        _return_to_queue(s, r, slot)
    return lost


@lean_part
def _find_prefix(s: Any, rules: Any, r: int, q: Any) -> int:
    """Return the blocks that somebody holds and a request finds; its path is left in ``leaf`` and ``depth``."""
    nodes, table = s.nodes[r], s.table[r]
    most = min(q.n_hashes, q.input // rules.node_tokens)
    leaf, depth, shared = NONE, 0, 0
    while depth < most:
        node = find(nodes, table, leaf, s.hashes[q.hashes + depth])
        if node == NONE:
            break
        if nodes[node].users > 0:
            shared += rules.node_blocks
        leaf, depth = node, depth + 1
    q.leaf, q.depth = leaf, depth
    return shared


@lean_part
def _admit(s: Any, rules: Any, r: int, rank: int, running: int) -> bool:
    """Admit the next request that waits, if a sequence and blocks for its whole prompt are free; return whether."""
    rep = s.replicas[r]
    slot = s.queues[r, rank, 0]
    q = s.slots[slot]
    prompt = q.input + q.made - q.moved
    steps = int(np.ceil(prompt / rules.growth))
    blocks = (steps + rules.block_steps - 1) >> rules.shift
    room = blocks * rules.block_steps - steps
    shared = _find_prefix(s, rules, r, q) if rules.node_tokens > 0 and q.n_hashes > 0 else 0
    reserved = rules.reserve if running else 0
    if rep.decoding > 0:
        reserved += s.phases[r, (rep.step + 1) & (rules.block_steps - 1)]
    if q.moved and room == 0:
        reserved += 1  # it decodes at once, and takes a block for its next token
    if blocks - shared > rules.blocks - rep.held - reserved:
        q.leaf, q.depth = NONE, 0
        return False
    s.queues[r, rank, 0] = q.next
    if q.next == NONE:
        s.queues[r, rank, 1] = NONE
    rep.waiting -= 1
    node = q.leaf
    while node != NONE:
        hold(rep, s.nodes[r], node, rules.node_blocks)
        node = s.nodes[r][node].parent
    rep.held += blocks - q.depth * rules.node_blocks
    q.before = min(max(q.depth * rules.node_tokens, q.cached), prompt - 1)
    q.left = prompt - q.before
    q.blocks, q.room = blocks, room
    rep.admitted_tokens += prompt
    rep.hit += q.before
    if q.scheduled < 0:
        q.scheduled = rep.now
    _run(s, r, slot)
    if rules.node_tokens > 0:
        evict(rep, s.nodes[r], s.table[r], rules.node_blocks, rules.blocks)
    return True


@lean_part
def _decode(s: Any, rules: Any, r: int, slot: int) -> None:
    """Let a request whose prompt is in the cache decode from the next step on; its first token is made."""
    rep, q = s.replicas[r], s.slots[slot]
    q.begun = rep.step
    q.ends = rep.step + max(int(np.ceil((q.output - q.made) / rules.growth)), q.moved)
    push(s.heap[r], rep.decoding, q.ends * SLOTS + slot)
    rep.decoding += 1
    rep.tokens += q.input + q.made - 1
    s.phases[r, (q.begun + q.room + 1) & (rules.block_steps - 1)] += 1


@lean_part
def _read(s: Any, rules: Any, r: int, admits: bool) -> tuple[int, float, int]:
    """Give the next step's budget to prompts; return the tokens that it reads, the pairs that attention takes, prompts.

    Slots whose prompts are read to the end are left in ``ready``.
    """
    rep = s.replicas[r]
    left, pairs = rules.budget - rep.decoding, 0.0
    n, tokens, prompts = 0, 0, 0
    rank, ranks = 0, s.queues.shape[1]
    while left > 0:
        if rep.partial == NONE:
            while rank < ranks and s.queues[r, rank, 0] == NONE:
                rank += 1
            running = rep.decoding + n
            if rank == ranks or not admits or running >= rules.most or not _admit(s, rules, r, rank, running):
                break
            if s.slots[rep.tail].moved:
                left -= 1
                _decode(s, rules, r, rep.tail)
                s.slots[rep.tail].moved = 0
                continue
            rep.partial = rep.tail
        slot = rep.partial
        q = s.slots[slot]
        chunk = min(q.left, left)
        pairs += chunk * (q.before + 0.5 * chunk)
        q.before += chunk
        q.left -= chunk
        left -= chunk
        tokens += chunk
        prompts += 1
        if q.left == 0:
            rep.partial = NONE
            s.ready[n] = slot
            n += 1
    s.ready[-1] = n
    rep.read += tokens
    if prompts > 0:
        rep.read_step = rep.step
    return tokens, pairs, prompts


@lean_part
def _gathers(s: Any, rules: Any, r: int) -> int:
    """Return for how many steps prompts wait for others to be read with, 0 where they are read now.

    As many as can be read count: those that wait, while sequences and memory for prompts like the first one are free.
    """
    rep = s.replicas[r]
    if rules.gather <= 1 or rep.partial != NONE or rep.decoding == 0:
        return 0
    first, came = NONE, rep.step
    for rank in range(s.queues.shape[1]):
        slot = s.queues[r, rank, 0]
        if slot != NONE:
            came = min(came, s.slots[slot].came)
            if first == NONE:
                first = slot
    q = s.slots[first]
    blocks = (int(np.ceil((q.input + q.made - q.moved) / rules.growth)) + rules.block_steps - 1) >> rules.shift
    fit = (rules.blocks - rep.held - rules.reserve) // max(blocks, 1)
    if min(rep.waiting, rules.most - rep.decoding, fit) >= rules.gather:
        return 0
    left: int = rules.gather_steps - (rep.step - max(came, rep.read_step))
    return max(left, 0)


@lean_part
def _share(s: Any, rules: Any, r: int, q: Any) -> None:
    """Put the blocks of a prompt that was read into the prefix cache."""
    rep, nodes, table = s.replicas[r], s.nodes[r], s.table[r]
    most = min(q.n_hashes, q.input // rules.node_tokens)
    while q.depth < most:
        node = add(rep, nodes, table, q.leaf, s.hashes[q.hashes + q.depth], rules.node_blocks)
        if node == NONE:
            break
        q.leaf, q.depth = node, q.depth + 1


@lean_part
def _end_step(s: Any, rules: Any, r: int) -> None:
    """Let requests end whose last token the step made, and those begin to decode whose prompt it read to the end."""
    rep, row = s.replicas[r], s.heap[r]
    rep.late = 0
    for i in range(s.ready[-1]):
        slot = s.ready[i]
        q = s.slots[slot]
        q.made += 1
        if q.first < 0:
            q.first = rep.now
        if rules.node_tokens > 0 and q.n_hashes > 0:
            _share(s, rules, r, q)
        _decode(s, rules, r, slot)
    s.ready[-1] = 0
    while rep.decoding > 0 and row[0] >> SLOT_BITS == rep.step:
        slot = row[0] & (SLOTS - 1)
        drop(row, rep.decoding, 0)
        _leave(s, rules, r, slot)
        _done(s, rules, r, slot)


@lean_part
def advance(s: Any, rules: Any, grid: Any, r: int, until: float) -> None:
    """Take all steps of a replica that begin before a time.

    Parameters
    ----------
    s : State
        Replicas and requests.
    rules : Rules
        Limits of a replica.
    grid : StepGrid
        Step times.
    r : int
        The replica.
    until : float
        The time [s].
    """
    rep = s.replicas[r]
    while rep.now < until:
        lost = rep.decoding > 0 and _preempt(s, rules, r)
        tokens, pairs, prompts, most = 0, 0.0, 0, ENDLESS
        if rep.partial != NONE or rep.waiting > 0:
            gathers = _gathers(s, rules, r)
            if gathers > 0:
                most = gathers
            else:
                tokens, pairs, prompts = _read(s, rules, r, not lost)
        if tokens > 0:
            step_s = decode_s(rep, rules, grid)
            pass_time(s, rules, r, 1, step_s, reading_s(grid, rep.decoding, tokens, pairs, prompts))
        elif rep.decoding > 0:
            # After one step those that lost their memory may have it back.
            jump(s, rules, grid, r, until, 1 if lost else most)
        else:
            break
        _end_step(s, rules, r)
