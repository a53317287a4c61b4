"""The prefix cache of one replica: a tree of blocks that requests share, the least recently used dropped first.

A node is one block of a prefix, found by its parent and its hash; requests hold a path from the root. A node that
nobody holds stays until memory is needed (radix cache: Zheng et al. 2024; hash blocks: Kwon et al. 2023). Parents are
let go after their children, so that no child outlives its parent.
"""

from __future__ import annotations

from typing import Any

from gigaplan.compute.compiled import lean_part
from gigaplan.inference.requests.records import NONE

MULTIPLIER = 0x9E3779B1
"""Spreads keys over buckets: 2^32 over the golden ratio (Knuth 1973, 6.4)."""
FOLD = 15
"""Bits by which a key is folded, so that its upper half counts too."""


@lean_part
def _bucket(table: Any, parent: int, key: int) -> int:
    """Return the bucket of a node; the table's length is a power of two."""
    mixed = ((parent + 1) * MULTIPLIER) ^ (key * MULTIPLIER)
    mixed ^= mixed >> FOLD
    return mixed & (len(table) - 1)


@lean_part
def find(nodes: Any, table: Any, parent: int, key: int) -> int:
    """Return the node with a parent and a hash.

    Parameters
    ----------
    nodes, table : Array
        Nodes of one replica, and their hash table.
    parent : int
        Node before it.
    key : int
        Hash of the block.

    Returns
    -------
    int
        The node, or ``NONE``.
    """
    node: int = table[_bucket(table, parent, key)]
    while node != NONE and not (nodes[node].parent == parent and nodes[node].hash == key):
        node = nodes[node].chain
    return node


@lean_part
def _unlink(rep: Any, nodes: Any, node: int) -> None:
    """Take a node out of those that may be dropped."""
    older, newer = nodes[node].older, nodes[node].newer
    if older == NONE:
        rep.oldest = newer
    else:
        nodes[older].newer = newer
    if newer == NONE:
        rep.newest = older
    else:
        nodes[newer].older = older


@lean_part
def hold(rep: Any, nodes: Any, node: int, blocks: int) -> None:
    """Let one more request hold a node.

    Parameters
    ----------
    rep : Replica
        The replica.
    nodes : Array
        Its nodes.
    node : int
        The one to hold.
    blocks : int
        Blocks of a node.
    """
    if nodes[node].users == 0:
        _unlink(rep, nodes, node)
        rep.cached -= blocks
        rep.held += blocks
    nodes[node].users += 1


@lean_part
def let_go(rep: Any, nodes: Any, leaf: int, blocks: int) -> None:
    """Let a request give up the path that ends with a node.

    Parameters
    ----------
    rep : Replica
        The replica.
    nodes : Array
        Its nodes.
    leaf : int
        The last node of the path.
    blocks : int
        Blocks of a node.
    """
    node = leaf
    while node != NONE:
        nodes[node].users -= 1
        if nodes[node].users == 0:
            nodes[node].older, nodes[node].newer = rep.newest, NONE
            if rep.newest == NONE:
                rep.oldest = node
            else:
                nodes[rep.newest].newer = node
            rep.newest = node
            rep.held -= blocks
            rep.cached += blocks
        node = nodes[node].parent


@lean_part
def add(rep: Any, nodes: Any, table: Any, parent: int, key: int, blocks: int) -> int:
    """Let a request that has read one more block of its prefix share it; it holds the node from now on.

    Its own blocks become the node's. Where another request made the node meanwhile, they are given back.

    Parameters
    ----------
    rep : Replica
        The replica.
    nodes, table : Array
        Its nodes, and their hash table.
    parent : int
        The node before.
    key : int
        Hash of the block.
    blocks : int
        Blocks of a node.

    Returns
    -------
    int
        The node; ``NONE`` where there is no room for one.
    """
    rep.held -= blocks  # the request's own ones
    found = find(nodes, table, parent, key)
    if found != NONE:
        hold(rep, nodes, found, blocks)
        return found
    node: int = rep.spare
    rep.held += blocks
    if node == NONE:
        return NONE
    rep.spare = nodes[node].chain
    bucket = _bucket(table, parent, key)
    nodes[node].parent, nodes[node].hash, nodes[node].users = parent, key, 1
    nodes[node].chain = table[bucket]
    table[bucket] = node
    return node


@lean_part
def evict(rep: Any, nodes: Any, table: Any, blocks: int, most: int) -> None:
    """Drop nodes that nobody holds, the least recently used first, until all fits in memory.

    Parameters
    ----------
    rep : Replica
        The replica.
    nodes, table : Array
        Its nodes, and their hash table.
    blocks : int
        Blocks of a node.
    most : int
        Blocks of memory.
    """
    while rep.held + rep.cached > most and rep.oldest != NONE:
        node = rep.oldest
        _unlink(rep, nodes, node)
        rep.cached -= blocks
        bucket = _bucket(table, nodes[node].parent, nodes[node].hash)
        place = table[bucket]
        if place == node:
            table[bucket] = nodes[node].chain
        else:
            while nodes[place].chain != node:
                place = nodes[place].chain
            nodes[place].chain = nodes[node].chain
        nodes[node].chain = rep.spare
        rep.spare = node
