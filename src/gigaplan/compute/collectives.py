"""Times of collectives by the latency-bandwidth model (Hockney 1994; Thakur, Rabenseifner and Gropp 2005).

``ranks`` GPUs lie in domains of at most ``domain`` GPUs joined by the scale-up network (a full crossbar: every pair
at full speed); domains are joined by the slower scale-out network. Bandwidths are one way, per GPU.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class Network:
    """The two networks as a collective sees them: speeds reached [byte/s], latency [s], GPUs per scale-up domain."""

    domain: int
    scaleup_bytes_per_s: float
    scaleout_bytes_per_s: float
    latency_s: float
    pod: float = float("inf")
    """GPUs per pod, beyond which only ``spine_share`` of the scale-out bandwidth is left (fat tree with an oversubscribed spine)."""
    spine_share: float = 1.0


def all_reduce_s(bytes_each: Array | float, ranks: Array | float, network: Network) -> Array:
    """Return the time of an all-reduce [s] of ``bytes_each`` on every rank; zero for one rank.

    Within a domain the faster of one shot (every rank reads all others: ``a + (n - 1) m/B``) and two shots
    (reduce-scatter, then all-gather: ``2 a + 2 (n - 1)/n m/B``). Beyond it the reduced shares travel once more
    between domains: two shots of ``m/n`` each over the scale-out network.
    """
    m, n = np.asarray(bytes_each, dtype=float), np.asarray(ranks, dtype=float)
    near = np.minimum(n, network.domain)
    speed, latency = network.scaleup_bytes_per_s, network.latency_s
    one_shot = latency + (near - 1) * m / speed
    two_shots = 2 * latency + 2 * (near - 1) / near * m / speed
    within = np.where(near > 1, np.minimum(one_shot, two_shots), 0.0)
    domains = n / near
    between = 2 * latency + 2 * (domains - 1) / domains * m / near / network.scaleout_bytes_per_s
    return np.where(domains > 1, within + between, within)


def ring_or_tree_s(bytes_each: Array | float, ranks: Array | float, network: Network) -> Array:
    """Return the time of an all-reduce [s] in training, where the faster of ring and tree is taken; zero for one rank.

    Within a domain, then between domains of a pod with one share of ``m/near`` each, then between pods with what is left of
    it over the spine: a ring takes ``2 (n - 1)`` steps of ``a + m/nB``
    (Patarasuk and Yuan 2009), a pipelined double tree ``2 log2(n) a + 2 m/B`` (Sanders, Speck and Traeff 2009; NCCL's choice at
    small sizes and many ranks). On a crossbar a tree's halves meet at full speed, so only its latency differs.
    """
    m, n = np.asarray(bytes_each, dtype=float), np.asarray(ranks, dtype=float)
    near = np.minimum(n, network.domain)
    pods = np.maximum(n / np.maximum(network.pod, near), 1.0)
    far, a = n / near / pods, network.latency_s
    within = 2 * np.log2(near) * a + 2 * (near - 1) / near * m / network.scaleup_bytes_per_s
    out = m / near / network.scaleout_bytes_per_s
    ring = 2 * (far - 1) * a + 2 * (far - 1) / far * out
    tree = 2 * np.log2(np.maximum(far, 1.0)) * a + 2 * out
    between = np.where(far > 1, np.minimum(ring, tree), 0.0)
    if not (pods > 1).any():
        return np.asarray(within + between)
    spine = 2 * np.log2(pods) * a + 2 * (pods - 1) / pods * out / far / network.spine_share
    return np.asarray(within + between + spine)


def all_to_all_s(
    bytes_each: Array | float, ranks: Array | float, network: Network, once_bytes: Array | float = np.inf
) -> Array:
    """Return the time of an all-to-all [s] in which every rank sends ``bytes_each`` in all, evenly to all ranks.

    Equation: ``a + max(inside/B_up, outside/B_out)``, inside and outside the sender's domain; both at once. Where copies
    of the same ``once_bytes`` are sent, each other domain gets one, which is handed on inside (DeepSeek-AI 2024, section
    3.2.2).
    """
    m, n = np.asarray(bytes_each, dtype=float), np.asarray(ranks, dtype=float)
    near = np.minimum(n, network.domain)
    inside = (near - 1) / n * m / network.scaleup_bytes_per_s
    crossing = np.minimum((n - near) / n * m, np.where(n > near, n / near - 1, 1.0) * once_bytes)
    outside = crossing / network.scaleout_bytes_per_s
    return np.where(n > 1, network.latency_s + np.maximum(inside, outside), 0.0)


def send_s(bytes_sent: Array | float, network: Network) -> Array:
    """Return the time to hand ``bytes_sent`` to a GPU of another domain [s]: ``a + m/B_out``."""
    return network.latency_s + np.asarray(bytes_sent, dtype=float) / network.scaleout_bytes_per_s
