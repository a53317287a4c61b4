"""What model a budget of compute is best spent on: parameters and tokens by a scaling law.

``L(N, D) = E + A N^-alpha + B D^-beta`` (Hoffmann et al. 2022, arXiv:2203.15556), with ``C = 6 N D`` (Kaplan et al.
2020), is least at ``N = G (C / 6)^(beta / (alpha + beta))``, ``D = C / (6 N)``, ``G = (alpha A / (beta B))^(1 / (alpha
+ beta))``. Laws disagree: their constants come from models below 16 billion parameters, so a size here is a range, not
a forecast. Labs train smaller models on more tokens than this, because a smaller model is cheaper to serve; parameters
are those of a dense model, or the active ones of a model with experts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt

from gigaplan.vocabulary.members import Array
from gigaplan.vocabulary.units import Unit

FLOP_PER_PARAMETER_AND_TOKEN = 6.0
"""Forward and backward: two and four for each weight (Kaplan et al. 2020)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingLaw:
    """Constants of one fit: facts of the catalog's entities ``scaling_law`` (Besiroglu et al. 2024) and
    ``scaling_law_hoffmann``."""

    loss_floor: Annotated[float, Ge(0), Unit("1")]
    """Loss of a model without limits, E [nat/token]."""
    parameter_scale: Annotated[float, Gt(0), Unit("1")]
    """Scale of the parameters' term, A [nat/token]."""
    token_scale: Annotated[float, Gt(0), Unit("1")]
    """Scale of the tokens' term, B [nat/token]."""
    parameter_exponent: Annotated[float, Gt(0), Unit("1")]
    """Exponent of the parameters, alpha."""
    token_exponent: Annotated[float, Gt(0), Unit("1")]
    """Exponent of the tokens, beta."""

    def loss(self, parameters: Array | float, tokens: Array | float) -> Array:
        """Return the loss of a model: ``E + A N^-alpha + B D^-beta`` (Hoffmann et al. 2022).

        Parameters
        ----------
        parameters : float or numpy.ndarray
            Parameters N, any shape.
        tokens : float or numpy.ndarray
            Tokens that it was trained on, D, any shape that broadcasts with it.

        Returns
        -------
        numpy.ndarray
            Loss [nat/token], broadcast shape of both.
        """
        n, d = np.asarray(parameters, dtype=float), np.asarray(tokens, dtype=float)
        return np.asarray(
            self.loss_floor
            + self.parameter_scale * n**-self.parameter_exponent
            + self.token_scale * d**-self.token_exponent
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingLaws:
    """The laws that give a size: a ratio, and two fits of the loss that bound it."""

    tokens_per_parameter: Annotated[float, Gt(0), Unit("1")]
    """Central ratio: that of the first two approaches of Hoffmann et al. (2022)."""
    corrected: ScalingLaw
    """Constants of their third approach as Besiroglu et al. (2024) corrected it."""
    published: ScalingLaw
    """Constants of their third approach as published."""


def optimal_parameters(flop: Array | float, law: ScalingLaw) -> Array:
    """Return the parameters with the least loss for some compute: ``N = G (C / 6)^(b / (a + b))`` (Hoffmann et al.
    2022).

    Parameters
    ----------
    flop : float or numpy.ndarray
        Training compute [FLOP], any shape.
    law : ScalingLaw
        Constants of the law.

    Returns
    -------
    numpy.ndarray
        Parameters, shape of the compute; 0 where there is none.
    """
    alpha, beta = law.parameter_exponent, law.token_exponent
    g = (alpha * law.parameter_scale / (beta * law.token_scale)) ** (1 / (alpha + beta))
    return np.asarray(g * (np.asarray(flop, dtype=float) / FLOP_PER_PARAMETER_AND_TOKEN) ** (beta / (alpha + beta)))


def optimal_tokens(flop: Array | float, law: ScalingLaw) -> Array:
    """Return the tokens with the least loss for some compute: ``D = (C / 6)^(a / (a + b)) / G`` (Hoffmann et al. 2022).

    Parameters
    ----------
    flop : float or numpy.ndarray
        Training compute [FLOP], any shape.
    law : ScalingLaw
        Constants of the law.

    Returns
    -------
    numpy.ndarray
        Tokens, shape of the compute; 0 where there is none.
    """
    alpha, beta = law.parameter_exponent, law.token_exponent
    g = (alpha * law.parameter_scale / (beta * law.token_scale)) ** (1 / (alpha + beta))
    return np.asarray((np.asarray(flop, dtype=float) / FLOP_PER_PARAMETER_AND_TOKEN) ** (alpha / (alpha + beta)) / g)


def parameters_in_range(flop: Array | float, laws: ScalingLaws) -> Array:
    """Return the parameters of a compute-optimal model in the range of the laws.

    Parameters
    ----------
    flop : float or numpy.ndarray
        Training compute [FLOP], any shape.
    laws : ScalingLaws
        Ratio of tokens to parameters, and two fits that bound the range.

    Returns
    -------
    numpy.ndarray
        Parameters: low, central and high on the first axis, shape (3, ...).

    Examples
    --------
    >>> law = ScalingLaw(
    ...     loss_floor=1.69, parameter_scale=406.4, token_scale=410.7, parameter_exponent=0.34, token_exponent=0.28
    ... )
    >>> laws = ScalingLaws(tokens_per_parameter=20.0, corrected=law, published=law)
    >>> low, central, high = parameters_in_range(5.88e23, laws)  # Chinchilla: 70 billion parameters
    >>> f"{float(central):.2g}"
    '7e+10'
    """
    central = np.sqrt(np.asarray(flop, dtype=float) / (FLOP_PER_PARAMETER_AND_TOKEN * laws.tokens_per_parameter))
    return _bounds(central, *(optimal_parameters(flop, law) for law in (laws.corrected, laws.published)))


def tokens_in_range(flop: Array | float, laws: ScalingLaws) -> Array:
    """Return the tokens of a compute-optimal model in the range of the laws.

    Parameters
    ----------
    flop : float or numpy.ndarray
        Training compute [FLOP], any shape.
    laws : ScalingLaws
        Ratio of tokens to parameters, and two fits that bound the range.

    Returns
    -------
    numpy.ndarray
        Tokens: low, central and high on the first axis, shape (3, ...).
    """
    central = np.sqrt(np.asarray(flop, dtype=float) * laws.tokens_per_parameter / FLOP_PER_PARAMETER_AND_TOKEN)
    return _bounds(central, *(optimal_tokens(flop, law) for law in (laws.corrected, laws.published)))


def _bounds(central: Array, *others: Array) -> Array:
    every = np.stack([central, *others])
    return np.stack([every.min(axis=0), central, every.max(axis=0)])
