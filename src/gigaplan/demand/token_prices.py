"""Prices per million tokens: what a request brings follows from its tokens, which change over the years."""

from __future__ import annotations

import numpy as np

from gigaplan.demand.inputs import TOKENS, Workload
from gigaplan.vocabulary.members import Array, Uncertain, column

TOKENS_PER_MTOK = 1e6
PRICES = {
    "fresh_input": "usd_per_mtok_input",
    "cached_input": "usd_per_mtok_cached_input",
    "media": "usd_per_mtok_input",
    "reasoning": "usd_per_mtok_output",
    "output": "usd_per_mtok_output",
}
"""Field with the price of each kind of token: media are read like text, reasoning is billed like the answer."""


def sold_by_token(work: Workload) -> bool:
    """Return whether a workload states prices of tokens, so that a request brings what its tokens bring.

    Parameters
    ----------
    work : Workload
        The workload.

    Returns
    -------
    bool
        True if one of its prices of tokens is above 0 in a member.
    """
    return any(np.any(np.asarray(getattr(work, name)) > 0) for name in PRICES.values())


def mean_over_list(work: Workload) -> Uncertain:
    """Return what the mean token brings over its list price: less the batch discount, and more for priority.

    Parameters
    ----------
    work : Workload
        The workload.

    Returns
    -------
    Uncertain
        ``1 - batch share x discount + priority share x premium`` [1].
    """
    return (
        1
        - work.batch_share * np.asarray(work.batch_discount_share)
        + work.priority_share * np.asarray(work.priority_premium_share)
    )


def usd_per_mtok(work: Workload) -> Array:
    """Return what a million tokens of each kind bring at the reference date, discount and premium averaged.

    Parameters
    ----------
    work : Workload
        The workload.

    Returns
    -------
    Array, shape (member or 1, token)
        Prices [USD/Mtok], in the order of ``TOKENS``.
    """
    factor = column(mean_over_list(work), 1)
    rows = [column(getattr(work, PRICES[kind]), 1) * factor for kind in TOKENS]
    return np.stack(np.broadcast_arrays(*rows), axis=1)


def usd_per_request(work: Workload, tokens: Array) -> Array:
    """Return what a request brings by its tokens at the prices of the reference date.

    Parameters
    ----------
    work : Workload
        The workload.
    tokens : Array, shape (token, time) or (member, token, time)
        Tokens of a request [token], in the order of ``TOKENS``.

    Returns
    -------
    Array, shape (member or 1, time)
        Price of a request [USD].

    Examples
    --------
    55,000 tokens in, 47,100 of them cached, and 505 out, at 0.5, 0.1 and 2 USD a million:

    >>> import datetime as dt
    >>> work = Workload(
    ...     name="agents",
    ...     driver="own",
    ...     reference_date=dt.date(2026, 1, 1),
    ...     growth_per_year=0.0,
    ...     growth_decay_per_year=0.0,
    ...     fresh_input_tokens=7900.0,
    ...     cached_input_tokens=47100.0,
    ...     reasoning_tokens=240.0,
    ...     output_tokens=265.0,
    ...     value_usd_per_request=0.0,
    ...     model="any",
    ...     ttft_s=1.0,
    ...     tpot_s=0.05,
    ...     usd_per_mtok_input=0.5,
    ...     usd_per_mtok_cached_input=0.1,
    ...     usd_per_mtok_output=2.0,
    ... )
    >>> tokens = np.array([[7900.0], [47100.0], [0.0], [240.0], [265.0]])
    >>> float(usd_per_request(work, tokens)[0, 0].round(5))
    0.00967
    """
    each = tokens[None] if tokens.ndim == 2 else tokens
    return np.asarray((usd_per_mtok(work)[..., None] * each).sum(axis=1) / TOKENS_PER_MTOK)
