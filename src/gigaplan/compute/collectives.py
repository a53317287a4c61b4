"""Times of collectives by the latency-bandwidth model (Hockney 1994; Thakur, Rabenseifner and Gropp 2005).

``n`` ranks, one a GPU, lie in domains of at most ``domain`` GPUs joined by the scale-up network (a full crossbar: every
pair at full speed); domains are joined by the slower scale-out network. Symbols in the equations below: ``m`` the bytes
on each rank, ``n`` the ranks, ``a`` the fixed time of one exchange, ``B`` the bandwidth, one way and per GPU. All
arguments broadcast. Congestion between collectives that run at the same time is not modelled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gigaplan.vocabulary.members import Array


@dataclass(frozen=True, slots=True)
class Network:
    """The scale-up and the scale-out network as a collective sees them, at the speeds that it reaches."""

    domain: int
    """GPUs of one scale-up domain."""
    scaleup_bytes_per_s: float
    """Bandwidth reached within a domain, per GPU and one way [byte/s]."""
    scaleout_bytes_per_s: float
    """Bandwidth reached between domains, per GPU and one way [byte/s]."""
    latency_s: float
    """Fixed time of one exchange within a domain [s]."""
    pod: float = float("inf")
    """GPUs per pod, beyond which only ``spine_share`` of the scale-out bandwidth is left (oversubscribed fat tree)."""
    spine_share: float = 1.0
    """Share of the scale-out bandwidth that is left between pods [share]."""
    scaleout_latency_s: float = 0.0
    """Fixed time of one exchange between domains, where it is longer than within one [s]."""

    @property
    def far_latency_s(self) -> float:
        """Fixed time of one exchange between domains [s]."""
        return max(self.scaleout_latency_s, self.latency_s)


def all_reduce_s(bytes_each: Array | float, ranks: Array | float, network: Network) -> Array:
    """Return the time of an all-reduce in serving.

    Within a domain the faster of one shot (every rank reads all others, ``a + (n - 1) m / B``) and two shots
    (reduce-scatter, then all-gather, ``2 a + 2 (n - 1) / n m / B``) is taken. Beyond it the reduced shares travel once
    more between domains, in two shots of ``m / n`` each over the scale-out network.

    Parameters
    ----------
    bytes_each : Array, shape (...)
        Bytes that every rank holds [byte].
    ranks : Array, shape (...)
        Ranks that take part, a multiple of the domain where there are more than it holds [GPUs].
    network : Network
        Speeds and latency reached.

    Returns
    -------
    Array, shape (...)
        Time of the collective [s]; zero for one rank.

    Examples
    --------
    Eight GPUs reduce 16 MB at 400 GB/s: two shots of seven eighths of it, and twice the latency.

    >>> network = Network(domain=8, scaleup_bytes_per_s=400e9, scaleout_bytes_per_s=50e9, latency_s=5e-6)
    >>> round(float(all_reduce_s(16e6, 8, network)) * 1e6, 1)
    80.0
    """
    m, n = np.asarray(bytes_each, dtype=float), np.asarray(ranks, dtype=float)
    near = np.minimum(n, network.domain)
    speed, latency = network.scaleup_bytes_per_s, network.latency_s
    one_shot = latency + (near - 1) * m / speed
    two_shots = 2 * latency + 2 * (near - 1) / near * m / speed
    within = np.where(near > 1, np.minimum(one_shot, two_shots), 0.0)
    domains = n / near
    between = 2 * network.far_latency_s + 2 * (domains - 1) / domains * m / near / network.scaleout_bytes_per_s
    return np.where(domains > 1, within + between, within)


def ring_or_tree_s(bytes_each: Array | float, ranks: Array | float, network: Network) -> Array:
    """Return the time of an all-reduce in training, where messages are large and the faster of ring and tree is taken.

    Within a domain first, then between domains of a pod with one share of ``m / domain`` each, then between pods over
    the spine. A ring takes ``2 (n - 1)`` steps of ``a + m / (n B)`` (Patarasuk and Yuan 2009), a pipelined double tree
    ``2 log2(n) a + 2 m / B`` (Sanders, Speck and Traeff 2009; NCCL's choice at small sizes and many ranks).

    Parameters
    ----------
    bytes_each : Array, shape (...)
        Bytes that every rank holds [byte].
    ranks : Array, shape (...)
        Ranks that take part [GPUs].
    network : Network
        Speeds and latency reached, and the pods of the scale-out network.

    Returns
    -------
    Array, shape (...)
        Time of the collective [s]; zero for one rank.

    Examples
    --------
    >>> network = Network(domain=8, scaleup_bytes_per_s=400e9, scaleout_bytes_per_s=50e9, latency_s=5e-6)
    >>> round(float(ring_or_tree_s(1e9, 64, network)) * 1e3, 2)
    8.85
    """
    m, n = np.asarray(bytes_each, dtype=float), np.asarray(ranks, dtype=float)
    near = np.minimum(n, network.domain)
    pods = np.maximum(n / np.maximum(network.pod, near), 1.0)
    far, a = n / near / pods, network.latency_s
    # On a crossbar both halves of a double tree run at full speed, so only the tree's latency differs from a ring's.
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
    """Return the time of an all-to-all, in which every rank sends as much to each other rank.

    Equation: ``a + max(inside / B_up, outside / B_out)`` with the bytes sent inside and outside the sender's domain,
    both at the same time. Where copies of the same bytes go to several ranks of another domain, the domain gets them
    once and hands them on inside (DeepSeek-AI 2024, section 3.2.2).

    Parameters
    ----------
    bytes_each : Array, shape (...)
        Bytes that every rank sends in all, its own share included [byte].
    ranks : Array, shape (...)
        Ranks that take part [GPUs].
    network : Network
        Speeds and latency reached.
    once_bytes : Array, shape (...)
        Distinct bytes that a rank sends, of which no other domain gets more than one copy [byte]; by default every
        byte is distinct.

    Returns
    -------
    Array, shape (...)
        Time of the collective [s]; zero for one rank.

    Examples
    --------
    >>> network = Network(domain=8, scaleup_bytes_per_s=400e9, scaleout_bytes_per_s=50e9, latency_s=5e-6)
    >>> round(float(all_to_all_s(16e6, 8, network)) * 1e6, 1)
    40.0
    """
    m, n = np.asarray(bytes_each, dtype=float), np.asarray(ranks, dtype=float)
    near = np.minimum(n, network.domain)
    inside = (near - 1) / n * m / network.scaleup_bytes_per_s
    crossing = np.minimum((n - near) / n * m, np.where(n > near, n / near - 1, 1.0) * once_bytes)
    outside = crossing / network.scaleout_bytes_per_s
    latency = np.where(n > near, network.far_latency_s, network.latency_s)
    return np.where(n > 1, latency + np.maximum(inside, outside), 0.0)


def send_s(bytes_sent: Array | float, network: Network) -> Array:
    """Return the time to send bytes to a GPU of another domain: ``a + m / B_out``.

    Parameters
    ----------
    bytes_sent : Array, shape (...)
        Bytes of the message [byte].
    network : Network
        Speeds and latency reached.

    Returns
    -------
    Array, shape (...)
        Time of the send [s].
    """
    return network.far_latency_s + np.asarray(bytes_sent, dtype=float) / network.scaleout_bytes_per_s
